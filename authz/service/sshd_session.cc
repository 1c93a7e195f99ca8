#include "authz/service/sshd_session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "authz/service/handle.h"

namespace gerve {
namespace {

constexpr int max_ancestors = 8;  // gerve-shell, a login shell perhaps, and two of sshd
constexpr std::size_t max_proc_file = 8192;
// The grain of process start times, and what two clocks read one after the other may differ by.
constexpr std::chrono::milliseconds slack{50};
// sshd's default LoginGraceTime is 2 minutes: so long before the key may the connection have begun.
constexpr std::chrono::milliseconds longest_login{600'000};

struct ProcessFacts {
    pid_t parent;
    uid_t user;
    std::chrono::milliseconds age;
};

std::optional<std::string> read_of(pid_t process, const char* name) {
    auto text = read_file("/proc/" + std::to_string(process) + "/" + name, max_proc_file);
    if (!text) return std::nullopt;
    return std::move(*text);
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view label) {
    const auto at = text.find(label);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = trim(text.substr(at + label.size(), 32));
    return parse_decimal(rest.substr(0, rest.find_first_of(" \t\n")));
}

// Field 22 of /proc/PID/stat, proc(5): ticks since boot. The second field is a name in parentheses that may
// hold anything.
std::optional<std::chrono::milliseconds> age_in(std::string_view stat) {
    const auto end = stat.rfind(')');
    if (end == std::string_view::npos) return std::nullopt;
    const auto fields = split(trim(stat.substr(end + 1)), ' ');
    constexpr std::size_t start_time = 22 - 3;
    const auto ticks = fields.size() > start_time ? parse_decimal(fields[start_time]) : std::nullopt;
    timespec now{};
    if (!ticks || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return std::nullopt;
    const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    const auto started = static_cast<std::int64_t>(*ticks * 1000 / per_second);
    return std::chrono::milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000 - started);
}

std::optional<ProcessFacts> facts_of(pid_t process) {
    const auto status = read_of(process, "status");
    const auto stat = read_of(process, "stat");
    if (!status || !stat) return std::nullopt;
    const auto parent = number_behind(*status, "\nPPid:");
    const auto user = number_behind(*status, "\nUid:");
    const auto age = age_in(*stat);
    if (!parent || !user || !age) return std::nullopt;
    return ProcessFacts{static_cast<pid_t>(*parent), static_cast<uid_t>(*user), *age};
}

}  // namespace

std::optional<SshdSession> find_sshd_session(pid_t process) {
    if (process <= 0) return std::nullopt;
    auto facts = facts_of(process);
    // An orphan's parent is init, whose age says nothing of a login.
    for (int step = 0; facts && facts->parent > 1 && step < max_ancestors; ++step) {
        const auto parent = facts_of(facts->parent);
        if (!parent) return std::nullopt;
        if (parent->user == 0) return SshdSession{parent->age, facts->age};
        facts = parent;
    }
    return std::nullopt;
}

bool began_with_handle(const SshdSession& session, std::chrono::milliseconds handle_age) {
    const auto login_after = handle_age - session.since_login;
    const auto connected_before = session.since_connection - handle_age;
    return login_after >= -slack && login_after <= sshd_handle_life && connected_before >= -slack &&
           connected_before <= longest_login;
}

}  // namespace gerve
