// What another program's tables give to the hooks of a push: from the columns of its statements to the
// ticket.
#include "authz/service/inquiry.h"
#include "authz/store/queries.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// The tables of Gerve in an operator's words, with columns for hooks.
std::map<std::string, std::string> words_with_hooks() {
    return {{"repository",
             "SELECT r.id AS repository_id, o.id AS owner_id, o.login AS owner, r.name AS name,"
             " r.is_public AS is_public, 0 AS archived, 0 AS disabled, r.id AS hook_HOST_REPOSITORY"
             " FROM accounts o JOIN repositories r ON r.owner_id = o.id"
             " WHERE o.login_folded = :owner AND r.name_folded = :name"},
            {"permission",
             "SELECT (SELECT c.level FROM collaborators c WHERE c.repo_id = :repository_id"
             " AND c.account_id = :account_id) AS direct, 0 AS team, 0 AS organization_owner,"
             " COALESCE(:account_id, :owner_id) AS hook_HOST_PUSHER, :key_id AS hook_HOST_KEY"}};
}

struct Hosted {
    explicit Hosted(const std::map<std::string, std::string>& words)
        : queries(std::make_shared<const OwnQueries>(must(parse_own_queries(words)))) {
        Registry registry = site.store.registry();
        must(registry.grant_access(repo("alice/site"), login("bob"), Access::write));
        must(registry.add_deploy_key(repo("alice/site"), make_key(4), true, {"", std::nullopt}));
    }

    // Nothing: a failure of authz, such as a client reads as "cannot check your access".
    std::optional<HookVariables> pushes(unsigned key, Service service = Service::receive_pack,
                                        const std::string& command = "git receive-pack 'Alice/SITE.git'") {
        auto client = site.client();
        auto request = ask_access(must_find(client, key).handle, service, "Alice/SITE");
        request.command = command;
        const auto answer = client.ask(request);
        if (!answer) return std::nullopt;
        const auto& granted = std::get<Granted>(*answer);
        return must(parse_open(granted.destinations[0].open)).open.hooks;
    }

    std::shared_ptr<const OwnQueries> queries;
    Site site{PeerKinds::all(), "git", [this] { return with_own_queries(site.store.connect(), queries); }};
};

using List = std::vector<NameValue>;

}  // namespace

TEST_CASE("a push carries the variables of both statements, whoever pushes, and the client's command") {
    Hosted hosted(words_with_hooks());
    const NameValue command{"SSH_ORIGINAL_COMMAND", "git receive-pack 'Alice/SITE.git'"};
    // An owner, whose decision asks no permission; a collaborator; a deploy key, which has no account.
    const auto of = [&](const char* pusher, const char* key) {
        return List{{"HOST_REPOSITORY", "1"}, {"HOST_PUSHER", pusher}, {"HOST_KEY", key}, command};
    };
    CHECK(hosted.pushes(1)->list() == of("1", "1"));
    CHECK(hosted.pushes(2)->list() == of("2", "2"));
    CHECK(hosted.pushes(4)->list() == of("1", "4"));
    CHECK(hosted.pushes(1, Service::upload_pack)->empty());
}

TEST_CASE("a command that does not mean the operation is not believed") {
    Hosted hosted(words_with_hooks());
    for (const char* command : {"", "git-receive-pack 'alice/other'", "git-upload-pack 'alice/site'",
                                "sh -c id", "gitea-internal"}) {
        CAPTURE(command);
        CHECK(*hosted.pushes(1, Service::receive_pack, command)->find("SSH_ORIGINAL_COMMAND") ==
              "git-receive-pack 'Alice/SITE'");
    }
}

TEST_CASE("where a variable has no value, pushes are not served, and fetches are") {
    for (const char* wrong :
         {"NULL AS hook_HOST_PUSHER", "'a\nb' AS hook_HOST_PUSHER", "1 AS hook_HOST_REPOSITORY"}) {
        CAPTURE(wrong);
        auto words = words_with_hooks();
        std::string& permission = words["permission"];
        permission = permission.substr(0, permission.find(" COALESCE")) + wrong;
        Hosted hosted(words);
        for (const unsigned key : {1U, 2U, 4U}) {
            CHECK_FALSE(hosted.pushes(key).has_value());
            CHECK(hosted.pushes(key, Service::upload_pack)->empty());
        }
    }
    // No row: a collaborator has no permission then, and the owner's push lacks the variables.
    auto words = words_with_hooks();
    words["permission"] += " FROM accounts WHERE id = 0";
    Hosted hosted(words);
    CHECK_FALSE(hosted.pushes(1).has_value());
    CHECK_FALSE(hosted.pushes(4).has_value());
    CHECK(hosted.pushes(1, Service::upload_pack)->empty());
}

TEST_CASE("without such columns nothing is carried, and an owner's push asks no permission") {
    auto words = words_with_hooks();
    words["repository"].replace(words["repository"].find(", r.id AS hook_HOST_REPOSITORY"), 30, "");
    words.erase("permission");
    Hosted hosted(words);
    CHECK(hosted.pushes(1)->empty());
    CHECK(hosted.site.asked(Query::permission) == 0);
}

TEST_CASE("a column for a variable that hooks may not get, or of another statement, does not start") {
    Store store;
    for (const auto& [query, column] :
         std::map<std::string, std::string>{{"repository", "hook_PATH"},
                                            {"permission", "hook_GITEA_INTERNAL_PUSH"},
                                            {"route", "hook_HOST_X"}}) {
        auto words = words_with_hooks();
        words["route"] = "SELECT NULL AS server, NULL AS endpoint";
        std::string& sql = words[query];
        sql.insert(sql.find("SELECT") + 6, " 1 AS " + column + ",");
        const auto own = with_own_queries(store.connect(),
                                          std::make_shared<const OwnQueries>(must(parse_own_queries(words))));
        REQUIRE_FALSE(own.has_value());
        CHECK(own.error().kind == ErrorKind::client);
        CHECK(own.error().told.find("directory.mysql.queries." + query) != std::string::npos);
        CHECK(own.error().told.find(column) != std::string::npos);
    }
}
