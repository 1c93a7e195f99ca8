#include "authz/audit/offers.h"

#include "authz/base/address.h"

namespace gerve {
namespace {

constexpr std::int64_t second = 1'000;  // ms
const std::string many_addresses = "*";

std::string members_of(const KnownKey& key) {
    JsonMembers members;
    members.add("key", number_of(key.id));
    if (const auto* user = std::get_if<User>(&key.owner))
        members.add("user", user->login.text());
    else
        members.add("deploy_key_of", std::get<DeployKey>(key.owner).repo.text());
    return members.take();
}

std::string members_of(const std::string& fingerprint, const std::string& holder, std::uint64_t count) {
    JsonMembers members;
    members.add("fingerprint", fingerprint);
    members.add("count", count);
    members.add_flag("known", !holder.empty());
    std::string text = members.take();
    return "{" + text + (holder.empty() ? "" : "," + holder) + "}";
}

enum class Connections { one, many };

std::string members_of(const KeyRequest& request, Connections connections) {
    JsonMembers members;
    members.add("login", request.login);
    members.add("client", request.client.version);
    if (connections == Connections::one) members.add("connection", request.client.connection);
    members.add("door", request.client.door);
    return members.take();
}

std::string fields_of(const std::string& address, std::uint64_t count, const std::string& keys,
                      const std::string& client) {
    JsonMembers members("offered");
    members.add("address", address);
    members.add("count", count);
    members.add_json("keys", "[" + keys + "]");
    return members.take() + "," + client;
}

}  // namespace

std::vector<AuditFact> Offers::add(const KeyOffered& offer) {
    const std::string fingerprint = offer.request.key.fingerprint().text();
    const std::string holder = offer.known ? members_of(*offer.known) : "";
    const std::string& own = offer.request.client.address;
    const std::string source = source_of(own);
    const bool room = seconds_.size() < max_sources || seconds_.contains(source);
    const auto [at, is_first] = seconds_.try_emplace(room ? source : many_addresses);
    Second& counted = at->second;
    if (is_first) {
        counted.begun = monotonic_now();
        const std::string client = members_of(offer.request, Connections::one);
        if (room) return {{audit_now(), fields_of(own, 1, members_of(fingerprint, holder, 1), client)}};
    }
    if (counted.count++ == 0) {
        counted.client = members_of(offer.request, Connections::many);
        counted.address = own;
    }
    if (counted.address != own) counted.address = at->first;
    if (counted.keys.size() >= max_keys && !counted.keys.contains(fingerprint)) {
        ++counted.unnamed;
        return {};
    }
    OfferedKey& key = counted.keys[fingerprint];
    ++key.count;
    key.holder = holder;
    return {};
}

AuditFact Offers::fact_of(const Second& counted) {
    std::string keys;
    for (const auto& [fingerprint, key] : counted.keys) {
        if (!keys.empty()) keys += ',';
        keys += members_of(fingerprint, key.holder, key.count);
    }
    std::string client = counted.client;
    if (counted.unnamed > 0) client += R"(,"unnamed":)" + std::to_string(counted.unnamed);
    return {audit_now(), fields_of(counted.address, counted.count, keys, client)};
}

std::vector<AuditFact> Offers::close(std::int64_t now) {
    std::vector<AuditFact> facts;
    for (auto at = seconds_.begin(); at != seconds_.end();) {
        if (at->second.begun > now - second) {
            ++at;
            continue;
        }
        if (at->second.count > 0) facts.push_back(fact_of(at->second));
        at = seconds_.erase(at);
    }
    return facts;
}

}  // namespace gerve
