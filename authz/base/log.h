// One line per event on stderr, as `time level [pid] role: event key=value …`; untrusted bytes are quoted
// here.
#pragma once

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace gerve::log {

enum class Level { debug, info, warn, error };

// One key=value of a line. A value is quoted when it holds anything but plain characters, and cut
// after 1024 bytes, so bytes of a client can be passed as they are.
struct Field {
    Field(std::string_view name, std::string text) : key(name), value(std::move(text)) {}
    Field(std::string_view name, std::string_view text) : key(name), value(text) {}
    Field(std::string_view name, const char* text) : key(name), value(text) {}
    Field(std::string_view name, std::integral auto number) : key(name), value(std::to_string(number)) {}
    std::string_view key;
    std::string value;
};

// Names the process in every line ("master", "worker", "authz", "agent", "shell"). Call once, before threads.
void start(std::string_view role, Level least = Level::info);
// The same into the system log (LOG_AUTHPRIV), under the role's name: for a program whose stderr is a
// client's.
void start_syslog(std::string_view role, Level least = Level::info);

// From now on, of this process.
void set_level(Level least);

// The event is a short sentence of ours, never bytes from outside.
void write(Level level, std::string_view event, std::span<const Field> fields);
inline void write(Level level, std::string_view event, std::initializer_list<Field> fields = {}) {
    write(level, event, std::span(fields.begin(), fields.size()));
}

// Whether write() would: for fields that are dear to make.
[[nodiscard]] bool wants(Level level);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}

// The line behind time, level and role, as write() makes it.
[[nodiscard]] std::string format_line(std::string_view event, std::span<const Field> fields);
[[nodiscard]] inline std::string format_line(std::string_view event, std::initializer_list<Field> fields) {
    return format_line(event, std::span(fields.begin(), fields.size()));
}

}  // namespace gerve::log
