#include "authz/os/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "authz/base/fd.h"

namespace gerve {
namespace {

// posix_spawn's two argument objects, freed with the scope.
struct SpawnPlan {
    SpawnPlan() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
};

void plan_signals_and_group(SpawnPlan& plan, bool own_group) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&plan.attributes, &none);
    ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
    ::posix_spawnattr_setpgroup(&plan.attributes, 0);
    const short group = own_group ? POSIX_SPAWN_SETPGROUP : 0;
    ::posix_spawnattr_setflags(&plan.attributes,
                               static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
}

bool is_named(const SpawnStart& start, int number) {
    return std::any_of(start.descriptors.begin(), start.descriptors.end(),
                       [number](const SpawnedDescriptor& one) { return one.childs == number; });
}

}  // namespace

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> own_environment() {
    std::vector<std::string> environment;
    for (char** one = environ; *one != nullptr; ++one) environment.emplace_back(*one);
    return environment;
}

int spawn(const SpawnStart& start, pid_t& pid) {
    SpawnPlan plan;
    plan_signals_and_group(plan, start.own_group);
    int above = 3;
    for (const SpawnedDescriptor& one : start.descriptors) above = std::max(above, one.childs + 1);
    std::vector<Fd> duplicates;
    if (!start.directory.empty())
        ::posix_spawn_file_actions_addchdir_np(&plan.actions, start.directory.c_str());
    if (start.null_input) ::posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
    for (const SpawnedDescriptor& one : start.descriptors) {
        int source = one.ours;
        if (source < above) {  // a dup2 before it may take its number
            duplicates.emplace_back(::fcntl(source, F_DUPFD_CLOEXEC, above));
            if (!duplicates.back()) return errno;
            source = duplicates.back().get();
        }
        ::posix_spawn_file_actions_adddup2(&plan.actions, source, one.childs);
    }
    if (start.closes_others) {
        for (int number = 3; number < above; ++number) {
            if (!is_named(start, number)) ::posix_spawn_file_actions_addclose(&plan.actions, number);
        }
        ::posix_spawn_file_actions_addclosefrom_np(&plan.actions, above);
    }
    return ::posix_spawn(&pid, start.program.c_str(), &plan.actions, &plan.attributes,
                         pointers_to(start.words).data(), pointers_to(start.environment).data());
}

}  // namespace gerve
