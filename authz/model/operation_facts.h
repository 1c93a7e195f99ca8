// What a push did to the refs it named and what a fetch asked for, as the file server saw it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "authz/base/enum_names.h"
#include "authz/base/result.h"

namespace gerve {

enum class RefOutcome {
    taken,
    refused,
    unknown,  // git did not say, and the repository does not tell either
};
constexpr std::array<std::string_view, 3> ref_outcome_names{"taken", "refused", "unknown"};

// Whether an update dropped commits: the old object is no ancestor of the new one.
enum class Forced { no, yes, unknown };
constexpr std::array<std::string_view, 3> forced_names{"no", "yes", "unknown"};

// SHA-1 or SHA-256, as git writes it.
[[nodiscard]] constexpr bool is_object_id(std::string_view id) {
    return (id.size() == 40 || id.size() == 64) &&
           id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The zero object id stands for "no object": there was no such ref, or there is to be none.
[[nodiscard]] constexpr bool is_no_object(std::string_view id) {
    return id.find_first_not_of('0') == std::string_view::npos;
}

// One command of a push (gitprotocol-pack(5)), with its outcome.
struct RefChange {
    static constexpr std::size_t max_ref = 1024;  // bytes; longer names are cut
    static constexpr std::size_t max_why = 256;

    std::string ref;     // the full name, as the client wrote it
    std::string old_id;  // 40 or 64 hex digits
    std::string new_id;
    RefOutcome outcome = RefOutcome::unknown;
    Forced forced = Forced::no;  // of an update that was taken
    bool settled = false;        // the outcome was read from the repository, not from git's report
    std::string why;             // git's reason; empty unless refused

    // "taken no - OLD NEW REF", and behind a zero byte the reason; "settled" in place of "-". Error: client.
    static constexpr std::size_t max_text = max_ref + max_why + 256;
    [[nodiscard]] static Result<RefChange> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

// "create", "update", "forced-update", "delete"; "update" also where it is unknown whether it was forced.
[[nodiscard]] constexpr std::string_view kind_of(const RefChange& change) {
    if (is_no_object(change.new_id)) return "delete";
    if (is_no_object(change.old_id)) return "create";
    return change.forced == Forced::yes ? "forced-update" : "update";
}

// The end of what git wrote for people, when an operation failed: bytes, as one line.
constexpr std::size_t max_git_said = 512;

// How many refs of a push have a RefChange of their own; those beyond are only counted in PushFacts.
constexpr std::size_t max_ref_changes = 10'000;
constexpr std::size_t max_ref_names = 1 << 20;  // bytes, all of them together

struct PushFacts {
    std::uint32_t taken = 0;
    std::uint32_t refused = 0;
    std::uint32_t unknown = 0;
    std::uint32_t options = 0;  // push options
    bool is_signed = false;     // its certificate had a signature, which was not verified

    // "taken=3 refused=0 unknown=0 options=2 signed". Error: client.
    [[nodiscard]] static Result<PushFacts> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

enum class PushOutcome {
    taken,
    partly,  // some of its refs
    refused,
    nothing,  // it named no ref
    unknown,  // that of one ref, at least
};
constexpr std::array<std::string_view, 5> push_outcome_names{"taken", "partly", "refused", "nothing",
                                                             "unknown"};

[[nodiscard]] constexpr PushOutcome outcome_of(const PushFacts& push) {
    if (push.unknown > 0) return PushOutcome::unknown;
    if (push.taken == 0) return push.refused == 0 ? PushOutcome::nothing : PushOutcome::refused;
    return push.refused == 0 ? PushOutcome::taken : PushOutcome::partly;
}

struct FetchFacts {
    std::uint32_t wants = 0;  // objects that the client asked for, in one request
    bool clone = false;       // it had nothing yet
    bool shallow = false;     // of a limited depth, or into a shallow repository
    bool partial = false;     // with a filter

    // "wants=12 clone partial". Error: client.
    [[nodiscard]] static Result<FetchFacts> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

}  // namespace gerve
