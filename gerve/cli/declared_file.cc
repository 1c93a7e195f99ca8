#include "gerve/cli/declared_file.h"

#include "authz/base/text.h"
#include "gerve/cli/declared_text.h"

namespace gerve {
namespace {

constexpr std::array<std::string_view, 2> visibility_words{"private", "public"};

class DeclaredReader {
  public:
    DeclaredReader(TomlReader& reader, DeclaredState& state) : root_(reader.root()), state_(state) {}

    void read() {
        check_format();
        for (TomlTable& user : root_.tables("users")) read_user(user);
        for (TomlTable& organization : root_.tables("orgs")) read_organization(organization);
        for (TomlTable& repository : root_.tables("repositories")) read_repository(repository);
        complete_members();
    }

  private:
    void check_format() {
        constexpr std::uint64_t newest = 1'000'000;
        if (!root_.has("format"))
            return root_.complain("format", "is missing: write format = 1 at the top of the file");
        const std::uint64_t format = root_.number("format", declared_format, 1, newest);
        if (format != declared_format) {
            root_.complain("format", "is " + std::to_string(format) + ", and this Gerve reads format " +
                                         std::to_string(declared_format) +
                                         ": apply the file with the Gerve that wrote it, or a newer one");
        }
    }

    // The value of a key as one of the model; what is wrong with it becomes a problem.
    template <class Parse>
    auto parsed(TomlTable& table, std::string_view key, const char* missing, Parse parse) {
        using Value = std::optional<typename decltype(parse(std::string_view()))::value_type>;
        if (!table.has(key)) {
            table.complain(key, missing);
            return Value();
        }
        const std::string text = table.text(key, "", Lines::any);
        if (text.empty()) {
            table.complain(key, missing);
            return Value();
        }
        auto value = parse(std::string_view(text));
        if (value) return Value(std::move(*value));
        table.complain(key, "is invalid: " + value.error().told);
        return Value();
    }

    // Each of a list of names, with its number there; a wrong one is a problem and left out.
    template <class Parse>
    auto names(TomlTable& table, std::string_view key, Parse parse) {
        using Name = typename decltype(parse(std::string_view()))::value_type;
        std::vector<std::pair<Name, std::size_t>> found;
        const std::vector<std::string> texts = table.texts(key);
        for (std::size_t i = 0; i < texts.size(); ++i) {
            auto name = parse(std::string_view(texts[i]));
            if (name)
                found.emplace_back(std::move(*name), i);
            else
                table.complain(key, i, "is invalid: " + name.error().told);
        }
        return found;
    }

    // Adds what may stand in the file once.
    template <class Map, class Name, class Value>
    bool put(Map& map, Name name, Value value, TomlTable& table, std::string_view key,
             const std::string& text, TextPlace before, std::optional<std::size_t> index = std::nullopt) {
        if (map.emplace(std::move(name), std::move(value)).second) return true;
        const std::string again =
            "declares " + text + " again" +
            (before.line > 0 ? ", which is declared in line " + std::to_string(before.line) : "") +
            ": remove one of them";
        index ? table.complain(key, *index, again) : table.complain(key, again);
        return false;
    }

    template <class Map, class Name>
    static TextPlace place_in(const Map& map, const Name& name) {
        const auto found = map.find(name);
        if (found == map.end()) return {};
        if constexpr (std::is_same_v<typename Map::mapped_type, TextPlace>)
            return found->second;
        else
            return found->second.place;
    }

    std::optional<Login> read_account(TomlTable& table, AccountKind kind) {
        auto login = parsed(table, "login", "is missing: write login = \"NAME\"", Login::parse);
        const bool suspended = kind == AccountKind::user && table.flag("suspended", false);
        if (!login) return login;
        const TextPlace before = place_in(state_.accounts, *login);
        const LoginPolicy policy = kind == AccountKind::organization ? read_policy(table) : LoginPolicy{};
        put(state_.accounts, *login, DeclaredAccount{*login, kind, suspended, table.place("login"), policy},
            table, "login", login->text(), before);
        return login;
    }

    static LoginPolicy read_policy(TomlTable& table) {
        LoginPolicy policy;
        policy.post_quantum = table.flag("require_post_quantum", false);
        policy.touch = table.choice("require_touch", asked_for_names, AskedFor::nothing);
        policy.pin = table.choice("require_pin", asked_for_names, AskedFor::nothing);
        policy.deploy_keys = table.flag("require_of_deploy_keys", false);
        return policy;
    }

    void read_user(TomlTable& table) {
        const auto login = read_account(table, AccountKind::user);
        for (TomlTable& key : table.tables("keys"))
            read_key(key, login ? std::optional<DeclaredHolder>(*login) : std::nullopt, false);
    }

    void read_members(TomlTable& table, const Login& organization, std::string_view key, OrgRole role) {
        for (const auto& [user, index] : names(table, key, Login::parse)) {
            const DeclaredState::Member who(organization, user);
            const TextPlace before = place_in(state_.members, who);
            put(state_.members, who, DeclaredMember{role, table.place(key, index)}, table, key, user.text(),
                before, index);
        }
    }

    void read_organization(TomlTable& table) {
        const auto login = read_account(table, AccountKind::organization);
        if (login) {
            read_members(table, *login, "owners", OrgRole::owner);
            read_members(table, *login, "members", OrgRole::member);
        } else {
            (void)table.has("owners");
            (void)table.has("members");
        }
        for (TomlTable& team : table.tables("teams")) read_team(team, login);
    }

    void read_team(TomlTable& table, const std::optional<Login>& organization) {
        const auto name = parsed(table, "name", "is missing: write name = \"TEAM\"", Login::parse);
        const auto members = names(table, "members", Login::parse);
        if (!name || !organization) return;
        const TeamPath team{*organization, *name};
        put(state_.teams, team, table.place("name"), table, "name", team.text(),
            place_in(state_.teams, team));
        for (const auto& [user, index] : members) {
            const DeclaredState::TeamMember who(team, user);
            put(state_.team_members, who, table.place("members", index), table, "members", user.text(),
                place_in(state_.team_members, who), index);
        }
    }

    void read_repository(TomlTable& table) {
        const auto path = parsed(table, "path", "is missing: write path = \"OWNER/NAME\"", RepoPath::parse);
        const bool is_public =
            table.choice("visibility", std::span(visibility_words), "private") == visibility_words[1];
        const auto kind = kind_named(table.choice("kind", std::span(repository_kind_names), "git"));
        const bool archived = table.flag("archived", false);
        const bool disabled = table.flag("disabled", false);
        if (path) {
            put(state_.repositories, *path,
                DeclaredRepository{is_public, archived, disabled, table.place("path"), kind}, table, "path",
                path->text(), place_in(state_.repositories, *path));
        }
        for (const Access access : {Access::admin, Access::write, Access::read})
            read_grants(table, path, access);
        for (TomlTable& key : table.tables("deploy_keys"))
            read_key(key, path ? std::optional<DeclaredHolder>(*path) : std::nullopt, true);
    }

    void read_grants(TomlTable& table, const std::optional<RepoPath>& path, Access access) {
        const std::string_view key = access_name(access);
        for (const auto& [holder, index] : names(table, key, parse_grant_holder)) {
            if (!path) continue;
            const DeclaredState::Grant grant(*path, holder);
            put(state_.grants, grant, DeclaredGrant{access, table.place(key, index)}, table, key,
                "the access of " + name_of(holder), place_in(state_.grants, grant), index);
        }
    }

    std::optional<UnixMillis> read_end(TomlTable& table) {
        if (!table.has("expires")) return std::nullopt;
        return parsed(table, "expires", "is empty: write a date, or remove the line", parse_declared_time);
    }

    void read_key(TomlTable& table, std::optional<DeclaredHolder> holder, bool deploys) {
        auto key = parsed(table, "key", "is missing: write key = \"TYPE BASE64\", as a .pub file has it",
                          PublicKey::parse_line);
        std::string title = table.text("title", key ? key->comment() : "", Lines::any);
        const auto expires = read_end(table);
        const bool can_write = deploys && table.flag("write", false);
        const bool revoked = table.flag("revoked", false);
        const bool no_touch = table.flag("no_touch_required", false);
        if (no_touch && key && !key->is_security_key())
            table.complain("no_touch_required",
                           "is for security keys (sk-…), and this is " + key->algorithm());
        if (!key || !holder) return;
        const Fingerprint fingerprint = key->fingerprint();
        const TextPlace before = place_in(state_.keys, fingerprint);
        put(state_.keys, fingerprint,
            DeclaredKey{std::move(*key), std::move(*holder), std::move(title), expires, can_write, revoked,
                        table.place("key"), no_touch},
            table, "key", fingerprint.text(), before);
    }

    // Nobody is in a team who is not in its organisation.
    void complete_members() {
        for (const auto& [who, place] : state_.team_members)
            state_.members.try_emplace({who.first.organization, who.second},
                                       DeclaredMember{OrgRole::member, place, true});
    }

    TomlTable root_;
    DeclaredState& state_;
};

}  // namespace

DeclaredFile read_declared(std::string text, std::string name) {
    DeclaredFile file{std::make_unique<TomlReader>(std::move(text), std::move(name)), {}, {}};
    DeclaredReader(*file.reader, file.state).read();
    file.problems = file.reader->finish();
    return file;
}

}  // namespace gerve
