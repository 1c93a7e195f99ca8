#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "authz/base/digest.h"
#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/declared_file.h"
#include "gerve/cli/declared_on_disk.h"
#include "gerve/cli/input.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"
#include "gerve/cli/redis_table.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct ApplyValues {
    std::string file;
    bool dry_run = false;
    bool prune = false;
    bool json = false;
};

constexpr std::size_t most_problems = 100;

// What the administrator reads of a file that is not applied.
[[noreturn]] void refuse_file(std::vector<ConfigProblem> problems) {
    const std::size_t more = problems.size() > most_problems ? problems.size() - most_problems : 0;
    problems.erase(problems.end() - static_cast<std::ptrdiff_t>(more), problems.end());
    std::string text = "nothing was changed\n" + format_problems(problems);
    if (more > 0) text += "\nand " + std::to_string(more) + " more";
    throw Stop{refused_status, text};
}

class Application {
  public:
    Application(Site& site, const ApplyValues& values) : site_(site), values_(values) {
        const std::string text = read_input(values.file, most_bytes);
        site.details().add("sha256", to_hex(sha256(text)));
        file_ = read_declared(text, input_name(values.file));
        if (!file_.problems.empty()) refuse_file(std::move(file_.problems));
    }

    int show() {
        print(try_out(), false);
        return 0;
    }

    int make_so() {
        const DeclaredComparison made = apply();
        record(made, false);
        tell_routes(made);
        print(made, true);
        std::vector<std::string> failed = create_on_disk(site_, made.changes);
        for (const auto& [repo, why] : held_) failed.push_back(repo.text() + ": " + why);
        if (failed.empty()) return 0;
        std::sort(failed.begin(), failed.end());
        std::string text = "these repositories are not served; apply again when this is corrected:";
        for (const std::string& one : failed) text += "\n" + one;
        throw Stop{refused_status, text};
    }

  private:
    static constexpr std::size_t most_bytes = 64 * 1024 * 1024;

    // Inside of a transaction.
    DeclaredComparison compare() {
        CompareOptions options{values_.prune, site_.config().audit.enabled, {}};
        if (values_.prune) options.used = need_backend(site_.registry().list_used_accounts());
        return compare_declared(file_.state, need_backend(site_.registry().read_declared()), options);
    }

    void make(const DeclaredComparison& found) {
        refuse(need_backend(make_declared(site_.registry(), found.changes)));
    }

    // Finds the differences, looks at the file servers, and makes the changes in a transaction. If others
    // have changed the directory meanwhile so that a file server is to be asked about more, it begins again.
    DeclaredComparison apply() {
        for (int attempt = 0; attempt < 3; ++attempt) {
            const DeclaredComparison first = compare_first();
            DiskFindings disk = prepare_on_disk(site_, first.changes);
            refuse(disk.refused);
            auto transaction = need_backend(Transaction::begin(site_.database()));
            DeclaredComparison found = compare();
            hold_back(found.changes, disk.held);
            if (enables_unprepared(found.changes, disk.ready)) continue;
            make(found);
            if (const auto committed = transaction.commit(); !committed) unsure(found, committed.error());
            held_ = std::move(disk.held);
            return found;
        }
        throw Stop{refused_status, "others are changing the directory: nothing was changed, apply again"};
    }

    // A connection that is lost at the very end leaves open whether the database has made the changes.
    [[noreturn]] void unsure(const DeclaredComparison& perhaps, const Error& error) {
        record(perhaps, true);
        throw Stop{refused_status, "it is unknown whether the changes were made (" + describe(error) +
                                       "): apply again to find out"};
    }

    // The changes, made to see whether they can be, and rolled back before anybody reads them.
    DeclaredComparison try_out() {
        const auto transaction = need_backend(Transaction::begin(site_.database()));
        DeclaredComparison found = compare();
        make(found);
        return found;
    }

    DeclaredComparison compare_first() {
        const auto transaction = need_backend(Transaction::begin(site_.database()));
        return compare();
    }

    // `refused` refers to changes that live until this returns.
    void refuse(const std::vector<RefusedChange>& refused) {
        if (refused.empty()) return;
        std::vector<ConfigProblem> problems;
        for (const RefusedChange& one : refused)
            problems.push_back(file_.reader->problem(one.change->place,
                                                     one_line("'" + one.change->text() + "': " + one.why)));
        refuse_file(std::move(problems));
    }

    // At once: what comes behind it may take long, and be interrupted. `perhaps`: whether they were made is
    // unknown.
    void record(const DeclaredComparison& made, bool perhaps) {
        site_.details().add("changes", made.changes.size());
        for (const DeclaredChange& change : made.changes) {
            JsonMembers details;
            details.add("change", name_in(change_sign_names, change.sign));
            details.add("kind", name_in(declared_kind_names, change.kind));
            for (const auto& [name, value] : change.about) details.add(name, value);
            if (!change.attribute.empty()) details.add("attribute", change.attribute);
            // A grant as `gerve access` tells it.
            const std::string none = change.kind == DeclaredKind::grant ? "none" : "";
            details.add("before", change.before.empty() ? none : change.before);
            details.add("after", change.after.empty() ? none : change.after);
            if (perhaps) details.add("made", "unknown");
            site_.note_change(std::move(details));
        }
        site_.record_changes();
    }

    // Where there is a Redis, it forgets the routes of accounts that were removed.
    void tell_routes(const DeclaredComparison& made) {
        for (const DeclaredChange& change : made.changes) {
            const bool account =
                change.kind == DeclaredKind::user || change.kind == DeclaredKind::organization;
            if (!account || change.sign != ChangeSign::remove) continue;
            const Login login = need(Login::parse(change.name));
            (void)tell_redis(site_, [&](RedisEditor& redis) { return redis.remove(login); });
        }
    }

    static Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

    static Json to_json(const DeclaredChange& change) {
        Json out{{"change", name_in(change_sign_names, change.sign)},
                 {"kind", name_in(declared_kind_names, change.kind)}};
        for (const auto& [name, value] : change.about) out[std::string(name)] = value;
        if (!change.attribute.empty()) out["attribute"] = change.attribute;
        out["before"] = text_or_null(change.before);
        out["after"] = text_or_null(change.after);
        return out;
    }

    static void print_as_json(const DeclaredComparison& found, bool made) {
        Json changes = Json::array();
        for (const DeclaredChange& change : found.changes) changes.push_back(to_json(change));
        Json kept = Json::object();
        for (const auto& [kind, count] : found.kept)
            kept[std::string(name_in(declared_kind_names, kind))] = count;
        print_json({{"made", made}, {"changes", changes}, {"not_in_the_file", kept}});
    }

    void print(const DeclaredComparison& found, bool made) const {
        if (values_.json) return print_as_json(found, made);
        for (const DeclaredChange& change : found.changes)
            std::printf("%s\n", one_line(change.text()).c_str());
        const std::size_t count = found.changes.size();
        const std::string changes = std::to_string(count) + (count == 1 ? " change" : " changes");
        if (count == 0)
            std::printf("nothing to change\n");
        else
            std::printf("%s%s\n", changes.c_str(), made ? " made" : " to make; nothing was changed");
        std::string kept;
        for (const auto& [kind, number] : found.kept)
            kept += (kept.empty() ? "" : ", ") + std::to_string(number) + " " +
                    std::string(noun_of(kind, number));
        if (!kept.empty()) std::printf("not in the file, kept: %s\n", kept.c_str());
        std::fflush(stdout);
    }

    Site& site_;
    const ApplyValues& values_;
    DeclaredFile file_;
    std::map<RepoPath, std::string> held_;  // repositories that have to wait, and why
};

int run_apply(Site& site, const ApplyValues& values) {
    if (values.dry_run) return Application(site, values).show();
    return run_on_record(site, "apply", [&](Site& recorded) {
        Application application(recorded, values);
        recorded.create_state();
        return application.make_so();
    });
}

}  // namespace

void declare_apply(Command& root) {
    const auto values = std::make_shared<ApplyValues>();
    root.command("apply", "Change the directory to what a file of `gerve export` declares, all or nothing.",
                 [values](Site& site) { return run_apply(site, *values); })
        .argument("FILE", "The file, or - for standard input", word(values->file))
        .flag("-n,--dry-run", "Print the changes and check that they can be made; change nothing",
              values->dry_run)
        .flag("--prune", "Withdraw what the file does not declare", values->prune)
        .json(values->json)
        .examples({"gerve apply --dry-run directory.toml", "gerve apply directory.toml",
                   "gerve apply --prune directory.toml"},
                  "Repositories that the file does not declare are disabled by --prune, never deleted.");
}

}  // namespace gerve
