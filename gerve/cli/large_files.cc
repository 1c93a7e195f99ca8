#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/agent/lfs/upkeep.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct LargeFileValues {
    std::optional<RepoPath> repo;
    std::string lock;
    std::chrono::milliseconds older_than = std::chrono::days(14);
    bool removes = false;
    bool json = false;
};

std::vector<std::string> order(Site& site, const LargeFileValues& values, const std::string& name,
                               const std::string& argument) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    need_git(record, "has no large files of Git LFS");
    FileServer server(site, record.path.owner());
    const auto said = server.large_files(record.path, record.id, name, argument);
    if (!said) throw Stop{refused_status, said.error().why};
    std::vector<std::string> lines;
    for (const std::string_view line : split(*said, '\n')) {
        if (!line.empty()) lines.emplace_back(line);
    }
    return lines;
}

// A line of the file server, as lfs/upkeep.h has it.
struct ListedLock {
    std::string id;
    std::string since;
    std::string holder;  // "user 7"
    std::string name;
    std::string path;
};

ListedLock parse_listed(std::string_view line) {
    std::array<std::string_view, 5> words;
    for (std::string_view& one : words) {
        const auto end = line.find(' ');
        if (end == std::string_view::npos)
            throw Stop{refused_status, "the file server sent an invalid list of locks"};
        one = line.substr(0, end);
        line.remove_prefix(end + 1);
    }
    return {std::string(words[0]), std::string(words[1]), std::string(words[2]) + " " + std::string(words[3]),
            std::string(words[4]), std::string(line)};
}

int list_locks(Site& site, const LargeFileValues& values) {
    Table table({"ID", "PATH", "HOLDER", "SINCE"});
    Json out = Json::array();
    for (const std::string& line : order(site, values, "lfs-locks", "")) {
        const ListedLock lock = parse_listed(line);
        table.add({lock.id, shown(lock.path), shown(lock.name), lock.since});
        out.push_back(Json{{"id", lock.id},
                           {"path", lock.path},
                           {"holder", lock.name},
                           {"account", lock.holder},
                           {"since", lock.since}});
    }
    values.json ? print_json(out) : table.print("no locks");
    return 0;
}

int unlock(Site& site, const LargeFileValues& values) {
    site.details().add("repo", values.repo->text());
    site.details().add("lock", values.lock);
    for (const std::string& line : order(site, values, "lfs-unlock", values.lock)) {
        const ListedLock lock = parse_listed(line);
        site.details().add("path", lock.path);
        site.details().add("holder", lock.holder);
        std::printf("unlocked %s, which %s had locked since %s\n", shown(lock.path).c_str(),
                    shown(lock.name).c_str(), lock.since.c_str());
    }
    return 0;
}

int prune(Site& site, const LargeFileValues& values) {
    const lfs::Pruning pruning{std::chrono::floor<std::chrono::seconds>(values.older_than), values.removes};
    const auto lines = order(site, values, "lfs-prune", pruning.text());
    const auto total = lines.empty() ? std::vector<std::string_view>() : split(lines.front(), ' ');
    const auto count = total.size() == 2 ? parse_decimal(total[0]) : std::nullopt;
    const auto bytes = total.size() == 2 ? parse_decimal(total[1]) : std::nullopt;
    if (!count || !bytes) throw Stop{refused_status, "the file server sent an invalid list of objects"};
    Table table({"OBJECT", "BYTES"});
    Json objects = Json::array();
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto words = split(lines[i], ' ');
        if (words.size() != 2) continue;
        table.add({std::string(words[0]), std::string(words[1])});
        objects.push_back(Json{{"oid", words[0]}, {"bytes", parse_decimal(words[1]).value_or(0)}});
    }
    if (values.json) {
        print_json(
            Json{{"removed", values.removes}, {"count", *count}, {"bytes", *bytes}, {"objects", objects}});
        return 0;
    }
    if (*count > 0) table.print("");
    if (lines.size() - 1 < *count)
        std::printf("and %s more\n", std::to_string(*count - (lines.size() - 1)).c_str());
    const std::string what =
        std::to_string(*count) + (*count == 1 ? " object, " : " objects, ") + size_text(*bytes);
    std::printf("%s\n", values.removes ? ("removed " + what).c_str()
                        : *count == 0  ? "nothing to remove"
                                       : (what + "; remove them with --yes").c_str());
    return 0;
}

int prune_on_record(Site& site, const LargeFileValues& values) {
    if (!values.removes) return prune(site, values);
    return run_on_record(site, "lfs prune", [&values](Site& here) {
        here.details().add("repo", values.repo->text());
        return prune(here, values);
    });
}

Setter age_into(std::chrono::milliseconds& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto age = parse_setting(text);
        if (!age) return client_error("must be 0, or a number with a unit, such as 14d or 12h");
        into = *age;
        return {};
    };
}

Setter lock_into(std::string& into) {
    return [&into](const std::string& text) -> Result<void> {
        if (!lfs::may_be_lock_id(text))
            return client_error("must be the id of a lock, 32 hexadecimal digits: see `gerve lfs locks`");
        into = text;
        return {};
    };
}

}  // namespace

void declare_large_files(Command& root) {
    Command lfs = root.group("lfs", "Locks and large files of Git LFS.");
    const auto listed = std::make_shared<LargeFileValues>();
    lfs.command("locks", "List the locked files of a repository.",
                [listed](Site& site) { return list_locks(site, *listed); })
        .argument("OWNER/NAME", "The repository", parsed(listed->repo))
        .json(listed->json);
    const auto unlocked = std::make_shared<LargeFileValues>();
    lfs.change("unlock", "Remove a lock, even if somebody else holds it.",
               [unlocked](Site& site) { return unlock(site, *unlocked); })
        .argument("OWNER/NAME", "The repository", parsed(unlocked->repo))
        .argument("ID", "The lock's id, as gerve lfs locks lists it", lock_into(unlocked->lock));
    const auto pruned = std::make_shared<LargeFileValues>();
    lfs.command("prune", "List or remove the large files that no pointer in the history names.",
                [pruned](Site& site) { return prune_on_record(site, *pruned); })
        .argument("OWNER/NAME", "The repository", parsed(pruned->repo))
        .option("--older-than", "AGE", "Only those that are older than this; default: 14d",
                age_into(pruned->older_than))
        .flag("--yes", "Remove them; this is recorded in the audit trail", pruned->removes)
        .json(pruned->json)
        .examples({"gerve lfs prune alice/site", "gerve lfs prune alice/site --older-than 30d --yes"});
}

}  // namespace gerve
