// BoundedSink: log lines to a descriptor whose reader may hang: a line that it does not take at once is
// dropped and counted, so that no process of ours ever waits for whoever reads its log.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <mutex>
#include <string>

#include "authz/base/fd.h"

namespace gerve::log {

// Never blocks on pipes, terminals and sockets. A regular file is written as any: there write(2) knows no
// other way. The first line that is taken again stands behind one that says how many were dropped.
class BoundedSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    // `descriptor` stays the caller's, and its flags stay as they are: other processes share it.
    explicit BoundedSink(int descriptor);

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override {}

  private:
    // Whether there is room: all of the text was taken, or its rest is kept to be written first.
    [[nodiscard]] bool put(std::string_view text);
    [[nodiscard]] bool put_rest();
    [[nodiscard]] ssize_t write_some(std::string_view text) const;

    int descriptor_;
    Fd own_;  // the same pipe or terminal, opened anew so that it does not block; none: a socket or a file
    bool is_socket_ = false;
    bool is_file_ = false;
    std::string rest_;  // of a line whose beginning was taken
    std::uint64_t dropped_ = 0;
};

}  // namespace gerve::log
