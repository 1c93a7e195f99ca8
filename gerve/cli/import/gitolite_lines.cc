#include "gerve/cli/import/gitolite_lines.h"

#include <map>
#include <optional>
#include <set>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::string_view space_like = " \t\n\r\f\v";

constexpr auto nowhere = std::string_view::npos;

// Where the comment of a line begins: at the first '#' that is reached by passing over letters and over
// strings in quotes. A quote that nothing closes cannot be passed; one that leads nowhere else may end at a
// later quote.
std::size_t comment_in_line(std::string_view line) {
    std::vector<std::size_t> reached(line.size() + 1, nowhere);  // by who begins at each letter
    std::size_t behind_quotes = nowhere;  // by who is inside of quotes that begin before the letter
    for (std::size_t at = line.size(); at-- > 0;) {
        reached[at] = line[at] == '#' ? at : line[at] == '"' ? behind_quotes : reached[at + 1];
        if (line[at] == '"' && reached[at + 1] != nowhere) behind_quotes = reached[at + 1];
    }
    return reached[0];
}

std::string single_spaced(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool blank = space_like.find(c) != std::string_view::npos;
        if (!blank)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

// A line of which the text is free: a backslash at its end may be meant as one.
bool has_free_text(std::string_view line) {
    for (const std::string_view word : {"config ", "option ", "desc ", "owner ", "category "}) {
        if (line.starts_with(word)) return true;
    }
    return false;
}

struct IncludeLine {
    bool is_subconf;
    std::string subconf;  // empty: the file's name
    std::string pattern;  // still quoted
};

// ^(include|subconf) (?:(\S+) )?(\S.+)$
std::optional<IncludeLine> parse_include(std::string_view line) {
    const auto space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    if (space == std::string_view::npos || (word != "include" && word != "subconf")) return std::nullopt;
    std::string_view rest = line.substr(space + 1);
    IncludeLine found{word == "subconf", "", ""};
    const auto second = rest.find(' ');
    if (second != std::string_view::npos && rest.size() > second + 2) {
        found.subconf = rest.substr(0, second);
        rest.remove_prefix(second + 1);
    }
    if (rest.size() < 2) return std::nullopt;
    found.pattern = rest;
    return found;
}

std::optional<std::string> unquoted(const std::string& pattern) {
    const char quote = pattern.front();
    if (pattern.size() < 3 || (quote != '"' && quote != '\'') || pattern.back() != quote) return std::nullopt;
    return pattern.substr(1, pattern.size() - 2);
}

bool is_subconf_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of(
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-.") == std::string_view::npos;
}

class LineReader {
  public:
    LineReader(const ConfFiles& files, ConfText& out) : files_(files), out_(out) {}

    void read_first(const std::string& file) {
        for (const auto& found : files_.find(file)) seen_.insert(found.identity);
        read(file, "master");
    }

  private:
    void read(const std::string& file, const std::string& subconf) {
        const auto text = files_.read(file);
        if (!text) {
            out_.problems.push_back({"", 0, 0, describe(text.error()), ""});
            return;
        }
        FilePlace place{file, 0};
        for (const std::string_view raw : split(*text, '\n')) {
            ++place.line;
            take({place, clean_conf_line(raw), subconf, std::string(raw)});
        }
        if (open_)
            add_problem(out_.lines.back(), "the file ends within this line: nothing follows the backslash");
        open_ = false;
    }

    void take(ConfLine line) {
        if (line.text.empty()) return;
        if (line.subconf != "master") line.text = with_prefixed_groups(line.text, line.subconf);
        if (const auto include = parse_include(line.text)) return take_include(line, *include);
        const bool goes_on = line.text.ends_with('\\');
        if (goes_on && !open_ && has_free_text(line.text)) {
            return add_problem(line,
                               "whether the backslash continues this line depends on gitolite's "
                               "configuration: join the lines, or remove the backslash");
        }
        if (goes_on) line.text.pop_back();
        if (open_)
            out_.lines.back().text += line.text;
        else
            out_.lines.push_back(std::move(line));
        if (open_ && !goes_on) out_.lines.back().text = clean_conf_line(out_.lines.back().text);
        open_ = goes_on;
    }

    void take_include(const ConfLine& line, const IncludeLine& include) {
        if (open_) return add_problem(line, "an include cannot stand in a continued line");
        if (include.is_subconf && line.subconf != "master")
            return add_problem(line, "a subconf cannot contain another subconf");
        const auto pattern = unquoted(include.pattern);
        if (!pattern) return add_problem(line, "the name of the included file must be in quotes");
        if (pattern->find_first_of(space_like) != std::string::npos)
            return add_problem(line,
                               "gitolite takes a name with a blank for several: include them one by one");
        for (const auto& found : files_.find(*pattern)) take_file(line, include, found);
    }

    void take_file(const ConfLine& line, const IncludeLine& include, const ConfFiles::Found& found) {
        const auto slash = found.name.rfind('/');
        std::string base = found.name.substr(slash == std::string::npos ? 0 : slash + 1);
        if (found.identity.empty())
            return add_problem(line,
                               "no such file: " + printable(found.name) + " (gitolite goes on without it)");
        if (!base.ends_with(".conf") || base.size() < 6)
            return add_problem(line,
                               "the name of an included file must end in .conf: " + printable(found.name));
        if (!seen_.insert(found.identity).second) {
            out_.warnings.push_back(
                {line.place, found.name, "included a second time, which gitolite ignores", {}, {}});
            return;
        }
        if (!include.is_subconf) return read(found.name, line.subconf);
        base.resize(base.size() - 5);
        const std::string name = include.subconf.empty() ? base : include.subconf;
        if (!is_subconf_name(name)) return add_problem(line, "bad name of a subconf: " + printable(name));
        read(found.name, name);
    }

    // Groups that a subconf defines are its own: @g in it is @NAME.g elsewhere.
    std::string with_prefixed_groups(const std::string& line, const std::string& subconf) {
        auto& own = prefixed_[subconf];
        auto words = split(line, ' ');
        const bool defines =
            words.size() > 2 && words[0].starts_with('@') && words[0].size() > 1 && words[1] == "=";
        std::vector<std::string> changed;
        for (const std::string_view word : words) {
            const auto known = own.find(std::string(word));
            changed.push_back(known == own.end() ? std::string(word) : known->second);
        }
        if (defines) {
            changed[0] = "@" + subconf + "." + std::string(words[0].substr(1));
            own[std::string(words[0])] = changed[0];
        }
        return join(changed, " ");
    }

    void add_problem(const ConfLine& line, std::string text) {
        out_.problems.push_back(problem_of(line, "", std::move(text)));
    }

    const ConfFiles& files_;
    ConfText& out_;
    std::set<std::string> seen_;
    std::map<std::string, std::map<std::string, std::string>> prefixed_;
    bool open_ = false;  // the last line is continued
};

}  // namespace

std::string clean_conf_line(std::string_view line) {
    std::string text(line.substr(0, comment_in_line(line)));
    if (const auto equals = text.find('='); equals != std::string::npos) text.replace(equals, 1, " = ");
    return single_spaced(text);
}

ConfigProblem problem_of(const ConfLine& line, std::string_view word, std::string text) {
    auto column = word.empty() ? nowhere : line.source.find(word);
    if (column == nowhere) column = line.source.find_first_not_of(space_like);
    if (column == nowhere) column = 0;
    return {line.place.file, line.place.line, static_cast<unsigned>(column + 1), std::move(text),
            line.source};
}

ConfText read_gitolite_lines(const ConfFiles& files, const std::string& file) {
    ConfText out;
    LineReader(files, out).read_first(file);
    return out;
}

}  // namespace gerve
