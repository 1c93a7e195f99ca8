#include "authz/model/git_command.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "authz/model/url_path.h"

namespace gerve {
namespace {

struct Verb {
    Service service;
    std::string_view name;
};
constexpr std::array<Verb, 3> verbs{{
    {Service::upload_pack, "git-upload-pack"},
    {Service::receive_pack, "git-receive-pack"},
    {Service::upload_archive, "git-upload-archive"},
}};

constexpr std::string_view path_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

// Takes "git-VERB " or "git VERB " off the front.
std::optional<Service> take_verb(std::string_view& rest) {
    for (const Verb& verb : verbs) {
        const std::string_view bare = verb.name.substr(4);
        if (!rest.starts_with("git-") && !rest.starts_with("git ")) return std::nullopt;
        if (!rest.substr(4).starts_with(bare)) continue;
        const std::string_view behind = rest.substr(4 + bare.size());
        if (!behind.starts_with(' ')) continue;
        rest = behind.substr(1);
        return verb.service;
    }
    return std::nullopt;
}

// One word quoted as sq_quote_buf does it: '…', with ' and ! written as '\'' and '\!'.
std::optional<std::string> unquote(std::string_view quoted) {
    if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'') return std::nullopt;
    quoted = quoted.substr(1, quoted.size() - 2);
    std::string word;
    while (!quoted.empty()) {
        if (quoted.starts_with("'\\''") || quoted.starts_with("'\\!'")) {
            word += quoted[2];
            quoted.remove_prefix(4);
            continue;
        }
        if (quoted.front() == '\'' || quoted.front() == '!') return std::nullopt;
        word += quoted.front();
        quoted.remove_prefix(1);
    }
    return word;
}

}  // namespace

std::string_view service_name(Service service) {
    for (const Verb& verb : verbs) {
        if (verb.service == service) return verb.name;
    }
    return "admin";
}

std::optional<Service> parse_service(std::string_view name) {
    for (const Verb& verb : verbs) {
        if (verb.name == name) return verb.service;
    }
    return std::nullopt;
}

Result<GitCommand> parse_git_command(std::string_view exec) {
    std::string_view rest = exec;
    if (exec.size() > max_command || exec.find('\0') != std::string_view::npos) {
        return client_error(messages::unknown_command());
    }
    const auto service = take_verb(rest);
    if (!service) return client_error(messages::unknown_command());
    const auto word = unquote(rest);
    if (!word) return client_error(messages::unknown_command());
    auto repo = parse_url_path(*word);
    if (!repo) return pass_on(repo);
    return GitCommand{*service, std::move(*repo)};
}

std::string_view SelfQuestion::name() const {
    switch (kind) {
        case Kind::whoami: return "whoami";
        case Kind::keys: return "keys";
        case Kind::why: break;
    }
    return "why";
}

Result<std::optional<SelfQuestion>> parse_self_question(std::string_view exec) {
    if (exec == "whoami") return SelfQuestion{SelfQuestion::Kind::whoami, std::nullopt, false};
    if (exec == "keys") return SelfQuestion{SelfQuestion::Kind::keys, std::nullopt, false};
    constexpr std::string_view why = "why ";
    constexpr std::string_view push = " push";
    if (exec.size() > max_command || !exec.starts_with(why)) return std::nullopt;
    std::string_view path = exec.substr(why.size());
    const bool wants_push = path.ends_with(push);
    if (wants_push) path.remove_suffix(push.size());
    if (path.empty() || path.find_first_not_of(path_characters) != std::string_view::npos)
        return std::nullopt;
    auto repo = parse_url_path(path);
    if (!repo) return pass_on(repo);
    return SelfQuestion{SelfQuestion::Kind::why, std::move(*repo), wants_push};
}

Result<GitProtocol> GitProtocol::parse(std::string_view text) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '=' || c == ':' || c == '.' ||
               c == '-';
    };
    if (text.empty() || text.size() > 255 || !std::all_of(text.begin(), text.end(), allowed)) {
        return client_error("GIT_PROTOCOL has a value that is not accepted");
    }
    return GitProtocol(text);
}

}  // namespace gerve
