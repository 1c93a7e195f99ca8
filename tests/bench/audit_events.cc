// What the audit trail costs a login: CPU for its events in the file, and for the same events in the table.
//
//   audit_events DIRECTORY [LOGINS]     DIRECTORY must not exist; it is left behind

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "authz/audit/audit.h"
#include "authz/audit/last_used.h"
#include "authz/audit/spool.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"

namespace gerve {
namespace {

double cpu_microseconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// What a login by a key that was probed, and one fetch, leave behind.
void record_login(AuditSink& sink, const KnownKey& key, const ClientContext& client) {
    const std::optional<KeyProven> proof = KeyProven{client, "git", key.fingerprint.text(), &key};
    const AuthorizeRequest wish{"",           Service::upload_pack, *RepoPath::parse("alice/site"),
                                std::nullopt, RequestId::make(),    client};
    sink.record(proof, Decided{wish, key, Allow{Rule::owner}});
    sink.record(SessionEnded{SessionReport{"", wish.request, client, "git-upload-pack", "alice/site", "local",
                                           "version=2", 1432, 88210, 41, 0, OperationEnd::exit},
                             key});
}

Result<double> measure_file(const std::string& directory, int logins) {
    auto sink = AuditSink::open({{directory + "/audit.jsonl", directory + "/audit.key", "gateway"}});
    if (!sink) return pass_on(sink);
    const KnownKey key{KeyId{1}, *Fingerprint::parse_bytes(std::string(Fingerprint::size, 'x')),
                       User{AccountId{1}, *Login::parse("alice")}};
    const ClientContext client{"192.0.2.17", "OpenSSH_9.2p1 Debian-2+deb12u10", "b16f7d29339499b5",
                               Door::gateway};
    const double start = cpu_microseconds();
    for (int i = 0; i < logins; ++i) record_login(**sink, key, client);
    return (cpu_microseconds() - start) / logins;
}

Result<double> measure_table(const std::string& directory, int logins) {
    auto database = open_sqlite(directory + "/gerve.db", SqliteMode::read_write, std::chrono::seconds(5));
    if (!database) return pass_on(database);
    if (auto made = migrate_schema(**database); !made) return pass_on(made);
    Spool spool(directory + "/audit.jsonl", [](const std::string&) { return Result<std::uint64_t>(0); });
    const double start = cpu_microseconds();
    while (true) {
        const auto lines = spool.read(500);
        if (!lines) return pass_on(lines);
        if (lines->empty()) return (cpu_microseconds() - start) / logins;
        const auto rows = rows_of(*lines);
        if (auto done = insert_audit_rows(**database, rows); !done) return pass_on(done);
        KeyUses uses;
        add_uses(uses, rows);
        if (auto done = write_uses(**database, uses); !done) return pass_on(done);
    }
}

int run(const std::string& directory, int logins) {
    if (!std::filesystem::create_directory(directory)) return 2;
    const auto file = measure_file(directory, logins);
    const auto table = file ? measure_table(directory, logins) : file;
    if (!table) {
        std::fprintf(stderr, "%s\n", describe(table.error()).c_str());
        return 1;
    }
    std::printf("file   %6.1f us a login\ntable  %6.1f us a login (SQLite)\n", *file, *table);
    return 0;
}

}  // namespace
}  // namespace gerve

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    return gerve::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 20'000);
}
