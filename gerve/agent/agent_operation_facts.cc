// The last part of an operation: what the operation did, and what a push leads to.
#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "gerve/agent/agent_operation.h"
#include "gerve/agent/lfs/upkeep.h"
#include "gerve/agent/repository/default_branch.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/garbage.h"
#include "gerve/agent/repository/lost_objects.h"
#include "gerve/agent/repository/push_settling.h"
#include "gerve/agent/repository/repositories.h"

namespace gerve {
namespace {

using grv1::FrameType;

// For finding out which updates were forced: the client waits for its exit status meanwhile.
constexpr std::chrono::milliseconds forced_patience(500);

// A session of Git LFS that took fewer bytes has stored little, or only asked what is there: the next push
// measures it.
constexpr std::uint64_t least_stored = 64 * 1024;

DiskShare share_of(const Operation& operation) {
    return {operation.repo.owner().folded(), operation.repo.folded()};
}

}  // namespace

std::string anonymous_client(const Open& open) {
    if (variable_of(open, "GERVE_PROTOCOL") != "git") return "";
    const std::string address = variable_of(open, "GERVE_REMOTE_ADDR");
    return address.empty() ? "git://" : address;
}

std::string ration_source(const Peer& peer) {
    if (peer.unix_socket) return "unix";
    const std::string host = peer.name.substr(0, peer.name.rfind(':'));
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

// What the operation did, as its streams told it and, where they did not, the repository.
asio::awaitable<grv1::Report> AgentOperation::find_facts(const Operation& operation, const grv1::Exit& exit,
                                                         const OperationReader& reader) {
    grv1::Report facts;
    bool failed = exit.code != 0;
    if (operation.service == Service::receive_pack) {
        facts.changes = co_await settle(operation, reader.push().changes());
        reader.push().compare_with_advertisement(facts.changes);
        facts.push = reader.push().facts(facts.changes);
        failed = failed || facts.push->refused + facts.push->unknown > 0;
    } else if (operation.service == Service::hg_write) {
        facts.changes = hg::read_notes(hg_);
        // A session that has only read is no push.
        if (!facts.changes.empty())
            facts.push = PushFacts{.taken = static_cast<std::uint32_t>(facts.changes.size())};
    } else if (operation.service == Service::upload_pack) {
        facts.fetch = reader.fetch().facts();
    }
    if (failed) facts.git_said = reader.last_words();
    co_return facts;
}

asio::awaitable<std::vector<RefChange>> AgentOperation::settle(const Operation& operation,
                                                               std::vector<RefChange> changes) {
    const bool open = has_open_outcome(changes);
    const bool marked = mark_possibly_forced(changes);
    if (!open && !marked && !has_deletion(changes)) co_return changes;
    // The client waits for its exit status meanwhile. Where git reported nothing, it has failed, and that may
    // take longer.
    const auto patience = open ? config_->limits.storage_timeout : forced_patience;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const GitPlace place{config_->git, operation.path, place_.head};
    std::function<std::vector<RefChange>()> work = [place, settled = changes, deadline]() mutable {
        if (const auto done = settle_outcomes(place, settled, deadline); !done)
            log::error("a push cannot be settled", {{"why", describe(done.error())}});
        if (const auto done = check_deletions(place, settled, deadline); !done)
            log::error("deletions of a push cannot be checked", {{"why", describe(done.error())}});
        (void)mark_possibly_forced(settled);
        find_forced(place, settled, deadline);
        return std::move(settled);
    };
    auto settled = co_await disk_.call(lane_.state.settling, share_of(operation), std::move(work), patience);
    co_return settled ? std::move(*settled) : std::move(changes);
}

// How large the pack may be. If the disk does not answer in time, the size last known counts.
asio::awaitable<Admitted<std::optional<PushAllowance>>> AgentOperation::find_room(
    const Operation& operation) {
    const bool has_own = operation.service == Service::receive_pack && place_.settings.limits_input;
    if (!operation.sizes.any() && !has_own) co_return std::nullopt;
    using Found = Result<std::optional<PushAllowance>>;
    const auto patience = config_->limits.storage_timeout;
    const auto by = [config = config_, limits = operation.sizes, path = operation.path,
                     usage = lane_.state.usage](Usage how) {
        return find_allowance(limits, config->layout, path, *usage, how);
    };
    GitPlace place{config_->git, operation.path, place_.head, config_->git_home()};
    std::function<Found()> work = [by, has_own, place = std::move(place),
                                   deadline = std::chrono::steady_clock::now() + patience]() -> Found {
        const auto allowance = by(Usage::measured);
        return allowance && has_own ? with_own_limit(*allowance, place, deadline) : allowance;
    };
    auto found = co_await disk_.call(lane_.state.measuring, share_of(operation), std::move(work), patience);
    if (found && *found) co_return std::move(**found);
    auto last = by(Usage::last_known);
    // Ours would take the place of the repository's own limit, which may be lower.
    const bool replaces_own = last && *last && has_own;
    if (last && !replaces_own) co_return std::move(*last);
    co_return refuse_storage(operation.service, last ? silent_disk(operation.path) : last.error());
}

// Mercurial has no limit of its own: its input ends where the limit is, and it undoes what it has begun.
void AgentOperation::watch_size(const Operation& operation, Watchers& watchers) {
    if (operation.service != Service::hg_write || !allowance_) return;
    const std::uint64_t most = allowance_->bytes + hg::least_room;
    watchers.input = [this, most, got = std::uint64_t{0}](std::string_view bytes) mutable {
        got += bytes.size();
        if (got <= most || std::exchange(over_limit_, true)) return;
        asio::post(lane_.loop, [relay = relay_] { relay->end_input(); });
    };
}

// Behind git's words about a pack that is too large: which limit it is, and what to do.
asio::awaitable<grv1::Exit> AgentOperation::tell_limit(const Operation& operation, grv1::Exit exit) {
    const bool taken = !facts_.push || facts_.push->taken > 0;
    const bool by_git = !taken && says_too_large(facts_.git_said);
    if (!allowance_ || (!by_git && !over_limit_)) co_return exit;
    const std::string told = grv1::encode_frame(FrameType::stderr_data, allowance_->told(operation.repo));
    static_cast<void>(co_await connection_->send(told));
    co_return grv1::Exit{static_cast<std::uint32_t>(ExitStatus::no_room), 0, exit.reason};
}

// Before the client learns that the push has ended: no crash after that loses anything.
asio::awaitable<void> AgentOperation::keep_lost(const Operation& operation, const PushReader& push) {
    if (operation.keep_lost.count() == 0 || place_.kind != RepositoryKind::git) co_return;
    auto lost = lost_objects(facts_.changes);
    const auto more = push.unnamed_objects();
    lost.insert(lost.end(), more.begin(), more.end());
    if (lost.empty()) co_return;
    const auto patience = config_->limits.storage_timeout;
    std::function<Result<void>()> work = [place = GitPlace{config_->git, operation.path, place_.head},
                                          lost = std::move(lost),
                                          keeping = Keeping{operation.keep_lost, {operation.who, request_}},
                                          deadline = std::chrono::steady_clock::now() + patience] {
        return keep_objects(place, lost, keeping, deadline);
    };
    const auto kept =
        co_await disk_.call(lane_.state.settling, share_of(operation), std::move(work), patience);
    if (kept && *kept) co_return;
    const Error why = kept ? kept->error() : silent_disk(operation.path);
    log::error("cannot keep what a push deleted or overwrote by force",
               {{"request", request_}, {"why", describe(why)}});
}

// Nobody waits for it.
void AgentOperation::tidy_up(const Operation& operation) {
    const PushFacts pushed = facts_.push.value_or(PushFacts{});
    const bool stored =
        operation.service == Service::lfs_upload && relay_->count().from_gateway >= least_stored;
    if (!stored && pushed.taken + pushed.unknown == 0) return;
    const GitPlace place{config_->git, operation.path, place_.head};
    if (operation.sizes.any()) {
        lane_.state.measuring.post_once(share_of(operation), [place, usage = lane_.state.usage] {
            (void)usage->of(place.path, std::chrono::milliseconds(0));
        });
    }
    if (!place_.settings.collects_garbage) return;
    const bool has_limits = place_.settings.has_garbage_limits;
    lane_.state.collecting.post_once(share_of(operation), [place, has_limits, request = request_] {
        if (!has_limits && !may_need_collection(place.path)) return;
        if (const auto done = collect_garbage(place); !done)
            log::warn("git gc failed", {{"request", request}, {"why", describe(done.error())}});
    });
}

// After a push, whatever has become of it: what is there now is looked at.
asio::awaitable<void> AgentOperation::finish_push(const Operation& operation, const PushReader& push) {
    const auto gone = push.deleted_branches();
    const auto made = push.updated_branches();
    const bool first = place_.is_empty && !made.empty();
    const bool head_was_to_go = std::find(gone.begin(), gone.end(), place_.head) != gone.end();
    if (!first && !head_was_to_go) co_return;
    GitPlace place{config_->git, operation.path, place_.head};
    std::function<Result<PushEnd>()> work = [place, first, pushed = made] {
        return first ? settle_default_branch(place, pushed) : look_for_kept_head(place);
    };
    const auto end = co_await disk_.call(lane_.state.looks, share_of(operation), std::move(work),
                                         config_->limits.storage_timeout);
    if (!end || !*end) {
        const Error why = end ? end->error() : silent_disk(operation.path);
        log::error("HEAD not checked after a push", {{"request", request_}, {"why", describe(why)}});
        co_return;
    }
    if (!(*end)->new_head.empty()) {
        log::info("default branch set",
                  {{"request", request_}, {"repo", operation.repo.text()}, {"head", (*end)->new_head}});
    }
    if (!(*end)->head_is_kept) co_return;
    const std::string hint =
        grv1::encode_frame(FrameType::stderr_data, kept_head_text(operation.repo, place_.head));
    static_cast<void>(co_await connection_->send(hint));
}

// Behind what git fsck said. A repository with leftovers is not sound.
asio::awaitable<grv1::Exit> AgentOperation::tell_leftovers(const Operation& operation, grv1::Exit exit) {
    std::function<Leftovers()> work = [config = config_, operation] {
        Leftovers left = look_for_leftovers(operation.path, operation.repair);
        const Leftovers objects = lfs::check_objects(config->root, operation.directory, operation.repair);
        left.lines += objects.lines;
        left.remains = left.remains || objects.remains;
        return left;
    };
    const auto left =
        co_await disk_.call(lane_.state.large_files, share_of(operation), std::move(work), DiskWait::forever);
    if (!left || left->lines.empty()) co_return exit;
    const std::string frames = grv1::encode_data(FrameType::stdout_data, left->lines);
    static_cast<void>(co_await connection_->send(frames));
    if (left->remains && exit.code == 0) exit.code = 1;
    co_return exit;
}

// Of a push that no gateway is told of: the first of its refs.
void AgentOperation::log_changes() const {
    constexpr std::size_t most = 100;
    for (std::size_t i = 0; i < std::min(most, facts_.changes.size()); ++i) {
        const RefChange& change = facts_.changes[i];
        log::info("ref", {{"request", request_},
                          {"ref", change.ref},
                          {"kind", kind_of(change)},
                          {"old", change.old_id},
                          {"new", change.new_id},
                          {"outcome", name_in(ref_outcome_names, change.outcome)}});
    }
}

}  // namespace gerve
