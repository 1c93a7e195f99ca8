"""How often a login has to cross a long line: no more often than with a stock sshd, and less often where it can be."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.long_line import LongLine
from harness.messages import greeting
from harness.plainssh import DISCONNECT, KEXINIT, PlainClient
from harness.sshd import why_not

CROSSING = 0.25  # seconds; more than an end takes to answer
ATTEMPTS = 5


def crossings(client, repository, early: bool) -> int:
    """How many crossings, one after the other, it takes until git's first byte has arrived."""
    with LongLine(client.door.port, CROSSING, early) as line:
        far = client.through(dataclasses.replace(client.door, port=line.port))
        running = far.start_ssh("-o", "KexAlgorithms=curve25519-sha256", f"git-upload-pack '{repository.path}'")
        assert running.process.stdout.read(4) != b""
        counted = line.crossings()
        running.kill()
    return counted


def test_a_login_crosses_the_line_as_often_as_with_sshd_or_once_less(site, open_door):
    if why_not():
        pytest.skip(why_not())
    owner = site.person("owner")
    repository = site.repository(owner, "far")
    owner.publish(repository)
    behind_sshd = owner.through(open_door("sshd"))
    # TCP lets the server see the connection together with the client's version. What opens the connection for a
    # client, such as a jump host, lets the server see it earlier.
    lines = [(client, early) for client in (owner, behind_sshd) for early in (False, True)]
    counts: list[list[int]] = [[] for _ in lines]
    for _ in range(ATTEMPTS):
        with ThreadPoolExecutor(len(lines)) as pool:
            for seen, counted in zip(counts, pool.map(lambda line: crossings(line[0], repository, line[1]), lines)):
                seen.append(counted)
        late, early, sshd_late, sshd_early = map(min, counts)
        # An end that answers late adds crossings: the least count holds once it was seen again.
        if all(seen.count(min(seen)) > 1 for seen in counts) and (late, early) == (sshd_late, sshd_early - 1):
            break
    assert (late, early) == (sshd_late, sshd_early - 1)


@pytest.mark.gateway_only("sshd waits for the client's version")
def test_the_first_kexinit_comes_before_the_client_has_said_anything(alice):
    with PlainClient(alice.door, version=b"") as client:
        assert client.read_version().startswith(b"SSH-2.0-Gerve_")
        number, lists = client.read_packet()
        assert number == KEXINIT and b"kex-strict-s-v00@openssh.com" in lists
        # It came once: the next packet answers the one that is wrong.
        client.socket.sendall(b"SSH-2.0-late\r\n")
        client.send_kexinit("no-such-exchange")
        number, told = client.read_packet()
        assert number == DISCONNECT and b"No common key exchange method." in told
    alice.ssh(exit=1, stderr=greeting(alice.login))
