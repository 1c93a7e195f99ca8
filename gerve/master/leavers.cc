#include "gerve/master/leavers.h"

#include <signal.h>

#include <algorithm>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "gerve/process/control_words.h"

namespace gerve {
void Leavers::take(Crew& crew, std::int64_t killed_at) {
    for (CrewMember& member : crew.release()) {
        ::kill(member.process.pid, finish_signal);
        leavers_.push_back({std::move(member), killed_at});
    }
}

void Leavers::note_end(pid_t pid) {
    std::erase_if(leavers_, [&](const Leaver& leaver) { return leaver.member.process.pid == pid; });
}

void Leavers::hurry(std::int64_t killed_at) {
    for (Leaver& leaver : leavers_) {
        ::kill(leaver.member.process.pid, hurry_signal);
        leaver.killed_at = std::min(leaver.killed_at, killed_at);
    }
}

void Leavers::kill_overdue(std::int64_t now) {
    for (Leaver& leaver : leavers_) {
        if (now < leaver.killed_at) continue;
        log::warn("a child did not end in time",
                  {{"role", role_name(leaver.member.role)}, {"child", leaver.member.process.pid}});
        ::kill(leaver.member.process.pid, SIGKILL);
        leaver.killed_at = never;
    }
}

void Leavers::kill_all() const {
    for (const Leaver& leaver : leavers_) ::kill(leaver.member.process.pid, SIGKILL);
}

void Leavers::tell_maintenance(const std::string& text) const {
    for (const Leaver& leaver : leavers_) {
        if (leaver.member.role != Role::worker) continue;
        tell_child(leaver.member.process, std::string(maintenance_word) + text);
    }
}

std::int64_t Leavers::next_deadline() const {
    std::int64_t due = never;
    for (const Leaver& leaver : leavers_) due = std::min(due, leaver.killed_at);
    return due;
}

bool Leavers::has_workers() const {
    return std::any_of(leavers_.begin(), leavers_.end(),
                       [](const Leaver& leaver) { return leaver.member.role == Role::worker; });
}

}  // namespace gerve
