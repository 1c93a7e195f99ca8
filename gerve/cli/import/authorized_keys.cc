#include "gerve/cli/import/authorized_keys.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

#include "authz/base/text.h"
#include "authz/model/public_key_file.h"

namespace gerve {
namespace {

constexpr std::string_view option_blanks = " \t";

// The end of the options: the first blank that is not in quotes. Nothing: a quote is not closed.
std::optional<std::size_t> end_of_options(std::string_view line) {
    bool quoted = false;
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (line[at] == '\\' && at + 1 < line.size() && line[at + 1] == '"')
            ++at;
        else if (line[at] == '"')
            quoted = !quoted;
        else if (!quoted && option_blanks.find(line[at]) != std::string_view::npos)
            return at;
    }
    return quoted ? std::nullopt : std::optional(line.size());
}

// NAME or NAME="VALUE" at the beginning of `text`, which is shortened by it.
Result<AuthorizedOption> take_option(std::string_view& text) {
    const auto end = std::min(text.find_first_of("=,"), text.size());
    AuthorizedOption option{fold_case(text.substr(0, end)), std::nullopt};
    const bool has_value = end < text.size() && text[end] == '=';
    text.remove_prefix(end);
    if (option.name.empty()) return client_error("an option without a name");
    if (!has_value) return option;
    text.remove_prefix(1);
    if (!text.starts_with('"'))
        return client_error("the value of " + printable(option.name) + " has no quotes");
    std::string value;
    for (std::size_t at = 1; at < text.size(); ++at) {
        const bool escaped = text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"';
        if (!escaped && text[at] == '"') {
            option.value = value;
            text.remove_prefix(at + 1);
            return option;
        }
        at += escaped ? 1 : 0;
        value += text[at];
    }
    return client_error("a quote is not closed");
}

Result<std::vector<AuthorizedOption>> parse_options(std::string_view text) {
    std::vector<AuthorizedOption> options;
    while (true) {
        auto option = take_option(text);
        if (!option) return pass_on(option);
        options.push_back(std::move(*option));
        if (text.empty()) return options;
        if (text.front() != ',' || text.size() == 1)
            return client_error("behind the option " + printable(options.back().name) +
                                " a comma must follow");
        text.remove_prefix(1);
    }
}

// What takes away something that Gerve never gives, or gives it: nothing changes without it.
bool is_without_effect(std::string_view name) {
    constexpr std::array<std::string_view, 14> names{"restrict",
                                                     "pty",
                                                     "no-pty",
                                                     "agent-forwarding",
                                                     "no-agent-forwarding",
                                                     "port-forwarding",
                                                     "no-port-forwarding",
                                                     "user-rc",
                                                     "no-user-rc",
                                                     "x11-forwarding",
                                                     "no-x11-forwarding",
                                                     "permitopen",
                                                     "permitlisten",
                                                     "tunnel"};
    return std::ranges::find(names, name) != names.end();
}

int time_part(std::string_view digits, std::size_t at, std::size_t size) {
    return static_cast<int>(parse_decimal(digits.substr(at, size)).value_or(0));
}

class AuthorizedPlanner {
  public:
    AuthorizedPlanner(const AuthorizedChoices& choices, std::string file)
        : choices_(choices), place_{std::move(file), 0} {}

    AuthorizedPlan make(std::string_view content) {
        for (const std::string_view raw : split(content, '\n')) {
            ++place_.line;
            const std::string_view line = trim(raw);
            if (!line.empty() && line.front() != '#') take(line);
        }
        return std::move(plan_);
    }

  private:
    void take(std::string_view text) {
        const auto line = parse_authorized_line(text);
        if (!line)
            return skip("line " + std::to_string(place_.line), describe(line.error()), ImportEffect::less);
        name_ = line->key.fingerprint().text() + " " + line->key.comment();
        if (!seen_.insert(line->key.fingerprint()).second)
            return skip(name_, "an earlier line has this key", ImportEffect::same);
        command_.reset();
        expires_.reset();
        no_touch_ = false;
        for (const AuthorizedOption& option : line->options) {
            if (!take_option_of(option)) return;
        }
        const auto login = login_for(*line);
        if (!login) return skip(name_, login.error().told, ImportEffect::less);
        // sshd ignores it with other keys.
        plan_.keys.push_back({place_, *login, line->key, expires_, no_touch_ && line->key.is_security_key()});
    }

    // False: the line is not taken, since the key would get more than it has.
    bool take_option_of(const AuthorizedOption& option) {
        const std::string& name = option.name;
        if (name == "command" && option.value) {
            command_ = *option.value;
            return true;
        }
        if (name == "expiry-time" && option.value) return take_expiry(*option.value);
        if (is_without_effect(name)) return true;
        if (name == "environment") {
            note("environment is not kept: Gerve sets the environment of git itself", ImportEffect::less);
            return true;
        }
        if (name == "no-touch-required") {
            no_touch_ = true;
            return true;
        }
        if (name == "from" && choices_.ignore_from) {
            note("from is not kept: the key counts from every address", ImportEffect::more);
            return true;
        }
        const char* why =
            name == "from"             ? "from limits its addresses, which Gerve cannot: take it with "
                                         "--ignore-from, without the limit"
            : name == "cert-authority" ? "add a certificate authority with `gerve ca add`"
            : name == "verify-required"
                ? "Gerve requires a PIN by organisation (`gerve org policy ORG --pin all`), not "
                  "by key: `gerve key add` adds the key without"
                : "Gerve does not know what this option limits";
        skip(name_, printable(name) + ": " + why, ImportEffect::less);
        return false;
    }

    // Of several, sshd takes the earliest.
    bool take_expiry(const std::string& text) {
        const auto time = parse_expiry_time(text);
        if (!time) {
            skip(name_, time.error().told, ImportEffect::less);
            return false;
        }
        if (*time <= choices_.now) {
            skip(name_, "expired", ImportEffect::same);
            return false;
        }
        expires_ = expires_ ? std::min(*expires_, *time) : *time;
        return true;
    }

    Result<Login> login_for(const AuthorizedLine& line) const {
        if (command_) {
            const auto named = user_in_command(*command_);
            if (!named) return client_error("command limits it to a program that names no user");
            auto login = Login::parse(*named);
            if (!login) return client_error("its user, " + printable(*named) + ", is not a login of Gerve");
            if (choices_.user && *choices_.user != *login)
                return client_error("command says that it belongs to " + login->text());
            return login;
        }
        if (choices_.user) return *choices_.user;
        const std::string& comment = line.key.comment();
        const auto login = Login::parse(comment.substr(0, comment.find('@')));
        if (login && choices_.is_user(*login)) return login;
        return client_error(
            "whose it is cannot be known: its comment begins with no user's login (give the user "
            "with --user)");
    }

    void skip(const std::string& what, const std::string& why, ImportEffect effect) {
        add_finding(plan_.findings, place_, what, "not taken: " + why, effect);
    }
    void note(const std::string& why, ImportEffect effect) {
        add_finding(plan_.findings, place_, name_, why, effect);
    }

    const AuthorizedChoices& choices_;
    FilePlace place_;
    std::string name_;  // of the line's key
    std::optional<std::string> command_;
    std::optional<UnixMillis> expires_;
    bool no_touch_ = false;
    std::set<Fingerprint> seen_;
    AuthorizedPlan plan_;
};

}  // namespace

Result<AuthorizedLine> parse_authorized_line(std::string_view line) {
    const auto begin = std::min(line.find_first_of(option_blanks), line.size());
    const std::string_view word = line.substr(0, begin);
    std::vector<AuthorizedOption> options;
    if (!is_key_type(word)) {
        const auto end = end_of_options(line);
        if (!end) return client_error("a quote is not closed");
        auto parsed = parse_options(line.substr(0, *end));
        if (!parsed) return pass_on(parsed);
        options = std::move(*parsed);
        line = trim(line.substr(*end));
    }
    auto key = PublicKey::parse_line(line);
    if (!key) return pass_on(key);
    return AuthorizedLine{std::move(options), std::move(*key)};
}

std::optional<std::string> user_in_command(std::string_view command) {
    const auto words = split(trim(command), ' ');
    const std::string_view program = words.front().substr(words.front().rfind('/') + 1);
    const bool is_known =
        program == "gitolite-shell" || program == "gl-auth-command" || program == "gitosis-serve";
    if (!is_known || words.size() < 2 || words.size() > 3 || words[1].empty()) return std::nullopt;
    return std::string(words[1]);
}

Result<UnixMillis> parse_expiry_time(std::string_view text) {
    const bool is_utc = text.ends_with('Z');
    const std::string_view digits = text.substr(0, text.size() - (is_utc ? 1 : 0));
    const bool fits = digits.size() == 8 || digits.size() == 12 || digits.size() == 14;
    if (!fits || !parse_decimal(digits)) return client_error("expiry-time must be YYYYMMDD[HHMM[SS]][Z]");
    std::tm time{};
    time.tm_year = time_part(digits, 0, 4) - 1900;
    time.tm_mon = time_part(digits, 4, 2) - 1;
    time.tm_mday = time_part(digits, 6, 2);
    if (digits.size() > 8) time.tm_hour = time_part(digits, 8, 2);
    if (digits.size() > 8) time.tm_min = time_part(digits, 10, 2);
    if (digits.size() == 14) time.tm_sec = time_part(digits, 12, 2);
    time.tm_isdst = -1;
    const std::tm given = time;
    const std::time_t seconds = is_utc ? ::timegm(&time) : ::mktime(&time);
    // What is out of range was carried over.
    const bool is_real = time.tm_mon == given.tm_mon && time.tm_mday == given.tm_mday &&
                         time.tm_min == given.tm_min && time.tm_sec == given.tm_sec && given.tm_hour < 24;
    if (!is_real) return client_error("expiry-time is no date: " + printable(text, 32));
    return UnixMillis(seconds) * 1000;
}

AuthorizedPlan plan_authorized_keys(const std::string& file, std::string_view content,
                                    const AuthorizedChoices& choices) {
    return AuthorizedPlanner(choices, file).make(content);
}

}  // namespace gerve
