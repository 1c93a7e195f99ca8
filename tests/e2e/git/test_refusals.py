"""What SSH offers and a git server has no use for: refused politely, and the session goes on."""

import os
import socket

import pytest

from harness.messages import greeting
from harness.outcome import NONZERO
from harness.processes import free_port, wait_until
from harness.rawssh import CHANNEL_OPEN, CHANNEL_OPEN_FAILURE, CUT, GLOBAL_REQUEST, REQUEST_FAILURE, RawClient

pytestmark = pytest.mark.both_doors


@pytest.fixture
def raw(door, alice):
    with RawClient(door) as client:
        yield client.log_in(alice.key)


REQUESTS = {
    "pty-req": ("xterm", 80, 24, 0, 0, b"\0"),
    "x11-req": (False, "MIT-MAGIC-COOKIE-1", "00112233445566778899aabbccddeeff", 0),
    "auth-agent-req@openssh.com": (),
    "subsystem": ("sftp",),
    "break": (100,),
    "no-such-request@example.org": (b"payload",),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_channel_request_is_refused_and_git_still_runs(raw, project, name):
    channel = raw.open_session()
    assert not channel.request_answer(name, *REQUESTS[name])
    if name == "subsystem":
        channel = raw.open_session()
    assert channel.exec(f"git-upload-pack '{project.path}'", b"0000").exit == 0


@pytest.mark.parametrize("name, fields", [("window-change", (80, 24, 0, 0)), ("signal", ("KILL",))])
def test_what_ssh_never_answers_has_no_effect(raw, project, name, fields):
    """RFC 4254 6.7 and 6.9: these come without a wish for a reply."""
    channel = raw.open_session()
    channel.request(name, False, *fields)
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    channel.read_some()
    channel.request(name, False, *fields)
    channel.data(b"0000")
    channel.eof()
    assert channel.read_to_the_end().exit == 0


@pytest.mark.parametrize(
    "name, fields",
    [
        ("tcpip-forward", ("0.0.0.0", 0)),
        ("cancel-tcpip-forward", ("0.0.0.0", 0)),
        ("streamlocal-forward@openssh.com", ("/tmp/gerve-no-such-socket",)),
        ("hostkeys-prove-00@openssh.com", (b"",)),
        ("no-such-request@example.org", ()),
    ],
)
def test_a_global_request_is_refused(raw, alice, name, fields):
    raw.send(GLOBAL_REQUEST, name, True, *fields)
    assert raw.receive_number() == REQUEST_FAILURE
    assert raw.whoami() == greeting(alice.login)


@pytest.mark.parametrize(
    "kind, fields",
    [
        ("direct-tcpip", ("127.0.0.1", 22, "127.0.0.1", 1)),
        ("direct-streamlocal@openssh.com", ("/run/authz.sock", "", 0)),
        ("forwarded-tcpip", ("127.0.0.1", 22, "127.0.0.1", 1)),
        ("x11", ("127.0.0.1", 6000)),
        ("auth-agent@openssh.com", ()),
        ("tun@openssh.com", (1, 0)),
        ("no-such-channel", ()),
    ],
)
def test_a_channel_that_is_no_session_is_refused(raw, alice, kind, fields):
    raw.send(CHANNEL_OPEN, kind, 77, 65536, 32768, *fields)
    assert raw.receive_number() == CHANNEL_OPEN_FAILURE
    assert raw.whoami() == greeting(alice.login)


def test_two_commands_on_one_channel(raw, project):
    channel = raw.open_session()
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    channel.data(b"0000")
    channel.eof()
    answer = channel.read_to_the_end()
    assert answer.stdout.count(b"HEAD\0") == 1, "the second command ran as well"


def test_data_before_the_command_does_no_harm(raw, alice):
    channel = raw.open_session()
    channel.data(b"0000" * 100)
    channel.eof()
    assert CUT not in channel.exec("git-upload-pack 'nobody/nothing'").events
    assert raw.whoami() == greeting(alice.login)


# ---- the same through OpenSSH's client


def test_sftp_and_scp_are_refused(alice):
    alice.run("sftp", "-F", alice.ssh_config, "-b", "/dev/null", "gerve", exit=NONZERO)
    alice.write("file")
    alice.run("scp", "-F", alice.ssh_config, "file", "gerve:/tmp/gerve-scp-target", exit=NONZERO)
    assert not os.path.exists("/tmp/gerve-scp-target")


def test_a_shell_with_a_terminal_is_refused(alice):
    alice.ssh("-tt", exit=255, says="PTY allocation request failed")


def test_forwarding_to_a_port_of_the_server_is_refused(alice):
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(1)
        near = free_port()
        forward = f"127.0.0.1:{near}:127.0.0.1:{target.getsockname()[1]}"
        session = alice.start_ssh("-N", "-L", forward)
        try:
            with wait_until(lambda: _connected(near), "ssh listens", timeout=10) as connection:
                connection.settimeout(5)
                assert connection.recv(1) == b""
            with pytest.raises(TimeoutError):
                target.accept()
        finally:
            session.kill()


def test_forwarding_from_a_port_of_the_server_is_refused(alice):
    far = free_port()
    alice.ssh(
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        f"127.0.0.1:{far}:127.0.0.1:1",
        exit=255,
        says="remote port forwarding failed",
    )


def _connected(port: int):
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=2)
    except OSError:
        return None
