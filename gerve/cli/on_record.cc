#include "gerve/cli/on_record.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <span>

#include "authz/audit/events.h"
#include "authz/audit/operator.h"
#include "authz/audit/settings.h"
#include "authz/base/fd.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/os/system_user.h"
#include "authz/os/unix_socket.h"
#include "authz/state_directory.h"
#include "authz/wire/client.h"
#include "gerve/cli/held_signals.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

constexpr std::chrono::seconds patience{3};
constexpr std::chrono::seconds patience_once_done{10};  // nothing can be refused any more

// As opposed to slow.
bool is_away(const std::string& authz_socket) {
    const auto address = UnixAddress::of(authz_socket);
    return address && nobody_listens(*address);
}

// Of a command's line what it was given: without its own name and where the installation is.
std::vector<std::string> arguments_of(const std::vector<std::string>& words, const std::string& command) {
    std::vector<std::string> arguments;
    std::size_t named = 0;
    const auto name = split(command, ' ');
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "-c" || word == "--config" || word == "--state") {
            ++i;
        } else if (named < name.size() && word == name[named]) {
            ++named;
        } else if (!word.starts_with("--config=") && !word.starts_with("--state=")) {
            arguments.push_back(word);
        }
    }
    return arguments;
}

class Recorder {
  public:
    explicit Recorder(Site& site)
        : site_(site),
          on_(site.config().audit.enabled),
          authz_(site.config().authz_socket(), patience),
          authz_in_the_end_(site.config().authz_socket(), patience_once_done) {}

    // Whether an event would be taken, and by whom.
    void prepare() {
        if (!on_) return;
        const auto taken = authz_.ask(ChangeReport{.client = here()});
        by_authz_ = taken.has_value();
        if (by_authz_) return;
        if (taken.error().kind != ErrorKind::unavailable) {
            throw Stop{
                refused_status,
                "authz does not record changes by this user: the user is not in authz.administrators, or "
                "the audit file cannot be written (authz's log says which); nothing was done"};
        }
        const std::string& state = site_.config().state;
        // A command that makes the state directory, or finds that it is the wrong one: not ours to make.
        if (site_.config().backend == Backend::sqlite && !need(is_there(state))) return;
        if (auto opened = open_trail(); !opened)
            throw Stop{refused_status, "nothing was done, because the change cannot be recorded: " +
                                           describe(opened.error())};
    }

    // What was made, each with these details.
    void tell_changes(const std::string& command, std::vector<std::string> changes) {
        std::vector<ChangeReport> reports;
        for (std::string& change : changes)
            reports.push_back(
                {command, arguments_of(site_.options().words, command), "", std::move(change), here()});
        tell(reports, "");
    }

    void tell_end(const std::string& command, const std::string& failed) {
        const ChangeReport report{command, arguments_of(site_.options().words, command), failed,
                                  site_.take_details(), here()};
        tell({&report, 1}, failed);
    }

  private:
    static ClientContext here() { return {}; }

    void tell(std::span<const ChangeReport> reports, const std::string& failed) {
        if (!on_) return;
        bool perhaps = false;
        const auto told = tell_all(reports, perhaps);
        if (told) return;
        const std::string why =
            (perhaps ? "perhaps not recorded (see `gerve audit --event admin`): " : "not recorded: ") +
            describe(told.error());
        throw Stop{refused_status, failed.empty() ? "the change was made, but is " + why
                                                  : failed + "; and this attempt is " + why};
    }

    Result<void> open_trail() {
        const auto& audit = site_.config().audit;
        const bool in_state = audit.file.empty() || audit.key_file.empty();
        if (site_.config().backend != Backend::sqlite && in_state) {
            if (auto made = make_state_directory(site_.config().state); !made) return made;
        }
        auto opened = Trail::open(audit_trail_of(site_.config()));
        if (!opened) return pass_on(opened);
        trail_ = std::move(*opened);
        return trail_->probe();
    }

    // `perhaps`: whether authz may have written what it did not confirm.
    Result<void> tell_all(std::span<const ChangeReport> reports, bool& perhaps) {
        while (by_authz_ && !reports.empty()) {
            if (const auto told = report_to_authz(reports.front()); !told) {
                // Of one that is there, but says nothing, nobody knows what it writes: it would be there
                // twice.
                if (told.error().kind != ErrorKind::unavailable) return told;
                perhaps = !is_away(site_.config().authz_socket());
                if (perhaps) return told;
                break;
            }
            reports = reports.subspan(1);
        }
        return reports.empty() ? Result<void>() : append(reports);
    }

    Result<void> report_to_authz(const ChangeReport& report) {
        const auto done = authz_in_the_end_.ask(report);
        if (!done) return pass_on(done);
        return {};
    }

    Result<void> append(std::span<const ChangeReport> reports) {
        if (trail_ == nullptr) {
            const auto state = is_there(site_.config().state);
            if (!state) return pass_on(state);
            if (!*state) return {};  // nothing was made
            if (auto opened = open_trail(); !opened) return opened;
        }
        std::vector<AuditFact> facts;
        for (const ChangeReport& report : reports) {
            facts.push_back(
                fact_of(AdminChange{system_user_text(::getuid()), login_of(::getpid()), report.command,
                                    report.arguments, report.failed, report.facts}));
        }
        if (auto appended = trail_->append(facts); !appended) return appended;
        for (Unsynced& file : trail_->take_unsynced()) {
            if (auto synced = file.sync(::fdatasync); !synced) return synced;
        }
        return {};
    }

    Site& site_;
    const bool on_;
    AuthzClient authz_;
    AuthzClient authz_in_the_end_;
    bool by_authz_ = false;
    std::unique_ptr<Trail> trail_;
};

int run_and_tell(Site& site, Recorder& recorder, const std::string& command, const Run& run) {
    int status = 0;
    try {
        status = run(site);
    } catch (const Stop& stop) {
        recorder.tell_end(command, stop.text);
        throw;
    }
    recorder.tell_end(command, status == 0 ? "" : "exit status " + std::to_string(status));
    return status;
}

}  // namespace

// What stopped the command is printed here: behind the held signal nobody would.
int run_on_record(Site& site, const std::string& command, const Run& run) {
    Recorder recorder(site);
    recorder.prepare();
    site.on_record(
        [&](std::vector<std::string> changes) { recorder.tell_changes(command, std::move(changes)); });
    const HeldSignals held;
    try {
        return run_and_tell(site, recorder, command, run);
    } catch (const Stop& stop) {
        complain(stop.text);
        return stop.status;
    }
}

}  // namespace gerve
