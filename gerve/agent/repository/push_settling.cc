#include "gerve/agent/repository/push_settling.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "authz/base/text.h"
#include "gerve/agent/repository/loose_history.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t most_open = 1000;          // refs whose outcome is looked up
constexpr std::size_t refs_at_once = 250;        // by one git
constexpr std::size_t most_loose_commits = 100;  // of one update
constexpr std::size_t most_loose_looks = 1000;   // different updates
constexpr std::size_t most_git_looks = 32;

// A name that a ref can have, and that is no pattern; git takes no other (git-check-ref-format(1)).
bool may_exist(const RefChange& change) {
    return change.ref.starts_with("refs/") && std::none_of(change.ref.begin(), change.ref.end(), [](char c) {
               return static_cast<unsigned char>(c) <= 0x20 ||
                      std::string_view("~^:?*[\\\x7f").find(c) != std::string_view::npos;
           });
}

bool is_open(const RefChange& change) {
    return change.outcome == RefOutcome::unknown && change.ref.size() < RefChange::max_ref;
}

bool is_deletion(const RefChange& change) {
    return change.outcome == RefOutcome::taken && is_no_object(change.new_id) && !is_no_object(change.old_id);
}

bool may_be_forced(const RefChange& change) {
    return change.outcome == RefOutcome::taken && change.forced == Forced::no &&
           !is_no_object(change.old_id) && !is_no_object(change.new_id) && change.old_id != change.new_id;
}

// Those of the refs that are there, as "ID REF".
Result<std::unordered_set<std::string>> look_up(const GitPlace& place, const RefChange* const* begin,
                                                const RefChange* const* end,
                                                steady_clock::time_point deadline) {
    std::vector<std::string> arguments{"for-each-ref", "--format=%(objectname) %(refname)", "--"};
    for (const RefChange* const* one = begin; one != end; ++one) arguments.push_back((*one)->ref);
    const auto said = ask_in(place, std::move(arguments), deadline);
    if (!said) return pass_on(said);
    std::unordered_set<std::string> there;
    for (const std::string_view line : split(*said, '\n')) there.emplace(line);
    return there;
}

// Another object is there: it was moved on, or never was at the old one.
void judge(RefChange& change, const std::unordered_set<std::string>& there) {
    const std::string none(change.new_id.size(), '0');
    const auto is_now = [&](const std::string& id) {
        if (!is_no_object(id)) return there.count(id + " " + change.ref) > 0;
        return std::none_of(there.begin(), there.end(),
                            [&](const std::string& line) { return line.ends_with(" " + change.ref); });
    };
    change.settled = true;
    if (is_now(change.new_id)) {
        change.outcome = RefOutcome::taken;
    } else if (is_now(change.old_id) || is_now(none) || is_no_object(change.new_id)) {
        change.outcome = RefOutcome::refused;
    }
}

Forced ask_git(const GitPlace& place, const RefChange& change, steady_clock::time_point deadline) {
    const auto done = run_in(place, {"merge-base", "--is-ancestor", change.old_id, change.new_id}, deadline);
    if (!done || done->end.signal != 0) return Forced::unknown;
    return done->end.code == 0 ? Forced::no : done->end.code == 1 ? Forced::yes : Forced::unknown;
}

}  // namespace

bool has_open_outcome(const std::vector<RefChange>& changes) {
    return std::any_of(changes.begin(), changes.end(), is_open);
}

Result<void> settle_outcomes(const GitPlace& place, std::vector<RefChange>& changes,
                             steady_clock::time_point deadline) {
    std::vector<RefChange*> open;
    for (RefChange& change : changes) {
        if (!is_open(change)) continue;
        if (!may_exist(change)) {
            change.settled = true;
            change.outcome = RefOutcome::refused;
        } else if (open.size() < most_open) {
            open.push_back(&change);
        }
    }
    for (std::size_t at = 0; at < open.size(); at += refs_at_once) {
        const std::size_t end = std::min(open.size(), at + refs_at_once);
        const auto there = look_up(place, open.data() + at, open.data() + end, deadline);
        if (!there) return pass_on(there);
        for (std::size_t i = at; i < end; ++i) judge(*open[i], *there);
    }
    return {};
}

bool has_deletion(const std::vector<RefChange>& changes) {
    return std::any_of(changes.begin(), changes.end(), is_deletion);
}

Result<void> check_deletions(const GitPlace& place, std::vector<RefChange>& changes,
                             steady_clock::time_point deadline) {
    std::vector<RefChange*> not_loose;
    std::vector<std::string> objects;
    for (RefChange& change : changes) {
        if (!is_deletion(change)) continue;
        const std::string& id = change.old_id;
        const std::string file = place.path + "/objects/" + id.substr(0, 2) + "/" + id.substr(2);
        if (::access(file.c_str(), F_OK) == 0) continue;
        not_loose.push_back(&change);
        objects.push_back(id);
    }
    if (objects.empty()) return {};
    const auto present = kinds_of(place, objects, deadline);
    if (!present) return pass_on(present);
    for (RefChange* change : not_loose) {
        if (!present->contains(change->old_id)) change->old_id.assign(change->old_id.size(), '0');
    }
    return {};
}

bool mark_possibly_forced(std::vector<RefChange>& changes) {
    bool any = false;
    for (RefChange& change : changes) {
        if (!may_be_forced(change)) continue;
        change.forced = Forced::unknown;
        any = true;
    }
    return any;
}

void find_forced(const GitPlace& place, std::vector<RefChange>& changes, steady_clock::time_point deadline) {
    std::map<std::pair<std::string, std::string>, Forced> known;
    std::size_t loose_looks = 0;
    std::size_t git_looks = 0;
    for (RefChange& change : changes) {
        if (change.forced != Forced::unknown) continue;
        const auto [place_of, is_new] =
            known.try_emplace(std::pair(change.old_id, change.new_id), Forced::unknown);
        Forced& forced = place_of->second;
        if (is_new && steady_clock::now() < deadline) {
            if (loose_looks++ < most_loose_looks && reaches_over_loose(place.path + "/objects", change.new_id,
                                                                       change.old_id, most_loose_commits)) {
                forced = Forced::no;
            } else if (git_looks++ < most_git_looks) {
                forced = ask_git(place, change, deadline);
            }
        }
        change.forced = forced;
    }
}

}  // namespace gerve
