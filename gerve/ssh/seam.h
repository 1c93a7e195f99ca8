// Seam: libssh without a socket. What libssh sends is gathered here, what arrived is handed to it, and each
// packet is shown to its connection on the way.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ssh_session_struct;
struct ssh_packet_callbacks_struct;

namespace gerve::ssh {

// Sees packets (RFC 4253 section 6) in the clear, from inside libssh: it may note what it sees, and must not
// call libssh. `payload` begins behind the message number.
class PacketWatch {
  public:
    // True: the packet is dealt with, libssh does not get to see it. Not called for packets that libssh
    // refuses to take in its present state, and for those it does not know (it answers them with
    // SSH_MSG_UNIMPLEMENTED).
    virtual bool take_packet(std::uint8_t type, std::string_view payload) = 0;
    virtual void note_sent(std::uint8_t type, std::string_view payload) = 0;
    // What libssh signs by a host key, before it is hashed.
    virtual void note_signed(std::string_view input) = 0;

  protected:
    ~PacketWatch() = default;
};

// A certificate that key exchanges may use in place of the plain host key. All is borrowed.
struct CertificateOffer {
    const char* algorithm;            // "rsa-sha2-512-cert-v01@openssh.com"
    const char* signature_algorithm;  // by which the host key signs: "rsa-sha2-512"
    std::string_view blob;
};

// The static libssh is linked so that its socket and poll functions, and the one that encrypts a packet, come
// out here (see meson.build and docs/decisions/0016-libssh-without-a-socket.md).
class Seam {
  public:
    explicit Seam(PacketWatch& watch);
    ~Seam();
    Seam(const Seam&) = delete;
    Seam& operator=(const Seam&) = delete;

    // The one that stands around the call into libssh that is under way; null: none does.
    [[nodiscard]] static Seam* in_use();

    // Before the session's key exchange starts; the seam must outlive the session.
    void attach(ssh_session_struct* session);

    // Sends our SSH_MSG_KEXINIT right behind our version (RFC 4253 section 7.1), where libssh would wait for
    // that of the client: once, when the session's key exchange has started. False: libssh has reported an
    // error.
    [[nodiscard]] bool send_first_kexinit(ssh_session_struct* session);
    // Whether the one that libssh is about to send is the one that was sent.
    [[nodiscard]] bool take_first_kexinit() { return std::exchange(first_kexinit_sent_, false); }

    // Stands around every call into libssh.
    class Inside {
      public:
        explicit Inside(Seam& seam);
        ~Inside();
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

      private:
        Seam* before_;
    };

    enum class Portion {
        packet,      // one packet at most
        everything,  // all whole packets
    };
    struct Reading {
        std::size_t received = 0;
        bool progress = false;  // libssh took something
        bool more = false;      // bytes may be left, with us or with the kernel
        bool ended = false;     // no more can come: end of file, or an error
    };
    // Receives up to `most` bytes (at most 64 KB) and lets libssh take what there is.
    [[nodiscard]] Reading read(int socket, std::size_t most, Portion portion);

    // Sends what is gathered, as far as the socket takes it. False: the socket is broken.
    [[nodiscard]] bool send(int socket);
    [[nodiscard]] std::size_t unsent() const { return out_.size() - out_taken_; }
    [[nodiscard]] bool holds_input() const { return !in_.empty(); }  // that libssh has not taken
    [[nodiscard]] std::string take_unsent();                         // leaves nothing behind
    [[nodiscard]] std::uint64_t sent() const { return sent_; }

    // From take_packet(), of a global request that libssh does not know and is going to refuse: the content
    // of SSH_MSG_REQUEST_SUCCESS, which is sent in place of SSH_MSG_REQUEST_FAILURE.
    void answer_request(std::string content) { answer_ = std::move(content); }
    [[nodiscard]] std::optional<std::string> take_answer() { return std::exchange(answer_, std::nullopt); }

    // Lets the client send so many bytes more on the channel that has this number with it. It waits while
    // keys are exchanged anew.
    void open_window(ssh_session_struct* session, std::uint32_t recipient, std::uint32_t bytes);
    struct Adjustment {
        std::uint32_t recipient = 0;
        std::uint32_t bytes = 0;
    };
    [[nodiscard]] bool has_adjustments() const { return !adjustments_.empty(); }  // that are not sent
    [[nodiscard]] Adjustment take_adjustment();                                   // there is one
    [[nodiscard]] std::uint64_t unsent_window(std::uint32_t recipient) const;     // bytes

    // Of all key exchanges, the later ones too: a client that knows only the authority of the certificate
    // would not go on with a plain key. Before the first of them; in the order in which they are offered, in
    // front of the plain keys. What is borrowed must outlive the session.
    void offer_certificates(std::vector<CertificateOffer> offers) { certificates_ = std::move(offers); }
    [[nodiscard]] const std::vector<CertificateOffer>& certificates() const { return certificates_; }
    // Notes which of them, or none, the key exchange that is under way has agreed on.
    void agree_on(const CertificateOffer* offer) { agreed_certificate_ = offer; }
    [[nodiscard]] const CertificateOffer* agreed_certificate() const { return agreed_certificate_; }

    void set_socket_callbacks(void* callbacks) { socket_callbacks_ = callbacks; }
    void gather(std::string_view bytes);
    PacketWatch& watch() { return watch_; }

  private:
    std::size_t hand_over(char* bytes, std::size_t size);
    std::size_t hand_over_packet(char* bytes, std::size_t size);
    void release_output();

    PacketWatch& watch_;
    void* socket_callbacks_ = nullptr;
    std::unique_ptr<ssh_packet_callbacks_struct> packet_callbacks_;
    std::string in_;           // received, and not taken by libssh
    std::size_t offered_ = 0;  // so many of them are not a whole packet
    std::string out_;
    std::size_t out_taken_ = 0;
    std::uint64_t sent_ = 0;
    std::optional<std::string> answer_;
    bool first_kexinit_sent_ = false;     // and libssh does not know yet
    std::deque<Adjustment> adjustments_;  // libssh was told of, and has not sent
    std::vector<CertificateOffer> certificates_;
    const CertificateOffer* agreed_certificate_ = nullptr;  // by the last key exchange
};

}  // namespace gerve::ssh
