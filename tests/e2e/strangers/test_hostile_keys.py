"""Identity comes from a verified signature and from nothing else.

The class of x/crypto CVE-2024-45337: a key that was only offered must never count.
"""

import time

import pytest

from harness.keys import make_key
from harness.messages import greeting
from harness.rawssh import CUT, USERAUTH_FAILURE, USERAUTH_PK_OK, USERAUTH_SUCCESS, RawClient


@pytest.fixture
def raw(door):
    """A connection that has asked for the authentication service."""
    with RawClient(door) as client:
        client.request_authentication()
        yield client


def test_offering_the_victims_key_and_signing_with_ones_own(raw, alice, bob):
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    assert raw.prove(bob.key) == USERAUTH_SUCCESS
    assert raw.whoami() == greeting(bob.login)


def test_the_victims_key_with_a_signature_by_another(raw, alice, bob):
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    assert raw.prove(bob.key, claimed=alice.key) in (USERAUTH_FAILURE, CUT)


@pytest.mark.gateway_only("sshd lets nobody in by two keys of which one had a wrong signature")
def test_own_signature_after_a_failed_one_for_the_victim(raw, alice, bob):
    if raw.prove(bob.key, claimed=alice.key) != CUT:
        assert raw.prove(bob.key) == USERAUTH_SUCCESS
        assert raw.whoami() == greeting(bob.login)


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_three_keys_offered_in_turn_and_one_proven(site, raw, door, winner):
    people = [site.person(name, door) for name in ("alice", "bob", "carol")]
    for person in [*people, *reversed(people)]:
        assert raw.probe_key(person.key) == USERAUTH_PK_OK
    assert raw.prove(people[winner].key) == USERAUTH_SUCCESS
    assert raw.whoami() == greeting(people[winner].login)


def test_two_keys_of_one_account_are_the_same_person(site, raw, alice):
    second = site.add_key(alice.login, make_key(alice.home / "second"))
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    assert raw.prove(second) == USERAUTH_SUCCESS
    assert raw.whoami() == greeting(alice.login)


def test_an_unknown_key_is_not_accepted_when_offered(site, raw, door, alice):
    unknown = site.stranger("mallory", door)
    assert raw.probe_key(unknown.key) == USERAUTH_FAILURE
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    assert raw.prove(unknown.key) in (USERAUTH_FAILURE, CUT)


def test_signature_over_another_user_name(raw, alice):
    assert raw.prove(alice.key, signed_user="root") in (USERAUTH_FAILURE, CUT)


def test_signature_over_another_session(raw, alice):
    assert raw.prove(alice.key, signed_session=b"\0" * 32) in (USERAUTH_FAILURE, CUT)


def test_signature_with_one_bit_altered(raw, alice):
    assert raw.prove(alice.key, spoil=True) in (USERAUTH_FAILURE, CUT)


def test_a_signature_of_another_connection_does_not_work_here(raw, door, alice):
    with RawClient(door) as other:
        assert raw.prove(alice.key, signed_session=other.session_id) in (USERAUTH_FAILURE, CUT)


@pytest.mark.parametrize("first, second", [("root", "git"), ("git", "root")])
@pytest.mark.gateway_only("sshd cuts the connection when the user name changes")
def test_switching_the_user_name_in_between_is_a_fresh_start(raw, alice, bob, first, second):
    raw.probe_key(alice.key, user=first)
    answer = raw.prove(bob.key, user=second)
    if second == "git":
        assert answer == USERAUTH_SUCCESS
        assert raw.whoami() == greeting(bob.login)
    else:
        assert answer in (USERAUTH_FAILURE, CUT)


@pytest.mark.parametrize("user", ["root", "", "Git", "git ", "alice", "../git", "-oProxyCommand=x"])
def test_only_the_login_name_git_is_served(raw, alice, user):
    assert raw.prove(alice.key, user=user) in (USERAUTH_FAILURE, CUT)


def test_an_algorithm_name_that_is_not_the_keys_makes_nobody_else(raw, alice):
    """libssh goes by the key and by the type in the signature, and keeps the name to itself."""
    if raw.prove(alice.key, algorithm="ecdsa-sha2-nistp256") == USERAUTH_SUCCESS:
        assert raw.whoami() == greeting(alice.login)


def test_a_revoked_key_is_refused_at_once(site, raw, alice):
    site.gerve("key", "revoke", alice.key.fingerprint)
    assert raw.probe_key(alice.key) == USERAUTH_FAILURE
    assert raw.prove(alice.key) in (USERAUTH_FAILURE, CUT)


def test_a_key_revoked_between_its_offer_and_its_proof_is_refused(site, raw, door, alice):
    """Somebody touches his key, or types its password: what was true of the offer is asked again."""
    if door.kind == "sshd":
        pytest.skip("not through sshd: it asks for each of the two")
    assert raw.probe_key(alice.key) == USERAUTH_PK_OK
    site.gerve("key", "revoke", alice.key.fingerprint)
    time.sleep(1.2)
    assert raw.prove(alice.key) in (USERAUTH_FAILURE, CUT)


@pytest.mark.parametrize(
    "blob", [b"", b"\0", b"\0\0\0\x0bssh-ed25519", b"\xff" * 64, b"\0\0\0\x0bssh-ed25519\0\0\0\x20"]
)
def test_a_malformed_key_is_refused_and_does_no_harm(raw, door, alice, blob):
    assert raw.probe(blob, "ssh-ed25519") in (USERAUTH_FAILURE, CUT)
    alice.ssh(exit=1, stderr=greeting(alice.login))
