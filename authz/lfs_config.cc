#include "authz/lfs_config.h"

#include <algorithm>

#include "authz/base/toml.h"

namespace gerve {
namespace {

constexpr std::string_view owner_mark = "{owner}";
constexpr std::string_view name_mark = "{name}";

void replace_all(std::string& text, std::string_view mark, std::string_view value) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
        text.replace(at, mark.size(), value);
}

bool is_url(std::string_view url) {
    const bool has_scheme = url.starts_with("https://") || url.starts_with("http://");
    return has_scheme && url.find(owner_mark) != std::string_view::npos &&
           url.find(name_mark) != std::string_view::npos &&
           std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
}

void read_http(TomlTable& table, LfsConfig& config) {
    using namespace std::chrono_literals;
    config.url = table.text("url");
    config.token_secret_file = table.path("token_secret_file");
    const auto life = table.duration("token_life", config.token_life, 10s, 168h);
    config.token_life = std::chrono::duration_cast<std::chrono::seconds>(life);
    if (config.mode != LfsMode::http) return;
    if (!is_url(config.url)) {
        table.complain("url",
                       "must be an http(s) URL with {owner} and {name}: write url = "
                       "\"https://git.example.org/{owner}/{name}.git/info/lfs\"");
    }
    if (config.token_secret_file.empty()) {
        table.complain("token_secret_file",
                       "is missing: name a file with the secret that the LFS server verifies tokens with");
    }
}

}  // namespace

std::string lfs_url(std::string_view url, std::string_view owner, std::string_view name) {
    std::string text(url);
    replace_all(text, owner_mark, owner);
    replace_all(text, name_mark, name);
    return text;
}

LfsConfig read_lfs(TomlTable table) {
    LfsConfig config;
    config.mode = table.choice("mode", lfs_mode_names, config.mode);
    config.max_object = table.size("max_object", config.max_object);
    config.require_objects = table.flag("require_objects", config.require_objects);
    read_http(table, config);
    return config;
}

}  // namespace gerve
