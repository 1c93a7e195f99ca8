#include "gerve/agent/repository/adoption_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <optional>

#include "authz/base/text.h"
#include "authz/os/system_user.h"
#include "gerve/agent/repository/config_findings.h"
#include "gerve/agent/repository/directory_reader.h"
#include "gerve/agent/repository/repository_check.h"
#include "gerve/agent/repository/tree_facts.h"

namespace gerve {
namespace {

constexpr std::size_t most_hooks = 40;

// Those that a fetch or a push runs (githooks(5)); they are listed, however many other files are there.
bool is_hook_of_a_push(std::string_view name) {
    constexpr std::array<std::string_view, 8> hooks{
        "pre-receive",           "update",       "post-receive",     "post-update",
        "reference-transaction", "proc-receive", "push-to-checkout", "pre-auto-gc"};
    return std::find(hooks.begin(), hooks.end(), name) != hooks.end();
}

struct Mount {
    std::uint64_t device;
    std::uint64_t mount;  // 0: a kernel older than 5.8 does not say
};

std::optional<Mount> mount_of(const Fd& place) {
    struct statx status {};
    if (::statx(place.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) return std::nullopt;
    return Mount{std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor,
                 (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : 0};
}

class AdoptionCheck {
  public:
    AdoptionCheck(const AdoptionPlaces& places, const AdoptionSource& source, const std::string& git)
        : places_(places), source_(source), git_(git), path_(source.path()) {}

    Result<Inspection> run(const Fd& directory) {
        found_.directory = printable(path_, longest_path_told);
        found_.filed_as = filed_as(places_, source_);
        struct stat status {};
        if (::fstat(directory.get(), &status) != 0) return unavailable(errno_text("cannot stat " + path_));
        found_.owner = system_user_text(status.st_uid);
        const auto facts = walk_repository(directory);
        if (!facts) return unavailable(path_ + ": " + describe(facts.error()));
        found_.bytes = facts->bytes;
        judge_files(*facts);
        judge_place(directory);
        read_hooks(directory);
        judge_alternates(directory);
        if (facts->foreign > 0) return std::move(found_);  // its owner could have us read anything
        const auto head = read_head(directory, path_);
        if (!head) refuse("it is not a bare repository: " + describe(head.error()));
        if (head) found_.head = printable(*head);
        if (head && facts->may_be_read_by_git()) {
            if (auto asked = ask_git(*head); !asked) return pass_on(asked);
        }
        return std::move(found_);
    }

  private:
    void refuse(std::string why) { found_.refusals.push_back(std::move(why)); }

    void judge_files(const TreeFacts& facts) {
        const std::string shown = shell_word(path_);
        if (facts.foreign > 0) {
            refuse(std::to_string(facts.foreign) + " of its files do not belong to " +
                   system_user_text(::geteuid()) + ", as whom git runs here (" +
                   printable(facts.foreign_name) + " belongs to " + system_user_text(facts.foreign_owner) +
                   "): `chown -hR " + own_user() + ": " + shown + "`");
        }
        if (!facts.open_to_all.empty())
            refuse("everybody may write to " + printable(facts.open_to_all) + " in it: `chmod -R o-w " +
                   shown + "`");
        if (facts.foreign == 0 && !facts.open_to_group.empty())
            refuse("members of another group may write to " + printable(facts.open_to_group) +
                   " in it: `chown -hR " + own_user() + ": " + shown + "`");
        if (!facts.common_dir.empty())
            refuse(
                "it takes its config, refs and objects from another repository (commondir): clone that one "
                "with `git clone --mirror`");
        if (facts.is_shallow) found_.notes.push_back("it is a shallow clone, and lacks history (shallow)");
        if (facts.foreign == 0 && !facts.unusable.empty())
            refuse("git cannot read and write in " + printable(facts.unusable) + " in it: `chmod -R u+rwX " +
                   shown + "`");
        if (!facts.odd_link.empty())
            refuse(printable(facts.odd_link) + " is a symbolic link: put what it points to in its place");
        if (!facts.odd_file.empty())
            refuse(printable(facts.odd_file) + " is neither a file nor a directory: remove it");
        if (!facts.mounted.empty()) refuse(printable(facts.mounted) + " is on another file system");
    }

    // Whether it can be renamed to where the layout files it. A rename crosses no mount either, and a unit
    // with ReadWritePaths= has one for each of them.
    void judge_place(const Fd& directory) {
        if (!found_.filed_as.empty()) return;  // perhaps it is to stay there; the rename says the rest
        const Fd root(::open(places_.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        const auto here = mount_of(directory);
        const auto there = mount_of(root);
        const std::string shown = printable(places_.root);
        if (!here || !there) return refuse(errno_text("cannot stat it, or " + shown));
        if (here->device != there->device) {
            refuse("it is not on the file system of " + shown +
                   ": copy it to a directory there (`cp -a`), and adopt the copy");
        } else if (here->mount != there->mount) {
            refuse("it is on the file system of " + shown +
                   ", but for the agent in another mount: move it to a directory below " + shown +
                   " whose name starts with a dot (`mv`), and adopt it from there");
        }
        const auto parent = open_parent(source_);
        if (!parent) return refuse(describe(parent.error()));
        if (::faccessat(parent->get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
            refuse(errno_text("it cannot be moved away, because " + system_user_text(::geteuid()) +
                              " cannot write in the directory that holds it"));
    }

    void judge_alternates(const Fd& directory) {
        struct stat status {};
        if (::fstatat(directory.get(), "objects/info/alternates", &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            status.st_size == 0)
            return;
        const std::string shown = shell_word(path_);
        refuse("it takes objects from another repository (objects/info/alternates): `" +
               own_command("git -C " + shown + " repack -a -d") + " && rm " + shown +
               "/objects/info/alternates`");
    }

    void read_hooks(const Fd& directory) {
        std::array<char, PATH_MAX> target{};
        if (const ssize_t size = ::readlinkat(directory.get(), "hooks", target.data(), target.size());
            size > 0)
            found_.hooks.push_back("hooks -> " + printable({target.data(), static_cast<std::size_t>(size)}));
        DirectoryReader reader(directory, "hooks");
        if (!reader.is_open()) return;
        std::size_t more = 0;
        while (const dirent* entry = reader.next()) {
            const std::string name(entry->d_name);
            // Follows a link, as git does.
            if (name.ends_with(".sample") || ::faccessat(reader.fd(), name.c_str(), X_OK, AT_EACCESS) != 0)
                continue;
            struct stat status {};
            if (::fstatat(reader.fd(), name.c_str(), &status, 0) != 0 || !S_ISREG(status.st_mode)) continue;
            const ssize_t size = ::readlinkat(reader.fd(), name.c_str(), target.data(), target.size());
            std::string told = printable(name, 100);
            if (size > 0) told += " -> " + printable({target.data(), static_cast<std::size_t>(size)});
            if (found_.hooks.size() == most_hooks && !is_hook_of_a_push(name)) {
                ++more;
                continue;
            }
            if (told.find("gitolite") != std::string::npos)
                found_.notes.push_back("the hook " + printable(name, 100) +
                                       " is gitolite's, which refuses pushes by other ways: remove it");
            found_.hooks.push_back(std::move(told));
        }
        std::sort(found_.hooks.begin(), found_.hooks.end());
        if (more > 0)
            found_.notes.push_back(std::to_string(more) +
                                   " more executable files are in its hooks, which no push runs");
    }

    Result<void> ask_git(const std::string& head) {
        const GitPlace place{git_, path_, head};
        auto config = read_config_findings(place);
        if (!config) return pass_on(config);
        for (std::string& note : config->notes) found_.notes.push_back(std::move(note));
        for (std::string& why : config->refusals) refuse(std::move(why));
        // git would obey it.
        if (!config->refusals.empty()) return {};
        const auto run = run_in(place, {"rev-parse", "--show-object-format", "--verify", "--quiet", "HEAD"});
        if (!run) return pass_on(run);
        const std::string_view said = trim(run->output);
        const std::string_view format = said.substr(0, said.find('\n'));
        if (format != "sha1" && format != "sha256") {
            refuse("git does not open it: " + printable(said, 300));
            return {};
        }
        found_.object_format = format;
        if (run->end.code != 0 && !head.empty())
            found_.notes.push_back("HEAD names " + printable(head) +
                                   ", which does not exist yet: `gerve repo set-head` names another branch");
        return {};
    }

    const AdoptionPlaces& places_;
    const AdoptionSource& source_;
    const std::string& git_;
    std::string path_;
    Inspection found_;
};

}  // namespace

Result<Inspection> check_for_adoption(const AdoptionPlaces& places, const AdoptionSource& source,
                                      const Fd& directory, const std::string& git) {
    return AdoptionCheck(places, source, git).run(directory);
}

}  // namespace gerve
