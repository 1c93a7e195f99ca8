#include "gerve/agent/forge/forge_variables.h"

#include <algorithm>
#include <charconv>

#include "authz/base/address.h"
#include "authz/base/text.h"
#include "authz/model/git_command.h"
#include "authz/model/login.h"
#include "authz/model/repo_path.h"

namespace gerve {
namespace {

constexpr std::string_view wiki_end = ".wiki";
constexpr std::string_view root_url_variable = "GITEA_ROOT_URL";
constexpr std::string_view deploy_key_login = "deploy-key";  // GERVE_USER; there is no GERVE_USER_ID then

bool is_number(std::string_view text, std::int64_t least) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return !text.empty() && error == std::errc() && end == text.data() + text.size() && number >= least;
}

// A deploy key that is told as 0 is judged by its owner's rights, and a user who is told with one by the
// key's.
bool is_right_deploy_key(const std::string& value, const Open& open) {
    const bool of_user = !variable_of(open, "GERVE_USER_ID").empty();
    const bool of_key = !of_user && variable_of(open, "GERVE_USER") == deploy_key_login;
    return is_number(value, of_key ? 1 : 0) && !(of_user && value != "0");
}

// What each variable of a Forgejo or Gitea has to be. `path`: of the repository, as stored.
bool is_right(std::string_view name, const std::string& value, const RepoPath& path, const Open& open) {
    const bool is_wiki = path.name().folded().ends_with(wiki_end);
    std::string repo = path.name().folded();
    if (is_wiki) repo.resize(repo.size() - wiki_end.size());
    if (name == original_command_variable) {
        const auto command = parse_git_command(value);
        return command && command->service == Service::receive_pack;
    }
    if (name == "GITEA_REPO_USER_NAME")
        return Login::parse(value) && fold_case(value) == path.owner().folded();
    if (name == "GITEA_REPO_NAME") return RepoName::parse(value) && fold_case(value) == repo;
    if (name == "GITEA_REPO_IS_WIKI") return value == (is_wiki ? "true" : "false");
    if (name == "GITEA_PUSHER_ID" || name == "GITEA_REPO_ID" || name == "GITEA_KEY_ID")
        return is_number(value, 1);
    if (name == "GITEA_DEPLOY_KEY_ID") return is_right_deploy_key(value, open);
    if (name == "GITEA_PUSHER_NAME") return !value.empty();
    return true;  // an address or a URL, which no check of the forge goes by
}

Result<void> check_of_forge(const Open& open, const AppIniFacts& facts) {
    const auto path = RepoPath::parse(open.storage_path);
    if (!path) return pass_on(path);
    for (const std::string_view name : variables_of_forges) {
        const std::string* value = open.hooks.find(name);
        if (value == nullptr && name == root_url_variable && !facts.root_url.empty()) continue;
        if (value == nullptr)
            return client_error("the ticket lacks the variable " + std::string(name) +
                                ", which the forge's hooks read: check [forge] in gerve.toml");
        if (!is_right(name, *value, *path, open))
            return client_error("the ticket has " + std::string(name) + "='" + printable(*value, 80) +
                                "', which is not possible for " + path->text());
    }
    return {};
}

void set(GitEnvironment& environment, std::string_view name, std::string_view value) {
    environment.variables.push_back(std::string(name).append("=").append(value));
}

// As sshd has it: the client's address and port, and the server's. Hooks read the first.
void add_connection(GitEnvironment& environment, const Open& open) {
    const auto address = IpAddress::parse(variable_of(open, "GERVE_REMOTE_ADDR"));
    if (address) set(environment, "SSH_CONNECTION", address->text() + " 0 0.0.0.0 0");
}

// Both also stand in the forge's .gitconfig. Without them git makes a reference of a push for review, which
// readers may send, and accepts those that the hooks of Forgejo 14 and later leave to git.
void add_references(GitEnvironment& environment, const ForgeSettings& forge) {
    environment.config.emplace_back("receive.procReceiveRefs", "refs/for");
    if (forge.kind == ForgeKind::forgejo && forge.version >= ForgeVersion{14, 0, 0})
        environment.config.emplace_back("receive.hideRefs", "refs/pull/");
}

void add_push(GitEnvironment& environment, const ForgeSettings& forge, const Open& open) {
    add_connection(environment, open);
    for (const auto& [name, value] : open.hooks.list()) set(environment, name, value);
    if (!forge.kind) return;
    add_references(environment, forge);
    set(environment, "GITEA_PR_ID", "0");
    if (open.hooks.find(root_url_variable) == nullptr)
        set(environment, root_url_variable, forge.facts.root_url);
    if (forge.work_path.empty()) return;
    set(environment, "GITEA_WORK_DIR", forge.work_path);
    if (forge.kind == ForgeKind::forgejo) set(environment, "FORGEJO_WORK_DIR", forge.work_path);
}

}  // namespace

Result<void> check_hook_variables(const std::optional<ForgeSettings>& forge, const Open& open) {
    for (const auto& [name, value] : open.hooks.list()) {
        if (forge && forge->allows(name)) continue;
        return client_error("the ticket has a variable " + name + ", which hooks may not get here: " +
                            (forge ? "add it to forge.hook_variables" : "there is no [forge]") +
                            " in gerve-agent.toml");
    }
    if (!forge || !forge->kind) return {};
    return check_of_forge(open, forge->facts);
}

void add_forge_environment(GitEnvironment& environment, const ForgeSettings& forge, const Open& open) {
    if (!forge.home.empty()) environment.home = forge.home;
    set(environment, "USER", forge.user);
    if (forge.kind) {
        set(environment, "GIT_NO_REPLACE_OBJECTS", "1");
        if (forge.ignores_system_config()) set(environment, "GIT_CONFIG_NOSYSTEM", "1");
        if (!forge.home.empty()) set(environment, "GNUPGHOME", forge.home + "/.gnupg");
    }
    if (open.service == Service::receive_pack) add_push(environment, forge, open);
}

}  // namespace gerve
