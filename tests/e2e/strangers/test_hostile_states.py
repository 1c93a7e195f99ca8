"""Messages at the wrong moment. The class of libssh CVE-2018-10933: a client that declares itself let in."""

import pytest

from harness.messages import greeting
from harness.rawssh import (
    CHANNEL_DATA,
    CHANNEL_OPEN,
    CHANNEL_OPEN_CONFIRMATION,
    CHANNEL_REQUEST,
    CHANNEL_WINDOW_ADJUST,
    CUT,
    GLOBAL_REQUEST,
    SERVICE_REQUEST,
    USERAUTH_FAILURE,
    USERAUTH_PK_OK,
    USERAUTH_REQUEST,
    USERAUTH_SUCCESS,
    RawClient,
)

OPEN_SESSION = (CHANNEL_OPEN, "session", 0, 0x7FFFFFFF, 32768)
CUTTING = {
    "success": (USERAUTH_SUCCESS,),
    "failure": (USERAUTH_FAILURE, ["publickey"], False),
    "key-is-ok": (USERAUTH_PK_OK, "ssh-ed25519", b"blob"),
    "open-session": OPEN_SESSION,
}
TOO_EARLY = {
    **CUTTING,
    "confirm-channel": (CHANNEL_OPEN_CONFIRMATION, 0, 0, 1000, 1000),
    "exec": (CHANNEL_REQUEST, 0, "exec", True, "git-upload-pack 'a/b'"),
    "data": (CHANNEL_DATA, 0, b"data"),
    "window": (CHANNEL_WINDOW_ADJUST, 0, 1000),
    "forwarding": (GLOBAL_REQUEST, "tcpip-forward", True, "127.0.0.1", 0),
    "connection-service": (SERVICE_REQUEST, "ssh-connection"),
}


def gets_a_session(client: RawClient) -> bool:
    client.send(*OPEN_SESSION)
    while (number := client.receive_number(timeout=1)) not in (CUT, "silence"):
        if number == CHANNEL_OPEN_CONFIRMATION:
            return True
    return False


@pytest.mark.parametrize("asked", [False, True], ids=["before-the-service", "after-the-service"])
@pytest.mark.parametrize("message", TOO_EARLY.values(), ids=TOO_EARLY)
def test_no_message_before_authentication_opens_a_session(door, message, asked):
    with RawClient(door) as client:
        if asked:
            client.request_authentication()
        client.send(*message)
        assert not gets_a_session(client)


@pytest.mark.parametrize("message", CUTTING.values(), ids=CUTTING)
def test_a_message_that_only_a_server_or_an_authenticated_client_sends_cuts_the_line(door, message):
    with RawClient(door) as client:
        client.request_authentication()
        client.send(*message)
        if door.kind == "sshd":  # it says "unimplemented" and waits for a login
            assert not gets_a_session(client)
        else:
            assert client.is_cut(5)


def test_success_after_offering_a_known_key_cuts_the_line(door, alice):
    with RawClient(door) as client:
        client.request_authentication()
        assert client.probe_key(alice.key) == USERAUTH_PK_OK
        client.send(USERAUTH_SUCCESS)
        assert not gets_a_session(client)
        assert door.kind == "sshd" or client.is_cut(5)


def test_authenticating_again_as_somebody_else_cuts_the_line(door, alice, bob):
    with RawClient(door) as client:
        client.log_in(alice.key)
        assert client.prove(bob.key) in (CUT, "silence") if door.kind == "sshd" else (CUT,)
        assert door.kind == "gateway" or client.whoami() == greeting(alice.login)


def test_open_session_behind_the_signature_without_waiting_is_served_after_it(door, alice):
    """RFC 4252 lets a client go on once it has success; one that runs ahead must not get in early."""
    with RawClient(door) as client:
        client.request_authentication()
        client.send(
            USERAUTH_REQUEST, "git", "ssh-connection", "publickey", False, alice.key.algorithm, alice.key.blob
        )
        assert not gets_a_session(client)


def test_method_none_lists_publickey_alone(door):
    with RawClient(door) as client:
        client.request_authentication()
        client.send(USERAUTH_REQUEST, "git", "ssh-connection", "none")
        methods = client.expect(USERAUTH_FAILURE)
        assert methods.get_list() == ["publickey"]


@pytest.mark.parametrize(
    "method, fields",
    [
        ("password", (False, "secret")),
        ("keyboard-interactive", ("", "")),
        ("hostbased", ("ssh-ed25519", b"", "host", "user", b"")),
        ("gssapi-with-mic", (1, b"\x06\x09")),
        ("no-such-method", ()),
    ],
)
def test_no_other_method_is_served(door, method, fields):
    with RawClient(door) as client:
        client.request_authentication()
        client.send(USERAUTH_REQUEST, "git", "ssh-connection", method, *fields)
        assert client.receive_number() in (USERAUTH_FAILURE, CUT)
        assert not gets_a_session(client)


def test_the_service_after_authentication_is_ssh_connection_only(door, alice):
    with RawClient(door) as client:
        client.request_authentication()
        client.send(
            USERAUTH_REQUEST, "git", "ssh-other", "publickey", False, alice.key.algorithm, alice.key.blob
        )
        assert client.receive_number() in (USERAUTH_FAILURE, CUT)
