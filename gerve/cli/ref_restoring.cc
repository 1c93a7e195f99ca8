#include "gerve/agent/repository/ref_restoring.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "authz/model/operation_facts.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/output.h"
#include "gerve/cli/repository_history.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct RestoringValues {
    std::optional<RepoPath> repo;
    std::string ref;
    std::string object;
};

// What a push took from a ref.
struct Loss {
    std::string object;
    std::string told;  // by whom, when, and how
};

std::optional<Loss> loss_of(const AuditJson& event, const AuditJson& change) {
    const std::string kind = text_in(change, "kind");
    const std::string old_id = text_in(change, "old");
    const bool is_lost =
        kind == "delete" || kind == "forced-update" || text_in(change, "forced") == "unknown";
    if (!is_lost || text_in(change, "outcome") != "taken" || !is_object_id(old_id) || is_no_object(old_id))
        return std::nullopt;
    const char* how = kind == "delete" ? "deleted" : kind == "forced-update" ? "force-pushed" : "moved";
    return Loss{old_id,
                std::string(how) + " by " + shown(audit_who(event)) + " at " + audit_clock(event) + " UTC"};
}

// The last loss of each ref that the name may stand for.
std::map<std::string, Loss> find_losses(Site& site, const RestoringValues& values) {
    AuditFilter filter;
    filter.ref = values.ref;
    std::map<std::string, Loss> losses;
    // What was lost before that is not kept any more.
    const std::chrono::days kept = std::max(site.config().repositories.keep_lost, std::chrono::days(1));
    const UnixMillis since = unix_now() - std::chrono::milliseconds(kept).count();
    each_ref_change(site, *values.repo, since, [&](const AuditJson& event, const AuditJson& change) {
        if (!filter.takes_ref(change)) return true;
        if (auto loss = loss_of(event, change)) losses.try_emplace(text_in(change, "ref"), std::move(*loss));
        return losses.empty() || !values.ref.starts_with("refs/");
    });
    return losses;
}

std::string list_of(const std::map<std::string, Loss>& losses) {
    std::string names;
    for (const auto& [ref, loss] : losses) names += (names.empty() ? "" : " or ") + shown(ref);
    return names;
}

RefRestoring choose(Site& site, const RestoringValues& values, const std::string& repo) {
    const bool is_whole = values.ref.starts_with("refs/");
    if (!values.object.empty()) return {is_whole ? values.ref : "refs/heads/" + values.ref, values.object};
    const auto losses = find_losses(site, values);
    if (losses.empty()) {
        throw Stop{refused_status, "the audit trail has no push that deleted or force-pushed " +
                                       shown(values.ref) + " in " + repo +
                                       ": find the object with `gerve repo history " + repo +
                                       "`, and give it after the ref"};
    }
    if (losses.size() > 1)
        throw Stop{refused_status, shown(values.ref) + " is ambiguous: write " + list_of(losses)};
    const auto& [ref, loss] = *losses.begin();
    std::printf("%s was %s\n", shown(ref).c_str(), loss.told.c_str());
    return {ref, loss.object};
}

int restore(Site& site, const RestoringValues& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    need_git(record, "has no refs");
    const std::string repo = record.path.text();
    site.details().add("repo", repo);
    const RefRestoring restoring = choose(site, values, repo);
    site.details().add("ref", restoring.ref);
    if (!is_restorable(restoring.ref))
        throw Stop{refused_status, shown(restoring.ref) + " is one of Gerve's own refs"};
    const auto done = FileServer(site, record.path.owner()).restore_ref(record.path, record.id, restoring);
    if (!done) throw Stop{refused_status, done.error().why};
    site.details().add("before", done->before);
    site.details().add("after", done->object);
    const bool is_new = is_no_object(done->before);
    std::printf("%s of %s now points to %s (before: %s)\n", shown(restoring.ref).c_str(), repo.c_str(),
                done->object.c_str(), is_new ? "no such ref" : done->before.c_str());
    return 0;
}

Setter object_into(std::string& into) {
    return [&into](const std::string& text) -> Result<void> {
        if (!may_be_object(text))
            return client_error("must be an object id, or at least its first four digits, in lower case");
        into = text;
        return {};
    };
}

}  // namespace

void declare_ref_restoring(Command& repo) {
    const auto values = std::make_shared<RestoringValues>();
    repo.change("restore-ref", "Restore a ref that a push deleted or force-pushed.",
                [values](Site& site) { return restore(site, *values); })
        .argument("OWNER/NAME", "The repository", parsed(values->repo))
        .argument("REF", "refs/heads/main, or main", word(values->ref))
        .optional_argument(
            "OBJECT",
            "An object id, or its first digits; default: what the ref pointed to before the last "
            "push that deleted or force-updated it",
            object_into(values->object))
        .examples({"gerve repo restore-ref alice/site main",
                   "gerve repo restore-ref alice/site refs/tags/v1.0 4f2a9c01d3"});
}

}  // namespace gerve
