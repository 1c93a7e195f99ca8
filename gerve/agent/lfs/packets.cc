#include "gerve/agent/lfs/packets.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "authz/base/fd.h"
#include "gerve/relay/pkt_length.h"

namespace gerve::lfs {
namespace {

// git-lfs writes packets of 32 KB, of which a pipe that carries much holds eight.
constexpr std::size_t buffer_size = 256 * 1024;

// Above this, what was gathered is written.
constexpr std::size_t write_size = 192 * 1024;

}  // namespace

ByteSource read_from(int fd) {
    return [fd](char* bytes, std::size_t size) {
        ssize_t got = 0;
        do {
            got = ::read(fd, bytes, size);
        } while (got < 0 && errno == EINTR);
        return got;
    };
}

ByteSink write_to(int fd) {
    return [fd](std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t put = ::write(fd, bytes.data(), bytes.size());
            if (put < 0 && errno != EINTR) return false;
            if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
        }
        return true;
    };
}

PacketReader::PacketReader(ByteSource source) : source_(std::move(source)), buffer_(buffer_size, '\0') {}

// False: the stream has ended before there were so many bytes.
Result<bool> PacketReader::have(std::size_t size) {
    if (end_ - begin_ >= size) return true;
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    while (end_ < size) {
        const ssize_t got = source_(buffer_.data() + end_, buffer_.size() - end_);
        if (got < 0) return unavailable(errno_text("cannot read from the client"));
        if (got == 0) return false;
        end_ += static_cast<std::size_t>(got);
    }
    return true;
}

Result<std::optional<Packet>> PacketReader::next() {
    const auto has_length = have(pkt_length_size);
    if (!has_length) return pass_on(has_length);
    if (!*has_length && end_ == begin_) return std::nullopt;
    if (!*has_length) return client_error("the stream ended within a packet");
    const auto length = parse_pkt_length({buffer_.data() + begin_, pkt_length_size});
    if (!length || *length == 2 || *length > max_packet + pkt_length_size)
        return client_error("a packet has an invalid length");
    if (*length < pkt_length_size) {
        begin_ += pkt_length_size;
        return Packet{*length == 0 ? Packet::Kind::flush : Packet::Kind::delimiter, {}};
    }
    const auto whole = have(*length);
    if (!whole) return pass_on(whole);
    if (!*whole) return client_error("the stream ended within a packet");
    const Packet packet{Packet::Kind::data,
                        {buffer_.data() + begin_ + pkt_length_size, *length - pkt_length_size}};
    begin_ += *length;
    return packet;
}

void PacketWriter::put(std::string_view bytes) {
    waiting_.append(bytes);
    if (waiting_.size() >= write_size) (void)send();
}

void PacketWriter::data(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, max_packet);
        char length[pkt_length_size + 1];
        std::snprintf(length, sizeof length, "%04x", static_cast<unsigned>(piece.size() + pkt_length_size));
        waiting_.append(length, pkt_length_size);
        put(piece);
        bytes.remove_prefix(piece.size());
    }
}

void PacketWriter::line(std::string_view text) {
    data(std::string(text.substr(0, max_packet - 1)) + "\n");
}

bool PacketWriter::send() {
    if (!lost_ && !waiting_.empty()) lost_ = !sink_(waiting_);
    waiting_.clear();
    return !lost_;
}

}  // namespace gerve::lfs
