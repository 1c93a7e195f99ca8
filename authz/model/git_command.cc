#include "authz/model/git_command.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "authz/model/url_path.h"

namespace gerve {
namespace {

constexpr std::string_view path_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

// Takes "git-VERB " or "git VERB " off the front.
std::optional<Service> take_verb(std::string_view& rest) {
    for (const ServiceRow& row : service_rows) {
        if (!is_of_git(row)) continue;
        const std::string_view bare = row.name.substr(4);
        if (!rest.starts_with("git-") && !rest.starts_with("git ")) return std::nullopt;
        if (!rest.substr(4).starts_with(bare)) continue;
        const std::string_view behind = rest.substr(4 + bare.size());
        if (!behind.starts_with(' ')) continue;
        rest = behind.substr(1);
        return row.service;
    }
    return std::nullopt;
}

// One word quoted as sq_quote_buf does it: '…', with ' and ! written as '\'' and '\!'. `special`: those two,
// or what else is written so.
std::optional<std::string> unquote(std::string_view quoted, std::string_view special = "'!") {
    if (quoted.size() < 2 || quoted.front() != '\'' || quoted.back() != '\'') return std::nullopt;
    quoted = quoted.substr(1, quoted.size() - 2);
    std::string word;
    while (!quoted.empty()) {
        const bool is_special = special.find(quoted.front()) != std::string_view::npos;
        if (quoted.size() >= 4 && quoted.starts_with("'\\") && quoted[3] == '\'' &&
            special.find(quoted[2]) != std::string_view::npos) {
            word += quoted[2];
            quoted.remove_prefix(4);
            continue;
        }
        if (is_special) return std::nullopt;
        word += quoted.front();
        quoted.remove_prefix(1);
    }
    return word;
}

// Of "PROGRAM PATH WORD", in exactly three words of plain characters.
struct LfsWords {
    std::string_view program;
    std::string_view path;
    Service service;
};
std::optional<LfsWords> parse_lfs_words(std::string_view exec) {
    const auto words = split(exec, ' ');
    if (words.size() != 3 || words[1].empty() || words[1].front() == '-' ||
        words[1].find_first_not_of(path_characters) != std::string_view::npos)
        return std::nullopt;
    for (const ServiceRow& row : service_rows) {
        if (!row.lfs.empty() && row.lfs == words[2]) return LfsWords{words[0], words[1], row.service};
    }
    return std::nullopt;
}

// Plain where that is enough, else in single quotes. What begins with '-' would be an option.
std::optional<std::string> parse_hg_word(std::string_view word) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
    const auto is_plain = [](std::string_view text) {
        return text.find_first_not_of(plain) == std::string_view::npos;
    };
    if (word.empty() || word.front() == '-') return std::nullopt;
    if (is_plain(word)) return std::string(word);
    auto path = unquote(word, "'");
    if (!path || path->empty() || path->front() == '-' || is_plain(*path)) return std::nullopt;
    return path;
}

// Of `hg -R PATH serve --stdio`; or of `hg init PATH`, which is refused with a text.
Result<GitCommand> parse_hg_command(std::string_view exec) {
    std::string text(exec);
    constexpr std::string_view front = "hg -R ";
    constexpr std::string_view back = " serve --stdio";
    constexpr std::string_view init = "hg init ";
    if (exec.starts_with(init) && parse_hg_word(exec.substr(init.size())))
        return client_error(messages::no_hg_init());
    if (!exec.starts_with(front) || !exec.ends_with(back) || exec.size() <= front.size() + back.size())
        return client_error(messages::unknown_command());
    exec.remove_prefix(front.size());
    exec.remove_suffix(back.size());
    const auto word = parse_hg_word(exec);
    if (!word) return client_error(messages::unknown_command());
    auto repo = parse_url_path(*word);
    if (!repo) return pass_on(repo);
    return GitCommand{Service::hg_read, std::move(*repo), false, std::move(text)};
}

}  // namespace

Result<GitCommand> parse_git_command(std::string_view exec) {
    std::string_view rest = exec;
    if (exec.size() > max_command || exec.find('\0') != std::string_view::npos) {
        return client_error(messages::unknown_command());
    }
    if (exec.starts_with("hg ")) return parse_hg_command(exec);
    const auto lfs = parse_lfs_words(exec);
    for (const bool wants_token : {false, true}) {
        if (!lfs || lfs->program != lfs_command(wants_token)) continue;
        auto repo = parse_url_path(lfs->path);
        if (!repo) return pass_on(repo);
        return GitCommand{lfs->service, std::move(*repo), wants_token, std::string(exec)};
    }
    const auto service = take_verb(rest);
    if (!service) return client_error(messages::unknown_command());
    const auto word = unquote(rest);
    if (!word) return client_error(messages::unknown_command());
    auto repo = parse_url_path(*word);
    if (!repo) return pass_on(repo);
    return GitCommand{*service, std::move(*repo), false, std::string(exec)};
}

std::string_view SelfQuestion::name() const {
    return row_of(kind).name;
}

Result<std::optional<SelfQuestion>> parse_self_question(std::string_view exec) {
    for (const SelfQuestionRow& row : self_question_rows) {
        if (!row.takes_repo && exec == row.name) return SelfQuestion{row.kind, std::nullopt, false};
    }
    const auto space = exec.find(' ');
    if (exec.size() > max_command || space == std::string_view::npos) return std::nullopt;
    const auto row = std::find_if(self_question_rows.begin(), self_question_rows.end(), [&](const auto& one) {
        return one.takes_repo && one.name == exec.substr(0, space);
    });
    if (row == self_question_rows.end()) return std::nullopt;
    std::string_view path = exec.substr(space + 1);
    const std::string push = " " + std::string(row->push_word);
    const bool wants_push = path.ends_with(push);
    if (wants_push) path.remove_suffix(push.size());
    if (path.empty() || path.find_first_not_of(path_characters) != std::string_view::npos)
        return std::nullopt;
    auto repo = parse_url_path(path);
    if (!repo) return pass_on(repo);
    return SelfQuestion{row->kind, std::move(*repo), wants_push};
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
