"""Certificates: which of them count, what their holders are told, and how they end. The table is judged by OpenSSH's
sshd as well."""

import getpass
import json
import os
import subprocess
import time

import pytest

from harness.audit import events
from harness.certificate_table import ROWS, World
from harness.certificates import Authority, bearer, certificate_of
from harness.messages import WITHDRAWN
from harness.processes import free_port, wait_until
from harness.slow_clone import SIZE, SlowClone
from harness.sshd import SSHD, unpenalized

HERE = "127.0.0.1"


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


def said(door, told: str) -> str:
    """What the holder of a certificate that is refused reads: sshd has no banner for that."""
    return told if door.kind == "gateway" else "Permission denied (publickey)"


@pytest.mark.both_doors
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


@pytest.mark.both_doors
def test_a_revoked_key_does_not_log_in_by_a_certificate(site, door, holder):
    login, repository, authority, _ = holder
    client = with_certificate(site, login, door, authority)
    site.gerve("key", "add", login, client.key.public)
    clone = SlowClone(site, client, repository)
    began = time.monotonic()
    site.gerve("key", "revoke", client.key.fingerprint)
    clone.ends(WITHDRAWN, began)
    client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says=said(door, "It was revoked."))


@pytest.mark.both_doors
def test_its_end_ends_what_it_runs(site, door, holder):
    login, repository, authority, _ = holder
    began = time.monotonic()
    client = with_certificate(site, login, door, authority, validity="-1m:+8s")
    clone = SlowClone(site, client, repository)
    clone.ends(WITHDRAWN, began + 8)
    assert time.monotonic() - began > 7
    client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says=said(door, "It expired at "))


# ---- of an organisation, and as GitHub signs them

@pytest.mark.both_doors
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
