#include "gerve/agent/admission/ticket_admission.h"

#include <doctest/doctest.h>

#include "authz/base/digest.h"

namespace gerve {
namespace {

using grv1::FailCode;

// An agent "fs1" with two live keys, and a good ticket for it signed with the first.
struct Desk {
    Desk() {
        config.name = "fs1";
        config.ticket_keys.push_back(key);
        config.ticket_keys.push_back(second_key);
        open.owner = "mojombo";
        open.storage_path = "mojombo/bert.git";
        open.request_id = random_bytes(16);
        open.nonce = random_bytes(16);
        open.audience = "fs1";
        open.time = now.wall;
    }

    Admitted<void> check(const std::string& message, bool unix_socket = false) {
        return check_ticket(parse_open(message).value(), config, unix_socket, nonces, now);
    }
    // 0 when it is accepted.
    unsigned code(const std::string& message, bool unix_socket = false) {
        const auto checked = check(message, unix_socket);
        return checked ? 0 : static_cast<unsigned>(checked.error().fail.code);
    }

    TicketKey key = TicketKey::make();
    TicketKey second_key = TicketKey::make();
    AgentConfig config;
    Open open;
    NonceCache nonces{nonce_lifetime, 1000};
    AdmissionTime now = AdmissionTime::now();
};

TEST_CASE("a good ticket is accepted once") {
    Desk desk;
    const std::string message = encode_open(desk.open, &desk.key);
    CHECK(desk.code(message) == 0);
    CHECK(desk.code(message) == 3);
    // Another signature over the same nonce does not help.
    CHECK(desk.code(encode_open(desk.open, &desk.second_key)) == 3);
}

TEST_CASE("both live keys sign, no other does") {
    Desk desk;
    CHECK(desk.code(encode_open(desk.open, &desk.second_key)) == 0);
    desk.open.nonce = random_bytes(16);
    const TicketKey stranger = TicketKey::make();
    CHECK(desk.code(encode_open(desk.open, &stranger)) == 2);
    CHECK(desk.code(encode_open(desk.open, nullptr)) == 2);
    CHECK(desk.code(encode_open(desk.open, nullptr), true) == 2);  // a unix socket does not replace a key
    CHECK(desk.nonces.size() == 1);                                // what is not authentic leaves no trace
}

TEST_CASE("without keys only a unix socket is trusted") {
    Desk desk;
    desk.config.ticket_keys.clear();
    const std::string message = encode_open(desk.open, nullptr);
    CHECK(desk.code(message, false) == 2);
    CHECK(desk.code(message, true) == 0);
    CHECK(desk.code(message, true) == 3);
}

TEST_CASE("one altered byte anywhere is found out") {
    Desk desk;
    const std::string message = encode_open(desk.open, &desk.key);
    for (std::size_t i = 0; i < message.size(); ++i) {
        CAPTURE(i);
        std::string altered = message;
        altered[i] = static_cast<char>(altered[i] ^ 1);
        const auto received = parse_open(altered);
        if (!received) continue;
        CHECK_FALSE(check_ticket(*received, desk.config, false, desk.nonces, desk.now));
    }
    CHECK(desk.code(message) == 0);
}

TEST_CASE("a ticket counts for 30 s around its time") {
    for (const auto& [offset, code] :
         {std::pair<long, unsigned>{-30'001, 3}, {-30'000, 0}, {30'000, 0}, {30'001, 3}}) {
        CAPTURE(offset);
        Desk desk;
        desk.open.time += offset;
        CHECK(desk.code(encode_open(desk.open, &desk.key)) == code);
    }
    Desk desk;
    desk.open.time = INT64_MIN;
    CHECK(desk.code(encode_open(desk.open, &desk.key)) == 3);
    desk.open.time = INT64_MAX;
    CHECK(desk.code(encode_open(desk.open, &desk.key)) == 3);
}

TEST_CASE("audience, version and flags") {
    Desk desk;
    desk.open.audience = "fs2";
    CHECK(desk.code(encode_open(desk.open, &desk.key)) == 2);
    desk.open.audience = "fs1";
    std::string message = encode_open(desk.open, &desk.key);
    const auto with = [&](std::size_t at, char value) {
        std::string changed = message.substr(0, message.size() - grv1_mac_size);
        changed[at] = value;
        return changed + desk.key.sign(changed);
    };
    CHECK(desk.code(with(4, 2)) == 1);  // from 2
    CHECK(desk.code(with(5, 0)) == 1);  // up to 0
    CHECK(desk.code(with(6, 1)) == 4);
    CHECK(desk.code(with(7, 1)) == 4);
    CHECK(desk.code(with(5, 9)) == 0);  // 1 to 9
}

TEST_CASE("a peer is told nothing that the log keeps for itself") {
    Desk desk;
    const TicketKey stranger = TicketKey::make();
    const auto unknown_key = desk.check(encode_open(desk.open, &stranger));
    const auto unsigned_open = desk.check(encode_open(desk.open, nullptr));
    desk.open.audience = "fs2";
    const auto elsewhere = desk.check(encode_open(desk.open, &desk.key));
    CHECK(unknown_key.error().fail == unsigned_open.error().fail);
    CHECK(unknown_key.error().fail == elsewhere.error().fail);
    CHECK(unknown_key.error().why != unsigned_open.error().why);
    CHECK(elsewhere.error().why.find("fs2") != std::string::npos);
}

TEST_CASE("an operation that is not enabled or makes no sense is refused before the disk is looked at") {
    Desk desk;
    desk.config.root = "/nonexistent";
    const auto code = [&] {
        const auto resolved = resolve_operation(desk.open, desk.config);
        return resolved ? 0U : static_cast<unsigned>(resolved.error().fail.code);
    };
    desk.config.services = {};
    CHECK(code() == 6);
    desk.config.services = ServiceSet::all();
    desk.open.admin = "delete";  // with service upload-pack
    CHECK(code() == 4);
    desk.open.service = Service::admin;
    desk.open.admin = "explode";
    CHECK(code() == 4);
    desk.open.admin = "rename";
    CHECK(code() == 4);  // to where?
    desk.open.admin_argument = "../x.git";
    CHECK(code() == 4);
    desk.open.admin = "create";
    desk.open.storage_path = "defunkt/bert.git";
    CHECK(code() == 4);
    desk.open.storage_path = "mojombo/bert.git";
    CHECK(code() == 0);
    desk.config.layout = Layout::hashed_id;
    CHECK(code() == 4);  // no id
}

TEST_CASE("a ref to be restored has its full name, and is none of Gerve's own") {
    Desk desk;
    desk.open.service = Service::admin;
    desk.open.admin = "restore-ref";
    const auto resolves = [&](const std::string& argument) {
        desk.open.admin_argument = argument;
        return resolve_operation(desk.open, desk.config).has_value();
    };
    CHECK(resolves("refs/heads/main 0123"));
    CHECK(resolves("refs/tags/v1 " + std::string(64, 'a')));
    for (const char* bad :
         {"", "refs/heads/main", "main 0123", "refs/heads/main 012", "refs/heads/main 0123 4567",
          "refs/heads/main ABCD", "refs/heads/main HEAD", "refs/gerve/lost 0123", "refs/gerve 0123",
          "--all 0123", "refs/heads/a^{} 0123", "HEAD 0123"})
        CHECK_MESSAGE(!resolves(bad), bad);
    CHECK_FALSE(resolves("refs/heads/main " + std::string(65, 'a')));
}

TEST_CASE("fsck repairs when it is told so, and only then") {
    Desk desk;
    desk.open.service = Service::admin;
    desk.open.admin = "fsck";
    CHECK(resolve_operation(desk.open, desk.config)->repair == Repair::no);
    desk.open.admin_argument = "repair";
    CHECK(resolve_operation(desk.open, desk.config)->repair == Repair::yes);
}

}  // namespace
}  // namespace gerve
