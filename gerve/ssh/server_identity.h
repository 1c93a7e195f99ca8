// ServerIdentity: host keys, version banner and algorithms that every SSH connection of a worker starts with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/config.h"
#include "gerve/ssh/host_certificates.h"
#include "gerve/ssh/host_keys.h"
#include "gerve/ssh/seam.h"

struct ssh_bind_struct;
struct ssh_key_struct;

namespace gerve::ssh {

// Of the libssh that is linked in, and where that is from: "0.12.2, built from Debian source 0.12.2-1",
// "0.10.6 of the distribution".
[[nodiscard]] std::string library_version();

class ServerIdentity {
  public:
    // Loads the host keys: the first of a type serves, further ones are announced. Errors: internal, naming
    // the file or the option. Refuses a libssh older than 0.10.6. A wrong host certificate is left out, and
    // no error: the plain keys serve all the same.
    [[nodiscard]] static Result<ServerIdentity> load(const SshConfig& config,
                                                     const std::vector<std::string>& host_keys);

    [[nodiscard]] ssh_bind_struct* bind() const { return bind_.get(); }
    // The content of hostkeys-00@openssh.com: the blobs of all, in the order of the files.
    [[nodiscard]] const std::string& announcement() const { return announcement_; }
    // The fingerprints of the same keys, in that order.
    [[nodiscard]] std::vector<std::string> announced() const;
    // Of the certificates of keys that serve, those that are valid now: as a key exchange offers them, one
    // for each key. They borrow from this object.
    [[nodiscard]] std::vector<CertificateOffer> offer_certificates(UnixMillis now) const;
    // Of the host key that a client was shown, by its blob: the plain one's if it is a certificate.
    [[nodiscard]] Fingerprint fingerprint_of(std::string_view shown) const;

    // A signature blob by the host key with that blob; nothing if there is none. An RSA key signs with
    // `like`, the algorithm of the key exchange, where that is one of RSA's, and with rsa-sha2-512 otherwise.
    [[nodiscard]] std::optional<std::string> sign(std::string_view key, std::string_view input,
                                                  std::string_view like) const;

  private:
    struct Free {
        void operator()(ssh_bind_struct* bind) const;
    };
    struct FreeKey {
        void operator()(ssh_key_struct* key) const;
    };
    struct HostKey {
        std::string blob;
        HostKeyType type;
        bool serves;
        std::unique_ptr<ssh_key_struct, FreeKey> key;
    };
    explicit ServerIdentity(ssh_bind_struct* bind) : bind_(bind) {}
    [[nodiscard]] Result<void> take(const std::string& file);
    [[nodiscard]] Result<void> take_certificates(const std::vector<std::string>& files);
    [[nodiscard]] const HostKey* find(std::string_view blob) const;

    std::unique_ptr<ssh_bind_struct, Free> bind_;
    std::vector<HostKey> keys_;
    std::vector<HostCertificate> certificates_;
    std::string announcement_;
};

}  // namespace gerve::ssh
