// app.ini of a Forgejo or Gitea: whatever its operator wrote, the answer is settings, or one error at a line.
#include "authz/base/ini.h"
#include "authz/forge_config.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

constexpr std::size_t most_references = 99;  // that are followed in a value

void check_settings(std::string_view text) {
    ForgeRules before;
    before.version = ForgeVersion{13, 0, 5};  // reads every setting
    const auto rules = with_app_ini(before, text, "app.ini");
    if (!rules) {
        require(rules.error().kind == ErrorKind::client, "a bad file is its operator's fault");
        require(rules.error().told.starts_with("app.ini:"), "an error names the file");
        return fuzz::require_one_clean_line(rules.error().told);
    }
    require(rules->root_url.starts_with("http") && rules->root_url.ends_with('/'), "there is a ROOT_URL");
    fuzz::require_one_clean_line(rules->root_url);
}

void check_values(std::string_view text) {
    const auto file = IniFile::parse(text, "app.ini");
    if (!file) return fuzz::require_one_clean_line(file.error().told);
    for (const char* section : {"", "server", "repository", "one"}) {
        for (const char* key : {"A", "B", "ROOT_URL", "DOMAIN", "ROOT"}) {
            const auto value = file->find(section, key);
            if (!value)
                fuzz::require_one_clean_line(value.error().told);
            else if (*value)
                require(!(*value)->empty() && (*value)->size() <= (most_references + 1) * text.size(),
                        "a value is not empty, and bounded");
        }
    }
}

// What stands between backquotes is taken as it is.
void check_quoted(std::string_view text) {
    const std::string_view line = text.substr(0, text.find_first_of(std::string_view("\0\n`", 3)));
    if (line.empty() || line.find("%(") != std::string_view::npos) return;
    const auto file = IniFile::parse("A = `" + std::string(line) + "`", "app.ini");
    require(file.has_value(), "a quoted line is a value");
    const auto value = file->find("", "A");
    require(value && *value && **value == line, "and is read as it was written");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_settings(text);
    check_values(text);
    check_quoted(text);
    return 0;
}
