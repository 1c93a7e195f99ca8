"""Tickets as an agent meets them on the wire: what is refused, what the peer is told, what the log says."""

import os
import signal
import time

import grv1
import pytest
from conftest import wait_until

STRANGER = grv1.TicketKey()


@pytest.fixture
def agent(site):
    site.make_repository()
    return site.start()


def refusal(address, message: bytes) -> grv1.Failed:
    with grv1.Session(address, message) as session:
        with pytest.raises(grv1.Failed) as failed:
            session.finish()
        assert session.socket.recv(1) == b""
    return failed.value


def accepted(address, message: bytes) -> bool:
    with grv1.Session(address, message + grv1.frame(grv1.STDIN, b"0000")) as session:
        return session.finish().status == 0


def forged(site, message: bytes) -> bytes:
    altered = bytearray(message)
    altered[message.index(b"bert.git")] = ord("c")
    return bytes(altered)


# What is wrong, how it comes about, the code, the text for the peer, and what only the log says.
REFUSED = {
    "unsigned": (lambda site: grv1.Open().encode(), 2, "not authenticated", "unsigned"),
    "unknown key": (lambda site: grv1.Open().encode(STRANGER), 2, "not authenticated", "unknown ticket key"),
    "forged": (lambda site: forged(site, grv1.Open().encode(site.key)), 2, "not authenticated", "wrong signature"),
    "another server's": (lambda site: grv1.Open(audience="fs2").encode(site.key), 2, "not authenticated",
                         "is for the server 'fs2'"),
    "expired": (lambda site: grv1.Open(time=int(time.time() * 1000) - 31_000).encode(site.key), 3,
                "the ticket is not fresh", "the ticket is from"),
    "of the future": (lambda site: grv1.Open(time=int(time.time() * 1000) + 31_000).encode(site.key), 3,
                      "the ticket is not fresh", "the ticket is from"),
    "of another owner": (lambda site: grv1.Open(owner=b"defunkt").encode(site.key), 4, "bad request",
                         "does not belong to the owner"),
    "unknown version": (lambda site: grv1.Open(versions=(2, 3)).encode(site.key), 1,
                        "this agent speaks GRV1 version 1", "versions 2 to 3"),
    "unknown flag": (lambda site: grv1.Open(flags=1).encode(site.key), 4, "bad request", "unknown flags"),
    "critical TLV": (lambda site: grv1.Open(extra=[(0x8001, b"x")]).encode(site.key), 4, "bad request",
                     "unknown critical TLV"),
    "variable": (lambda site: grv1.Open(env={"LD_PRELOAD": "x"}).encode(site.key), 4, "bad request",
                 "variable 'LD_PRELOAD'"),
    "configuration": (lambda site: grv1.Open(config=[("core.hooksPath", "/tmp")]).encode(site.key), 4,
                      "bad request", "configuration key 'core.hooksPath'"),
    "protocol": (lambda site: grv1.Open(git_protocol="version=2\n").encode(site.key), 4, "bad request", "refused"),
    "no GRV1": (lambda site: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 4, "bad request", "not GRV1"),
    "too long": (lambda site: b"GRV1\x01\x01\x00\x00\x00\x01\x00\x01", 4, "bad request", "too large"),
    "admin operation": (lambda site: grv1.Open(grv1.ADMIN, admin=b"explode").encode(site.key), 4, "bad request",
                        "explode"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_refused(site, agent, case, over):
    make, code, told, logged = REFUSED[case]
    failed = refusal(site.tcp if over == "tcp" else site.unix, make(site))
    assert (failed.code, failed.text, failed.retryable) == (code, told, False)
    (line,) = agent.log_lines("refused")
    assert logged in line and f"code={code}" in line
    assert not agent.children()


def test_a_ticket_serves_once(site, agent):
    message = grv1.Open().encode(site.key)
    assert accepted(site.tcp, message)
    for address in (site.tcp, site.unix):
        assert refusal(address, message).code == grv1.REPLAY_OR_CLOCK
    assert len(agent.log_lines("refused", "the ticket was used before")) == 2


def test_a_ticket_shown_by_many_at_once_serves_one(site, agent):
    message = grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000")
    sessions = [grv1.Session(site.tcp, message) for _ in range(20)]
    served, refused = 0, 0
    for session in sessions:
        with session:
            try:
                session.finish()
                served += 1
            except grv1.Failed as failed:
                assert failed.code == grv1.REPLAY_OR_CLOCK
                refused += 1
    assert (served, refused) == (1, 19)


def test_a_refused_operation_logs_its_request_id(site, agent):
    request = os.urandom(16)
    refusal(site.tcp, grv1.Open(path="mojombo/missing.git", request_id=request).encode(site.key))
    (line,) = agent.log_lines("refused", f"request={request.hex()}")
    assert 'what="git-upload-pack mojombo/missing.git"' in line and "code=5" in line


@pytest.mark.parametrize("size", [0, 1, 4, 11, 12, 13, 60, -33, -32, -1])
def test_a_truncated_open_starts_nothing(site, agent, size):
    message = grv1.Open().encode(site.key)[:size or None] if size else b""
    with grv1.Session(site.tcp, message) as session:
        session.socket.shutdown(1)
        with pytest.raises((grv1.Failed, grv1.Ended)) as ended:
            session.finish()
        if isinstance(ended.value, grv1.Failed):
            assert ended.value.code == grv1.BAD_REQUEST
    assert not agent.children() and not agent.log_lines("done")
    # A connection without a byte is a balancer's check and not worth a line.
    assert len(agent.log_lines("refused", "ended within its OPEN")) == (1 if len(message) >= 4 else 0)


def test_a_silent_peer_is_let_go_in_time(site):
    site.make_repository()
    agent = site.start('handshake_timeout = "300ms"\n')
    start = time.monotonic()
    with grv1.Session(site.tcp, b"GRV1\x01") as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert failed.value.code == grv1.BAD_REQUEST
    assert 0.2 < time.monotonic() - start < 3
    assert agent.log_lines("refused", "no OPEN was received in time")


def test_peers_without_an_open_are_limited(site):
    site.make_repository()
    site.start("max_handshakes = 5\n")
    silent = []

    def is_full() -> bool:
        # One more each time: a place may still be held by the probe of the start, and its next owner refused.
        silent.append(grv1.Session(site.tcp))
        return len(silent) >= 5 and not _served(site.tcp, site)

    wait_until(is_full, what="no room for more")
    assert _served(site.unix, site), "strangers of the network take no place of the socket's"
    for session in silent:
        session.close()
    wait_until(lambda: _served(site.tcp, site), what="room for one more")


def test_silent_peers_take_only_the_places_of_their_own_source(site):
    site.make_repository()
    agent = site.start("max_handshakes = 8\nmax_handshakes_per_source = 3\n")
    silent = [grv1.Session(site.tcp, source="127.0.0.9") for _ in range(20)]
    wait_until(lambda: agent.log_lines("too many connections without an OPEN", "127.0.0.9"), what="the bound")
    assert _served(site.tcp, site), "another address has places of its own"
    with silent[-1] as turned_away, pytest.raises(grv1.Failed) as failed:
        turned_away.finish()
    assert failed.value.code == grv1.BUSY and failed.value.retryable
    # With two more addresses all places are taken; a gateway that has shown a ticket finds one all the same.
    silent += [grv1.Session(site.tcp, source=f"127.0.0.{n}") for n in (10, 11) for _ in range(3)]
    wait_until(lambda: not _served(site.tcp, site, source="127.0.0.12"), what="no room for strangers")
    for _ in range(5):
        assert _served(site.tcp, site)
    for session in silent:
        session.close()


def _served(address, site, source=None) -> bool:
    try:
        with grv1.Session(address, grv1.Open().encode(site.key), source=source) as session:
            return session.until_opened().opened
    except grv1.Failed as failed:
        assert failed.code == grv1.BUSY and failed.retryable
        return False
    except (grv1.Ended, OSError):
        return False


def test_two_live_keys_and_a_rotation_by_reload(site, agent):
    new = grv1.TicketKey()
    file = site.write_key(new, "new.key")
    assert refusal(site.tcp, grv1.Open().encode(new)).code == grv1.AUTHENTICATION

    def rotate(keys):
        site.write_settings(site.signed_settings().replace(f'["{site.key_file}"]', keys))
        before = len(agent.log_lines("configuration reloaded"))
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(agent.log_lines("configuration reloaded")) > before, what="the reload")

    with site.open() as running:
        running.until_opened()
        rotate(f'["{file}", "{site.key_file}"]')
        assert accepted(site.tcp, grv1.Open().encode(new)) and accepted(site.tcp, grv1.Open().encode(site.key))
        rotate(f'["{file}"]')
        assert accepted(site.tcp, grv1.Open().encode(new))
        assert refusal(site.tcp, grv1.Open().encode(site.key)).code == grv1.AUTHENTICATION
        running.write(b"0000")
        assert running.finish().status == 0


def test_a_bad_configuration_keeps_the_old_one(site, agent):
    for bad in ("max_operations = 0\n", f'listen = ["unix:{site.directory}/other.sock"]\n'):
        site.write_settings(bad)
        before = len(agent.log_lines("configuration not reloaded"))
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(agent.log_lines("configuration not reloaded")) > before, what="the refusal")
    assert accepted(site.tcp, grv1.Open().encode(site.key))


def test_without_keys_a_unix_socket_is_trusted_but_a_ticket_still_serves_once(site):
    site.make_repository()
    site.start(settings=f'listen = ["unix:{site.unix}"]\n')
    message = grv1.Open().encode()
    assert accepted(site.unix, message)
    assert refusal(site.unix, message).code == grv1.REPLAY_OR_CLOCK
    assert refusal(site.unix, grv1.Open(audience="fs2").encode()).code == grv1.AUTHENTICATION
    assert os.stat(site.unix).st_mode & 0o777 == 0o660


@pytest.mark.parametrize("service, name", [(1, "upload-pack"), (2, "receive-pack"), (3, "upload-archive"),
                                           (4, "admin")])
def test_a_service_can_be_disabled(site, service, name):
    site.make_repository()
    others = {"upload-pack", "receive-pack", "upload-archive", "admin"} - {name}
    site.start(f"services = {sorted(others)}\n")
    message = grv1.Open(service, admin=b"size" if service == 4 else b"").encode(site.key)
    assert refusal(site.tcp, message).code == grv1.SERVICE_DISABLED
