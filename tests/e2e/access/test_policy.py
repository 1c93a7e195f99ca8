"""Who may do what: `gerve explain` and the wire say the same for every row, and it is what the table says.

A letter for reading and one for writing: A allowed, N told as not found, D permission denied, R archived and
read-only, S suspended. Archives need what reading needs.

The second table is of what lies between a decision and git: where the owner's repositories are. A letter for
git-upload-pack, git-receive-pack and git-upload-archive: besides those above F can only be fetched, U cannot be
checked.
"""

import re
import tempfile
from pathlib import Path

import pytest

from harness.client import Client
from harness.gitdaemon import GitDaemon
from harness.production import Production
from harness.messages import CANNOT_CHECK, NOT_FOUND, SUSPENDED, archived, fetch_only, write_denied
from harness.rawssh import Answer, RawClient
from harness.site import Repository

pytestmark = pytest.mark.both_doors

TABLE_TEXT = """
                      public  public    public    private  private   private   no
                      active  archived  disabled  active   archived  disabled  repository
owner                 AA      AR        NN        AA       AR        NN        NN
reader                AD      AD        NN        AD       AD        NN        NN
writer                AA      AR        NN        AA       AR        NN        NN
administrator         AA      AR        NN        AA       AR        NN        NN
team-reader           AD      AD        NN        AD       AD        NN        NN
team-writer           AA      AR        NN        AA       AR        NN        NN
team-administrator    AA      AR        NN        AA       AR        NN        NN
org-owner             AA      AR        NN        AA       AR        NN        NN
org-member            AD      AD        NN        NN       NN        NN        NN
stranger              AD      AD        NN        NN       NN        NN        NN
suspended-owner       SS      SS        SS        SS       SS        SS        SS
suspended-writer      SS      SS        SS        SS       SS        SS        SS
suspended-stranger    SS      SS        SS        SS       SS        SS        SS
deploy-reader         AD      AD        NN        AD       AD        NN        NN
deploy-writer         AA      AR        NN        AA       AR        NN        NN
deploy-elsewhere      NN      NN        NN        NN       NN        NN        NN
"""
VISIBILITIES, STATES, *ROWS = [line.split() for line in TABLE_TEXT.strip().splitlines()]
COLUMNS = list(zip(VISIBILITIES, STATES))
TABLE = {name: letters for name, *letters in ROWS}

SERVERS_TEXT = """
             agent  daemon  none  only-in-redis
owner        AAA    AFF     UUU   AAA
reader       ADA    ADF     UDU   ADA
stranger     NNN    NNN     NNN   NNN
"""
SERVERS, *SERVER_ROWS = [line.split() for line in SERVERS_TEXT.strip().splitlines()]
SERVER_TABLE = {name: dict(zip(SERVERS, letters)) for name, *letters in SERVER_ROWS}

COMMANDS = {"archived": "archive", "disabled": "disable"}

STDIN = {
    "git-upload-pack": b"0000",
    "git-receive-pack": b"0000",
    "git-upload-archive": b"0012argument HEAD\n0000",
}


class World:
    """Makes the repositories of the columns, and whoever knocks at them, for one row at a time."""

    def __init__(self, site, door):
        self.site = site
        self.door = door
        self.organisation = site.organisation()

    def build(self, row: str) -> tuple[dict, dict]:
        """By column: who knocks there, with the access that the row's name says, and the repository."""
        owner = self.site.person("owner", self.door)
        home = self.organisation if row.startswith(("team-", "org-")) else owner.login
        repositories = {}
        for column in COLUMNS[:-1]:
            name = self.site.fresh("-".join(column))
            repositories[column] = self.site.repository(home, name, private=column[0] == "private")
            _seed(repositories[column])
        repositories[COLUMNS[-1]] = Repository(home, "missing", self.site.state)
        actors = self._actors(row, owner, repositories)
        for (_, state), repository in repositories.items():
            if state in COMMANDS:
                self.site.gerve("repo", COMMANDS[state], repository.path)
        return actors, repositories

    def _actors(self, row: str, owner: Client, repositories: dict) -> dict:
        real = [repository for (_, state), repository in repositories.items() if state != "repository"]
        if row.startswith("deploy-"):
            return self._machines(row, owner, repositories)
        person = owner if row in ("owner", "suspended-owner") else self.site.person(row, self.door)
        level = {"reader": "read", "writer": "write", "administrator": "admin"}.get(row.rpartition("-")[2])
        if row.startswith("team-"):
            team = self.site.team(self.organisation, person)
            for repository in real:
                self.site.grant(repository, team, level)
        elif row.startswith("org-"):
            role = row.removeprefix("org-")
            self.site.gerve("org", "member", "add", self.organisation, person.login, "--role", role)
        elif level:
            for repository in real:
                self.site.grant(repository, person, level)
        if row.startswith("suspended-"):
            self.site.gerve("user", "suspend", person.login)
        return {column: person for column in repositories}

    def _machines(self, row: str, owner: Client, repositories: dict) -> dict:
        elsewhere = self.site.repository(owner, "elsewhere")
        machines = {}
        for column, repository in repositories.items():
            bound = elsewhere if row == "deploy-elsewhere" or column == COLUMNS[-1] else repository
            machines[column] = self.site.deploy_client(bound, self.door, write=row != "deploy-reader")
        return machines


def _seed(repository: Repository) -> None:
    """One commit, written on the disk."""
    tree = repository.git("hash-object", "-t", "tree", "-w", "/dev/null")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    commit = repository.git(*identity, "commit-tree", "-m", "One", tree)
    repository.git("update-ref", "refs/heads/main", commit)


def told_for(letter: str, repository: Repository, client: Client, by_deploy_key: bool) -> str:
    who = "deploy key" if by_deploy_key else client.login
    return {
        "N": NOT_FOUND,
        "S": SUSPENDED,
        "R": archived(repository.path),
        "D": write_denied(repository.path, who),
        "F": fetch_only(repository.path),
    }[letter]


def letter_of(answer: Answer, told: dict[str, str]) -> str:
    """The letter that a client's view amounts to; the whole view if it is none."""
    if answer.exit == 0 and answer.stdout:
        return "A"
    text = answer.stderr.decode()
    if answer.exit == 75 and not answer.stdout and CANNOT_CHECK.fullmatch(text):
        return "U"
    for letter, expected in told.items():
        if (answer.stdout, text, answer.exit) == (b"", expected, 1):
            return letter
    return repr(answer)


@pytest.fixture(scope="module")
def world(site, doors):
    return World(site, doors["gateway"])


@pytest.mark.parametrize("row", TABLE)
def test_explain_and_the_wire_say_what_the_table_says(world, site, row):
    actors, repositories = world.build(row)
    disagreements = []
    for column, letters in zip(COLUMNS, TABLE[row]):
        repository, client = repositories[column], actors[column]
        told = {letter: told_for(letter, repository, client, row.startswith("deploy-")) for letter in "NSRD"}
        with RawClient(client.door) as connection:
            connection.log_in(client.key)
            for service, stdin in STDIN.items():
                expected = letters[service == "git-receive-pack"]
                command = f"{service} '{repository.path}'"
                wire = letter_of(connection.open_session().exec(command, stdin), told)
                explained = explain(site, client, row, command, told)
                if not wire == explained == expected:
                    disagreements.append(
                        f"{column} {service}: table {expected}, wire {wire}, explain {explained}"
                    )
    assert not disagreements, "\n".join(disagreements)


def explain(site, client: Client, row: str, command: str, told: dict[str, str]) -> str:
    """The letter that `gerve explain` answers with; the whole text if it is none."""
    who = client.key.fingerprint if row.startswith("deploy-") else client.login
    outcome = site.gerve("explain", who, command, exit=range(0, 2))
    if outcome.exit == 1 and re.search(r"^message +ERROR: Gerve cannot check .*\nexit +75$", outcome.stdout, re.M):
        return "U"
    letters = [letter for letter, text in told.items() if text.strip() in outcome.stdout]
    if outcome.exit == 0 and not letters:
        return "A"
    return letters[0] if outcome.exit == 1 and len(letters) == 1 else outcome.transcript()


class Servers:
    """Owners with one private repository each, by where it lies."""

    def __init__(self, house: Production):
        self.house = house
        self.owners, self.repositories = {}, {}
        for server in SERVERS:
            self._add(server)

    def _add(self, server: str) -> None:
        owner = self.owners[server] = self.house.person("owner")
        repository = self.repositories[server] = self.house.repository(owner, private=True)
        _seed(repository)
        if server == "daemon":
            self.house.daemon.take(repository.disk, repository.path)
            self.house.gerve("route", "set", owner.login, "mirror")
        elif server != "agent":
            self.house.gerve("route", "remove", owner.login)
        if server == "only-in-redis":
            self.house.redis.ask("SET", f"route:{owner.login}", self.house.files.name)


@pytest.fixture(scope="module")
def servers(workspace):
    directory = Path(tempfile.mkdtemp(prefix="servers-", dir=workspace))
    house = Production(directory)
    house.daemon = GitDaemon(directory)
    try:
        house.start()
        house.daemon.start()
        house.gerve("server", "add", "mirror", house.daemon.endpoint)
        yield Servers(house)
        house.stop()
    finally:
        house.daemon.kill()
        house.gateway.kill()
        house.files.kill()


@pytest.mark.parametrize("row", SERVER_TABLE)
@pytest.mark.parametrize("server", SERVERS)
def test_explain_and_the_wire_know_where_a_repository_lies(servers, row, server):
    house, repository = servers.house, servers.repositories[server]
    client = servers.owners[server] if row == "owner" else house.person(row)
    if row == "reader":
        house.grant(repository, client, "read")
    told = {letter: told_for(letter, repository, client, False) for letter in "NSRDF"}
    wire = explained = why = ""
    with RawClient(client.door) as connection:
        connection.log_in(client.key)
        for service, stdin in STDIN.items():
            command = f"{service} '{repository.path}'"
            wire += letter_of(connection.open_session().exec(command, stdin), told)
            explained += explain(house, client, row, command, told)
    for question in (repository.path, f"{repository.path} push"):
        outcome = client.ssh(f"why {question}", exit=range(0, 76))
        why += WHY[outcome.exit, next((name for name in WHY_RULES if f"(rule {name})" in outcome.stdout), "")]
    expected = SERVER_TABLE[row][server]
    assert (wire, explained, why) == (expected, expected, expected[:2])


WHY_RULES = ("no-write-access", "fetch-only-server")
WHY = {(0, ""): "A", (75, ""): "U", (1, "no-write-access"): "D", (1, "fetch-only-server"): "F", (1, ""): "N"}


def test_explain_takes_a_fingerprint_as_well_as_a_login(site, alice, project):
    by_login = site.gerve("explain", alice.login, f"git-upload-pack '{project.path}'").stdout
    by_key = site.gerve("explain", alice.key.fingerprint, f"git-upload-pack '{project.path}'").stdout
    assert alice.login in by_login and alice.login in by_key


@pytest.mark.parametrize(
    "who, command, says",
    [
        ("nobody-at-all", "git-upload-pack 'a/b'", "nobody-at-all"),
        ("SHA256:" + "A" * 43, "git-upload-pack 'a/b'", "SHA256:" + "A" * 43),
        ("{alice}", "rm -rf /", "rm -rf /"),
        ("{alice}", "git-upload-pack 'a/../b'", "'../b' is not a repository name"),
    ],
)
def test_explain_says_why_there_is_nothing_to_explain(site, alice, who, command, says):
    told = site.gerve("explain", who.replace("{alice}", alice.login), command, exit=range(1, 3), says=says).stderr
    assert [line[:6] for line in told.splitlines()] in ([], ["gerve:"], ["gerve:", "See: g"])


def test_explain_says_which_file_it_cannot_read(site, workspace):
    missing = workspace / "missing-cert.pub"
    site.gerve("explain", missing, "git-upload-pack 'alice/hello'", exit=1, says=str(missing))
    directory = workspace / "directory.pub"
    directory.mkdir()
    site.gerve("explain", directory, "git-upload-pack 'alice/hello'", exit=1, says="not a regular file")
