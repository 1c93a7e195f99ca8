#include "gerve/agent/hg/hg_session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "authz/base/text.h"
#include "gerve/agent/hg/hg_hooks.h"
#include "gerve/agent/hg/hg_program.h"

namespace gerve::hg {
namespace {

// Of the files that hg finds by their descriptors.
constexpr int settings_number = 3;
constexpr int hooks_number = 4;
constexpr int notes_number = 5;
constexpr int input_number = 6;

// Bytes that are read: hg notes nothing behind the first MiB, but ends the line that it has begun.
constexpr std::size_t most_noted = (1 << 20) + 4096;

using SharedFile = std::shared_ptr<const Fd>;

// A file in memory. `content` is in it for good; an empty one can be appended to.
Result<SharedFile> make_file(const char* name, std::string_view content) {
    Fd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return unavailable(errno_text("memfd_create"));
    if (content.empty()) return std::make_shared<const Fd>(std::move(file));
    if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return unavailable(errno_text("cannot fill a file in memory"));
    return std::make_shared<const Fd>(std::move(file));
}

}  // namespace

Result<Session> make_session(const std::string& hg, const Operation& operation, std::string_view refusal) {
    const bool writes = operation.service == Service::hg_write && refusal.empty();
    const Hooks& hooks = writes ? writer_hooks : reader_hooks;
    const auto settings = make_file("gerve-hgrc", std::string(settings_of_all) + std::string(hooks.settings));
    if (!settings) return pass_on(settings);
    const auto module = make_file("gerve-hg-hooks", std::string(module_of_all) + std::string(hooks.module));
    if (!module) return pass_on(module);
    Session session;
    GitStart& start = session.start;
    start.program = hg;
    start.name = "hg";
    start.arguments = {"-R", operation.path, "serve", "--stdio"};
    start.files = {{*settings, settings_number}, {*module, hooks_number}};
    std::vector<std::string> more{"GERVE_WRITE_REFUSAL=" + printable(refusal, 1024)};
    more.insert(more.end(), operation.environment.variables.begin(), operation.environment.variables.end());
    start.environment = environment("/dev/fd/" + std::to_string(settings_number), more);
    start.input = input_number;
    start.survives = writes;
    if (!writes) return session;
    auto notes = make_file("gerve-hg-notes", "");
    if (!notes) return pass_on(notes);
    session.notes = std::move(*notes);
    start.files.emplace_back(session.notes, notes_number);
    return session;
}

bool has_written(const Fd& notes) {
    struct stat status {};
    return ::fstat(notes.get(), &status) != 0 || status.st_size > 0;
}

std::vector<RefChange> read_notes(const Session& session) {
    std::vector<RefChange> changes;
    if (!session.notes) return changes;
    std::string text(most_noted, '\0');
    const ssize_t size = ::pread(session.notes->get(), text.data(), text.size(), 0);
    if (size <= 0) return changes;
    text.resize(static_cast<std::size_t>(size));
    for (const std::string_view line : split(text, '\n')) {
        if (changes.size() == max_ref_changes) break;
        if (auto change = RefChange::parse(line)) changes.push_back(std::move(*change));
    }
    return changes;
}

}  // namespace gerve::hg
