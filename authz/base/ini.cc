#include "authz/base/ini.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr unsigned most_references = 99;  // that are followed in a value, as in the library

bool is_surrounded(std::string_view text, char quote) {
    return text.size() >= 2 && text.front() == quote && text.back() == quote &&
           text.substr(1, text.size() - 2).find(quote) == std::string_view::npos;
}

// Between which its name stands. Empty: none.
std::string_view quote_of_key(std::string_view line) {
    for (const std::string_view quote : {"\"\"\"", "\"", "`"}) {
        if (line.starts_with(quote)) return quote;
    }
    return {};
}

struct IniReference {
    std::size_t at;
    std::size_t size;
    std::string name;
};

// The first %(NAME)s. Nothing: there is none.
std::optional<IniReference> find_reference(std::string_view text) {
    for (auto at = text.find("%("); at != std::string_view::npos; at = text.find("%(", at + 1)) {
        const auto end = text.find(')', at);
        if (end == std::string_view::npos) break;
        if (end > at + 2 && text.substr(end).starts_with(")s"))
            return IniReference{at, end + 2 - at, std::string(text.substr(at + 2, end - at - 2))};
    }
    return std::nullopt;
}

std::string at_line(const std::string& name, std::size_t line) {
    return name + ":" + std::to_string(line) + ": ";
}

}  // namespace

class IniFile::Parser {
  public:
    Parser(std::string_view text, std::string name) : rest_(text) { file_.name_ = std::move(name); }

    Result<IniFile> parse() {
        if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
        if (rest_.find('\0') != std::string_view::npos)
            return client_error(file_.name_ + ": the file contains a zero byte");
        while (!rest_.empty()) {
            const std::string_view line = take_line();
            if (line.empty() || line.front() == '#' || line.front() == ';') continue;
            auto taken = line.front() == '[' ? take_section(line) : take_key(line);
            if (!taken) return pass_on(taken);
        }
        return std::move(file_);
    }

  private:
    [[nodiscard]] tl::unexpected<Error> wrong(const std::string& what) const {
        return client_error(at_line(file_.name_, line_) + what);
    }

    std::string_view take_line() {
        ++line_;
        const auto end = std::min(rest_.find('\n'), rest_.size());
        const std::string_view line = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return trim(line);
    }

    Result<void> take_section(std::string_view line) {
        const auto end = line.rfind(']');
        if (end == std::string_view::npos) return wrong("a section's name does not end: ']' is missing");
        section_ = line.substr(1, end - 1);
        if (section_ == "DEFAULT") section_.clear();
        return {};
    }

    Result<void> take_key(std::string_view line) {
        const std::string_view quote = quote_of_key(line);
        const auto name_end = quote.empty() ? line.find_first_of("=:") : line.find(quote, quote.size());
        const auto mark = line.find_first_of("=:", std::min(name_end, line.size()));
        const std::string key(trim(line.substr(quote.size(), name_end - quote.size())));
        if (mark == std::string_view::npos || key.empty())
            return wrong("expected KEY = VALUE, a [section] or a comment");
        const std::size_t line_of_key = line_;
        auto value = take_value(trim(line.substr(mark + 1)));
        if (!value) return pass_on(value);
        file_.sections_[section_][key] = {std::move(*value), line_of_key};
        return {};
    }

    Result<std::string> take_value(std::string_view value) {
        for (const std::string_view quote : {"\"\"\"", "`"}) {
            if (value.starts_with(quote)) return take_quoted(value.substr(quote.size()), quote);
        }
        value = trim(value.substr(0, value.find_first_of("#;")));
        if (is_surrounded(value, '"') || is_surrounded(value, '\''))
            value = value.substr(1, value.size() - 2);
        return std::string(value);
    }

    // It may go on over the lines that follow.
    Result<std::string> take_quoted(std::string_view value, std::string_view quote) {
        const std::size_t first_line = line_;
        std::string text(value);
        for (std::string_view line = value; line.find(quote) == std::string_view::npos;) {
            if (rest_.empty())
                return client_error(at_line(file_.name_, first_line) +
                                    "a quoted value does not end: " + std::string(quote) + " is missing");
            line = take_line();
            text += "\n" + std::string(line);
        }
        text.resize(text.rfind(quote));
        return text;
    }

    IniFile file_;
    std::string_view rest_;
    std::string section_;
    std::size_t line_ = 0;
};

IniFile::~IniFile() {
    for (auto& [name, section] : sections_) {
        for (auto& [key, value] : section) OPENSSL_cleanse(value.text.data(), value.text.size());
    }
}

Result<IniFile> IniFile::parse(std::string_view text, std::string name) {
    return Parser(text, std::move(name)).parse();
}

const IniFile::Value* IniFile::look_up(const std::string& section, const std::string& key) const {
    const auto found = sections_.find(section);
    if (found == sections_.end()) return nullptr;
    const auto value = found->second.find(key);
    return value == found->second.end() ? nullptr : &value->second;
}

// A key that names itself means the one of the top.
const IniFile::Value* IniFile::look_up_named(const std::string& section, const std::string& name,
                                             const Value* by) const {
    const Value* named = look_up(section, name);
    return named == nullptr || named == by ? look_up("", name) : named;
}

Result<std::string> IniFile::expand(const std::string& section, const Value& value) const {
    std::string text = value.text;
    unsigned followed = 0;
    while (const auto reference = find_reference(text)) {
        const Value* named = look_up_named(section, reference->name, &value);
        if (named == nullptr || followed == most_references) {
            const bool loops = followed == most_references || look_up(section, reference->name) != nullptr;
            return client_error(
                at_line(name_, value.line) + "%(" + printable(reference->name, 60) + ")s " +
                (loops ? "leads back to itself" : "names no key of this section or of the top"));
        }
        text.replace(reference->at, reference->size, named->text);
        ++followed;
    }
    return text;
}

Result<std::optional<std::string>> IniFile::find(const std::string& section, const std::string& key) const {
    const Value* value = look_up(section, key);
    if (value == nullptr) return std::nullopt;
    auto text = expand(section, *value);
    if (!text) return pass_on(text);
    if (text->empty()) return std::nullopt;
    return std::move(*text);
}

std::optional<bool> parse_ini_flag(std::string_view word) {
    for (const std::string_view yes :
         {"1", "t", "T", "true", "TRUE", "True", "YES", "yes", "Yes", "y", "ON", "on", "On"}) {
        if (word == yes) return true;
    }
    for (const std::string_view no :
         {"0", "f", "F", "false", "FALSE", "False", "NO", "no", "No", "n", "OFF", "off", "Off"}) {
        if (word == no) return false;
    }
    return std::nullopt;
}

tl::unexpected<Error> IniFile::complaint(const std::string& section, const std::string& key,
                                         const std::string& text) const {
    const Value* value = look_up(section, key);
    return client_error((value == nullptr ? name_ + ": " : at_line(name_, value->line)) + key + " " + text);
}

}  // namespace gerve
