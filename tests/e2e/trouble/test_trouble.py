"""Each part of a site in each kind of trouble: those who need it are told the truth in time, nobody else notices.

A cell of the matrix is a part and a trouble. While the trouble lasts every errand is run once: those that need the part
must end as the cell says, all others well; nobody waits long, and no process works more than the errands cost. All
errands end well within two seconds of its end, and after all cells the trail has each of them. NOT_HERE and ELSEWHERE
give the reason for what is not in the matrix.
"""

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness import troubles
from harness.audit import events_in
from harness.database import Database
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

    def check_trail(self) -> None:
        """Nothing was lost in any of the troubles."""
        files = [*self.former_trails, self.disk / "audit.jsonl"]

        def allowed() -> int:
            return sum(event["event"] == "decision" and event["because"] in ALLOWED for event in events_in(*files))

        wait_until(lambda: allowed() >= self.served, "each operation is on record", timeout=20)
        self.site.gerve("audit", "verify", *files)


ERRANDS = ("greet", "fetch", "fetch_other", "fetch_by_grant", "ask_for_missing", "push")
ABOUT_REPOSITORIES = ERRANDS[1:]
SERVED = ("fetch", "fetch_other", "fetch_by_grant", "push")
OWN = ("fetch", "fetch_by_grant", "push")
OF_BOB = ("fetch_by_grant", "ask_for_missing")


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


# Table → errands whose questions read it. Routes come from Redis.
TABLES = {
    "accounts": ERRANDS,
    "public_keys": ERRANDS,
    "repositories": ABOUT_REPOSITORIES,
    "repo_redirects": ("ask_for_missing",),
    "collaborators": OF_BOB,
    "org_members": OF_BOB,
    "teams": (),
    "team_members": OF_BOB,
    "team_repos": OF_BOB,
    "servers": (),
    "endpoints": (),
    "routes": (),
    "key_last_used": (),
    "audit_events": (),
    "schema_version": (),
}
# What an empty table tells: nothing is in trouble, and there is no such key, no such repository or no such grant.
EMPTY = {
    "accounts": (ERRANDS, CANNOT_CHECK),  # a key of nobody makes no sense
    "public_keys": (ERRANDS, DENIED),
    "repositories": (SERVED, NOT_FOUND),
    "collaborators": (("fetch_by_grant",), NOT_FOUND),
}
# No statement that serves reads it, or it is written to and a view cannot be.
NOT_SLOW = ("key_last_used", "audit_events", "schema_version")


def not_answering(house):
    return server_not_answering(house.repositories["own"].owner), server_not_answering(house.repositories["other"].owner)


ODD_ROWS = {
    "accounts": (troubles.odd_row("accounts", "id", "login", "'..'", "login_folded = '{reader}'"), OF_BOB),
    "public_keys": (troubles.odd_row("public_keys", "id", "key_blob", "'x'",
                            "account_id = (SELECT id FROM accounts WHERE login_folded = '{reader}')"), OF_BOB),
    "repositories": (troubles.odd_row("repositories", "id", "name", "'..'",
                             "owner_id = (SELECT id FROM accounts WHERE login_folded = '{owner}')"), OWN),
    "collaborators": (troubles.odd_row("collaborators", "repo_id", "level", "9",
                              "account_id = (SELECT id FROM accounts WHERE login_folded = '{reader}')"),
                      ("fetch_by_grant",)),
}


def cells_of_tables():
    for table, needs in TABLES.items():
        for trouble in ("error", "gone"):
            yield Cell(f"table {table}", trouble, troubles.in_mysql(trouble)(table), needs)
        yield Cell(f"table {table}", "hangs", troubles.table_locked(table), needs)
        if table not in NOT_SLOW:
            yield Cell(f"table {table}", "slow", troubles.in_mysql("slow")(table), may=needs)
        if table in ODD_ROWS:
            yield Cell(f"table {table}", "odd", *ODD_ROWS[table])
        lost, told = EMPTY.get(table, ((), CANNOT_CHECK))
        may = SERVED if table in ("servers", "endpoints") else ()  # once the endpoints that are known are read again
        yield Cell(f"table {table}", "replaced", troubles.in_mysql("replaced")(table), lost, told, may)


CELLS = [
    *cells_of_tables(),
    Cell("connections", "error", troubles.connections_killed),
    Cell("connections", "hangs", lambda house: house.database.stopped(), ERRANDS),
    Cell("connections", "gone", lambda house: house.database.killed(), ERRANDS),
    Cell("connections", "full", lambda house: house.database.crowded(), ERRANDS),
    Cell("Redis", "error", troubles.redis_acl),
    Cell("Redis", "hangs", troubles.redis_hangs),
    Cell("Redis", "gone", troubles.redis_gone),
    Cell("Redis", "odd", troubles.redis_odd),
    Cell("Redis", "replaced", troubles.redis_replaced),
    Cell("Redis", "full", troubles.redis_full),
    Cell("a repository", "error", troubles.repository_file("HEAD", lambda file: file.symlink_to(file)), OWN, not_answering),
    Cell("a repository", "hangs", troubles.repository_hangs, OWN, not_answering),
    Cell("a repository", "odd", troubles.repository_file("HEAD", troubles.garbage), OWN, not_answering),
    Cell("a repository", "gone", troubles.repository_moved(), OWN, not_answering),
    Cell("a repository", "replaced", troubles.repository_replaced),
    Cell("repositories' root", "gone", troubles.root_moved(), SERVED, not_answering),
    Cell("repositories' root", "replaced", troubles.root_moved(Path.mkdir), SERVED, not_answering),
    Cell("repositories' root", "odd", troubles.root_moved(troubles.garbage), SERVED, not_answering),
    Cell("agent", "hangs", troubles.agent_hangs, SERVED, not_answering),
    Cell("agent", "gone", troubles.agent_gone, SERVED, not_answering),
    Cell("authz", "hangs", troubles.authz_hangs, ERRANDS),
    Cell("authz", "gone", troubles.killed("authz")),
    Cell("a worker", "gone", troubles.killed("worker")),
    Cell("audit file", "full", troubles.disk_full, ("push",), CANNOT_RECORD),
    Cell("audit file", "error", troubles.disk_read_only, ("push",), CANNOT_RECORD),
    Cell("audit file", "gone", troubles.audit_file_moved()),
    Cell("audit file", "replaced", troubles.audit_file_moved(Path.touch)),
    Cell("audit key", "gone", troubles.state_file("audit.key")),
    Cell("audit key", "odd", troubles.state_file("audit.key", troubles.garbage)),
    Cell("authz.sock", "gone", troubles.socket_gone),
    Cell("authz.sock", "replaced", troubles.socket_replaced),
    Cell("state directory", "gone", troubles.state_file("")),
    Cell("state directory", "replaced", troubles.state_file("", Path.mkdir)),
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


def is_one_of(part: str, names: str) -> bool:
    """names: a part, or the word with which several begin."""
    return part == names or part.startswith(names + " ")


def test_each_cell_is_here_or_has_its_reason():
    parts = {cell.part for cell in CELLS}
    here = {(cell.part, cell.trouble) for cell in CELLS}
    missing = {(part, trouble) for part in parts for trouble in TROUBLES} - here
    explained = {(part, kind) for names, kinds, _ in NOT_HERE for kind in kinds.split()
                 for part in parts if is_one_of(part, names)}
    assert missing <= explained, sorted(missing - explained)
    for names, kinds, why in NOT_HERE:
        for kind in kinds.split():
            assert any(trouble == kind and is_one_of(part, names) for part, trouble in missing), f"{names} {kind}: {why}"
    for part, why in ELSEWHERE.items():
        files = re.findall(r"test_\w+\.py", why)
        assert files and all(any(Path(__file__).parents[1].glob(f"*/{file}")) for file in files), f"{part}: {why}"


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
        made = House(site.start(), database, disk).make()
        yield made
        made.check_trail()
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
    logs = {one: len(one.log()) for one in (house.site.gateway, house.site.files)}
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
    if wrong:  # pytest shows what is printed
        print(*(process.log()[before:] for process, before in logs.items()))
    wait_until(house.is_well, "all is well again", timeout=BACK)
    assert not wrong, "\n".join(wrong)
    assert cpu < 2 * house.calm_cpu + IDLE_CPU


def _is(text: str, expected) -> bool:
    return text == expected if isinstance(expected, str) else bool(expected.fullmatch(text))
