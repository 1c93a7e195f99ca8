// How many operations run at once on the whole agent, and for one owner; shared by its threads.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace gerve {

class OperationCount {
  public:
    enum class Verdict { begun, full, owner_full };

    // Counts one more for the owner (folded), unless that would pass a maximum. No maximum per owner: 0.
    [[nodiscard]] Verdict begin(const std::string& owner, unsigned most, unsigned most_per_owner);
    void end(const std::string& owner);
    [[nodiscard]] unsigned running() const;

  private:
    mutable std::mutex mutex_;
    unsigned running_ = 0;
    std::unordered_map<std::string, unsigned> owners_;  // only those with a running operation
};

}  // namespace gerve
