"""How operations end when somebody goes away: the gateway, the agent, the master."""

import os
import random
import signal
import socket
import stat
import time

import grv1
import pytest
from conftest import alive, git, wait_until
from test_streams import pkt


def fetch_request(site, path) -> bytes:
    head = git("rev-parse", "main", cwd=site.root / path).stdout.strip()
    return (pkt("command=fetch") + b"0001" + pkt("no-progress") + pkt(f"want {head}") + pkt("done") + b"0000")


def start_clone(site, path="mojombo/big.git", **fields) -> grv1.Session:
    """A clone of which the first bytes have come."""
    session = site.open(path=path, git_protocol="version=2", **fields)
    session.write(fetch_request(site, path))
    return session.until(lambda s: len(s.stdout) > 100_000)


def quarantines(bare) -> list[str]:
    return [name for name in os.listdir(bare / "objects") if name.startswith(("tmp_objdir", "incoming"))]


def start_push(site, path="mojombo/bert.git", megabytes=8, hook=None, **fields):
    """A push of one commit with a big blob: the session after the advertisement, and the pack to be sent."""
    bare = site.root / path
    if hook:
        file = bare / "hooks/pre-receive"
        file.parent.mkdir(exist_ok=True)
        file.write_text(hook)
        file.chmod(0o755)
    work = site.directory / "pushing"
    git("clone", "--quiet", str(bare), str(work))
    (work / "blob").write_bytes(os.urandom(megabytes << 20))
    git("config", "core.compression", "0", cwd=work)
    git("add", "blob", cwd=work)
    git("commit", "--quiet", "-m", "pushed", cwd=work)
    old, new = (git("rev-parse", name, cwd=work).stdout.strip() for name in ("HEAD~", "HEAD"))
    pack = git_bytes(work, f"{new}\n^{old}\n")
    session = site.open(grv1.RECEIVE_PACK, path, **fields).until(lambda s: s.stdout.endswith(b"0000"))
    command = f"{old} {new} refs/heads/main\0 report-status side-band-64k".encode()
    session.write(f"{len(command) + 4:04x}".encode() + command + b"0000")
    session.stdout.clear()
    return session, pack, new


def git_bytes(work, revisions: str) -> bytes:
    import subprocess
    return subprocess.run(["git", "pack-objects", "--stdout", "--revs", "--quiet"], cwd=work, check=True,
                          input=revisions.encode(), capture_output=True).stdout


def tip(site, path="mojombo/bert.git") -> str:
    return git("rev-parse", "main", cwd=site.root / path).stdout.strip()


# ---- the gateway goes away

@pytest.mark.parametrize("how", ["close", "reset", "cancel"])
def test_a_clone_whose_gateway_goes_ends_with_its_whole_group(site, how):
    site.make_big_repository(megabytes=24)
    agent = site.start('grace = "10s"\n')
    session = start_clone(site)
    family = agent.children()
    assert len(family) >= 2, "upload-pack and pack-objects"
    start = time.monotonic()
    if how == "cancel":
        session.send(grv1.CANCEL)
        session.finish()
        assert session.exit == (0xffffffff, signal.SIGTERM, "cancelled")
    else:
        if how == "reset":
            session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        session.close()
    wait_until(lambda: not any(map(alive, family)), what="the end of the group")
    assert time.monotonic() - start < 3, "SIGTERM was enough"
    wait_until(lambda: agent.log_lines("done"), what="the log")


def test_what_ignores_sigterm_is_killed_after_the_grace(site):
    bare = site.make_repository()
    script = site.directory / "stubborn"
    script.write_text("#!/usr/bin/python3\nimport os, signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
                      "os.write(2, b'here\\n')\n"
                      "if os.fork() == 0:\n    signal.signal(15, signal.SIG_IGN)\ntime.sleep(60)\n")
    script.chmod(0o755)
    agent = site.start(f'grace = "1s"\ngit = "{script}"\n')
    session = site.open().until(lambda s: s.stderr == b"here\n")
    family = wait_until(lambda: len(agent.children()) == 2 and agent.children(), what="two processes")
    session.close()
    time.sleep(0.5)
    assert all(map(alive, family)), "the grace is not over"
    wait_until(lambda: not any(map(alive, family)), timeout=3, what="SIGKILL")
    (line,) = wait_until(lambda: agent.log_lines("done"), what="the log")
    assert "signal=9" in line
    assert bare.exists()


def test_a_push_cut_in_the_middle_gets_no_signal_and_leaves_no_quarantine(site):
    bare = site.make_repository()
    agent = site.start()
    before = tip(site)
    session, pack, _ = start_push(site)
    session.write(pack[:len(pack) // 2])
    wait_until(lambda: quarantines(bare), what="the quarantine")
    session.close()
    wait_until(lambda: agent.log_lines("done"), what="the end")
    (line,) = agent.log_lines("done")
    assert "status=" in line and "signal" not in line, "receive-pack ended by itself"
    assert quarantines(bare) == [] and tip(site) == before
    assert not [name for name in os.listdir(bare / "objects/pack") if name.startswith("tmp_")]
    git("fsck", "--strict", cwd=bare)


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_a_push_that_has_arrived_is_completed_without_its_gateway(site, how):
    bare = site.make_repository()
    agent = site.start('grace = "100ms"\n')
    hook = "#!/bin/sh\necho started >&2\nsleep 2\ntouch done\n"
    session, pack, new = start_push(site, megabytes=1, hook=hook)
    session.write(pack)
    session.until(lambda s: b"started" in s.stdout)
    if how == "cancel":
        session.send(grv1.CANCEL)
        assert session.finish().exit == (0, 0, "cancelled")
    else:
        session.close()
    wait_until(lambda: agent.log_lines("done"), what="the end")
    assert (bare / "done").exists() and tip(site) == new
    assert quarantines(bare) == []
    git("fsck", "--strict", cwd=bare)


def test_a_push_without_a_gateway_may_not_take_for_ever(site):
    site.make_repository()
    agent = site.start('grace = "200ms"\nabandoned_push = "1s"\n')
    hook = "#!/usr/bin/python3\nimport signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('started', flush=True)\ntime.sleep(60)\n"
    before = tip(site)
    session, pack, _ = start_push(site, megabytes=1, hook=hook)
    session.write(pack)
    session.until(lambda s: b"started" in s.stdout)
    family = agent.children()
    session.close()
    time.sleep(0.6)
    assert all(map(alive, family)), "it had time"
    wait_until(lambda: not any(map(alive, family)), timeout=5, what="its end")
    assert tip(site) == before


def test_forty_pushes_cut_at_random_places_leave_sound_repositories(site):
    bares = [site.make_repository(f"mojombo/r{number}.git") for number in range(4)]
    agent = site.start()
    work = site.directory / "pushing"
    git("clone", "--quiet", str(bares[0]), str(work))
    (work / "blob").write_bytes(os.urandom(1 << 20))
    git("add", "blob", cwd=work)
    git("commit", "--quiet", "-m", "pushed", cwd=work)
    new = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    pack = git_bytes(work, f"{new}\n")
    whole = []
    for number in range(40):
        session = site.open(grv1.RECEIVE_PACK, f"mojombo/r{number % 4}.git").until_opened()
        command = f"{'0' * 40} {new} refs/heads/p{number}\0 report-status".encode()
        message = f"{len(command) + 4:04x}".encode() + command + b"0000" + pack
        cut = random.randrange(len(message) + len(message) // 4)
        session.write(message[:cut])
        if cut >= len(message):
            whole.append(number)
        session.close()
    wait_until(lambda: len(agent.log_lines("done")) == 40, timeout=60, what="all ends")
    assert not agent.log_lines("done", "signal=")
    for number, bare in enumerate(bares):
        assert quarantines(bare) == []
        git("fsck", "--strict", cwd=bare)
        pushed = git("for-each-ref", "--format=%(refname)", "refs/heads/p*", cwd=bare).stdout.split()
        # One that was sent whole may still have been lost with its connection; no other may be there.
        assert set(pushed) <= {f"refs/heads/p{each}" for each in whole if each % 4 == number}


def test_kill_9_of_the_agent_ends_its_gits(site):
    bare = site.make_big_repository(megabytes=24)
    site.make_repository()
    agent = site.start()
    start_clone(site)
    session, pack, _ = start_push(site)
    session.write(pack[:len(pack) // 2])
    wait_until(lambda: quarantines(site.root / "mojombo/bert.git"), what="the quarantine")
    family = agent.children()
    assert len(family) >= 4
    agent.process.kill()
    wait_until(lambda: not any(map(alive, family)), timeout=30, what="the end of git")
    assert quarantines(site.root / "mojombo/bert.git") == []
    git("fsck", "--strict", cwd=site.root / "mojombo/bert.git")
    git("fsck", cwd=bare)


# ---- the agent goes

def connects(address) -> bool:
    try:
        grv1.Session(address).close()
    except OSError:
        return False
    return True


def test_drain_lets_operations_end_and_takes_no_more(site):
    site.make_repository()
    agent = site.start()
    running = site.open().until(lambda s: s.stdout.endswith(b"0000"))
    half = grv1.Session(site.tcp, b"GRV1")
    time.sleep(0.2)
    agent.process.send_signal(signal.SIGTERM)
    with half, pytest.raises(grv1.Failed) as failed:
        half.finish()
    assert failed.value.code == grv1.DRAINING and failed.value.retryable
    for address in (site.tcp, site.unix):
        wait_until(lambda: not connects(address), what="closed listeners")
    assert agent.process.poll() is None
    running.write(b"0000")
    assert running.finish().status == 0
    assert agent.process.wait(5) == 0


def test_connections_still_in_the_queue_are_told_of_the_drain(site):
    """Stopped, the agent accepts nothing; continued with a SIGTERM pending it refuses instead of resetting."""
    site.make_repository()
    agent = site.start()
    agent.process.send_signal(signal.SIGSTOP)
    waiting = [site.open() for _ in range(20)]
    agent.process.send_signal(signal.SIGTERM)
    agent.process.send_signal(signal.SIGCONT)
    for session in waiting:
        try:
            session.write(b"0000")
            assert session.finish().status == 0  # accepted before the signal was seen
        except grv1.Failed as failed:
            assert failed.code == grv1.DRAINING
    assert agent.process.wait(5) == 0


def test_a_second_signal_and_the_drain_timeout_end_what_runs(site):
    site.make_repository()
    for more, again in (("", True), ('drain_timeout = "1s"\n', False)):
        agent = site.start(more)
        session = site.open().until_opened()
        agent.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        if again:
            agent.process.send_signal(signal.SIGTERM)
        with pytest.raises((grv1.Ended, ConnectionResetError)):
            session.finish()
        assert agent.process.wait(5) == 0


def test_a_master_is_told_and_its_end_is_a_drain(site):
    site.make_repository()
    master, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(site.unix)
    listener.listen()
    agent = site.start(arguments=["--control-fd", str(child.fileno()), "--listen-fd", str(listener.fileno())],
                       pass_fds=(child.fileno(), listener.fileno()))
    child.close()
    master.settimeout(5)
    assert master.recv(100) == b"ready"
    running = site.open(address=site.unix).until_opened()
    master.close()
    wait_until(lambda: agent.log_lines("draining"), what="the drain")
    running.write(b"0000")
    assert running.finish().status == 0
    assert agent.process.wait(5) == 0
    assert stat.S_ISSOCK(os.stat(site.unix).st_mode), "the master's socket is the master's to remove"
    listener.close()
