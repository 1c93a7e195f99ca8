// Questions that wait for a turn of the statement they need, without a thread.
#include <sys/eventfd.h>
#include <unistd.h>

#include "authz/base/log.h"
#include "authz/service/server_desk.h"

namespace gerve {
namespace {

// Of one kind. What comes beyond is refused at once.
constexpr std::size_t most_parked = 1024;

Error is_slow(StatementKind kind) {
    const auto name = std::string(statement_kind_names[static_cast<std::size_t>(kind)]);
    return Error{ErrorKind::unavailable, "", "the database is slow to answer statements of kind " + name};
}

}  // namespace

void AuthzServer::tell_threads(unsigned turns) {
    ::eventfd_write(turn_.get(), turns);
}

void AuthzServer::park(StatementKind kind, Taken taken) {
    bool has_room = false;
    {
        const std::lock_guard lock(parked_mutex_);
        auto& waiting = parked_[static_cast<std::size_t>(kind)];
        has_room = waiting.size() < most_parked;
        if (has_room) {
            waiting.push_back(std::move(taken));
            bulkheads_.count_waiting(kind, +1);
        }
    }
    if (!has_room) return refuse(taken, is_slow(kind));
    // The last that ran may have ended before this one was counted.
    if (bulkheads_.is_free(kind)) tell_threads(1);
}

// The first that waits: a key's with others, which share a statement.
std::vector<AuthzServer::Taken> AuthzServer::unpark(StatementKind kind) {
    std::vector<Taken> taken;
    const std::lock_guard lock(parked_mutex_);
    auto& waiting = parked_[static_cast<std::size_t>(kind)];
    const std::size_t most = kind == StatementKind::key ? directory_sql::max_keys_at_once : 1;
    while (!waiting.empty() && taken.size() < most) {
        const bool is_key = std::holds_alternative<KeyRequest>(waiting.front().question.request);
        if (!taken.empty() && !is_key) break;
        taken.push_back(std::move(waiting.front()));
        waiting.pop_front();
        bulkheads_.count_waiting(kind, -1);
        if (!is_key) break;
    }
    return taken;
}

// Apart from what has just been taken from a socket, which is due later.
void AuthzServer::take_parked(Desk& desk) {
    eventfd_t turn = 0;
    if (::eventfd_read(turn_.get(), &turn) != 0) return;  // another thread's
    answer_taken(desk);
    for (std::size_t i = 0; i < statement_kind_count; ++i) {
        const auto kind = static_cast<StatementKind>(i);
        if (!bulkheads_.is_free(kind)) continue;
        auto parked = unpark(kind);
        if (parked.empty()) continue;
        for (Taken& taken : parked) {
            const bool is_key = std::holds_alternative<KeyRequest>(taken.question.request);
            (is_key ? desk.keys : desk.other).push_back(std::move(taken));
        }
        return answer_taken(desk);
    }
}

// A question that has waited for half of its deadline is refused: the rest is too short for a slow statement,
// and the next in the queue has more.
void AuthzServer::refuse_parked(std::int64_t now) {
    const std::int64_t needed = parts_.deadline.count() / 2;
    std::vector<std::pair<StatementKind, Taken>> late;
    {
        const std::lock_guard lock(parked_mutex_);
        for (std::size_t i = 0; i < statement_kind_count; ++i) {
            const auto kind = static_cast<StatementKind>(i);
            auto& waiting = parked_[i];
            for (auto one = waiting.begin(); one != waiting.end();) {
                if (one->due - needed > now) {
                    ++one;
                    continue;
                }
                late.emplace_back(kind, std::move(*one));
                one = waiting.erase(one);
                bulkheads_.count_waiting(kind, -1);
            }
        }
    }
    for (const auto& [kind, taken] : late) refuse(taken, is_slow(kind));
}

}  // namespace gerve
