// IniFile: a reader of app.ini, the configuration of Forgejo and Gitea, as the library that they read it with
// (gopkg.in/ini.v1) understands it. Stricter in two things: a zero byte is an error, and so is a %(NAME)s
// that names no key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

class IniFile final {
  public:
    IniFile(IniFile&&) = default;
    IniFile& operator=(IniFile&&) = default;
    ~IniFile();  // wipes all values: some are the forge's secrets

    // `name` is what errors call the file. Error: client, "NAME:LINE: what is wrong there".
    [[nodiscard]] static Result<IniFile> parse(std::string_view text, std::string name);

    // The value of a key, with each %(NAME)s in it replaced by the value of that key, of the same section or
    // of the top. Nothing: it is not set, or empty. Section "" is the top. Error: client, with file and line.
    [[nodiscard]] Result<std::optional<std::string>> find(const std::string& section,
                                                          const std::string& key) const;

    // An error at the place of a key: "NAME:LINE: KEY TEXT"; without the line, if it is not set.
    [[nodiscard]] tl::unexpected<Error> complaint(const std::string& section, const std::string& key,
                                                  const std::string& text) const;

  private:
    struct Value {
        std::string text;
        std::size_t line = 0;
    };
    using Section = std::map<std::string, Value>;

    class Parser;
    IniFile() = default;
    [[nodiscard]] const Value* look_up(const std::string& section, const std::string& key) const;
    [[nodiscard]] const Value* look_up_named(const std::string& section, const std::string& name,
                                             const Value* by) const;
    [[nodiscard]] Result<std::string> expand(const std::string& section, const Value& value) const;

    std::string name_;
    std::map<std::string, Section> sections_;
};

// As the library takes words for true and false. Nothing: neither.
[[nodiscard]] std::optional<bool> parse_ini_flag(std::string_view word);

}  // namespace gerve
