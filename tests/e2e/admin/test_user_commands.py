"""Accounts that get another login, and that go."""

import json
import signal
import time

import pytest

from harness.messages import NOT_FOUND, greeting, moved
from harness.programs import program
from harness.site import Repository


def renamed(repository: Repository, owner: str) -> Repository:
    return Repository(owner, repository.name, repository.state)


def test_a_renamed_account_keeps_its_repositories_and_its_old_urls(site, alice, bob):
    repositories = [site.repository(alice, name, private=True) for name in ("one", "two")]
    for repository in repositories:
        alice.publish(repository)
    site.grant(repositories[0], bob, "read")
    new = f"{alice.login}-new"
    site.gerve("user", "rename", alice.login, new, stdout=f"{alice.login} is now {new}\n", stderr="")
    alice.ssh(exit=1, stderr=greeting(new))
    for repository in repositories:
        now = renamed(repository, new)
        assert now.rev("main")
        alice.git("ls-remote", now.url, stderr="")
        alice.git("ls-remote", repository.url, stderr=moved(repository.path, now.path))
    bob.git("ls-remote", repositories[0].url)
    bob.git("ls-remote", repositories[1].url, exit=128, says=NOT_FOUND)
    site.gerve("user", "rename", alice.login, new, says="already")
    assert [one["login"] for one in site.gerve_json("user", "list")].count(alice.login) == 0


def test_the_old_login_is_reserved_until_it_is_freed(site, alice, bob, project):
    new = f"{alice.login}-new"
    site.gerve("user", "rename", alice.login, new)
    site.gerve("user", "add", alice.login, exit=1, says=f"`gerve user remove {alice.login}` frees it")
    site.gerve("user", "rename", bob.login, alice.login, exit=1, says="reserved")
    site.gerve("repo", "create", f"{alice.login}/more", exit=1, says=f"{alice.login} is now called {new}")
    site.gerve("user", "remove", alice.login)
    alice.git("ls-remote", project.url, exit=128, says=NOT_FOUND)
    site.gerve("user", "add", alice.login, stdout="", stderr="")


def test_an_account_is_renamed_back(site, alice, project):
    site.gerve("user", "rename", alice.login, f"{alice.login}-new")
    site.gerve("user", "rename", f"{alice.login}-new", alice.login)
    alice.git("ls-remote", project.url, stderr="")
    alice.git("ls-remote", f"gerve:{alice.login}-new/{project.name}", stderr=moved(f"{alice.login}-new/{project.name}", project.path))


def test_an_organisation_is_renamed(site, alice):
    organisation = site.organisation()
    team = site.team(organisation, alice)
    repository = site.repository(organisation, private=True)
    site.grant(repository, team, "write")
    site.gerve("user", "rename", organisation, f"{organisation}-new")
    alice.git("ls-remote", renamed(repository, f"{organisation}-new").url, stderr="")
    alice.git("ls-remote", repository.url, says="has moved to")


def test_a_login_that_is_taken_changes_nothing(site, alice, bob, project):
    for taken in (bob.login, bob.login.upper()):
        site.gerve("user", "rename", alice.login, taken, exit=1, says=f"already a user called {bob.login}")
    site.gerve("user", "rename", alice.login, alice.login, exit=1, says="already has that name")
    site.gerve("user", "rename", "nobody", "somebody", exit=1, says="nobody")
    assert project.disk.is_dir()


def test_what_the_file_server_refuses_is_taken_back(site, alice):
    """Something lies where one of the repositories is to go: all of them stay where they were."""
    repositories = [site.repository(alice, name) for name in ("a", "b", "c")]
    new = f"{alice.login}-new"
    stranger = repositories[0].disk.parent.parent / new / "b.git"
    stranger.mkdir(parents=True)
    site.gerve("user", "rename", alice.login, new, exit=1, says=["already exists", "nothing was renamed"])
    assert all(repository.disk.is_dir() for repository in repositories)
    assert list(stranger.parent.iterdir()) == [stranger]
    for repository in repositories:
        alice.git("ls-remote", repository.url, stderr="")
    stranger.rmdir()
    site.gerve("user", "rename", alice.login, new)
    alice.git("ls-remote", repositories[2].url, says="has moved to")


def test_a_renaming_that_is_killed_is_finished_by_the_same_command(site, alice):
    """Wherever it is cut short, nothing is lost, and the last one finishes it."""
    repositories = [site.repository(alice, f"r{number}") for number in range(12)]
    new = f"{alice.login}-new"
    argv = [program("gerve"), *site.gateway.options, "user", "rename", alice.login, new]
    for attempt in range(6):
        running = site.admin.start(*argv)
        time.sleep(0.02 * attempt)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
    site.gerve("user", "rename", alice.login, new, exit=range(1))
    for repository in repositories:
        assert renamed(repository, new).disk.is_dir()
        alice.git("ls-remote", repository.url, stderr=moved(repository.path, f"{new}/{repository.name}"))
    assert {one["state"] for one in site.gerve_json("repo", "list", new)} == {"active"}


def test_an_account_that_owns_something_stays(site, alice, project):
    told = site.gerve("user", "remove", alice.login, exit=1).stderr
    assert "1 repository (`gerve repo delete`" in told and "1 key (`gerve key move`" in told
    alice.ssh(exit=1, stderr=greeting(alice.login))


def test_an_account_made_by_mistake_goes(site, alice):
    slip = site.fresh("alcie")
    site.gerve("user", "add", slip)
    site.gerve("user", "remove", slip, stdout=f"removed {slip}\n")
    site.gerve("user", "remove", slip, exit=1, says=slip)
    assert not [one for one in site.gerve_json("user", "list") if one["login"] == slip]


@pytest.mark.parametrize("command", ["rename", "remove"])
def test_it_is_on_record(site, command):
    login = site.fresh("passing")
    site.gerve("user", "add", login)
    site.gerve("user", command, login, *([f"{login}-new"] if command == "rename" else []))
    events = site.gerve("audit", "--event", "admin", "--user", login, "--json").stdout.splitlines()
    last = json.loads(events[-1])
    assert (last["command"], last["done"], last["details"]["user"]) == (f"user {command}", True, login)
