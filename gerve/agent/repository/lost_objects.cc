#include "gerve/agent/repository/lost_objects.h"

#include <algorithm>
#include <span>
#include <thread>
#include <unordered_set>

#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// Two pushes at once may want the ref: how long one waits for the other, in milliseconds.
constexpr std::string_view lock_patience = "core.filesRefLockTimeout=5000";

std::string age_text(std::chrono::days time) {
    return std::to_string(time.count()) + ".days.ago";
}

// As git writes it.
std::string expiry_section(std::chrono::days time) {
    return "[gc \"" + std::string(lost_ref) + "\"]\n\treflogExpire = " + age_text(time) +
           "\n\treflogExpireUnreachable = " + age_text(time) + "\n";
}

Result<void> write_expiry(const GitPlace& place, std::chrono::days time, Deadline deadline) {
    for (const char* key : {".reflogExpire", ".reflogExpireUnreachable"}) {
        const std::string name = "gc." + std::string(lost_ref) + key;
        auto set = ask_in(place, {"config", "--replace-all", name, age_text(time)}, deadline);
        if (!set) return pass_on(set);
    }
    return {};
}

// In the repository's own file, so that it applies to every `git gc`. git does not wait for the lock of that
// file: another push may hold it for a moment.
Result<void> set_expiry(const GitPlace& place, std::chrono::days time, Deadline deadline) {
    constexpr int tries = 10;
    constexpr std::chrono::milliseconds pause(50);
    const auto is_set = [&] {
        const auto config = read_file(place.path + "/config");
        return config && config->find(expiry_section(time)) != std::string::npos;
    };
    Result<void> set;
    for (int i = 0; i < tries && !is_set(); ++i) {
        set = write_expiry(place, time, deadline);
        const bool is_locked = !set && describe(set.error()).find("File exists") != std::string::npos;
        if (!is_locked) return set;
        std::this_thread::sleep_for(pause);
    }
    return is_set() ? Result<void>() : set;
}

// Runs git without the repository's hooks: the ref is not the pusher's.
Result<std::string> ask_as(const Committer& committer, const GitPlace& place,
                           std::vector<std::string> arguments, Deadline deadline, std::string_view input) {
    arguments.insert(arguments.begin(),
                     {"-c", std::string(lock_patience), "-c", "core.hooksPath=/dev/null", "-c",
                      "user.name=" + committer.name, "-c", "user.email=" + committer.request, "-c",
                      "committer.name=" + committer.name, "-c", "committer.email=" + committer.request});
    return ask_in(place, std::move(arguments), deadline, input);
}

std::string update_line(std::string_view object) {
    return "start\nupdate " + std::string(lost_ref) + " " + std::string(object) + "\ncommit\n";
}

// Commits without files that have the given ones as parents: each entry of a reflog costs a transaction.
Result<std::vector<std::string>> bundle(const GitPlace& place, std::span<const std::string> commits,
                                        std::string_view tree, const Committer& committer,
                                        Deadline deadline) {
    constexpr std::size_t most = 500;  // parents
    std::vector<std::string> bundles;
    for (; !commits.empty(); commits = commits.subspan(std::min(most, commits.size()))) {
        std::vector<std::string> arguments{"commit-tree", std::string(tree), "-m", "lost"};
        for (const std::string& commit : commits.first(std::min(most, commits.size())))
            arguments.insert(arguments.end(), {"-p", commit});
        const auto made = ask_as(committer, place, std::move(arguments), deadline, {});
        if (!made) return pass_on(made);
        if (!is_object_id(trim(*made)))
            return internal_error("git commit-tree: " + printable(trim(*made), 512));
        bundles.emplace_back(trim(*made));
    }
    return bundles;
}

// An entry for each object, and a last one that points the ref to the empty tree again.
Result<void> write_entries(const GitPlace& place, const std::vector<std::string>& objects,
                           std::string_view tree, const Committer& committer, Deadline deadline) {
    std::string input;
    for (const std::string& object : objects) input += update_line(object);
    input += update_line(tree);
    auto written =
        ask_as(committer, place, {"update-ref", "--create-reflog", "-m", "push", "--stdin"}, deadline, input);
    if (!written) return pass_on(written);
    return {};
}

// The objects that exist, each once; commits are bundled when there are many.
Result<std::vector<std::string>> entries_for(const GitPlace& place, const std::vector<std::string>& objects,
                                             std::string_view tree, const Committer& committer,
                                             Deadline deadline) {
    constexpr std::size_t few = 8;
    const auto kinds = kinds_of(place, objects, deadline);
    if (!kinds) return pass_on(kinds);
    std::vector<std::string> commits;
    std::vector<std::string> entries;
    std::unordered_set<std::string_view> seen;
    for (const std::string& object : objects) {
        const auto kind = kinds->find(object);
        const bool is_new = kind != kinds->end() && seen.insert(object).second;
        if (is_new) (kind->second == "commit" ? commits : entries).push_back(object);
    }
    if (commits.size() > few) {
        auto bundles = bundle(place, commits, tree, committer, deadline);
        if (!bundles) return bundles;
        commits = std::move(*bundles);
    }
    entries.insert(entries.end(), commits.begin(), commits.end());
    return entries;
}

Result<std::string> make_empty_tree(const GitPlace& place, Deadline deadline) {
    return ask_in(place, {"hash-object", "-t", "tree", "-w", "--stdin"}, deadline)
        .map([](const std::string& said) { return std::string(trim(said)); });
}

}  // namespace

std::vector<std::string> lost_objects(const std::vector<RefChange>& changes) {
    std::vector<std::string> lost;
    for (const RefChange& change : changes) {
        // As git itself reported it: what the ref points to by now may be another push's work.
        const bool is_refused = change.outcome == RefOutcome::refused && !change.settled;
        const bool may_be_lost =
            is_no_object(change.new_id) || change.forced != Forced::no || change.outcome != RefOutcome::taken;
        const bool is_lost = !is_refused && may_be_lost && !is_no_object(change.old_id);
        if (is_lost) lost.push_back(change.old_id);
    }
    return lost;
}

Result<void> keep_objects(const GitPlace& place, const std::vector<std::string>& objects,
                          const Keeping& keeping, Deadline deadline) {
    if (objects.empty() || keeping.time.count() == 0) return {};
    const auto tree = make_empty_tree(place, deadline);
    if (!tree) return pass_on(tree);
    // git stops at the first object that it does not have.
    const bool written =
        objects.size() == 1 && write_entries(place, objects, *tree, keeping.committer, deadline).has_value();
    if (!written) {
        const auto entries = entries_for(place, objects, *tree, keeping.committer, deadline);
        if (!entries) return pass_on(entries);
        if (entries->empty()) return {};
        auto done = write_entries(place, *entries, *tree, keeping.committer, deadline);
        if (!done) return done;
    }
    auto set = set_expiry(place, keeping.time, deadline);
    if (!set)
        return internal_error("the objects are kept, but their retention time cannot be set: " +
                              describe(set.error()));
    return {};
}

}  // namespace gerve
