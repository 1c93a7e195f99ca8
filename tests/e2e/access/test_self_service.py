"""What the holder of a key is told about it: whoami, keys, why."""

import pytest

from harness.keys import make_key
from harness.messages import INVALID_PATH, NOT_FOUND, SUSPENDED, UNKNOWN_COMMAND

pytestmark = pytest.mark.both_doors


def test_whoami(site, alice, secret):
    alice.ssh("whoami", stdout=f"You are {alice.login}.\nYour key is {alice.key.fingerprint}.\n", stderr="")
    machine = site.deploy_client(secret, alice.door, write=True)
    machine.ssh("whoami", says=f"You are a deploy key of {secret.path}, which may read and push.\n", stderr="")


def test_keys_are_those_of_the_account(site, alice, bob):
    second = site.add_key(alice.login, make_key(alice.home / "second"), "--title", "laptop")
    site.gerve("key", "revoke", second.fingerprint)
    told = alice.ssh("keys", says=["laptop", "revoked", f"{alice.key.fingerprint} *"], stderr="")
    told.check(says=second.fingerprint, silent_about=bob.key.fingerprint)


def test_why_tells_the_rule(site, alice, bob, secret):
    alice.ssh("why", secret.path, "push", stdout=f"You may push to {secret.path}: you own it (rule owner).\n")
    site.grant(secret, bob, "read")
    bob.ssh(f"why {secret.path}", says="(rule collaborator)", stderr="")
    bob.ssh(f"why {secret.path} push", exit=1, says="(rule no-write-access)", stderr="")
    machine = site.deploy_client(secret, alice.door)
    machine.ssh(f"why {secret.path}.git push", exit=1, says="(rule read-only-deploy-key)")


def test_what_one_may_not_read_is_told_as_what_is_not_there(site, stranger, secret):
    for question in (f"{secret.owner}/nothing", secret.path, f"{secret.path} push", "nobody/nothing push"):
        stranger.ssh(f"why {question}", exit=1, stdout="", stderr=NOT_FOUND)
    stranger.ssh("why ../nothing", exit=1, stdout="", stderr=INVALID_PATH)
    machine = site.deploy_client(site.repository(stranger), stranger.door)
    machine.ssh(f"why {secret.path}", exit=1, stdout="", stderr=NOT_FOUND)


def test_a_suspended_account_is_told_that(site, bob):
    site.gerve("user", "suspend", bob.login)
    bob.ssh("whoami", exit=1, stdout="", stderr=SUSPENDED)


@pytest.mark.parametrize("command", ["whoami alice", "keys;id", "why 'a/b'", "why a/b pull"])
def test_what_only_looks_like_a_question_is_no_command(alice, command):
    alice.ssh(command, exit=128, stdout="", stderr=UNKNOWN_COMMAND)
