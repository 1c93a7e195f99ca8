// The events of the audit trail as facts: what each kind tells, and by which names. docs/audit.md lists them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/audit/chain.h"
#include "authz/audit/json_members.h"
#include "authz/model/decision.h"
#include "authz/model/policy_answer.h"
#include "authz/wire/reports.h"

namespace gerve {

// A key was offered: somebody asked whether it would do. `known`: what the directory says of it.
struct KeyOffered {
    const KeyRequest& request;
    const std::optional<KnownKey>& known;
};
// A signature by the key was verified, by a worker or by sshd.
struct KeyProven {
    const ClientContext& client;
    std::string login;  // the SSH user name
    std::string fingerprint;
    const KnownKey* known;  // null: the directory does not know the key
};
struct Decided {
    const AuthorizeRequest& request;
    const KnownKey& key;
    const Decision& decision;
    const RepoPath* found = nullptr;  // the repository's name now; null: there is none
};
// Where nobody logs in.
struct DecidedAnonymously {
    const AnonymousRequest& request;
    const Decision& decision;
    const RepoPath* found = nullptr;
};
// `key`: of the session's principal, as far as its handle still tells.
struct SessionEnded {
    const SessionReport& report;
    std::optional<KnownKey> key;
};
// What a push did to its refs, or a part of them. `key` as in SessionEnded.
struct RefsPushed {
    const PushReport& report;
    std::optional<KnownKey> key;
};
// A connection or an attempt to log in that was refused or ended. `key`: of whoever had logged in.
struct ClientRefused {
    const RefusalReport& report;
    std::optional<KnownKey> key;
};
// The signature counter of a security key is below that of a login that had finished before.
struct CounterFell {
    std::uint32_t counter = 0;
    std::uint32_t before = 0;
    std::string fingerprint;                                   // of the key
    std::vector<std::pair<std::string, std::string>> members;  // others of the proof, as JSON
};
// Two policies say different things of an operation. `key` as in SessionEnded; everything is borrowed.
struct PoliciesDiffer {
    const RequestId& request;
    const std::optional<KnownKey>& key;
    Service service;  // that was asked for
    const RepoPath& repo;
    const PolicyAnswer& served;
    const PolicyAnswer& shadow;
};
// How many decisions were compared with those of a second policy, since the event before.
struct PoliciesCompared {
    std::array<std::uint64_t, compared_count> sums{};  // by result (Compared)
};
// A command of an administrator's, at its end.
struct AdminChange {
    std::string user;                    // who ran it, by the kernel's word: a name, or the number of a user
    std::string login;                   // who had logged in to do so, before any su or sudo; may be empty
    std::string command;                 // "key add"
    std::vector<std::string> arguments;  // the words of its line
    std::string failed;                  // why it was refused; empty: it was done
    std::string facts;                   // an object as JSON: "before", "after" …; or empty
};

[[nodiscard]] AuditFact fact_of(const KeyProven& event);
[[nodiscard]] AuditFact fact_of(const Decided& event);
[[nodiscard]] AuditFact fact_of(const DecidedAnonymously& event);
[[nodiscard]] AuditFact fact_of(const RefsPushed& event);
[[nodiscard]] AuditFact fact_of(const SessionEnded& event);
[[nodiscard]] AuditFact fact_of(const AdminChange& event);
[[nodiscard]] AuditFact fact_of(const CounterFell& event);
[[nodiscard]] AuditFact fact_of(const PoliciesDiffer& event);
[[nodiscard]] AuditFact fact_of(const PoliciesCompared& event);
// Of somebody who had logged in.
[[nodiscard]] AuditFact fact_of(const RefusalReport& report, const KnownKey& key);
[[nodiscard]] AuditFact service_fact(std::string_view is);  // "started", "stopped"
// `count` events found no room while the file could not be written; the first of them at `since`.
[[nodiscard]] AuditFact lost_fact(std::uint64_t count, std::int64_t since);

// The beginning of a text of a client's that takes at most `most` bytes when it is written as JSON, in which
// a byte may take six.
[[nodiscard]] std::string short_text(std::string_view text, std::size_t most);
constexpr std::size_t longest_version = 128;  // of a client, as JSON

void put_client(JsonMembers& members, const ClientContext& client);
void put_key(JsonMembers& members, const KnownKey& key);
// Without its fingerprint: the number of its row, or what certified it; and whose it is.
void put_holder(JsonMembers& members, const KnownKey& key);

}  // namespace gerve
