"""Certificates behind a stock sshd: the table of certificates, what the trail and the logs say, and what sshd itself
demands besides."""

import time

import pytest
from harness.audit import events
from harness.certificate_table import ROWS, World
from harness.certificates import Authority, bearer, certificate_of
from harness.processes import wait_until
from harness.sshd import KEYS_UID, KEYS_USER, Sshd, why_not


@pytest.fixture(scope="module")
def world(site, workspace):
    if why_not():
        pytest.skip(why_not())
    return World(site, workspace / "authorities-sshd")


@pytest.fixture(scope="module")
def sshd(world, workspace):
    (workspace / "certificates-sshd").mkdir()
    started = Sshd(workspace / "certificates-sshd", str(world.site.state / "authz.sock")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def beside(sshd):
    return sshd.door()


def comes(site, beside, login, authority, **made):
    """Somebody with a certificate in front of sshd."""
    client = bearer(site, login, beside)
    authority.certify(client.key, **{"principals": login, **made})
    return client


@pytest.fixture
def authority(site):
    return Authority(site.directory / site.fresh("authority"))


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.name)
def test_sshd_and_gerve_judge_as_the_gateway_does(world, beside, one):
    client = world.bearers[one.name].through(beside)
    if one.rule == "":
        assert client.ssh("whoami").stdout.startswith(f"You are {world.user}.\n")
        return
    refused = client.ssh("-o", "LogLevel=INFO", "whoami", exit=255, says="Permission denied (publickey)")
    assert "The certificate is not accepted" not in refused.stderr


# That sshd refuses by itself, before or after it has asked.
BY_SSHD = ("by-rsa-sha1", "expired", "not-yet", "host", "from-elsewhere", "from-elsewhere-6", "by-certificate")


@pytest.mark.parametrize("one", [one for one in ROWS if one.rule and one.name not in BY_SSHD], ids=lambda one: one.name)
def test_the_system_log_names_the_rule(world, sshd, beside, one):
    before = len(sshd.syslog.messages)
    world.bearers[one.name].through(beside).ssh("whoami", exit=255)

    def told() -> list[str]:
        lines = [line for line in sshd.syslog.messages[before:] if "gerve-authorized-keys[" in line]
        return [line for line in lines if f"certificate refused by the rule {one.rule}: " in line]

    if one.rule != "authority":
        wait_until(told, "the system log names the rule")
        return
    time.sleep(1)
    assert not told()  # nobody known has signed it


def test_the_trail_names_the_certificate_behind_every_operation(world, beside):
    site = world.site
    owner = site.person("owner")
    repository = site.repository(owner, private=True)
    owner.publish(repository)
    user = site.person("certified")
    site.grant(repository, user, "write")
    client = comes(site, beside, user.login, world.authorities["ed25519"], serial=4711, key_id="laptop 7")
    work = client.clone(repository)
    work.commit("more")
    work.git("push", "--quiet")
    authority = world.authorities["ed25519"].key.fingerprint

    def told(kind):
        return [one for one in events(site, "--event", kind) if one.get("fingerprint") == client.key.fingerprint]

    for kind in ("proven", "decision", "session"):
        found = wait_until(lambda: told(kind), f"{kind} is recorded")
        for one in found:
            assert (one["authority"], one["serial"], one["key_id"]) == (authority, "4711", "laptop 7"), one
            assert (one["user"], one["key"], one["door"]) == (user.login, 0, "sshd")


def test_the_line_has_the_authority_and_a_sealed_handle(world, sshd, site):
    client = world.bearers["plain"]
    kind, blob = certificate_of(client.key).read_text().split()[:2]
    argv = ("setpriv", "--reuid", KEYS_USER, "--regid", str(KEYS_UID), "--clear-groups",
            sshd.programs / "gerve-authorized-keys", "--socket", sshd.socket, "git", kind, blob, client.key.fingerprint)
    line = site.admin.run(*sshd.beside(*argv)).stdout
    options, key = line.strip().rsplit('" ', 1)
    assert key == " ".join(world.authorities["ed25519"].key.public.read_text().split()[:2])
    assert options.startswith(f'restrict,cert-authority,principals="{world.user}",command="{sshd.programs}/gerve-shell ')


def test_what_github_documents_comes_in(site, beside, authority):
    """No principal at all: an extension names the user."""
    user = site.person("hubber")
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--identity", "login@github.com")
    client = comes(site, beside, user.login, authority, principals=None, options=(f"extension:login@github.com={user.login}",))
    client.ssh("whoami", says=user.login)


def test_a_principal_that_cannot_stand_in_the_line_is_told_to_the_log(site, sshd, beside, authority):
    user = site.person("quoted")
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--identity", "key-id")
    client = comes(site, beside, user.login, authority, key_id=user.login, principals='x" command="/bin/sh')
    client.through(site.door()).ssh("whoami", says=user.login)
    client.ssh("whoami", exit=255, says="Permission denied (publickey)")
    assert "it has no principal of 1 to 255 letters" in sshd.syslog.text()
    comes(site, beside, user.login, authority, key_id=user.login, principals='a b,plain').ssh("whoami", says=user.login)


def test_another_key_logs_in_behind_a_certificate_that_is_refused(site, beside, authority):
    """ssh offers the certificate of a key first, and then the key."""
    user = site.person("both", beside)
    site.gerve("ca", "add", site.fresh("ca"), authority.key.public, "--instance", "--max-life", "1h", "--identity", "principal")
    authority.certify(user.key, principals=user.login)
    told = user.ssh("whoami", says=user.login).stdout
    assert "certificate" not in told
