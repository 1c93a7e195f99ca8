"""Processes seen through /proc, and waiting for something to become true."""

import itertools
import os
import random
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path


def wait_until(condition, what: str, timeout: float = 10.0, every: float = 0.02):
    """Polls condition until it is true and returns what it returned; AssertionError after timeout seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"after {timeout} s still not: {what}"
        time.sleep(every)
    return result


@contextmanager
def stopped(*pids: int):
    """These processes hang meanwhile, as on a machine that swaps."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGCONT)


def _ports():
    """In turn, so that none comes twice before it is in use; no two processes of pytest share any."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    first, count = 20000 + 3000 * process, 3000
    start = random.randrange(count)
    yield from (first + (start + turn) % count for turn in itertools.count())


_next_ports = _ports()


def free_port() -> int:
    """A free TCP port of the loopback, below the range that the kernel gives to clients."""
    while True:
        port = next(_next_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def command_line(pid: int) -> list[str]:
    """argv of a process; empty when it has ended or is a zombie."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
    return [word.decode(errors="backslashreplace") for word in words[:-1]]


def is_git(words: list[str]) -> bool:
    """Whether a command line is one of git's."""
    return bool(words) and Path(words[0]).name.startswith("git")


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third, `state`, on; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[1]) if fields else 0


def is_alive(pid: int) -> bool:
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def session_members(session: int) -> list[int]:
    """Living processes of a session (setsid); a zombie that somebody forgot to reap counts as living."""
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_fields(int(entry))
            if fields and int(fields[3]) == session:
                members.append(int(entry))
    return members


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def descendants(pid: int) -> list[int]:
    """A process and all that descend from it, itself first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            children.setdefault(parent_of(int(entry)), []).append(int(entry))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def socket_inodes(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    inodes = set()
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{entry}")
            if target.startswith("socket:["):
                inodes.add(target[len("socket:[") : -1])
    except OSError:
        pass  # the process, or one of its files, is gone
    return inodes


def tcp_connections() -> list[tuple[int, int, str]]:
    """The TCP connections over IPv4: port here, port there, inode of the socket."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
        found.append((here, there, fields[9]))
    return found


def connections_to(pid: int, server_port: int) -> list[int]:
    """The local ports of a process's connections to a port."""
    own = socket_inodes(pid)
    return [here for here, there, inode in tcp_connections() if there == server_port and inode in own]
