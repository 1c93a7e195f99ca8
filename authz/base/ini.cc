#include "authz/base/ini.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr unsigned deepest = 10;  // of values that name others

bool is_surrounded(std::string_view text, char quote) {
    return text.size() >= 2 && text.front() == quote && text.back() == quote &&
           text.substr(1, text.size() - 2).find(quote) == std::string_view::npos;
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
        if (rest_.find('\0') != std::string_view::npos) return wrong("the file contains a zero byte");
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
        const auto end = line.find(']');
        if (end == std::string_view::npos) return wrong("a section's name does not end: ']' is missing");
        section_ = trim(line.substr(1, end - 1));
        if (section_ == "DEFAULT") section_.clear();
        return {};
    }

    Result<void> take_key(std::string_view line) {
        const auto mark = line.find_first_of("=:");
        const std::string key(trim(line.substr(0, std::min(mark, line.size()))));
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
        while (text.find(quote) == std::string::npos) {
            if (rest_.empty())
                return client_error(at_line(file_.name_, first_line) +
                                    "a quoted value does not end: " + std::string(quote) + " is missing");
            text += "\n" + std::string(take_line());
        }
        text.resize(text.find(quote));
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

Result<std::string> IniFile::expand(const std::string& section, const Value& value, unsigned depth) const {
    std::string text;
    std::string_view rest = value.text;
    for (auto at = rest.find("%("); at != std::string_view::npos; at = rest.find("%(")) {
        const auto end = rest.find(")s", at);
        if (end == std::string_view::npos) break;
        const std::string named(rest.substr(at + 2, end - at - 2));
        const Value* other = look_up(section, named);
        if (other == nullptr) other = look_up("", named);
        if (other == nullptr || depth == deepest) {
            return client_error(at_line(name_, value.line) + "%(" + printable(named, 60) + ")s " +
                                (other == nullptr ? "names no key of this section" : "leads back to itself"));
        }
        auto expanded = expand(section, *other, depth + 1);
        if (!expanded) return expanded;
        text += std::string(rest.substr(0, at)) + *expanded;
        rest.remove_prefix(end + 2);
    }
    return text + std::string(rest);
}

Result<std::optional<std::string>> IniFile::find(const std::string& section, const std::string& key) const {
    const Value* value = look_up(section, key);
    if (value == nullptr || value->text.empty()) return std::nullopt;
    auto text = expand(section, *value, 0);
    if (!text) return pass_on(text);
    return std::move(*text);
}

tl::unexpected<Error> IniFile::complaint(const std::string& section, const std::string& key,
                                         const std::string& text) const {
    const Value* value = look_up(section, key);
    return client_error(at_line(name_, value == nullptr ? 0 : value->line) + key + " " + text);
}

}  // namespace gerve
