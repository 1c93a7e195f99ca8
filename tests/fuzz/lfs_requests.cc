// The stream of a git-lfs client: packets, requests, batches, pointers and lock files.
#include <algorithm>
#include <cstring>

#include "gerve/agent/lfs/locks.h"
#include "gerve/agent/lfs/pointers.h"
#include "gerve/agent/lfs/request.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

// In pieces of at most 7 bytes when the first byte is odd.
lfs::ByteSource pieces_of(std::string_view bytes) {
    const bool small = !bytes.empty() && (bytes.front() & 1) != 0;
    return [bytes, small](char* into, std::size_t size) mutable {
        const std::size_t most = small ? std::min<std::size_t>(size, 7) : size;
        const std::string_view piece = bytes.substr(0, most);
        std::copy(piece.begin(), piece.end(), into);
        bytes.remove_prefix(piece.size());
        return static_cast<ssize_t>(piece.size());
    };
}

void read_stream(std::string_view bytes) {
    lfs::PacketReader packets(pieces_of(bytes));
    for (int requests = 0; requests < 1000; ++requests) {
        const auto request = lfs::read_request(packets);
        if (!request) {
            require(request.error().kind == ErrorKind::client, "what is no request is the client's fault");
            fuzz::require_one_clean_line(request.error().told);
            return;
        }
        if (!*request) return;
        require((*request)->arguments.size() <= 64, "arguments are bounded");
        for (const auto& [key, value] : (*request)->arguments) {
            require(!key.empty(), "an argument has a name");
            fuzz::require_one_clean_line(value);
        }
        if (!(*request)->has_body) continue;
        const auto body = lfs::read_lines(packets, 4);
        if (!body) return;
        require(body->lines.size() <= 4, "a body is bounded");
        for (const std::string& line : body->lines) {
            const auto object = lfs::parse_sized_oid(line);
            if (object) require(object->size <= lfs::max_object_size, "sizes are bounded");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::text_of(data, size);
    read_stream(bytes.substr(std::min<std::size_t>(1, bytes.size())));
    if (const auto pointer = lfs::parse_pointer(bytes))
        require(lfs::named_by(bytes).contains(pointer->oid), "what is required is not pruned");
    for (const auto& oid : lfs::named_by(bytes))
        require(bytes.find(oid.text()) != std::string_view::npos, "a pointer names what stands in it");
    const auto path = bytes.find("\npath ");
    if (path != std::string_view::npos && bytes.ends_with('\n')) {
        const std::string id = lfs::lock_id(bytes.substr(path + 6, bytes.size() - path - 7));
        if (const auto lock = lfs::parse_lock(id, bytes)) {
            require(lfs::may_be_locked(lock->path), "a lock is of a path");
            fuzz::require_one_clean_line(lock->path);
            const auto again = lfs::parse_lock(id, lfs::encode_lock(*lock));
            require(again && again->path == lock->path && again->holder.id == lock->holder.id,
                    "a lock says the same again");
        }
    }
    return 0;
}
