"""The processes of the gateway: one dies, the others go on; reload; a clean end."""

import os
import signal
import socket
import time

import pytest

from harness.messages import greeting
from harness.outcome import NONZERO
from harness.paused import PausedClone
from harness.processes import is_alive, wait_until
from harness.rawssh import RawClient

CONFIG = """
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
workers = 2
"""
MEGABYTE = 1 << 20


@pytest.fixture
def site(private_sites):
    return private_sites(CONFIG)


@pytest.fixture
def door(site):
    return site.door()


@pytest.fixture
def bulky(site, alice):
    """A repository that takes a while to clone: 64 MB that do not compress."""
    repository = site.repository(alice, "bulky")
    alice.publish(repository)
    work = alice.clone(repository, into="bulky-work")
    work.commit("noise", os.urandom(64 * MEGABYTE))
    work.git("push", "--quiet")
    return repository


def clones_on_both_workers(site, person, repository) -> dict[int, list[PausedClone]]:
    by_worker: dict[int, list[PausedClone]] = {}
    for number in range(20):
        clone = PausedClone(site, person, repository, f"paused-{number}")
        by_worker.setdefault(clone.worker, []).append(clone)
        if len(by_worker) == 2:
            return by_worker
    raise AssertionError("twenty connections all went to one worker")


def test_kill_of_a_worker_leaves_the_clone_of_the_other_alone(site, alice, bulky):
    (killed, lost), (living, kept) = clones_on_both_workers(site, alice, bulky).items()
    os.kill(killed, signal.SIGKILL)
    started = time.monotonic()
    wait_until(
        lambda: len(site.gateway.workers()) == 2 and killed not in site.gateway.workers(),
        "the dead worker is replaced",
        timeout=1,
    )
    for clone in kept:
        clone.go_on()
    for clone in lost:
        clone.go_on(exit=NONZERO)
    assert living in site.gateway.workers()
    assert time.monotonic() - started < 60
    wait_until(lambda: site.gateway.git_processes() == [], "no git is left of the dead worker", timeout=10)


def test_the_gateway_serves_on_after_each_of_its_processes_was_killed(site, alice, bulky):
    roles = [*((lambda: site.gateway.workers()[0],) * 2), site.gateway.authz, site.gateway.agent]
    for find in roles:
        os.kill(find(), signal.SIGKILL)
        wait_until(
            lambda: alice.ssh(f"git-upload-archive '{bulky.path}'", exit=range(0, 256)).exit in (0, 128),
            "served again",
            timeout=2,
        )


def test_a_worker_that_dies_again_and_again_does_not_stop_the_gateway(site, alice):
    for _ in range(5):
        before = site.gateway.workers()
        os.kill(before[0], signal.SIGKILL)
        wait_until(
            lambda: len(site.gateway.workers()) == 2 and before[0] not in site.gateway.workers(),
            "replaced",
            timeout=3,
        )
    alice.ssh(exit=1, stderr=greeting(alice.login))


def test_the_master_dies_and_takes_all_along(site, alice):
    family = site.gateway.family()
    os.kill(site.gateway.pid, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in family if is_alive(pid)], "all of them are over", timeout=5)
    site.gateway.kill()


# ---- reload


def test_reload_takes_the_new_configuration(site, alice, project, tmp_path):
    notice = tmp_path / "notice"
    notice.write_text("Maintenance on Sunday\n")
    site.gateway.configure(CONFIG + f'notice_file = "{notice}"\n')
    site.gateway.hang_up()
    wait_until(
        lambda: "remote: Maintenance on Sunday\n" in alice.git("ls-remote", project.url).stderr,
        "the notice is shown",
        timeout=5,
    )


def test_who_has_just_logged_in_when_a_reload_begins_is_served(site, alice):
    with RawClient(site.door()) as client:
        client.log_in(alice.key)
        site.gateway.hang_up()
        wait_until(lambda: site.gateway.log().count("worker: draining") == 2, "both workers drain")
        assert not client.is_cut(0.5)
        assert client.whoami() == greeting(alice.login)


@pytest.mark.timing
def test_a_reload_leaves_time_to_read_the_end_of_a_session(site, alice):
    with RawClient(site.door()) as client:
        assert client.log_in(alice.key).whoami() == greeting(alice.login)
        site.gateway.hang_up()
        wait_until(lambda: site.gateway.log().count("worker: draining") == 2, "both workers drain")
        assert not client.is_cut(0.5)
        assert client.is_cut(5)


def test_reload_of_a_broken_configuration_keeps_the_old_one_and_says_why(site, alice, project):
    site.gateway.configure(CONFIG + "no_such_key = 1\nlogin_grace = 'soon'\n")
    site.gateway.hang_up()
    wait_until(lambda: "no_such_key" in site.gateway.log(), "the log names the key", timeout=5)
    assert f"file={site.gateway.config_file} line=7 " in site.gateway.log()
    for _ in range(4):
        alice.git("ls-remote", project.url, says=project.rev("main"))
    assert is_alive(site.gateway.pid)


def test_reload_does_not_disturb_sessions(site, alice, project):
    project.hook("pre-receive", "sleep 3")
    work = alice.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    for _ in range(10):
        site.gateway.hang_up()
        time.sleep(0.2)
        alice.git("ls-remote", project.url)
    push.finish()
    assert project.rev("main") == head


# ---- the end


def test_sigterm_lets_a_push_finish_and_takes_no_new_connection(site, alice, project):
    project.hook("pre-receive", "sleep 3")
    work = alice.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until(lambda: site.gateway.git_processes(), "git receives the push")
    site.gateway.process.terminate()
    wait_until(lambda: not site.gateway.answers(), "no new connections are accepted", timeout=2)
    push.finish()
    assert project.rev("main") == head
    assert site.gateway.process.wait(10) == 0


def test_sigterm_ends_an_idle_gateway_at_once(site, alice):
    alice.ssh(exit=1, stderr=greeting(alice.login))
    started = time.monotonic()
    site.gateway.stop()
    assert time.monotonic() - started < 3


def test_sigterm_does_not_wait_for_whoever_has_not_logged_in(site, door):
    with RawClient(door) as client:
        client.request_authentication()
        started = time.monotonic()
        site.gateway.stop()
        assert time.monotonic() - started < 5


def test_interrupt_ends_it_as_sigterm_does(site):
    """Ctrl-C at the terminal of a demo."""
    os.kill(site.gateway.pid, signal.SIGINT)
    assert site.gateway.process.wait(5) == 0


STOPPED = "ERROR: Gerve was stopped before this was finished. Try again."


def a_push_under_way(site):
    """A push whose hook sleeps for a minute."""
    alice = site.person("alice")
    project = site.repository(alice)
    alice.publish(project)
    project.hook("pre-receive", "sleep 60")
    work = alice.clone(project)
    work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until(lambda: site.gateway.git_processes(), "git receives the push")
    return push


def end_hooks(site):
    """A hook that sleeps, with no one to wait for it."""
    family = site.gateway.family()
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in family), "they are gone")


def test_drain_has_an_end_and_clients_read_why(private_sites):
    site = private_sites(CONFIG + 'drain_timeout = "2s"\n')
    push = a_push_under_way(site)
    site.gateway.process.terminate()
    assert site.gateway.process.wait(20) == 0
    push.finish(exit=NONZERO, says=STOPPED)
    end_hooks(site)


def test_a_second_sigterm_ends_sessions_with_a_text(private_sites):
    site = private_sites(CONFIG)
    push = a_push_under_way(site)
    site.gateway.process.terminate()
    wait_until(lambda: "stopping" in site.gateway.log(), "it drains")
    site.gateway.process.terminate()
    assert site.gateway.process.wait(20) == 0
    push.finish(exit=NONZERO, says=STOPPED)
    end_hooks(site)


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)], ids=str)
def test_sessions_are_ended_with_a_text_however_close_the_signals_come(private_sites, signals):
    """A worker that is stopped meanwhile has both signals of the master pending when it goes on."""
    site = private_sites(CONFIG)
    push = a_push_under_way(site)
    workers = site.gateway.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    for number in signals:
        site.gateway.process.send_signal(number)
        time.sleep(0.3)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert site.gateway.process.wait(20) == 0
    push.finish(exit=NONZERO, says=STOPPED)
    end_hooks(site)


@pytest.mark.parametrize("announced", ("before the stop", "while it drains"))
def test_a_shutdown_of_the_machine_does_not_wait_for_sessions(private_sites, announced):
    """gerve-shutdown.service sends SIGUSR1; the drain has an hour otherwise."""
    site = private_sites(CONFIG + 'shutdown_timeout = "1s"\n')
    push = a_push_under_way(site)
    signals = [signal.SIGUSR1, signal.SIGTERM]
    for number in signals if announced == "before the stop" else reversed(signals):
        site.gateway.process.send_signal(number)
        time.sleep(0.2)
    assert site.gateway.process.wait(30) == 0
    push.finish(exit=NONZERO, says=STOPPED)
    end_hooks(site)


# ---- what a service manager hears


def test_a_service_manager_hears_when_it_serves_and_when_it_drains(private_sites, workspace):
    site = private_sites(CONFIG, start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(site.directory / "notify"))
        manager.settimeout(20)
        site.gateway.prefix = ["env", f"NOTIFY_SOCKET={site.directory / 'notify'}"]
        site.start()
        assert b"READY=1" in manager.recv(4096)
        site.gateway.stop()
        assert b"STOPPING=1" in manager.recv(4096)


# ---- start


def test_a_port_that_is_taken_is_told(site, private_sites):
    second = private_sites(CONFIG, start=False)
    second.gateway.port = site.gateway.port
    second.gateway.configure(CONFIG)
    second.gateway.fails_to_start(says=str(site.gateway.port), exit=1)


def test_two_gateways_on_one_state_directory_are_refused(site, private_sites):
    second = private_sites(start=False)
    second.gateway.state = site.state
    second.gateway.fails_to_start(says=str(site.state), exit=1)
    site.person("still-alive").ssh(exit=1)


def test_the_embedded_default_tells_which_url_to_clone(private_site):
    url = f"ssh://git@127.0.0.1:{private_site.gateway.port}/"
    wait_until(lambda: url in private_site.gateway.log(), "the URL is printed")
