#include "gerve/agent/repository/environment.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::array<std::string_view, 7> allowed_variables{
    "GERVE_USER",       "GERVE_USER_ID",     "GERVE_KEY",      "GERVE_REPO",
    "GERVE_REQUEST_ID", "GERVE_REMOTE_ADDR", "GERVE_PROTOCOL",
};

// What limits or narrows a service. Never a key that names a program, a path or a host: some of those would
// make git run them.
constexpr std::array<std::string_view, 13> allowed_config{
    "pack.threads",
    "receive.advertisepushoptions",
    "receive.denydeletes",
    "receive.denynonfastforwards",
    "receive.fsckobjects",
    "receive.hiderefs",
    "receive.maxinputsize",
    "transfer.advertisesid",
    "transfer.fsckobjects",
    "transfer.hiderefs",
    "uploadarchive.allowunreachable",
    "uploadpack.allowfilter",
    "uploadpack.hiderefs",
};

constexpr std::size_t max_value = 4096;
constexpr std::size_t max_pairs = 32;

bool is_clean(std::string_view value) {
    return value.size() <= max_value && std::none_of(value.begin(), value.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

void put_config(std::vector<std::string>& environment, const std::vector<NameValue>& config) {
    environment.push_back("GIT_CONFIG_COUNT=" + std::to_string(config.size()));
    for (std::size_t i = 0; i < config.size(); ++i) {
        environment.push_back("GIT_CONFIG_KEY_" + std::to_string(i) + "=" + config[i].first);
        environment.push_back("GIT_CONFIG_VALUE_" + std::to_string(i) + "=" + config[i].second);
    }
}

Result<void> check_config(const std::vector<NameValue>& config) {
    if (config.size() > max_pairs) return client_error("too many configuration values");
    for (const auto& [key, value] : config) {
        if (!is_allowed_git_config(key))
            return client_error("configuration key '" + printable(key) + "' is not allowed");
        if (!is_clean(value))
            return client_error("malformed value of configuration key '" + printable(key) + "'");
    }
    return {};
}

Result<void> check_variables(const std::vector<NameValue>& variables) {
    for (std::size_t i = 0; i < variables.size(); ++i) {
        const std::string& name = variables[i].first;
        const std::string& value = variables[i].second;
        const bool again = std::any_of(variables.begin(), variables.begin() + static_cast<long>(i),
                                       [&](const NameValue& other) { return other.first == name; });
        if (!is_allowed_variable(name) || again)
            return client_error("variable '" + printable(name) + "' is not allowed or is repeated");
        if (!is_clean(value)) return client_error("malformed value of variable '" + printable(name) + "'");
    }
    return {};
}

}  // namespace

bool GitEnvironment::sets(std::string_view end) const {
    return std::any_of(config.begin(), config.end(),
                       [&](const NameValue& value) { return fold_case(value.first).ends_with(end); });
}

// PATH is fixed, and HOME leads nowhere unless the agent's configuration names one. /etc/gitconfig configures
// git, for it is the operator's.
std::vector<std::string> GitEnvironment::lines() const {
    std::vector<std::string> all{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8"};
    put_config(all, config);
    all.insert(all.end(), variables.begin(), variables.end());
    return all;
}

std::string variable_of(const Open& open, std::string_view name) {
    const auto known = std::find_if(open.env.begin(), open.env.end(),
                                    [&](const NameValue& variable) { return variable.first == name; });
    return known == open.env.end() ? std::string() : known->second;
}

bool is_allowed_variable(std::string_view name) {
    return std::find(allowed_variables.begin(), allowed_variables.end(), name) != allowed_variables.end();
}

bool is_allowed_git_config(std::string_view name) {
    return std::find(allowed_config.begin(), allowed_config.end(), fold_case(name)) != allowed_config.end();
}

std::vector<std::string> plain_git_environment(const std::string& path, const std::string& home) {
    GitEnvironment environment{.config = {{"safe.directory", path}}, .variables = {}};
    if (!home.empty()) environment.home = home;
    return environment.lines();
}

Result<GitEnvironment> git_environment(const Open& open, const std::string& path) {
    if (auto checked = check_config(open.config); !checked) return pass_on(checked);
    if (auto checked = check_variables(open.env); !checked) return pass_on(checked);
    GitEnvironment environment{.config = {{"safe.directory", path}}, .variables = {}};
    environment.config.insert(environment.config.end(), open.config.begin(), open.config.end());
    if (open.git_protocol) {
        auto protocol = GitProtocol::parse(*open.git_protocol);
        if (!protocol) return pass_on(protocol);
        environment.variables.push_back("GIT_PROTOCOL=" + protocol->text());
    }
    for (const auto& [name, value] : open.env) {
        std::string variable = name;
        environment.variables.push_back(variable.append("=").append(value));
    }
    return environment;
}

}  // namespace gerve
