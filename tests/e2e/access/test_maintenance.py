"""`gerve maintenance`: every client reads why nothing is served, and what runs goes on."""

import subprocess

import pytest

from harness.counted import with_metrics
from harness.processes import wait_until
from harness.rawssh import GLOBAL_REQUEST, REQUEST_FAILURE, USERAUTH_REQUEST, USERAUTH_SUCCESS, RawClient

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
[ssh]
login_grace = "3s"
"""
TEXT = "We are moving house.\nBack at 14:00 UTC.\n"


@pytest.fixture
def site(private_sites):
    return with_metrics(private_sites, CONFIG)


@pytest.fixture
def door(site):
    return site.door()


def turn(site, *words: str) -> None:
    """`gerve maintenance …`, and until the gateway has taken notice."""
    site.gerve("maintenance", *words, stdout="")
    on = 1 if words[0] == "on" else 0
    wait_until(lambda: site.metrics.value("gerve_maintenance") == on, "the gateway has seen it")


def test_whoever_comes_reads_the_text(site, alice, project):
    turn(site, "on", TEXT)
    alice.git("clone", project.url, exit=128, says=TEXT)
    alice.ssh(f"git-receive-pack '{project.path}'", exit=75, stdout="", stderr=TEXT)
    alice.ssh(exit=75, stdout="", stderr=TEXT)
    site.stranger().ssh("anything at all", exit=75, stdout="", stderr=TEXT)
    alice.ssh("-l", "root", exit=75, stdout="", stderr=TEXT)
    alice.ssh("-o", "PubkeyAuthentication=no", exit=75, stdout="", stderr=TEXT)
    turn(site, "off")
    alice.clone(project)
    site.stranger().ssh("anything at all", exit=255, stdout="")
    assert site.metrics.value("gerve_logins_total", result="maintenance") == 6


def test_whoever_is_let_in_to_be_told_has_no_host_key_proven(site, door):
    """A signature costs time, and nobody has proven anything here."""
    turn(site, "on", TEXT)
    with RawClient(door) as raw:
        raw.request_authentication()
        raw.send(USERAUTH_REQUEST, "git", "ssh-connection", "none")
        assert raw.receive_number() == USERAUTH_SUCCESS
        raw.send(GLOBAL_REQUEST, "hostkeys-prove-00@openssh.com", True, raw.get_remote_server_key().asbytes())
        assert raw.receive_number() == REQUEST_FAILURE


def test_status(site):
    site.gerve("maintenance", "status", stdout="off\n")
    assert site.gerve_json("maintenance", "status") == {"maintenance": False}
    turn(site, "on", TEXT)
    assert site.gerve("maintenance", "status").stdout.endswith(f"\n{TEXT}")
    told = site.gerve_json("maintenance", "status")
    assert (told["maintenance"], told["text"]) == (True, TEXT.strip())
    turn(site, "on", "Still moving.")
    assert site.gerve_json("maintenance", "status")["text"] == "Still moving."
    turn(site, "off")
    site.gerve("maintenance", "off", stdout="")
    site.gerve("maintenance", "status", stdout="off\n")


@pytest.mark.parametrize("text", ["", "   ", "x" * 3000])
def test_texts_that_are_none(site, text):
    site.gerve("maintenance", "on", text, exit=2)
    site.gerve("maintenance", "status", stdout="off\n")


def test_what_runs_goes_on_and_nothing_new_begins_on_its_connection(site, alice, project, door):
    project.hook("pre-receive", "touch begun; while [ ! -e go-on ]; do sleep 0.05; done")
    work = alice.clone(project)
    head = work.commit()
    push = work.start("git", "push", "--quiet")
    wait_until((project.disk / "begun").exists, "the hook runs")
    with RawClient(door) as client:
        client.log_in(alice.key)
        turn(site, "on", TEXT)
        answer = client.open_session().exec(f"git-upload-pack '{project.path}'")
        assert (answer.stdout, answer.stderr.decode(), answer.exit) == (b"", TEXT, 75)
        (project.disk / "go-on").touch()
        push.finish()
        assert project.rev("main") == head
        turn(site, "off")
        assert client.open_session().exec(f"git-upload-pack '{project.path}'", b"0000").exit == 0


def test_who_was_let_in_to_be_told_is_never_served(site, alice, project, door):
    """Neither when maintenance ends on a connection that lives, nor for long."""
    turn(site, "on", TEXT)
    with RawClient(door) as client:
        client.log_in(alice.key)
        turn(site, "off")
        answer = client.open_session().exec(f"git-upload-pack '{project.path}'")
        assert (answer.stdout, answer.exit) == (b"", 75)
        assert answer.stderr == b"Maintenance is over. Try again.\n"
        wait_until(lambda: site.metrics.value("gerve_connections") == 0, "it is closed", timeout=8)


def test_processes_that_start_meanwhile_know(site, alice, project):
    turn(site, "on", TEXT)
    for pid in site.gateway.workers():
        subprocess.run(["kill", "-9", str(pid)], check=True)
    wait_until(lambda: site.gateway.answers(), "workers are back")
    alice.ssh(exit=75, stderr=TEXT)
    before = site.gateway.workers()
    site.gateway.hang_up()
    wait_until(lambda: site.gateway.workers() and not set(before) & set(site.gateway.workers()), "others serve")
    alice.ssh(exit=75, stderr=TEXT)
    site.gateway.stop()
    site.gateway.start()
    alice.ssh(exit=75, stderr=TEXT)
    turn(site, "off")
    alice.clone(project)


def test_a_balancer_keeps_sending_clients(site):
    """Even though the directory is away: somebody has to tell them."""
    turn(site, "on", TEXT)
    assert site.metrics.get("/readyz") == (200, "ready: maintenance is on\n")
    subprocess.run(["kill", "-STOP", str(site.gateway.authz())], check=True)
    try:
        assert site.metrics.get("/readyz")[0] == 200
        site.stranger().ssh(exit=75, stderr=TEXT)
    finally:
        subprocess.run(["kill", "-CONT", str(site.gateway.authz())], check=True)
