"""Every git client that is to be had, in the same operations: none fails and none hangs.

One repository has 3,000 references, another history 2,000 small objects. Clients that carry git code of their own
write them to the connection one pkt-line, or one object, at a time, and so do the SSH libraries here.
"""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.audit import events
from harness.git_clients import GIT_CLIENTS
from harness.git_clients.pkt_lines import split
from harness.git_clients.trouble import ClientFailed, ClientHangs
from harness.processes import wait_until
from harness.site import Repository, Site

REFERENCES = 3000
COMMITS = 667  # each with a tree and a blob of its own: 2,001 objects
SIDE_BY_SIDE = 8
PATIENCE = 90  # seconds for one operation, which takes one or two
AUTHOR = ("-c", "user.name=alice", "-c", "user.email=alice@example.org")


@dataclass(frozen=True)
class Ground:
    """What all clients work on: a repository of many references, an almost empty one, and the history pushed to it."""

    site: Site
    many: Repository
    small: Repository
    tiny: Repository
    source: Path
    tips: set[str]  # of the many references

    def commit_on_disk(self, repository: Repository, branch: str, parent: str = "main") -> str:
        """A new commit on a branch of the server's, which no client has seen."""
        commit = repository.git(*AUTHOR, "commit-tree", "-p", parent, "-m", branch, f"{parent}^{{tree}}")
        repository.git("update-ref", f"refs/heads/{branch}", commit)
        return commit


@pytest.fixture(scope="module")
def ground(site, workspace):
    owner = site.person("owner")
    many, small, tiny = (site.repository(owner, name) for name in ("many", "small", "tiny"))
    branches = (_branch(f"branch-{number}", number) for number in range(REFERENCES))
    _import(many.disk, "".join(branches) + _branch("main", 0))
    source = workspace / "source.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", source], check=True)
    history = "".join(_branch("main", number) for number in range(COMMITS))
    _import(source, history)
    _import(small.disk, _branch("main", 0))
    _import(tiny.disk, _branch("main", 0))
    return Ground(site, many, small, tiny, source, set(many.git("for-each-ref", "--format=%(objectname)").split()))


def _branch(name: str, number: int) -> str:
    """A commit with a file of its own, for git fast-import."""
    text = f"content {number}\n"
    return (
        f"commit refs/heads/{name}\ncommitter alice <alice@example.org> {1700000000 + number} +0000\n"
        f"data 2\n{number % 10}\nM 644 inline file\ndata {len(text)}\n{text}\n"
    )


def _import(directory: Path, commands: str) -> None:
    git = ["git", "-c", "safe.directory=*", "--git-dir", directory]
    subprocess.run([*git, "fast-import", "--quiet", "--force"], input=commands.encode(), check=True)
    subprocess.run([*git, "pack-refs", "--all"], check=True)


class Lane:
    """One person with one client that does one operation after the other; `failures` tells what went wrong."""

    def __init__(self, kind, ground: Ground, directory: Path):
        self.ground = ground
        self.person = ground.site.person(kind.name, **kind.key)
        for repository in (ground.many, ground.small):
            ground.site.grant(repository, self.person, "write")
        self.directory = directory / self.person.login
        self.client = kind(self.person)
        self.done = 0
        self.failures: list[str] = []
        self.pushed: list[tuple[str, str, str]] = []  # repository, ref, kind: what the trail is to tell

    def run(self, rounds: int) -> "Lane":
        """Ten operations a round. A failure ends its round, and the third one all of them."""
        try:
            for number in range(rounds):
                self._round(f"{self.person.login}-{number}")
                if len(self.failures) == 3:
                    break
        finally:
            self.client.close()
        return self

    def _round(self, branch: str) -> None:
        self.directory.mkdir()
        try:
            self._beside_many_references(branch)
            self._with_many_objects(branch)
        except (ClientFailed, AssertionError) as error:
            self.failures.append(f"{self.doing}: {error}")
        finally:
            shutil.rmtree(self.directory)

    def _beside_many_references(self, branch: str) -> None:
        """Clone, fetch, push and deletion."""
        many, copy = self.ground.many, self.directory / "many.git"
        with self._operation("clone of 3,000 references"):
            self.client.clone(many, copy, PATIENCE)
            assert _tips(copy) >= self.ground.tips
        with self._operation("fetch beside 3,000 references"):
            news = self.ground.commit_on_disk(many, f"{branch}-news")
            self.client.fetch(copy, PATIENCE)
            assert _has(copy, news)
        self._push(many, copy, news, branch)
        self._delete(many, copy, branch)

    def _with_many_objects(self, branch: str) -> None:
        """Two pushes, each into a repository that has none of it any more, a clone, a fetch and two deletions."""
        small, source, copy = self.ground.small, self.directory / "source.git", self.directory / "small.git"
        shutil.copytree(self.ground.source, source)
        _git(source, "remote", "add", "origin", self.client.url(small))
        head = _git(source, "rev-parse", "main")
        self._push(small, source, head, f"{branch}-first")
        with self._operation("clone of 2,000 objects"):
            self.client.clone(small, copy, PATIENCE)
            assert _has(copy, head)
            _git(copy, "fsck", "--full")
        with self._operation("fetch of one commit"):
            news = self.ground.commit_on_disk(small, f"{branch}-news", head)
            self.client.fetch(copy, PATIENCE)
            assert _has(copy, news)
        self._delete(small, source, f"{branch}-first")
        self._push(small, source, head, f"{branch}-second")
        self._delete(small, source, f"{branch}-second")

    def _push(self, repository: Repository, source: Path, commit: str, branch: str) -> None:
        _git(source, "update-ref", f"refs/heads/{branch}", commit)
        with self._operation(f"push to {repository.name}"):
            self._send(source, f"refs/heads/{branch}:refs/heads/{branch}")
            assert repository.rev(f"refs/heads/{branch}") == commit
        self.pushed.append((repository.path, f"refs/heads/{branch}", "create"))

    def _delete(self, repository: Repository, source: Path, branch: str) -> None:
        with self._operation(f"deletion in {repository.name}"):
            self._send(source, f":refs/heads/{branch}")
            assert not repository.git("for-each-ref", f"refs/heads/{branch}")
        self.pushed.append((repository.path, f"refs/heads/{branch}", "delete"))

    def _send(self, source: Path, refspec: str) -> None:
        """A push. What it did is looked at on the server, so a client may err about it."""
        try:
            self.client.push(source, refspec, PATIENCE)
        except ClientFailed as error:
            if str(error) != self.client.false_failure:
                raise

    @contextmanager
    def _operation(self, name: str):
        self.doing = name
        yield
        self.done += 1


def _git(directory: Path, *words: str) -> str:
    ran = subprocess.run(["git", *AUTHOR, "--git-dir", directory, *words], capture_output=True, text=True)
    assert ran.returncode == 0, f"git {words}: {ran.stderr}"
    return ran.stdout.strip()


def _tips(directory: Path) -> set[str]:
    return set(_git(directory, "for-each-ref", "--format=%(objectname)").split())


def _has(directory: Path, commit: str) -> bool:
    return _git(directory, "cat-file", "-t", commit) == "commit"


@pytest.fixture
def desk():
    """A directory for clones, in memory where there is such: some clients wait for the disk at each reference."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="gerve-e2e-", dir=memory if os.access(memory, os.W_OK) else "/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(params=GIT_CLIENTS)
def kind(request):
    """A class of clients, or a skip with the reason why there is none here."""
    found = GIT_CLIENTS[request.param]
    if reason := found.why_not():
        pytest.skip(reason)
    return found


def _check(kind, lanes: list[Lane], operations: int) -> None:
    failures = [failure for lane in lanes for failure in lane.failures]
    done = sum(lane.done for lane in lanes)
    assert done == operations and not failures, (
        f"{kind.name} {kind.version()}: {done} of {operations} operations done\n" + "\n".join(failures)
    )
    for lane in lanes:
        wait_until(lambda lane=lane: _told(lane) == sorted(lane.pushed), "the trail tells each push as taken", timeout=20)


def _told(lane: Lane) -> list[tuple[str, str, str]]:
    """Of the pushes of a lane, whatever their client saw of their end."""
    pushes = events(lane.ground.site, "--user", lane.person.login, "--event", "push")
    return sorted((push["repo"], one["ref"], one["kind"]) for push in pushes for one in push["refs"]
                  if one["outcome"] == "taken")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_operations(kind, ground, desk):
    lane = Lane(kind, ground, desk).run(2)
    _check(kind, [lane], 20)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_operations_with_eight_at_a_time(kind, ground, desk):
    lanes = [Lane(kind, ground, desk) for _ in range(SIDE_BY_SIDE)]
    rounds = [3] * 4 + [2] * 4  # ten operations each
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(Lane.run, lanes, rounds))
    _check(kind, lanes, 200)


@pytest.mark.slow
def test_keys(kind, ground, desk):
    """docs/clients.md names the keys that a client cannot use: it is refused with them, and does not hang."""
    for number, key in enumerate(("ed25519", "ecdsa", "rsa")):
        person = ground.site.person(kind.name, **{**kind.key, "kind": key})
        ground.site.grant(ground.tiny, person, "read")
        client = kind(person)
        try:
            client.clone(ground.tiny, desk / str(number), PATIENCE)
            worked = True
        except ClientFailed as error:
            assert not isinstance(error, ClientHangs), f"{kind.name} with {key}: {error}"
            worked = False
        finally:
            client.close()
        assert worked == (key in kind.keys()), f"{kind.name} {kind.version()} with {key}"


def test_what_is_written_one_by_one():
    lines = [b"0011want 1234567\n", b"0000", b"0009done\n"]
    assert split(b"".join(lines)) == (lines, b"")
    assert split(b"0000" + lines[0][:10]) == ([b"0000"], lines[0][:10])
    pieces, rest = split(b"0000PACK" + bytes(450))
    assert ([len(piece) for piece in pieces], rest) == ([4, 200, 200, 54], b"")
