"""A stock sshd in front of Gerve: what it serves, and what happens when authz is not there to be asked."""

import os
import re
import signal
import time

import pytest
from conftest import site_for_sshd
from harness import messages
from harness.sshd import Sshd, open_to_others

REFUSED = 255  # ssh's own status


@pytest.fixture(scope="module")
def house(workspace):
    """A site of this file's own."""
    directory = workspace / "house"
    directory.mkdir()
    site = site_for_sshd(directory).start()
    open_to_others(site)
    yield site
    site.gateway.stop()


@pytest.fixture(scope="module")
def sshd(house, workspace):
    (workspace / "house-sshd").mkdir()
    server = Sshd(workspace / "house-sshd", str(house.state / "authz.sock")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def door(sshd):
    return sshd.door()


@pytest.fixture
def alice(house, door):
    return house.person("alice", door)


@pytest.fixture
def project(house, alice):
    repository = house.repository(alice)
    alice.publish(repository, commits=2)
    return repository


def test_push_and_clone(alice, project):
    clone = alice.clone(project, into="again")
    clone.commit("more")
    clone.git("push", "--quiet")
    assert project.rev("main") == clone.rev("HEAD")


def test_greeting(alice):
    alice.ssh("-T", exit=1, stdout="", stderr=messages.greeting(alice.login))


def test_unknown_key(house, door):
    house.stranger("unknown", door).ssh("-T", exit=REFUSED, says="Permission denied (publickey)")


def test_refusals_are_those_of_the_gateway(house, door, project):
    bob = house.person("bob", door)
    bob.ssh("git-receive-pack", f"'{project.path}'", exit=1, stdout="",
            stderr=messages.write_denied(project.path, bob.login))
    bob.ssh("git-upload-pack", "'nobody/nothing'", exit=1, stdout="", stderr=messages.NOT_FOUND)
    bob.ssh("rm", "-rf", "/", exit=128, stdout="", stderr=messages.UNKNOWN_COMMAND)


def test_two_sessions_on_one_connection(alice, project, tmp_path):
    socket = f"ControlPath={tmp_path}/mux"
    with_mux = alice.with_ssh_options("-o", "ControlMaster=auto", "-o", socket, "-o", "ControlPersist=30")
    for _ in range(2):
        with_mux.git("ls-remote", project.url, says="refs/heads/main")
    alice.ssh("-O", "exit", "-o", socket)


def test_the_version_of_the_protocol_arrives(alice, project):
    traced = alice.with_env(GIT_TRACE_PACKET="1")
    traced.git("-c", "protocol.version=2", "ls-remote", project.url, says="version 2")


def test_the_clients_address_arrives_with_the_decision(house, alice, project):
    alice.git("ls-remote", project.url)
    assert re.search(rf"decision .*repo={project.path} .*addr=127\.0\.0\.1 door=sshd", house.gateway.log())


@pytest.mark.parametrize("fault", ["stopped", "hung"])
def test_without_authz_nobody_is_let_in_and_the_log_says_why(house, sshd, alice, project, fault):
    authz = house.gateway.authz()
    before = len(sshd.log())
    if fault == "hung":
        os.kill(authz, signal.SIGSTOP)
    else:
        (house.state / "authz.sock").rename(house.state / "away.sock")
    try:
        started = time.monotonic()
        alice.git("ls-remote", project.url, exit=128, stdout="", says="Permission denied")
        assert time.monotonic() - started < 15  # two questions of at most 2 s, and ssh
    finally:
        if fault == "hung":
            os.kill(authz, signal.SIGCONT)
        else:
            (house.state / "away.sock").rename(house.state / "authz.sock")
    assert re.search(r"AuthorizedKeysCommand .*gerve-authorized-keys .* failed, status 1", sshd.log()[before:])
    alice.git("ls-remote", project.url, says="refs/heads/main")


def test_a_client_that_goes_leaves_no_shell_behind(sshd, alice, project):
    running = alice.start_ssh("git-upload-pack", f"'{project.path}'")
    time.sleep(1)
    running.kill()
    deadline = time.monotonic() + 10
    while any(str(sshd.programs) in command for command in shells()):
        assert time.monotonic() < deadline, "a gerve-shell outlives its client"
        time.sleep(0.1)


def shells():
    """Command lines of the processes that are gerve-shell."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", errors="replace") as file:
                words = file.read()
        except OSError:
            continue
        if "gerve-shell" in words.split("\0")[0]:
            yield words
