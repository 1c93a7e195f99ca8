"""The life of a session: several on one connection, half-closed, cut off, stopped; and its exit status."""

import os
import signal
import subprocess
import time

import pytest

from harness.processes import command_line, descendants, resident_kib, wait_until
from harness.rawssh import Answer, RawClient

MEGABYTE = 1 << 20
GRACE = 15.0  # seconds in which git must be over when its client is gone


@pytest.fixture
def raw(door, alice):
    with RawClient(door) as client:
        yield client.log_in(alice.key)


def make_bulky(site, owner):
    """A repository with 100 MB that do not compress."""
    repository = site.repository(owner, "bulky")
    work = owner.publish(repository)
    work.commit("noise", os.urandom(100 * MEGABYTE))
    work.git("push", "--quiet")
    return repository


@pytest.fixture
def bulky(site, alice):
    return make_bulky(site, alice)


@pytest.fixture
def lonely(private_site):
    """Somebody on a gateway that nobody else uses: every git process there is his."""
    return private_site.person("alice")


# ---- several sessions on one connection


@pytest.fixture
def multiplexed(alice):
    """alice with an ssh master connection: her sessions can take no other way."""
    path = alice.home / "mux"
    master = alice.start_ssh("-M", "-N", "-S", path)
    wait_until(path.exists, "the master connection is there")
    yield alice.with_ssh_options("-S", str(path), "-o", "ControlMaster=no", "-o", "ProxyCommand=false")
    alice.ssh("-S", path, "-O", "exit", exit=range(256))
    master.finish(exit=range(-15, 256))


def test_two_sessions_at_once_on_one_connection(multiplexed, project):
    project.hook("pre-receive", "sleep 2")
    work = multiplexed.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    multiplexed.clone(project, into="meanwhile")
    assert push.process.poll() is None, "the clone waited for the push"
    push.finish()
    assert project.rev("main") == head


def test_ten_clones_at_once_on_one_connection(multiplexed, project):
    clones = [multiplexed.start("git", "clone", "--quiet", project.url, f"copy-{n}") for n in range(10)]
    for clone in clones:
        clone.finish()


def test_forty_sessions_one_after_the_other_on_one_connection(raw, project):
    for _ in range(40):
        assert raw.open_session().exec(f"git-upload-pack '{project.path}'", b"0000").exit == 0


def test_a_refused_session_does_not_disturb_the_one_beside_it(raw, project):
    channel, refused = raw.open_session(), raw.open_session()
    channel.request("exec", True, f"git-upload-pack '{project.path}'")
    channel.read_some()
    refused.request("exec", True, "git-upload-pack 'nobody/nothing'")
    channel.data(b"0000")
    channel.eof()
    assert [answer.exit for answer in read_all(raw, channel, refused)] == [0, 1]


def test_closing_one_channel_leaves_the_other(raw, site, project):
    first, second = raw.open_session(), raw.open_session()
    first.request("exec", True, f"git-upload-pack '{project.path}'")
    first.read_some()
    first.close()
    assert raw.is_alive()
    second.request("exec", True, f"git-upload-pack '{project.path}'")
    second.data(b"0000")
    second.eof()
    assert read_all(raw, first, second)[1].exit == 0


def test_a_command_right_behind_the_end_of_another_channel_is_served(raw):
    """To end a channel makes the server write, and read what lies there: no news may get lost by that."""
    for _ in range(500):
        first, second = raw.open_session(), raw.open_session()
        first.close()
        second.request("exec", True, "git-upload-pack 'nobody/nothing'")
        assert read_all(raw, first, second)[1].exit == 1


def read_all(client, *channels) -> list[Answer]:
    """Reads the channels of one connection, whose messages come mixed, until all of them are closed."""
    answers = {channel.number: Answer() for channel in channels}
    while not all(answer.is_over() for answer in answers.values()):
        got = client.receive()
        assert not isinstance(got, str), f"{got}: {answers}"
        for channel in channels:
            channel.take(answers[channel.number], *got)
    return list(answers.values())


# ---- half-close and exit status


def test_output_goes_on_after_the_client_has_ended_its_input(raw, door, bulky):
    """upload-archive reads its arguments and answers megabytes after that."""
    answer = raw.open_session().exec(f"git-upload-archive '{bulky.path}'", b"0012argument main\n0000")
    assert answer.exit == 0
    assert len(answer.stdout) > 100 * MEGABYTE
    assert {"eof", "exit-status"} <= set(answer.events) and answer.events[-1] == "close"
    if door.kind == "gateway":  # sshd may tell the status ahead of the last output
        assert sorted(answer.events[-3:-1]) == ["eof", "exit-status"]


INPUTS = {
    "nothing": b"",
    "flush": b"0000",
    "half-a-length": b"00",
    "half-a-packet": b"0032want 0123",
    "no-length": b"zzzz",
    "unknown-object": b"0032want " + b"1" * 40 + b"\n00000009done\n",
    "http": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("service", ["upload-pack", "receive-pack", "upload-archive"])
@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
def test_exit_status_and_stderr_are_those_of_git_itself(alice, project, service, content):
    """The same input to the same git, once through Gerve and once on the disk."""
    direct = subprocess.run(
        ["git", service, str(project.disk)],
        input=content,
        capture_output=True,
        env={
            **alice.env,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
    )
    through = alice.ssh(f"git-{service} '{project.path}'", input=content, exit=range(256))
    assert through.exit == direct.returncode, through.transcript()
    assert through.stderr_bytes == direct.stderr


def test_the_client_closes_its_output_early(alice, bulky):
    """`ssh … | head -c 1000`: ssh dies of a broken pipe in the middle of the stream."""
    command = alice.start_ssh(f"git-upload-archive '{bulky.path}'", stdin=subprocess.PIPE)
    command.process.stdin.write(b"0012argument main\n0000")
    command.process.stdin.close()
    command.process.stdout.read(1000)
    command.process.stdout.close()
    command.process.stderr.close()
    command.process.wait(30)


# ---- clients that go away


def test_a_clone_that_vanishes_takes_upload_pack_along(private_site, lonely):
    repository = make_bulky(private_site, lonely)
    clone = lonely.start("git", "clone", "--quiet", "--bare", repository.url)
    wait_until(lambda: private_site.gateway.git_processes(), "git serves the clone")
    clone.kill()
    wait_until(lambda: private_site.gateway.git_processes() == [], "git is over", timeout=GRACE)


def test_a_push_that_vanishes_leaves_nothing_behind(private_site, lonely):
    repository = private_site.repository(lonely)
    work = lonely.publish(repository)
    before = repository.rev("main")
    work.commit("noise", os.urandom(64 * MEGABYTE))
    repository.configure("receive.unpackLimit", "1")  # keep the pack, as with a push of many objects
    # The first megabytes go to the server; the rest stays here for ever.
    halfway = lonely.write(
        "halfway",
        f'#!/bin/sh\n(head -c {20 * MEGABYTE}; exec sleep 1000) | ssh -F {lonely.ssh_config} "$@"\n',
        0o755,
    )
    push = work.with_env(GIT_SSH_COMMAND=str(halfway), GIT_SSH_VARIANT="ssh").start("git", "push", "--quiet")
    wait_until(lambda: _size(repository.quarantines()) > 10 * MEGABYTE, "half of it is there", timeout=60)
    push.kill()
    wait_until(lambda: private_site.gateway.git_processes() == [], "git is over", timeout=GRACE)
    assert repository.rev("main") == before
    assert repository.quarantines() == []
    assert not list((repository.disk / "objects").rglob("tmp_*"))
    repository.git("fsck", "--full")


def test_a_push_that_vanishes_while_the_hook_runs_lets_the_hook_finish(private_site, lonely):
    """receive-pack gets no signal: a hook that mails or deploys is not cut in its middle."""
    repository = private_site.repository(lonely)
    work = lonely.publish(repository)
    repository.hook("pre-receive", 'touch "$GIT_DIR/hook-began"; sleep 2; touch "$GIT_DIR/hook-ended"')
    work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until((repository.disk / "hook-began").exists, "the hook runs")
    push.kill()
    wait_until((repository.disk / "hook-ended").exists, "the hook has ended", timeout=5)
    wait_until(lambda: private_site.gateway.git_processes() == [], "git is over", timeout=GRACE)
    assert repository.quarantines() == []
    repository.git("fsck", "--full")


def test_a_connection_that_is_cut_right_after_the_command(private_site, lonely):
    repository = private_site.repository(lonely)
    lonely.publish(repository)
    door = private_site.door()
    for service in ("git-upload-pack", "git-receive-pack", "git-upload-archive"):
        client = RawClient(door).log_in(lonely.key)
        client.open_session().request("exec", True, f"{service} '{repository.path}'")
        client.close()
    wait_until(lambda: private_site.gateway.git_processes() == [], "git is over", timeout=GRACE)
    lonely.git("ls-remote", repository.url)


# ---- clients that stop


@pytest.mark.timing
def test_a_client_that_stops_reading_costs_little_and_nobody_else_notices(private_site, lonely):
    repository = make_bulky(private_site, lonely)
    before = [resident_kib(pid) for pid in (*private_site.gateway.workers(), private_site.gateway.agent())]
    clones = [
        lonely.start("git", "clone", "--quiet", "--bare", repository.url, f"stopped-{n}") for n in range(4)
    ]
    stopped = [wait_until(lambda c=clone: _ssh_of(c.pid), "ssh runs") for clone in clones]
    wait_until(lambda: len(private_site.gateway.git_processes()) >= 4, "git serves all of them")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(5):
        assert lonely.git("ls-remote", repository.url).seconds < 5
    after = [resident_kib(pid) for pid in (*private_site.gateway.workers(), private_site.gateway.agent())]
    growth = [now - then for now, then in zip(after, before)]
    assert sum(growth) < 4 * 4096, f"KiB by process: {growth}"
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    for clone in clones:
        clone.finish()


def test_a_slow_reader_gets_every_byte(alice, bulky):
    """Backpressure: a pipe that is read in drops, with a small window."""
    clone = alice.start("git", "clone", "--quiet", "--bare", bulky.url, "slow")
    ssh = wait_until(lambda: _ssh_of(clone.pid), "ssh runs")
    for _ in range(15):
        os.kill(ssh, signal.SIGSTOP)
        time.sleep(0.05)
        if clone.process.poll() is not None:
            break
        os.kill(ssh, signal.SIGCONT)
    clone.finish()
    alice.git("-C", "slow", "fsck")


def _ssh_of(pid: int) -> int | None:
    return next((member for member in descendants(pid) if command_line(member)[:1] == ["ssh"]), None)


def _size(directories) -> int:
    total = 0
    for directory in directories:
        for inner, _, files in os.walk(directory):
            for name in files:
                try:
                    total += os.stat(os.path.join(inner, name)).st_size
                except OSError:
                    pass  # moved meanwhile
    return total
