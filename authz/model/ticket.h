// The OPEN message of GRV1 and the HMAC over it: one operation, one repository, one server, once.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/base/clock.h"
#include "authz/base/digest.h"
#include "authz/base/result.h"
#include "authz/model/git_command.h"
#include "authz/model/hook_variables.h"
#include "authz/model/ids.h"
#include "authz/model/messages.h"
#include "authz/model/size_limits.h"

namespace gerve {

// A key that authz signs tickets with and agents check. As a file: one line
// "gerve-ticket-key-v1 KEYID SECRET", KEYID 16 and SECRET 64 hex digits.
class TicketKey final {
  public:
    static constexpr std::size_t id_size = 8;
    static constexpr std::size_t secret_size = 32;

    [[nodiscard]] static TicketKey make();
    [[nodiscard]] static Result<TicketKey> parse(std::string_view file_content);
    [[nodiscard]] std::string file_content() const;
    [[nodiscard]] const std::string& id() const { return id_; }
    [[nodiscard]] std::string sign(std::string_view bytes) const;  // 32 bytes
    // A 32-byte key for another purpose, so that no key serves two.
    [[nodiscard]] Secret derive(std::string_view purpose) const;

  private:
    TicketKey(std::string id, std::string secret) : id_(std::move(id)), secret_(std::move(secret)) {}
    std::string id_;
    Secret secret_;
};

constexpr std::uint8_t grv1_version = 1;
constexpr std::string_view grv1_open_magic = "GRV1";
constexpr std::size_t grv1_open_header_size = 12;  // the magic, ver_min, ver_max, flags, tlv_len
constexpr std::size_t grv1_max_tlvs = 65536;       // bytes
constexpr std::size_t grv1_mac_size = 32;

// What the gateway asks of an agent. With service `admin`, `admin` names the operation.
struct Open {
    Service service = Service::upload_pack;
    std::string owner;
    std::string storage_path;  // OWNER/NAME.git, spelled as stored; the agent's layout maps it
    std::optional<std::string> git_protocol;
    std::string request_id;  // 16 bytes
    UnixMillis time = 0;
    std::string nonce;  // 16 bytes
    std::string audience;
    std::vector<NameValue> env;     // GERVE_* of the hooks
    std::vector<NameValue> config;  // git -c key=value
    std::uint64_t repo_id = 0;      // 0: not given
    std::string admin;              // "create", "rename", "delete", "fsck", "size", "set-head", "restore-ref"
    // rename: the new storage path; set-head: the branch; restore-ref: the ref, a space, and an object id
    std::string admin_argument;
    std::string object_format;  // create: "sha256"; empty: "sha1"
    bool takes_report = false;  // the gateway accepts REPORT frames
    // receive-pack, admin: for how long the agent keeps what a ref named before it was deleted or forced
    // away; 0: it does not.
    std::chrono::days keep_lost{90};
    SizeLimits sizes;              // receive-pack, lfs_upload
    std::uint64_t max_object = 0;  // lfs_upload: bytes of the largest object; 0: no limit
    // hg_read: what whoever tries to write is told, one line; the session of somebody who may not.
    std::string write_refusal;
    std::string connection;  // 16 bytes: one for all operations on a client's connection; or empty
    // receive-pack: what the push's pointers of Git LFS name must be in the repository.
    bool requires_objects = false;
    HookVariables hooks{};  // receive-pack: the agent refuses what its configuration does not allow
};

// The whole message, signed. With no key the MAC is 32 zero bytes: only a unix socket of an agent without
// ticket keys accepts that.
[[nodiscard]] std::string encode_open(const Open& open, const TicketKey* key);

// An OPEN whose form is right. Whether it is *true* is the agent's to check: MAC, audience, clock, nonce.
struct ReceivedOpen {
    std::uint8_t version_min = 0;
    std::uint8_t version_max = 0;
    Open open;
    std::string key_id;        // empty: unsigned
    std::string signed_bytes;  // everything before the MAC
    std::string mac;
};

// Size of the whole message once its first 12 bytes are there. Error: client (not GRV1, or too large).
[[nodiscard]] Result<std::size_t> open_size(std::string_view header);

// `message` holds exactly open_size() bytes. Errors: client. Unknown TLVs are skipped unless bit 15 of their
// type is set; a TLV that may stand once and stands twice is refused.
[[nodiscard]] Result<ReceivedOpen> parse_open(std::string_view message);

[[nodiscard]] bool is_signed_by(const ReceivedOpen& received, const TicketKey& key);  // in constant time

}  // namespace gerve
