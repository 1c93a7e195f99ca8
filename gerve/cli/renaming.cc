// `gerve user rename`: an account gets another login, on its file server, in the directory and in Redis.
#include <cstdio>

#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/output.h"
#include "gerve/cli/redis_table.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct RenameValues {
    std::optional<Login> from;
    std::optional<Login> to;
};

// Storage and directory cannot change in one step, so each is done in an order that the same command can take
// up again: the new name is reserved, the repositories are moved one by one, the directory changes in one
// transaction, and the old route goes.
class Renaming {
  public:
    Renaming(Site& site, Login from, Login to)
        : site_(site), from_(std::move(from)), to_(std::move(to)), route_(find_route()) {}

    int run() {
        begun_ = need(site_.registry().begin_renaming(from_, to_));
        // No other comes to them from here on.
        const auto repositories = need(site_.registry().list_repositories(from_));
        set_new_route();
        if (!repositories.empty()) move_all(repositories);
        need(site_.registry().finish_renaming(from_, to_));
        std::printf("%s is now %s\n", from_.text().c_str(), to_.text().c_str());
        for (const std::string& path : missing_)
            complain(path + ": the file server does not have it; only its entry was renamed");
        return remove_old_route();
    }

    // The directory was changed already, by a command that was cut short behind it.
    int run_rest() {
        set_new_route();
        (void)remove_old_route();
        return there_already(from_.text() + " is already called " + to_.text());
    }

  private:
    [[nodiscard]] bool resumed() const { return begun_ == Registry::Begun::before; }

    // Of the table; nothing: none there.
    std::optional<ServerName> find_route() {
        for (const RouteRecord& route : need(site_.registry().list_routes())) {
            if (route.owner == from_ || route.owner == to_) return route.server;
        }
        return std::nullopt;
    }

    // Before anything is moved: nobody looks for it yet, and where Redis is away nothing is begun.
    void set_new_route() {
        if (!route_ || !site_.config().redis) return;
        auto editor = RedisEditor::open(*site_.config().redis);
        const auto set = editor ? editor->set(to_, *route_) : Result<void>(pass_on(editor));
        if (set) return;
        const bool undone = !resumed() && site_.registry().cancel_renaming(from_, begun_).has_value();
        throw Stop{refused_status,
                   "the new route cannot be set in Redis: " + describe(set.error()) +
                       (undone ? "; nothing was renamed" : "; run this command again when it can be set")};
    }

    int remove_old_route() {
        if (!route_ || from_ == to_) return 0;
        return tell_redis(site_, [&](RedisEditor& redis) { return redis.remove(from_); });
    }

    RepoPath new_path(const RepositoryRecord& record) const { return {to_, record.path.name()}; }

    void move_all(const std::vector<RepositoryRecord>& repositories) {
        FileServer server(site_, from_);
        for (const RepositoryRecord& record : repositories) {
            const auto moved = server.rename(record.path, new_path(record), record.id);
            if (moved) {
                moved_.push_back(record);
                continue;
            }
            const Undone& failed = moved.error();
            if (failed.fate != Fate::missing) give_up(server, record, failed, repositories.size());
            // Moved by the command that was cut short; or it was not there before, which is not for us to
            // mend.
            const auto there = server.size(new_path(record), record.id);
            if (!there && there.error().fate != Fate::missing)
                give_up(server, record, there.error(), repositories.size());
            if (!resumed() || !there) missing_.push_back(record.path.text());
        }
    }

    // Back to where it was, if every step back succeeds; else the same command goes on from here.
    [[noreturn]] void give_up(FileServer& server, const RepositoryRecord& at, const Undone& failed,
                              std::size_t all) {
        const std::string why = at.path.text() + ": " + failed.why;
        if (failed.fate != Fate::unknown && !resumed() && take_back(server)) {
            if (const auto cancelled = site_.registry().cancel_renaming(from_, begun_); cancelled) {
                if (route_ && to_ != from_)
                    (void)tell_redis(site_, [&](RedisEditor& redis) { return redis.remove(to_); });
                throw Stop{refused_status, why + "; nothing was renamed"};
            }
        }
        throw Stop{refused_status,
                   why + "; " + std::to_string(moved_.size()) + " of " + std::to_string(all) +
                       " repositories were moved by this command, and are not served until the "
                       "rename is finished: run this command again (`gerve user rename " +
                       from_.text() + " " + to_.text() + "`)"};
    }

    bool take_back(FileServer& server) {
        while (!moved_.empty()) {
            const RepositoryRecord& record = moved_.back();
            if (!server.rename(new_path(record), record.path, record.id)) return false;
            moved_.pop_back();
        }
        return true;
    }

    Site& site_;
    Login from_;  // as stored
    Login to_;
    std::optional<ServerName> route_;
    Registry::Begun begun_ = Registry::Begun::before;
    std::vector<RepositoryRecord> moved_;
    std::vector<std::string> missing_;
};

int rename_account(Site& site, const RenameValues& values) {
    site.details().add("user", values.from->text());
    site.details().add("before", values.from->text());
    site.details().add("after", values.to->text());
    const auto now = need(site.registry().find_current_name(*values.from));
    if (now && now->text() == values.to->text()) return Renaming(site, *values.from, *values.to).run_rest();
    const AccountRecord account = need(site.registry().show_account(*values.from));
    return Renaming(site, account.login, *values.to).run();
}

}  // namespace

void declare_renaming(Command& user) {
    const auto values = std::make_shared<RenameValues>();
    user.change("rename", "Give an account another login; old URLs keep working.",
                [values](Site& site) { return rename_account(site, *values); })
        .argument("LOGIN", "The user or organisation", parsed(values->from))
        .argument("NEW", "Its new login", parsed(values->to));
}

}  // namespace gerve
