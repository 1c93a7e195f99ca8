"""gerve repo: what becomes of entry and repository when a file server is away, is another one, or says nothing."""

import json
import os
import pty
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from harness.audit import events
from harness.fileserver import FileServer
from harness.processes import free_port
from harness.production import Production
from harness.programs import program
from harness.site import Repository


@pytest.fixture(scope="module")
def house(workspace):
    """A site with two file servers, of which the second holds nothing."""
    directory = Path(tempfile.mkdtemp(prefix="repo-", dir=workspace))
    site = Production(directory)
    site.other = FileServer(directory / "other", "fs2", site.files.keys)
    try:
        site.start()
        site.other.start()
        site.gerve("server", "add", "fs2", address_of(site.other))
        yield site
        site.other.stop()
        site.stop()
    finally:
        site.gateway.kill()
        site.other.kill()
        site.files.kill()


def address_of(files: FileServer) -> str:
    return f"127.0.0.1:{files.address[1]}"


def owned(house, name: str = "project", private: bool = False) -> Repository:
    return house.repository(house.person("alice"), name, private)


def listed(site, repository: Repository) -> list[dict]:
    return [one for one in site.gerve_json("repo", "list") if one["repository"] == repository.path]


class Mute:
    """In front of an agent: hands on what it is asked, and hangs up when that is done, without an answer."""

    def __init__(self, agent: FileServer):
        self.agent = agent
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self.socket.accept()
            with client, socket.create_connection(self.agent.address) as agent:
                agent.sendall(client.recv(65536))
                self.asked += 1
                while agent.recv(65536):
                    pass


@pytest.fixture
def mute(house):
    """fs1 loses each answer; the agent itself is its second endpoint."""
    front = Mute(house.files)
    house.gerve("server", "set", "fs1", front.endpoint, address_of(house.files))
    yield front
    house.gerve("server", "set", "fs1", address_of(house.files))


# ---- deleted here, and there


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_may_not_delete_keeps_its_entry(private_sites):
    site = private_sites(start=False)
    site.gerve("user", "add", "alice")
    site.gerve("repo", "create", "alice/secret", "--private")
    disk = site.state / "repositories/alice/secret.git"
    assert disk.is_dir()
    os.chown(site.state, 65534, 65534)
    for command in (("delete", "-y"), ("fsck",), ("size",)):
        site.gerve("repo", command[0], "alice/secret", *command[1:], exit=1, says="the repositories belong to nobody: start `gerve serve`")
    assert disk.is_dir()
    assert site.gerve_json("repo", "list")[0]["repository"] == "alice/secret"
    os.chown(site.state, 0, 0)
    assert site.gerve("repo", "delete", "alice/secret", "-y").stderr == ""
    assert not disk.exists()


def test_what_lies_on_another_server_is_not_forgotten_in_silence(house):
    repository = owned(house, "moved", private=True)
    house.gerve("route", "set", repository.owner, "fs2")
    outcome = house.gerve("repo", "delete", repository.path, "-y")
    assert outcome.stderr == (f"gerve: fs2 does not have {repository.path}: only its entry was removed; if the "
                              "repository is elsewhere, delete it there\n")
    assert repository.disk.is_dir() and not listed(house, repository)
    house.gerve("route", "set", repository.owner, house.files.name)
    house.gerve("repo", "create", repository.path, exit=1,
                says="fs1 has a repository of that name that does not belong to any entry here: inspect it")
    assert not listed(house, repository)


@pytest.mark.parametrize("serving", [True, False])
def test_what_is_gone_from_the_disk_loses_its_entry_and_that_is_told(private_sites, serving):
    site = private_sites()
    repository = site.repository(site.person("alice"))
    shutil.rmtree(repository.disk)
    if not serving:
        site.gateway.stop()
    for command in ("fsck", "size"):
        site.gerve("repo", command, repository.path, exit=1, says=f"local does not have {repository.path}")
    assert site.gerve("repo", "delete", repository.path, "-y").stderr.startswith(
        f"gerve: local does not have {repository.path}: only its entry was removed")
    assert site.gerve_json("repo", "list") == []


@pytest.mark.parametrize("serving", [True, False])
def test_what_cannot_be_opened_is_not_gone(private_sites, serving):
    """A repository that was moved to another disk, with a link in its place."""
    site = private_sites()
    alice = site.person("alice")
    repository = site.repository(alice)
    alice.publish(repository)
    place, elsewhere = repository.disk, site.state / "elsewhere.git"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    assert "is not answering" in alice.git("ls-remote", repository.url, exit=128).stderr
    if not serving:
        site.gateway.stop()
    for command in (("delete", "-y"), ("fsck",), ("size",), ("rename", "other")):
        site.gerve("repo", command[0], repository.path, *command[1:], exit=1,
                   says=f"{place}: the path contains a symbolic link, which is not followed")
    assert listed(site, repository) and (elsewhere / "HEAD").exists()
    place.unlink()
    elsewhere.rename(place)
    assert site.gerve("repo", "fsck", repository.path).stdout == f"{repository.path}: sound\n"


def test_disk_trouble_sends_fetches_to_the_next_endpoint_and_nothing_else(house):
    """Two agents of one server, each with a disk of its own: the first cannot use what it has."""
    second = FileServer(house.directory / "second", "fs1", house.files.keys)
    second.start()
    house.gerve("server", "set", "fs1", address_of(house.files), address_of(second))
    try:
        alice = house.person("alice")
        house.gerve("route", "set", alice.login, "fs1")
        repository = house.repository(alice, "twice")
        alice.publish(repository)
        shutil.copytree(repository.disk, second.root / f"{repository.path}.git")
        (repository.disk / "HEAD").write_text("")
        before = alice.git("ls-remote", repository.url).stdout
        alice.git("archive", f"--remote={repository.url}", "--output=all.tar", "HEAD")
        work = alice.clone(repository)
        work.commit("more")
        refused = work.git("push", "origin", "HEAD", exit=128)
        assert "is not answering" in refused.stderr
        house.gerve("repo", "fsck", repository.path, exit=1, says="HEAD is neither a ref nor a commit")
        assert alice.git("ls-remote", repository.url).stdout == before
        assert " what=\"git-receive-pack" not in second.log() and "admin fsck" not in second.log()
    finally:
        second.stop()
        house.gerve("server", "set", "fs1", address_of(house.files))


# ---- the object format, and the default branch


@pytest.mark.parametrize("serving", [True, False])
def test_a_repository_of_sha256_and_its_default_branch(private_sites, serving):
    site = private_sites()
    alice = site.person("alice")
    if not serving:
        site.gateway.stop()
    repository = Repository(alice.login, "long", site.state / "repositories")
    site.gerve("repo", "create", repository.path, "--object-format", "md5", exit=2, says="must be sha1 or sha256")
    site.gerve("repo", "create", repository.path, "--object-format", "sha256")
    if not serving:
        site.start()
    work = alice.at("long")
    alice.git("init", "--quiet", "--object-format=sha256", "long")
    work.commit("first")
    work.git("push", "--quiet", repository.url, "main", "main:trunk")
    copy = alice.clone(repository, into="copy")
    assert len(copy.rev("HEAD")) == 64
    if not serving:
        site.gateway.stop()
    site.gerve("repo", "set-head", repository.path, "refs/heads/trunk", says="is now trunk")
    assert repository.git("symbolic-ref", "HEAD") == "refs/heads/trunk"
    (details,) = [one["details"] for one in events(site, "--event", "admin") if one["command"] == "repo set-head"]
    assert details == {"repo": repository.path, "before": "main", "after": "trunk"}


# ---- checked and measured


@pytest.mark.parametrize("serving", [True, False])
def test_git_checks_what_is_sound_and_what_is_damaged(private_sites, serving):
    site = private_sites()
    alice = site.person("alice")
    sound, damaged = site.repository(alice, "sound"), site.repository(alice, "damaged")
    for repository in (sound, damaged):
        alice.publish(repository)
    (damaged.disk / "refs/heads/broken").write_text("1" * 40 + "\n")
    if not serving:
        site.gateway.stop()
    assert site.gerve("repo", "fsck", sound.path).stdout == f"{sound.path}: sound\n"
    outcome = site.gerve("repo", "fsck", damaged.path, sound.path, exit=1)
    assert f"{damaged.path}: not sound (status " in outcome.stdout
    assert "refs/heads/broken: invalid sha1 pointer" in outcome.stdout
    assert outcome.stdout.endswith(f"{sound.path}: sound\n")
    missing = f"{alice.login}/missing"
    told = site.gerve("repo", "fsck", "--json", damaged.path, missing, sound.path, exit=1)
    bad, gone, good = json.loads(told.stdout)
    assert (good["repository"], good["server"], good["sound"], good["status"]) == (sound.path, "local", True, 0)
    assert not bad["sound"] and bad["status"] != 0 and "refs/heads/broken" in bad["output"]
    assert gone["repository"] == missing and missing in gone["error"] and missing in told.stderr


@pytest.mark.parametrize("serving", [True, False])
def test_what_repositories_take_is_told(private_sites, serving):
    site = private_sites()
    alice = site.person("alice")
    small, large = site.repository(alice, "small"), site.repository(alice, "large")
    (large.disk / "noise").write_bytes(os.urandom(3 << 20))
    if not serving:
        site.gateway.stop()
    sizes = {one["repository"]: one["bytes"] for one in site.gerve_json("repo", "size", small.path, large.path)}
    assert 0 < sizes[small.path] < 1 << 20 and 3 << 20 <= sizes[large.path] < 4 << 20
    table = site.gerve("repo", "size", large.path).stdout.splitlines()
    assert table[1].split() == [large.path, "local", f"{sizes[large.path] / (1 << 20):.1f}", "MiB", str(sizes[large.path]), "-"]
    site.gerve("repo", "size", f"{alice.login}/missing", exit=1, stdout="", says="missing")


# ---- endpoints that take no orders


def test_git_daemons_are_passed_by(house):
    daemon, dead = f"git://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    agent = address_of(house.files)
    try:
        house.gerve("server", "set", "fs1", daemon, agent)
        repository = owned(house)
        assert repository.disk.is_dir()
        house.gerve("server", "set", "fs1", dead, daemon)
        house.gerve("repo", "size", repository.path, exit=1, says=f"cannot reach {dead}: Connection refused")
        house.gerve("server", "set", "fs1", daemon)
        for command in (("size",), ("delete", "-y")):
            house.gerve("repo", command[0], repository.path, *command[1:], exit=1,
                        says=f"add the agent with `gerve server set fs1 HOST:PORT {daemon}`")
    finally:
        house.gerve("server", "set", "fs1", agent)
    assert listed(house, repository) and repository.disk.is_dir()


# ---- no answer


def test_a_creation_without_an_answer_loses_nothing(house, mute):
    owner = house.person("alice")
    house.gerve("route", "set", owner.login, "fs1")
    repository = Repository(owner.login, "cut", house.files.root)
    house.gerve("repo", "create", repository.path, exit=1, says=f"whether {repository.path} was created is unknown")
    assert mute.asked == 1
    assert repository.disk.is_dir()
    assert [one["state"] for one in listed(house, repository)] == ["disabled"]
    house.gerve("server", "set", "fs1", address_of(house.files))
    house.gerve("repo", "size", repository.path)
    house.gerve("repo", "enable", repository.path)
    owner.git("ls-remote", repository.url)


def test_a_deletion_without_an_answer_is_repeated(house, mute):
    house.gerve("server", "set", "fs1", address_of(house.files))
    repository = owned(house)
    house.gerve("server", "set", "fs1", mute.endpoint, address_of(house.files))
    house.gerve("repo", "delete", repository.path, "-y", exit=1, says="whether the file server has deleted it is unknown")
    assert mute.asked == 1 and listed(house, repository)
    house.gerve("server", "set", "fs1", address_of(house.files))
    house.gerve("repo", "delete", repository.path, "-y", says="fs1 does not have")
    assert not listed(house, repository)


def test_a_renaming_without_an_answer_is_finished_by_the_next(house, mute):
    house.gerve("server", "set", "fs1", address_of(house.files))
    repository = owned(house, "before")
    house.gerve("server", "set", "fs1", mute.endpoint, address_of(house.files))
    house.gerve("repo", "rename", repository.path, "after", exit=1, says="whether the file server has renamed it is unknown")
    assert mute.asked == 1 and listed(house, repository)
    house.gerve("server", "set", "fs1", address_of(house.files))
    renamed = Repository(repository.owner, "after", house.files.root)
    house.gerve("repo", "rename", repository.path, "after", exit=1, says=f"`gerve repo enable {renamed.path}`")
    assert renamed.disk.is_dir() and not listed(house, repository)
    assert [one["state"] for one in listed(house, renamed)] == ["disabled"]
    house.gerve("repo", "rename", f"{repository.owner}/nothing", "more", exit=1)


# ---- the first server


def at_a_terminal(site, answer: str, *words: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        ran = subprocess.run([program("gerve"), *site.gateway.options, *words], stdin=theirs, capture_output=True,
                             text=True, timeout=30)
        return ran.returncode, ran.stderr
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_first_server_is_added_knowingly(private_site):
    site = private_site
    for _ in range(2):
        site.repository(site.person("alice"))
    add = ("server", "add", "fs9", "127.0.0.1:9419")
    status, told = at_a_terminal(site, "no\n", *add)
    assert status == 1 and "clients of all 2 accounts, with 2 repositories, are refused" in told
    assert site.gerve_json("server", "list") == []
    status, told = at_a_terminal(site, "fs9\n", *add)
    assert status == 0 and site.entry("fs9", "server", "list")
    status, told = at_a_terminal(site, "", "server", "add", "fs10", "127.0.0.1:9420")
    assert (status, told) == (0, "")


@pytest.mark.parametrize("words", [(), ("-y",)])
def test_without_a_terminal_the_first_server_is_added_with_a_word_about_it(private_site, words):
    private_site.repository(private_site.person("alice"))
    outcome = private_site.gerve("server", "add", "fs9", "127.0.0.1:9419", *words)
    assert "clients of all 1 accounts, with 1 repositories" in outcome.stderr
    assert private_site.entry("fs9", "server", "list")
