#include "gerve/agent/repository/ref_restoring.h"

#include "authz/base/text.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/repository/lost_objects.h"

namespace gerve {
namespace {

// For the reflogs. The audit trail has the administrator.
const Committer& restorer() {
    static const Committer committer{"gerve", "restore-ref"};
    return committer;
}

Result<std::string> find_object(const GitPlace& place, const std::string& digits) {
    const auto said = ask_in(place, {"rev-parse", "--disambiguate=" + digits});
    if (!said) return pass_on(said);
    const std::string_view found = trim(*said);
    if (is_object_id(found)) return std::string(found);
    return fail(ErrorKind::denied,
                found.empty() ? "the repository does not have object " + digits + " (or no longer has it)"
                              : "object id " + digits + " is ambiguous: give more digits");
}

// Empty: there is no such ref.
Result<std::string> object_of(const GitPlace& place, const std::string& ref) {
    const auto said = run_in(place, {"show-ref", "--verify", "--hash", ref});
    if (!said) return pass_on(said);
    const std::string_view id = trim(said->output);
    return is_object_id(id) ? std::string(id) : std::string();
}

Result<void> check_kind(const GitPlace& place, const std::string& ref, const std::string& object) {
    const auto kind = ask_in(place, {"cat-file", "-t", object});
    if (!kind) return pass_on(kind);
    if (!ref.starts_with("refs/heads/") || trim(*kind) == "commit") return {};
    return fail(ErrorKind::denied,
                "a branch must point to a commit, and " + object + " is a " + std::string(trim(*kind)));
}

}  // namespace

bool is_restorable(std::string_view ref) {
    const std::string_view own = own_refs.substr(0, own_refs.size() - 1);
    return ref.starts_with("refs/") && ref != own && !ref.starts_with(own_refs);
}

bool may_be_object(std::string_view text) {
    constexpr std::size_t fewest = 4;  // as git abbreviates
    constexpr std::size_t most = 64;   // SHA-256
    return text.size() >= fewest && text.size() <= most &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<RestoredRef> RestoredRef::parse(std::string_view text) {
    const auto words = split(text, ' ');
    if (words.size() != 2 || !is_object_id(words[0]) || !is_object_id(words[1]))
        return client_error("not two object ids");
    return RestoredRef{std::string(words[0]), std::string(words[1])};
}

Result<RestoredRef> restore_ref(const GitPlace& place, const RefRestoring& restoring,
                                std::chrono::days keep_lost) {
    const auto checked = run_in(place, {"check-ref-format", restoring.ref});
    if (!checked) return pass_on(checked);
    if (checked->end.code != 0)
        return fail(ErrorKind::denied, printable(restoring.ref) + " is not a valid ref name");
    const auto symbolic = run_in(place, {"symbolic-ref", "--quiet", restoring.ref});
    if (!symbolic) return pass_on(symbolic);
    if (symbolic->end.code == 0)
        return fail(ErrorKind::denied, printable(restoring.ref) + " is a symbolic ref to " +
                                           printable(trim(symbolic->output)) + ": restore that one");
    auto object = find_object(place, restoring.object);
    if (!object) return pass_on(object);
    if (auto right = check_kind(place, restoring.ref, *object); !right) return pass_on(right);
    auto before = object_of(place, restoring.ref);
    if (!before) return pass_on(before);
    RestoredRef restored{std::move(*object), std::move(*before)};
    if (restored.before.empty()) restored.before.assign(restored.object.size(), '0');
    if (restored.before == restored.object) return restored;
    if (!is_no_object(restored.before)) {
        const auto kept = keep_objects(place, {restored.before}, {keep_lost, restorer()}, no_deadline);
        if (!kept) return pass_on(kept);
    }
    const auto done = run_in(
        place, {"-c", "committer.name=" + restorer().name, "-c", "committer.email=" + restorer().request,
                "-c", "core.logAllRefUpdates=always", "-c", "core.hooksPath=/dev/null", "update-ref", "-m",
                "restored", restoring.ref, restored.object, restored.before});
    if (!done) return pass_on(done);
    if (done->end.signal == 0 && done->end.code == 0) return restored;
    // Another ref stands in its way (a/b beside a), or it has just been moved.
    return fail(ErrorKind::denied, "git: " + printable(trim(done->output), 512));
}

}  // namespace gerve
