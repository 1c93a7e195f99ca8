// A running server over a fresh directory, and what tests ask it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "authz/base/clock.h"
#include "authz/os/unix_socket.h"
#include "authz/service/server.h"
#include "authz/wire/client.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

inline PeerKinds only(PeerKind kind) {
    PeerKinds kinds;
    kinds.add(kind);
    return kinds;
}

// alice owns alice/site (private) by key 1; bob may read it by key 2; key 3 is its deploy key.
class Site {
  public:
    explicit Site(PeerKinds kinds = PeerKinds::all(), std::string user = "git", Connect connect = nullptr)
        : server(must(listen_unix(socket, UnixSocketType::packets, 0600)),
                 ServerParts{connect ? std::move(connect)
                                     : [this] { return Result<std::unique_ptr<Database>>(store.connect()); },
                             PeerTable({{::geteuid(), {kinds, std::move(user)}}}), Signer(key),
                             Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/run/agent.sock")}},
                             &audit, 4}) {
        Registry registry = store.registry();
        must(registry.add_account(login("Alice"), AccountKind::user));
        must(registry.add_account(login("bob"), AccountKind::user));
        must(registry.create_repository(repo("alice/Site"), false));
        must(registry.grant_access(repo("alice/site"), login("bob"), Access::read));
        must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
        must(registry.add_key(login("bob"), make_key(2), {"", std::nullopt}));
        must(registry.add_deploy_key(repo("alice/site"), make_key(3), false, {"", std::nullopt}));
        must(server.start());
    }

    [[nodiscard]] AuthzClient client(std::chrono::milliseconds patience = std::chrono::seconds(5)) const {
        return {socket, patience};
    }
    [[nodiscard]] std::uint64_t asked(Query query) const { return server.counters().of(query); }

    Store store;
    TemporaryDirectory directory;
    std::string socket = directory.file("authz.sock");
    TicketKey key = TicketKey::make();
    AuditSink audit;
    AuthzServer server;
};

inline ClientContext from_gateway(std::string connection = "c1") {
    return {"192.0.2.7", "SSH-2.0-test", std::move(connection), Door::gateway};
}
inline ClientContext from_sshd() {
    return {"192.0.2.7", "", "", Door::sshd};
}

inline KeyRequest ask_key(unsigned n, ClientContext client = from_gateway()) {
    return {make_key(n), "git", true, std::move(client)};
}
inline AuthorizeRequest ask_access(std::string handle, Service service = Service::upload_pack,
                                   std::string_view path = "alice/site",
                                   ClientContext client = from_gateway()) {
    return {std::move(handle), service,          repo(path), GitProtocol::parse("version=2").value(),
            RequestId::make(), std::move(client)};
}
inline SessionReport make_report(std::string handle, ClientContext client = from_gateway()) {
    SessionReport report{std::move(handle),
                         RequestId::make(),
                         std::move(client),
                         "git-upload-pack",
                         "alice/site",
                         "local",
                         ""};
    report.ended = OperationEnd::exit;
    return report;
}

// A connection to the server, on which nothing waits longer than five seconds.
inline Fd connect_raw(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{5, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
}

inline KeyFound must_find(AuthzClient& client, unsigned n, ClientContext context = from_gateway()) {
    auto found = must(client.ask(ask_key(n, std::move(context))));
    REQUIRE(found.has_value());
    return std::move(*found);
}

template <class T>
[[nodiscard]] ErrorKind kind_of(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error().kind;
}

}  // namespace gerve::testing
