"""FIDO keys (sk-…): who is let in, and what the audit trail tells of it. The table runs through the gateway, and
through OpenSSH's own sshd as judge."""

import pytest

from harness.audit import events
from harness.processes import wait_until
from harness.rawssh import USERAUTH_BANNER, USERAUTH_FAILURE, USERAUTH_SUCCESS, RawClient
from harness.security_key import (
    ECDSA,
    ED25519,
    PRESENT,
    PROVIDER,
    REFUSED,
    VERIFIED,
    WEBAUTHN,
    SoftKey,
    check_login,
    make_security_key,
    needs_provider,
    prove,
    prove_by_web,
    register,
)

pytestmark = pytest.mark.both_doors

# What is signed and said, and whether it logs in.
CASES = {
    "touched": (dict(), True),
    "touched, with PIN": (dict(flags=PRESENT | VERIFIED), True),
    "a counter of zero": (dict(counter=0), True),
    "the largest counter": (dict(counter=0xFFFFFFFF), True),
    "unknown flags as well": (dict(flags=PRESENT | 0xC0), True),
    "not touched": (dict(flags=0), False),
    "PIN without a touch": (dict(flags=VERIFIED), False),
    "a touch that was not signed": (dict(flags=0, said_flags=PRESENT), False),
    "a counter that was not signed": (dict(counter=7, said_counter=8), False),
    "for another application": (dict(application="ssh:other"), False),
    "over another connection": (dict(session=bytes(32)), False),
    "by a plain algorithm": (dict(made_by="ssh-ed25519"), False),
    "without flags and counter": (dict(tail=b""), False),
    "with something behind the counter": (dict(tail=b"\1\0\0\0\1\0"), False),
}


@pytest.fixture
def registered(site, alice):
    """Makes a security key of alice's."""
    return lambda algorithm, application="ssh:": register(site, alice, algorithm, application)


@pytest.mark.parametrize("algorithm", [ED25519, ECDSA])
@pytest.mark.parametrize("case", CASES)
def test_the_table(door, alice, registered, algorithm, case):
    said, let_in = CASES[case]
    key = registered(algorithm)
    check_login(door, alice, key, algorithm, lambda raw: prove(raw, key, **said), let_in)


def test_a_key_for_a_web_site_logs_in(door, alice, registered):
    """The application is the key's own affair."""
    key = registered(ECDSA, "https://git.example.org")
    with RawClient(door) as raw:
        raw.request_authentication()
        assert prove(raw, key) == USERAUTH_SUCCESS


def test_a_key_that_is_not_registered_is_not_taken(door):
    key = SoftKey(ED25519)
    with RawClient(door) as raw:
        raw.request_authentication()
        assert raw.probe(key.blob, ED25519) == USERAUTH_FAILURE
        assert prove(raw, key) in REFUSED


def test_a_key_that_was_not_touched_is_told_so_and_another_logs_in(private_site):
    """A site of its own: refusals of one address are rationed in the trail, and all tests have the same."""
    key = register(private_site, private_site.person(), ED25519)
    with RawClient(private_site.door()) as raw:
        raw.request_authentication()
        told = []
        raw._handler_table[USERAUTH_BANNER] = lambda *message: told.append(message[-1].get_text())
        assert prove(raw, key, flags=0) == USERAUTH_FAILURE
        assert "without being touched" in told[0] and "ssh-keygen -t ed25519-sk" in told[0]
        assert prove(raw, key) == USERAUTH_SUCCESS
    refusals = lambda: [event for event in events(private_site, "--event", "refused")
                        if event.get("because") == "untouched-key"]
    wait_until(refusals, "the refusal in the trail")


@pytest.mark.gateway_only("sshd verifies the signature and keeps what it attests to itself")
@pytest.mark.parametrize("flags, counter", [(PRESENT, 0), (PRESENT | VERIFIED, 4_000_000_000)])
def test_the_trail_has_flags_and_counter(site, door, alice, registered, flags, counter):
    key = registered(ECDSA)
    with RawClient(door) as raw:
        raw.request_authentication()
        assert prove(raw, key, flags=flags, counter=counter) == USERAUTH_SUCCESS
        raw.whoami()
        proven = wait_until(lambda: events(site, "--event", "proven", "--user", alice.login), "the proof")
    assert proven[-1]["security_key"].pop("connected_ms") > 1_600_000_000_000
    assert proven[-1]["security_key"] == {
        "flags": flags, "counter": counter, "touched": True, "verified": bool(flags & VERIFIED)
    }


@pytest.mark.gateway_only("sshd verifies the signature and keeps what it attests to itself")
def test_a_counter_that_falls_is_an_event(site, door, alice, registered):
    key, uncounted = registered(ECDSA), registered(ED25519)

    def log_in(key, counter):
        """Returns when its proof is recorded: a login that began before that has no order to this one."""
        proofs = lambda: len(events(site, "--event", "proven", "--user", alice.login))
        before = proofs()
        with RawClient(door) as raw:
            raw.request_authentication()
            assert prove(raw, key, counter=counter) == USERAUTH_SUCCESS
            raw.whoami()
            wait_until(lambda: proofs() > before, "the proof")

    fallen = lambda: events(site, "--event", "counter-fell", "--user", alice.login)
    for counter in (7, 7, 9):
        log_in(key, counter)
    for counter in (3, 0):
        log_in(uncounted, counter)
    log_in(key, 8)
    wait_until(fallen, "the event", timeout=10)
    log_in(key, 10)
    log_in(key, 2)
    wait_until(lambda: len(fallen()) == 2, "the second event", timeout=10)
    assert [(one["counter"], one["before"], one["fingerprint"]) for one in fallen()] == [
        (8, 9, key.fingerprint), (2, 10, key.fingerprint)]
    assert "signature counter 2" in site.gerve("audit", "--event", "counter-fell", "--user", alice.login).stdout


@pytest.mark.gateway_only("sshd verifies the signature and keeps what it attests to itself")
def test_other_keys_attest_nothing(site, alice):
    alice.ssh(exit=1)
    proven = wait_until(lambda: events(site, "--event", "proven", "--user", alice.login), "the proof")
    assert "security_key" not in proven[-1]


# ---- signatures that a web browser has the key make


WEB_CASES = {
    "touched": (dict(), True),
    "touched, with PIN": (dict(flags=PRESENT | VERIFIED), True),
    "a page of another origin": (dict(origin="https://elsewhere.example"), True),
    "more members in the client data": (dict(cross_origin=True), True),
    "extensions": (dict(flags=PRESENT | 0x80, extensions=b"\xa0"), True),
    "not touched": (dict(flags=0), False),
    "another challenge": (dict(challenge=b"something else"), False),
    "a registration": (dict(kind="webauthn.create"), False),
    "an origin that was not signed": (dict(said_origin="https://git.example.com"), False),
    "an origin with a quote": (dict(origin='https://a","b":"c'), False),
    "attested data": (dict(flags=PRESENT | 0x40), False),
    "extensions without their flag": (dict(extensions=b"\xa0"), False),
    "the flag without extensions": (dict(flags=PRESENT | 0x80), False),
    "over another connection": (dict(session=bytes(32)), False),
    "announced as a plain one": (dict(announced=ECDSA), False),
    "cut": (dict(cut=1), False),
}


# sshd compares the algorithm of a signature with the one that was announced only for RSA (sshkey_check_sigtype).
WEB_CASES_OF_SSHD = {"announced as a plain one"}


@pytest.mark.parametrize("case", WEB_CASES)
def test_the_table_of_web_signatures(door, alice, registered, case):
    said, let_in = WEB_CASES[case]
    let_in = let_in or (door.kind == "sshd" and case in WEB_CASES_OF_SSHD)
    key = registered(ECDSA)
    check_login(door, alice, key, WEBAUTHN, lambda raw: prove_by_web(raw, key, **said), let_in)


def test_only_ecdsa_keys_sign_for_the_web(door, registered):
    key = registered(ED25519)
    with RawClient(door) as raw:
        raw.request_authentication()
        assert raw.probe(key.blob, WEBAUTHN) in REFUSED


# ---- OpenSSH's own client, with a software authenticator


@needs_provider
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_ssh_pushes_and_clones_with_a_security_key(site, alice, project, kind):
    owner = site.person("owner", alice.door)
    key = site.add_key(owner.login, make_security_key(owner.home / "keys" / kind, kind))
    with_key = owner.with_key(key).with_ssh_options("-o", f"SecurityKeyProvider={PROVIDER}")
    repository = site.repository(owner, private=True)
    with_key.publish(repository)
    with_key.clone(repository, into="again")


@needs_provider
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_ssh_shows_why_a_key_that_needs_no_touch_is_refused(site, alice, kind):
    key = make_security_key(alice.home / "keys" / kind, kind, "-O", "no-touch-required")
    site.add_key(alice.login, key)
    refused = alice.with_key(key).ssh("-o", f"SecurityKeyProvider={PROVIDER}", "-o", "LogLevel=INFO", exit=255)
    assert "Permission denied (publickey)" in refused.stderr
    if alice.door.kind == "gateway":
        assert "This security key signed without being touched" in refused.stderr
