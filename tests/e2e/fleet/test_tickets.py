"""A file server does what a ticket says and nothing else: one operation, one repository, one server, once."""

import subprocess
import time

import pytest

from harness import grv1
from harness.grv1 import Upstream, converse, frame


@pytest.fixture(scope="module")
def head(server):
    disk = server.root / "alice/project.git"
    return subprocess.check_output(["git", "-C", disk, "rev-parse", "main"]).strip()


# ---- what is in order


def test_a_ticket_in_order_is_served(server, head):
    reply = server.ask()
    assert reply.opened and (reply.exit, reply.signal, reply.fail) == (0, 0, None)
    assert head in reply.stdout and reply.stderr == b""


def test_the_second_key_is_known_as_well(server, head):
    reply = converse(server.address, server.open().encode(server.keys[1]))
    assert head in reply.stdout and reply.exit == 0


def test_git_protocol_reaches_git(server):
    reply = server.ask(git_protocol="version=2")
    assert reply.stdout.startswith(b"000eversion 2\n") and reply.exit == 0


def test_the_exit_status_of_git_comes_last_and_as_it_was(server):
    message = server.open().encode(server.key)
    reply = converse(server.address, message, frame(grv1.STDIN, b"zzzz") + frame(grv1.STDIN_EOF))
    assert reply.exit == 128 and b"protocol error" in reply.stderr


def test_ping_is_answered_while_git_runs(server):
    message = server.open().encode(server.key)
    stdin = frame(grv1.PING, b"12345678") + frame(grv1.STDIN, b"0000") + frame(grv1.STDIN_EOF)
    reply = converse(server.address, message, stdin)
    assert reply.pongs == [b"12345678"] and reply.exit == 0


def test_cancel_ends_the_operation(server):
    with Upstream(server.address) as upstream:
        upstream.send(server.open().encode(server.key))
        assert upstream.read_frame()[0] == grv1.OPEN_OK
        upstream.send(frame(grv1.CANCEL))
        reply = upstream.read_reply()
    assert reply.exit != 0


def test_an_unknown_field_is_skipped_unless_it_is_critical(server):
    assert server.ask(extra=[(0x0777, b"later")]).exit == 0
    assert server.ask(extra=[(0x0777 | grv1.CRITICAL, b"later")]).refused


def test_a_message_in_single_bytes_is_put_together(server):
    with Upstream(server.address) as upstream:
        for byte in server.open().encode(server.key):
            upstream.send(bytes([byte]))
        upstream.send(frame(grv1.STDIN, b"0000") + frame(grv1.STDIN_EOF))
        assert upstream.read_reply().exit == 0


# ---- forged and altered


def test_every_altered_byte_is_refused(server):
    message = bytearray(server.open(git_protocol="version=2", env={"GERVE_USER": "alice"}).encode(server.key))
    for place in range(len(message)):
        message[place] ^= 1
        with Upstream(server.address) as upstream:
            upstream.send(bytes(message))
            # A length that grew would make the agent wait for more: end the message here.
            upstream.socket.shutdown(1)
            reply = upstream.read_reply()
        message[place] ^= 1
        assert reply.refused, f"with byte {place} altered: {reply}"


def test_the_unaltered_message_is_accepted(server):
    """The test above refuses for the alteration, not for something else."""
    message = server.open(git_protocol="version=2", env={"GERVE_USER": "alice"}).encode(server.key)
    assert converse(server.address, message).opened


@pytest.mark.parametrize("length", [0, 1, 4, 11, 12, 13, 40, -33, -32, -1])
def test_a_truncated_message_is_refused(server, length):
    message = server.open().encode(server.key)
    with Upstream(server.address) as upstream:
        upstream.send(message[:length])
        upstream.socket.shutdown(1)
        assert upstream.read_reply().refused


def test_a_signature_by_an_unknown_key(server):
    stranger = grv1.new_ticket_key()
    reply = converse(server.address, server.open().encode(stranger))
    assert reply.refused and reply.fail == grv1.FAIL_AUTHENTICATION


def test_a_signature_by_another_secret_under_a_known_id(server):
    forged = grv1.TicketKey(server.key.key_id, bytes(32))
    reply = converse(server.address, server.open().encode(forged))
    assert reply.refused and reply.fail == grv1.FAIL_AUTHENTICATION


@pytest.mark.parametrize("address", ["tcp", "unix"])
def test_no_signature_is_refused_by_an_agent_that_has_keys(server, address):
    target = server.address if address == "tcp" else server.socket
    assert converse(target, server.open().encode(None)).refused


def test_a_ticket_whose_hmac_covers_only_a_part_is_refused(server):
    opened = server.open()
    message = grv1.encode_open(opened.pairs(server.key.key_id))
    partly = message + server.key.sign(message[:-1])
    assert converse(server.address, partly).refused


def test_refusals_give_no_hint(server):
    """A peer without a key learns neither which repositories there are nor what was wrong with its ticket."""
    stranger = grv1.new_ticket_key()
    asked = [server.open("alice/project"), server.open("alice/missing"), server.open(audience="fs2")]
    replies = [converse(server.address, opened.encode(stranger)) for opened in asked]
    assert replies[0] == replies[1] == replies[2]
    assert not any(word in replies[0].text for word in ("alice", "project", str(server.root)))


# ---- replayed, expired, for another server


def test_a_ticket_works_once(server):
    message = server.open().encode(server.key)
    assert converse(server.address, message).exit == 0
    reply = converse(server.address, message)
    assert reply.refused and reply.fail == grv1.FAIL_REPLAY_OR_CLOCK


def test_a_ticket_works_once_on_all_sockets_together(server):
    message = server.open().encode(server.key)
    assert converse(server.address, message).exit == 0
    assert converse(server.socket, message).refused


def test_the_nonce_of_another_ticket_is_refused(server):
    nonce = bytes(range(16))
    assert server.ask(nonce=nonce).exit == 0
    assert server.ask(nonce=nonce).refused


@pytest.mark.parametrize(
    "seconds, accepted", [(-25, True), (25, True), (-35, False), (35, False), (-86400, False)]
)
def test_a_ticket_is_good_for_thirty_seconds_of_clock(server, seconds, accepted):
    reply = server.ask(time_ms=int((time.time() + seconds) * 1000))
    assert reply.opened == accepted
    assert reply.fail == (None if accepted else grv1.FAIL_REPLAY_OR_CLOCK)


@pytest.mark.parametrize("time_ms", [0, 2**63, 2**64 - 1])
def test_an_absurd_time_is_refused(server, time_ms):
    assert server.ask(time_ms=time_ms).refused


@pytest.mark.parametrize("audience", ["fs2", "FS1", "fs1 ", "fs", "fs11"])
def test_a_ticket_for_another_server_is_refused(server, audience):
    assert server.ask(audience=audience).refused


# ---- another operation, another repository


def test_a_ticket_to_read_does_not_write(server, head):
    """The operation is in the signed part: what follows cannot make receive-pack out of upload-pack."""
    command = b"%s %s refs/heads/evil\0 report-status" % (b"0" * 40, head)
    packet = b"%04x%s0000" % (len(command) + 4, command)
    converse(
        server.address, server.open().encode(server.key), frame(grv1.STDIN, packet) + frame(grv1.STDIN_EOF)
    )
    disk = server.root / "alice/project.git"
    assert b"evil" not in subprocess.check_output(["git", "-C", disk, "for-each-ref"])


@pytest.mark.parametrize("service", [0, 7, 255])
def test_an_unknown_service_is_refused(server, service):
    assert server.ask(service=service).refused


def test_two_services_in_one_ticket_are_refused(server):
    assert server.ask(extra=[(grv1.SERVICE, bytes([grv1.RECEIVE_PACK]))]).refused


def test_a_repository_that_is_not_there(server):
    reply = server.ask(path="alice/missing")
    assert reply.refused and reply.fail == grv1.FAIL_NO_SUCH_REPOSITORY


@pytest.mark.parametrize(
    "storage_path",
    [
        "../outside.git",
        "alice/../../outside.git",
        "/etc",
        "alice//project.git",
        "./alice/project.git",
        "alice",
        "alice/project.git/",
        "alice/project.git/objects",
        "alice/project.git/../project.git",
        "",
        ".",
        "..",
        "alice/\x00project.git",
        "alice/project.git\n",
        "-x/project.git",
        "alice/--help",
        "ALICE/../alice/project.git",
        "a" * 5000,
        "alice/link.git",
        "linked/project.git",
    ],
)
def test_a_path_out_of_the_root_is_refused_even_with_a_good_signature(server, storage_path):
    outside = server.directory / "outside.git"
    if not outside.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", outside], check=True)
        (server.root / "alice/link.git").symlink_to(outside)
        (server.root / "linked").symlink_to(server.root / "alice")
    assert server.ask(owner="alice", storage_path=storage_path).refused


@pytest.mark.parametrize(
    "name, value",
    [
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("PATH", "/tmp"),
        ("GIT_DIR", "/tmp"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_SSH_COMMAND", "id"),
        ("HOME", "/tmp"),
        ("gerve_user", "root"),
        ("", "x"),
    ],
)
def test_only_listed_variables_are_taken_even_with_a_good_signature(server, name, value):
    assert server.ask(env={name: value}).refused


@pytest.mark.parametrize(
    "name, value",
    [
        ("core.hooksPath", "/tmp/evil"),
        ("uploadpack.packObjectsHook", "/tmp/evil"),
        ("core.sshCommand", "id"),
        ("include.path", "/tmp/evil"),
        ("safe.directory", "*"),
        ("alias.x", "!id"),
        ("", "x"),
    ],
)
def test_only_listed_settings_are_taken_even_with_a_good_signature(server, name, value):
    assert server.ask(config={name: value}).refused
