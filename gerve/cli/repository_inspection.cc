#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct InspectionValues {
    std::vector<RepoPath> repos;
    std::optional<Login> owner;
    bool repairs = false;
    bool json = false;
};

// What one repository's file server says of it; `out` takes it for --json.
using Look = std::function<int(FileServer& server, const RepositoryRecord& record, Json& out)>;

template <class T>
T need_of_server(Ordered<T> answer) {
    if (!answer) throw Stop{refused_status, answer.error().why};
    return std::move(*answer);
}

int look_at(Site& site, const RepoPath& path, const Look& look, Json& out) {
    out["repository"] = path.text();
    try {
        const RepositoryRecord record = need(site.registry().show_repository(path));
        out["repository"] = record.path.text();
        FileServer server(site, record.path.owner());
        out["server"] = server.name().text();
        return look(server, record, out);
    } catch (const Stop& stop) {
        complain(path.text() + ": " + stop.text);
        out["error"] = stop.text;
        return stop.status;
    }
}

// One that cannot be looked at keeps the others from nothing; the status is the worst.
int look_at_all(Site& site, const InspectionValues& values, const Look& look) {
    (void)site.registry();  // without which all would fail alike
    Json out = Json::array();
    int status = 0;
    for (const RepoPath& path : values.repos) {
        Json& one = out.emplace_back(Json::object());
        status = std::max(status, look_at(site, path, look, one));
    }
    if (values.json) print_json(out);
    return status;
}

int fsck(Site& site, const InspectionValues& values) {
    return look_at_all(site, values, [&](FileServer& server, const RepositoryRecord& record, Json& out) {
        const Repair repair = values.repairs ? Repair::yes : Repair::no;
        const FsckReport report = need_of_server(server.fsck(record.path, record.id, repair));
        const bool sound = report.status == 0;
        out.update(Json{{"sound", sound}, {"status", report.status}, {"output", report.output}});
        if (values.json) return sound ? 0 : refused_status;
        std::printf("%s: %s\n", record.path.text().c_str(),
                    sound ? "sound" : ("not sound (status " + std::to_string(report.status) + ")").c_str());
        if (const auto said = trim(report.output); !said.empty()) {
            for (const std::string_view line : split(said, '\n'))
                std::printf("  %s\n", one_line(line).c_str());
        }
        std::fflush(stdout);  // the next may take long
        return sound ? 0 : refused_status;
    });
}

int fsck_on_record(Site& site, const InspectionValues& values) {
    if (!values.repairs) return fsck(site, values);
    return run_on_record(site, "repo fsck", [&values](Site& here) {
        for (const RepoPath& repo : values.repos) here.details().add("repo", repo.text());
        return fsck(here, values);
    });
}

Json limit_json(std::uint64_t limit) {
    return limit == 0 ? Json() : Json(limit);
}

std::string limit_cell(std::uint64_t limit) {
    return limit == 0 ? "-" : size_text(limit);
}

std::vector<RepoPath> paths_of(Site& site, const Login& owner) {
    std::vector<RepoPath> paths;
    for (const RepositoryRecord& record : need(site.registry().list_repositories(owner)))
        paths.push_back(record.path);
    return paths;
}

OwnSizeLimits limits_of_owner(Site& site, const Login& owner) {
    return need(site.registry().show_limits(owner));
}

int size(Site& site, InspectionValues values) {
    if (values.repos.empty() == !values.owner)
        throw Stop{usage_status, "give repositories, or an owner with --owner"};
    if (values.owner) values.repos = paths_of(site, *values.owner);
    const SizeLimits& general = site.config().repositories.sizes;
    Table table({"REPOSITORY", "SERVER", "SIZE", "BYTES", "LIMIT"});
    std::uint64_t all = 0;
    std::size_t measured = 0;
    const int status =
        look_at_all(site, values, [&](FileServer& server, const RepositoryRecord& record, Json& out) {
            const std::uint64_t bytes = need_of_server(server.size(record.path, record.id));
            const SizeLimits limits = need(site.registry().show_limits(record.path))
                                          .over(limits_of_owner(site, record.path.owner()).over(general));
            out["bytes"] = bytes;
            out["limit"] = limit_json(limits.repository);
            table.add({record.path.text(), server.name().text(), size_text(bytes), std::to_string(bytes),
                       limit_cell(limits.repository)});
            all += bytes;
            ++measured;
            return 0;
        });
    if (values.owner && measured > 0)
        table.add({"total of " + values.owner->text(), "", size_text(all), std::to_string(all),
                   limit_cell(limits_of_owner(site, *values.owner).over(general).owner)});
    if (measured > 0 && !values.json) table.print("");
    return status;
}

}  // namespace

void declare_inspection(Command& repo) {
    const auto checked = std::make_shared<InspectionValues>();
    repo.command("fsck",
                 "Run git fsck on the file server, and look for what a crash left; exit status 1 if it finds "
                 "a problem.",
                 [checked](Site& site) { return fsck_on_record(site, *checked); })
        .arguments("OWNER/NAME", "The repositories", all_parsed(checked->repos))
        .flag("--repair", "Remove what a crash left behind; this is recorded in the audit trail",
              checked->repairs)
        .json(checked->json);
    const auto measured = std::make_shared<InspectionValues>();
    repo.command("size", "Print how much disk space repositories use on their file server.",
                 [measured](Site& site) { return size(site, *measured); })
        .optional_arguments("OWNER/NAME", "The repositories", all_parsed(measured->repos))
        .option("--owner", "OWNER", "All repositories of this owner, and their total",
                parsed(measured->owner))
        .json(measured->json);
}

}  // namespace gerve
