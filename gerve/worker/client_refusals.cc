// What is written down of attempts to log in that were refused, and of ends of connections.
#include <algorithm>

#include "authz/base/log.h"
#include "authz/base/text.h"
#include "gerve/worker/client_connection.h"

namespace gerve {

using ssh::EndReason;
using ssh::Refusal;

namespace {

// Clients begin with "none", to be told the methods: that alone is no mistake.
bool is_opening(const ssh::AuthAttempt& attempt) {
    return attempt.refusal == Refusal::method_none;
}

// To clients that sign with ssh-rsa: the signature, not the key, is what is refused.
constexpr const char* sha1_banner =
    "This client signs with SHA-1 (ssh-rsa), which is not accepted here. Update it, or use an ed25519 "
    "key.\r\n";
constexpr const char* untouched_banner =
    "This security key signed without being touched, which is not accepted here. If the key was made with\r\n"
    "-O no-touch-required, make one without: ssh-keygen -t ed25519-sk\r\n";
constexpr const char* password_banner = "Passwords are not accepted here. Log in with a key.\r\n";

bool wished_for(EndReason reason) {
    switch (reason) {
        case EndReason::client_closed:
        case EndReason::drained:
        case EndReason::withdrawn: return true;
        default: return false;
    }
}

}  // namespace

void ClientConnection::note_refusal(std::string_view reason, std::string_view text, std::string_view login) {
    refused_ = true;
    worker_.refusals.note(client_, reason, text, login);
}

// By a banner in front of the refusal (RFC 4252 section 5.4). Not for "none" alone, with which clients begin.
void ClientConnection::tell_why(const ssh::AuthAttempt& attempt, bool wrong_login) {
    if (wrong_login) {
        const std::string& login = worker_.config.logins.front();
        connection_->show_banner("The login name \"" + printable(attempt.user, 32) +
                                 "\" is not served here. Log in as " + login + ", for example " + login +
                                 "@HOST.\r\n");
    } else if (attempt.refusal == Refusal::sha1) {
        connection_->show_banner(sha1_banner);
    } else if (attempt.refusal == Refusal::method_password || attempt.refusal == Refusal::method_keyboard) {
        connection_->show_banner(password_banner);
    }
}

void ClientConnection::note_wrong_signature(const ssh::AuthAttempt& attempt) {
    worker_.metrics.count_attempt(static_cast<std::size_t>(Refusal::wrong_signature));
    note_refusal(name_of(Refusal::wrong_signature), attempt.key->fingerprint().text(), attempt.user);
}

void ClientConnection::note_untouched(const ssh::AuthAttempt& attempt) {
    worker_.metrics.count_attempt(static_cast<std::size_t>(Refusal::untouched));
    connection_->show_banner(untouched_banner);
    note_refusal(name_of(Refusal::untouched), attempt.key->fingerprint().text(), attempt.user);
}

void ClientConnection::note_refused_attempt(const ssh::AuthAttempt& attempt) {
    const auto& logins = worker_.config.logins;
    const bool wrong_login = std::find(logins.begin(), logins.end(), attempt.user) == logins.end();
    worker_.metrics.count_attempt(wrong_login ? GatewayMetrics::wrong_login
                                              : static_cast<std::size_t>(attempt.refusal));
    if (attempt.key) worker_.metrics.refused_keys.add();
    tell_why(attempt, wrong_login);
    asked_none_ = asked_none_ || is_opening(attempt);
    if (refused_ || (is_opening(attempt) && !wrong_login)) return;  // one is enough for a connection
    if (wrong_login)
        note_refusal("login-name", "log in as " + logins.front(), attempt.user);
    else
        note_refusal(name_of(attempt.refusal), attempt.refusal_text, attempt.user);
}

void ClientConnection::report_end(std::string_view reason, std::string_view text) {
    worker_.authz.report(RefusalReport{client_, std::string(reason), std::string(text), login_->user, 1,
                                       login_->found->handle});
}

void ClientConnection::note_end() {
    const ssh::Ending& end = connection_->why_ended();
    const bool known = login_ && login_->found;
    worker_.metrics.count_end(end.reason, known);
    log::debug("connection over", {{"addr", client_.address},
                                   {"connection", client_.connection},
                                   {"because", name_of(end.reason)},
                                   {"why", end.text}});
    if (stage_ == Stage::maintenance || end.reason == EndReason::open) return;
    if (known) {
        if (stage_ == Stage::over_limit) return report_end("limit-account", over_limit_);
        if (!wished_for(end.reason)) report_end(name_of(end.reason), end.text);
        return;
    }
    if (login_) return note_refusal("authz-away", "", login_->user);
    if (!wished_for(end.reason)) return note_refusal(name_of(end.reason), end.text);
    if (refused_ || end.reason != EndReason::client_closed || !connection_->heard_anything()) return;
    note_refusal(asked_none_ ? "no-key" : name_of(end.reason), "");
}

}  // namespace gerve
