"""What Gerve says to users of a forge, case by case: the decisions of the real authz over the forge's own tables."""

import tempfile
from pathlib import Path

import pytest

from harness.authz_process import CLIENT, AuthzProcess
from harness.forge_model import CODE, WIKI, Family, Settings
from harness.forge_site import ROOT_URL, ForgeTables
from harness.forge_worlds import Rows
from harness.keys import Key, make_key
from harness.messages import NOT_FOUND, write_denied
from harness.sql_server import SqlServer

SUSPENDED = "ERROR: Your account is suspended.\n"
FETCH, PUSH, ARCHIVE = "git-upload-pack", "git-receive-pack", "git-upload-archive"
FAMILIES = [Family.FORGEJO, Family.GITEA_1_21, Family.GITEA_1_22, Family.GITEA_1_25]

# Users by id; alice owns what stands under her name, acme and hidden are organisations.
ALICE, BOB, ROOT, RITA, PAT, SLEEPY, MIA = range(1, 8)
ACME, HIDDEN, IDLE, OTHER = 20, 21, 22, 23
USERS = [(ALICE, "Alice", {}), (BOB, "bob", {"email": "bob@example.org"}), (ROOT, "root", {"is_admin": 1}),
         (RITA, "rita", {"is_restricted": 1}), (PAT, "pat", {"prohibit_login": 1}), (SLEEPY, "sleepy", {"is_active": 0}),
         (MIA, "mia", {"must_change_password": 1}),
         (ACME, "Acme", {"type": 1}), (HIDDEN, "hidden", {"type": 1, "visibility": 2}), (IDLE, "idle", {"is_active": 0}),
         (OTHER, "other", {"type": 1})]
REPOSITORIES = {
    1: (ALICE, "Open", {}), 2: (ALICE, "secret", {"is_private": 1}), 3: (ALICE, "copy", {"is_mirror": 1}),
    4: (ALICE, "old", {"is_archived": 1}), 5: (ALICE, "coming", {"status": 1}), 6: (ALICE, "going", {"status": 2}),
    7: (ALICE, "wreck", {"status": 3}), 8: (IDLE, "left", {}), 9: (ALICE, "bare", {"units": ()}),
    10: (ALICE, "safe", {"is_private": 1, "units": ()}), 11: (HIDDEN, "lair", {}),
    12: (ACME, "engine", {"is_private": 1}), 13: (ACME, "wings", {}), 14: (ALICE, "plain", {"units": (CODE,)}),
    15: (ALICE, "third", {}), 16: (ALICE, ".profile", {}),
}


class World:
    """A forge with everybody's keys, and authz processes over it, one for each configuration."""

    def __init__(self, database: SqlServer, family: Family, directory: Path, keys: dict[str, Key]):
        self.tables, self.directory, self.keys, self.family = ForgeTables(database, family), directory, keys, family
        self.running: dict[str, AuthzProcess] = {}
        rows = Rows()
        for id, name, columns in USERS:
            rows.add("user", **{"id": id, "lower_name": name.lower(), "name": name, "type": 0, "is_active": 1,
                                "is_admin": 0, **columns})
            if name in keys:
                rows.add("public_key", id=id, owner_id=id, name=f"of {name}", fingerprint=keys[name].fingerprint,
                         content=keys[name].public.read_text().strip())
        for id, (owner, name, columns) in REPOSITORIES.items():
            units = columns.get("units", (CODE, WIKI))
            others = {column: value for column, value in columns.items() if column != "units"}
            rows.add("repository", **{"id": id, "owner_id": owner, "lower_name": name.lower(), "name": name,
                                      "is_private": 0, "status": 0, **others})
            for unit in units:
                rows.add("repo_unit", repo_id=id, type=unit)
        rows.add("public_key", id=90, owner_id=0, type=2, name="robot", mode=2,
                 fingerprint=keys["deploy"].fingerprint, content=keys["deploy"].public.read_text().strip())
        rows.add("deploy_key", id=70, key_id=90, repo_id=2, mode=1)
        rows.add("deploy_key", id=71, key_id=90, repo_id=12, mode=2)
        self.tables.run(rows.sql())
        # bob: a collaborator of alice/secret who may write, in teams of acme, one of them of another organisation's.
        self.tables.run(f"""
            INSERT INTO collaboration (repo_id, user_id, mode) VALUES (2, {BOB}, 2), (11, {MIA}, 1);
            INSERT INTO access (user_id, repo_id, mode) VALUES ({BOB}, 2, 2), ({MIA}, 11, 1);
            INSERT INTO org_user (uid, org_id) VALUES ({BOB}, {ACME}), ({BOB}, {HIDDEN});
            INSERT INTO team (id, org_id, name, authorize) VALUES (1, {ACME}, 'scribes', 2), (2, {OTHER}, 'left', 4);
            INSERT INTO team_user (org_id, team_id, uid) VALUES ({ACME}, 1, {BOB}), ({OTHER}, 2, {MIA});
            INSERT INTO team_repo (org_id, team_id, repo_id) VALUES ({ACME}, 1, 12), ({ACME}, 1, 13), ({OTHER}, 2, 12);
            INSERT INTO team_unit (org_id, team_id, type, access_mode) VALUES ({ACME}, 1, 1, 0), ({ACME}, 1, 2, 2);""")

    def authz(self, settings: Settings = Settings(), **more) -> AuthzProcess:
        config = self.tables.config(settings, **more)
        if config not in self.running:
            self.running[config] = AuthzProcess(Path(tempfile.mkdtemp(prefix="authz-", dir=self.directory)), config)
        return self.running[config]

    def told(self, who: str, service: str, path: str, authz: AuthzProcess | None = None) -> str:
        """"served", or what the client reads."""
        authz = authz or self.authz()
        decision = authz.decisions([(authz.handles([self.keys[who].blob])[0], service, path)])[0]
        assert decision.get("is") in ("granted", "refused"), decision
        return "served" if decision["is"] == "granted" else decision["told"]

    def close(self) -> None:
        for authz in self.running.values():
            authz.kill()


@pytest.fixture(scope="module")
def keys(workspace) -> dict[str, Key]:
    directory = Path(tempfile.mkdtemp(prefix="keys-", dir=workspace))
    return {name: make_key(directory / name) for name in ("Alice", "bob", "root", "rita", "pat", "sleepy", "mia", "deploy")}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.value)
def world(request, database, workspace, keys):
    made = World(database, request.param, workspace, keys)
    yield made
    made.close()


def test_a_gateway_in_front_of_a_forge_is_ready(world):
    answer = world.authz().ask([{"ask": "ready", "client": CLIENT}])[0]
    assert "error" not in answer, answer


# Who, how, what, and what the client reads.
CASES = [
    ("bob", PUSH, "alice/secret", "served"),
    ("mia", PUSH, "alice/secret", NOT_FOUND),
    ("mia", PUSH, "alice/open", write_denied("Alice/Open", "mia")),
    ("mia", FETCH, "alice/open", "served"),  # though the password has to be changed
    ("Alice", PUSH, "alice/copy", "ERROR: Alice/copy is a mirror and read-only. Push to the repository that it copies.\n"),
    ("Alice", FETCH, "alice/copy", "served"),
    ("Alice", PUSH, "alice/old", "ERROR: Alice/old is archived and read-only.\n"),
    ("Alice", PUSH, "alice/old.wiki", "ERROR: Alice/old is archived and read-only.\n"),
    ("Alice", FETCH, "alice/old", "served"),
    ("Alice", FETCH, "alice/coming", "ERROR: Alice/coming is still being created. Try again when that is finished.\n"),
    ("Alice", FETCH, "alice/wreck", "ERROR: Alice/wreck is broken: its migration has failed. Ask an administrator.\n"),
    ("bob", PUSH, "alice/wreck", "ERROR: Alice/wreck is broken: its migration has failed. Ask an administrator.\n"),
    ("Alice", PUSH, "alice/going", "served"),
    ("sleepy", FETCH, "alice/open", SUSPENDED),
    ("sleepy", FETCH, "alice/nothing", SUSPENDED),
    ("pat", FETCH, "alice/open", SUSPENDED),
    ("bob", FETCH, "idle/left", "ERROR: idle/left cannot be accessed: the account of its owner is disabled.\n"),
    ("bob", FETCH, "alice/bare", "served"),  # a public repository is read without its code unit
    ("Alice", PUSH, "alice/bare", write_denied("Alice/bare", "Alice")),
    ("Alice", FETCH, "alice/safe", NOT_FOUND),
    ("root", FETCH, "alice/safe", NOT_FOUND),
    ("root", PUSH, "alice/secret", "served"),
    ("mia", FETCH, "hidden/lair", "served"),  # a collaborator from outside
    ("bob", FETCH, "hidden/lair", "served"),  # a member
    ("Alice", FETCH, "hidden/lair", NOT_FOUND),
    ("bob", FETCH, "acme/engine", NOT_FOUND),  # a team without its code
    ("mia", FETCH, "acme/engine", NOT_FOUND),  # by a team of another organisation
    ("bob", PUSH, "acme/wings", write_denied("Acme/wings", "bob")),
    ("Alice", PUSH, "alice/open.wiki", "served"),
    ("mia", FETCH, "alice/open.wiki", "served"),
    ("mia", PUSH, "alice/open.wiki", write_denied("Alice/Open", "mia")),
    ("mia", FETCH, "alice/secret.wiki", NOT_FOUND),
    ("mia", FETCH, "alice/plain.wiki", "ERROR: The wiki of Alice/plain is disabled.\n"),
    ("deploy", FETCH, "alice/secret", "served"),
    ("deploy", PUSH, "alice/secret", write_denied("Alice/secret", "deploy key")),
    ("deploy", PUSH, "acme/engine", "served"),
    ("deploy", FETCH, "alice/third", NOT_FOUND),
    ("deploy", FETCH, "alice/nothing", NOT_FOUND),
    ("bob", FETCH, "Alice/OPEN", "served"),
    ("bob", FETCH, "alice/.profile", "served"),
    ("bob", ARCHIVE, "alice/open", "served"),
    ("bob", ARCHIVE, "alice/nothing", NOT_FOUND),
]


def test_each_case_is_told_as_it_should_be(world):
    differ = [(case, told) for case in CASES if (told := world.told(*case[:3])) != case[3]]
    assert not differ


def test_a_restricted_user_sees_what_is_public_from_gitea_1_25_on(world):
    expected = "served" if world.family is Family.GITEA_1_25 else NOT_FOUND
    assert world.told("rita", FETCH, "alice/open") == expected
    assert world.told("rita", FETCH, "alice/secret") == NOT_FOUND


def test_where_a_login_is_needed_to_view_the_code_unit_counts(world):
    authz = world.authz(Settings(require_signin=True))
    assert world.told("bob", FETCH, "alice/bare", authz) == NOT_FOUND
    assert world.told("bob", FETCH, "alice/open", authz) == "served"


def test_readers_reach_the_hooks_by_choice_alone(world):
    authz = world.authz(further="readers_push = true\n")
    assert world.told("mia", PUSH, "alice/open", authz) == "served"
    assert world.told("mia", "git-lfs-upload", "alice/open", authz) != "served"
    assert world.told("mia", PUSH, "alice/open.wiki", authz) == write_denied("Alice/Open", "mia")
    assert world.told("deploy", PUSH, "alice/secret", authz) == write_denied("Alice/secret", "deploy key")
    assert world.told("mia", PUSH, "alice/secret", authz) == NOT_FOUND


def test_a_key_that_stands_twice_is_the_first(world, keys, workspace):
    twice = make_key(Path(tempfile.mkdtemp(prefix="twice-", dir=workspace)) / "key")
    line = twice.public.read_text().strip()
    for id, owner, kind in ((501, BOB, 1), (500, MIA, 1), (502, 0, 2)):
        world.tables.run(f"INSERT INTO public_key (id, owner_id, name, fingerprint, content, type) VALUES "
                         f"({id}, {owner}, 'k', '{twice.fingerprint}', '{line}', {kind})")
    world.keys = {**keys, "twice": twice}
    assert world.told("twice", PUSH, "alice/open") == write_denied("Alice/Open", "mia")


@pytest.mark.parametrize("world", [Family.FORGEJO], indirect=True)
def test_forgejo_asks_for_a_second_factor(world):
    needed = f"ERROR: Forgejo requires two-factor authentication. Enable it at {ROOT_URL}user/settings/security\n"
    world.tables.run(f"INSERT INTO two_factor (uid) VALUES ({ALICE}); "
                     f"INSERT INTO webauthn_credential (name, user_id) VALUES ('key', {BOB})")
    every = world.authz(version="13.0.5", further='two_factor_requirement = "all"\n')
    assert [world.told(who, FETCH, "alice/open", every) for who in ("Alice", "bob", "mia", "root")] == [
        "served", "served", needed, needed]
    assert world.told("mia", FETCH, "alice/nothing", every) == needed
    assert world.told("deploy", FETCH, "alice/secret", every) == "served"
    admins = world.authz(version="13.0.5", further='two_factor_requirement = "admin"\n')
    assert [world.told(who, FETCH, "alice/open", admins) for who in ("mia", "root")] == ["served", needed]


@pytest.mark.parametrize("world", [Family.FORGEJO], indirect=True)
def test_everybody_may_write_a_wiki_that_is_open(world):
    world.tables.run("UPDATE repo_unit SET default_permissions = 3 WHERE repo_id = 15 AND type = 5")
    assert world.told("mia", PUSH, "alice/third.wiki") == "served"
    assert world.told("mia", PUSH, "alice/third") == write_denied("Alice/third", "mia")


@pytest.mark.parametrize("world", [Family.GITEA_1_25], indirect=True)
def test_old_names_are_followed_where_the_forge_does(world):
    world.tables.run(f"INSERT INTO user_redirect (lower_name, redirect_user_id) VALUES ('allison', {ALICE}); "
                     f"INSERT INTO repo_redirect (owner_id, lower_name, redirect_repo_id) VALUES ({ALICE}, 'shut', 1), "
                     f"({ALICE}, 'secret', 1), ({ALICE}, 'hush', 2)")
    before = world.authz(version="1.25.2")
    for path in ("allison/open", "alice/shut", "allison/shut"):
        assert world.told("bob", FETCH, path) == "served", path
        assert world.told("bob", FETCH, path, before) == NOT_FOUND, path
    assert world.told("mia", FETCH, "alice/secret") == NOT_FOUND, "a name that is taken is no old name"
    assert world.told("mia", FETCH, "alice/hush") == NOT_FOUND


@pytest.mark.parametrize("world", [Family.GITEA_1_25, Family.FORGEJO], indirect=True)
def test_tables_of_another_version_answer_nothing(world):
    kind, version = ("gitea", "1.23.8") if world.family is Family.GITEA_1_25 else ("gitea", "1.21.11")
    config = world.tables.config().replace('kind = "forgejo"', f'kind = "{kind}"')
    config = config.replace('version = "12.0.4"', f'version = "{version}"').replace("1.25.3", version)
    authz = AuthzProcess(Path(tempfile.mkdtemp(prefix="authz-", dir=world.directory)), config)
    try:
        assert authz.handles([world.keys["bob"].blob]) == [""]
        assert "but forge.version is " + version in authz.log.read_text()
        authz.stop()
    finally:
        authz.kill()
