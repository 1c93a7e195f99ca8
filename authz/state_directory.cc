#include "authz/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "authz/base/log.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/model/ticket.h"

namespace gerve {
namespace {

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
    return internal_error(errno_text("cannot create the directory " + path));
}

// A TOML basic string.
std::string toml_string(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

Result<void> make_state_directory(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), error);
    if (error)
        return internal_error("cannot create the directory above " + directory + ": " + error.message());
    if (auto made = make_directory(directory, 0700); !made) return made;
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return internal_error(errno_text("cannot use " + directory));
    if (!S_ISDIR(status.st_mode)) return internal_error(directory + " is not a directory");
    if ((status.st_mode & 022) != 0) {
        return internal_error(directory + " is writable by other users; chmod 700 " + directory);
    }
    return {};
}

Result<void> make_ticket_key(const Config& config) {
    if (!config.authz.ticket_keys.empty()) return {};
    const auto there = is_there(config.local_ticket_key());
    if (!there) return pass_on(there);
    if (*there) return {};
    // Nothing that lasts depends on it, but sessions of before are known no more.
    const auto served = is_there(agent_config_file(config));
    if (served && *served)
        log::warn("the ticket key was removed: creating a new one", {{"file", config.local_ticket_key()}});
    return write_file(config.local_ticket_key(), TicketKey::make().file_content(), 0600);
}

std::string agent_config_file(const Config& config) {
    return config.state + "/agent.toml";
}

Result<void> make_agent_files(const Config& config) {
    if (auto made = make_directory(config.local_agent_root(), 0700); !made) return made;
    const std::string content =
        "# Written by `gerve serve` at each start for the file server of the embedded default.\n"
        "name = \"local\"\n"
        "root = " +
        toml_string(config.local_agent_root()) +
        "\n"
        "ticket_keys = [" +
        toml_string(config.local_ticket_key()) +
        "]\n"
        "log.level = " +
        toml_string(level_name(config.log.level)) + "\n";
    return write_file(agent_config_file(config), content, 0600);
}

Result<StateLock> StateLock::take(const std::string& directory) {
    const std::string path = directory + "/lock";
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return internal_error(errno_text("cannot open " + path));
    char content[32] = "";
    const ssize_t got = ::pread(file.get(), content, sizeof content - 1, 0);
    const std::string holder(trim(std::string_view(content, got > 0 ? static_cast<std::size_t>(got) : 0)));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return internal_error("another `gerve serve` (process " + holder + ") is using the state directory " +
                              directory + "; stop it, or choose another directory with --state");
    }
    const std::string own = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), own.data(), own.size(), 0) != static_cast<ssize_t>(own.size())) {
        return internal_error(errno_text("cannot write " + path));
    }
    return StateLock(std::move(file), !holder.empty());
}

StateLock::~StateLock() {
    if (file_ && ::ftruncate(file_.get(), 0) != 0) return;  // the next master then waits a little in vain
}

}  // namespace gerve
