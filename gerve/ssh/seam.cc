#include "gerve/ssh/seam.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "authz/base/clock.h"
#include "gerve/ssh/packet_fields.h"
#include "gerve/ssh/spare_buffers.h"

namespace {

// Which seam the calls that come out of libssh belong to. One thread runs all connections of a worker.
thread_local gerve::ssh::Seam* current = nullptr;

constexpr std::size_t receive_size = 64 * 1024;
constexpr std::size_t largest_packet = 262'144 + 1024;  // MAX_PACKET_LEN of libssh, with length and MAC

thread_local gerve::ssh::SpareBuffers output_spares(4);

// Has as many bytes as SSH_MSG_CHANNEL_WINDOW_ADJUST, whose place it keeps.
constexpr const char* ignored_text = "four";

// Every packet with a number from 1 to 100 goes through here first.
constexpr std::uint8_t watched_packets = 100;

int watch_packet(ssh_session /*session*/, std::uint8_t type, ssh_buffer packet, void* user) {
    const std::string_view payload(static_cast<const char*>(ssh_buffer_get(packet)),
                                   ssh_buffer_get_len(packet));
    return static_cast<gerve::ssh::Seam*>(user)->watch().take_packet(type, payload) ? SSH_PACKET_USED
                                                                                    : SSH_PACKET_NOT_USED;
}

std::array<ssh_packet_callback, watched_packets> watchers() {
    std::array<ssh_packet_callback, watched_packets> all{};
    all.fill(watch_packet);
    return all;
}
std::array<ssh_packet_callback, watched_packets> all_watchers = watchers();

#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
using PacketSize = std::size_t;
#else
using PacketSize = unsigned int;
#endif

// OpenSSL takes 0.6 us for 16 random bytes, and hardly longer for 4096. None is given out twice. A process
// that has a connection never forks: a child would give out the same ones.
class SmallRandoms {
  public:
    // Of at most 4096 bytes. False: OpenSSL has none.
    bool take(void* where, std::size_t size) {
        if (bytes_.size() - taken_ < size) {
            taken_ = bytes_.size();
            if (RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size())) != 1) return false;
            taken_ = 0;
        }
        std::memcpy(where, bytes_.data() + taken_, size);
        OPENSSL_cleanse(bytes_.data() + taken_, size);
        taken_ += size;
        return true;
    }

  private:
    std::array<unsigned char, 4096> bytes_{};
    std::size_t taken_ = 4096;
};
thread_local SmallRandoms small_randoms;

// libssh has no call that opens a window: it is asked for SSH_MSG_IGNORE, and when that is about to be
// encrypted, the adjustment is written over it. libssh keeps both back while keys are exchanged, in the order
// of the calls.
void put_adjustment(gerve::ssh::Seam& seam, char* packet, std::size_t size) {
    using namespace gerve;
    constexpr std::size_t header = 5;
    constexpr std::size_t message_size = 9;
    if (!seam.has_adjustments() || size < header + message_size) return;
    std::string ignored(1, static_cast<char>(ssh::message::ignore));
    put_field(ignored, ignored_text);
    if (std::string_view(packet + header, message_size) != ignored) return;
    const auto adjustment = seam.take_adjustment();
    std::string message(1, static_cast<char>(ssh::message::channel_window_adjust));
    put_number(message, adjustment.recipient);
    put_number(message, adjustment.bytes);
    std::memcpy(packet + header, message.data(), message_size);
}

}  // namespace

struct ssh_signature_struct;

// Functions of libssh that its headers do not declare, and those that are linked in place of libssh's own.
extern "C" {
void ssh_packet_set_callbacks(ssh_session session, ssh_packet_callbacks callbacks);

void __real_ssh_socket_set_callbacks(void* socket, ssh_socket_callbacks callbacks);
void __wrap_ssh_socket_set_callbacks(void* socket, ssh_socket_callbacks callbacks);
void __wrap_ssh_socket_set_callbacks(void* socket, ssh_socket_callbacks callbacks) {
    if (current != nullptr) current->set_socket_callbacks(callbacks);
    __real_ssh_socket_set_callbacks(socket, callbacks);
}

int __wrap_ssh_socket_write(void* socket, const void* bytes, std::uint32_t size);
int __wrap_ssh_socket_write(void* /*socket*/, const void* bytes, std::uint32_t size) {
    if (current == nullptr) return SSH_ERROR;
    current->gather({static_cast<const char*>(bytes), size});
    return SSH_OK;
}

// libssh would look at the descriptor that it was given in place of the socket.
int __wrap_ssh_poll_ctx_dopoll(void* context, int timeout);
int __wrap_ssh_poll_ctx_dopoll(void* /*context*/, int /*timeout*/) {
    return SSH_AGAIN;
}

// libssh's own turn to send the server's first SSH_MSG_KEXINIT comes when the client's version is there.
int __real_ssh_send_kex(ssh_session session);
int __wrap_ssh_send_kex(ssh_session session);
int __wrap_ssh_send_kex(ssh_session session) {
    if (current != nullptr && current->take_first_kexinit()) return SSH_OK;
    return __real_ssh_send_kex(session);
}

unsigned char* __real_ssh_packet_encrypt(ssh_session session, void* packet, PacketSize size);
unsigned char* __wrap_ssh_packet_encrypt(ssh_session session, void* packet, PacketSize size);
unsigned char* __wrap_ssh_packet_encrypt(ssh_session session, void* packet, PacketSize size) {
    using namespace gerve::ssh;
    if (current == nullptr || size <= 6) return __real_ssh_packet_encrypt(session, packet, size);
    put_adjustment(*current, static_cast<char*>(packet), size);
    // uint32 packet_length, byte padding_length, payload, padding
    const std::string_view whole(static_cast<const char*>(packet), size);
    const auto padding = static_cast<std::uint8_t>(whole[4]);
    const auto type = static_cast<std::uint8_t>(whole[5]);
    const std::string_view payload = whole.substr(6, size - 6 - std::min<std::size_t>(padding, size - 6));
    current->watch().note_sent(type, payload);
    return __real_ssh_packet_encrypt(session, packet, size);
}

ssh_signature_struct* __real_pki_sign_data(ssh_key key, int hash, const unsigned char* input,
                                           std::size_t size);
ssh_signature_struct* __wrap_pki_sign_data(ssh_key key, int hash, const unsigned char* input,
                                           std::size_t size);
ssh_signature_struct* __wrap_pki_sign_data(ssh_key key, int hash, const unsigned char* input,
                                           std::size_t size) {
    if (current != nullptr) current->watch().note_signed({reinterpret_cast<const char*>(input), size});
    return __real_pki_sign_data(key, hash, input, size);
}

// libssh calls it at each connection, in case the process forks afterwards, and all of OpenSSL's generators
// are then seeded anew, by the kernel and by each other. A worker does not fork, and OpenSSL notices a fork
// by itself; but copies of a running virtual machine are alike until the next seed.
void __real_ssh_reseed();
void __wrap_ssh_reseed();
void __wrap_ssh_reseed() {
    constexpr std::int64_t interval = 10'000;  // ms
    thread_local std::int64_t next = 0;
    const std::int64_t now = gerve::monotonic_now();
    if (now < next) return;
    next = now + interval;
    __real_ssh_reseed();
}

// For the padding of each packet, mostly. What is as long as a key libssh fetches by itself.
int __real_ssh_get_random(void* where, int size, int strong);
int __wrap_ssh_get_random(void* where, int size, int strong);
int __wrap_ssh_get_random(void* where, int size, int strong) {
    constexpr int largest = 24;
    if (size < 0 || size > largest) return __real_ssh_get_random(where, size, strong);
    return small_randoms.take(where, static_cast<std::size_t>(size)) ? 1 : 0;
}

// libssh begins the answer to a global request, and has no call that gives it a content.
int __real_ssh_buffer_add_u8(ssh_buffer buffer, std::uint8_t byte);
int __wrap_ssh_buffer_add_u8(ssh_buffer buffer, std::uint8_t byte);
int __wrap_ssh_buffer_add_u8(ssh_buffer buffer, std::uint8_t byte) {
    using namespace gerve::ssh;
    const bool refusal = byte == message::request_failure && current != nullptr;
    const auto answer = refusal ? current->take_answer() : std::nullopt;
    if (!answer) return __real_ssh_buffer_add_u8(buffer, byte);
    const int begun = __real_ssh_buffer_add_u8(buffer, message::request_success);
    if (begun < 0) return begun;
    return ssh_buffer_add_data(buffer, answer->data(), static_cast<std::uint32_t>(answer->size()));
}
}

namespace gerve::ssh {

Seam::Seam(PacketWatch& watch)
    : watch_(watch), packet_callbacks_(std::make_unique<ssh_packet_callbacks_struct>()) {
    packet_callbacks_->start = 1;
    packet_callbacks_->n_callbacks = watched_packets;
    packet_callbacks_->callbacks = all_watchers.data();
    packet_callbacks_->user = this;
}

Seam::~Seam() {
    release_output();
}

// libssh appends its own callbacks when the client's version has come, and asks in the order of the list.
void Seam::attach(ssh_session_struct* session) {
    ssh_packet_set_callbacks(session, packet_callbacks_.get());
}

Seam* Seam::in_use() {
    return current;
}

Seam::Inside::Inside(Seam& seam) : before_(std::exchange(current, &seam)) {}

Seam::Inside::~Inside() {
    current = before_;
}

bool Seam::send_first_kexinit(ssh_session_struct* session) {
    first_kexinit_sent_ = __real_ssh_send_kex(session) == SSH_OK;
    return first_kexinit_sent_;
}

Seam::Reading Seam::read(int socket, std::size_t most, Portion portion) {
    thread_local const auto buffer =
        std::make_unique_for_overwrite<char[]>(largest_packet + 2 * receive_size);
    Reading reading;
    const std::size_t kept = in_.size();
    if (kept > largest_packet + receive_size) return reading;
    std::memcpy(buffer.get(), in_.data(), kept);
    most = std::min(most, receive_size);
    const ssize_t got = most == 0 ? 0 : ::recv(socket, buffer.get() + kept, most, 0);
    if (got > 0) reading.received = static_cast<std::size_t>(got);
    reading.ended = most != 0 && (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR));
    const std::size_t size = kept + reading.received;
    const std::size_t taken =
        portion == Portion::packet ? hand_over_packet(buffer.get(), size) : hand_over(buffer.get(), size);
    if (taken == 0 && reading.received > 0) {
        in_.append(buffer.get() + kept, reading.received);
    } else if (taken > 0) {
        in_.assign(buffer.get() + taken, size - taken);
    }
    if (in_.empty() && in_.capacity() > receive_size) std::string().swap(in_);
    reading.progress = taken > 0;
    reading.more =
        (most > 0 && reading.received == most) || (portion == Portion::packet && taken > 0 && !in_.empty());
    return reading;
}

std::size_t Seam::hand_over(char* bytes, std::size_t size) {
    const auto* callbacks = static_cast<ssh_socket_callbacks>(socket_callbacks_);
    std::size_t taken = 0;
    while (taken < size) {
        const auto some =
            static_cast<std::size_t>(callbacks->data(bytes + taken, size - taken, callbacks->userdata));
        if (some == 0) break;
        taken += std::min(some, size - taken);
    }
    offered_ = 0;
    return taken;
}

// libssh takes all whole packets that it is shown. Where a packet ends is known to nobody else, since lengths
// are encrypted: so it is shown four bytes more each time, the measure of all lengths (RFC 4253 section 6),
// until it takes something.
std::size_t Seam::hand_over_packet(char* bytes, std::size_t size) {
    constexpr std::size_t step = 4;
    const auto* callbacks = static_cast<ssh_socket_callbacks>(socket_callbacks_);
    while (offered_ < size) {
        offered_ = std::min(offered_ + step, size);
        const auto taken = static_cast<std::size_t>(callbacks->data(bytes, offered_, callbacks->userdata));
        if (taken == 0) continue;
        offered_ = 0;
        return std::min(taken, size);
    }
    return 0;
}

void Seam::gather(std::string_view bytes) {
    output_spares.append(out_, bytes);
}

void Seam::open_window(ssh_session_struct* session, std::uint32_t recipient, std::uint32_t bytes) {
    adjustments_.push_back({recipient, bytes});
    ssh_send_ignore(session, ignored_text);
}

Seam::Adjustment Seam::take_adjustment() {
    const Adjustment first = adjustments_.front();
    adjustments_.pop_front();
    return first;
}

std::uint64_t Seam::unsent_window(std::uint32_t recipient) const {
    std::uint64_t sum = 0;
    for (const Adjustment& one : adjustments_) {
        if (one.recipient == recipient) sum += one.bytes;
    }
    return sum;
}

bool Seam::send(int socket) {
    while (out_taken_ < out_.size()) {
        const ssize_t sent = ::send(socket, out_.data() + out_taken_, out_.size() - out_taken_, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        out_taken_ += static_cast<std::size_t>(sent);
        sent_ += static_cast<std::uint64_t>(sent);
    }
    release_output();
    return true;
}

void Seam::release_output() {
    out_taken_ = 0;
    output_spares.release(out_);
}

std::string Seam::take_unsent() {
    std::string rest = out_.substr(out_taken_);
    release_output();
    return rest;
}

}  // namespace gerve::ssh
