"""The form of what a gateway says to a file server, and the ends of a session there."""

import struct
import time

import pytest

from harness import grv1
from harness.grv1 import Upstream, converse, frame
from harness.processes import command_line, is_git, session_members, wait_until


# ---- form


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"GRV2" + bytes(100),
        b"\0" * 200,
        b"\x16\x03\x01" + bytes(100),
    ],
)
def test_another_protocol_is_refused(server, start):
    assert converse(server.address, start, b"").refused


def test_a_version_that_the_agent_does_not_speak(server):
    reply = server.ask(versions=(2, 9))
    assert reply.refused and reply.fail == grv1.FAIL_VERSION


def test_a_newer_gateway_that_can_speak_the_old_version_is_served(server):
    assert server.ask(versions=(1, 9)).exit == 0


@pytest.mark.parametrize(
    "field",
    [
        grv1.SERVICE,
        grv1.OWNER,
        grv1.STORAGE_PATH,
        grv1.REQUEST_ID,
        grv1.TIME,
        grv1.NONCE,
        grv1.AUDIENCE,
        grv1.KEY_ID,
    ],
)
def test_a_missing_field_is_refused(server, field):
    pairs = [pair for pair in server.open().pairs(server.key.key_id) if pair[0] != field]
    assert converse(server.address, grv1.seal(grv1.encode_open(pairs), server.key)).refused


@pytest.mark.parametrize(
    "field, value",
    [
        (grv1.SERVICE, b""),
        (grv1.SERVICE, b"\1\1"),
        (grv1.REQUEST_ID, bytes(15)),
        (grv1.NONCE, bytes(17)),
        (grv1.TIME, bytes(7)),
        (grv1.KEY_ID, bytes(9)),
        (grv1.GIT_PROTOCOL, b"version=2\nx"),
        (grv1.ENV, b"GERVE_USER"),
        (grv1.ENV, b"GERVE_USER=a\0b"),
    ],
)
def test_a_field_of_the_wrong_form_is_refused(server, field, value):
    pairs = [pair for pair in server.open().pairs(server.key.key_id) if pair[0] != field] + [(field, value)]
    assert converse(server.address, grv1.seal(grv1.encode_open(pairs), server.key)).refused


def test_an_announced_length_beyond_the_limit_is_refused_at_once(server):
    started = time.monotonic()
    reply = converse(server.address, b"GRV1\1\1\0\0" + struct.pack(">I", 0x7FFFFFFF), b"")
    assert reply.refused and time.monotonic() - started < 5


def test_a_tlv_that_runs_over_the_end_is_refused(server):
    body = struct.pack(">HH", grv1.OWNER, 60000) + b"alice"
    message = b"GRV1\1\1\0\0" + struct.pack(">I", len(body)) + body
    assert converse(server.address, grv1.seal(message, server.key)).refused


@pytest.mark.parametrize("kind", [grv1.STDOUT, grv1.EXIT, grv1.OPEN_OK, 0, 99, 255])
def test_a_frame_that_a_gateway_does_not_send_ends_the_session(server, kind):
    reply = converse(server.address, server.open().encode(server.key), frame(kind, b"xxxxx"))
    assert reply.exit != 0


def test_a_frame_over_the_limit_ends_the_session(server):
    header = bytes([grv1.STDIN]) + (262145).to_bytes(3, "big")
    reply = converse(server.address, server.open().encode(server.key), header + bytes(1000))
    assert reply.exit != 0


# ---- standby, and going away


def test_standby_refuses_and_may_be_tried_elsewhere(server):
    server.standby.touch()
    try:
        reply = server.ask()
    finally:
        server.standby.unlink()
    assert (reply.fail, reply.retryable) == (grv1.FAIL_STANDBY, True)
    assert server.ask().exit == 0


def test_a_gateway_that_vanishes_takes_upload_pack_along(server):
    before = set(_git_processes(server))
    with Upstream(server.address) as upstream:
        upstream.send(server.open().encode(server.key))
        upstream.read_frame()
        wait_until(lambda: set(_git_processes(server)) - before, "git runs")
    wait_until(lambda: not set(_git_processes(server)) - before, "git is over", timeout=10)


def _git_processes(server) -> list[int]:
    return [pid for pid in session_members(server.process.pid) if is_git(command_line(pid))]
