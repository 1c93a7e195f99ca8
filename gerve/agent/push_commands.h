// Which branches a push asks to be made or deleted, read along with the input of git-receive-pack.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gerve {

// The commands of a push stand at the front of its input, a pkt-line each, up to a flush packet
// (gitprotocol-pack(5), "Reference Update Request and Packfile Transfer"; in a signed push within its
// certificate). What is no such list is git's to refuse: it names no branch here.
class PushCommands {
  public:
    static constexpr std::size_t max_branches = 256;  // of each kind; what goes beyond is not remembered

    void take(std::string_view bytes);

    // Full names, in the order of the push.
    [[nodiscard]] const std::vector<std::string>& updated() const { return updated_; }  // made or moved
    [[nodiscard]] const std::vector<std::string>& deleted() const { return deleted_; }

  private:
    void take_packet(std::string_view payload);

    std::string packet_;  // of which not all has come
    bool over_ = false;
    std::vector<std::string> updated_;
    std::vector<std::string> deleted_;
};

}  // namespace gerve
