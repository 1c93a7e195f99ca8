#include "gerve/agent/lfs/transfer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "authz/base/text.h"
#include "authz/base/units.h"

namespace gerve::lfs {
namespace {

// git-lfs asks for a hundred objects at once.
constexpr std::size_t max_batch = 10'000;

constexpr std::size_t read_size = 2 * max_packet;

// The numbers are those of HTTP, as the protocol has them. 403 and 429 are not used for objects: the client
// tries again then.
int status_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::client: return 422;
        case ErrorKind::denied: return 507;
        case ErrorKind::unavailable:
        case ErrorKind::internal: break;
    }
    return 500;
}

std::string text_of(const Error& error) {
    return error.told.empty() ? "the file server cannot read its disk: tell its operator" : error.told;
}

}  // namespace

Transfer::Transfer(TransferTerms terms, Places places, Room room, ByteSource in, ByteSink out)
    : terms_(std::move(terms)),
      places_(std::move(places)),
      room_(std::move(room)),
      in_(std::move(in)),
      out_(std::move(out)) {}

Result<Transfer::End> Transfer::run() {
    if (terms_.uploads) {
        const auto incoming = places_.make("incoming");
        if (!incoming) return pass_on(incoming);
        remove_abandoned(*incoming);
        auto running = AsideFile::make(*incoming, "session");
        if (!running) return pass_on(running);
        running_.emplace(std::move(*running));
        rename_holder(places_, terms_.holder);
    }
    out_.line("version=1");
    out_.line("locking");
    out_.flush();
    if (auto begun = sent(); !begun) return pass_on(begun);
    while (true) {
        const auto request = read_request(in_);
        if (!request) return pass_on(request);
        if (!*request) return End::stream_ended;
        if ((*request)->command == "quit") {
            status(200);
            out_.flush();
            if (auto told = sent(); !told) return pass_on(told);
            return End::quit;
        }
        if (auto served = serve(**request); !served) return pass_on(served);
    }
}

Transfer::Answer Transfer::serve(const Request& request) {
    static constexpr std::array rows{
        Row{"version", false, &Transfer::take_version},
        Row{"batch", false, &Transfer::batch},
        Row{"get-object", false, &Transfer::get_object},
        Row{"put-object", true, &Transfer::put_object},
        Row{"verify-object", true, &Transfer::verify_object},
        Row{"lock", true, &Transfer::lock},
        Row{"unlock", true, &Transfer::unlock},
        Row{"list-lock", false, &Transfer::list},
        Row{"list-locks", false, &Transfer::list},  // git-lfs before 3.4
    };
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const Row& one) { return one.command == request.command; });
    std::string refused;
    if (row == rows.end()) {
        refused = "unknown command: " + printable(request.command, 40);
    } else if (row->writes && !terms_.uploads) {
        refused = std::string(row->command) + " needs an upload: git-lfs-transfer " + terms_.repo + " upload";
    } else if (!has_version_ && row->command != "version") {
        refused = "choose a version first: version 1";
    }
    if (refused.empty()) return (this->*row->answer)(request);
    if (auto dropped = drop_body(request); !dropped) return dropped;
    return say(400, refused);
}

Transfer::Answer Transfer::take_version(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    if (request.argument != "1") return say(400, "unknown version: this server speaks version 1");
    has_version_ = true;
    status(200);
    out_.flush();
    return sent();
}

// ---- objects

Transfer::Answer Transfer::batch(const Request& request) {
    if (!request.has_body) return say(400, "batch has no objects");
    const auto body = read_lines(in_, max_batch);
    if (!body) return pass_on(body);
    if (body->too_many)
        return say(413, "a batch has at most " + std::to_string(max_batch) + " lines, each OID SIZE");
    const auto hash = request.value("hash-algo");
    if (hash && *hash != "sha256") return say(400, "unknown hash-algo: objects are named by their sha256");
    const auto answer = actions(body->lines);
    if (!answer) return say(answer.error());
    status(200);
    out_.line("hash-algo=sha256");
    out_.delimiter();
    for (const std::string& line : *answer) out_.line(line);
    out_.flush();
    return sent();
}

// A line for each object: what is to be done with it.
Result<std::vector<std::string>> Transfer::actions(const std::vector<std::string>& lines) {
    std::vector<std::string> answer;
    std::vector<SizedOid> missing;
    for (const std::string& line : lines) {
        auto object = parse_sized_oid(line);
        if (!object) return client_error("invalid object: " + printable(line, 100));
        std::uint64_t size = object->size;
        std::string_view action = "noop";
        if (terms_.uploads) {
            const auto has = renew_object(places_, *object);
            if (!has) return pass_on(has);
            if (!*has) action = "upload";
        } else {
            const auto found = find_object(places_, object->oid);
            if (!found) return pass_on(found);
            // A missing object stays "noop", which `git lfs pull` takes for done: by "download",
            // `git lfs prune --verify-remote` would take it for present, and delete the last copy.
            if (*found) action = "download";
            if (*found) size = (*found)->size;
        }
        answer.push_back(object->oid.text() + " " + std::to_string(size) + " " + std::string(action));
        if (action == "upload") missing.push_back(std::move(*object));
    }
    if (auto room = may_come(missing); !room) return pass_on(room);
    return answer;
}

// Before gigabytes are sent in vain.
Result<void> Transfer::may_come(const std::vector<SizedOid>& missing) {
    std::uint64_t all = 0;
    std::set<Oid> counted;
    for (const SizedOid& object : missing) {
        if (!counted.insert(object.oid).second) continue;
        if (auto small = fits(object); !small) return small;
        all += std::min(object.size, max_object_size - all);
    }
    return missing.empty() ? Result<void>() : room_.look(places_, all);
}

Result<void> Transfer::fits(const SizedOid& object) const {
    if (terms_.max_object == 0 || object.size <= terms_.max_object) return {};
    return fail(ErrorKind::denied, "object " + object.oid.text() + " has " + size_text(object.size) +
                                       ", more than the " + size_text(terms_.max_object) +
                                       " that one object may have: ask an administrator to raise "
                                       "lfs.max_object");
}

Transfer::Answer Transfer::get_object(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    const auto oid = Oid::parse(request.argument);
    if (!oid) return say(400, "invalid OID");
    const auto object = find_object(places_, *oid);
    if (!object) return say(object.error());
    if (!*object) return say(404, "object " + oid->text() + " is not on the server");
    return send_object(**object);
}

Transfer::Answer Transfer::send_object(const StoredObject& object) {
    ::posix_fadvise(object.file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    status(200);
    out_.line("size=" + std::to_string(object.size));
    out_.delimiter();
    std::string buffer(read_size, '\0');
    std::uint64_t left = object.size;
    while (left > 0) {
        const std::size_t most = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
        const ssize_t got = ::read(object.file.get(), buffer.data(), most);
        if (got < 0 && errno == EINTR) continue;
        // Its size has been told: nothing but the end of the stream says that it will not come.
        if (got < 0) return disk_error("cannot read the object");
        if (got == 0) return unavailable("the object has become shorter");
        out_.data({buffer.data(), static_cast<std::size_t>(got)});
        if (auto on_its_way = sent(); !on_its_way) return on_its_way;
        left -= static_cast<std::uint64_t>(got);
    }
    out_.flush();
    return sent();
}

Transfer::Answer Transfer::put_object(const Request& request) {
    const auto oid = Oid::parse(request.argument);
    const auto size = parse_object_size(request.value("size").value_or(""));
    if (!oid || !size || !request.has_body) {
        if (auto dropped = drop_body(request); !dropped) return dropped;
        return say(400, "put-object needs an OID, the argument size, and data");
    }
    Result<void> body;
    const auto received = receive({*oid, *size}, body);
    if (!body) return body;
    if (!received) return say(received.error());
    status(200);
    out_.flush();
    return sent();
}

// `body` is the error that ends the session. Whatever becomes of the object, its data are read to their end:
// the client reads nothing before it has sent them all.
Result<void> Transfer::receive(const SizedOid& object, Result<void>& body) {
    auto begun = begin(object);
    std::optional<IncomingObject> incoming;
    if (begun) incoming.emplace(std::move(*begun));
    Result<void> outcome = without_value(begun);
    while (true) {
        const auto packet = in_.next();
        const bool goes_on = packet && *packet;
        if (goes_on && (*packet)->kind == Packet::Kind::flush) break;
        if (!goes_on || (*packet)->kind != Packet::Kind::data) {
            body =
                !packet ? pass_on(packet) : Result<void>(client_error("the stream ended within an object"));
            outcome = body;
            break;
        }
        if (!outcome) continue;
        outcome = incoming->write((*packet)->payload);
        if (!outcome) incoming.reset();
    }
    if (outcome) outcome = incoming->finish();
    incoming.reset();
    if (!outcome && begun) room_.give_back(places_);
    return outcome;
}

Result<IncomingObject> Transfer::begin(const SizedOid& object) const {
    if (auto small = fits(object); !small) return pass_on(small);
    auto counted = room_.take(places_, object.size);
    if (!counted) return pass_on(counted);
    auto begun = IncomingObject::begin(places_, object);
    counted->reset();
    if (!begun) room_.give_back(places_);
    return begun;
}

Transfer::Answer Transfer::verify_object(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    const auto words = split(request.argument, ' ');
    const auto oid = Oid::parse(words[0]);
    const auto size = parse_object_size(words.size() > 1 ? words[1] : request.value("size").value_or(""));
    if (!oid || !size) return say(400, "verify-object needs an OID and the argument size");
    const auto object = find_object(places_, *oid);
    if (!object) return say(object.error());
    if (!*object) return say(404, "object " + oid->text() + " is not on the server");
    if ((*object)->size != *size)
        return say(409, "object " + oid->text() + " has " + std::to_string((*object)->size) +
                            " bytes on the server, and " + std::to_string(*size) + " at the client");
    status(200);
    out_.flush();
    return sent();
}

// ---- the rest

// What a request has that its command has no use for.
Transfer::Answer Transfer::drop_body(const Request& request) {
    while (request.has_body) {
        const auto packet = in_.next();
        if (!packet) return pass_on(packet);
        if (!*packet) return client_error("the stream ended within a request");
        if ((*packet)->kind == Packet::Kind::flush) break;
    }
    return {};
}

void Transfer::status(int number) {
    out_.line("status " + std::to_string(number));
}

// The client reads the text behind the delimiter, which it wants in any case.
Transfer::Answer Transfer::say(int number, std::string_view text) {
    status(number);
    out_.delimiter();
    out_.line(text);
    out_.flush();
    return sent();
}

Transfer::Answer Transfer::say(const Error& error) {
    return say(status_of(error.kind), text_of(error));
}

Transfer::Answer Transfer::sent() {
    if (!out_.send()) return unavailable("the client is gone");
    return {};
}

}  // namespace gerve::lfs
