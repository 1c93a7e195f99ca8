#include "gerve/cli/on_record.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "authz/audit/events.h"
#include "authz/audit/operator.h"
#include "authz/audit/settings.h"
#include "authz/base/text.h"
#include "authz/service/client.h"
#include "gerve/cli/held_signals.h"
#include "gerve/cli/site.h"
#include "gerve/server/state_directory.h"

namespace gerve {
namespace {

constexpr std::chrono::seconds patience{3};

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
        : site_(site), on_(site.config().audit.enabled), authz_(site.config().authz_socket(), patience) {}

    // Whether an event would be taken, and by whom.
    void prepare() {
        if (!on_) return;
        const auto taken = authz_.change(ChangeReport{.client = here()});
        by_authz_ = taken.has_value();
        if (by_authz_) return;
        if (taken.error().kind != ErrorKind::unavailable) {
            throw Stop{refused_status,
                       "authz records no change of yours: you are none of authz.administrators, or its audit "
                       "file cannot be written (its log says which); nothing was done"};
        }
        struct stat status {};
        const std::string& state = site_.config().state;
        // A command that makes the state directory, or finds that it is the wrong one: not ours to make.
        if (site_.config().directory_backend == "sqlite" && ::stat(state.c_str(), &status) != 0) return;
        if (auto opened = open_trail(); !opened)
            throw Stop{refused_status,
                       "no change is made that cannot be recorded: " + describe(opened.error())};
    }

    void tell(const std::string& command, const std::string& failed) {
        if (!on_) return;
        ChangeReport report{command, arguments_of(site_.options().words, command), failed,
                            site_.take_details(), here()};
        auto told = by_authz_ ? authz_.change(report) : append(report);
        // It has gone since it was asked. If only its answer has, the event is there twice.
        if (by_authz_ && !told && told.error().kind == ErrorKind::unavailable)
            told = append(std::move(report));
        if (told) return;
        const std::string why = "not on record: " + describe(told.error());
        throw Stop{refused_status, failed.empty() ? "it is done, but " + why : failed + "; and it is " + why};
    }

  private:
    static ClientContext here() { return {"", "", "", "gateway"}; }

    Result<void> open_trail() {
        if (site_.config().directory_backend != "sqlite" && site_.config().audit.file.empty()) {
            if (auto made = make_state_directory(site_.config().state); !made) return made;
        }
        auto opened = Trail::open(audit_trail_of(site_.config()));
        if (!opened) return pass_on(opened);
        trail_ = std::move(*opened);
        return trail_->probe();
    }

    Result<void> append(ChangeReport report) {
        struct stat status {};
        if (trail_ == nullptr) {
            if (::stat(site_.config().state.c_str(), &status) != 0) return {};  // nothing was made
            if (auto opened = open_trail(); !opened) return opened;
        }
        const AdminChange change{name_of_user(::getuid()), login_of(::getpid()),     report.command,
                                 report.arguments,         std::move(report.failed), std::move(report.facts)};
        if (auto appended = trail_->append({fact_of(change)}); !appended) return appended;
        for (Unsynced& file : trail_->take_unsynced()) {
            if (auto synced = file.sync(::fdatasync); !synced) return synced;
        }
        return {};
    }

    Site& site_;
    const bool on_;
    AuthzClient authz_;
    bool by_authz_ = false;
    std::unique_ptr<Trail> trail_;
};

int run_and_tell(Site& site, Recorder& recorder, const std::string& command, const Run& run) {
    int status = 0;
    try {
        status = run(site);
    } catch (const Stop& stop) {
        recorder.tell(command, stop.text);
        throw;
    }
    recorder.tell(command, status == 0 ? "" : "exit status " + std::to_string(status));
    return status;
}

}  // namespace

// What stopped the command is printed here: behind the held signal nobody would.
int run_on_record(Site& site, const std::string& command, const Run& run) {
    Recorder recorder(site);
    recorder.prepare();
    const HeldSignals held;
    try {
        return run_and_tell(site, recorder, command, run);
    } catch (const Stop& stop) {
        std::fprintf(stderr, "gerve: %s\n", stop.text.c_str());
        return stop.status;
    }
}

}  // namespace gerve
