#include "authz/service/explain.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "authz/base/match.h"
#include "authz/base/text.h"
#include "authz/store/redis/redis_routes.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/input.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct CertificateFile {
    std::string name;
};
using SubjectWord = std::variant<Login, Fingerprint, CertificateFile>;

struct ExplainValues {
    std::optional<SubjectWord> who;
    std::optional<GitCommand> command;
    std::optional<IpAddress> address;
    bool json = false;
};

// A login may end in .pub, too, and has no slash.
bool is_file_name(const std::string& text) {
    if (text.find('/') != std::string::npos) return true;
    return text.ends_with(".pub") && ::access(text.c_str(), F_OK) == 0;
}

Result<SubjectWord> parse_subject(const std::string& text) {
    if (text.starts_with("SHA256:")) {
        auto fingerprint = Fingerprint::parse(text);
        if (!fingerprint) return pass_on(fingerprint);
        return SubjectWord(std::move(*fingerprint));
    }
    if (is_file_name(text)) return SubjectWord(CertificateFile{text});
    auto login = Login::parse(text);
    if (!login) return pass_on(login);
    return SubjectWord(std::move(*login));
}

ExplainSubject load_subject(const SubjectWord& word) {
    return match(
        word, [](const Login& login) { return ExplainSubject(login); },
        [](const Fingerprint& key) { return ExplainSubject(key); },
        [](const CertificateFile& file) { return ExplainSubject(read_certificate(file.name)); });
}

Result<GitCommand> parse_command(const std::string& text) {
    auto command = parse_git_command(text);
    if (command) return command;
    // What the client would be told ends a line; the detail, where there is one, says it better.
    const Error& error = command.error();
    const std::string_view why = trim(error.detail.empty() ? error.told : error.detail);
    return client_error("'" + printable(text) + "': " + std::string(why) +
                        " (write \"git-upload-pack 'owner/name'\" or \"git-receive-pack 'owner/name'\")");
}

Json to_json(const Explanation& explanation) {
    Json facts = Json::array();
    for (const auto& [question, answer] : explanation.facts) {
        facts.push_back({{"asked", question}, {"answer", answer}});
    }
    Json out{{"allowed", explanation.allowed}, {"rule", explanation.rule}, {"told", explanation.told},
             {"exit", explanation.exit},       {"facts", facts},           {"route", nullptr}};
    if (explanation.route) {
        Json endpoints = Json::array();
        for (const Endpoint& endpoint : explanation.route->endpoints) endpoints.push_back(endpoint.text());
        out["route"] = {{"server", explanation.route->server.text()}, {"endpoints", endpoints}};
    }
    return out;
}

void print(const Explanation& explanation) {
    Table facts({"ASKED", "ANSWER"});
    for (const auto& [question, answer] : explanation.facts)
        facts.add({one_line(question), one_line(answer)});
    facts.print("");
    std::printf("\n%s: rule %s\n", explanation.allowed ? "ALLOWED" : "DENIED", explanation.rule.c_str());
    if (!explanation.told.empty()) {
        std::printf("message  %s\nexit     %d\n", std::string(trim(explanation.told)).c_str(),
                    explanation.exit);
    }
    if (explanation.route) {
        std::string endpoints;
        for (const Endpoint& endpoint : explanation.route->endpoints) endpoints += " " + endpoint.text();
        std::printf("route    %s at%s\n", explanation.route->server.text().c_str(), endpoints.c_str());
    }
}

// Null: there is none. One that is out of reach is passed by, as for a login.
std::unique_ptr<RedisRoutes> routes_in_redis(const Config& config, RedisCounters& counters) {
    if (!config.redis) return nullptr;
    return std::make_unique<RedisRoutes>(need(RedisSettings::make(*config.redis)), 1, counters);
}

int run_explain(Site& site, const ExplainValues& values) {
    const ExplainSubject who = load_subject(*values.who);
    const std::optional<Route> local = embedded_route(site.config());
    RedisCounters counters;
    const auto redis = routes_in_redis(site.config(), counters);
    const Config& config = site.config();
    const ExplainSources sources{config.has_own_tables() ? site.database() : site.serving_database(),
                                 local,
                                 redis.get(),
                                 config.forge.has_value() || config.mysql.queries.contains("key"),
                                 values.address,
                                 site.config().lfs.mode};
    const auto explanation = need(explain(sources, who, *values.command, unix_now()));
    values.json ? print_json(to_json(explanation)) : print(explanation);
    return explanation.allowed ? 0 : refused_status;
}

}  // namespace

void declare_explain(Command& root) {
    const auto values = std::make_shared<ExplainValues>();
    root.command("explain", "Print the decision that would be made now: the facts, the rule and the route.",
                 [values](Site& site) { return run_explain(site, *values); })
        .argument("LOGIN|FINGERPRINT|FILE",
                  "The account, the key SHA256:…, or a certificate's -cert.pub file",
                  parsed(values->who, parse_subject))
        .argument("COMMAND", "The command that git sends, as one argument: \"git-receive-pack 'owner/name'\"",
                  parsed(values->command, parse_command))
        .option("--from", "ADDRESS", "The client's address, for a certificate that is for certain addresses",
                parsed(values->address))
        .json(values->json)
        .examples({"gerve explain id_ed25519-cert.pub \"git-upload-pack 'alice/hello'\" --from 192.0.2.7",
                   "gerve explain bob \"git-receive-pack 'alice/hello'\"",
                   "gerve explain SHA256:… \"git-upload-pack 'alice/hello'\" --json"},
                  "Exit status: 0 allowed, 1 denied, or allowed but without a route (no-route).");
}

}  // namespace gerve
