#include "gerve/cli/live_list.h"

#include <nlohmann/json.hpp>
#include <set>

#include "authz/wire/client.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

constexpr std::chrono::milliseconds list_timeout{5'000};

ClientContext administrator() {
    return {};
}

template <class T>
T need_answer(const Config& config, Result<T> answer) {
    if (answer) return std::move(*answer);
    const std::string socket = config.authz_socket();
    if (answer.error().kind == ErrorKind::internal) {
        throw Stop{refused_status,
                   "authz at " + socket +
                       " does not answer this user: run this command as root, as authz's own user, or as "
                       "a user listed in authz.administrators"};
    }
    throw Stop{refused_status, "authz does not answer at " + socket + ": is `gerve serve` running? (" +
                                   describe(answer.error()) + ")"};
}

}  // namespace

Result<std::vector<LiveRecord>> try_list_live(const Config& config, const std::optional<LiveChoice>& choice) {
    AuthzClient authz(config.authz_socket(), list_timeout);
    std::vector<LiveRecord> records;
    bool more = true;
    while (more) {
        const std::uint64_t last = records.empty() ? 0 : records.back().sequence;
        const auto page = authz.ask(SessionsRequest{administrator(), last, choice});
        if (!page) return pass_on(page);
        records.insert(records.end(), page->records.begin(), page->records.end());
        more = page->more && !page->records.empty();
    }
    return records;
}

std::vector<LiveRecord> list_live(const Config& config, const std::optional<LiveChoice>& choice) {
    return need_answer(config, try_list_live(config, choice));
}

std::uint64_t kill_live(const Config& config, const LiveChoice& choice) {
    auto answer = AuthzClient(config.authz_socket(), list_timeout).ask(KillRequest{administrator(), choice});
    if (!answer && answer.error().kind == ErrorKind::internal) {
        throw Stop{
            refused_status,
            "authz at " + config.authz_socket() +
                " ended nothing: this user may not end sessions (run this command as root, as authz's own "
                "user, or as a user listed in authz.administrators), or the audit file cannot be "
                "written; authz's log says which"};
    }
    return need_answer(config, std::move(answer)).killed;
}

std::vector<LiveRecord> without_busy_connections(std::vector<LiveRecord> records) {
    std::set<std::string> busy;
    for (const LiveRecord& record : records) {
        if (!record.service.empty()) busy.insert(record.connection);
    }
    std::erase_if(records, [&](const LiveRecord& record) {
        return record.service.empty() && busy.contains(record.connection);
    });
    return records;
}

Json live_json(const LiveRecord& record) {
    return {{"session", record.id},
            {"connection", record.connection},
            {"who", record.who},
            {"deploy_key", record.deploy_key},
            {"key", record.fingerprint},
            {"service", record.service},
            {"repository", record.repo},
            {"server", record.server},
            {"address", record.address},
            {"client", record.version},
            {"door", door_name(record.door)},
            {"process", record.process},
            {"since", time_text(record.since)},
            {"seconds", std::max<std::int64_t>(unix_now() - record.since, 0) / 1000},
            {"bytes_in", record.bytes_in},
            {"bytes_out", record.bytes_out},
            {"bytes_per_second", record.rate},
            {"ending", record.ending}};
}

}  // namespace gerve
