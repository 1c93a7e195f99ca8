// RationedLog: lines of the log that strangers cause, within the ration of their source.
#pragma once

#include <string>
#include <string_view>

#include "authz/base/log.h"
#include "authz/base/ration.h"

namespace gerve {

// Used by many threads at once. Lines that the level of the log leaves out take nothing of the ration.
class RationedLog {
  public:
    explicit RationedLog(RationLimits limits = {}) : ration_(limits) {}
    ~RationedLog() { close(ration_.all()); }
    RationedLog(const RationedLog&) = delete;
    RationedLog& operator=(const RationedLog&) = delete;

    // `source`: an address, or what else the line is counted for.
    void write(log::Level level, std::string_view event, const std::string& source,
               std::span<const log::Field> fields);
    void write(log::Level level, std::string_view event, const std::string& source,
               std::initializer_list<log::Field> fields) {
        write(level, event, source, std::span(fields.begin(), fields.size()));
    }
    // Writes how many lines were left out, where it is time to. To be called every second or so.
    void close_due() { close(ration_.due()); }
    // The same, whatever the time: at the end of a process that ends without its destructors.
    void close_all() { close(ration_.all()); }

  private:
    static void close(const std::vector<LeftOut>& left_out);
    Ration ration_;
};

// The one of this process. Its lines go nowhere else, so that a source has one ration in it.
[[nodiscard]] RationedLog& rationed_log();

}  // namespace gerve
