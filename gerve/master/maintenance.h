// Maintenance: while the file STATE/maintenance is there, clients are told its text and nothing is served.
#pragma once

#include <string>

#include "authz/base/fd.h"

namespace gerve {

constexpr std::size_t max_maintenance_text = 2048;  // bytes

[[nodiscard]] std::string maintenance_file(const std::string& state);

// The lines for a client, each clean of control characters; empty when maintenance is off. A file without a
// word in it has a text of its own. Error: internal (it cannot be read).
[[nodiscard]] Result<std::string> read_maintenance(const std::string& state);

// The master's eye on the file, so that whoever writes it needs to tell nobody.
class MaintenanceWatch {
  public:
    // Error: internal.
    [[nodiscard]] static Result<MaintenanceWatch> open(const std::string& state);

    [[nodiscard]] int fd() const { return changes_.get(); }  // readable when it is worth looking
    // Reads the file if it may have changed; true when the text is another than before. A file that is there
    // and cannot be read is logged, and maintenance is on: with the text from before, or one of its own.
    [[nodiscard]] bool look();
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    MaintenanceWatch(std::string state, Fd changes)
        : state_(std::move(state)), changes_(std::move(changes)) {}

    std::string state_;
    Fd changes_;
    bool looked_ = false;
    std::string text_;
};

}  // namespace gerve
