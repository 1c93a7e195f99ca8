// What a connection does about the host keys of its gateway, beyond the one that the key exchange was signed
// with: they are announced to whoever logs in, and proven, so that clients know the next one before it is
// used.
#include <libssh/libssh.h>

#include "gerve/ssh/connection.h"
#include "gerve/ssh/host_key_messages.h"
#include "gerve/ssh/packet_fields.h"

// A function of libssh that its headers do not declare.
extern "C" {
int ssh_global_request(ssh_session session, const char* request, ssh_buffer content, int reply);
}

namespace gerve::ssh {

// The first of all is the exchange hash of the first key exchange, which is the session's identifier (RFC
// 4253 section 7.2).
void Connection::note_signed(std::string_view input) {
    if (session_id_.empty()) session_id_ = input;
}

void Connection::note_key_exchange(std::uint8_t type, std::string_view payload) {
    if (type != message::kex_reply && type != message::kex_gex_reply) return;
    const auto reply = parse_key_exchange_reply(payload);
    if (!reply) return;
    host_key_shown_ = Fingerprint::of_blob(reply->host_key).text();
    host_key_ = identity_->fingerprint_of(reply->host_key).text();
    signed_with_ = reply->signature_algorithm;
}

// OpenSSH's client asks at once to have those proven that it does not know.
void Connection::announce_host_keys() {
    host_keys_announced_ = true;
    const std::string& keys = identity_->announcement();
    ssh_buffer content = ssh_buffer_new();
    if (content == nullptr) return;
    if (ssh_buffer_add_data(content, keys.data(), static_cast<std::uint32_t>(keys.size())) == SSH_OK)
        ssh_global_request(session_, "hostkeys-00@openssh.com", content, 0);
    ssh_buffer_free(content);
}

// libssh answers a request that it does not know with SSH_MSG_REQUEST_FAILURE, and the seam puts the proofs
// there. A client learns all it can by one request: further ones would only cost signatures. Clients that
// have proven nothing get no signature, even if they are let in to be told something.
void Connection::take_global_request(std::string_view payload) {
    const auto wanted = parse_proof_request(payload);
    if (!wanted || !host_keys_announced_ || proofs_given_ || session_id_.empty()) return;
    proofs_given_ = true;
    std::string proofs;
    std::vector<std::string> proven;
    for (const std::string& key : *wanted) {
        const auto proof = identity_->sign(key, proof_input(session_id_, key), signed_with_);
        if (!proof) return;
        put_field(proofs, *proof);
        proven.push_back(Fingerprint::of_blob(key).text());
    }
    seam_.answer_request(std::move(proofs));
    host_keys_learned_ = std::move(proven);
    news_.notify();
}

std::vector<std::string> Connection::take_learned_host_keys() {
    return std::exchange(host_keys_learned_, {});
}

}  // namespace gerve::ssh
