"""Git LFS whose objects another server has, over HTTP: git-lfs-authenticate gives tokens for it (lfs.mode "http")."""

import base64
import json
import os
import sqlite3
import time
from contextlib import closing

import pytest

from harness.audit import events
from harness.large_files import add_files, with_lfs
from harness.lfs_http import LfsServer, WrongToken, decode
from harness.outcome import NONZERO
from harness.sshd import Sshd, running_site_for_sshd

MORE = """[lfs]
mode = "http"
url = "{url}"
token_secret_file = "{secret}"
{more}
"""


class House:
    """A site, the server of its large files, and a door."""

    def __init__(self, workspace, name: str, through_sshd: bool, more: str = ""):
        directory = workspace / name
        self.secret = os.urandom(32)
        self.server = LfsServer(self.secret)
        self.secret_text = base64.urlsafe_b64encode(self.secret).decode().rstrip("=")
        file = workspace / f"{name}.secret"
        file.write_text(self.secret_text + "\n")
        file.chmod(0o600)
        self.running = running_site_for_sshd(directory, MORE.format(url=self.server.url, secret=file, more=more))
        self.site = self.running.__enter__()
        self.sshd = None
        if through_sshd:
            (workspace / f"{name}-sshd").mkdir()
            self.sshd = Sshd(workspace / f"{name}-sshd", str(self.site.state / "authz.sock")).start()
        self.door = self.sshd.door() if self.sshd else self.site.door()

    def person(self, name: str):
        return self.site.person(name, self.door)

    def claims(self, answer) -> dict:
        """Of the token in the answer to git-lfs-authenticate, which the server accepts."""
        said = json.loads(answer.stdout)
        assert answer.stdout.count("\n") == 1 and set(said) == {"href", "header", "expires_in"}
        return self.server.claims(said["header"]["Authorization"])

    def stop(self):
        if self.sshd:
            self.sshd.stop()
        self.server.stop()
        self.running.__exit__(None, None, None)


@pytest.fixture(scope="module", params=["gateway", "sshd"])
def house(workspace, request):
    made = House(workspace, f"lfs-http-{request.param}", request.param == "sshd")
    yield made
    made.stop()


@pytest.fixture
def alice(house):
    return house.person("alice")


@pytest.fixture
def project(house, alice):
    repository = house.site.repository(alice)
    alice.publish(repository)
    return repository


def client_with_lfs(client, repository):
    client.project = repository
    work = with_lfs(client, "*.bin")
    work.git("config", "lfs.locksverify", "false")
    return work


def test_objects_are_pushed_to_the_other_server_and_fetched(house, alice, project):
    work = client_with_lfs(alice, project)
    contents = {f"{number}.bin": os.urandom(10_000) for number in range(12)}
    add_files(work, contents)
    work.git("push", "--quiet", timeout=60)
    assert sorted(house.server.objects.values()) == sorted(contents.values())
    assert not (project.disk / "lfs/objects").exists()
    copy = alice.clone(project, into="copy")
    assert all((copy.cwd / name).read_bytes() == content for name, content in contents.items())
    assert {claims["Op"] for claims in house.server.tokens} == {"upload", "download"}


def test_the_answer_is_what_a_forge_gives(house, alice, project):
    before = int(time.time())
    answer = alice.ssh(f"git-lfs-authenticate {project.path} upload")
    said, claims = json.loads(answer.stdout), house.claims(answer)
    assert said["href"] == house.server.url.format(owner=project.owner, name=project.name)
    assert said["expires_in"] == 3600 and answer.stderr == ""
    with closing(sqlite3.connect(house.site.state / "gerve.db")) as tables:
        (number, owner), = tables.execute("SELECT r.id, r.owner_id FROM repositories r JOIN accounts o ON o.id = r.owner_id"
                                          " WHERE o.login = ? AND r.name = ?", (project.owner, project.name))
    assert set(claims) == {"RepoID", "Op", "UserID", "exp", "nbf"}
    assert (claims["RepoID"], claims["Op"]) == (number, "upload")
    assert claims["nbf"] <= before and 3590 <= claims["exp"] - before <= 3610
    assert claims["UserID"] == owner
    answer = alice.ssh(f"git-lfs-authenticate /{project.path}.git download")
    assert house.claims(answer)["Op"] == "download"
    # Not the secret, and not a token, in what the gateway writes.
    token = json.loads(answer.stdout)["header"]["Authorization"].split()[1]
    log, trail = house.site.gateway.log(), json.dumps(events(house.site))
    for text in (token, house.secret_text, token.split(".")[2]):
        assert text not in log and text not in trail


def test_access_is_decided_as_for_git(house, alice, project):
    bob = house.person("bob")
    assert house.claims(bob.ssh(f"git-lfs-authenticate {project.path} download"))["Op"] == "download"
    refused = bob.ssh(f"git-lfs-authenticate {project.path} upload", exit=1)
    assert refused.stdout == "" and refused.stderr == f"ERROR: Permission to {project.path} denied to {bob.login}.\n"
    hidden = house.site.repository(alice, "hidden", private=True)
    for path in (hidden.path, f"{alice.login}/nothing"):
        for operation in ("upload", "download"):
            answer = bob.ssh(f"git-lfs-authenticate {path} {operation}", exit=1)
            assert (answer.stdout, answer.stderr) == ("", "ERROR: Repository not found.\n")
    deploy = house.site.deploy_client(hidden, house.door)
    claims = house.claims(deploy.ssh(f"git-lfs-authenticate {hidden.path} download"))
    owner = house.claims(alice.ssh(f"git-lfs-authenticate {hidden.path} download"))
    assert claims["UserID"] == owner["UserID"] and claims["RepoID"] == owner["RepoID"]
    assert deploy.ssh(f"git-lfs-authenticate {hidden.path} upload", exit=1).stdout == ""
    house.site.gerve("repo", "archive", project.path)
    assert alice.ssh(f"git-lfs-authenticate {project.path} upload", exit=1).stderr == \
        f"ERROR: {project.path} is archived and read-only.\n"
    house.site.gerve("repo", "unarchive", project.path)
    house.site.gerve("user", "suspend", bob.login)
    assert bob.ssh(f"git-lfs-authenticate {project.path} download", exit=1).stderr == "ERROR: Your account is suspended.\n"
    trail = [event for event in events(house.site, "--repo", project.path) if event.get("token")]
    assert {(event["is"], event["service"]) for event in trail if event["event"] == "decision"} == {
        ("allow", "git-lfs-download"), ("deny", "git-lfs-upload"), ("deny", "git-lfs-download")}


def test_a_renamed_repository_has_its_new_address(house, alice, project):
    house.site.gerve("repo", "rename", project.path, "renamed")
    answer = alice.ssh(f"git-lfs-authenticate {project.path} download")
    assert answer.stderr == f"remote: {project.path} has moved to {alice.login}/renamed\n"
    assert json.loads(answer.stdout)["href"] == house.server.url.format(owner=alice.login, name="renamed")


def test_git_lfs_transfer_ends_at_once(house, alice, project):
    answer = alice.ssh(f"git-lfs-transfer {project.path} upload", exit=127)
    assert answer.stdout == "" and answer.stderr == "git-lfs-transfer: not found\n"
    explained = house.site.gerve("explain", alice.login, f"git-lfs-transfer {project.path} upload", exit=NONZERO).stdout
    assert "lfs.mode" in explained and "http" in explained
    assert "owner" in house.site.gerve("explain", alice.login, f"git-lfs-authenticate {project.path} upload").stdout


def test_a_forged_token_is_refused(house, alice, project):
    """The server's own check, without which the others would show little."""
    answer = json.loads(alice.ssh(f"git-lfs-authenticate {project.path} download").stdout)
    header, claims, signature = answer["header"]["Authorization"].split()[1].split(".")
    forged = base64.urlsafe_b64encode(decode(claims).replace(b"download", b"upload")).decode().rstrip("=")
    with pytest.raises(WrongToken, match="wrong signature"):
        house.server.claims(f"Bearer {header}.{forged}.{signature}")


@pytest.mark.slow
def test_a_push_may_last_longer_than_a_token(workspace):
    """git-lfs asks for another one before its next batch."""
    house = House(workspace, "lfs-http-short", False, 'token_life = "10s"')
    try:
        alice = house.person("alice")
        project = house.site.repository(alice)
        alice.publish(project)
        work = client_with_lfs(alice, project)
        work.git("config", "lfs.concurrenttransfers", "8")
        add_files(work, {f"{number}.bin": os.urandom(100) for number in range(110)})  # a batch has a hundred
        house.server.pause = 0.6
        began = time.monotonic()
        work.git("push", "--quiet", timeout=120)
        assert time.monotonic() - began > 7 and len(house.server.objects) == 110
        assert len({claims["exp"] for claims in house.server.tokens}) > 1
    finally:
        house.stop()


@pytest.mark.parametrize("content", ["", "short", "A" * 43 + "=", "A" * 42 + "/", "A" * 44])
def test_a_secret_of_another_form_is_refused_at_the_start(private_sites, tmp_path, content):
    file = tmp_path / "secret"
    file.write_text(content)
    file.chmod(0o600)
    site = private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n'
                         + MORE.format(url="https://h/{owner}/{name}", secret=file, more=""), start=False)
    site.gateway.fails_to_start(says="not 32 bytes in base64", exit=1)
