#include "gerve/agent/push_settling.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "authz/base/text.h"
#include "gerve/agent/environment.h"
#include "gerve/agent/git_run.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds outcomes_patience{10};
constexpr std::size_t most_commits = 7'000;   // of a history that is looked at for all updates together
constexpr std::size_t most_output = 1 << 20;  // bytes; run_git() cuts what is longer
constexpr std::size_t few = 4;                // updates that are looked at one by one right away
constexpr std::size_t most_single_looks = 32;

Result<GitRun> run(const GitPlace& place, std::vector<std::string> arguments, std::string input,
                   steady_clock::time_point deadline) {
    arguments.insert(arguments.begin(), "--git-dir=" + place.path);
    return run_git({place.git, std::move(arguments), plain_git_environment(place.path)},
                   {std::move(input), deadline});
}

// What can be one line of git's input, and names nothing but a ref.
bool is_askable(const RefChange& change) {
    return change.ref.starts_with("refs/") && change.ref.size() < RefChange::max_ref &&
           change.ref.find_first_of("\n ^~:?*[\\") == std::string::npos &&
           change.ref.find("@{") == std::string::npos && change.ref.find("..") == std::string::npos;
}

bool is_open(const RefChange& change) {
    return change.outcome == RefOutcome::unknown && is_askable(change);
}

bool may_be_forced(const RefChange& change) {
    return change.outcome == RefOutcome::taken && !is_no_object(change.old_id) &&
           !is_no_object(change.new_id) && change.old_id != change.new_id;
}

// Does `ancestor` come up when the history is walked from `tip`? `parents`: a part of the history.
bool reaches(const std::unordered_map<std::string_view, std::vector<std::string_view>>& parents,
             std::string_view tip, std::string_view ancestor) {
    std::unordered_set<std::string_view> seen{tip};
    std::vector<std::string_view> next{tip};
    while (!next.empty()) {
        const std::string_view one = next.back();
        next.pop_back();
        if (one == ancestor) return true;
        const auto found = parents.find(one);
        if (found == parents.end()) continue;
        for (const std::string_view parent : found->second) {
            if (seen.insert(parent).second) next.push_back(parent);
        }
    }
    return false;
}

using Updates = std::vector<RefChange*>;

Updates unknown_of(const Updates& updates) {
    Updates unknown;
    std::copy_if(updates.begin(), updates.end(), std::back_inserter(unknown),
                 [](const RefChange* change) { return change->forced == Forced::unknown; });
    return unknown;
}

// One look at the history of all updates together: what they added, which is little, or the latest commits of
// it all.
enum class History { added, latest };

void look_at_history(const GitPlace& place, const Updates& updates, History which,
                     steady_clock::time_point deadline) {
    std::string input;
    for (const RefChange* change : updates) {
        input += change->new_id + "\n";
        if (which == History::added) input += "^" + change->old_id + "\n";
    }
    const auto listed = run(place,
                            {"rev-list", "--parents", "--ignore-missing",
                             "--max-count=" + std::to_string(most_commits), "--stdin"},
                            std::move(input), deadline);
    if (!listed || listed->end.signal != 0 || listed->end.code != 0) return;
    std::unordered_map<std::string_view, std::vector<std::string_view>> parents;
    for (const std::string_view line : split(listed->output, '\n')) {
        auto words = split(line, ' ');
        if (words.empty()) continue;
        const std::string_view commit = words.front();
        words.erase(words.begin());
        parents.emplace(commit, std::move(words));
    }
    // Where all of the history is there, that no way is found proves something.
    const bool complete =
        which == History::latest && parents.size() < most_commits && listed->output.size() < most_output;
    for (RefChange* change : updates) {
        if (reaches(parents, change->new_id, change->old_id)) {
            change->forced = Forced::no;
        } else if (complete && parents.count(change->new_id) > 0) {
            change->forced = Forced::yes;
        }
    }
}

Forced look_at(const GitPlace& place, const RefChange& change, steady_clock::time_point deadline) {
    const auto done = run(place, {"merge-base", "--is-ancestor", change.old_id, change.new_id}, "", deadline);
    if (!done || done->end.signal != 0) return Forced::unknown;
    return done->end.code == 0 ? Forced::no : done->end.code == 1 ? Forced::yes : Forced::unknown;
}

}  // namespace

Result<void> settle_outcomes(const GitPlace& place, std::vector<RefChange>& changes) {
    std::vector<RefChange*> open;
    std::string input;
    for (RefChange& change : changes) {
        if (!is_open(change)) continue;
        open.push_back(&change);
        input += change.ref + " " + change.ref + "\n";  // the second is %(rest)
    }
    if (open.empty()) return {};
    const auto done = run(place, {"cat-file", "--batch-check=%(objectname) %(rest)"}, std::move(input),
                          steady_clock::now() + outcomes_patience);
    if (!done) return pass_on(done);
    if (done->end.signal != 0 || done->end.code != 0)
        return internal_error("git does not tell the refs of " + place.path);
    const auto lines = split(done->output, '\n');
    const std::unordered_set<std::string_view> said(lines.begin(), lines.end());
    const auto names = [&](const RefChange& change, const std::string& id) {
        return said.count(is_no_object(id) ? change.ref + " missing" : id + " " + change.ref) > 0;
    };
    for (RefChange* change : open) {
        change->settled = true;
        if (names(*change, change->new_id)) {
            change->outcome = RefOutcome::taken;
        } else if (names(*change, change->old_id)) {
            change->outcome = RefOutcome::refused;
        }
    }
    return {};
}

void find_forced(const GitPlace& place, std::vector<RefChange>& changes, std::chrono::milliseconds patience) {
    const auto deadline = steady_clock::now() + patience;
    Updates updates;
    for (RefChange& change : changes) {
        if (!may_be_forced(change)) continue;
        change.forced = Forced::unknown;
        updates.push_back(&change);
    }
    if (updates.size() > few) look_at_history(place, updates, History::added, deadline);
    updates = unknown_of(updates);
    if (updates.size() > few) look_at_history(place, updates, History::latest, deadline);
    updates = unknown_of(updates);
    if (updates.size() > most_single_looks) updates.resize(most_single_looks);
    for (RefChange* change : updates) {
        if (steady_clock::now() >= deadline) break;
        change->forced = look_at(place, *change, deadline);
    }
}

bool is_settled(const std::vector<RefChange>& changes) {
    return std::none_of(changes.begin(), changes.end(),
                        [](const RefChange& change) { return is_open(change) || may_be_forced(change); });
}

}  // namespace gerve
