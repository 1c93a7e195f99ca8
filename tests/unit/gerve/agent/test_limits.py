"""What the agent has room for: standby, operations that wait for their turn, descriptors, memory, its configuration."""

import os
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grv1
import pytest
from conftest import PROGRAM, wait_until
from test_streams import resident, stalled, ticks


def test_standby(site):
    site.make_repository()
    standby = site.directory / "standby"
    site.start(f'standby_file = "{standby}"\n')
    standby.touch()
    message = grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000")
    with grv1.Session(site.tcp, message) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert failed.value.code == grv1.STANDBY and failed.value.retryable
    standby.unlink()
    with grv1.Session(site.tcp, message) as session:  # nothing was done for that ticket yet
        assert session.finish().status == 0


def test_more_than_may_run_wait_and_then_are_busy(site):
    site.make_repository()
    agent = site.start('max_operations = 2\nqueue_timeout = "1s"\n')
    first, second = site.open().until_opened(), site.open().until_opened()
    third, fourth = site.open(), site.open()
    third.write(b"0000")
    fourth.write(b"0000")
    time.sleep(0.3)
    assert len(agent.children()) == 2
    first.close()
    assert third.finish().status == 0, "its turn came"
    assert fourth.finish().status == 0
    fifth = site.open().until_opened()
    message = grv1.Open().encode(site.key) + grv1.frame(grv1.STDIN, b"0000")
    with grv1.Session(site.tcp, message) as sixth, pytest.raises(grv1.Failed) as failed:
        sixth.finish()
    assert failed.value.code == grv1.BUSY and failed.value.retryable
    second.close()
    fifth.close()
    wait_until(lambda: not agent.children(), what="room")
    with grv1.Session(site.tcp, message) as session:
        assert session.finish().status == 0


def test_one_owner_does_not_take_the_place_of_others(site):
    site.make_repository()
    site.make_repository("defunkt/ace.git")
    site.start('max_operations = 3\nmax_operations_per_owner = 1\nqueue_timeout = "500ms"\n')
    greedy = site.open().until_opened()
    waiting = site.open()
    with site.open(path="defunkt/ace.git") as other:
        other.write(b"0000")
        assert other.finish().status == 0
    with pytest.raises(grv1.Failed) as failed:
        waiting.finish()
    assert failed.value.code == grv1.BUSY
    greedy.write(b"0000")
    assert greedy.finish().status == 0


ALICE = {"GERVE_USER": "alice", "GERVE_USER_ID": "7", "GERVE_KEY": "SHA256:one"}
ALICE_TOO = {**ALICE, "GERVE_KEY": "SHA256:two"}
ALICE_AGAIN = {**ALICE, "GERVE_KEY": "SHA256:three"}
BOB = {"GERVE_USER": "bob", "GERVE_USER_ID": "8", "GERVE_KEY": "SHA256:four"}
MACHINE = {"GERVE_USER": "deploy-key", "GERVE_USER_ID": "", "GERVE_KEY": "SHA256:five"}


def test_git_for_strangers_yields_to_git_for_people(site):
    site.make_repository()
    agent = site.start()

    def niceness_with(env) -> int:
        with site.open(env=env) as session:
            session.until_opened()
            (git,) = agent.children()
            nice = os.getpriority(os.PRIO_PROCESS, git)
        wait_until(lambda: not agent.children(), what="its end")
        return nice - os.getpriority(os.PRIO_PROCESS, agent.pid)

    assert niceness_with(ALICE) == 0
    assert niceness_with(MACHINE) == 0
    assert niceness_with({}) == min(19, 19 - os.getpriority(os.PRIO_PROCESS, agent.pid))


def _is_served(site, env, **fields) -> bool:
    with site.open(env=env, **fields) as session:
        session.write(b"0000")
        return session.finish().status == 0


def _is_refused(site, env, text: str) -> None:
    with site.open(env=env) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert (failed.value.code, failed.value.retryable, failed.value.text) == (grv1.ACCOUNT_LIMIT, False, text)


def test_one_account_does_not_take_all_places(site):
    site.make_repository()
    site.start('max_operations_per_account = 3\nmax_operations_per_key = 2\nqueue_timeout = "500ms"\n')
    held = [site.open(env=ALICE).until_opened() for _ in range(2)]
    _is_refused(site, ALICE, "2 operations of one key")
    held.append(site.open(env=ALICE_TOO).until_opened())
    _is_refused(site, ALICE_AGAIN, "3 operations of one account")
    assert _is_served(site, BOB) and _is_served(site, MACHINE) and _is_served(site, {}), "others are served"
    waiting = site.open(env=ALICE_TOO)
    held.pop().close()
    waiting.write(b"0000")
    assert waiting.finish().status == 0, "its turn came"
    for session in held:
        session.close()


def test_a_deploy_keys_account_is_its_repository(site):
    site.make_repository()
    site.make_repository("mojombo/other.git")
    site.start('max_operations_per_account = 1\nqueue_timeout = "500ms"\n')
    held = site.open(env=MACHINE).until_opened()
    _is_refused(site, {**MACHINE, "GERVE_KEY": "SHA256:six"}, "1 operations of one account")
    assert _is_served(site, {**MACHINE, "GERVE_KEY": "SHA256:six"}, path="mojombo/other.git")
    held.close()


def test_by_default_neither_an_account_nor_a_key_can_take_half_of_the_places(site):
    """A key has 64 of 2,048, or fewer where descriptors are few: idle fetches of one machine leave room for everybody."""
    site.make_repository()
    agent = site.start('queue_timeout = "5s"\nmax_starting = 1000\n')
    waiting = [site.open(env=MACHINE) for _ in range(128)]
    refused = lambda: len(agent.log_lines("refused", "code=12"))
    wait_until(lambda: refused() + len(agent.children()) == len(waiting), timeout=60, what="the rest is refused")
    assert 8 <= len(agent.children()) <= 64
    assert _is_served(site, BOB)
    for session in waiting:
        session.close()


def test_a_key_that_keeps_coming_does_not_fill_the_queue(site):
    """Four times its limit may wait; the next is refused at once, though its turn might have come."""
    site.make_repository()
    agent = site.start('threads = 1\nmax_operations_per_key = 1\nmax_operations_per_account = 1\nqueue_timeout = "60s"\n')
    crowd = [site.open(env=ALICE) for _ in range(9)]
    wait_until(lambda: len(agent.log_lines("refused", "code=12")) == 4, what="four are refused")
    assert _is_served(site, BOB)
    for session in crowd:
        session.close()


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_socket_file_that_somebody_removed_is_made_again(site, hang_up):
    site.make_repository()
    socket_file = Path(site.unix)
    agent = site.start()
    for removed in (1, 2):
        held = site.open(address=site.unix).until_opened()
        socket_file.unlink()
        if hang_up:
            os.kill(agent.pid, signal.SIGHUP)
        wait_until(lambda: len(agent.log_lines("a socket file was removed")) == removed, what="it is there again")
        with site.open(address=site.unix) as session:
            session.write(b"0000")
            assert session.finish().status == 0
        held.write(b"0000")
        assert held.finish().status == 0, "what ran before goes on"


def test_a_gateway_that_leaves_while_it_waits_starts_nothing(site):
    site.make_repository()
    agent = site.start("max_operations = 1\n")
    first = site.open().until_opened()
    site.open().close()
    time.sleep(0.2)
    first.write(b"0000")
    first.finish()
    wait_until(lambda: agent.log_lines("the gateway disconnected while the operation was queued"), what="the log")
    assert len(agent.log_lines("done")) == 1


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="the sanitizer itself needs descriptors")
def test_out_of_descriptors_the_agent_neither_spins_nor_dies(site):
    site.make_repository()
    agent = site.start()
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (40, 40))
    held = [grv1.Session(site.tcp) for _ in range(60)]
    wait_until(lambda: agent.log_lines("cannot accept"), what="the shortage")
    before, start = ticks(agent.pid), time.monotonic()
    time.sleep(1)
    assert ticks(agent.pid) - before < 20 * (time.monotonic() - start), "CPU while it cannot accept"
    for session in held:
        session.close()
    wait_until(lambda: _serves(site), what="service again")


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="the sanitizer itself needs descriptors")
def test_with_few_descriptors_operations_wait_for_their_turn(site):
    """150 at once, of which a handful can run: none is refused, whichever of them come first."""
    site.make_repository()
    agent = site.start("threads = 2\n", files=160)
    assert agent.log_lines("the hard limit of open files limits operations")
    sessions = [site.open(timeout=60) for _ in range(150)]
    most = max(len(agent.children()) for _ in range(20))
    assert 0 < most < 40
    for session in sessions:
        session.write(b"0000")
    with ThreadPoolExecutor(len(sessions)) as several:
        assert [done.status for done in several.map(lambda session: session.finish(), sessions)] == [0] * 150
    assert not agent.log_lines("refused")


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="the sanitizer itself needs descriptors")
def test_a_shortage_that_lasts_is_busy_and_not_a_fault(site):
    site.make_repository()
    agent = site.start('queue_timeout = "1s"\n')
    with site.open() as first:
        first.write(b"0000")
        first.finish()
    open_now = len(os.listdir(f"/proc/{agent.pid}/fd"))
    before = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (open_now + 4, before[1]))
    with site.open() as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert (failed.value.code, failed.value.text) == (grv1.BUSY, "busy") and failed.value.retryable
    assert agent.log_lines("refused", "code=7", "Too many open files")
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, before)
    assert _serves(site)


def _serves(site) -> bool:
    try:
        with site.open(timeout=2) as session:
            session.write(b"0000")
            return session.finish().status == 0
    except (grv1.Ended, grv1.Failed, OSError):
        return False


def test_a_git_that_cannot_be_started(site):
    site.make_repository()
    fake = site.directory / "git"
    fake.write_text("no program")
    fake.chmod(0o755)
    agent = site.start(f'git = "{fake}"\n')
    with site.open() as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    assert failed.value.code == grv1.SPAWN and failed.value.text == "cannot start git"
    assert agent.log_lines("refused", "Exec format error")


def test_idle_sessions_use_no_cpu_and_little_memory(site):
    site.make_repository()
    agent = site.start("threads = 1\n")
    with site.open() as first:
        first.write(b"0000")
        first.finish()
    before = resident(agent.pid)
    sessions = [site.open().until(lambda s: s.stdout.endswith(b"0000")) for _ in range(150)]
    assert wait_until(lambda: stalled(agent.pid), what="rest")
    if not os.environ.get("ASAN_OPTIONS"):
        assert (resident(agent.pid) - before) / len(sessions) < 40 << 10
    for session in sessions:
        session.write(b"0000")
        assert session.finish().status == 0


def test_configuration_errors_are_told_together_with_status_2(site):
    site.config_file.write_text('name = "a b"\nroot = "/nonexistent"\nlayuot = "flat"\nthreads = "many"\n')
    run = subprocess.run([PROGRAM, "-c", str(site.config_file)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2
    places = [line.split(": ")[0].removeprefix(str(site.config_file)) for line in run.stderr.splitlines()
              if line.startswith(str(site.config_file))]
    assert places == [":1:8", ":2:8", ":3:1", ":4:11"]
    assert subprocess.run([PROGRAM, "--no-such-option"], capture_output=True, timeout=20).returncode == 2
    site.write_settings('listen = ["unix:/tmp/x"]\n')
    assert subprocess.run([PROGRAM, "--check", "-c", str(site.config_file)], timeout=20).returncode == 0
    site.write_settings("")
    run = subprocess.run([PROGRAM, "-c", str(site.config_file)], capture_output=True, text=True, timeout=20)
    assert run.returncode == 2 and "no address to listen on" in run.stderr
