// What a git-lfs client asks for in one request of its SSH protocol (docs/proposals/ssh_adapter.md of
// git-lfs).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/base/result.h"
#include "gerve/agent/lfs/packets.h"

namespace gerve::lfs {

// The name of an object: the SHA-256 of its bytes, 64 digits in small letters.
class Oid final {
  public:
    [[nodiscard]] static std::optional<Oid> parse(std::string_view text);
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] auto operator<=>(const Oid&) const = default;

  private:
    explicit Oid(std::string_view text) : text_(text) {}
    std::string text_;
};

// An object and its size in bytes, as "OID SIZE" or as arguments.
struct SizedOid {
    Oid oid;
    std::uint64_t size = 0;
};
constexpr std::uint64_t max_object_size = std::uint64_t{1} << 62;

// "OID SIZE", and further words, which are ignored.
[[nodiscard]] std::optional<SizedOid> parse_sized_oid(std::string_view line);

// A size in bytes, at most max_object_size.
[[nodiscard]] std::optional<std::uint64_t> parse_object_size(std::string_view text);

// Relative to the top of a working tree, and one that git could have: UTF-8, no control characters (C1 too),
// no characters that turn the direction of text or separate lines, no empty component, no "." and no "..".
[[nodiscard]] bool may_be_locked(std::string_view path);
constexpr std::size_t max_locked_path = 4096;  // bytes

struct Request {
    std::string command;   // "put-object"
    std::string argument;  // what stands behind it: an OID, the id of a lock; empty: nothing
    std::vector<std::pair<std::string, std::string>> arguments;  // KEY=VALUE
    bool has_body = false;  // a delimiter ended the arguments: lines or data follow, up to a flush

    // The value of an argument that stands once; nothing when it is missing, or stands twice.
    [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const;
};

// The next request, up to its flush or its delimiter. Nothing: the stream has ended between two requests.
// Errors: those of PacketReader; client (there is no command, or there are too many arguments): no more can
// be read then. What is merely invalid in a request, such as an argument without a value, is left out.
[[nodiscard]] Result<std::optional<Request>> read_request(PacketReader& packets);

// The lines of a request's body, without their line feeds; at most `most`, and what comes behind is read and
// dropped: `too_many` says so.
struct BodyLines {
    std::vector<std::string> lines;
    bool too_many = false;
};
[[nodiscard]] Result<BodyLines> read_lines(PacketReader& packets, std::size_t most);

}  // namespace gerve::lfs
