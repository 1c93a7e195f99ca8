#include "gerve/cli/import/gitolite_conf.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"
#include "gerve/cli/import/gitolite_pattern.h"

namespace gerve {
namespace {

// gitolite's refex-expr makes one rule of refexes joined by these.
bool is_refex_operator(std::string_view word) {
    constexpr std::array<std::string_view, 13> operators{
        "and", "not", "or", "xor", "+", "-", "==", "-lt", "-gt", "-eq", "-le", "-ge", "-ne"};
    return std::find(operators.begin(), operators.end(), word) != operators.end();
}

#define GERVE_ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
constexpr std::string_view alphanumeric = GERVE_ALPHANUMERIC;
constexpr std::string_view in_user_name = GERVE_ALPHANUMERIC "-._@+";
constexpr std::string_view in_repo_name = GERVE_ALPHANUMERIC "-._@/+";
constexpr std::string_view in_repo_pattern = GERVE_ALPHANUMERIC "-._@/+\\^$|()[]*?{},";
#undef GERVE_ALPHANUMERIC

bool is_made_of(std::string_view name, std::string_view first, std::string_view rest) {
    if (name.starts_with('@')) name.remove_prefix(1);
    return !name.empty() && first.find(name.front()) != std::string_view::npos &&
           name.find_first_not_of(rest) == std::string_view::npos;
}

bool is_gitolite_pattern(std::string_view name) {
    return is_made_of(name, "[abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                      in_repo_pattern);
}

// -, C, R, RW, RW+, each of the RWs with C, D, CD or DC and with M.
bool is_permission(std::string_view word) {
    if (word == "-" || word == "C" || word == "R") return true;
    if (!word.starts_with("RW")) return false;
    word.remove_prefix(2);
    if (word.starts_with('+')) word.remove_prefix(1);
    if (word.ends_with('M')) word.remove_suffix(1);
    return word.empty() || word == "C" || word == "D" || word == "CD" || word == "DC";
}

struct RuleLine {
    std::string_view permission;
    std::string_view refs;
    std::string_view users;
};

// PERMISSION [REFEX…] = USER…, at the last '=' that has a blank before and behind it.
std::optional<RuleLine> split_rule(std::string_view line) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || !is_permission(line.substr(0, space))) return std::nullopt;
    const auto equals = line.rfind(" = ");
    if (equals == std::string_view::npos || equals < space) return std::nullopt;
    const std::string_view refs = equals == space ? "" : line.substr(space + 1, equals - space - 1);
    return RuleLine{line.substr(0, space), refs, line.substr(equals + 3)};
}

std::vector<std::string> words_in(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string_view word : split(text, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    return words;
}

std::string without_quotes(std::string_view value) {
    const auto is_quote = [](char c) { return c == '"' || c == '\''; };
    if (value.size() > 1 && is_quote(value.front()) && is_quote(value.back()))
        value = value.substr(1, value.size() - 2);
    return std::string(value);
}

class ConfParser {
  public:
    ConfParser(GitoliteConf& conf, std::vector<ConfigProblem>& problems) : conf_(conf), problems_(problems) {}

    void take(const ConfLine& line) {
        line_ = &line;
        if (is_skipped()) return;
        conf_.lines.emplace(line.place, line.text);
        const std::string_view text = line.text;
        if (const auto rule = split_rule(text)) return take_rule(*rule);
        if (text.starts_with("repo ")) return take_repositories(text.substr(5));
        if (take_group(text) || take_setting(text)) return;
        fail(text.substr(0, text.find(' ')),
             "gitolite ignores this line with a warning, unless an extension (macros, refex-expr, …) gives "
             "it a meaning that Gerve does not know: remove the line, or write out what it stands for");
    }

  private:
    // "= begin testconf" … "= end". A template gives repositories rules that are not in the configuration.
    bool is_skipped() {
        const std::string& text = line_->text;
        if (text == "= begin template-data")
            fail(text, "rules by template are not supported: write out the rules of each repository");
        const bool begins = text == "= begin testconf" || text == "= begin template-data";
        const bool skipped = skips_ || begins;
        skips_ = skipped && text != "= end";
        return skipped;
    }

    bool take_group(std::string_view text) {
        const auto equals = text.find(" = ");
        if (!text.starts_with('@') || equals == std::string_view::npos || equals != text.find(' ') ||
            equals < 2)
            return false;
        const std::string name(text.substr(0, equals));
        if (!is_gitolite_name(name)) {
            fail(name, "bad name of a group");
            return true;
        }
        conf_.group_lines.emplace(name, line_->place);
        auto& members = conf_.groups[name];
        for (const std::string& member : expanded(words_in(text.substr(equals + 3)))) {
            if (is_gitolite_pattern(member))
                members.emplace(member, line_->subconf);
            else
                fail(member, "bad member of a group: " + printable(member));
        }
        return true;
    }

    // A group stands for the members that it has by now.
    std::vector<std::string> expanded(const std::vector<std::string>& words) {
        std::vector<std::string> out;
        for (const std::string& word : words) {
            if (!word.starts_with('@') || word == "@all") {
                out.push_back(word);
                continue;
            }
            const auto group = conf_.groups.find(word);
            if (group == conf_.groups.end()) {
                fail(word, "undefined group " + printable(word) + ": define it above this line");
                continue;
            }
            for (const auto& [member, subconf] : group->second) out.push_back(member);
        }
        return out;
    }

    void take_repositories(std::string_view names) {
        repositories_.clear();
        std::vector<std::string> left = words_in(names);
        for (std::size_t i = 0; i < left.size(); ++i) {
            std::string name = left[i];
            if (!may_set(name)) {
                const auto group = conf_.groups.find(name);
                if (group == conf_.groups.end()) {
                    warn(name,
                         "subconf " + line_->subconf + " may not set access here, and gitolite ignores it");
                    continue;
                }
                for (const auto& [member, subconf] : group->second) left.push_back(member);
                continue;
            }
            if (name.ends_with(".git")) name.resize(name.size() - 4);
            if (!is_gitolite_pattern(name)) {
                fail(name, "bad name of a repository: " + printable(name));
                continue;
            }
            conf_.repo_lines.emplace(name, line_->place);
            repositories_.push_back(std::move(name));
        }
    }

    // A subconf NAME is for the repository NAME, for @NAME, and for what the master file puts into @NAME.
    bool may_set(const std::string& name) {
        const std::string& subconf = line_->subconf;
        if (subconf == "master" || subconf == name || "@" + subconf == name) return true;
        const auto own = conf_.groups.find("@" + subconf);
        if (own == conf_.groups.end()) return false;
        return std::ranges::any_of(own->second, [&](const auto& member) {
            if (member.second != "master") return false;
            if (member.first == name) return true;
            const auto pattern = GitolitePattern::parse(member.first);
            if (!pattern) fail(member.first, pattern.error().told);
            return pattern && pattern->matches(name);
        });
    }

    void take_rule(const RuleLine& line) {
        const bool may_be_vref = line.permission != "C" && line.permission != "R";
        std::vector<std::string> words;
        for (const std::string& word : words_in(line.refs)) {
            if (is_refex_operator(word))
                fail(word, "refex-expr is not supported: write a rule for each refex");
            words.push_back((may_be_vref && word.starts_with("NAME/") ? "VREF/" : "") + word);
        }
        std::vector<std::string> refs;
        for (const std::string& ref : expanded(words)) {
            const bool is_whole = ref.starts_with("refs/") || ref.starts_with("VREF/");
            refs.push_back(is_whole ? ref : "refs/heads/" + ref);
        }
        if (refs.empty()) refs.emplace_back("refs/.*");
        if (repositories_.empty()) warn(line_->text, "no repository is named above this rule");
        for (const std::string& ref : refs) {
            if (!is_gitolite_pattern(ref)) fail(ref, "bad refex: " + printable(ref));
            for (const std::string& user : words_in(line.users)) add_rule(line, ref, user);
        }
    }

    void add_rule(const RuleLine& line, const std::string& ref, const std::string& user) {
        if (!is_gitolite_user(user)) return fail(user, "bad name of a user: " + printable(user));
        const std::string name = (is_gitolite_role("@" + user) ? "@" : "") + user;
        ++order_;
        for (const std::string& repository : repositories_)
            conf_.rules[repository].push_back(
                {order_, std::string(line.permission), ref, name, line_->place});
    }

    // option NAME = VALUE, config NAME = VALUE; desc, owner and category are config in short.
    bool take_setting(std::string_view text) {
        const auto space = text.find(' ');
        const auto equals = text.rfind(" =");
        if (space == std::string_view::npos || equals == std::string_view::npos) return false;
        const std::string_view word = text.substr(0, space);
        const std::string_view value = trim(text.substr(equals + 2));
        const bool is_short = word == "desc" || word == "owner" || word == "category";
        if (is_short && equals == space && !value.empty()) {
            add_setting("gitweb." + std::string(word == "desc" ? "description" : word), value);
            return true;
        }
        if (equals <= space) return false;
        const std::string_view name = text.substr(space + 1, equals - space - 1);
        if (word == "option" && value.empty()) return false;
        if (word != "option" && word != "config") return false;
        add_setting((word == "option" ? "gitolite-options." : "") + std::string(name), value);
        return true;
    }

    void add_setting(const std::string& name, std::string_view value) {
        ++order_;
        for (const std::string& repository : repositories_)
            conf_.settings[repository].push_back({order_, name, without_quotes(value), line_->place});
    }

    void warn(const std::string& what, const std::string& why) {
        add_finding(conf_.warnings, line_->place, what, why, ImportEffect::same);
    }
    void fail(std::string_view word, std::string text) {
        problems_.push_back(problem_of(*line_, word, std::move(text)));
    }

    GitoliteConf& conf_;
    std::vector<ConfigProblem>& problems_;
    const ConfLine* line_ = nullptr;
    std::vector<std::string> repositories_;
    std::size_t order_ = 0;
    bool skips_ = false;
};

}  // namespace

bool is_gitolite_name(std::string_view name) {
    return is_made_of(name, alphanumeric, in_repo_name);
}

bool is_gitolite_user(std::string_view name) {
    return is_made_of(name, alphanumeric, in_user_name);
}

bool is_gitolite_role(std::string_view group) {
    return group == "@CREATOR" || group == "@READERS" || group == "@WRITERS";
}

bool GitoliteConf::is_member(const std::string& group, const std::string& name) const {
    const auto found = groups.find(group);
    return found != groups.end() && found->second.contains(name);
}

tl::expected<GitoliteConf, std::vector<ConfigProblem>> parse_gitolite_conf(const ConfFiles& files,
                                                                           const std::string& file) {
    ConfText text = read_gitolite_lines(files, file);
    GitoliteConf conf;
    conf.warnings = std::move(text.warnings);
    ConfParser parser(conf, text.problems);
    for (const ConfLine& line : text.lines) parser.take(line);
    if (!text.problems.empty()) return tl::make_unexpected(std::move(text.problems));
    return conf;
}

}  // namespace gerve
