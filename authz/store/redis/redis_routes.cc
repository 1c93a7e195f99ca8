#include "authz/store/redis/redis_routes.h"

#include <algorithm>

#include "authz/base/backoff.h"
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/rationed_log.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{1'500};  // back within 2 s, connecting included
// An idle connection is tried this often, so that a lookup is not the first to find out.
constexpr milliseconds watch_pause{1'000};
// As often the sentinels are asked whether the master is another one.
constexpr unsigned watches_per_sentinel_question = 5;
constexpr std::size_t max_repairs = 1024;
constexpr milliseconds refused_pause{1'500};  // between two tries of what Redis refuses
constexpr milliseconds overrun_pause{1'500};  // each costs a connection

}  // namespace

RedisRoutes::RedisRoutes(RedisSettings settings, unsigned connections, RedisCounters& counters)
    : settings_(std::move(settings)), wanted_(std::max(connections, 1U) + 1), counters_(counters) {
    thread_ = std::thread([this] { run(); });
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, 2 * redis_patience, [this] { return tried_; });
}

RedisRoutes::~RedisRoutes() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    news_.notify_all();
    thread_.join();
    counters_.live.set(0);
}

std::optional<RedisRoutes::Slot> RedisRoutes::take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::nullopt;
    Slot slot = std::move(idle_.back());
    idle_.pop_back();
    return slot;
}

void RedisRoutes::give_back(Slot slot) {
    const std::lock_guard lock(mutex_);
    if (slot.generation == generation_) idle_.push_back(std::move(slot));
}

void RedisRoutes::drop(std::uint64_t generation, const Error& error, Suspects which) {
    std::vector<Slot> suspects;  // closed without the lock
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) return;
        --open_;
        if (which != Suspects::none) counters_.failures.add();
        if (which == Suspects::all) {
            suspects.swap(idle_);
            ++generation_;
            open_ = 0;
        }
        if (open_ == 0) counters_.live.set(0);
        if (which != Suspects::none && !std::exchange(was_told_away_, true)) {
            log::warn("Redis failed: using routes from the table", {{"why", error.detail}});
        }
    }
    news_.notify_all();
}

Result<std::optional<ServerName>> RedisRoutes::find(const Login& owner) {
    if (odd_.left_alone(owner.folded()) || monotonic_now() < ask_again_) {
        counters_.skipped.add();
        return unavailable("redis is not queried for a moment: its last reply was unusable");
    }
    auto slot = take();
    if (!slot) {
        counters_.skipped.add();
        return unavailable("redis is unreachable");
    }
    const auto reply = slot->connection.ask({"GET", settings_.prefix + owner.folded()});
    if (!reply) {
        counters_.unavailable.add();
        const bool overran = slot->connection.overran();
        if (overran) note_odd(owner, reply.error(), overrun_pause);
        drop(slot->generation, reply.error(), overran ? Suspects::none : Suspects::all);
        return pass_on(reply);
    }
    if (reply->kind == RedisReply::Kind::nil) {
        settle(std::move(*slot), owner);
        counters_.missing.add();
        return std::nullopt;
    }
    auto server = ServerName::parse(reply->kind == RedisReply::Kind::text ? reply->text : "");
    if (server) {
        settle(std::move(*slot), owner);
        counters_.found.add();
        return std::move(*server);
    }
    counters_.unavailable.add();
    Error error = odd_value(*slot, owner, *reply);
    settle(std::move(*slot), owner, *reply, error);
    return tl::make_unexpected(std::move(error));
}

// After a reply that is no route. One key's fault: text that is no name, a value of another type, a key that
// the ACL closes. The server's: LOADING, MASTERDOWN, MOVED and the like; the connection is well. A connection
// that is not logged in is given up, and after a reply that is none to GET we are out of step.
void RedisRoutes::settle(Slot slot, const Login& owner, const RedisReply& reply, const Error& error) {
    const std::string_view word = redis_error_word(reply);
    const bool refused = reply.kind == RedisReply::Kind::error;
    if (!refused && reply.kind != RedisReply::Kind::text) return drop(slot.generation, error, Suspects::all);
    if (word == "NOAUTH") return drop(slot.generation, error, Suspects::this_one);
    give_back(std::move(slot));
    if (!refused || word == "WRONGTYPE") return note_odd(owner, error, milliseconds(0));
    // Of the key, by its text; an ACL without GET refuses all.
    const bool of_key = reply.text.find("key") != std::string::npos;
    if (word == "NOPERM" && of_key) return note_odd(owner, error, refused_pause);
    ask_again_ = monotonic_now() + refused_pause.count();
    counters_.live.set(0);
    if (!get_refused_.exchange(true))
        log::warn("Redis refuses reads: using routes from the table", {{"why", error.detail}});
}

// Redis gave a route, or said that it has none.
void RedisRoutes::settle(Slot slot, const Login& owner) {
    give_back(std::move(slot));
    odd_.forget(owner.folded());
    if (!get_refused_ || !get_refused_.exchange(false)) return;
    counters_.live.set(1);
    log::info("Redis answers again");
}

Error RedisRoutes::odd_value(const Slot& slot, const Login& owner, const RedisReply& reply) const {
    const bool is_text = reply.kind == RedisReply::Kind::text;
    return {ErrorKind::unavailable, "",
            "redis " + slot.connection.address().text() + ": GET " + printable(settings_.prefix) +
                owner.folded() + (is_text ? ": not a server name: " : ": ") + printable(reply.text, 80)};
}

void RedisRoutes::note_odd(const Login& owner, const Error& error, milliseconds leave_alone) {
    counters_.odd.add();
    if (!odd_.note(owner.folded(), error.detail, leave_alone)) return;
    rationed_log().write(log::Level::warn,
                         "a route in Redis is unusable, using the table's: `gerve route sync` repairs it",
                         "redis", {{"owner", owner.folded()}, {"why", error.detail}});
}

void RedisRoutes::learn(const Login& owner, const ServerName& server) {
    {
        const std::lock_guard lock(mutex_);
        if (repairs_.size() >= max_repairs || steady_clock::now() < next_repair_) return;
        repairs_.push_back({settings_.prefix + owner.folded(), server.text()});
    }
    news_.notify_all();
}

// NX: if somebody has set the route meanwhile, he knows better than the row that was read before.
void RedisRoutes::repair(const Repair& what) {
    auto slot = take();
    if (!slot) return;
    const auto reply = slot->connection.ask({"SET", what.key, what.server, "NX"});
    if (!reply) return drop(slot->generation, reply.error(), Suspects::all);
    switch (reply->kind) {
        case RedisReply::Kind::status: note_repair(); break;
        case RedisReply::Kind::nil: break;  // there is a value by now
        case RedisReply::Kind::error: note_refusal(*reply); break;
        default: {
            const Error error{ErrorKind::unavailable, "", "redis: not a reply to SET"};
            return drop(slot->generation, error, Suspects::all);
        }
    }
    give_back(std::move(*slot));
}

// What waits to be repaired is dropped: by the time Redis takes it again the table may say something else.
// The next lookup that misses learns it anew.
void RedisRoutes::note_refusal(const RedisReply& reply) {
    counters_.repairs_refused.add();
    const std::string word(redis_error_word(reply));
    const std::lock_guard lock(mutex_);
    next_repair_ = steady_clock::now() + refused_pause;
    repairs_.clear();
    if (std::exchange(refusal_, word) == word) return;
    log::warn("Redis refuses writes: missing routes come from the table until it accepts them",
              {{"why", printable(reply.text, 200)}});
}

void RedisRoutes::note_repair() {
    counters_.repaired.add();
    const std::lock_guard lock(mutex_);
    if (!std::exchange(refusal_, {}).empty()) log::info("Redis accepts writes again");
}

// True: as many connections as wanted are open.
bool RedisRoutes::refill() {
    while (true) {
        std::uint64_t generation = 0;
        {
            const std::lock_guard lock(mutex_);
            if (open_ >= wanted_ || stopping_) return true;
            generation = generation_;
        }
        auto connection = open_redis(settings_);
        const std::lock_guard lock(mutex_);
        if (!connection) {
            counters_.failures.add();
            if (!std::exchange(was_told_away_, true)) {
                log::warn("Redis is unreachable: using routes from the table",
                          {{"why", connection.error().detail}});
            }
            return false;
        }
        counters_.connections.add();
        if (generation != generation_) continue;
        if (std::exchange(was_told_away_, false)) log::info("Redis answers again");
        if (open_ == 0) next_repair_ = {};  // it may be another one
        ++open_;
        counters_.live.set(1);
        idle_.push_back({std::move(*connection), generation});
    }
}

// Finds out about a Redis that died, or is the master no more, while nobody noticed.
void RedisRoutes::watch(bool ask_sentinels) {
    auto slot = take();
    if (!slot) return;
    if (const auto lives = slot->connection.ping(); !lives)
        return drop(slot->generation, lives.error(), Suspects::all);
    if (ask_sentinels && !settings_.master.empty()) {
        const auto master = find_redis(settings_);
        if (master && *master != slot->connection.address()) {
            const Error error{ErrorKind::unavailable, "",
                              "the sentinels name another master: " + master->text()};
            return drop(slot->generation, error, Suspects::all);
        }
    }
    give_back(std::move(*slot));
}

// Until something is to be done: at the latest after a pause, and not at once again after connecting.
std::deque<RedisRoutes::Repair> RedisRoutes::rest(milliseconds pause, bool full) {
    std::unique_lock lock(mutex_);
    tried_ = true;
    news_.notify_all();
    news_.wait_for(lock, full ? watch_pause : pause,
                   [&] { return stopping_ || (full && (open_ < wanted_ || !repairs_.empty())); });
    if (open_ < wanted_ && full) news_.wait_for(lock, first_pause, [this] { return stopping_; });
    return std::exchange(repairs_, {});
}

void RedisRoutes::run() {
    Backoff pauses(first_pause, longest_pause);
    milliseconds pause = pauses.next();
    auto next_watch = steady_clock::now() + watch_pause;
    for (unsigned watches = 1;;) {
        const bool full = refill();
        for (const Repair& one : rest(pause, full)) repair(one);
        if (full) pauses.reset();
        pause = pauses.next();
        if (const std::lock_guard lock(mutex_); stopping_) return;
        if (!full || steady_clock::now() < next_watch) continue;
        watch(watches++ % watches_per_sentinel_question == 0);
        next_watch = steady_clock::now() + watch_pause;
    }
}

}  // namespace gerve
