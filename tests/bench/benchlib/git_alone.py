"""What git itself costs: the same upload-pack conversation over a pipe, with no front door at all."""

import os
import shutil

GIT = shutil.which("git") or "/usr/bin/git"


def session_cpu_ms(workspace, repository_path, protocol, sessions):
    """CPU milliseconds of one `git upload-pack` that advertises, answers like an ls-remote, and ends.

    protocol 0: what the light client says (advertisement, flush). protocol 2: what `git ls-remote` says.
    wait4(2) tells the CPU time of the child exactly; only its split into user and system is by ticks.
    """
    environment = workspace.git_environment()
    if protocol == 2:
        environment["GIT_PROTOCOL"] = "version=2"
    total = sum(_one_session(repository_path, environment, protocol) for _ in range(sessions))
    return total / sessions * 1000


def _one_session(path, environment, protocol):
    to_git, from_us = os.pipe()
    to_us, from_git = os.pipe()
    child = os.posix_spawn(GIT, ["git", "upload-pack", path], environment, file_actions=[
        (os.POSIX_SPAWN_DUP2, to_git, 0), (os.POSIX_SPAWN_DUP2, from_git, 1)])
    os.close(to_git)
    os.close(from_git)
    with os.fdopen(to_us, "rb") as answers, os.fdopen(from_us, "wb", buffering=0) as requests:
        read_to_flush(answers)
        if protocol == 2:
            requests.write(ls_refs_request())
            read_to_flush(answers)
        requests.write(b"0000")
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"git upload-pack over a pipe ended with {status}")
    return usage.ru_utime + usage.ru_stime


def read_to_flush(stream):
    """Reads pkt-lines up to and including a flush-pkt (gitprotocol-common)."""
    while True:
        length = int(stream.read(4), 16)
        if length == 0:
            return
        stream.read(length - 4)


def ls_refs_request():
    """As git 2.39 sends it (gitprotocol-v2, ls-refs)."""
    head = [b"command=ls-refs\n", b"agent=git/2.39.5", b"object-format=sha1"]
    return b"".join(map(pkt_line, head)) + b"0001" + pkt_line(b"peel\n") + pkt_line(b"symrefs\n") + b"0000"


def pkt_line(payload):
    return b"%04x%s" % (len(payload) + 4, payload)
