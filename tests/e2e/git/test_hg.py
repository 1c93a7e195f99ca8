"""Mercurial over SSH with the distribution's hg: changesets, bookmarks, phases, largefiles and lfs, administration."""

import hashlib
import json

import pytest

from harness.audit import events
from harness.mercurial import HG, Hg, hg_repository, on_disk, url_of
from harness.messages import NOT_FOUND
from harness.outcome import NONZERO
from harness.processes import command_line, wait_until

NOTHING = "0" * 40


@pytest.fixture
def hg(alice):
    return Hg(alice)


@pytest.fixture
def project(site, alice):
    return hg_repository(site, alice)


@pytest.fixture
def work(hg, project):
    """alice's clone, with one changeset that she has pushed."""
    work = hg.clone(project)
    work.commit("a.txt")
    work("push", "--quiet")
    return work


@pytest.mark.both_doors
def test_clone_pull_and_push(site, door, hg, work, project, alice):
    first = work.tip()
    copy = hg.clone(project, into="copy")
    assert (copy.cwd / "a.txt").read_text() == "content\n" and copy.tip() == first
    second = work.commit("b.bin", bytes(range(256)) * 4000)
    work("push", says="added 1 changesets with 1 changes to 1 files")
    copy("pull", "--update", says="added 1 changesets")
    assert copy.tip() == second and (copy.cwd / "b.bin").read_bytes() == bytes(range(256)) * 4000
    on_disk(site, project)("verify", "--quiet")
    work("push", exit=1, says="no changes found")

    trail = [event for event in events(site, "--repo", project.path) if event.get("service", "").startswith("hg-")]
    assert {event["service"] for event in trail} == {"hg-write"}, "its owner may write, whatever the session does"
    assert all(event["user"] == alice.login for event in trail)
    pushes = [event for event in events(site, "--repo", project.path) if event["event"] == "push"]
    assert [(one["ref"], one["new"], one["outcome"]) for push in pushes for one in push["refs"]] == [
        ("changesets", first, "taken"), ("changesets", second, "taken")]


@pytest.mark.both_doors
@pytest.mark.parametrize("exchange", ["", "bundle1"])
def test_bookmarks_and_phases(site, hg, work, project, exchange):
    legacy = ["--config", f"devel.legacy.exchange={exchange}"] if exchange else []
    first, second = work.tip(), work.commit("b.txt")
    work("bookmark", "--rev", first, "release")
    work("push", *legacy, "--bookmark", "release", exit=(0, 1))
    disk = on_disk(site, project)
    assert disk.bookmarks() == {"release": first}
    work("bookmark", "--force", "--rev", second, "release")
    work("push", *legacy, "--bookmark", "release", exit=(0, 1))
    assert disk.bookmarks() == {"release": second}
    work("bookmark", "--delete", "release")
    work("push", *legacy, "--bookmark", "release", exit=(0, 1))
    assert disk.bookmarks() == {}
    changes = [change for event in events(site, "--repo", project.path) if event["event"] == "push"
               for change in event["refs"] if change["ref"] == "bookmarks/release"]
    assert [(change["old"], change["new"]) for change in changes] == [
        (NOTHING, first), (first, second), (second, NOTHING)]

    (project.disk / ".hg/hgrc").write_text("[phases]\npublish = False\n")
    draft = work.commit("c.txt")
    work("push", *legacy)
    assert work("phase", "--rev", draft).stdout.endswith("draft\n")
    work("phase", "--public", draft)
    work("push", *legacy, exit=1)
    assert disk("phase", "--rev", draft).stdout.endswith("public\n")


@pytest.mark.both_doors
def test_readers_write_nothing(site, work, project, bob):
    theirs = Hg(bob).clone(project, into="theirs")
    told = f"ERROR: Permission to {project.path} denied to {bob.login}."
    disk = on_disk(site, project)
    (project.disk / ".hg/hgrc").write_text("[phases]\npublish = False\n")
    draft = work.commit("draft.txt")
    work("push", "--quiet")
    before = disk("log", "--template", "{node} {phase}\n").stdout, disk.bookmarks()
    theirs("pull", "--quiet")
    first = theirs.tip("0")
    mine = theirs.commit("mine.txt")
    for exchange in ("", "bundle1", "bookmarks", "phases"):
        legacy = ["--config", f"devel.legacy.exchange={exchange}"] if exchange else []
        theirs("push", "--force", "--rev", mine, *legacy, exit=NONZERO, says=told)
        theirs("bookmark", "--force", "--rev", first, f"theirs{exchange}")
        theirs("push", "--rev", first, "--bookmark", f"theirs{exchange}", *legacy, exit=NONZERO, says=told)
        theirs("phase", "--public", draft)
        theirs("push", "--rev", draft, *legacy, exit=NONZERO, says=told)
        theirs("phase", "--force", "--draft", draft)
    url = url_of(project)
    theirs("debugpushkey", url, "bookmarks", "key", "", first, exit=NONZERO, says=told)
    theirs("debugpushkey", url, "phases", draft, "1", "0", exit=NONZERO, says=told)
    # What the client's own checks would leave out: the commands themselves, alone and in a batch.
    for request in (b"unbundle\nheads 10\n666f726365" + b"0\n", b"pushkey\n" + arguments(namespace="bookmarks", key="x",
                    old="", new=first), b"batch\n* 0\n" + arguments(cmds=f"pushkey namespace=bookmarks,key=x,old=,"
                    f"new={first}")):
        answer = bob.run(*bob.ssh_argv(f"hg -R {project.path} serve --stdio"), input=b"hello\n" + request, exit=(0, 1, 255))
        assert told in answer.stderr, answer.stderr
    assert (disk("log", "--template", "{node} {phase}\n").stdout, disk.bookmarks()) == before
    disk("verify", "--quiet")
    # Reading goes on, as a service of its own.
    assert Hg(bob).clone(project, into="again").tip("0") == first
    trail = [event for event in events(site, "--repo", project.path) if event.get("user") == bob.login]
    assert {event["service"] for event in trail if "service" in event} == {"hg-read"}


def arguments(**named: str) -> bytes:
    return b"".join(b"%s %d\n%s" % (name.encode(), len(value.encode()), value.encode()) for name, value in named.items())


@pytest.mark.both_doors
def test_readers_of_other_kinds(site, work, project, alice, door):
    reading = Hg(site.deploy_client(project, door)).clone(project, into="reading")
    reading.commit("b.txt")
    reading("push", exit=NONZERO, says=f"ERROR: Permission to {project.path} denied to deploy key.")
    writing = Hg(site.deploy_client(project, door, write=True)).clone(project, into="writing")
    writing.commit("c.txt")
    writing("push")
    work.commit("d.txt")
    site.gerve("repo", "archive", project.path)
    work("push", "--force", exit=NONZERO, says=f"ERROR: {project.path} is archived and read-only.")
    work("pull", "--quiet")
    site.gerve("repo", "unarchive", project.path)
    work("push", "--force")


@pytest.mark.both_doors
def test_strangers_learn_nothing(site, alice, bob):
    hidden = hg_repository(site, alice, "hidden", private=True)
    answers = {(answer.exit, answer.stdout, answer.stderr) for answer in (
        bob.ssh(f"hg -R {path} serve --stdio", exit=1) for path in (hidden.path, f"{alice.login}/nothing"))}
    assert answers == {(1, "", NOT_FOUND)}
    assert bob.ssh(f"git-upload-pack '{hidden.path}'", exit=1).stderr == NOT_FOUND


@pytest.mark.both_doors
def test_clients_of_the_other_kind_are_told(site, hg, project, alice, bob):
    told = f"ERROR: {project.path} is a Mercurial repository: use hg clone ssh://git@HOST/{project.path}.\n"
    for client in (alice, bob):
        for command in ("git-upload-pack", "git-receive-pack", "git-upload-archive"):
            assert client.ssh(f"{command} '{project.path}'", exit=1).stderr == told
        assert client.ssh(f"git-lfs-transfer {project.path} download", exit=1).stderr == told
    alice.git("clone", project.url, "wrong", exit=NONZERO, says=told)
    gits = site.repository(alice, "gits")
    hg("clone", url_of(gits), "wrong", exit=NONZERO,
       says=f"ERROR: {gits.path} is a git repository: use git clone ssh://git@HOST/{gits.path}.")
    assert "You may push to" in alice.ssh(f"why {project.path} push").stdout
    assert "You may read" in bob.ssh(f"why {project.path}").stdout
    assert "You may not push to" in bob.ssh(f"why {project.path} push", exit=1).stdout


@pytest.mark.both_doors
def test_init_is_refused_with_a_text(hg, alice):
    text = "ERROR: hg init does not create repositories here. Ask an administrator to run: gerve repo create " \
           "OWNER/NAME --hg\n"
    hg("init", f"ssh://gerve/{alice.login}/fresh", exit=NONZERO, says=text)
    assert alice.ssh(f"hg init {alice.login}/fresh", exit=128).stderr == text


@pytest.mark.both_doors
def test_sessions_are_listed_and_end_when_access_does(site, work, project, bob):
    site.grant(project, bob, "write")
    killed, withdrawn = (bob.start_ssh(f"hg -R {project.path} serve --stdio", stdin=-1) for _ in range(2))

    def listed():
        return [one for one in site.gerve_json("sessions") if one.get("repository") == project.path]

    wait_until(lambda: len(listed()) == 2, "both are listed")
    assert {one["service"] for one in listed()} == {"hg-write"}
    site.gerve("kill", listed()[0]["session"])
    wait_until(lambda: len(listed()) == 1, "one is ended")
    site.gerve("access", "grant", project.path, bob.login, "read")
    wait_until(lambda: not listed(), "a reader has no session that could write", timeout=8)
    texts = [session.finish(exit=128, timeout=20).stderr for session in (killed, withdrawn)]
    assert sorted(texts) == ["ERROR: This session was ended by an administrator.\n", "ERROR: Your access was withdrawn.\n"]


def serving(site, project) -> list[int]:
    wanted = f"{project.path}.git serve --stdio"
    return [pid for pid in site.gateway.family() if wanted in " ".join(command_line(pid))]


def test_when_the_client_goes_reading_ends_and_writing_is_finished(site, hg, work, project):
    wait_until(lambda: not serving(site, project), "the sessions of the fixtures are over", timeout=20)
    (project.disk / ".hg/hgrc").write_text("[hooks]\npreoutgoing.slow = touch .hg/sends; sleep 60\n")
    cloning = hg.terminal.start(HG, "clone", "--quiet", url_of(project), "cut")
    wait_until((project.disk / ".hg/sends").exists, "hg is about to send", timeout=20)
    assert len(serving(site, project)) == 1, "its owner's session could write"
    cloning.kill()
    wait_until(lambda: not serving(site, project), "hg is ended", timeout=10)

    (project.disk / ".hg/hgrc").write_text("[hooks]\npretxnclose.slow = touch .hg/closes; sleep 2\n")
    pushed = work.commit("b.txt")
    pushing = work.terminal.start(HG, "push", "--quiet")
    wait_until((project.disk / ".hg/closes").exists, "hg is about to finish", timeout=20)
    pushing.kill()
    wait_until(lambda: not serving(site, project), "hg has finished", timeout=20)
    assert on_disk(site, project).tip("tip") == pushed
    on_disk(site, project)("verify", "--quiet")


def test_a_repository_without_room_takes_no_push(site, work, project):
    site.gerve("limit", "set", project.path, "--max-push", "2MiB")
    before = on_disk(site, project).tip("tip")
    big = bytes(range(256)) * 16 * 1024  # 4 MiB, and not compressed on the way
    work.commit("big.bin", big)
    refused = work("push", exit=NONZERO)
    assert "This push is larger than 2.0 MiB" in refused.stdout + refused.stderr, refused.transcript()
    assert "Traceback" not in refused.stdout + refused.stderr
    assert on_disk(site, project).tip("tip") == before
    on_disk(site, project)("verify", "--quiet")
    site.gerve("limit", "set", project.path, "--max-push", "default", "--max-size", "1KiB")
    refused = work("push", exit=NONZERO)
    assert "does not fit" in refused.stdout + refused.stderr, refused.transcript()
    work("pull", "--quiet")
    site.gerve("limit", "set", project.path, "--max-size", "default")
    work("push")


def enable(project, extension: str):
    (project.disk / ".hg/hgrc").write_text(f"[extensions]\n{extension} =\n")


def test_largefiles_work_where_the_repository_enables_them(site, hg, work, project, alice, bob):
    large = ["--config", "extensions.largefiles="]
    (work.cwd / "large.bin").write_bytes(b"large\n")
    work(*large, "add", "--large", "large.bin")
    work(*large, "commit", "--message", "Add a large file")
    work(*large, "push", exit=NONZERO, says="does not appear to be a largefile store")
    enable(project, "largefiles")
    work(*large, "push")
    theirs = Hg(bob).clone(project, *large, into="theirs")
    assert (theirs.cwd / "large.bin").read_bytes() == b"large\n"
    (theirs.cwd / "large.bin").write_bytes(b"mine\n")
    theirs(*large, "commit", "--message", "Change a large file")
    theirs(*large, "push", exit=NONZERO, says=f"ERROR: Permission to {project.path} denied to {bob.login}.")
    assert len(list((project.disk / ".hg/largefiles").iterdir())) == 1, "putlfile needs no transaction"
    other = hg_repository(site, alice, "other")
    enable(other, "largefiles")
    request = b"getlfile\n" + arguments(sha=hashlib.sha1(b"large\n").hexdigest())
    bob.run(*bob.ssh_argv(f"hg -R {other.path} serve --stdio"), input=request, exit=255, stdout="", says="not present")


def test_lfs_keeps_its_objects_elsewhere(hg, work, project):
    lfs = ["--config", "extensions.lfs=", "--config", 'lfs.track=size(">10")']
    (work.cwd / "large.bin").write_bytes(b"0123456789abcdef")
    work(*lfs, "commit", "--quiet", "--addremove", "--message", "Add a large file")
    work(*lfs, "push", exit=NONZERO, says="required features are not supported in the destination: lfs")
    enable(project, "lfs")
    work(*lfs, "push", exit=NONZERO, says="lfs.url needs to be configured")
    elsewhere = f"lfs.url=file://{work.cwd.parent}/objects"
    work(*lfs, "--config", elsewhere, "push")
    copy = hg.clone(project, *lfs, "--config", elsewhere, into="copy")
    assert (copy.cwd / "large.bin").read_bytes() == b"0123456789abcdef"


def test_what_the_repository_configures(site, work, project, bob):
    """.hg/hgrc is the operator's: its hooks run for clients that write, and readers stay readers."""
    (project.disk / ".hg/hgrc").write_text(
        "[hooks]\npretxnchangegroup.no = sh -c 'echo checked by $GERVE_USER $GERVE_KEY; exit 1'\n")
    work.commit("b.txt")
    work("push", exit=NONZERO, says=f"checked by {work.client.login} SHA256:")
    (project.disk / ".hg/hgrc").write_text("[extensions]\nlargefiles =\n")
    answer = bob.run(*bob.ssh_argv(f"hg -R {project.path} serve --stdio"),
                     input=b"putlfile\n" + arguments(sha="0" * 40) + b"5\nhello0\n", exit=(0, 1, 255))
    assert f"ERROR: Permission to {project.path} denied to {bob.login}." in answer.stderr
    assert not list((project.disk / ".hg").glob("largefiles/*"))


def test_administration(site, hg, alice, bob):
    path = f"{alice.login}/project"
    site.gerve("repo", "create", path, "--hg", "--object-format", "sha256", exit=2, says="--object-format")
    project = hg_repository(site, alice)
    site.gerve("repo", "create", path, "--hg", says="already exists")
    site.gerve("repo", "create", path, exit=1, says="of kind hg")
    work = hg.clone(project)
    work.commit("a.txt")
    work("push")
    assert site.entry(path, "repo", "list", alice.login)["kind"] == "hg"
    site.gerve("repo", "fsck", path, says=f"{path}: sound")
    assert site.gerve_json("repo", "size", path)[0]["bytes"] > 0
    for command in (["repo", "set-head", path, "main"], ["repo", "restore-ref", path, "main", "0" * 40],
                    ["lfs", "locks", path]):
        site.gerve(*command, exit=1, says="is a Mercurial repository")
    explained = site.gerve("explain", bob.login, f"hg -R {path} serve --stdio").stdout
    assert "public-read" in explained and f"refused: ERROR: Permission to {path} denied to {bob.login}." in explained
    place = project.disk.parent
    site.gerve("repo", "rename", path, "renamed")
    work("pull", says=f"{path} has moved to {alice.login}/renamed")
    broken = next((place / "renamed.git/.hg/store/data").glob("*.i"))
    broken.write_bytes(b"\0" * 64)
    site.gerve("repo", "fsck", f"{alice.login}/renamed", exit=1, says="not sound")
    site.gerve("repo", "delete", f"{alice.login}/renamed", "--yes")
    assert not (place / "renamed.git").exists()


def test_adopt_takes_git_alone(site, alice):
    project = hg_repository(site, alice, "there")
    site.gerve("repo", "adopt", f"{alice.login}/taken", str(project.disk), exit=1, says="is a Mercurial repository")


def test_the_kind_is_declared(private_sites):
    one, other = private_sites(), private_sites()
    alice = one.person("alice")
    hg_repository(one, alice)
    one.repository(alice, "gits")
    text = one.gerve("export").stdout
    assert text.count('kind = "hg"') == 1
    file = other.directory / "directory.toml"
    file.write_text(text)
    other.gerve("apply", file)
    assert {entry["repository"]: entry["kind"] for entry in other.gerve_json("repo", "list")} == {
        f"{alice.login}/project": "hg", f"{alice.login}/gits": "git"}
    assert other.gerve("export").stdout == text
    other.gerve("apply", file, stdout="nothing to change\n")
    file.write_text(text.replace('kind = "hg"\n', ""))
    other.gerve("apply", file, exit=1, says=["cannot change its kind", 'write kind = "hg"'])
    assert json.loads(other.gerve("repo", "list", "--json").stdout)

    other.gateway.stop()  # the command checks by itself, and not by its user's configuration
    (other.admin.home / ".hgrc").write_text("[hooks]\npre-verify = false\n")
    other.admin = other.admin.with_env(HGRCPATH=str(other.admin.home / ".hgrc"))
    other.gerve("repo", "fsck", f"{alice.login}/project", says="sound")
