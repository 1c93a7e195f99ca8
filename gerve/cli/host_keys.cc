#include "gerve/ssh/host_keys.h"

#include <nlohmann/json.hpp>

#include "authz/state_directory.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

int list(Site& site, bool json) {
    const Config& config = site.config();
    const auto files =
        config.ssh.host_keys.empty() ? need(find_host_keys(config.state)) : config.ssh.host_keys;
    Table table({"TYPE", "BITS", "FINGERPRINT", "FILE"});
    Json rows = Json::array();
    for (const std::string& file : files) {
        const PublicKey key = need(read_host_key(file));
        table.add({key.algorithm(), std::to_string(key.bits()), key.fingerprint().text(), shown(file)});
        rows.push_back({{"type", key.algorithm()},
                        {"bits", key.bits()},
                        {"fingerprint", key.fingerprint().text()},
                        {"public_key", key.text()},
                        {"file", file}});
    }
    if (json) {
        print_json(rows);
    } else {
        table.print("no host keys: `gerve serve` makes them at its first start");
    }
    return 0;
}

int make(Site& site, HostKeyType type, const std::string& name) {
    const Config& config = site.config();
    if (!config.ssh.host_keys.empty()) {
        throw Stop{refused_status, "ssh.host_keys in " + config.file +
                                       " lists the host keys: make one with `ssh-keygen -t " + name +
                                       " -N '' -f FILE`, add FILE there, and reload (SIGHUP)"};
    }
    need(make_state_directory(config.state));
    const std::string file = need(make_host_key(config.state, type));
    const PublicKey key = need(read_host_key(file));
    std::printf(
        "made %s: %s %s\n"
        "It is served after a reload (SIGHUP) or a restart. Clients that prefer this type and know another "
        "key of this\n"
        "gateway will prompt or warn: publish the fingerprint beforehand.\n",
        file.c_str(), key.algorithm().c_str(), key.fingerprint().text().c_str());
    return 0;
}

}  // namespace

void declare_host_keys(Command& root) {
    Command host_key = root.group("host-key", "The host keys, by which clients recognise this gateway.");
    const auto json = std::make_shared<bool>(false);
    host_key
        .command("list", "List the host keys with their fingerprints.",
                 [json](Site& site) { return list(site, *json); })
        .json(*json);
    struct Values {
        std::optional<HostKeyType> type;
        std::string name;
    };
    const auto values = std::make_shared<Values>();
    host_key
        .change("new", "Create a host key of a type that the state directory does not have.",
                [values](Site& site) { return make(site, *values->type, values->name); })
        .argument("TYPE", "ed25519, ecdsa or rsa", [values](const std::string& text) -> Result<void> {
            const auto type = parse_host_key_type(text);
            if (!type) return pass_on(type);
            values->type = *type;
            values->name = text;
            return {};
        });
    host_key.examples({"gerve host-key list", "gerve host-key new ecdsa"});
}

}  // namespace gerve
