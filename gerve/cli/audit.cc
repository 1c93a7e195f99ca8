#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "authz/audit/events.h"
#include "authz/audit/new_chain.h"
#include "authz/audit/operator.h"
#include "authz/audit/prune.h"
#include "authz/audit/settings.h"
#include "authz/audit/verify.h"
#include "authz/base/text.h"
#include "authz/os/system_user.h"
#include "gerve/cli/audit_view.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/trail_lines.h"

namespace gerve {
namespace {

struct AuditValues {
    AuditFilter filter;
    std::vector<std::string> files;
    std::vector<TrailHead> anchors;
    std::optional<UnixMillis> before;
    std::string key_file;
    bool follow = false;
    bool json = false;
};

std::string all_kinds() {
    std::string names;
    for (const std::string_view name : event_kind_names)
        names += (names.empty() ? "" : ", ") + std::string(name);
    return names;
}

Result<EventKind> need_event_kind(const std::string& name) {
    const auto kind = parse_event_kind(name);
    if (!kind)
        return client_error("'" + printable(name, 40) +
                            "' is not a kind of event; the kinds are: " + all_kinds());
    return *kind;
}

class Printer {
  public:
    explicit Printer(const AuditValues& values) : values_(values) {}

    // JSON events as they stand in the file; a line that is none is passed over.
    void show(std::string_view line) {
        AuditJson event = AuditJson::parse(line, nullptr, false);
        if (!event.is_object() || !values_.filter.takes(event)) return;
        values_.filter.put_matches_first(event);
        if (values_.json) {
            std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
            return;
        }
        if (!std::exchange(headed_, true)) std::printf("%s\n", audit_heading().c_str());
        std::printf("%s\n", audit_row(event).c_str());
    }
    void finish() const {
        if (!headed_ && !values_.json) std::printf("no events\n");
    }

  private:
    const AuditValues& values_;
    bool headed_ = false;
};

int show(Site& site, const AuditValues& values) {
    Printer printer(values);
    const auto take = [&](std::string_view line) { printer.show(line); };
    if (values.files.empty()) {
        read_own_trail(site, values.follow, take);
    } else {
        if (values.follow) throw Stop{usage_status, "--follow cannot be combined with --file"};
        read_trail_files(values.files, take);
    }
    printer.finish();
    return 0;
}

ChainKey chain_key(Site& site, const AuditValues& values) {
    return need(load_chain_key(values.key_file.empty() ? audited(site).audit_key_file() : values.key_file));
}

int verify(Site& site, const AuditValues& values) {
    const ChainKey key = chain_key(site, values);
    TrailVerifier verifier(key, values.anchors);
    std::vector<std::string> files = values.files;
    std::optional<TrailHead> noted;
    if (files.empty()) {
        const std::string file = audited(site).audit_file();
        // First: what is written meanwhile is behind it.
        if (const auto record = read_head_record(file)) noted = record->head;
        files = list_trail_files(file);
        if (files.empty()) throw Stop{refused_status, "there is no audit trail at " + file};
    }
    for (const std::string& file : files) {
        std::ifstream in(file, std::ios::binary);
        if (!in) throw Stop{refused_status, errno_text("cannot read " + file)};
        verify_stream(verifier, file, in);
    }
    const auto problems = verifier.finish(noted);
    if (values.json) {
        Json out{{"good", problems.empty()},
                 {"events", verifier.lines()},
                 {"first", verifier.first_seq()},
                 {"head", format_anchor(verifier.head())},
                 {"problems", Json::array()}};
        for (const TrailProblem& one : problems)
            out["problems"].push_back({{"file", one.file}, {"line", one.line}, {"problem", one.text}});
        print_json(out);
        return problems.empty() ? 0 : refused_status;
    }
    for (const TrailProblem& one : problems)
        std::printf("%s:%llu: %s\n", one.file.c_str(), static_cast<unsigned long long>(one.line),
                    one.text.c_str());
    if (!problems.empty()) return refused_status;
    std::printf("good: events %llu to %llu in %zu file%s, up to %s\n",
                static_cast<unsigned long long>(verifier.first_seq()),
                static_cast<unsigned long long>(verifier.head().seq), files.size(),
                files.size() == 1 ? "" : "s", format_anchor(verifier.head()).c_str());
    return 0;
}

// What it names is on the disk first: an anchor is a promise. After a write that failed unseen the memory has
// more than the disk, and an fsync() says nothing of it: so it is read from the disk.
int anchor(Site& site) {
    const std::string file = audited(site).audit_file();
    const auto files = list_trail_files(file);
    if (files.empty()) throw Stop{refused_status, "there is no audit trail at " + file};
    const Fd last(::open(files.back().c_str(), O_RDONLY | O_CLOEXEC));
    if (!last || ::fsync(last.get()) != 0)
        throw Stop{refused_status, errno_text("cannot sync " + files.back())};
    (void)::posix_fadvise(last.get(), 0, 0, POSIX_FADV_DONTNEED);
    const auto end = need(find_trail_end(last.get(), ::lseek(last.get(), 0, SEEK_END)));
    if (!end) throw Stop{refused_status, files.back() + " contains no events"};
    std::printf("%s\n", format_anchor(end->head).c_str());
    return 0;
}

// Not as other changes are recorded: until it is done, nothing can be.
int new_chain(Site& site) {
    const TrailSettings settings = audit_trail_of(audited(site));
    const std::string aside = need(begin_new_chain(settings));
    const auto trail = need(Trail::open(settings));
    const AdminChange change{
        system_user_text(::getuid()), login_of(::getpid()), "audit new-chain", {}, "", ""};
    need(trail->append({fact_of(change)}));
    for (Unsynced& file : trail->take_unsynced()) need(file.sync(::fdatasync));
    std::printf("a new chain begins at %s\n", settings.file.c_str());
    if (!aside.empty())
        std::printf("the previous chain is %s; without its key it cannot be verified\n", aside.c_str());
    return 0;
}

int prune(Site& site, const AuditValues& values) {
    const auto keep = audited(site).audit.keep;
    if (!values.before && keep.count() == 0)
        throw Stop{usage_status, "give --before TIME, or set audit.keep in the configuration"};
    const UnixMillis before = values.before ? *values.before : unix_now() - keep.count();
    const std::uint64_t deleted = need(prune_audit_events(site.database(), before));
    std::printf("deleted %llu events from before %s\n", static_cast<unsigned long long>(deleted),
                time_text(before).c_str());
    return 0;
}

void declare_filters(Command& audit, const std::shared_ptr<AuditValues>& values) {
    AuditFilter& filter = values->filter;
    audit.option("--key", "FINGERPRINT", "With this key", parsed(filter.key))
        .option("--user", "LOGIN", "By or about this user, or refused with this login name",
                parsed(filter.user))
        .option("--repo", "OWNER/NAME", "On this repository", parsed(filter.repo))
        .option("--ip", "ADDRESS", "From this address or network, e.g. 10.0.0.0/8", parsed(filter.address))
        .option("--since", "TIME", "2026-01-31, 2026-01-31T12:00:00Z (UTC), or an age: 15m, 2h, 7d",
                past_into(filter.since))
        .option("--until", "TIME", "Before this time, in the same format", past_into(filter.until))
        .option("--event", "KIND", all_kinds(), parsed(filter.event, need_event_kind))
        .option("--request", "ID", "The operation with this id, which error messages show",
                word(filter.request))
        .flag("--denied", "Only refused operations, logins and connections", filter.denied)
        .option("--ref", "REF", "Pushes that named this ref: refs/heads/main, or main", word(filter.ref))
        .flag("--forced", "Only forced updates of refs", filter.forced)
        .flag("--deleted", "Only deletions of refs", filter.deleted)
        .flag("-f,--follow", "Keep printing events as they arrive", values->follow)
        .flag("--json", "Print the JSON lines of the file", values->json)
        .option("--file", "FILE", "Read this file, or - for standard input, instead of the trail; repeatable",
                word_onto(values->files), true);
}

}  // namespace

void declare_audit(Command& root) {
    const auto shown = std::make_shared<AuditValues>();
    Command audit =
        root.group("audit", "Print the audit trail: who used which key, when, from where, and why.",
                   [shown](Site& site) { return show(site, *shown); });
    declare_filters(audit, shown);
    const auto verified = std::make_shared<AuditValues>();
    audit
        .command("verify",
                 "Find events that were altered, deleted, moved or cut off; exit status 1 if there are any.",
                 [verified](Site& site) { return verify(site, *verified); })
        .optional_arguments("FILE",
                            "Files of one trail, oldest first; default: all files of the configured trail",
                            word_onto(verified->files))
        .option(
            "--anchor", "ANCHOR", "An anchor that `gerve audit anchor` printed; repeatable",
            [verified](const std::string& text) -> Result<void> {
                auto head = parse_anchor(text);
                if (!head) return pass_on(head);
                verified->anchors.push_back(std::move(*head));
                return {};
            },
            true)
        .option("--key-file", "FILE", "The key of the chain; default: the configured one",
                word(verified->key_file))
        .json(verified->json);
    (void)audit.command(
        "anchor",
        "Print an anchor of the end of the trail; keep it where nobody on this machine can change it.",
        anchor);
    (void)audit.command(
        "new-chain", "Start a new chain, and record that, when the key of the old chain is lost.", new_chain);
    declare_audit_reports(audit);
    const auto pruned = std::make_shared<AuditValues>();
    audit
        .change("prune", "Delete old events from the table; logrotate takes care of the files.",
                [pruned](Site& site) { return prune(site, *pruned); })
        .option("--before", "TIME", "2026-01-31, or 90d for 90 days ago; default: audit.keep",
                past_into(pruned->before));
    audit.examples({"gerve audit --user alice --since 7d", "gerve audit --key SHA256:… --json",
                    "gerve audit --denied --follow", "zcat audit.jsonl.3.gz | gerve audit --file -",
                    "gerve audit verify --anchor \"$(cat /mnt/elsewhere/anchor)\"",
                    "gerve audit report key-exchange"});
}

}  // namespace gerve
