"""The git:// door: everybody may fetch what is public, and learns nothing of anything else."""

import os
import re
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness.audit import events_in
from harness.counted import serving_git
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.terminal import Terminal

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
git = ["127.0.0.1:{git}"]
metrics = "127.0.0.1:{metrics}"
proxy_protocol_from = ["127.0.0.9/32"]
max_awaiting_header = 3
[ssh]
workers = 1
[anonymous]
request_timeout = "2s"
max_sessions_per_source = 2
idle_timeout = "3s"
"""


@contextmanager
def running_house(workspace, config=CONFIG):
    with serving_git(workspace, config) as site:
        site.alice = site.person("alice")
        site.anybody = Terminal(site.directory / "anybody", "anybody")
        yield site


@pytest.fixture(scope="module")
def open_house(workspace):
    with running_house(workspace) as site:
        yield site


@pytest.fixture
def quiet_house(workspace):
    """A house of the test's own: what one source does without a login has only so many lines in the log."""
    with running_house(workspace) as site:
        yield site


@pytest.fixture
def public(open_house):
    repository = open_house.repository(open_house.alice, open_house.fresh("public"))
    open_house.alice.publish(repository, commits=3)
    return repository


@pytest.fixture
def secret(open_house):
    repository = open_house.repository(open_house.alice, open_house.fresh("secret"), private=True)
    open_house.alice.publish(repository)
    return repository


def url(site, path: str) -> str:
    return f"git://127.0.0.1:{site.git_port}/{path}"


def connect(site, source="127.0.0.1", wait=10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.git_port), wait, source_address=(source, 0))


def packet(payload: bytes) -> bytes:
    return b"%04x" % (len(payload) + 4) + payload


def request(path: str, service="git-upload-pack", more: bytes = b"host=localhost\0") -> bytes:
    return packet(f"{service} /{path}\0".encode() + more)


def answer(site, sent: bytes, source="127.0.0.1") -> bytes:
    """All that comes back for these bytes."""
    with closing(connect(site, source)) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while more := connection.recv(65536):
                received += more
                if received.endswith(b"0000"):
                    connection.sendall(b"0000")
        except ConnectionError:
            pass
        return received


# ---- what is served


@pytest.mark.parametrize("version", [0, 1, 2])
def test_fetches_of_every_protocol_version(open_house, public, version):
    git = open_house.anybody.with_env(GIT_TRACE_PACKET="1")
    options = ["-c", f"protocol.version={version}"]
    listed = git.git(*options, "ls-remote", url(open_house, public.path))
    assert public.rev("main") in listed.stdout
    assert ("version 1" in listed.stderr, "version 2" in listed.stderr) == (version == 1, version == 2)
    clone = open_house.fresh("clone")
    git.git(*options, "clone", "--quiet", url(open_house, f"{public.path}.git"), clone)
    assert git.at(clone).rev("main") == public.rev("main")
    shallow = open_house.fresh("shallow")
    git.git(*options, "clone", "--quiet", "--depth=1", url(open_house, public.path), shallow)
    assert git.at(shallow).git("rev-list", "--count", "HEAD").stdout == "1\n"
    git.at(shallow).git(*options, "fetch", "--quiet", "--unshallow")
    assert git.at(shallow).git("rev-list", "--count", "HEAD").stdout == "3\n"


def test_a_session_is_on_record_like_any_other(quiet_house):
    open_house = quiet_house
    public = open_house.repository(open_house.alice)
    open_house.alice.publish(public)
    open_house.anybody.git("ls-remote", url(open_house, public.path))
    line = wait_until(lambda: [line for line in open_house.gateway.log().splitlines() if f" repo={public.path} " in line
                               and " authz: session end " in line and " door=git " in line], "it is logged")[-1]
    assert " ended=exit" in line and " exit=0 " in line and " addr=127.0.0.1 " in line
    (request_id,) = [word for word in line.split() if word.startswith("request=")]
    assert any(" authz: decision " in other and request_id in other and " because=public-read " in other
               for other in open_house.gateway.log().splitlines())
    audit = (open_house.state / "audit.jsonl").read_text()
    mine = [entry for entry in audit.splitlines() if request_id.removeprefix("request=") in entry]
    assert any('"decision"' in entry and '"git"' in entry for entry in mine), audit


def test_it_is_counted(open_house, public):
    value = open_house.metrics.value
    connections = value("gerve_git_connections_accepted_total")
    operations = value("gerve_git_operations_total", service="git-upload-pack", end="exit")
    open_house.anybody.git("ls-remote", url(open_house, public.path))
    wait_until(lambda: value("gerve_git_operations_total", service="git-upload-pack", end="exit") == operations + 1,
               "its end is counted")
    assert value("gerve_git_connections_accepted_total") == connections + 1


# ---- what is not


def test_who_is_refused_is_counted(open_house, public):
    def refused(reason):
        return open_house.metrics.value("gerve_git_requests_refused_total", reason=reason)

    before = {reason: refused(reason) for reason in ("abandoned", "malformed", "maintenance")}
    answer(open_house, b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: refused("malformed") == before["malformed"] + 1, "what is no request is counted")
    connect(open_house).close()
    wait_until(lambda: refused("abandoned") == before["abandoned"] + 1, "who leaves is counted")
    operations = open_house.metrics.value("gerve_git_operations_total", service="git-upload-pack", end="refused")
    answer(open_house, request("alice-1/nothing"))
    wait_until(lambda: open_house.metrics.value("gerve_git_operations_total", service="git-upload-pack",
                                                end="refused") == operations + 1, "so is what policy refuses")
    open_house.gerve("maintenance", "on", "Back at noon.")
    try:
        wait_until(lambda: answer(open_house, request(public.path)) and
                   refused("maintenance") > before["maintenance"], "who is told of maintenance is counted")
    finally:
        open_house.gerve("maintenance", "off")
    wait_until(lambda: answer(open_house, request(public.path)).endswith(b"0000"), "it is over")
    assert refused("malformed") == before["malformed"] + 1


def test_private_is_missing_byte_for_byte(open_house, public, secret):
    missing = answer(open_house, request("alice-1/nothing"))
    assert missing == packet(b"ERR Repository not found.")
    for path in (secret.path, f"{secret.path}.git", "nobody/nothing"):
        assert answer(open_house, request(path)) == missing, path
    for path in ("../secret", "a", "%2e%2e/x", "~alice/x"):  # no repository can have such a path
        assert answer(open_house, request(path)).startswith(b"0078ERR Invalid repository path."), path
    open_house.anybody.git("ls-remote", url(open_house, secret.path), exit=128,
                           says="fatal: remote error: Repository not found.")
    open_house.gerve("repo", "disable", public.path)
    assert answer(open_house, request(public.path)) == missing
    v2 = answer(open_house, request(secret.path, more=b"host=h\0\0version=2\0"))
    assert v2 == missing


def test_nothing_but_fetching(open_house, public):
    told = packet(b"ERR git:// is read-only. Use SSH to push or archive.")
    for service in ("git-receive-pack", "git-upload-archive"):
        assert answer(open_house, request(public.path, service)) == told
    assert b"Unknown command" in answer(open_house, request(public.path, "git-shell"))
    work = open_house.anybody.at(open_house.fresh("work"))
    open_house.anybody.git("clone", "--quiet", url(open_house, public.path), str(work.cwd))
    work.commit("more", "more\n")
    work.git("push", exit=NONZERO, says="git:// is read-only")
    assert public.rev("main") != work.rev("HEAD")


def test_a_request_that_is_none(open_house):
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"0004", b"ffff", b"0000", packet(b"git-upload-pack"),
                 packet(b"git-upload-pack /a/b\0host=h\0junk"), packet(b"x" * 2000)):
        received = answer(open_house, sent)
        assert received.startswith(b"00") and b"ERR " in received and received.count(b"ERR ") == 1, (sent, received)


def test_who_says_nothing_or_only_drips_is_cut(open_house):
    """However often something comes: the whole request has its time, not each byte of it."""
    told = packet(b"ERR No git request was received in time.")
    whole = request("alice-1/" + "x" * 100)
    with closing(connect(open_house)) as silent, closing(connect(open_house)) as drip:
        started = time.monotonic()
        drip.settimeout(0.25)
        said, received = 0, b""
        while not received and said < len(whole):
            drip.sendall(whole[said:said + 1])
            said += 1
            try:
                received = drip.recv(1000)
            except TimeoutError:
                pass
        assert received == silent.recv(1000) == told
        assert said > 5 and 1.5 < time.monotonic() - started < 4


def test_the_directory_is_away(open_house, public):
    """Fail closed, and told so."""
    os.kill(open_house.gateway.authz(), 19)
    try:
        told = answer(open_house, request(public.path))
    finally:
        os.kill(open_house.gateway.authz(), 18)
    assert told[4:].startswith(b"ERR Gerve cannot check your access right now. Try again in a minute. (request ")


def test_sessions_of_one_source_are_bounded(open_house, public):
    held = [connect(open_house) for _ in range(2)]
    for connection in held:
        connection.sendall(request(public.path))
        assert connection.recv(4)
    refused = answer(open_house, request(public.path))
    assert refused == packet(b"ERR Too many connections from 127.0.0.1 are fetching (limit 2). Try again in a few seconds.")
    assert answer(open_house, request(public.path), "127.0.0.5").endswith(b"0000")
    assert open_house.metrics.value("gerve_connections_refused_total", limit="anonymous") == 1
    for connection in held:
        connection.close()
    wait_until(lambda: answer(open_house, request(public.path)).endswith(b"0000"), "there is room again")


def test_a_fetch_in_which_nothing_moves_is_ended(open_house, public):
    with closing(connect(open_house, source="127.0.0.77")) as idle:
        idle.sendall(request(public.path))
        started = time.monotonic()
        while idle.recv(65536):
            pass
        assert 2.5 < time.monotonic() - started < 6
    wait_until(lambda: " ended=idle" in open_house.gateway.log(), "it is on record")


def test_who_resolves_deltas_for_longer_loses_nothing(open_house, public):
    """The door has gone when the client is done with what it got, and the client does not need it any more."""
    programs = open_house.anybody.home / "slow"
    programs.mkdir()
    real = open_house.anybody.git("--exec-path").stdout.strip()
    for program in Path(real).iterdir():
        if program.name != "git":
            (programs / program.name).symlink_to(program)
    slow = programs / "git"
    slow.write_text(f'#!/bin/sh\n{real}/git "$@"\nstatus=$?\n[ "$1" != index-pack ] || sleep 6\nexit $status\n')
    slow.chmod(0o755)
    git = open_house.anybody.with_env(GIT_EXEC_PATH=str(programs))
    clone = git.git("-c", "fetch.unpackLimit=1", "clone", "--quiet", url(open_house, public.path), "slowly")
    assert clone.seconds > 6
    assert git.at("slowly").rev("main") == public.rev("main")


def test_a_client_that_stops_reading_holds_little_in_the_kernel(open_house):
    """Written and not sent yet: the rest waits in git, which is not asked for it."""
    repository = open_house.repository(open_house.alice, open_house.fresh("bulky"))
    work = open_house.alice.publish(repository)
    work.git("config", "core.compression", "0")
    repository.configure("receive.unpackLimit", "1")  # so that git sends what it has got, at once
    work.commit("noise", os.urandom(24 << 20))
    work.git("push", "--quiet")
    want = f"want {work.rev('HEAD')} side-band-64k\n".encode()
    with closing(connect(open_house)) as stalled:
        stalled.sendall(request(repository.path) + packet(want) + b"0000" + packet(b"done\n"))
        assert stalled.recv(4096)[4:].startswith(work.rev("HEAD").encode())
        local = stalled.getsockname()[1]

        def held() -> int:
            """Bytes in the send buffer of the gateway's end, as the kernel accounts for them."""
            ends = subprocess.run(["ss", "-tmnH", "state", "established", "sport", f"= :{open_house.git_port}",
                                   "dport", f"= :{local}"], capture_output=True, text=True, check=True).stdout
            return int(re.search(r"skmem:\(.*,w(\d+),", ends)[1])

        wait_until(lambda: held() > 100_000, "it stalls")
        most = 0
        for _ in range(10):
            time.sleep(0.1)
            most = max(most, held())
        print(f"{most >> 10} KiB")
        assert most < 1 << 20


def test_maintenance_is_told_here_as_well(open_house, public):
    open_house.gerve("maintenance", "on", "Back at noon.")
    try:
        wait_until(lambda: b"Back at noon." in answer(open_house, request(public.path)), "it is told")
    finally:
        open_house.gerve("maintenance", "off")
    wait_until(lambda: answer(open_house, request(public.path)).endswith(b"0000"), "it is over")


def test_a_fetch_that_a_stop_cuts_off_is_in_the_trail(workspace):
    hurried = CONFIG.replace("workers = 1", 'workers = 1\ndrain_timeout = "1s"').replace('"3s"', '"60s"')
    with running_house(workspace, hurried) as site:
        repository = site.repository(site.alice, site.fresh("public"))
        site.alice.publish(repository)
        with closing(connect(site)) as held:
            held.sendall(request(repository.path))
            assert held.recv(4096)
            site.gateway.stop()
        trail = events_in(site.state / "audit.jsonl")
    sessions = [one for one in trail if one["event"] == "session" and one["door"] == "git"]
    assert [(one["repo"], one["ended"]) for one in sessions] == [(repository.path, "stopped")]


# ---- behind a balancer


def test_who_waits_for_a_header_is_counted_and_bounded(open_house, public):
    value = open_house.metrics.value
    waiting = [connect(open_house, "127.0.0.9") for _ in range(3)]
    wait_until(lambda: value("gerve_connections_awaiting_header") == 3, "they are counted")
    with closing(connect(open_house, "127.0.0.9")) as more:
        assert more.recv(200) == packet(b"ERR Too many connections are waiting for a PROXY header. Try again.")
    with closing(socket.create_connection(("127.0.0.1", open_house.gateway.port), 10,
                                          source_address=("127.0.0.9", 0))) as over_ssh:
        assert over_ssh.recv(200).startswith(b"Too many connections are waiting for a PROXY header.")
    assert value("gerve_connections_refused_total", limit="awaiting_header") == 2
    for connection in waiting:
        connection.close()
    wait_until(lambda: value("gerve_connections_awaiting_header") == 0, "they are gone")
    header = b"PROXY TCP4 192.0.2.9 10.0.0.1 5 9418\r\n"
    assert answer(open_house, header + request(public.path), "127.0.0.9").endswith(b"0000")
    wait_until(lambda: " addr=192.0.2.9 " in open_house.gateway.log(), "the client's address is known")
