"""Certificates: which of them count, what their holders are told, and how they end. The table is judged by OpenSSH's
sshd as well."""

import getpass
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.audit import events
from harness.certificates import Authority, bearer, certificate_of
from harness.messages import WITHDRAWN
from harness.processes import free_port, wait_until
from harness.slow_clone import SIZE, SlowClone
from harness.sshd import SSHD, unpenalized

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Row:
    """A certificate, the rule that refuses it ("": it counts), what its holder reads of that ("": nothing), and why
    OpenSSH's sshd judges otherwise ("": it does not)."""

    name: str
    rule: str = ""
    told: str = ""
    sshd: str = ""
    made: dict = field(default_factory=dict)
    key: dict = field(default_factory=dict)
    authority: str = "ed25519"


def row(name, rule="", told="", sshd="", key=None, authority="ed25519", **made) -> Row:
    return Row(name, rule, told, sshd, made, key or {}, authority)


EXPIRED, EARLY = "It expired at ", "It is not valid before "
ROWS = [
    row("plain"),
    row("forever", validity="always:forever"),
    row("largest-serial", serial=2**64 - 1),
    row("serial-0", serial=0),
    row("several-principals", principals="nobody-here,alice"),
    row("ecdsa-256", key={"kind": "ecdsa", "bits": 256}),
    row("ecdsa-384", key={"kind": "ecdsa", "bits": 384}),
    row("ecdsa-521", key={"kind": "ecdsa", "bits": 521}),
    row("rsa", key={"kind": "rsa", "bits": 2048}),
    row("by-rsa-512", authority="rsa"),
    row("by-rsa-256", authority="rsa", algorithm="rsa-sha2-256"),
    row("by-ecdsa", authority="ecdsa"),
    row("by-rsa-sha1", "signature-algorithm", authority="rsa", algorithm="ssh-rsa"),
    row("expired", "valid-before", EXPIRED, validity="-2d:-1d"),
    row("not-yet", "valid-after", EARLY, validity="+1d:+2d"),
    row("no-principals", "principals", "It has no principals.", principals=None),
    row("no-account", "identity", principals="nobody-here"),
    row("host", "kind", host=True),  # which OpenSSH's client does not offer
    row("from-here", options=("source-address=10.0.0.0/8,127.0.0.0/8",)),
    row("from-elsewhere", "source-address", "It may not be used from", options=("source-address=10.0.0.0/8",)),
    row("from-elsewhere-6", "source-address", "It may not be used from", options=("source-address=2001:db8::/32",)),
    row("force-command", "force-command", "It forces a command", options=("force-command=true",),
        sshd="sshd runs the command, which Gerve never does"),
    row("verify-required", "critical-options", "'verify-required'", options=("verify-required",),
        sshd="sshd asks a PIN of security keys alone, and lets other keys pass"),
    row("unknown-option", "critical-options", "'other@example.com'", options=("critical:other@example.com=1",)),
    row("unknown-extension", options=("extension:other@example.com=1",)),
    row("no-extensions", options=("clear",)),
    row("too-long", "max-life", "It is valid for longer", validity="-1d:+90d", authority="short",
        sshd="sshd has no --max-life"),
    row("short-enough", validity="-1d:+5d", authority="short"),
    row("forever-too-long", "max-life", "It is valid for longer", validity="always:forever", authority="short",
        sshd="sshd has no --max-life"),
    row("revoked-serial", "revocation", "It was revoked.", serial=700),
    row("revoked-range", "revocation", "It was revoked.", serial=805),
    row("beside-range", serial=811),
    row("revoked-id", "revocation", "It was revoked.", key_id="stolen"),
    row("revoked-list", "revocation", "It was revoked.", serial=903),
    row("unknown-authority", "authority", authority="stranger"),
    row("by-certificate", None),
]


class World:
    """A site with its authorities, one user, and a stock sshd that trusts the same authorities."""

    def __init__(self, site, directory: Path):
        self.site = site
        self.user = site.person("alice").login
        directory.mkdir()
        self.directory = directory
        self.authorities = {name: Authority(directory / name, kind) for name, kind in (
            ("ed25519", "ed25519"), ("rsa", "rsa"), ("ecdsa", "ecdsa"), ("short", "ed25519"), ("stranger", "ed25519"))}
        self.names = {}
        for name, authority in self.authorities.items():
            if name == "stranger":
                continue
            self.names[name] = site.fresh("ca")
            life = ("--max-life", "7d") if name == "short" else ()
            site.gerve("ca", "add", self.names[name], authority.key.public, "--instance", "--identity", "principal", *life)
        ca = self.authorities["ed25519"]
        listed = ca.revoke(directory / "listed.krl", "serial: 900-902", "serial: 903", "serial: 1000", "id: other")
        site.gerve("ca", "revoke", self.names["ed25519"], "--serial", "700", "--serial", "800-810", "--key-id", "stolen")
        site.gerve("ca", "revoke", self.names["ed25519"], "--krl", listed)
        self.bearers = {one.name: self.make(one) for one in ROWS}
        self.krl = ca.revoke(directory / "all.krl", "serial: 700", "serial: 800-810", "serial: 903", "id: stolen")

    def make(self, one: Row):
        client = bearer(self.site, self.user, **one.key)
        made = dict(one.made)
        principals = made.get("principals", "alice")
        made["principals"] = principals and principals.replace("alice", self.user)
        authority = self.authorities[one.authority]
        if one.name == "by-certificate":
            authority.certify_by_certificate(client.key)
        else:
            authority.certify(client.key, **made)
        return client

    def explain(self, client, *more, exit=1) -> dict:
        asked = ["explain", certificate_of(client.key), f"git-upload-pack '{self.user}/x'", *more, "--json"]
        return json.loads(self.site.gerve(*asked, exit=exit).stdout)


@pytest.fixture(scope="module")
def world(site, workspace):
    return World(site, workspace / "authorities")


@pytest.fixture(scope="module")
def judge(world):
    """OpenSSH's sshd with the same authorities: the function says whether it lets somebody in."""
    if os.geteuid() != 0 or not os.path.exists(SSHD):
        pytest.skip("needs root, and sshd")
    place, port = world.directory, free_port()
    place.chmod(0o755)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / "host_key")], check=True)
    trusted = [one.key.public.read_text() for name, one in world.authorities.items() if name != "stranger"]
    (place / "trusted").write_text("".join(trusted))
    (place / "principals").write_text(world.user + "\n")
    (place / "sshd_config").write_text(
        f"ListenAddress {HERE}:{port}\nHostKey {place}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PermitRootLogin yes\nAuthorizedKeysFile none\nTrustedUserCAKeys {place}/trusted\n"
        f"AuthorizedPrincipalsFile {place}/principals\nRevokedKeys {world.krl}\n" + unpenalized())
    os.makedirs("/run/sshd", exist_ok=True)
    sshd = subprocess.Popen([SSHD, "-D", "-f", str(place / "sshd_config"), "-E", str(place / "sshd.log")])

    def accepts(client) -> bool:
        argv = ["ssh", "-F", "/dev/null", "-p", str(port), "-i", str(client.key.private), "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={place}/known",
                "-o", "BatchMode=yes", f"{getpass.getuser()}@{HERE}", "true"]
        ran = subprocess.run(argv, capture_output=True, text=True)
        assert ran.returncode in (0, 255), ran.stderr
        return ran.returncode == 0

    try:
        wait_until(lambda: "Server listening" in (place / "sshd.log").read_text() if (place / "sshd.log").exists() else None,
                   "sshd listens")
        yield accepts
    finally:
        sshd.terminate()
        sshd.wait(20)


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.name)
def test_the_gateway_judges(world, one):
    client = world.bearers[one.name]
    if one.rule == "":
        told = client.ssh("-o", "LogLevel=INFO", "whoami")
        assert told.stdout.startswith(f"You are {world.user}.\n"), told
        return
    refused = client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says="Permission denied (publickey)")
    assert ("The certificate is not accepted" in refused.stderr) == bool(one.told), refused.stderr
    assert one.told in refused.stderr


def test_whoami_tells_the_certificate(world):
    client = world.bearers["forever"]
    user, key, certificate = client.ssh("whoami").stdout.splitlines()
    assert (user, key) == (f"You are {world.user}.", f"Your key is {client.key.fingerprint}.")
    assert certificate.startswith('Its certificate "test", serial ')
    assert certificate.endswith(
        f", was signed by {world.authorities['ed25519'].key.fingerprint} and is valid until the end of time.")


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.name)
def test_openssh_judges_alike_but_for_what_is_said(world, judge, one):
    ours = one.rule == ""
    assert judge(world.bearers[one.name]) == (ours != bool(one.sshd))


@pytest.mark.parametrize("one", [one for one in ROWS if one.rule is not None], ids=lambda one: one.name)
def test_explain_lists_each_rule(world, one):
    told = world.explain(world.bearers[one.name], "--from", HERE)
    rules = {fact["asked"].removeprefix("rule "): fact["answer"] for fact in told["facts"]
             if fact["asked"].startswith("rule ")}
    assert len(rules) == 13
    failed = [name for name, answer in rules.items() if not answer.startswith("holds")]
    assert failed[:1] == ([one.rule] if one.rule else []), rules
    assert told["rule"] == (f"certificate-{one.rule}" if one.rule else "no-such-repository")


def test_a_certificate_of_another_key_says_nothing(world):
    """Somebody who has the certificate, and not its key."""
    thief = bearer(world.site, world.user)
    stolen = certificate_of(world.bearers["expired"].key)
    argv = thief.ssh_argv("-o", "LogLevel=INFO", "-o", f"CertificateFile={stolen}", "whoami")
    refused = thief.run(*argv, exit=255, says="Permission denied")
    assert "certificate" not in refused.stderr.lower()


def test_the_trail_names_the_certificate(world):
    client = world.bearers["plain"]
    client.ssh("whoami")
    authority = world.authorities["ed25519"].key.fingerprint
    proven = wait_until(lambda: [one for one in events(world.site, "--event", "proven")
                                 if one.get("fingerprint") == client.key.fingerprint], "the proof is recorded")[-1]
    assert proven["authority"] == authority and proven["key_id"] == "test" and proven["user"] == world.user
    assert proven["serial"].isdigit() and proven["key"] == 0
    world.bearers["expired"].ssh("whoami", exit=255)
    wait_until(lambda: [one for one in events(world.site, "--event", "refused")
                        if one.get("because") == "certificate" or "certificate" in one.get("reasons", {})],
               "a refusal is recorded")


# ---- what runs

@pytest.fixture
def holder(site, door):
    """Somebody with a certificate, an authority of the instance, and a private repository that they may read."""
    owner = site.person("owner", door)
    repository = site.repository(owner, private=True)
    work = owner.publish(repository)
    work.git("config", "core.compression", "0")
    work.commit("noise", os.urandom(SIZE))
    work.git("push", "--quiet")
    user = site.person("holder", door)
    site.grant(repository, user, "read")
    authority = Authority(site.directory / site.fresh("authority"))
    name = site.fresh("ca")
    site.gerve("ca", "add", name, authority.key.public, "--instance", "--identity", "principal")
    return user.login, repository, authority, name


def with_certificate(site, login, door, authority, **made):
    client = bearer(site, login, door)
    authority.certify(client.key, principals=login, **made)
    return client


@pytest.mark.parametrize("how", ["serial", "key-id", "certificate", "all", "remove"])
def test_what_revokes_it_ends_what_it_runs(site, door, holder, how):
    login, repository, authority, name = holder
    client = with_certificate(site, login, door, authority, serial=42, key_id="laptop")
    stays = with_certificate(site, login, door, authority, serial=43, key_id="desk")
    clone = SlowClone(site, client, repository)
    began = time.monotonic()
    words = {"serial": ["revoke", name, "--serial", "42"], "key-id": ["revoke", name, "--key-id", "laptop"],
             "certificate": ["revoke", name, "--certificate", certificate_of(client.key)],
             "all": ["revoke", name, "--all"], "remove": ["remove", name]}[how]
    site.gerve("ca", *words)
    clone.ends(WITHDRAWN, began)
    client.ssh("whoami", exit=255)
    if how not in ("all", "remove"):
        stays.ssh("whoami")


def test_a_revoked_key_does_not_log_in_by_a_certificate(site, door, holder):
    login, repository, authority, _ = holder
    client = with_certificate(site, login, door, authority)
    site.gerve("key", "add", login, client.key.public)
    clone = SlowClone(site, client, repository)
    began = time.monotonic()
    site.gerve("key", "revoke", client.key.fingerprint)
    clone.ends(WITHDRAWN, began)
    client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says="It was revoked.")


def test_its_end_ends_what_it_runs(site, door, holder):
    login, repository, authority, _ = holder
    began = time.monotonic()
    client = with_certificate(site, login, door, authority, validity="-1m:+8s")
    clone = SlowClone(site, client, repository)
    clone.ends(WITHDRAWN, began + 8)
    assert time.monotonic() - began > 7
    client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says="It expired at ")


@pytest.mark.both_doors
def test_behind_a_stock_sshd_certificates_are_refused(site, door, holder):
    login, repository, authority, _ = holder
    client = with_certificate(site, login, door, authority)
    if door.kind == "gateway":
        client.git("ls-remote", repository.url)
    else:
        client.git("ls-remote", repository.url, exit=128, says="Permission denied")


# ---- of an organisation, and as GitHub signs them

def test_an_organisations_authority_counts_for_its_repositories_alone(site, door):
    organisation = site.organisation()
    user = site.person("member", door)
    own = site.repository(user, private=True)
    public = site.repository(user, "public")
    theirs = site.repository(organisation, private=True)
    site.grant(theirs, user, "read")
    authority = Authority(site.directory / site.fresh("authority"))
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--org", organisation, "--identity", "login@github.com")
    client = bearer(site, user.login, door)
    authority.certify(client.key, principals="whoever", options=(f"extension:login@github.com={user.login}",))
    client.git("ls-remote", theirs.url)
    for hidden in (own, public):
        client.git("ls-remote", hidden.url, exit=128, says="Repository not found")
        user.git("ls-remote", hidden.url)
    assert own.path not in client.ssh("keys").stdout and user.key.fingerprint not in client.ssh("keys").stdout
    asked = ["explain", certificate_of(client.key), f"git-upload-pack '{public.path}'", "--json"]
    told = json.loads(site.gerve(*asked, exit=1).stdout)
    assert told["rule"] == "other-organization"
