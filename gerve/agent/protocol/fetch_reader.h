// What a fetch asks for, read along with the input of git-upload-pack.
#pragma once

#include <cstdint>
#include <string_view>

#include "authz/model/operation_facts.h"
#include "gerve/agent/protocol/pkt_lines.h"

namespace gerve {

// Of protocols 0 and 1 (gitprotocol-pack(5)) and 2 (gitprotocol-v2(5)). A client of protocol 2 repeats its
// wants in every request, so the largest number in one counts.
class FetchReader {
  public:
    void take_input(std::string_view bytes);  // of git

    [[nodiscard]] FetchFacts facts() const;

  private:
    void take_line(std::string_view line);

    PktLines lines_{64};  // bytes of the longest beginning that is of interest
    bool over_ = false;
    std::uint32_t wants_ = 0;  // in the present request
    std::uint32_t most_wants_ = 0;
    bool has_objects_ = false;
    bool shallow_ = false;
    bool partial_ = false;
};

}  // namespace gerve
