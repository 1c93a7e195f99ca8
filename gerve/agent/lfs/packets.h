// pkt-lines (gitprotocol-common(5)) as git-lfs uses them, read and written by one thread that may wait.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve::lfs {

// Bytes of one packet besides its length; LARGE_PACKET_DATA_MAX of git's pkt-line.h.
constexpr std::size_t max_packet = 65516;

struct Packet {
    enum class Kind { data, flush, delimiter };
    Kind kind = Kind::data;
    std::string_view payload;  // of data; valid until the next packet is read
};

// Fills a buffer as read(2) does: 0 at the end, -1 with errno.
using ByteSource = std::function<ssize_t(char*, std::size_t)>;
// Writes all that it is given. False: nobody reads any more.
using ByteSink = std::function<bool(std::string_view)>;

[[nodiscard]] ByteSource read_from(int fd);
[[nodiscard]] ByteSink write_to(int fd);

class PacketReader {
  public:
    explicit PacketReader(ByteSource source);

    // Nothing: the stream has ended between two packets. Errors: client (it is no pkt-line, or ended within
    // one), unavailable (it cannot be read).
    [[nodiscard]] Result<std::optional<Packet>> next();

  private:
    [[nodiscard]] Result<bool> have(std::size_t size);

    ByteSource source_;
    std::string buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

// Gathers packets, and writes them when there are many, or when it is told to.
class PacketWriter {
  public:
    explicit PacketWriter(ByteSink sink) : sink_(std::move(sink)) {}

    void line(std::string_view text);  // without its line feed; at most max_packet - 1 bytes
    void data(std::string_view bytes);
    void flush() { put("0000"); }
    void delimiter() { put("0001"); }

    // False: the peer is gone, and nothing is written any more.
    bool send();

  private:
    void put(std::string_view bytes);

    ByteSink sink_;
    std::string waiting_;
    bool lost_ = false;
};

}  // namespace gerve::lfs
