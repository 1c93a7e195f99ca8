// What a connection does until its client is let in: RFC 4252, with answers that come from another process.
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "authz/base/text.h"
#include "authz/base/webauthn_signature.h"
#include "gerve/ssh/connection.h"
#include "gerve/ssh/libssh_string.h"
#include "gerve/ssh/packet_fields.h"

// Functions of libssh that its headers do not declare.
extern "C" {
int ssh_packet_userauth_request(ssh_session session, std::uint8_t type, ssh_buffer packet, void* user);
int ssh_auth_reply_default(ssh_session session, int partial);
int ssh_auth_reply_success(ssh_session session, int partial);
}

namespace gerve::ssh {

bool Connection::take_packet_before_login(std::uint8_t type, std::string_view payload) {
    if (type == message::userauth_request) {
        if (!service_asked_ || held_) {
            cut(EndReason::protocol, "Unexpected authentication request.");
            return true;
        }
        attempt_ = parse_auth_request(payload);
        held_by_webauthn_ = attempt_->by_webauthn;
        held_ = payload;
        news_.notify();
        return true;
    }
    ++dropped_;
    if (type == message::service_request) {
        const auto service = FieldReader(payload).string();
        service_asked_ = service_pending_ = service == "ssh-userauth";
        if (!service_asked_) cut(EndReason::service, "The only service before login is ssh-userauth.");
        return !service_asked_;
    }
    if (type >= message::userauth_info_response && type <= message::userauth_last) {
        cut(EndReason::protocol, "Unexpected authentication response.");
        return true;
    }
    return false;
}

// The message queue is deprecated in favour of callbacks; but a callback has to answer at once, and our
// answer comes from another process.

// Some clients ask for the service in front of each attempt.
void Connection::answer_service_requests() {
    if (!std::exchange(service_pending_, false)) return;
    while (ssh_message message = ssh_message_get(session_)) {
        ssh_message_service_reply_success(message);
        ssh_message_free(message);
    }
}

// What libssh does not like about a request makes no message.
ssh_message_struct* Connection::held_message() {
    if (message_ != nullptr || !held_) return message_;
    ssh_buffer packet = ssh_buffer_new();
    if (packet == nullptr) return nullptr;
    const std::string request = held_by_webauthn_ ? as_known_to_libssh(*held_) : *held_;
    if (ssh_buffer_add_data(packet, request.data(), static_cast<std::uint32_t>(request.size())) == SSH_OK) {
        ssh_packet_userauth_request(session_, message::userauth_request, packet, session_);
        message_ = ssh_message_get(session_);
    }
    ssh_buffer_free(packet);
    return message_;
}

bool Connection::verify_attempt() {
    if (!held_ || session_ == nullptr) return false;
    const Call call(*this);  // verifying counts as time before login, too
    if (held_by_webauthn_) return verified_ = verify_webauthn_request(*held_, session_id_, host_key_shown_);
    ssh_message message = held_message();
    verified_ = message != nullptr && ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY &&
                ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_VALID;
    return verified_;
}

// RFC 4252 section 7: the answer names the algorithm that was asked about.
void Connection::accept_webauthn_probe(ssh_message_struct* message) {
    const LibsshString name = make_libssh_string(webauthn_algorithm);
    const LibsshString key = make_libssh_string(key_blob_in(*held_));
    if (name && key) ssh_message_auth_reply_pk_ok(message, name.get(), key.get());
}

void Connection::accept_probe() {
    if (!held_ || session_ == nullptr) return;
    {
        const Call call(*this);
        ssh_message message = held_message();
        if (message == nullptr) {
            ssh_auth_reply_default(session_, 0);
        } else if (held_by_webauthn_) {
            accept_webauthn_probe(message);
        } else {
            ssh_message_auth_reply_pk_ok_simple(message);
        }
        release_attempt();
    }
    go_on();
}

void Connection::release_attempt() {
    held_.reset();
    verified_ = false;
    if (message_ != nullptr) ssh_message_free(std::exchange(message_, nullptr));
}

asio::awaitable<bool> Connection::wait_attempt(Deadline deadline) {
    while (!attempt_ && !ended()) {
        const bool in_time = co_await news_.wait(deadline);
        if (!in_time) co_return false;
    }
    co_return !ended();
}

AuthAttempt Connection::take_attempt() {
    AuthAttempt attempt = std::move(*attempt_);
    attempt_.reset();
    return attempt;
}

void Connection::refuse_attempt() {
    if (!held_ || session_ == nullptr) return;
    {
        const Call call(*this);
        ssh_auth_reply_default(session_, 0);
        release_attempt();
    }
    go_on();
}

void Connection::show_banner(const std::string& text) {
    if (session_ == nullptr || logged_in_ || std::exchange(banner_shown_, true)) return;
    const Call call(*this);
    ssh_string banner = ssh_string_from_char(text.c_str());
    if (banner == nullptr) return;
    ssh_send_issue_banner(session_, banner);
    ssh_string_free(banner);
}

void Connection::accept_login() {
    if (verified_) let_in(Announcement::host_keys);
}

void Connection::let_in_to_be_told() {
    if (held_) let_in(Announcement::none);
}

void Connection::let_in(Announcement announcement) {
    if (session_ == nullptr) return;
    callbacks_ = std::make_unique<ssh_server_callbacks_struct>();
    callbacks_->userdata = this;
    callbacks_->channel_open_request_session_function = on_channel_open;
    ssh_callbacks_init(callbacks_.get());
    ssh_set_server_callbacks(session_, callbacks_.get());
    {
        const Call call(*this);
        ssh_auth_reply_success(session_, 0);
        if (announcement == Announcement::host_keys) announce_host_keys();
        release_attempt();
    }
    logged_in_ = true;
    packets_left_ = false;
    go_on();
}

}  // namespace gerve::ssh
