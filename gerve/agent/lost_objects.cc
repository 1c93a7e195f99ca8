#include "gerve/agent/lost_objects.h"

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

// In the file it counts for every `git gc`, whoever starts it. git does not wait for the lock of that file.
Result<void> set_expiry(const GitPlace& place, std::chrono::days time, Deadline deadline) {
    constexpr int tries = 20;
    constexpr std::chrono::milliseconds pause(50);
    Result<std::string> set;
    for (int i = 0; i < tries; ++i) {
        const auto config = read_file(place.path + "/config");
        if (config && config->find(expiry_section(time)) != std::string::npos) return {};
        if (i > 0 && !set) std::this_thread::sleep_for(pause);
        for (const char* key : {".reflogExpire", ".reflogExpireUnreachable"}) {
            const std::string name = "gc." + std::string(lost_ref) + key;
            set = ask_in(place, {"config", "--replace-all", name, age_text(time)}, deadline);
            if (!set) break;
        }
        if (set) return {};
    }
    return pass_on(set);
}

std::string update_line(std::string_view object) {
    return "start\nupdate " + std::string(lost_ref) + " " + std::string(object) + "\ncommit\n";
}

// An entry for each object, and one that leads away from the last.
Result<void> write_entries(const GitPlace& place, const std::vector<std::string>& objects,
                           const Committer& committer, Deadline deadline) {
    const auto empty = ask_in(place, {"hash-object", "-t", "tree", "-w", "--stdin"}, deadline);
    if (!empty) return pass_on(empty);
    std::string input;
    for (const std::string& object : objects) input += update_line(object);
    input += update_line(trim(*empty));
    auto written = ask_in(
        place,
        {"-c", std::string(lock_patience), "-c", "committer.name=" + committer.name, "-c",
         "committer.email=" + committer.request, "update-ref", "--create-reflog", "-m", "push", "--stdin"},
        deadline, input);
    if (!written) return pass_on(written);
    return {};
}

}  // namespace

std::vector<std::string> lost_objects(const std::vector<RefChange>& changes) {
    std::vector<std::string> lost;
    std::unordered_set<std::string_view> seen;
    for (const RefChange& change : changes) {
        const bool is_lost = change.outcome == RefOutcome::taken && !is_no_object(change.old_id) &&
                             (is_no_object(change.new_id) || change.forced != Forced::no);
        if (is_lost && seen.insert(change.old_id).second) lost.push_back(change.old_id);
    }
    return lost;
}

Result<void> keep_objects(const GitPlace& place, const std::vector<std::string>& objects,
                          const Keeping& keeping, Deadline deadline) {
    if (objects.empty() || keeping.time.count() == 0) return {};
    if (!write_entries(place, objects, keeping.committer, deadline)) {
        // git stops at the first object that it does not have.
        const auto present = present_objects(place, objects, deadline);
        if (!present) return pass_on(present);
        std::vector<std::string> left;
        for (const std::string& object : objects) {
            if (present->contains(object)) left.push_back(object);
        }
        if (auto written = write_entries(place, left, keeping.committer, deadline); !written) return written;
    }
    return set_expiry(place, keeping.time, deadline);
}

}  // namespace gerve
