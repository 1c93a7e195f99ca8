"""The audit trail: what is in it, how it is asked, and that nobody changes it unseen."""

import json
import os
import re
import select
import subprocess

import pytest

from harness.audit import check_trail, events, events_in, misfits, rows, schema
from harness.messages import NOT_FOUND, greeting
from harness.processes import wait_until
from harness.programs import program
from harness.site import Site


def unknown_keys(site) -> set[str]:
    offered = [key for one in events(site, "--event", "offered") for key in one["keys"]]
    return {key["fingerprint"] for key in offered if not key["known"]}


@pytest.fixture(scope="module")
def quiet(workspace):
    """A site with one user, whose trail these tests only read."""
    (workspace / "audited").mkdir()
    site = Site(workspace / "audited").start()
    site.alice = site.person("alice")
    site.project = site.repository(site.alice, private=True)
    site.alice.publish(site.project)
    site.alice.ssh(exit=1, stderr=greeting(site.alice.login))
    site.alice.ssh("git-upload-pack 'nobody/nothing'", exit=1, stderr=NOT_FOUND)
    site.stranger().ssh(exit=255, says="Permission denied")
    site.gerve("user", "suspend", "nobody-at-all", exit=1)
    wait_until(lambda: unknown_keys(site), "the stranger's offer", timeout=10)
    yield site
    check_trail(site)
    site.gateway.stop()


def test_a_schema_that_fits_everything_would_prove_nothing():
    assert misfits({"event": "proven"}, schema())
    assert misfits({"event": "nonsense"}, schema())


def test_an_operation_is_told_from_its_proof_to_its_end(quiet):
    (session,) = [one for one in events(quiet, "--event", "session") if one["service"] == "git-receive-pack"]
    decision, push, end = events(quiet, "--request", session["request"])
    assert push["event"] == "push" and [one["kind"] for one in push["refs"]] == ["create"]
    assert (decision["event"], decision["is"], decision["because"]) == ("decision", "allow", "owner")
    assert end == session and end["user"] == quiet.alice.login and end["repo"] == quiet.project.path
    assert end["bytes_in"] > 100 and end["exit"] == 0 and end["ended"] == "exit" and end["address"] == "127.0.0.1"
    proofs = [one for one in events(quiet, "--event", "proven") if one["connection"] == end["connection"]]
    assert [one["fingerprint"] for one in proofs] == [quiet.alice.key.fingerprint]
    assert proofs[0]["seq"] < decision["seq"]


def test_a_login_that_asks_for_nothing_is_proven_as_well(quiet):
    operations = {one["connection"] for one in events(quiet, "--event", "decision")}
    assert [one for one in events(quiet, "--event", "proven") if one["connection"] not in operations]


def test_a_stranger_has_offered_and_proven_nothing(quiet):
    unknown = unknown_keys(quiet)
    assert len(unknown) == 1
    assert not unknown & {one["fingerprint"] for one in events(quiet, "--event", "proven")}


def test_who_changes_what_is_recorded_with_what_was_before(quiet):
    bob = quiet.person("bob")
    quiet.grant(quiet.project, bob, "read")
    quiet.grant(quiet.project, bob, "write")
    first, second = [one for one in events(quiet, "--user", bob.login) if one.get("command") == "access grant"]
    assert first["operator"] == subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    assert first["arguments"] == [quiet.project.path, bob.login, "read"]
    assert (first["details"]["before"], first["details"]["after"]) == ("none", "read")
    assert (second["details"]["before"], second["details"]["after"]) == ("read", "write")
    (refused,) = [one for one in events(quiet, "--event", "admin") if not one["done"]]
    assert refused["command"] == "user suspend" and "nobody-at-all" in refused["why"]


def test_a_renamed_repository_is_on_record_by_both_names(quiet):
    project = quiet.repository(quiet.alice, quiet.fresh("named"))
    now = f"{quiet.alice.login}/{quiet.fresh('renamed')}"
    quiet.gerve("repo", "rename", project.path, now.split("/")[1])
    quiet.alice.git("ls-remote", project.url)
    wait_until(lambda: events(quiet, "--event", "session", "--repo", now), "its end")
    (decision,) = events(quiet, "--event", "decision", "--repo", now)
    assert (decision["repo"], decision["asked_for"]) == (now, project.path)
    (session,) = events(quiet, "--event", "session", "--repo", now)
    assert session["request"] == decision["request"]
    assert events(quiet, "--event", "decision", "--repo", project.path) == [decision]


def test_filters_take_what_holds_together(quiet):
    assert {"decision"} <= {one["event"] for one in events(quiet, "--denied")} <= {"decision", "refused"}
    assert not events(quiet, "--denied", "--repo", quiet.project.path)
    assert events(quiet, "--key", quiet.alice.key.fingerprint, "--ip", "127.0.0.0/8")
    assert not events(quiet, "--key", quiet.alice.key.fingerprint, "--ip", "10.0.0.0/8")
    assert not events(quiet, "--until", "1h") and events(quiet, "--since", "1h")
    table = quiet.gerve("audit", "--denied").stdout
    assert re.search(r"decision +alice-\d+ +127\.0\.0\.1 +git-upload-pack nobody/nothing +deny: no-such-repository", table)
    quiet.gerve("audit", "--since", "tomorrow", exit=2)


def test_the_table_has_what_the_file_has(quiet):
    file = (quiet.state / "audit.jsonl").read_text().splitlines()
    wait_until(lambda: len(rows(quiet)) >= len(file), "the table", timeout=10)
    assert [body for _, body in rows(quiet)][: len(file)] == file
    wait_until(lambda: quiet.gerve_json("key", "show", quiet.alice.key.fingerprint)["last_address"] == "127.0.0.1",
               "the last use is in its table")


def test_following_shows_what_comes(quiet):
    running = quiet.admin.start(program("gerve"), *quiet.gateway.options, "audit", "--follow", "--event", "admin", "--json")
    login = quiet.fresh("follower")
    quiet.gerve("user", "add", login)
    seen = b""
    while login.encode() not in seen:
        ready, _, _ = select.select([running.process.stdout], [], [], 10)
        assert ready, "the event was not shown"
        seen += os.read(running.process.stdout.fileno(), 65536)
    running.kill()


def _flip(lines):
    at = lines[4].index('"event"') + 9
    lines[4] = lines[4][:at] + chr(ord(lines[4][at]) ^ 1) + lines[4][at + 1 :]


def _flip_first(lines):
    at = lines[0].index('"event"') + 9
    lines[0] = lines[0][:at] + chr(ord(lines[0][at]) ^ 1) + lines[0][at + 1 :]


def _behead(lines):
    del lines[:3]
    _flip_first(lines)


def _delete(lines):
    del lines[4]


def _swap(lines):
    lines[4], lines[5] = lines[5], lines[4]


def _cut(lines):
    del lines[-3:]


@pytest.mark.parametrize(
    "damage, says",
    [
        (_flip, r"trail:5: event 5 was altered"),
        (_flip_first, r"trail:1: event 1 was altered"),
        (_behead, r"trail:1: the beginning is cut off: the trail starts at event 4"),
        (_delete, r"trail:5: event 5 is missing before this line"),
        (_swap, r"trail:6: event 5 comes after event 6: moved"),
        (_cut, r"trail:\d+: cut off: the trail ends at event \d+, but the anchor is event \d+"),
    ],
)
def test_damage_is_found_and_named(quiet, damage, says, tmp_path):
    lines = (quiet.state / "audit.jsonl").read_text().splitlines(keepends=True)
    last = json.loads(lines[-1])
    anchor = f"{last['chain']}:{last['seq']}:{last['mac']}"
    copy = tmp_path / "trail"
    copy.write_text("".join(lines))
    good = quiet.gerve("audit", "verify", copy, "--anchor", anchor).stdout
    assert good.startswith(f"good: events 1 to {last['seq']} in 1 file")
    damage(lines)
    copy.write_text("".join(lines))
    found = quiet.gerve("audit", "verify", copy, "--anchor", anchor, exit=1).stdout
    assert re.search(says, found), found


def test_the_trail_goes_on_in_a_new_file(private_site):
    alice = private_site.person("alice")
    project = private_site.repository(alice)
    alice.publish(project)
    anchor = private_site.gerve("audit", "anchor").stdout.strip()
    private_site.gerve("user", "add", "carol")  # so that the anchor is not the file's very end
    file = private_site.state / "audit.jsonl"
    file.rename(f"{file}.1")
    private_site.gateway.hang_up()
    wait_until(file.exists, "the new file")
    alice.clone(project, into="again")
    private_site.gerve("user", "add", "bob")
    first = events_in(file)[0]
    last = events_in(file.with_name("audit.jsonl.1"))[-1]
    assert first["what"] == "continues" and first["previous_seq"] == last["seq"]
    private_site.gerve("audit", "verify", "--anchor", anchor)
    lost = private_site.gerve("audit", "verify", file, "--anchor", anchor, exit=1).stdout
    assert f"the anchored event {anchor.split(':')[1]} is not in these files" in lost
    private_site.gerve("audit", "verify", file, "--anchor", f"{last['chain']}:{last['seq']}:{last['mac']}")
    wait_until(lambda: len(rows(private_site)) == rows(private_site)[-1][0] >= first["seq"], "all in the table")
    check_trail(private_site)


def test_renamed_files_are_shown_without_a_new_one(private_sites):
    site = private_sites(start=False)
    file = site.state / "audit.jsonl"
    for number, login in enumerate(("alice", "bob", "carol")):
        site.gerve("user", "add", login)
        file.rename(f"{file}-{number}")
    added = lambda: [one["arguments"][0] for one in events(site, "--event", "admin")]
    assert added() == ["alice", "bob", "carol"]
    file.touch()
    assert added() == ["alice", "bob", "carol"]


def test_commands_record_themselves_while_nothing_runs(private_sites):
    site = private_sites(start=False)
    site.gerve("user", "add", "alice")
    site.gerve("user", "suspend", "alice")
    assert [one["command"] for one in events(site, "--event", "admin")] == ["user add", "user suspend"]
    (site.state / "audit.key").chmod(0o644)
    site.gerve("user", "unsuspend", "alice", exit=1, says="nothing was done, because the change cannot be recorded")
    (site.state / "audit.key").chmod(0o600)
    assert site.entry("alice", "user", "list")["state"] == "suspended"
    site.start()
    wait_until(lambda: len(rows(site)) >= 4, "what was recorded before is in the table")
    check_trail(site)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_refuses_pushes_and_nothing_else(private_sites, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
    try:
        _fill_and_empty(private_sites, disk)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_start_on_a_disk_that_cannot_be_written_refuses_pushes_and_nothing_else(private_sites, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        site = private_sites(_config_with(disk))
        alice = site.person("alice")
        project = site.repository(alice)
        work = alice.publish(project)
        site.gateway.stop()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        site.start()
        work.commit("more", "more\n")
        work.git("push", exit=128, says="Gerve cannot record this push right now")
        alice.clone(project, into="while-read-only")
        site.gerve("user", "add", "bob", exit=1, says="nothing was done")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        work.git("push")
        site.gerve("audit", "verify")
        assert [one["because"] for one in events(site, "--denied", "--event", "decision")] == ["unrecorded"]
        site.gateway.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _config_with(disk) -> str:
    return f'state = "{{state}}"\n[listen]\nssh = ["127.0.0.1:{{port}}"]\n[audit]\nfile = "{disk}/audit.jsonl"\n'


def _fill_and_empty(private_sites, disk):
    site = private_sites(_config_with(disk))
    alice = site.person("alice")
    project = site.repository(alice)
    work = alice.publish(project)
    with (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            try:
                filler.write(b"x" * 512)
            except OSError:
                break
    for _ in range(60):  # there is room for some events
        alice.git("ls-remote", project.url)
        if "the audit file cannot be written" in site.gateway.log():
            break
    work.commit("more", "more\n")
    refused = work.git("push", exit=128).stderr
    assert re.search(r"ERROR: Gerve cannot record this push right now\. Try again in a minute\. \(request \w{32}\)", refused)
    alice.clone(project, into="while-full")
    site.gerve("user", "add", "bob", exit=1, says="nothing was done")
    site.gerve("kill", "--user", "bob", exit=1, says="audit file cannot be written")
    (disk / "filler").unlink()
    work.git("push")
    site.gerve("user", "add", "bob")
    site.gerve("audit", "verify")
    denied = events(site, "--denied", "--event", "decision")
    assert [one["because"] for one in denied] == ["unrecorded"]
    # Each fetch of the time without room is there, decided and ended.
    fetches = {one["request"] for one in events(site, "--event", "decision") if one["service"] == "git-upload-pack"}
    assert fetches == {one["request"] for one in events(site, "--event", "session") if one["exit"] == 0} - {
        one["request"] for one in events(site, "--event", "session") if one["service"] == "git-receive-pack"}
