#include "gerve/relay/packet_stream.h"

#include <algorithm>
#include <cstdio>

#include "gerve/relay/pkt_length.h"

namespace gerve {

std::string encode_packet(std::string_view payload) {
    char length[5];
    std::snprintf(length, sizeof length, "%04x", static_cast<unsigned>(payload.size() + 4));
    return std::string(length).append(payload);
}

std::string encode_daemon_request(const std::string& repository, const std::string& host,
                                  const std::string& git_protocol) {
    std::string request = "git-upload-pack /" + repository + '\0' + "host=" + host + '\0';
    if (!git_protocol.empty()) request += '\0' + git_protocol + '\0';
    return encode_packet(request);
}

void PacketStream::take(std::string_view bytes) {
    while (!bytes.empty() && raw_ == Raw::no) {
        if (left_ > 0) {
            const auto taken = std::min<std::size_t>(left_, bytes.size());
            if (!first_over_ && first_.size() < kept_of_first) {
                first_.append(bytes.substr(0, std::min(taken, kept_of_first - first_.size())));
            }
            bytes.remove_prefix(taken);
            left_ -= static_cast<std::uint32_t>(taken);
            first_over_ = first_over_ || left_ == 0;
            continue;
        }
        header_[have_++] = bytes.front();
        bytes.remove_prefix(1);
        if (have_ == header_size) take_header();
    }
}

void PacketStream::take_header() {
    have_ = 0;
    const auto length = parse_pkt_length({header_, header_size});
    if (!length) {
        raw_ = std::string_view(header_, header_size) == "PACK" ? Raw::pack : Raw::garbage;
        return;
    }
    flushed_ = *length == 0;
    left_ = *length > header_size ? static_cast<std::uint32_t>(*length - header_size) : 0;
}

}  // namespace gerve
