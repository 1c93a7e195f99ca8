#include "authz/base/log.h"

#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "authz/base/bounded_sink.h"
#include "authz/base/text.h"

namespace gerve::log {
namespace {

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warn: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

constexpr std::size_t longest_value = 1024;  // bytes of one field

bool plain(std::string_view value) {
    return !value.empty() && value.size() <= longest_value &&
           std::all_of(value.begin(), value.end(),
                       [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '='; });
}

}  // namespace

void start(std::string_view role, Level least) {
    auto sink = std::make_shared<BoundedSink>(STDERR_FILENO);
    auto logger = std::make_shared<spdlog::logger>(std::string(role), std::move(sink));
    // %P would ask the kernel for each line.
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l [" + std::to_string(::getpid()) + "] %n: %v");
    logger->set_level(spdlog_level(least));
    spdlog::set_default_logger(std::move(logger));
}

void start_syslog(std::string_view role, Level least) {
    auto sink =
        std::make_shared<spdlog::sinks::syslog_sink_mt>(std::string(role), LOG_PID, LOG_AUTHPRIV, false);
    auto logger = std::make_shared<spdlog::logger>(std::string(role), std::move(sink));
    logger->set_level(spdlog_level(least));
    spdlog::set_default_logger(std::move(logger));
}

std::string format_line(std::string_view event, std::span<const Field> fields) {
    std::string line(event);
    for (const Field& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        line += plain(field.value) ? field.value : '"' + printable(field.value, longest_value) + '"';
    }
    return line;
}

void set_level(Level least) {
    spdlog::default_logger_raw()->set_level(spdlog_level(least));
}

bool wants(Level level) {
    return spdlog::default_logger_raw()->should_log(spdlog_level(level));
}

void write(Level level, std::string_view event, std::span<const Field> fields) {
    auto* logger = spdlog::default_logger_raw();
    if (!logger->should_log(spdlog_level(level))) return;
    logger->log(spdlog_level(level), spdlog::string_view_t(format_line(event, fields)));
}

}  // namespace gerve::log
