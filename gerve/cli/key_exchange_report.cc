#include "gerve/cli/key_exchange_report.h"

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "authz/model/key_exchange.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/recorded_logins.h"

namespace gerve {
namespace {

struct ReportValues {
    std::optional<UnixMillis> since;
    bool json = false;
};

void print_report(const KeyExchangeReport& report, UnixMillis since, const std::string& unknown) {
    std::printf(
        "%zu accounts and deploy keys logged in since %s, %zu of them without a post-quantum key "
        "exchange.\n",
        report.holders, time_text(since).c_str(), report.without);
    if (report.unrecorded > 0) {
        std::printf(
            "Of %zu the key exchange is not recorded: they used sshd, or a gateway of an earlier version.\n",
            report.unrecorded);
    }
    if (!unknown.empty()) std::printf("The list is incomplete: %s.\n", unknown.c_str());
    if (report.logins.empty()) return;
    std::printf("\n");
    Table table({"LAST LOGIN (UTC)", "WHO", "KEY EXCHANGE", "CLIENT", "ADDRESS", "KEY"});
    for (const AuditJson& login : report.logins) {
        table.add({audit_clock(login), shown(audit_who(login)), shown(text_in(login, "key_exchange")),
                   shown(text_in(login, "client")), one_line(text_in(login, "address")),
                   one_line(text_in(login, "fingerprint"))});
    }
    table.print("");
}

void print_report_json(const KeyExchangeReport& report, UnixMillis since, const std::string& unknown) {
    Json logins = Json::array();
    for (const AuditJson& login : report.logins) {
        Json one;
        for (const char* name :
             {"time", "user", "deploy_key_of", "key_exchange", "client", "address", "fingerprint"}) {
            if (login.contains(name)) one[name] = login[name];
        }
        logins.push_back(std::move(one));
    }
    print_json({{"since", time_text(since)},
                {"holders", report.holders},
                {"without", report.without},
                {"unrecorded", report.unrecorded},
                {"complete", unknown.empty()},
                {"logins", std::move(logins)}});
}

int run_report(Site& site, const ReportValues& values) {
    const UnixMillis since = window_begin(values.since);
    const auto report = report_key_exchange(read_recorded_logins(site, since));
    const std::string unknown = why_logins_unknown(site, since);
    values.json ? print_report_json(report, since, unknown) : print_report(report, since, unknown);
    return 0;
}

}  // namespace

KeyExchangeReport report_key_exchange(const std::vector<AuditJson>& logins) {
    using Kind = std::tuple<std::string, std::string, std::string>;  // who, exchange, client
    enum class Worst { unrecorded, post_quantum, without };
    std::map<std::string, Worst> holders;
    std::map<Kind, AuditJson> last;
    for (const AuditJson& login : logins) {
        const std::string who = audit_who(login);
        const std::string exchange = text_in(login, "key_exchange");
        Worst& worst = holders.emplace(who, Worst::unrecorded).first->second;
        if (exchange.empty()) continue;
        worst = std::max(worst, is_post_quantum(exchange) ? Worst::post_quantum : Worst::without);
        if (!is_post_quantum(exchange)) last[{who, exchange, text_in(login, "client")}] = login;
    }
    KeyExchangeReport report;
    report.holders = holders.size();
    for (const auto& [who, worst] : holders) {
        report.without += worst == Worst::without ? 1 : 0;
        report.unrecorded += worst == Worst::unrecorded ? 1 : 0;
    }
    for (auto& [kind, login] : last) report.logins.push_back(std::move(login));
    return report;
}

void declare_audit_reports(Command& audit) {
    Command report = audit.group("report", "Lists made from the logins in the audit trail.");
    const auto values = std::make_shared<ReportValues>();
    report
        .command(
            "key-exchange",
            "List the accounts and deploy keys whose clients log in without a post-quantum key exchange.",
            [values](Site& site) { return run_report(site, *values); })
        .option("--since", "TIME",
                "Look at logins since then: 2026-01-31, or an age such as 30d; default: 90d",
                past_into(values->since))
        .json(values->json);
    report.examples(
        {"gerve audit report key-exchange --since 30d", "gerve audit report key-exchange --json"});
}

}  // namespace gerve
