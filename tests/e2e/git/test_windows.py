"""Flow control of RFC 4254 section 5.2, as clients of every kind do it and as none should."""

import hashlib
import os
import struct
import time
import zlib

import pytest

from harness.messages import greeting
from harness.processes import resident_kib
from harness.programs import sanitized
from harness.rawssh import CHANNEL_OPEN, CHANNEL_WINDOW_ADJUST, SILENCE, Answer, RawClient

pytestmark = pytest.mark.gateway_only("sshd has a flow control of its own")


@pytest.fixture(scope="module")
def bulky(site):
    owner = site.person("owner")
    repository = site.repository(owner, "bulky")
    work = owner.publish(repository)
    work.commit("noise", os.urandom(1_500_000))
    work.git("push", "--quiet")
    return repository


SSH_MSG_IGNORE = 2
FIRST_WINDOW, LARGEST_WINDOW = 2 << 20, 8 << 20  # bytes that a client may send ahead


def pkt(text: str) -> bytes:
    return b"%04x%s" % (len(text) + 4, text.encode())


def push_of(blob: bytes) -> tuple[bytes, str]:
    """What a client sends to git-receive-pack to make a tag of `blob`, and the blob's name."""
    name = hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()
    size, first = len(blob) >> 4, 0x30 | (len(blob) & 0xF)
    header = [first]
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    pack = b"PACK" + struct.pack(">II", 2, 1) + bytes(header) + zlib.compress(blob, 0)
    command = pkt(f"{'0' * 40} {name} refs/tags/noise\0report-status") + b"0000"
    return command + pack + hashlib.sha1(pack).digest(), name


def send_in_windows(client, channel, content: bytes) -> list[int]:
    """Sends as much as it may and then waits until nothing more is granted, as a client at the end of a long line sees it.
    The grants, one for each wait."""
    granted = [channel.granted]
    left, at = channel.granted, 0
    while at < len(content):
        if left == 0:
            while not isinstance(got := client.receive(0.3 if left else 10), str):
                if got[0] == CHANNEL_WINDOW_ADJUST:
                    _, more = got[1].get_int(), got[1].get_int()
                    left += more
            assert got == SILENCE and left > 0
            granted.append(left)
        piece = content[at:at + min(left, 32768)]
        channel.data(piece)
        at, left = at + len(piece), left - len(piece)
    return granted


def archive(client, path, window, packet, refill) -> Answer:
    """Takes an archive through a window that is opened again by what `refill(left, window)` says."""
    channel = client.open_session(window, packet)
    channel.request("exec", True, f"git-upload-archive '{path}'")
    channel.data(pkt("argument --format=tar\n") + pkt("argument HEAD\n") + b"0000")
    answer, left = Answer(), window
    while not answer.is_over():
        got = client.receive(10)
        before = len(answer.stdout) + len(answer.stderr)
        if isinstance(got, str):
            answer.note(got)
        else:
            channel.take(answer, *got)
        left -= len(answer.stdout) + len(answer.stderr) - before
        assert left >= 0, "more than the window"
        if (more := refill(left, window)) > 0:
            client.send(CHANNEL_WINDOW_ADJUST, channel.peer, more)
            left += more
    return answer


REFILLS = {
    "at-once": lambda left, window: window - left,
    "below-half": lambda left, window: window - left if left < window // 2 else 0,
    "below-an-eighth": lambda left, window: window - left if left < window // 8 else 0,
    "below-a-packet": lambda left, window: window - left if left < min(window, 32768) else 0,
    "when-it-is-used-up": lambda left, window: window if left == 0 else 0,
    "in-drops": lambda left, window: 3000 if left < 3000 else 0,
}


@pytest.mark.parametrize("window, packet", [(3000, 1000), (32768, 32768), (1 << 20, 16384), (2 << 20, 32768)])
@pytest.mark.parametrize("refill", REFILLS.values(), ids=REFILLS)
def test_every_way_to_refill_a_window_gets_every_byte(door, alice, bulky, refill, window, packet):
    with RawClient(door) as client:
        answer = archive(client.log_in(alice.key), bulky.path, window, packet, refill)
    assert (answer.exit, answer.events[-1]) == (0, "close"), answer.events
    assert answer.stdout.endswith(b"0000")
    assert len(answer.stdout) > 1 << 20


def push(client, owner, path, content: bytes) -> list[int]:
    channel = client.log_in(owner.key).open_session()
    channel.request("exec", True, f"git-receive-pack '{path}'")
    channel.read_some()
    granted = send_in_windows(client, channel, content)
    channel.eof()
    answer = channel.read_to_the_end()
    assert (answer.exit, answer.events[-1]) == (0, "close"), answer.events
    assert b"ok refs/tags/noise" in answer.stdout
    return granted


def test_the_receive_window_grows_for_a_client_that_is_waited_for(site, door):
    owner = site.person("owner")
    repository = site.repository(owner)
    content, name = push_of(os.urandom(40 << 20))
    with RawClient(door) as client:
        granted = push(client, owner, repository.path, content)
    assert granted[0] <= FIRST_WINDOW and max(granted[1:3]) <= FIRST_WINDOW, granted
    assert LARGEST_WINDOW // 8 * 7 < max(granted) <= LARGEST_WINDOW, granted
    assert repository.rev("noise") == name


def test_more_than_the_window_is_cut(site, door):
    owner = site.person("owner")
    repository = site.repository(owner)
    with RawClient(door) as client:
        channel = client.log_in(owner.key).open_session()
        channel.request("exec", True, f"git-receive-pack '{repository.path}'")
        channel.read_some()
        for _ in range(2 * LARGEST_WINDOW // 32768):  # git has read its commands, and nothing opens the window again
            channel.data(b"0000".ljust(32768, b"x"))
        assert client.is_cut()
        assert "more data than the channel window allows" in client.disconnect_text


@pytest.mark.parametrize("packet", [1, 9, 10, 11, 64])
def test_a_client_that_wants_tiny_packets_is_cut_and_harms_nobody(door, alice, bob, packet):
    """libssh divides what it writes by the client's maximum less ten, and would never end."""
    with RawClient(door) as client:
        channel = client.log_in(alice.key).open_session(packet=packet)
        channel.request("shell", True)
        assert not channel.read_some().stderr
        assert client.is_cut(5)
    with RawClient(door) as client:
        assert client.log_in(bob.key).whoami() == greeting(bob.login)


def test_channels_that_open_while_another_closes_harm_nobody(site, door, alice):
    """Freeing a channel makes libssh write, and read what came meanwhile."""
    workers = sorted(site.gateway.workers())
    for _ in range(5):
        with RawClient(door) as client:
            client.log_in(alice.key).open_session().close()
            for _ in range(70):  # more than one turn of the event loop reads
                client.send(SSH_MSG_IGNORE, b"x" * 4000)
            for number in range(1, 12):
                client.send(CHANNEL_OPEN, "session", number, 0x7FFFFFFF, 32768)
            assert client.receive() != SILENCE
    with RawClient(door) as client:
        assert client.log_in(alice.key).whoami() == greeting(alice.login)
    assert sorted(site.gateway.workers()) == workers


def test_a_client_that_goes_right_behind_a_drop_of_window_harms_nobody(site, door, alice, bulky):
    """The worker waits a moment for more of the window: for longer than the connection lasts."""
    workers = sorted(site.gateway.workers())
    for _ in range(20):
        with RawClient(door) as client:
            channel = client.log_in(alice.key).open_session(100_000)
            channel.request("exec", True, f"git-upload-archive '{bulky.path}'")
            channel.data(pkt("argument --format=tar\n") + pkt("argument HEAD\n") + b"0000")
            answer = Answer()
            while len(answer.stdout) + len(answer.stderr) < 100_000:
                channel.take(answer, *client.receive(10))
            client.send(CHANNEL_WINDOW_ADJUST, channel.peer, 1000)
            channel.close()
    with RawClient(door) as client:
        assert client.log_in(alice.key).whoami() == greeting(alice.login)
    assert sorted(site.gateway.workers()) == workers


@pytest.fixture(scope="module")
def immense(site):
    """More than all buffers on the way hold."""
    owner = site.person("owner")
    repository = site.repository(owner, "immense")
    work = owner.publish(repository)
    work.git("config", "core.compression", "0")
    work.commit("noise", os.urandom(24 << 20))
    work.git("push", "--quiet")
    return repository


def test_a_channel_that_is_closed_while_nothing_is_read_is_closed_by_both(door, alice, immense):
    """RFC 4254 section 5.3: CLOSE is answered by CLOSE, however much is on its way."""
    with RawClient(door) as client:
        channel = client.log_in(alice.key).open_session()
        channel.request("exec", True, f"git-upload-archive '{immense.path}'")
        channel.data(pkt("argument --format=tar\n") + pkt("argument HEAD\n") + b"0000")
        client.stop_reading()
        time.sleep(2)
        channel.close()
        time.sleep(0.5)
        client.read_on()
        answer = channel.read_to_the_end(10)
        assert answer.events[-1] == "close", answer.events
        assert len(answer.stdout) < 24 << 20
        assert client.whoami() == greeting(alice.login)


@pytest.mark.slow
def test_a_client_that_leaves_new_keys_unanswered_costs_little(rekeying_site):
    """It opened a window for two gigabytes, and is sent nothing more until it has agreed to new keys."""
    site, alice = rekeying_site, rekeying_site.person("alice")
    repository = site.repository(alice)
    work = alice.publish(repository)
    work.commit("noise", os.urandom(96 << 20))
    work.git("push", "--quiet")

    with RawClient(site.door()) as client:
        channel = client.log_in(alice.key).open_session()
        client.leave_new_keys_unanswered()
        before = sum(map(resident_kib, site.gateway.workers()))
        channel.request("exec", True, f"git-upload-archive '{repository.path}'")
        channel.data(pkt("argument --format=tar\n") + pkt("argument HEAD\n") + b"0000")
        answer = channel.read_to_the_end(5, close=False)
        assert 6 << 20 < len(answer.stdout) < 10 << 20, "it was asked for new keys"
        if not sanitized():  # which keeps what was freed
            assert sum(map(resident_kib, site.gateway.workers())) - before < 12 << 10
    assert greeting(alice.login) in alice.ssh("-T", exit=1).stderr
