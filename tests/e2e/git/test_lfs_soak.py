"""Large objects of Git LFS, either way, several at once: the memory of what carries them."""

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from harness.large_files import PIECE, packet, put_request
from harness.processes import command_line, resident_kib

GB = 1 << 30
PIECES = 8  # written at once


def block_of(number: int) -> bytes:
    return bytes([number]) * PIECE


def name_of(number: int, size: int) -> str:
    block, digest = block_of(number) * 32, hashlib.sha256()
    for _ in range(size // len(block)):
        digest.update(block)
    return digest.hexdigest()


def upload(client, repository, number: int, size: int) -> None:
    session = client.start_ssh(f"git-lfs-transfer {repository.path} upload", stdin=subprocess.PIPE)
    session.process.stdin.write(put_request(name_of(number, size), size))
    block = packet(block_of(number)) * PIECES
    for _ in range(size // PIECE // PIECES):
        session.process.stdin.write(block)
    answer = session.finish(b"0000" + packet(b"quit\n") + b"0000", timeout=600)
    assert answer.stdout.count("status 200") == 3, answer.stdout


def download(client, repository, number: int, size: int) -> None:
    session = client.start_ssh(f"git-lfs-transfer {repository.path} download", stdin=subprocess.PIPE)
    get = packet(f"get-object {name_of(number, size)}\n".encode())
    quit_then = get + b"0000" + packet(b"quit\n") + b"0000"
    session.process.stdin.write(packet(b"version 1\n") + b"0000" + quit_then)
    session.process.stdin.flush()
    got = 0
    while piece := session.process.stdout.read(1 << 20):
        got += len(piece)
    assert got > size
    session.finish(timeout=60)


class Memory:
    """The most that the gateway's processes have had, by what they are, while something ran."""

    def __init__(self, site):
        self.site = site
        self.peak = {}

    def look(self) -> None:
        for pid in self.site.gateway.family():
            try:
                words = command_line(pid)
                what = next((one for one in ("lfs-transfer", "gerve-agent", "worker") if one in str(words)), None)
                if what:
                    self.peak[(what, pid)] = max(self.peak.get((what, pid), 0), resident_kib(pid))
            except (OSError, ValueError):
                continue

    def of(self, what: str) -> list[int]:
        return [kib for (name, _), kib in self.peak.items() if name == what]


def watched(site, *work) -> Memory:
    memory = Memory(site)
    with ThreadPoolExecutor(len(work)) as pool:
        running = [pool.submit(*one) for one in work]
        while wait(running, timeout=0.2).not_done:
            memory.look()
        for one in running:
            one.result()
    return memory


@pytest.mark.soak
@pytest.mark.alone
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sizes", [(4 * GB,), (GB,) * 8], ids=["one of 4 GB", "eight of 1 GB"])
def test_memory_does_not_grow_with_objects(private_site, sizes):
    client, repository = private_site.newcomer()
    idle = Memory(private_site)
    upload(client, repository, 99, 1 << 20)
    idle.look()
    for carry in (upload, download):
        memory = watched(private_site, *((carry, client, repository, n, size) for n, size in enumerate(sizes)))
        bound = 8 * 1024 * len(sizes)
        assert memory.of("lfs-transfer"), memory.peak
        own = max(memory.of("lfs-transfer"))
        assert own < 24 * 1024, f"{carry.__name__}: a session has {own} KiB, most of it the program itself"
        for what in ("worker", "gerve-agent"):
            grown = max(memory.of(what)) - max(idle.of(what))
            print(f"{carry.__name__}: {what} grew by {grown} KiB; the largest session had {own} KiB")
            assert grown < bound, f"{carry.__name__}: {what} grew by {grown} KiB"
