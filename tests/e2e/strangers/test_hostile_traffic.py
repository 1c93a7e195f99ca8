"""Clients that have logged in: what they may send, in pieces of any size, and what they may not."""

import os

import pytest
from paramiko.message import Message

from harness.audit import events
from harness.processes import resident_kib, wait_until
from harness.programs import sanitized
from harness.push_book import NONE, refs
from harness.rawssh import (
    CHANNEL_CLOSE,
    CHANNEL_DATA,
    CHANNEL_EOF,
    CHANNEL_EXTENDED_DATA,
    CHANNEL_WINDOW_ADJUST,
    CUT,
    DISCONNECT,
    IGNORE,
    SILENCE,
    Answer,
    RawClient,
    encode,
)

pytestmark = pytest.mark.gateway_only("sshd has a flow control of its own")


@pytest.fixture(scope="module")
def project(site):
    owner = site.person("owner")
    repository = site.repository(owner, "lines")
    owner.publish(repository, commits=3)
    return repository


@pytest.fixture
def logged_in(door, alice):
    with RawClient(door) as client:
        yield client.log_in(alice.key)


def pkt(line: str) -> bytes:
    return b"%04x%s" % (len(line) + 4, line.encode())


def in_one_piece(client: RawClient, messages) -> None:
    """Sends several messages by one write to the socket: each as Message, or as number and fields."""
    gathered = bytearray()
    write_all = client.packetizer.write_all
    client.packetizer.write_all = gathered.extend
    try:
        for message in messages:
            client.send_message(message if isinstance(message, Message) else encode(*message))
    finally:
        client.packetizer.write_all = write_all
    client.sock.sendall(bytes(gathered))


def read_advertisement(channel) -> Answer:
    answer = Answer()
    while not answer.stdout.endswith(b"0000"):
        channel.take(answer, *channel.client.receive(10))
    return answer


# ---- what a client may not send


@pytest.mark.parametrize("command", [False, True], ids=["nothing-runs", "git-runs"])
def test_more_than_the_window_is_cut_and_costs_no_memory(site, logged_in, project, command):
    before = {worker: resident_kib(worker) for worker in site.gateway.workers()}
    channels = [logged_in.open_session() for _ in range(4)]
    if command:
        channels[0].request("exec", True, f"git-upload-pack '{project.path}'")
    for _ in range(400):
        for channel in channels:
            channel.data(b"x" * 30_000)
        if not logged_in.is_alive():
            break
    assert logged_in.is_cut(5)
    assert logged_in.disconnect_text == "The client sent more data than the channel window allows."
    if not sanitized():
        grown = {worker: resident_kib(worker) - before.get(worker, 0) for worker in site.gateway.workers()}
        assert max(grown.values()) < 16_000, grown


def test_extended_data_is_cut_at_once(logged_in):
    channel = logged_in.open_session()
    logged_in.send(CHANNEL_EXTENDED_DATA, channel.peer, 1, b"x")
    assert logged_in.is_cut(5)
    assert logged_in.disconnect_text == "The client sent more data than the channel window allows."


def test_a_client_that_sends_nothing_of_use_is_told_so(logged_in):
    for _ in range(20_000):
        logged_in.send(IGNORE, b"x")
        if not logged_in.is_alive():
            break
    assert logged_in.is_cut(5)
    assert logged_in.disconnect_text == "Too many requests on one connection."


def test_a_client_that_takes_tiny_packets_is_told_so(logged_in):
    logged_in.open_session(packet=64).request("shell", True)
    assert logged_in.is_cut(5)
    assert logged_in.disconnect_text == "The maximum packet size of this client is too small."


def test_data_behind_the_end_does_not_reach_git(logged_in, project):
    channel = logged_in.open_session()
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    read_advertisement(channel)
    in_one_piece(
        logged_in,
        [
            (CHANNEL_EOF, channel.peer),
            (CHANNEL_DATA, channel.peer, pkt(f"want {project.rev('main')}\n") + b"0000" + pkt("done\n")),
        ],
    )
    answer = channel.read_to_the_end()
    assert b"PACK" not in answer.stdout


def test_data_behind_the_end_of_channels_that_a_client_keeps_open_takes_no_memory(site, logged_in):
    before = {worker: resident_kib(worker) for worker in site.gateway.workers()}
    for _ in range(200):
        channel = logged_in.open_session()
        channel.request("shell", True)
        assert channel.read_to_the_end(close=False).events[-1] == "close"
        channel.data(b"x" * 30_000)
    assert "Hi " in logged_in.whoami()
    if not sanitized():
        grown = {worker: resident_kib(worker) - before.get(worker, 0) for worker in site.gateway.workers()}
        assert max(grown.values()) < 3_000, grown


def test_two_open_channels_with_one_number_are_cut(logged_in):
    first = logged_in.open_session()
    logged_in._next_channel = first.number
    second = logged_in.open_session()
    second.data(b"x")
    assert logged_in.is_cut(5)
    assert logged_in.disconnect_text == "Two open channels have the same number."


# ---- what a client may send


def test_the_end_of_a_channel_in_one_piece_with_its_last_data_is_answered(logged_in, project):
    """RFC 4254 section 5.3."""
    for _ in range(3):
        channel = logged_in.open_session()
        channel.request("exec", True, f"git-upload-pack '{project.path}'")
        read_advertisement(channel)
        in_one_piece(
            logged_in,
            [(CHANNEL_DATA, channel.peer, b"0000"), (CHANNEL_EOF, channel.peer), (CHANNEL_CLOSE, channel.peer)],
        )
        assert channel.read_to_the_end(timeout=20, close=False).events[-1] == "close"


def test_a_push_in_one_piece_with_the_end_of_its_channel_is_done(site, door):
    """What came in front of the end goes to git, though nobody waits for the answer any more."""
    owner = site.person("pusher", door)
    repository = site.repository(owner)
    work = owner.publish(repository)
    old = repository.rev("main")
    (work.cwd / "noise.bin").write_bytes(os.urandom(20_000))
    work.git("add", ".")
    work.git("commit", "--quiet", "--message", "large")
    new = work.git("rev-parse", "HEAD").stdout.strip()
    pack = work.git("pack-objects", "--stdout", "--revs", "--quiet", input=f"{new}\n^{old}\n".encode()).stdout_bytes
    commands = f"{old} {new} refs/heads/main\0report-status\n", f"{NONE} {new} refs/tags/v1\n"
    text = b"".join(map(pkt, commands)) + b"0000" + pack
    with RawClient(door) as client:
        channel = client.log_in(owner.key).open_session()
        channel.request("exec", True, f"git-receive-pack '{repository.path}'")
        read_advertisement(channel)
        assert len(text) < channel.granted
        pieces = [(CHANNEL_DATA, channel.peer, text[at : at + 4000]) for at in range(0, len(text), 4000)]
        in_one_piece(client, [*pieces, (CHANNEL_EOF, channel.peer), (CHANNEL_CLOSE, channel.peer)])
        assert channel.read_to_the_end(timeout=20, close=False).events[-1] == "close"
        wait_until(lambda: refs(repository) == {"refs/heads/main": new, "refs/tags/v1": new}, "the push is done")


def test_a_login_in_one_piece_with_the_end_of_its_connection_is_on_record(site, door):
    person = site.person("hasty", door)
    with RawClient(door) as client:
        client.request_authentication()
        in_one_piece(client, [client.proof(person.key), (DISCONNECT, 11, "", "")])
        assert client.is_cut()
    wait_until(lambda: events(site, "--event", "proven", "--user", person.login), "the proof")


def test_the_end_of_a_channel_with_data_that_nobody_reads_is_answered(logged_in):
    channel = logged_in.open_session()
    in_one_piece(
        logged_in,
        [(CHANNEL_DATA, channel.peer, b"x" * 100), (CHANNEL_EOF, channel.peer), (CHANNEL_CLOSE, channel.peer)],
    )
    assert channel.read_to_the_end(timeout=20, close=False).events[-1] == "close"


def test_pkt_lines_one_by_one_are_served(logged_in, project):
    channel = logged_in.open_session()
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    read_advertisement(channel)
    want = pkt(f"want {project.rev('main')}\n")
    for number in range(6_000):
        channel.data(want if number % 2 else want[:1])
        if not number % 2:
            channel.data(want[1:])
    channel.data(b"0000")
    channel.data(pkt("done\n"))
    answer = channel.read_to_the_end(timeout=60)
    assert answer.exit == 0 and b"PACK" in answer.stdout, (answer.events, logged_in.disconnect_text)


@pytest.fixture(scope="module")
def noisy(site):
    owner = site.person("owner")
    repository = site.repository(owner, "noisy")
    work = owner.publish(repository)
    work.commit("noise", os.urandom(60_000))
    work.git("push", "--quiet")
    return repository


def test_many_adjustments_for_each_read_are_served(logged_in, noisy):
    """A client that gives back what it has read in small steps."""
    step = 10
    channel = logged_in.open_session(window=30_000)
    channel.request("exec", True, f"git-upload-archive '{noisy.path}'")
    channel.data(pkt("argument --format=tar\n") + pkt("argument HEAD\n") + b"0000")
    answer, adjustments = Answer(), 0
    while not answer.is_over():
        before = len(answer.stdout) + len(answer.stderr)
        got = logged_in.receive(10)
        assert got not in (CUT, SILENCE), logged_in.disconnect_text
        channel.take(answer, *got)
        for _ in range((len(answer.stdout) + len(answer.stderr) - before + step - 1) // step):
            logged_in.send(CHANNEL_WINDOW_ADJUST, channel.peer, step)
            adjustments += 1
    assert answer.exit == 0 and adjustments > 6_000
    assert logged_in.whoami()
