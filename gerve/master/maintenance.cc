#include "gerve/master/maintenance.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "authz/base/display.h"
#include "authz/base/log.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr const char* file_name = "maintenance";
constexpr const char* default_text = "Closed for maintenance. Try again later.\n";

// Whether one of the changes in the state directory is of the file. The kernel writes an event right behind
// the other, each aligned.
bool is_about_the_file(const char* events, std::size_t size) {
    bool found = false;
    for (std::size_t place = 0; place + sizeof(inotify_event) <= size;) {
        inotify_event event{};
        std::memcpy(&event, events + place, sizeof event);
        const char* name = events + place + sizeof event;
        if (event.len > 0 && std::strcmp(name, file_name) == 0) found = true;
        if ((event.mask & IN_Q_OVERFLOW) != 0) found = true;
        place += sizeof event + event.len;
    }
    return found;
}

}  // namespace

std::string maintenance_file(const std::string& state) {
    return state + "/" + file_name;
}

Result<std::string> read_maintenance(const std::string& state) {
    const std::string path = maintenance_file(state);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) return std::string();
    const auto content = read_file(path, max_maintenance_text);
    if (!content) return pass_on(content);
    std::string lines;
    for (const std::string_view line : split(trim(*content), '\n')) lines += displayed(trim(line)) + "\n";
    if (lines == "\n") lines = default_text;
    return lines;
}

Result<MaintenanceWatch> MaintenanceWatch::open(const std::string& state) {
    Fd changes(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    constexpr std::uint32_t kinds = IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    if (!changes || ::inotify_add_watch(changes.get(), state.c_str(), kinds) < 0) {
        return internal_error(errno_text("cannot watch " + state));
    }
    return MaintenanceWatch(state, std::move(changes));
}

bool MaintenanceWatch::look() {
    bool worth_it = !std::exchange(looked_, true);
    alignas(inotify_event) char events[4096];
    for (ssize_t got = 0; (got = ::read(changes_.get(), events, sizeof events)) > 0;) {
        worth_it = is_about_the_file(events, static_cast<std::size_t>(got)) || worth_it;
    }
    if (!worth_it) return false;
    auto text = read_maintenance(state_);
    if (!text) {
        // Whoever put the file there wants nobody served.
        log::error("cannot read the maintenance file", {{"why", describe(text.error())}});
        text = text_.empty() ? default_text : text_;
    }
    if (*text == text_) return false;
    text_ = std::move(*text);
    log::warn(text_.empty() ? "maintenance is off"
                            : "maintenance is on: clients get its text, and nothing is served",
              {{"text", trim(text_)}});
    return true;
}

}  // namespace gerve
