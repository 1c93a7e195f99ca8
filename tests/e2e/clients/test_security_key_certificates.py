"""Certificates of security keys, and security keys as authorities: a touch is required of both. Through both doors."""

import subprocess

import pytest

from harness.certificates import Authority, bearer, certificate_of
from harness.rawssh import RawClient
from harness.security_key import (
    ECDSA,
    ED25519,
    PRESENT,
    PROVIDER,
    REFUSED,
    VERIFIED,
    SoftAuthority,
    SoftKey,
    certified,
    check_login,
    make_security_key,
    needs_provider,
    prove,
)

pytestmark = pytest.mark.both_doors


@pytest.fixture
def authority(site):
    made = Authority(site.directory / site.fresh("authority"))
    site.gerve("ca", "add", site.fresh("ca"), made.key.public, "--instance", "--identity", "principal")
    return made


# What is signed, the options of the certificate, and whether it logs in.
CASES = {
    "touched": (dict(), (), True),
    "touched, with PIN": (dict(flags=PRESENT | VERIFIED), (), True),
    "not touched": (dict(flags=0), (), False),
    "not touched, and the certificate asks for no touch": (dict(flags=0), ("no-touch-required",), False),
    "a touch that was not signed": (dict(flags=0, said_flags=PRESENT), (), False),
    "for another application": (dict(application="ssh:other"), (), False),
    "over another connection": (dict(session=bytes(32)), (), False),
    "PIN required and given": (dict(flags=PRESENT | VERIFIED), ("verify-required",), True),
    "PIN required and not given": (dict(), ("verify-required",), False),
    "PIN required, and not signed": (dict(said_flags=PRESENT | VERIFIED), ("verify-required",), False),
}


@pytest.mark.parametrize("algorithm", [ED25519, ECDSA])
@pytest.mark.parametrize("case", CASES)
def test_the_table(site, door, alice, authority, algorithm, case):
    said, options, let_in = CASES[case]
    key = SoftKey(algorithm)
    by_certificate = certified(key, authority, site.directory / site.fresh("soft"), principals=alice.login, options=options)
    proof = lambda raw: prove(raw, by_certificate, made_by=algorithm, **said)
    check_login(door, alice, by_certificate, by_certificate.algorithm, proof, let_in)


def test_a_certificate_is_not_proven_by_signatures_of_web_browsers(site, door, alice, authority):
    key = certified(SoftKey(ECDSA), authority, site.directory / site.fresh("soft"), principals=alice.login)
    with RawClient(door) as raw:
        raw.request_authentication()
        assert raw.probe(key.blob, "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com") in REFUSED


@pytest.mark.parametrize("algorithm", [ED25519, ECDSA])
@pytest.mark.parametrize("flags", [PRESENT, PRESENT | VERIFIED, 0, VERIFIED])
def test_an_authority_has_to_be_touched(site, door, algorithm, flags):
    user = site.person("holder", door)
    authority = SoftAuthority(site.directory / site.fresh("authority"), algorithm)
    site.gerve("ca", "add", site.fresh("ca"), authority.public, "--instance", "--identity", "principal")
    client = bearer(site, user.login, door)
    authority.certify(client.key, user.login, flags)
    if flags & PRESENT:
        client.ssh("whoami", says=user.login)
    else:
        client.ssh("whoami", exit=255, says="Permission denied (publickey)")


@needs_provider
@pytest.mark.gateway_only("sshd has no text for a certificate that it refuses")
def test_who_gave_no_pin_reads_why(alice, authority):
    key = make_security_key(alice.home / "keys" / "pin", "ed25519-sk")
    authority.certify(key, principals=alice.login, options=("verify-required",))
    refused = alice.with_key(key).ssh("-o", f"SecurityKeyProvider={PROVIDER}", "-o", "LogLevel=INFO", exit=255)
    assert "asks for a PIN or fingerprint (verify-required)" in refused.stderr


@needs_provider
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_ssh_pushes_and_clones_by_the_certificate_of_a_security_key(site, alice, authority, kind):
    key = make_security_key(alice.home / "keys" / kind, kind)
    authority.certify(key, principals=alice.login)
    by_certificate = alice.with_key(key).with_ssh_options("-o", f"SecurityKeyProvider={PROVIDER}")
    repository = site.repository(alice, private=True)
    by_certificate.publish(repository)
    by_certificate.clone(repository, into="again")


@needs_provider
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_ssh_keygen_signs_with_a_security_key(site, door, kind):
    user = site.person("holder", door)
    place = site.directory / site.fresh("authority")
    ca = make_security_key(place / "ca", kind)
    site.gerve("ca", "add", site.fresh("ca"), ca.public, "--instance", "--identity", "principal")
    client = bearer(site, user.login, door)
    argv = ["ssh-keygen", "-q", "-s", str(ca.private), "-w", str(PROVIDER), "-I", "id", "-n", user.login, "-V", "+1h"]
    subprocess.run([*argv, str(client.key.public)], check=True, stdin=subprocess.DEVNULL)
    assert certificate_of(client.key).exists()
    client.ssh("whoami", says=user.login)
