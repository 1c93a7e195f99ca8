"""Fetch, push and archive with real git, and what the frames around them do."""

import os
import subprocess

import grv1
import pytest
from conftest import git, wait_until


@pytest.mark.parametrize("version", ["0", "1", "2"])
@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_clone(site, version, over):
    bare = site.make_repository(commits=3)
    agent = site.start()
    work = site.directory / "work"
    site.git("-c", f"protocol.version={version}", "clone", "--quiet", "fs:mojombo/bert.git", str(work),
             address=site.unix if over == "unix" else site.tcp)
    assert git("rev-parse", "HEAD", cwd=work).stdout == git("rev-parse", "main", cwd=bare).stdout
    git("fsck", "--strict", cwd=work)
    (line,) = agent.log_lines("done")
    assert 'what="git-upload-pack mojombo/bert.git"' in line and "status=0" in line and "delivered=yes" in line


def test_push_and_fetch_by_another(site):
    bare = site.make_repository()
    site.start()
    one, two = site.directory / "one", site.directory / "two"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(one))
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(two))
    (one / "blob").write_bytes(os.urandom(3 << 20))
    git("add", "blob", cwd=one)
    git("commit", "--quiet", "-m", "more", cwd=one)
    site.git("push", "--quiet", "origin", "HEAD:main", cwd=one)
    site.git("pull", "--quiet", "--ff-only", cwd=two)
    assert (two / "blob").read_bytes() == (one / "blob").read_bytes()
    git("fsck", "--strict", cwd=bare)


def test_big_clone_and_push_arrive_whole(site):
    site.make_big_repository(megabytes=32)
    site.make_repository("mojombo/empty.git")
    site.start()
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/big.git", str(work))
    git("fsck", "--strict", cwd=work)
    site.git("push", "--quiet", "--force", "fs:mojombo/empty.git", "HEAD:main", cwd=work)
    git("fsck", "--strict", cwd=site.root / "mojombo/empty.git")


def test_archive(site):
    site.make_repository()
    site.start()
    file = site.directory / "bert.tar"
    site.git("archive", "--remote=fs:mojombo/bert.git", "-o", str(file), "main")
    assert subprocess.run(["tar", "tf", file], capture_output=True, text=True, check=True).stdout == "README\n"


def test_rejecting_hook_reaches_the_client_and_fails(site):
    bare = site.make_repository()
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    hook.chmod(0o755)
    site.start()
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=work)
    before = git("rev-parse", "main", cwd=bare).stdout
    pushed = site.git("push", "origin", "HEAD:main", cwd=work, check=False)
    assert pushed.returncode == 1
    assert "remote: no such luck" in pushed.stderr and "pre-receive hook declined" in pushed.stderr
    assert git("rev-parse", "main", cwd=bare).stdout == before


def test_exit_status_and_stderr_of_git_itself(site):
    site.make_repository()
    site.start()
    with site.open() as session:
        session.write(b"this is no pkt-line")
        session.finish()
        assert session.exit == (128, 0, "")
        assert b"fatal: protocol error: bad line length character: this" in session.stderr


def test_input_behind_open_and_byte_by_byte(site):
    site.make_repository()
    site.start()
    message = grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"00") + grv1.frame(grv1.STDIN, b"00")
    with grv1.Session(site.tcp, message) as session:
        assert session.finish().status == 0
        whole = session.stdout
    with grv1.Session(site.tcp) as session:
        dripping = grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000")
        for i in range(len(dripping)):
            session.socket.sendall(dripping[i:i + 1])
        assert session.finish().status == 0
        assert session.stdout == whole


def test_half_close_ends_gits_input(site):
    site.make_repository()
    site.start()
    with site.open() as session:
        session.until(lambda s: s.stdout.endswith(b"0000"))
        session.end_input()
        assert session.finish().status == 128
        assert b"the remote end hung up" in session.stderr


def test_git_may_close_its_input_early(site):
    """upload-pack is over after the flush; what the gateway sends on is nobody's error."""
    site.make_repository()
    site.start()
    with site.open() as session:
        session.write(b"0000" + b"x" * 3_000_000)
        assert session.finish().status == 0


def test_ping_is_answered_while_git_runs(site):
    site.make_repository()
    site.start()
    with site.open() as session:
        session.send(grv1.PING, b"12345678")
        session.send(grv1.PING)
        session.until(lambda s: len(s.pongs) == 2)
        assert session.pongs == [b"12345678", b""]
        session.write(b"0000")
        assert session.finish().status == 0


def test_ping_in_place_of_open_asks_whether_the_agent_serves(site):
    site.make_repository()
    standby = site.directory / "standby"
    site.start(f'standby_file = "{standby}"\n')
    with grv1.Session(site.tcp, grv1.frame(grv1.PING, b"up?")) as session:
        session.step()
        assert session.pongs == [b"up?"]
        session.socket.sendall(grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000"))
        assert session.finish().status == 0
    standby.touch()
    with grv1.Session(site.tcp, grv1.frame(grv1.PING, b"up?")) as session, pytest.raises(grv1.Failed) as failed:
        session.step()
    assert failed.value.code == grv1.STANDBY and failed.value.retryable


def test_sixteen_pings_are_answered_ahead_of_an_open_and_no_more(site):
    site.make_repository()
    site.start()
    ping = grv1.frame(grv1.PING, b"up?")
    with grv1.Session(site.tcp, 16 * ping + grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000")) as session:
        assert session.finish().status == 0 and session.pongs == 16 * [b"up?"]
    with grv1.Session(site.tcp, 17 * ping) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert failed.value.code == grv1.BAD_REQUEST and len(session.pongs) == 16


@pytest.mark.parametrize("bad", [
    b"\x03\x00\x00\x01x",  # STDOUT goes the other way
    b"\x00\x00\x00\x00", b"\xff\x00\x00\x00",  # no such frame
    b"\x01\x00\x00\x00",  # empty STDIN
    b"\x01\x04\x00\x01",  # longer than any frame
    b"\x02\x00\x00\x01x",  # STDIN_EOF carries nothing
    b"\x02\x00\x00\x00\x01\x00\x00\x01x",  # STDIN behind STDIN_EOF
])
def test_a_gateway_that_breaks_the_protocol_is_cut_off(site, bad):
    site.make_repository()
    agent = site.start()
    with site.open() as session:
        session.until_opened()
        session.socket.sendall(bad)
        with pytest.raises((grv1.Ended, ConnectionResetError)):
            session.finish()
    (line,) = wait_until(lambda: agent.log_lines("done"), what="the end")
    assert not agent.children()
    assert "GRV1 frame" in line and "delivered=no" in line


def test_backpressure_holds_memory_down(site):
    """A gateway that reads nothing of a big clone costs the agent next to nothing."""
    site.make_big_repository(megabytes=48)
    agent = site.start()
    before = resident(agent.pid)
    with site.open(path="mojombo/big.git", git_protocol="version=2") as session:
        head = git("rev-parse", "main", cwd=site.root / "mojombo/big.git").stdout.strip()
        session.write(pkt("command=fetch") + b"0001" + pkt("no-progress") + pkt(f"want {head}") + pkt("done") + b"0000")
        wait_until(lambda: stalled(agent.pid), what="the stall")
        assert resident(agent.pid) - before < (2 << 20 if not os.environ.get("ASAN_OPTIONS") else 16 << 20)
        session.end_input()
        session.finish()
        assert session.status == 0 and len(session.stdout) > 48 << 20


def pkt(line: str) -> bytes:
    data = line.encode() + b"\n"
    return f"{len(data) + 4:04x}".encode() + data


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def stalled(pid: int) -> bool:
    """No CPU used for half a second: it waits, and does not spin."""
    import time
    before = ticks(pid)
    time.sleep(0.5)
    return ticks(pid) == before
