#include "gerve/agent/repository/push_allowance.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/messages.h"

namespace gerve {
namespace {

using Bound = PushAllowance::Bound;
using namespace std::chrono_literals;

// A pack without objects has 32 bytes (44 with SHA-256), and one with a commit and a tree some 200.
constexpr std::uint64_t empty_pack = 64;

// Measured when pushes have ended; what git collects meanwhile is noticed by then.
constexpr auto known_for = 10min;
// In which a directory is not measured twice, however often it is full.
constexpr auto pause = 5s;

using Measure = Result<std::uint64_t> (KnownUsage::*)(const std::string&, std::chrono::milliseconds);

Result<std::uint64_t> used_by(std::uint64_t limit, const std::string& path, KnownUsage& usage, Usage by,
                              Measure measure) {
    if (by == Usage::last_known) {
        const auto last = usage.last(path);
        if (last) return *last;
        return unavailable(path + ": its size on the disk is not known yet");
    }
    auto used = (usage.*measure)(path, known_for);
    if (used && *used >= limit) used = (usage.*measure)(path, pause);
    return used;
}

Result<PushAllowance> allowance_of(Bound bound, std::uint64_t limit, const std::string& path,
                                   KnownUsage& usage, Usage by, Measure measure) {
    const auto used = used_by(limit, path, usage, by, measure);
    if (!used) return pass_on(used);
    return PushAllowance{bound, std::max(limit - std::min(*used, limit), empty_pack), *used, limit};
}

}  // namespace

std::string PushAllowance::told(const RepoPath& repo) const {
    switch (bound) {
        case Bound::push: break;
        case Bound::repository: return messages::repository_full(repo, used, limit);
        case Bound::owner: return messages::owner_full(repo.owner(), used, limit);
    }
    return messages::push_too_large(repo, limit);
}

Result<std::optional<PushAllowance>> find_allowance(const SizeLimits& limits, Layout layout,
                                                    const std::string& path, KnownUsage& usage, Usage by) {
    std::optional<PushAllowance> least;
    const auto take = [&least](const PushAllowance& one) {
        if (!least || one.bytes < least->bytes) least = one;
    };
    if (limits.push != 0) take({Bound::push, std::max(limits.push, empty_pack), 0, limits.push});
    if (limits.repository != 0) {
        const auto found =
            allowance_of(Bound::repository, limits.repository, path, usage, by, &KnownUsage::of);
        if (!found) return pass_on(found);
        take(*found);
    }
    if (limits.owner != 0 && layout != Layout::hashed_id) {
        const std::string directory = path.substr(0, path.rfind('/'));
        const auto found =
            allowance_of(Bound::owner, limits.owner, directory, usage, by, &KnownUsage::of_all_in);
        if (!found) return pass_on(found);
        take(*found);
    }
    return least;
}

Result<std::optional<PushAllowance>> with_own_limit(const std::optional<PushAllowance>& allowance,
                                                    const GitPlace& place, Deadline deadline) {
    const auto run = run_in(place, {"config", "--type=int", "--get", "receive.maxInputSize"}, deadline);
    if (!run) return pass_on(run);
    const auto own = run->end.code == 0 ? parse_decimal(trim(run->output)) : std::nullopt;
    if (!own || *own == 0 || (allowance && allowance->bytes <= *own)) return allowance;
    return PushAllowance{Bound::push, *own, 0, *own};
}

bool says_too_large(std::string_view last_words) {
    return last_words.find("pack exceeds maximum allowed size") != std::string_view::npos;
}

}  // namespace gerve
