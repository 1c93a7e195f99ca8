"""Each part of a site in each kind of trouble: who needs it is told the truth in time, nobody else notices.

A cell of the matrix is a part and a trouble. While it lasts every errand is run once: those that need the part must end
as the cell says, all others well; nobody waits long, and no process works more than the errands cost. Afterwards all
errands end well within two seconds, and the trail has each of them. What is not in the matrix stands in NOT_HERE and
ELSEWHERE with its reason.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.audit import events_in
from harness.database import Database
from harness.hanging import hanging
from harness.messages import CANNOT_CHECK, NOT_FOUND, greeting, server_not_answering
from harness.processes import stat_fields, wait_until
from harness.production import Production
from harness.site import Repository

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")]

ANY = range(-64, 256)  # exit statuses
BOUND = 12.0  # seconds until anybody has an answer: an agent waits ten for its disk
BACK = 2.0  # seconds until service is back
IDLE_CPU = 0.5  # seconds that all processes may take beyond what the errands cost without trouble
TICK = os.sysconf("SC_CLK_TCK")
TRAIL = "[audit]\nfile = \"{disk}/audit.jsonl\"\n"

CANNOT_RECORD = re.compile(
    r"ERROR: Gerve cannot record this push right now\. Try again in a minute\. \(request [0-9a-f]{32}\)\n")
ALLOWED = ("owner", "collaborator")
DENIED = re.compile(r".*Permission denied \(publickey\)\.\s*", re.DOTALL)

# ---- what people do, each with the parts that it needs


@dataclass
class House:
    """The site, its people, and what they do."""

    site: Production
    database: Database
    disk: Path  # of the audit file
    former_trails: list[Path] = field(default_factory=list)
    served: int = 0
    calm_cpu: float = 0.0
    people: dict = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)

    def make(self) -> "House":
        site = self.site
        alice, bob, dora = (site.person(name) for name in ("alice", "bob", "dora"))
        self.people = {"alice": alice, "bob": bob, "dora": dora}
        own = site.repository(alice, private=True)
        other = site.repository(dora, private=True)
        site.grant(own, bob, "read")
        self.work = alice.publish(own)
        dora.publish(other)
        self.repositories = {"own": own, "other": other}
        self.run_all()
        began = self.cpu()
        self.run_all()
        self.calm_cpu = self.cpu() - began
        return self

    def cpu(self) -> float:
        """Seconds that gateway and file server have used, with what their ended children had."""
        total = 0
        for pid in {*self.site.gateway.family(), self.site.files.process.pid}:
            fields = stat_fields(pid)
            total += sum(int(fields[number]) for number in (11, 12, 13, 14)) if fields else 0
        return total / TICK

    # Each errand: the exit status and the text for those to whom all is well.

    def greet(self):
        alice = self.people["alice"]
        return alice.ssh(exit=ANY), (1, greeting(alice.login))

    def fetch(self):
        return self._fetch("alice", "own")

    def fetch_other(self):
        return self._fetch("dora", "other")

    def fetch_by_grant(self):
        return self._fetch("bob", "own")

    def ask_for_missing(self):
        path = f"{self.repositories['own'].owner}/missing"
        return self.people["bob"].ssh(f"git-upload-pack '{path}'", exit=ANY), (1, NOT_FOUND)

    def push(self):
        # As git begins a push; a flush ends it before anything has changed.
        command = f"git-receive-pack '{self.repositories['own'].path}'"
        return self.people["alice"].ssh(command, exit=ANY, input=b"0000"), (0, "")

    def _fetch(self, name: str, repository: str):
        command = f"git-upload-pack '{self.repositories[repository].path}'"
        return self.people[name].ssh(command, exit=ANY, input=b"0000"), (0, "")

    def run(self, errand: str) -> tuple[bool, str]:
        """Whether it ended well, and the text of it."""
        outcome, well = getattr(self, errand)()
        assert outcome.seconds < BOUND, outcome.transcript()
        ended_well = (outcome.exit, outcome.stderr) == well
        self.served += ended_well and well[0] == 0
        return ended_well, outcome.stderr if outcome.stderr else outcome.transcript()

    def run_all(self) -> dict[str, tuple[bool, str]]:
        return {errand: self.run(errand) for errand in ERRANDS}

    def is_well(self) -> bool:
        return all(well for well, _ in self.run_all().values())


LOGGED_IN = ("greet", "fetch", "fetch_other", "fetch_by_grant", "ask_for_missing", "push")
SERVED = ("fetch", "fetch_other", "fetch_by_grant", "push")
OWN = ("fetch", "fetch_by_grant", "push")
CHECKED = ("fetch", "fetch_other", "fetch_by_grant", "ask_for_missing", "push")
ERRANDS = LOGGED_IN


# ---- troubles


def in_mysql(name: str):
    """A trouble of a table, by the statements that bring and end it."""
    begin, end = TABLE_TROUBLES[name]

    def of_table(table: str):
        @contextmanager
        def trouble(house):
            schema = house.site.schema
            words = {"table": f"{schema}.{table}", "aside": f"{schema}.{table}_aside"}
            house.database.ask(begin.format(**words))
            try:
                yield
            finally:
                house.database.ask(end.format(**words))

        return trouble

    return of_table


PUT_BACK = "RENAME TABLE {aside} TO {table}"
TABLE_TROUBLES = {
    "error": ("RENAME TABLE {table} TO {aside}; CREATE TABLE {table} (nothing INT)", "DROP TABLE {table}; " + PUT_BACK),
    "gone": ("RENAME TABLE {table} TO {aside}", PUT_BACK),
    "replaced": ("RENAME TABLE {table} TO {aside}; CREATE TABLE {table} LIKE {aside}", "DROP TABLE {table}; " + PUT_BACK),
    "slow": ("RENAME TABLE {table} TO {aside}; CREATE VIEW {table} AS SELECT a.* FROM {aside} a"
             " JOIN (SELECT SLEEP(0.05) AS s) w ON w.s = 0", "DROP VIEW {table}; " + PUT_BACK),
}


def odd_row(table: str, key: str, column: str, value: str, where: str):
    """One row has a value that makes no sense; `where` finds it, with {owner} and {reader} for logins."""

    @contextmanager
    def trouble(house):
        name, aside = f"{house.site.schema}.{table}", f"{house.site.schema}.{table}_aside"
        found = where.format(owner=house.people["alice"].login, reader=house.people["bob"].login)
        house.database.ask(f"USE {house.site.schema}; SET check_constraint_checks = 0;"
                           f"CREATE TABLE {aside} AS SELECT * FROM {name} WHERE {found};"
                           f"UPDATE {name} SET {column} = {value} WHERE {found}")
        try:
            yield
        finally:
            house.database.ask(f"UPDATE {name} t JOIN {aside} a ON a.{key} = t.{key} SET t.{column} = a.{column};"
                               f"DROP TABLE {aside}")

    return trouble


def table_locked(table: str):
    def trouble(house):
        return house.database.locked(f"{house.site.schema}.{table}")

    return trouble


@contextmanager
def stopped(pid: int):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def connections_killed(house):
    house.database.kill_connections()
    return ExitStack()


@contextmanager
def redis_says(house, begin: list[str], end: list[str]):
    house.site.redis.ask(*begin)
    try:
        yield
    finally:
        house.site.redis.ask(*end)


def redis_acl(house):
    return redis_says(house, ["ACL", "SETUSER", "default", "-get", "-mget"], ["ACL", "SETUSER", "default", "+@all"])


@contextmanager
def redis_gone(house):
    house.site.redis.kill()
    try:
        yield
    finally:
        house.site.redis.start()


@contextmanager
def redis_hangs(house):
    house.site.redis.freeze()
    try:
        yield
    finally:
        house.site.redis.thaw()


@contextmanager
def redis_odd(house):
    keys = house.site.redis.ask("KEYS", "route:*").splitlines()
    for key in keys:
        house.site.redis.ask("DEL", key)
        house.site.redis.ask("LPUSH", key, "no route")
    yield
    house.site.redis.ask("DEL", *keys)


@contextmanager
def redis_replaced(house):
    house.site.redis.ask("FLUSHALL")
    yield


def redis_full(house):
    house.site.redis.ask("FLUSHALL")
    return redis_says(house, ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"])


@contextmanager
def moved(file: Path, instead=lambda _: None):
    """A file or directory is elsewhere meanwhile, with something else in its place or nothing."""
    aside = file.with_name(file.name + ".aside")
    file.rename(aside)
    instead(file)
    try:
        yield
    finally:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
        aside.rename(file)


def repository_file(name: str, instead=lambda _: None):
    return lambda house: moved(house.repositories["own"].disk / name, instead)


def repository_hangs(house):
    return hanging(house.repositories["own"].disk / "HEAD")


def repository_moved(instead=lambda _: None):
    return lambda house: moved(house.repositories["own"].disk, instead)


@contextmanager
def repository_replaced(house):
    other = house.repositories["other"].disk
    with moved(house.repositories["own"].disk, lambda place: shutil.copytree(other, place, symlinks=True)):
        yield


def root_moved(instead=lambda _: None):
    return lambda house: moved(house.site.files.root, instead)


def agent_hangs(house):
    return stopped(house.site.files.process.pid)


@contextmanager
def agent_gone(house):
    house.site.files.kill()
    try:
        yield
    finally:
        house.site.files.start()


def authz_hangs(house):
    return stopped(house.site.gateway.authz())


def killed(role: str):
    def trouble(house):
        for pid in house.site.gateway.children(role):
            os.kill(pid, signal.SIGKILL)
        return ExitStack()

    return trouble


@contextmanager
def disk_full(house):
    filler = house.disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    # What room the audit file has left in its last page is used up by what is told of sessions.
    for _ in range(60):
        house.run("fetch")
        if "the audit file cannot be written" in house.site.gateway.log():
            break
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def disk_read_only(house):
    # The descriptor that writes stays writable: the kernel would refuse to remount. A start finds it so.
    house.site.gateway.stop()
    subprocess.run(["mount", "-o", "remount,ro", house.disk], check=True)
    house.site.gateway.start()
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", house.disk], check=True)


def audit_file_moved(instead=lambda _: None):
    """It stays where it was moved to, as one that logrotate moved."""

    @contextmanager
    def trouble(house):
        file = house.disk / "audit.jsonl"
        house.former_trails.append(file.rename(house.disk / f"audit.jsonl.{len(house.former_trails)}"))
        instead(file)
        yield

    return trouble


def state_file(name: str, instead=lambda _: None):
    return lambda house: moved(house.site.state / name, instead)


@contextmanager
def socket_gone(house):
    socket = house.site.state / "authz.sock"
    socket.unlink()
    yield
    wait_until(socket.is_socket, "it is made again")


@contextmanager
def socket_replaced(house):
    socket = house.site.state / "authz.sock"
    socket.unlink()
    socket.write_text("no socket")
    yield
    wait_until(socket.is_socket, "it is made again")


@contextmanager
def state_gone(house):
    with moved(house.site.state):
        yield


def garbage(file: Path) -> None:
    file.write_text("no such thing as this\n")


# ---- the matrix


@dataclass(frozen=True)
class Cell:
    part: str
    trouble: str
    begin: object  # House → context manager
    needs: tuple[str, ...] = ()  # errands that cannot be served meanwhile
    told: object = CANNOT_CHECK  # what those who need it read: a pattern, a text, or a function of the house
    may: tuple[str, ...] = ()  # errands that end well or with that text

    def __str__(self) -> str:
        return f"{self.part}: {self.trouble}"


BY_GRANT = ("fetch_by_grant", "ask_for_missing")

# Table → errands whose questions read it. Routes come from Redis.
TABLES = {
    "accounts": LOGGED_IN,
    "public_keys": LOGGED_IN,
    "repositories": CHECKED,
    "repo_redirects": ("ask_for_missing",),
    "collaborators": BY_GRANT,
    "org_members": BY_GRANT,
    "teams": (),
    "team_members": BY_GRANT,
    "team_repos": BY_GRANT,
    "servers": (),
    "endpoints": (),
    "routes": (),
    "key_last_used": (),
    "audit_events": (),
    "schema_version": (),
}
# What an empty table tells: nothing is in trouble, and there is no such key, no such repository or no such grant.
EMPTY = {
    "accounts": (LOGGED_IN, CANNOT_CHECK),  # a key of nobody makes no sense
    "public_keys": (LOGGED_IN, DENIED),
    "repositories": (SERVED, NOT_FOUND),
    "collaborators": (("fetch_by_grant",), NOT_FOUND),
}
# No statement that serves reads it, or it is written to and a view cannot be.
NOT_SLOW = ("key_last_used", "audit_events", "schema_version")


def not_answering(house):
    return server_not_answering(house.repositories["own"].owner), server_not_answering(house.repositories["other"].owner)


OF_BOB = ("fetch_by_grant", "ask_for_missing")
ODD_ROWS = {
    "accounts": (odd_row("accounts", "id", "login", "'..'", "login_folded = '{reader}'"), OF_BOB),
    "public_keys": (odd_row("public_keys", "id", "key_blob", "'x'",
                            "account_id = (SELECT id FROM accounts WHERE login_folded = '{reader}')"), OF_BOB),
    "repositories": (odd_row("repositories", "id", "name", "'..'",
                             "owner_id = (SELECT id FROM accounts WHERE login_folded = '{owner}')"), OWN),
    "collaborators": (odd_row("collaborators", "repo_id", "level", "9",
                              "account_id = (SELECT id FROM accounts WHERE login_folded = '{reader}')"),
                      ("fetch_by_grant",)),
}


def cells_of_tables():
    for table, needs in TABLES.items():
        for trouble in ("error", "gone"):
            yield Cell(f"table {table}", trouble, in_mysql(trouble)(table), needs)
        yield Cell(f"table {table}", "hangs", table_locked(table), needs)
        if table not in NOT_SLOW:
            yield Cell(f"table {table}", "slow", in_mysql("slow")(table), may=needs)
        if table in ODD_ROWS:
            yield Cell(f"table {table}", "odd", *ODD_ROWS[table])
        needs, told = EMPTY.get(table, ((), CANNOT_CHECK))
        may = SERVED if table in ("servers", "endpoints") else ()  # from when what was known is read again
        yield Cell(f"table {table}", "replaced", in_mysql("replaced")(table), needs, told, may)


CELLS = [
    *cells_of_tables(),
    Cell("connections", "error", connections_killed),
    Cell("connections", "hangs", lambda house: house.database.stopped(), LOGGED_IN),
    Cell("connections", "gone", lambda house: house.database.killed(), LOGGED_IN),
    Cell("connections", "full", lambda house: house.database.crowded(), LOGGED_IN),
    Cell("Redis", "error", redis_acl),
    Cell("Redis", "hangs", redis_hangs),
    Cell("Redis", "gone", redis_gone),
    Cell("Redis", "odd", redis_odd),
    Cell("Redis", "replaced", redis_replaced),
    Cell("Redis", "full", redis_full),
    Cell("a repository", "error", repository_file("HEAD", lambda file: file.symlink_to(file)), OWN, not_answering),
    Cell("a repository", "hangs", repository_hangs, OWN, not_answering),
    Cell("a repository", "odd", repository_file("HEAD", garbage), OWN, not_answering),
    Cell("a repository", "gone", repository_moved(), OWN, not_answering),
    Cell("a repository", "replaced", repository_replaced),
    Cell("repositories' root", "gone", root_moved(), SERVED, not_answering),
    Cell("repositories' root", "replaced", root_moved(Path.mkdir), SERVED, not_answering),
    Cell("repositories' root", "odd", root_moved(garbage), SERVED, not_answering),
    Cell("agent", "hangs", agent_hangs, SERVED, not_answering),
    Cell("agent", "gone", agent_gone, SERVED, not_answering),
    Cell("authz", "hangs", authz_hangs, LOGGED_IN),
    Cell("authz", "gone", killed("authz")),
    Cell("a worker", "gone", killed("worker")),
    Cell("audit file", "full", disk_full, ("push",), CANNOT_RECORD),
    Cell("audit file", "error", disk_read_only, ("push",), CANNOT_RECORD),
    Cell("audit file", "gone", audit_file_moved()),
    Cell("audit file", "replaced", audit_file_moved(Path.touch)),
    Cell("audit key", "gone", state_file("audit.key")),
    Cell("audit key", "odd", state_file("audit.key", garbage)),
    Cell("authz.sock", "gone", socket_gone),
    Cell("authz.sock", "replaced", socket_replaced),
    Cell("state directory", "gone", state_gone),
    Cell("state directory", "replaced", state_file("", Path.mkdir)),
]


# ---- what is not in it, and why

TROUBLES = ("error", "slow", "hangs", "odd", "gone", "replaced", "full")
ELSEWHERE = {  # whole parts
    "log reader": "test_log_reader.py: it hangs; whoever reads it can do nothing else to us",
    "agent.sock": "test_socket_files.py: it is removed",
    "clock": "test_clock.py: it jumps by an hour, in both directions",
    "SQLite": "test_backup.py and test_faults.py: its file is gone, replaced, cut off, locked, read-only",
}
NOT_HERE = [  # parts, troubles, why
    ("table", "slow", "no statement that serves reads it, and a view cannot be written"),
    ("table", "odd", "no errand here meets a row of it, or its columns take no value without sense"),
    ("table", "full", "a table that is read cannot be full; of one that is written it is an error of its INSERT"),
    ("connections", "slow odd replaced", "test_drills.py: answers come by drops; a protocol that makes no sense is the"
                                         " client library's to refuse"),
    ("Redis", "slow", "it is asked within 0.2 s: beyond, it hangs"),
    ("a repository", "slow full", "git's own errors, by its own client"),
    ("repositories' root", "error slow hangs full", "as of one repository: each is looked at by itself"),
    ("agent", "error slow odd replaced full", "it answers by GRV1: test_grv1.py, test_endpoints.py, test_limits.py"),
    ("authz", "error slow odd replaced full", "a process of ours, from the same build"),
    ("a worker", "error slow hangs odd replaced full", "a process of ours; its own clients alone would notice"),
    ("audit file", "slow hangs odd", "tests/unit/authz/audit: a disk that stalls, lines that make no sense"),
    ("audit key", "error slow hangs replaced full", "read at a start: test_backup.py"),
    ("authz.sock", "error slow hangs odd full", "a socket has no content; who listens there is authz"),
    ("state directory", "error slow hangs odd full", "files in it are parts of their own"),
]


def test_each_cell_is_here_or_has_its_reason():
    parts = {cell.part for cell in CELLS}
    here = {(cell.part, cell.trouble) for cell in CELLS}
    missing = {(part, trouble) for part in parts for trouble in TROUBLES} - here
    explained = {(part, trouble) for names, troubles, _ in NOT_HERE for trouble in troubles.split()
                 for part in parts if part == names or part.startswith(names + " ")}
    assert missing <= explained, sorted(missing - explained)
    for names, troubles, why in NOT_HERE:
        assert any(part == names or part.startswith(names + " ") for part, _ in missing), f"{names} {troubles}: {why}"


@pytest.fixture(scope="module")
def house(workspace):
    directory = Path(tempfile.mkdtemp(prefix="trouble-", dir=workspace))
    disk = directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    database = None
    site = None
    try:
        database = Database(directory)
        site = Production(directory / "site", database=database, more=TRAIL.format(disk=disk))
        yield House(site.start(), database, disk).make()
        site.stop()
    finally:
        if site:
            site.kill()
        if database:
            database.stop()
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_trouble(house, cell):
    assert house.is_well(), "all is well before"
    began = house.cpu()
    with cell.begin(house):
        found = house.run_all()
        time.sleep(0.5)  # in which a loop would show
        cpu = house.cpu() - began
    told = cell.told(house) if callable(cell.told) else (cell.told,)
    wrong = []
    for errand, (well, text) in found.items():
        is_told = errand in cell.needs + cell.may and any(_is(text, one) for one in told)
        is_served = errand not in cell.needs and well
        if not is_told and not is_served:
            wrong.append(f"{errand}: {text}")
    print(f"{cell}: {cpu:.2f} s of CPU, calm {house.calm_cpu:.2f}")
    wait_until(house.is_well, "all is well again", timeout=BACK)
    assert not wrong, "\n".join(wrong)
    assert cpu < 2 * house.calm_cpu + IDLE_CPU


def _is(text: str, expected) -> bool:
    return text == expected if isinstance(expected, str) else bool(expected.fullmatch(text))


def test_the_trail_has_each_operation_and_is_whole(house):
    """Runs behind the cells: nothing was lost in any of them."""
    files = [*house.former_trails, house.disk / "audit.jsonl"]

    def allowed() -> int:
        return sum(event["event"] == "decision" and event["because"] in ALLOWED for event in events_in(*files))

    wait_until(lambda: allowed() >= house.served, "each is on record", timeout=20)
    house.site.gerve("audit", "verify", *files)
