"""What a git client is told, to the byte: stdout, stderr and exit status of each case."""

import os
import pty
import time

import pytest

from harness.messages import NOT_FOUND, SUSPENDED, UNKNOWN_COMMAND, archived, greeting, moved, write_denied
from harness.rawssh import RawClient, in_order

pytestmark = pytest.mark.both_doors

SERVICES = ("git-upload-pack", "git-receive-pack", "git-upload-archive")


def test_no_command_greets_a_user(alice):
    alice.ssh(exit=1, stdout="", stderr=greeting(alice.login))


def test_no_command_greets_a_deploy_key_by_its_repository(site, door, project):
    machine = site.deploy_client(project, door)
    machine.ssh(exit=1, stdout="", stderr=greeting(project.path))


def test_the_greeting_spells_the_login_as_it_was_given(site, door):
    person = site.stranger("Mixed.Case_Name", door)
    site.gerve("user", "add", person.login)
    site.add_key(person.login.lower(), person.key)
    person.ssh(exit=1, stdout="", stderr=greeting(person.login))


def test_typed_at_a_terminal_the_greeting_comes_although_there_is_no_pty(alice):
    """ssh asks for a pty when its input is a terminal; a refusal of that must not hide the greeting."""
    screen, keyboard = pty.openpty()
    try:
        outcome = alice.start_ssh(stdin=keyboard).finish(exit=1)
    finally:
        os.close(keyboard)
        os.close(screen)
    assert greeting(alice.login).rstrip() in outcome.stderr


@pytest.mark.parametrize(
    "command", ["ls", "git", "git-upload-pack", "git-shell", "rm -rf /", "scp -t x", "sh -c ls"]
)
def test_what_is_no_git_command(alice, command):
    alice.ssh(command, exit=128, stdout="", stderr=UNKNOWN_COMMAND)


@pytest.mark.parametrize("service", SERVICES)
def test_a_repository_that_does_not_exist(alice, service):
    alice.ssh(f"{service} '{alice.login}/nothing.git'", exit=1, stdout="", stderr=NOT_FOUND)


@pytest.mark.parametrize("service", SERVICES)
def test_a_private_repository_of_somebody_else(stranger, secret, service):
    stranger.ssh(f"{service} '{secret.path}.git'", exit=1, stdout="", stderr=NOT_FOUND)


@pytest.mark.parametrize("service", SERVICES)
def test_forbidden_and_missing_are_the_same_messages_in_the_same_order(stranger, secret, door, service):
    with RawClient(door) as client:
        client.log_in(stranger.key)
        forbidden = client.open_session().exec(f"{service} '{secret.path}.git'")
        missing = client.open_session().exec(f"{service} '{secret.owner}/missing.git'")
        nobodys = client.open_session().exec(f"{service} 'nobody/missing.git'")
    for answer in (forbidden, missing, nobodys):
        assert in_order(answer.events, door)
        answer.events = []
    assert forbidden == missing == nobodys
    assert (forbidden.stdout, forbidden.stderr, forbidden.exit) == (b"", NOT_FOUND.encode(), 1)


def test_git_shows_the_refusal_before_its_own_words(stranger, secret):
    stranger.git(
        "clone", secret.url, exit=128, says=[NOT_FOUND, "fatal: Could not read from remote repository."]
    )


def test_pushing_what_one_may_only_read(stranger, project):
    stranger.ssh(
        f"git-receive-pack '{project.path}.git'",
        exit=1,
        stdout="",
        stderr=write_denied(project.path, stranger.login),
    )


def test_a_collaborator_who_may_read_is_told_so_when_pushing(site, bob, secret):
    site.grant(secret, bob, "read")
    bob.git("ls-remote", secret.url, says=secret.rev("main"))
    bob.ssh(
        f"git-receive-pack '{secret.path}.git'",
        exit=1,
        stdout="",
        stderr=write_denied(secret.path, bob.login),
    )


def test_the_refusal_spells_the_repository_as_it_is_stored(stranger, project):
    stranger.ssh(
        f"git-receive-pack '{project.path.upper()}.git'",
        exit=1,
        stdout="",
        stderr=write_denied(project.path, stranger.login),
    )


def test_a_read_only_deploy_key_cannot_push(site, door, secret):
    machine = site.deploy_client(secret, door)
    machine.git("ls-remote", secret.url, says=secret.rev("main"))
    machine.ssh(
        f"git-receive-pack '{secret.path}.git'",
        exit=1,
        stdout="",
        stderr=write_denied(secret.path, "deploy key"),
    )


def test_a_deploy_key_with_write_pushes(site, door, secret):
    machine = site.deploy_client(secret, door, write=True)
    work = machine.clone(secret)
    head = work.commit()
    work.git("push", "--quiet")
    assert secret.rev("main") == head


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
def test_a_deploy_key_reaches_its_repository_alone(site, door, alice, project, service, private):
    other = site.repository(alice, "other", private=private)
    machine = site.deploy_client(project, door, write=True)
    machine.ssh(f"{service} '{other.path}.git'", exit=1, stdout="", stderr=NOT_FOUND)


def test_an_archived_repository_is_read_and_not_written(site, alice, bob, project):
    site.gerve("repo", "archive", project.path)
    bob.git("ls-remote", project.url, says=project.rev("main"))
    alice.ssh(f"git-receive-pack '{project.path}.git'", exit=1, stdout="", stderr=archived(project.path))


def test_an_archived_private_repository_stays_hidden(site, stranger, secret):
    site.gerve("repo", "archive", secret.path)
    stranger.ssh(f"git-receive-pack '{secret.path}.git'", exit=1, stdout="", stderr=NOT_FOUND)


def test_a_disabled_repository_is_not_found_by_its_owner_either(site, alice, project):
    site.gerve("repo", "disable", project.path)
    alice.ssh(f"git-upload-pack '{project.path}.git'", exit=1, stdout="", stderr=NOT_FOUND)


@pytest.mark.parametrize("service", SERVICES)
def test_a_suspended_account(site, alice, project, service):
    site.gerve("user", "suspend", alice.login)
    alice.ssh(f"{service} '{project.path}.git'", exit=1, stdout="", stderr=SUSPENDED)
    site.gerve("user", "unsuspend", alice.login)
    alice.git("ls-remote", project.url, says=project.rev("main"))


def test_a_suspended_account_learns_nothing_about_repositories(site, stranger, secret):
    site.gerve("user", "suspend", stranger.login)
    for path in (secret.path, "nobody/nothing"):
        stranger.ssh(f"git-upload-pack '{path}.git'", exit=1, stdout="", stderr=SUSPENDED)


# ---- renamed


@pytest.fixture
def renamed(site, project):
    """The project under its new name; `project` has the old one."""
    new = type(project)(project.owner, "renamed", project.state)
    site.gerve("repo", "rename", project.path, new.name)
    return new


def test_a_renamed_repository_is_served_under_the_old_name_with_a_notice(alice, bob, project, renamed):
    notice = moved(project.path, renamed.path)
    bob.git("ls-remote", project.url, "main", says=[notice, renamed.rev("main")])
    work = alice.clone(project)
    head = work.commit()
    work.git("push", says=notice)
    assert renamed.rev("main") == head


def test_the_new_name_gives_no_notice(bob, renamed):
    bob.git("ls-remote", renamed.url, "main", stderr="")


def test_a_renamed_private_repository_gives_nothing_away(site, stranger, secret):
    site.gerve("repo", "rename", secret.path, "elsewhere")
    stranger.ssh(f"git-upload-pack '{secret.path}.git'", exit=1, stdout="", stderr=NOT_FOUND)


def test_a_new_repository_takes_the_old_name_back(site, alice, bob, project, renamed):
    again = site.repository(alice, project.name)
    bob.git("ls-remote", again.url, stdout="", stderr="")


# ---- the key


def test_an_unknown_key_is_refused(site, door, project):
    unknown = site.stranger("unknown", door)
    unknown.ssh(exit=255, stdout="", says="Permission denied (publickey).")
    unknown.git("clone", project.url, exit=128, says="Permission denied (publickey).")


def test_a_key_that_expires_is_good_until_then_and_refused_afterwards(site, door):
    person = site.stranger("late", door)
    site.gerve("user", "add", person.login)
    end = int(time.time()) + 4
    site.add_key(person.login, person.key, "--expires", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)))
    person.ssh(exit=1, stderr=greeting(person.login))
    time.sleep(max(0, end + 0.1 - time.time()))
    person.ssh(exit=255, stdout="", says="Permission denied (publickey).")


def test_a_key_that_expires_later_is_good_now(site, door):
    person = site.stranger("early", door)
    site.gerve("user", "add", person.login)
    site.add_key(person.login, person.key, "--expires", "2999-12-31")
    person.ssh(exit=1, stderr=greeting(person.login))


def test_unknown_keys_before_the_right_one_do_no_harm(site, door, alice):
    """An ssh agent full of other keys must not lock its owner out."""
    identities = []
    for number in range(12):
        other = site.stranger(f"spare-{number}", door)
        identities += ["-i", str(other.key.private)]
    alice.ssh(*identities, exit=1, stderr=greeting(alice.login))


@pytest.mark.parametrize(
    "kind, bits",
    [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048), ("rsa", 4096)],
)
def test_each_kind_of_key_works(site, door, kind, bits):
    person = site.person(kind, door, kind=kind, bits=bits)
    person.ssh(exit=1, stdout="", stderr=greeting(person.login))


@pytest.mark.parametrize("name", ["root", "alice", "www-data"])
def test_another_login_name_than_git_is_refused(alice, name):
    alice.ssh("-l", name, exit=255, stdout="", says="Permission denied (publickey).")
