// The chain of the audit trail: what ties each line to the one before it, and how a line is read back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/digest.h"
#include "authz/base/result.h"

namespace gerve {

// Where a trail stands behind one of its lines.
struct TrailHead {
    std::string chain;      // 32 hex digits that no other trail has; empty: there is no trail yet
    std::uint64_t seq = 0;  // of the line, from 1
    std::string mac;        // of the line, 64 hex digits
    bool operator==(const TrailHead&) const = default;
};

// The mac in front of a trail's first line.
[[nodiscard]] const std::string& first_mac();

// Something that happened, before it has its place in the trail. `fields`: the members from "event" on, as
// JSON without the braces around them.
struct AuditFact {
    std::int64_t time = 0;  // microseconds since the Unix epoch
    std::string fields;
};
[[nodiscard]] std::int64_t audit_now();

// Keys the chain: without it nobody writes a line that fits.
class ChainKey {
  public:
    explicit ChainKey(const Secret& secret) : hmac_(secret.view()) {}
    // HMAC-SHA256 over the mac of the line before (its hex digits) and the line up to its own mac member.
    [[nodiscard]] std::string mac(std::string_view previous, std::string_view body) const;

  private:
    HmacSha256 hmac_;
};

// Reads a key file (64 hex digits, private). Errors: internal, naming the file.
[[nodiscard]] Result<ChainKey> load_chain_key(const std::string& file);
// Makes it first, unless it is there; safe when two do so at once.
[[nodiscard]] Result<ChainKey> load_or_make_chain_key(const std::string& file);

// The next line of a trail, newline included; `head` moves on to it.
[[nodiscard]] std::string make_line(const ChainKey& key, const std::string& gateway, const AuditFact& fact,
                                    TrailHead& head);

// A line by its outer form. Whether its mac fits is another question.
struct TrailLine {
    TrailHead head;
    std::string_view body;  // what the mac is over
};
// `line`: without its newline. Nothing: it is no line of a trail.
[[nodiscard]] std::optional<TrailLine> parse_line(std::string_view line);

// What a trail says of itself: the first line of a file, and the line behind what a crash left unfinished.
struct TrailNote {
    const char* what;  // "begins": a new trail; "continues": in a new file; "recovered": in the same file
    // Of "continues": the last line of the file before. Of "begins": that of the former chain, whose key was
    // gone; empty where there was none.
    TrailHead before;
    std::string torn;  // bytes of no line that stand in front of this one
};
[[nodiscard]] AuditFact fact_of(const TrailNote& note);
struct ParsedNote {
    std::string what;
    TrailHead before;
    std::uint64_t torn_bytes = 0;
    std::string torn_sha256;  // hex
};
// Nothing: the line is another event.
[[nodiscard]] std::optional<ParsedNote> parse_note(std::string_view line);

}  // namespace gerve
