// The refs that git-receive-pack advertised when a push began, and what they named.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "authz/base/text.h"

namespace gerve {

class AdvertisedRefs {
  public:
    // "ID REF", without the capabilities.
    void add(std::string_view line) {
        is_whole_ = is_whole_ && lines_.size() + line.size() < most;
        if (is_whole_) lines_.append(line).append("\n");
    }
    // False: they were too many, and none is known.
    [[nodiscard]] bool is_whole() const { return is_whole_; }
    // The object of each ref. Borrows from this. Ordered: a pusher can choose names that collide.
    [[nodiscard]] std::map<std::string_view, std::string_view> ids() const {
        std::map<std::string_view, std::string_view> id_of;
        if (!is_whole_) return id_of;
        for (const std::string_view line : split(lines_, '\n'))
            id_of.emplace(line.substr(line.find(' ') + 1), line.substr(0, line.find(' ')));
        return id_of;
    }

  private:
    static constexpr std::size_t most = 2 << 20;  // bytes
    std::string lines_;
    bool is_whole_ = true;
};

}  // namespace gerve
