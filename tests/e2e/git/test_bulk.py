"""Much at once: a gigabyte each way across changes of the keys, and two hundred clones side by side."""

import hashlib
import os
import re

import pytest

from harness.processes import open_files, wait_until

GIGABYTE = 1 << 30
REKEYS = re.compile(r"SSH2_MSG_NEWKEYS received")


def write_noise(file, size: int) -> str:
    """Writes bytes that do not compress; their SHA-256. They are the same in every run."""
    digest = hashlib.sha256()
    block = hashlib.shake_256(b"noise").digest(1 << 20)
    with file.open("wb") as out:
        for number in range(size >> 20):
            piece = bytes([number & 255, number >> 8]) + block[2:]
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


@pytest.fixture
def noisy(alice):
    """A bare repository of alice's own with a gigabyte in one file, made without a work tree."""
    alice.git("init", "--quiet", "--bare", "noisy.git")
    work = alice.at("noisy.git")
    for setting in ("core.compression=0", "pack.compression=0", "core.bigFileThreshold=1m"):
        work.git("config", *setting.split("="))
    noise = work.cwd / "noise"
    write_noise(noise, GIGABYTE)
    blob = work.git("hash-object", "-w", "--stdin-paths", input=b"noise\n").stdout.strip()
    noise.unlink()
    tree = work.git("mktree", input=f"100644 blob {blob}\tnoise\n".encode()).stdout.strip()
    commit = work.git("commit-tree", "-m", "Noise", tree).stdout.strip()
    work.git("update-ref", "refs/heads/main", commit)
    return work


@pytest.mark.alone
@pytest.mark.slow
def test_a_gigabyte_each_way_with_new_keys_on_the_way(alice, empty, noisy):
    log = alice.home / "ssh.log"
    rekeying = ("-v", "-E", str(log), "-o", "RekeyLimit=100M")

    noisy.with_ssh_options(*rekeying).git("push", "--quiet", empty.url, "main", timeout=150)
    assert empty.rev("main") == noisy.rev("main")
    assert len(REKEYS.findall(log.read_text())) > 9, "the keys did not change often enough during the push"

    log.unlink()
    alice.with_ssh_options(*rekeying).git("clone", "--quiet", "--bare", empty.url, "copy.git", timeout=150)
    assert len(REKEYS.findall(log.read_text())) > 9, "the keys did not change often enough during the clone"
    # Every byte: git names an object by the hash of its content, and fsck computes it again.
    alice.at("copy.git").git("fsck", "--full")
    assert alice.at("copy.git").rev("main") == noisy.rev("main")


@pytest.mark.slow
def test_new_keys_at_the_wish_of_the_server(rekeying_site):
    alice = rekeying_site.person("alice")
    repository = rekeying_site.repository(alice)
    work = alice.publish(repository)
    work.commit("noise", os.urandom(64 << 20))
    log = alice.home / "ssh.log"
    work.with_ssh_options("-v", "-E", str(log)).git("push", "--quiet")
    assert len(REKEYS.findall(log.read_text())) > 4, "no new keys during the push"
    log.unlink()
    alice.with_ssh_options("-v", "-E", str(log)).git("clone", "--quiet", repository.url, "copy")
    assert len(REKEYS.findall(log.read_text())) > 4, "no new keys during the clone"
    alice.at("copy").git("fsck", "--full")


@pytest.mark.alone
@pytest.mark.slow
def test_two_hundred_clones_at_once(private_site):
    alice = private_site.person("alice")
    repository = private_site.repository(alice)
    alice.publish(repository, commits=3)
    before = _open_files(private_site)
    clones = [alice.start("git", "clone", "--quiet", repository.url, f"copy-{n}") for n in range(200)]
    outcomes = [clone.finish(timeout=170, exit=range(256)) for clone in clones]
    failed = [outcome.transcript() for outcome in outcomes if outcome.exit != 0]
    assert not failed, f"{len(failed)} of 200 failed, the first:\n{failed[0]}"
    head = repository.rev("main")
    assert all(alice.at(f"copy-{n}").rev("HEAD") == head for n in range(0, 200, 20))
    wait_until(lambda: private_site.gateway.git_processes() == [], "no git is left")
    # A worker opens its line to authz with its first session, and one to tell of live ones with the first slow one.
    lines = 2 * len(private_site.gateway.workers())
    wait_until(lambda: _open_files(private_site) <= before + lines, "no file is left open")


@pytest.mark.alone
@pytest.mark.slow
def test_forty_pushes_to_forty_repositories_at_once(private_site):
    alice = private_site.person("alice")
    works = []
    for number in range(40):
        repository = private_site.repository(alice, f"project-{number}")
        work = alice.publish(repository)
        works.append((repository, work, work.commit("more", f"{number}\n")))
    for push in [work.start("git", "push", "--quiet") for _, work, _ in works]:
        push.finish()
    assert [repository.rev("main") for repository, _, _ in works] == [head for _, _, head in works]


def _open_files(site) -> int:
    gateway = site.gateway
    return sum(open_files(pid) for pid in (*gateway.workers(), gateway.agent(), gateway.pid))
