#include "authz/model/hook_variables.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"

namespace gerve {
namespace {

// The first rows are names of the system, of shells, of git and of the C library.
constexpr std::array<std::string_view, 47> reserved_names{
    "PATH", "HOME", "ENV", "IFS", "SHELL", "SHELLOPTS", "USER", "LOGNAME", "PWD", "OLDPWD", "CDPATH",
    "GLOBIGNORE", "PROMPT_COMMAND", "PS1", "PS2", "PS4", "FPATH", "ZDOTDIR", "POSIXLY_CORRECT", "TMPDIR",
    "TERM", "TERMINFO", "LANG", "LANGUAGE", "TZ", "TZDIR", "EDITOR", "VISUAL", "PAGER", "HOSTALIASES",
    "LOCALDOMAIN", "RES_OPTIONS", "NLSPATH", "LOCPATH", "GCONV_PATH", "GETCONF_DIR", "GNUPGHOME", "CLASSPATH",
    "EXECIGNORE", "FUNCNEST", "TMOUT", "EMAIL", "AWKPATH", "SSLKEYLOGFILE",
    // Of Go, in which forges are written.
    "GOGC", "GORACE", "ZONEINFO"};

constexpr std::array<std::string_view, 28> reserved_beginnings{
    "BASH",        "LD_",        "DYLD_",      "GIT_",       "GERVE_", "SSH_", "LC_",
    "XDG_",        "MALLOC_",    "GLIBC_",     "PYTHON",     "PERL",   "RUBY", "NODE_",
    "NPM_",        "JAVA_",      "JDK_",       "_JAVA_",     "PHP",    "LUA_", "GODEBUG",
    "GOTRACEBACK", "GOCOVERDIR", "GOMEMLIMIT", "GOMAXPROCS", "CURL_",  "SSL_", "OPENSSL_"};

// HTTP_PROXY, ALL_PROXY …: where a hook's own requests would go.
constexpr std::string_view reserved_end = "_PROXY";

constexpr std::array<std::string_view, 2> beginnings_of_forges{"GITEA_", "FORGEJO_"};

bool begins_with_one_of(std::string_view name, const auto& beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return name.starts_with(beginning); });
}

bool is_name_form(std::string_view name) {
    const auto fits = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= HookVariables::max_name && name.front() >= 'A' &&
           name.front() <= 'Z' && std::all_of(name.begin(), name.end(), fits);
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

bool is_hook_variable_name(std::string_view name) {
    const auto& known = variables_of_forges;
    if (std::find(known.begin(), known.end(), name) != known.end()) return true;
    if (!is_name_form(name) || name.ends_with(reserved_end)) return false;
    if (std::find(reserved_names.begin(), reserved_names.end(), name) != reserved_names.end()) return false;
    return !begins_with_one_of(name, reserved_beginnings) && !begins_with_one_of(name, beginnings_of_forges);
}

Result<void> HookVariables::add(std::string_view name, std::string_view value) {
    const std::string shown = "'" + printable(name, max_name) + "'";
    if (!is_hook_variable_name(name)) return client_error("hooks may not get a variable " + shown);
    if (find(name) != nullptr) return client_error("variable " + shown + " of hooks is there twice");
    if (value.size() > max_value || std::any_of(value.begin(), value.end(), is_control))
        return client_error("variable " + shown +
                            " of hooks has a value with control characters, or one of more than " +
                            std::to_string(max_value) + " bytes");
    const std::size_t bytes = bytes_ + name.size() + value.size();
    if (list_.size() == max_count || bytes > max_bytes)
        return client_error("variable " + shown + " of hooks is one too many: there may be " +
                            std::to_string(max_count) + ", of " + std::to_string(max_bytes) + " bytes");
    list_.emplace_back(name, value);
    bytes_ = bytes;
    return {};
}

Result<void> HookVariables::add(const HookVariables& others) {
    HookVariables all = *this;
    for (const auto& [name, value] : others.list_) {
        if (auto added = all.add(name, value); !added) return added;
    }
    *this = std::move(all);
    return {};
}

const std::string* HookVariables::find(std::string_view name) const {
    const auto found = std::find_if(list_.begin(), list_.end(),
                                    [&](const NameValue& variable) { return variable.first == name; });
    return found == list_.end() ? nullptr : &found->second;
}

}  // namespace gerve
