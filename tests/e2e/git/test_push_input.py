"""Input of git-receive-pack as no git writes it: git's answer comes through byte for byte, and the trail tells the truth.

Each input also goes to a git receive-pack on a copy of the repository, without Gerve.
"""

import os
import random
import shutil
import subprocess

import pytest

from harness.outcome import NONZERO
from harness.push_book import NONE, Book, refs

EMPTY_PACK = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")
CAPABILITIES = [b" report-status", b" report-status-v2 side-band-64k", b"report-status side-band-64k atomic quiet", b"",
                b" side-band-64k=1\treport-status", b" report-status\n", b" report-status\0side-band-64k",
                b" report-status-v2 side-band-64k push-options", b" side-band-64kx report-statusy"]
NAMES = [b"refs/heads/main", b"refs/heads/other", b"refs/heads/new", b"refs/tags/v1", b"refs/heads/a b", b"HEAD",
         b"refs/heads/x\n2026-11-29 info [1] worker: session repo=a/b", "refs/heads/é".encode(), b"refs/heads/..", b"nothing",
         b"refs/heads/main/below", b"refs/heads/" + b"long" * 100, b"refs/heads/other.lock", b"refs/heads/\x1b[31mred"]


def packet(payload: bytes) -> bytes:
    return b"%04x" % (len(payload) + 4) + payload


class Inputs:
    """The same ones in every run."""

    def __init__(self, commits: list[str]):
        self.random = random.Random(18)
        self.ids = [commit.encode() for commit in commits] + [NONE.encode()]

    def id(self) -> bytes:
        one = self.random.choice(self.ids)
        return self.random.choice([one, one, one, one.upper(), b"1" * 40])

    def command(self, now: dict[str, str]) -> bytes:
        name = self.random.choice(NAMES)
        true_old = now.get(name.decode(errors="replace"), NONE).encode()
        old = self.random.choice([true_old, true_old, true_old, self.id()])
        return b" ".join([old, self.id(), name])

    def certificate(self, commands: list[bytes]) -> bytes:
        text = b"certificate version 0.1\npusher a 1 +0000\n\n" + b"".join(command + b"\n" for command in commands)
        text += self.random.choice([b"", b"-----BEGIN PGP SIGNATURE-----\nx\n", b"-----BEGIN SSH SIGNATURE-----\n"])
        pieces = []
        while text:
            size = self.random.choice([1, 7, 40, 1000])
            pieces.append(packet(text[:size]))
            text = text[size:]
        head = b"push-cert\0" + self.random.choice(CAPABILITIES)
        return packet(head) + b"".join(pieces) + packet(b"push-cert-end\n")

    def next(self, now: dict[str, str]) -> bytes:
        commands = [self.command(now) for _ in range(self.random.randint(0, 4))]
        if self.random.random() < 0.25:
            text = self.certificate(commands)
        else:
            text = b"".join(packet(one + (b"\0" + self.random.choice(CAPABILITIES) if at == 0 else b"") +
                                   self.random.choice([b"", b"\n"])) for at, one in enumerate(commands))
        if self.random.random() < 0.1:
            text = packet(b"shallow " + self.id()) + text
        text += b"0000"
        if self.random.random() < 0.2:
            text += packet(b"an-option") + b"0000"
        text += EMPTY_PACK
        if self.random.random() < 0.15:
            text = text[: self.random.randint(0, len(text))]
        if self.random.random() < 0.1:
            at = self.random.randint(0, len(text))
            text = text[:at] + self.random.choice([b"\0", b"0001", b"0004", b"fff0", b"0003", b"zzzz"]) + text[at:]
        return text


def plain_answer(disk, before, text: bytes) -> bytes:
    """Of a repository in the same place, as it was before the push: what git says may have its path in it."""
    aside = disk.with_name("aside.git")
    disk.rename(aside)
    shutil.copytree(before, disk)
    # The agent has one in front of the repository's own. With one, git verifies certificates, and dies of those that have
    # no signature.
    hook = disk / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncat >/dev/null\n")
    hook.chmod(0o755)
    try:
        return ask_git(disk, text)
    finally:
        shutil.rmtree(disk)
        aside.rename(disk)


def ask_git(disk, text: bytes) -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "GIT_CONFIG_COUNT": "2",
                   "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                   "GIT_CONFIG_KEY_1": "transfer.hideRefs", "GIT_CONFIG_VALUE_1": "refs/gerve"}
    return subprocess.run(["git", "receive-pack", disk], input=text, capture_output=True, env=environment).stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_odd_pushes(site, alice, project, workspace):
    work = alice.clone(project, into="work")
    commits = [project.rev("main"), work.commit("one")]
    work.git("push", "--quiet", "origin", "main", "main:other")
    work.git("tag", "v1")
    work.git("push", "--quiet", "--tags")
    project.configure("receive.advertisePushOptions", "true")
    project.configure("receive.denyDeleteCurrent", "ignore")
    project.configure("gc.auto", "0")
    book, inputs = Book(site, project), Inputs(commits)
    copy = workspace / "plain.git"
    taken, quiet_to = 0, len(site.gateway.log())
    for number in range(200):
        text = inputs.next(refs(project))
        shutil.copytree(project.disk, copy)
        answers = []

        def push():
            answers.append(alice.run(*alice.ssh_argv(f"git-receive-pack '{project.path}.git'"), input=text,
                                     exit=(0, *NONZERO)).stdout_bytes)

        try:
            told = book.after(push, settled=None)
        except AssertionError as error:
            raise AssertionError(f"push {number}: {text!r}\n{error}") from None
        assert answers[0] == plain_answer(project.disk, copy, text), (number, text)
        taken += told.session["refs_taken"]
        shutil.rmtree(copy)
    assert taken > 30  # it is not all refused
    lines = site.gateway.log()[quiet_to:].splitlines()
    odd = [line for line in lines if not line.startswith("20") or not line.isprintable()]
    assert not odd and len(lines) >= 800
    site.gerve("audit", "verify")
