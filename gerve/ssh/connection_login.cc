// What a connection does until its client is let in: RFC 4252, with answers that come from another process.
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "authz/base/text.h"
#include "gerve/ssh/connection.h"

namespace gerve::ssh {
namespace {

// How long a client whose last packet made no request may take to come up with one.
constexpr std::chrono::seconds unanswered_patience{3};

struct FreeString {
    void operator()(char* text) const { ssh_string_free_char(text); }
};

// The message queue is deprecated in favour of callbacks; but a callback has to answer at once, and our
// answer comes from another process.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

Result<PublicKey> key_of_message(ssh_message message) {
    ssh_key key = ssh_message_auth_pubkey(message);
    char* base64 = nullptr;
    if (key == nullptr || ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) {
        return client_error("a public key that libssh cannot read");
    }
    const std::unique_ptr<char, FreeString> owned(base64);
    const auto blob = from_base64(base64);
    if (!blob) return client_error("a public key that libssh cannot write");
    return PublicKey::parse_blob(*blob);
}

bool signature_verified(ssh_message message) {
    return ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_VALID;
}

#pragma GCC diagnostic pop

}  // namespace

// libssh answers neither a wrong signature nor a malformed request: it drops the message, and the client
// would wait for the end of its login grace. A packet that made no message is such a one, or else the
// SSH_MSG_IGNORE that some clients send in front of each of their own: so wait_attempt() gives it a while.
void Connection::note_dropped() {
    if (packets_at_service_ == 0 || !count_dropped()) return;
    unanswered_ = true;
    news_.notify();
}

bool Connection::count_dropped() {
    const std::uint64_t known = packets_at_service_ + auth_requests_;
    const std::uint64_t before = dropped_;
    dropped_ = std::max(before, packets_received() - std::min(packets_received(), known));
    return dropped_ > before;
}

void Connection::collect_message() {
    while (pending_ == nullptr && ssh_is_connected(session_)) {
        ssh_message message = ssh_message_get(session_);
        if (message == nullptr) return note_dropped();
        if (ssh_message_type(message) == SSH_REQUEST_AUTH) {
            ++auth_requests_;
            take_auth_request(message);
            return;
        }
        const char* service = ssh_message_service_service(message);
        if (service != nullptr && std::string_view(service) == "ssh-userauth" && packets_at_service_ == 0) {
            packets_at_service_ = packets_received();
            ssh_message_service_reply_success(message);
        } else {
            asked_for_another_service_ = service != nullptr;
            ssh_message_reply_default(message);
        }
        ssh_message_free(message);
        if (asked_for_another_service_) return;
    }
}

void Connection::take_auth_request(ssh_message_struct* message) {
    pending_ = message;
    unanswered_ = false;
    (void)count_dropped();  // what came in front of it without making a request is settled
    AuthAttempt attempt;
    const char* user = ssh_message_auth_user(message);
    attempt.user = user == nullptr ? "" : user;
    if (ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY) {
        auto key = key_of_message(message);
        if (key) {
            attempt.key = std::move(*key);
            attempt.proven = signature_verified(message);
        } else {
            attempt.refusal = Refusal::malformed;
            attempt.refusal_text = describe(key.error());
        }
    } else {
        attempt.refusal = Refusal::method_other;
        attempt.refusal_text = "not the publickey method";
    }
    attempt_ = std::move(attempt);
    news_.notify();
}

asio::awaitable<bool> Connection::wait_attempt(Deadline deadline) {
    while (!attempt_ && !ended()) {
        const bool unanswered = unanswered_;
        const Deadline patience = std::chrono::steady_clock::now() + unanswered_patience;
        const bool in_time = co_await news_.wait(unanswered ? std::min(deadline, patience) : deadline);
        if (in_time) continue;
        if (unanswered)
            disconnect(EndReason::protocol,
                       "The last request to log in was malformed, or its signature is wrong.");
        co_return false;
    }
    co_return !ended();
}

AuthAttempt Connection::take_attempt() {
    AuthAttempt attempt = std::move(*attempt_);
    attempt_.reset();
    return attempt;
}

void Connection::refuse_attempt() {
    if (pending_ == nullptr) return;
    ssh_message_auth_set_methods(pending_, SSH_AUTH_METHOD_PUBLICKEY);
    ssh_message_reply_default(pending_);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
}

void Connection::accept_probe() {
    if (pending_ == nullptr) return;
    ssh_message_auth_reply_pk_ok_simple(pending_);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
}

void Connection::accept_login() {
    if (pending_ == nullptr || !signature_verified(pending_)) return;
    let_in();
}

void Connection::let_in_to_be_told() {
    if (pending_ != nullptr) let_in();
}

void Connection::let_in() {
    callbacks_ = std::make_unique<ssh_server_callbacks_struct>();
    callbacks_->userdata = this;
    callbacks_->channel_open_request_session_function = on_channel_open;
    ssh_callbacks_init(callbacks_.get());
    ssh_set_server_callbacks(session_, callbacks_.get());
    logged_in_ = true;
    ssh_message_auth_reply_success(pending_, 0);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
}

}  // namespace gerve::ssh
