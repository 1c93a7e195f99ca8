"""Routes to a stock git daemon: fetches go there as they would to an agent, and nothing else does."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from harness.gitdaemon import GitDaemon
from harness.messages import NOT_FOUND
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.production import Production

NOISE = 24 << 20  # bytes that are under way: more than all buffers between hold


@pytest.fixture(scope="module")
def house(workspace):
    """A site with an agent, and a git daemon that mirrors some of it."""
    directory = Path(tempfile.mkdtemp(prefix="daemon-", dir=workspace))
    site = Production(directory)
    daemon = GitDaemon(directory)
    try:
        site.start()
        site.daemon = daemon.start()
        site.gerve("server", "add", "mirror", daemon.endpoint)
        yield site
        site.stop()
    finally:
        daemon.kill()
        site.gateway.kill()
        site.files.kill()


def mirrored(house, name="project", private=False, commits=3, noise=0):
    """Somebody with a repository that was made by way of the agent, and is now served by the daemon alone."""
    owner = house.person("alice")
    repository = house.repository(owner, name, private)
    work = owner.publish(repository, commits)
    if noise:
        work.git("config", "core.compression", "0")
        work.commit("noise", os.urandom(noise))
        work.git("push", "--quiet")
    house.daemon.take(repository.disk, repository.path)
    house.gerve("route", "set", owner.login, "mirror")
    wait_until(lambda: "mirror" in house.gerve("route", "get", owner.login).stdout, "the route is the daemon's")
    return owner, repository, work


@pytest.mark.parametrize("version", [0, 1, 2])
def test_fetches_of_every_protocol_version(house, version):
    owner, repository, work = mirrored(house)
    git = owner.with_env(GIT_TRACE_PACKET="1")
    listed = git.git("-c", f"protocol.version={version}", "ls-remote", repository.url)
    assert work.rev("HEAD") in listed.stdout
    assert ("version 1" in listed.stderr, "version 2" in listed.stderr) == (version == 1, version == 2)
    clone = owner.clone(repository, "-c", f"protocol.version={version}", into=f"clone-{version}")
    assert clone.rev("main") == work.rev("HEAD")
    shallow = owner.clone(repository, "-c", f"protocol.version={version}", "--depth=1", into=f"shallow-{version}")
    assert shallow.git("rev-list", "--count", "HEAD").stdout == "1\n"
    shallow.git("-c", f"protocol.version={version}", "fetch", "--quiet", "--unshallow")
    assert shallow.git("rev-list", "--count", "HEAD").stdout == "3\n"
    clone.git("-c", f"protocol.version={version}", "fetch", "--quiet")  # nothing new
    wait_until(lambda: f"Request upload-pack for '/{repository.path}.git'" in house.daemon.log(), "the daemon was asked")


def test_a_client_that_only_looks_is_told_success(house):
    """No exit status comes from a daemon: a stream that ends where git may end is one."""
    owner, repository, _ = mirrored(house)
    owner.ssh(f"git-upload-pack '{repository.path}'", input=b"0000", exit=0)
    missing = owner.ssh(f"git-upload-pack '{repository.path}'", input=b"0032want 0123456789012345678901234567890123456789\n",
                        exit=128, says="not our ref")
    assert "The connection to the file server was lost." in missing.stderr


def test_what_is_no_fetch_is_refused_and_told_what_to_do(house):
    owner, repository, work = mirrored(house)
    told = (f"ERROR: {repository.path} can only be fetched: its file server is a git daemon. To push or archive, ask "
            "the operator to put an agent (gerve-agent) there.")
    work.commit("more", "more\n")
    work.git("push", exit=NONZERO, says=told)
    owner.git("archive", f"--remote={repository.url}", "main", exit=NONZERO, says=told)
    for word in ("upload", "download"):  # whatever git-lfs asks for
        answer = owner.ssh(f"git-lfs-transfer {repository.path} {word}", exit=127)
        assert answer.stderr.startswith("git-lfs-transfer: not found\nERROR: ") and "does not serve Git LFS" in answer.stderr
    stranger = house.person("stranger")
    stranger.ssh(f"git-receive-pack '{repository.path}'", exit=1, silent_about="daemon")
    denied = [line for line in house.gateway.log().splitlines() if " because=fetch-only-server " in line]
    assert len(denied) == 4
    explained = house.gerve("explain", owner.login, f"git-receive-pack '{repository.path}'", exit=1)
    assert "fetch-only-server" in explained.stdout


def test_rights_are_the_gateways(house):
    owner, repository, _ = mirrored(house, "secret", private=True)
    stranger = house.person("stranger")
    stranger.ssh(f"git-upload-pack '{repository.path}'", exit=1, stderr=f"{NOT_FOUND}", stdout="")
    owner.clone(repository, into="mine")


def test_what_the_daemon_does_not_have(house):
    owner, repository, _ = mirrored(house)
    (house.daemon.root / f"{repository.path}.git").rename(house.daemon.root / "elsewhere.git")
    owner.ssh(f"git-upload-pack '{repository.path}'", exit=75, says="is not answering")
    wait_until(lambda: "ERR access denied or repository not exported" in house.gateway.log(), "it is logged")


def test_a_daemon_that_dies_in_the_middle_is_a_failure(house):
    owner, repository, _ = mirrored(house, "bulky", noise=NOISE)
    clone = owner.start("git", "clone", "--quiet", "--bare", repository.url, "cut")
    packs = owner.home / "cut/objects/pack"
    wait_until(lambda: packs.is_dir() and any(file.stat().st_size for file in packs.iterdir()), "it receives")
    house.daemon.kill()
    clone.finish(exit=NONZERO)
    house.daemon.start()
    wait_until(lambda: " ended=upstream-lost" in house.gateway.log(), "it is logged")
    owner.clone(repository, into="whole")


def test_a_daemon_that_hangs_is_left_alone_for_one_that_does_not(house):
    """The kernel takes connections for it: only an answer shows that it serves."""
    hung = GitDaemon(house.directory / "hung").start()
    try:
        house.gerve("server", "add", "pair", hung.endpoint, house.daemon.endpoint)
        owner, repository, work = mirrored(house)
        house.gerve("route", "set", owner.login, "pair")
        os.killpg(hung.process.pid, signal.SIGSTOP)
        listed = [owner.git("ls-remote", repository.url) for _ in range(8)]
        assert all(work.rev("HEAD") in one.stdout for one in listed)
        slow = [one.seconds for one in listed if one.seconds > 4]
        assert 1 <= len(slow) <= len(house.gateway.workers()), "each worker meets it once"
        assert max(slow) < 12, "answer_timeout was waited for"
        assert house.metrics.value("gerve_endpoint_up", endpoint=hung.endpoint) == 0
        os.killpg(hung.process.pid, signal.SIGCONT)
        wait_until(lambda: house.metrics.value("gerve_endpoint_up", endpoint=hung.endpoint) == 1, "it serves again",
                   timeout=40)
    finally:
        hung.kill()


def test_a_daemon_beside_an_agent_serves_when_the_agent_does_not(house):
    """Endpoints of one server: the agent first, a mirror by git daemon behind it."""
    agent = f"127.0.0.1:{house.files.address[1]}"
    house.gerve("server", "add", "both", agent, house.daemon.endpoint)
    owner = house.person("alice")
    repository = house.repository(owner)
    work = owner.publish(repository)
    house.daemon.take(repository.disk, repository.path)
    house.gerve("route", "set", owner.login, "both")
    house.files.standby.touch()
    try:
        assert work.rev("HEAD") in owner.git("ls-remote", repository.url).stdout
        work.commit("more", "more\n")
        work.git("push", exit=NONZERO, says="is not answering")
    finally:
        house.files.standby.unlink()
