#include "gerve/cli/adoption.h"

#include <cstdio>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

struct AdoptionValues {
    std::optional<RepoPath> repo;
    std::string directory;
    bool is_private = false;
    bool is_public = false;
    bool dry_run = false;
};

std::string_view visibility_word(bool is_public) {
    return name_in(visibility_names, is_public ? Visibility::everybody : Visibility::only_owner);
}

// The directory may have been moved, or be moved yet. What is disabled shows nobody what may be wrong with
// it.
std::string keep_entry(Site& site, const RepositoryRecord& record, const Takeover& takeover,
                       const Undone& failed) {
    const std::string path = record.path.text();
    const auto disabled = site.registry().disable_repository(record.path);
    return failed.why + "; whether " + shown(takeover.directory) +
           " was moved is unknown, and the entry of " + path + " remains" +
           (disabled || record.disabled
                ? ", disabled"
                : " and could not be disabled (" + explanation_of(disabled.error()) + ")") +
           ". `gerve repo adopt " + path + " " + shown(takeover.directory) + "` finds out, and finishes it";
}

std::string take_entry_back(Site& site, const RepositoryRecord& record, const Takeover& takeover,
                            const Undone& failed) {
    if (takeover.entry) return failed.why;
    const auto undone = site.registry().delete_repository(record.path);
    return undone ? failed.why
                  : failed.why + "; and its entry could not be removed: " + explanation_of(undone.error());
}

void print_line(const char* what, const std::string& text) {
    std::printf("  %-14s %s\n", what, text.c_str());
}

void print_inspection(const Inspection& found, const ServerName& server) {
    std::printf("%s on %s\n", shown(found.directory).c_str(), server.text().c_str());
    print_line("owner", shown(found.owner));
    print_line("HEAD", found.head.empty() ? "-" : shown(found.head));
    print_line("object format", found.object_format.empty() ? "-" : shown(found.object_format));
    print_line("size", size_text(found.bytes));
    for (const std::string& hook : found.hooks) print_line("hook", one_line(hook));
    if (!found.hooks.empty())
        print_line("",
                   "hooks run at each push through Gerve too, with its variables (GERVE_USER and others)");
    for (const std::string& note : found.notes) print_line("note", one_line(note));
    for (const std::string& why : found.refusals) print_line("refused", one_line(why));
}

// A directory that cannot be asked is not one without the entry.
std::optional<RepositoryRecord> entry_of(Site& site, const RepoPath& repo) {
    auto there = site.registry().show_repository(repo);
    if (there || there.error().kind != ErrorKind::client) return need_backend(std::move(there));
    return std::nullopt;
}

class AdoptionCommand {
  public:
    AdoptionCommand(Site& site, const AdoptionValues& values)
        : site_(site),
          values_(values),
          repo_(need(site.registry().show_account(values.repo->owner())).login, values.repo->name()),
          server_(site, repo_.owner()) {}

    int run() {
        site_.details().add("repo", repo_.text());
        const auto wanted = wanted_visibility();
        const auto entry = find_entry(wanted);
        if (entry && is_whole(*entry)) return told_already(*entry);
        const auto found =
            server_.inspect(repo_, entry ? std::optional(entry->id) : std::nullopt, values_.directory);
        if (!found) throw Stop{refused_status, found.error().why};
        print_inspection(*found, server_.name());
        check(*found);
        if (values_.dry_run) {
            std::printf("%s can be adopted; nothing was changed\n", repo_.text().c_str());
            return 0;
        }
        const bool is_public =
            entry ? entry->is_public
                  : wanted.value_or(site_.config().repositories.default_visibility) == Visibility::everybody;
        print_adopted(take_over(site_, server_,
                                {repo_, values_.directory.empty() ? found->directory : values_.directory,
                                 found->in_place, is_public, entry}));
        return 0;
    }

  private:
    [[nodiscard]] std::optional<Visibility> wanted_visibility() const {
        if (values_.is_private && values_.is_public)
            throw Stop{usage_status, "--public cannot be combined with --private"};
        if (values_.is_private) return Visibility::only_owner;
        return values_.is_public ? std::optional(Visibility::everybody) : std::nullopt;
    }

    std::optional<RepositoryRecord> find_entry(std::optional<Visibility> wanted) {
        const auto there = entry_of(site_, repo_);
        if (!there) return std::nullopt;
        if (wanted && there->is_public != (*wanted == Visibility::everybody))
            throw Stop{refused_status, "repository " + repo_.text() + " already exists, and it is " +
                                           std::string(visibility_word(there->is_public))};
        return *there;
    }

    // Not one that was interrupted between its entry and its directory.
    bool is_whole(const RepositoryRecord& entry) {
        const auto size = server_.size(entry.path, entry.id);
        if (size) return true;
        if (size.error().fate != Fate::missing) throw Stop{refused_status, size.error().why};
        return false;
    }

    int told_already(const RepositoryRecord& entry) {
        const std::string path = entry.path.text();
        if (!values_.directory.empty()) {
            const auto other = server_.inspect(entry.path, entry.id, values_.directory);
            if (other && !other->in_place)
                throw Stop{refused_status, "repository " + path + " already exists, and " +
                                               shown(values_.directory) +
                                               " is another one: adopt it by another name"};
        }
        return there_already(
            "repository " + path + " already exists" +
            (entry.disabled ? " (disabled: inspect it, then run `gerve repo enable " + path + "`)" : ""));
    }

    void check(const Inspection& found) {
        std::string why = join(found.refusals, "; ");
        const auto other = RepoPath::parse(found.filed_as);
        if (other && !found.in_place && entry_of(site_, *other)) {
            why = "it is the repository " + other->text() + ": `gerve repo rename " + other->text() + " " +
                  repo_.text() + "` gives it another name";
        }
        if (!why.empty())
            throw Stop{refused_status, repo_.text() + " was not adopted, and nothing was changed: " + why};
    }

    Site& site_;
    const AdoptionValues& values_;
    RepoPath repo_;
    FileServer server_;
};

// Whether another run of the same command has completed the entry meanwhile: then the directory is in its
// place, and no longer where it was.
bool was_moved_by_another(FileServer& server, const RepositoryRecord& record, const Takeover& takeover) {
    return server.size(record.path, record.id) && !server.inspect(record.path, record.id, takeover.directory);
}

}  // namespace

void check_directory(const std::string& directory) {
    if (!may_be_directory(directory))
        throw Stop{usage_status,
                   "DIR: must be an absolute path on the file server, without . and ..: " + shown(directory)};
}

RepositoryRecord take_over(Site& site, FileServer& server, const Takeover& takeover) {
    const RepositoryRecord record =
        takeover.entry ? *takeover.entry
                       : need(site.registry().create_repository(takeover.repo, takeover.is_public));
    site.details().add("visibility", visibility_word(record.is_public));
    site.details().add("server", server.name().text());
    site.details().add("from", takeover.directory);
    if (!takeover.in_place) {
        const auto moved = server.adopt(record.path, record.id, takeover.directory);
        if (!moved && moved.error().fate == Fate::unknown)
            throw Stop{refused_status, keep_entry(site, record, takeover, moved.error())};
        if (!moved && was_moved_by_another(server, record, takeover))
            throw Stop{refused_status, keep_entry(site, record, takeover, moved.error())};
        if (!moved) throw Stop{refused_status, take_entry_back(site, record, takeover, moved.error())};
    }
    return record;
}

void print_adopted(const RepositoryRecord& entry) {
    std::printf("adopted %s (%s%s)\n", entry.path.text().c_str(),
                std::string(visibility_word(entry.is_public)).c_str(), entry.disabled ? ", disabled" : "");
    if (entry.disabled) complain("`gerve repo enable " + entry.path.text() + "` serves it");
}

void declare_adoption(Command& repo) {
    const auto values = std::make_shared<AdoptionValues>();
    repo.command("adopt",
                 "Take over a repository that is on its owner's file server already; private, unless "
                 "repositories.default_visibility says otherwise.",
                 [values](Site& site) {
                     if (!values->directory.empty()) check_directory(values->directory);
                     const Run run = [values](Site& here) { return AdoptionCommand(here, *values).run(); };
                     return values->dry_run ? run(site) : run_on_record(site, "repo adopt", run);
                 })
        .argument("OWNER/NAME", "The account that is to own it, and its name", parsed(values->repo))
        .optional_argument(
            "DIR",
            "Where it is on the file server, below the agent's root or its adopt_from; default: "
            "where it belongs, and only its entry is missing",
            word(values->directory))
        .flag("--dry-run", "Check it and print what was found; change nothing", values->dry_run)
        .flag("--private", "Only its owner and accounts with a grant may read it", values->is_private)
        .flag("--public", "Every account may read it, and every client over git:// where listen.git is set",
              values->is_public)
        .examples({"gerve repo adopt alice/site --dry-run", "gerve repo adopt alice/site /srv/old/site.git"});
}

}  // namespace gerve
