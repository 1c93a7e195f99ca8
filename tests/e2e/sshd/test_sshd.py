"""A stock sshd in front of Gerve: what it serves, and what happens when authz is not there to be asked."""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest
from harness import messages
from harness.audit import events
from harness.keys import make_key
from harness.outcome import NONZERO
from harness.processes import wait_until
from harness.sshd import KEYS_UID, KEYS_USER, Sshd, running_site_for_sshd

REFUSED = 255  # ssh's own status


@pytest.fixture(scope="module")
def house(workspace):
    """A site of this file's own."""
    with running_site_for_sshd(workspace / "house") as site:
        yield site


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


def test_the_clients_address_arrives_with_decision_and_session_and_at_the_hook(house, door, alice, project):
    """The client comes from 127.0.0.2, which no one else has."""
    project.hook("pre-receive", 'echo "$GERVE_REMOTE_ADDR $GERVE_PROTOCOL" > "$PWD/seen"')
    elsewhere = alice.with_ssh_options("-b", "127.0.0.2")
    clone = elsewhere.clone(project)
    clone.commit()
    clone.git("push", "--quiet")
    for service in ("git-upload-pack", "git-receive-pack"):
        told = rf"decision .*service={service} repo={project.path} .*addr=127\.0\.0\.2 door=sshd"
        assert re.search(told, house.gateway.log()), house.gateway.log()[-3000:]
    assert (project.disk / "seen").read_text() == "127.0.0.2 ssh\n"


def test_the_session_is_logged_with_the_clients_address(sshd, alice, project):
    before = len(sshd.syslog.messages)
    alice.with_ssh_options("-b", "127.0.0.3").git("ls-remote", project.url)
    line = rf"gerve-shell.*session .*addr=127\.0\.0\.3 service=git-upload-pack repo={project.path}"
    wait_until(lambda: re.search(line, sshd.syslog.text(before)), "a line of gerve-shell")


def test_a_connection_of_another_login_has_its_own_handle(sshd, alice, project, house, door):
    """Two people at once: the forced command of each is its own."""
    bob = house.person("bob", door)
    bob.ssh("-T", exit=1, stderr=messages.greeting(bob.login))
    alice.ssh("-T", exit=1, stderr=messages.greeting(alice.login))


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_connection_is_served_after_its_handles_three_minutes(house, alice, project, tmp_path):
    options = ("-o", f"ControlPath={tmp_path}/mux", "-o", "ControlMaster=auto", "-o", "ControlPersist=400")
    with_mux = alice.with_ssh_options(*options)
    with_mux.git("ls-remote", project.url)
    time.sleep(190)
    with_mux.git("ls-remote", project.url, says="refs/heads/main")
    house.gerve("key", "revoke", alice.key.fingerprint)
    with_mux.git("ls-remote", project.url, exit=128, stdout="")
    alice.ssh("-O", "exit", *options)


HOSTILE = ["\n", "\r", '"', '\\"', "\u2028", "\t", ",", "#", 'x" command="/bin/sh', '\ncommand="/bin/sh" ssh-ed25519 AAAA', "%k"]


@pytest.mark.parametrize("comment", HOSTILE, ids=ascii)
def test_a_hostile_comment_does_not_reach_the_line_that_sshd_reads(house, sshd, alice, tmp_path, comment):
    key = make_key(tmp_path / "id")
    algorithm, blob = key.public.read_text().split()[:2]
    file = tmp_path / "offered.pub"
    file.write_bytes(f"{algorithm} {blob} me{comment}".encode())
    if house.gerve("key", "add", alice.login, file, "--title", f"me{comment}", exit=range(3)).exit != 0:
        house.gerve("key", "add", alice.login, key.public)  # some comments are no comment
    asking = ("setpriv", "--reuid", KEYS_USER, "--regid", str(KEYS_UID), "--clear-groups",
              sshd.programs / "gerve-authorized-keys", "--socket", sshd.socket)
    line = house.admin.run(*sshd.beside(*asking, "git", algorithm, blob, key.fingerprint)).stdout
    shell = re.escape(f"{sshd.programs}/gerve-shell --socket {sshd.socket}")
    assert re.fullmatch(rf'restrict,command="{shell} [A-Za-z0-9+/=]+" {algorithm} {re.escape(blob)}\n', line), line


# ---- nobody to ask


@contextmanager
def no_socket(house):
    """The master would make it again, within two seconds."""
    master = house.gateway.pid
    os.kill(master, signal.SIGSTOP)
    (house.state / "authz.sock").rename(house.state / "away.sock")
    try:
        yield
    finally:
        (house.state / "away.sock").rename(house.state / "authz.sock")
        os.kill(master, signal.SIGCONT)


def no_table(name):
    @contextmanager
    def fault(house):
        with closing(sqlite3.connect(house.state / "gerve.db", timeout=10)) as database:
            database.execute("PRAGMA legacy_alter_table = ON")
            database.execute(f"ALTER TABLE {name} RENAME TO gone")
            try:
                yield
            finally:
                database.execute(f"ALTER TABLE gone RENAME TO {name}")

    return fault


@contextmanager
def hung(house):
    authz = house.gateway.authz()
    os.kill(authz, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(authz, signal.SIGCONT)


FAULTS = {
    "stopped": (no_socket, "cannot reach authz at .*: No such file or directory"),
    "hung": (hung, "authz did not answer in time"),
    "no table": (no_table("public_keys"), "authz gets no usable answer from its directory"),
}
QUESTIONS = 1  # one key is offered, and a question that fails is not repeated by sshd
BOUND = 2.5  # seconds that a question may take: the default of gerve-authorized-keys and its last resort


@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_is_let_in_and_the_logs_say_why(house, sshd, alice, project, fault):
    break_it, reason = FAULTS[fault]
    before, told_before = len(sshd.log()), len(sshd.syslog.messages)
    with break_it(house):
        outcome = alice.git("ls-remote", project.url, exit=128, stdout="", says="Permission denied (publickey)")
    assert outcome.seconds < QUESTIONS * BOUND + 5, "sshd waits longer than the bound"
    assert re.search(r"AuthorizedKeysCommand .*gerve-authorized-keys .* failed, status 1", sshd.log()[before:])
    assert re.search(rf"gerve-authorized-keys\[\d+\]: no answer for SHA256:\S+: .*{reason}", sshd.syslog.text(told_before))
    assert "Accepted" not in sshd.log()[before:]
    wait_until(lambda: alice.git("ls-remote", project.url, exit=range(256)).exit == 0, "it is served again")


@pytest.mark.parametrize("fault", ["hung", "no table"])
def test_authz_that_goes_after_the_login_is_told_as_the_gateway_tells_it(house, alice, project, tmp_path, fault):
    """The second operation of a connection asks authz only in gerve-shell."""
    options = ("-o", f"ControlPath={tmp_path}/mux", "-o", "ControlMaster=auto", "-o", "ControlPersist=30")
    alice.ssh(*options, "-T", exit=1)
    break_it, _ = FAULTS[fault] if fault == "hung" else (no_table("repositories"), "")
    with break_it(house):
        outcome = alice.ssh(*options, f"git-upload-pack '{project.path}'", exit=75, stdout="", stderr=messages.CANNOT_CHECK)
    assert outcome.seconds < 8
    alice.ssh(*options, "-O", "exit")


def test_a_client_that_goes_leaves_no_shell_behind(sshd, alice, project):
    running = alice.start_ssh("git-upload-pack", f"'{project.path}'")
    time.sleep(1)
    running.kill()
    deadline = time.monotonic() + 10
    while any(str(sshd.programs) in words for _, words in shell_processes()):
        assert time.monotonic() < deadline, "a gerve-shell outlives its client"
        time.sleep(0.1)


def test_a_shell_that_waits_for_the_end_of_a_push_goes_at_the_second_signal(house, sshd, alice, project):
    work = alice.clone(project, into="work")
    work.commit("more")
    project.hook("pre-receive", 'touch "$GIT_DIR/began"; sleep 20')
    push = work.start("git", "push", "--quiet")
    wait_until((project.disk / "began").exists, "the hook runs")
    (pid,) = [pid for pid, words in shell_processes() if str(sshd.programs) in words]
    for _ in range(2):
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.5)
    assert push.finish(exit=NONZERO).seconds < 10
    ends = [one for one in events(house, "--repo", project.path, "--event", "session") if one["service"] == "git-receive-pack"]
    assert (ends[-1]["ended"], ends[-1]["exit"]) == ("client-gone", 128)
    assert "push" not in ends[-1]


def shell_processes():
    """The processes that are gerve-shell, with their command lines."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", errors="replace") as file:
                words = file.read()
        except OSError:
            continue
        if "gerve-shell" in words.split("\0")[0]:
            yield int(pid), words
