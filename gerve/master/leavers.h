// Leavers: processes of an earlier crew that finish what they carry, and must be gone by a deadline.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gerve/master/crew.h"

namespace gerve {

// Times are those of monotonic_now(), in milliseconds.
class Leavers {
  public:
    // Asks everybody in the crew to finish, and kills whoever has not by `killed_at`. The crew is empty then.
    void take(Crew& crew, std::int64_t killed_at);
    void note_end(pid_t pid);
    // They end what they do, and are killed at `killed_at` at the latest.
    void hurry(std::int64_t killed_at);
    void kill_overdue(std::int64_t now);
    void kill_all() const;
    // Workers among them have clients that may ask for more.
    void tell_maintenance(const std::string& text) const;

    [[nodiscard]] std::int64_t next_deadline() const;  // the largest number when there is none
    [[nodiscard]] bool has_workers() const;
    [[nodiscard]] bool empty() const { return leavers_.empty(); }

  private:
    struct Leaver {
        CrewMember member;
        std::int64_t killed_at;
    };
    std::vector<Leaver> leavers_;
};

}  // namespace gerve
