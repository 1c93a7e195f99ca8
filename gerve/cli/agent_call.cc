#include "gerve/cli/agent_call.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "authz/base/text.h"
#include "authz/os/unix_socket.h"
#include "gerve/relay/grv1.h"

namespace gerve {
namespace {

constexpr timeval connect_patience{5, 0};

// All locks of a repository with the longest paths fit (see lfs/locks.h).
constexpr std::size_t longest_output = 64 << 20;
// Of a damaged repository git may have more to say than anybody reads.
constexpr std::size_t longest_errors = 1 << 20;

tl::unexpected<Error> lost(const std::string& what) {
    return unavailable(errno_text(what));
}

void set_patience(const Fd& socket, const timeval& patience) {
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        ::setsockopt(socket.get(), SOL_SOCKET, option, &patience, sizeof patience);
    }
}

Result<Fd> connect_socket(int family, const sockaddr* address, socklen_t size, const std::string& name) {
    Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) return lost("socket");
    set_patience(socket, connect_patience);
    if (::connect(socket.get(), address, size) == 0) return socket;
    if (errno == EINPROGRESS) return unavailable(name + " does not answer");
    return lost("cannot reach " + name);
}

Result<Fd> connect_unix(const Endpoint& endpoint) {
    const auto address = UnixAddress::of(endpoint.host());
    if (!address) return pass_on(address);
    return connect_socket(AF_UNIX, address->get(), UnixAddress::size(), endpoint.text());
}

Result<Fd> connect_tcp(const Endpoint& endpoint) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error =
        ::getaddrinfo(endpoint.host().c_str(), std::to_string(endpoint.port()).c_str(), &hints, &found);
    if (error != 0) return unavailable("cannot reach " + endpoint.text() + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    Result<Fd> socket = unavailable("cannot reach " + endpoint.text());
    for (const addrinfo* one = found; one != nullptr && !socket; one = one->ai_next) {
        socket = connect_socket(one->ai_family, one->ai_addr, one->ai_addrlen, endpoint.text());
    }
    return socket;
}

// An OPEN that has not come whole is none.
Ordered<void> send_all(const Fd& socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0)
            return undone(Fate::elsewhere, errno_text("the connection to the file server was lost"));
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
}

// What the frames so far have brought.
struct Reply {
    bool taken_up = false;
    AgentAnswer answer;
    std::optional<grv1::Exit> exit;
    std::optional<grv1::Fail> fail;
};

void append(std::string& stream, std::string_view payload, std::size_t longest) {
    stream += payload.substr(0, longest - std::min(longest, stream.size()));
}

Result<void> take(const grv1::FramePart& part, Reply& reply) {
    using grv1::FrameType;
    switch (part.type) {
        case FrameType::open_ok: reply.taken_up = true; break;
        case FrameType::stdout_data: append(reply.answer.output, part.payload, longest_output); break;
        case FrameType::stderr_data: append(reply.answer.errors, part.payload, longest_errors); break;
        case FrameType::exit: {
            auto parsed = grv1::parse_exit(part.payload);
            if (!parsed) return pass_on(parsed);
            reply.exit = std::move(*parsed);
            break;
        }
        case FrameType::fail: {
            auto parsed = grv1::parse_fail(part.payload);
            if (!parsed) return pass_on(parsed);
            reply.fail = std::move(*parsed);
            break;
        }
        default: break;
    }
    return {};
}

Result<void> take_all(grv1::FrameReader& reader, std::string_view input, Reply& reply) {
    while (!input.empty()) {
        const auto part = reader.next(input);
        if (!part) return pass_on(part);
        if (!*part) break;
        if (auto taken = take(**part, reply); !taken) return taken;
    }
    return {};
}

Ordered<Reply> read_reply(const Fd& socket) {
    Reply reply;
    grv1::FrameReader reader(grv1::FrameReader::Receiver::gateway);
    char chunk[16384];
    while (!reply.exit && !reply.fail) {
        const ssize_t got = ::recv(socket.get(), chunk, sizeof chunk, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return undone(Fate::unknown, "the file server does not answer");
        if (got <= 0) return undone(Fate::unknown, "the connection to the file server was lost");
        const auto taken = take_all(reader, {chunk, static_cast<std::size_t>(got)}, reply);
        // What speaks another language from the start is no agent, and has done nothing.
        if (!taken) return undone(reply.taken_up ? Fate::unknown : Fate::refused, describe(taken.error()));
    }
    return reply;
}

Ordered<Reply> exchange(const Fd& connection, std::string_view open, std::chrono::seconds patience) {
    set_patience(connection, {patience.count(), 0});
    // A machine that is gone without a word is noticed long before the patience is at its end.
    const int on = 1;
    ::setsockopt(connection.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (auto sent = send_all(connection, open); !sent) return tl::make_unexpected(sent.error());
    return read_reply(connection);
}

std::string refusal(const grv1::Fail& fail) {
    return "the file server refused: " + printable(fail.text, grv1::max_control);
}

}  // namespace

Result<Fd> connect_to(const Endpoint& endpoint) {
    switch (endpoint.kind()) {
        case Endpoint::Kind::unix_socket: return connect_unix(endpoint);
        case Endpoint::Kind::tcp: return connect_tcp(endpoint);
        case Endpoint::Kind::git_daemon: break;
    }
    return client_error(endpoint.text() + " is a git daemon, which does not accept administrative commands");
}

Ordered<AgentAnswer> call_agent(const Fd& connection, std::string_view open, std::chrono::seconds patience) {
    auto reply = exchange(connection, open, patience);
    if (!reply) return tl::make_unexpected(reply.error());
    if (const auto& fail = reply->fail) {
        if (fail->code == grv1::FailCode::no_such_repository) return undone(Fate::missing, refusal(*fail));
        // No order goes to another endpoint when this one's disk cannot tell what is there.
        if (fail->code == grv1::FailCode::storage) return undone(Fate::refused, refusal(*fail));
        return tl::make_unexpected(Undone{fail->retryable ? Fate::elsewhere : Fate::refused, refusal(*fail),
                                          fail->code == grv1::FailCode::bad_request});
    }
    const grv1::Exit& exit = *reply->exit;
    reply->answer.status = exit.code == grv1::Exit::no_code ? 128 + exit.signal : static_cast<int>(exit.code);
    return std::move(reply->answer);
}

Result<std::string> ask_agent(const Fd& connection, std::string_view open) {
    const auto reply = exchange(connection, open, admin_patience);
    if (!reply && reply.error().fate == Fate::refused) return client_error(reply.error().why);
    if (!reply) return unavailable(reply.error().why);
    const auto& fail = reply->fail;
    if (!fail) return client_error("the file server reports a repository that cannot exist");
    if (fail->code == grv1::FailCode::no_such_repository) return std::string();
    if (fail->retryable) return printable(fail->text);
    if (fail->code == grv1::FailCode::storage) return unavailable(refusal(*fail));
    return client_error(refusal(*fail));
}

}  // namespace gerve
