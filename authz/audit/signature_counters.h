// SignatureCounters: whether the signature counter of a security key fell, which tells of a copy of the key.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "authz/audit/rows.h"

namespace gerve {

// Of a login with a security key that counts.
struct CountedUse {
    std::uint32_t counter = 0;  // 0: none
    std::int64_t at = 0;        // UnixMillis: when its proof was recorded, so it had finished by then
};

// Remembers the last logins of each key. Logins at the same time may be recorded in any order: only one that
// had finished before another began counts against that one (WebAuthn level 2 section 6.1.1 knows no order at
// all among them). Not thread-safe.
class SignatureCounters {
  public:
    // The counter of an earlier login that this one's is below; nothing: it is not below any, or does not
    // count. `row` is a proof with a counter; `stored`: what the table has of its key. Remembers it. A row
    // that was judged before is not judged again.
    [[nodiscard]] std::optional<std::uint32_t> judge(const AuditRow& row, const CountedUse& stored);

    static constexpr std::size_t max_keys = 10'000;
    static constexpr std::size_t max_uses = 16;  // of each

  private:
    std::map<std::int64_t, std::deque<CountedUse>> recent_;
};

}  // namespace gerve
