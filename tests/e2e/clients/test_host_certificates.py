"""Host certificates: clients that know only the authority, certificates that are wrong, and how one ends."""

import base64
import json
import os
import re
import tempfile
from pathlib import Path

import pytest

from harness.audit import events
from harness.certificates import Authority
from harness.clock import Clock
from harness.git_clients.own_git import GoGit, JGit
from harness.git_clients.ssh_programs import Asyncssh, Dbclient, Paramiko, Plink, Ssh2
from harness.git_clients.trouble import ClientFailed
from harness.keys import make_key
from harness.processes import wait_until
from harness.rawssh import RawClient
from harness.site import Site

CONFIG = """\
state = "{state}"
[listen]
ssh = ["127.0.0.1:{port}"]
[ssh]
host_keys = [KEYS]
host_certificates = [CERTIFICATES]
workers = 1
"""
KINDS = ("ed25519", "ecdsa", "rsa")
ALGORITHMS = ["ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
              "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"]
NEW_KEYS = re.compile(r"^debug1: SSH2_MSG_NEWKEYS received", re.MULTILINE)


def listed(files) -> str:
    return ", ".join(f'"{file}"' for file in files)


class World:
    """A gateway with host keys of its own and an authority that certifies them under the names by which clients connect."""

    def __init__(self, directory: Path, prefix: list[str] | None = None):
        self.directory = directory
        self.authority = Authority(directory / "authority")
        self.keys = {kind: make_key(directory / "host" / kind, kind) for kind in KINDS}
        self.prefix = prefix

    def certify(self, *kinds: str, authority=None, **how) -> list[Path]:
        names = "gerve,127.0.0.1"
        return [(authority or self.authority).certify(self.keys[kind], names, host=True, **how) for kind in kinds]

    def config(self, certificates) -> str:
        keys = listed(key.private for key in self.keys.values())
        return CONFIG.replace("KEYS", keys).replace("CERTIFICATES", listed(certificates))

    def start(self, certificates) -> Site:
        (self.directory / "site").mkdir()
        self.site = Site(self.directory / "site", self.config(certificates), self.prefix)
        return self.site.start()

    def known_by(self, authority: Authority, name: str = "gerve") -> Path:
        """A known_hosts that has nothing but the authority."""
        file = Path(tempfile.mkstemp(prefix="known-", dir=self.directory)[1])
        file.write_text(f"@cert-authority {name} {authority.key.public.read_text()}")
        return file


def trusting(known_hosts: Path, *options: str) -> tuple[str, ...]:
    return ("-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=DEBUG1", *options)


def agreed(stderr: str) -> str:
    return re.search(r"^debug1: kex: host key algorithm: (\S+)\r?$", stderr, re.MULTILINE)[1]


@pytest.fixture(scope="module")
def world(workspace):
    made = World(Path(tempfile.mkdtemp(prefix="host-certificates-", dir=workspace)))
    made.start(made.certify(*KINDS))
    yield made
    made.site.gateway.stop()


@pytest.fixture(scope="module")
def alice(world):
    return world.site.person("alice")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_that_knows_only_the_authority_connects(world, alice, algorithm):
    options = trusting(world.known_by(world.authority), "-o", f"HostKeyAlgorithms={algorithm}")
    told = alice.ssh(*options, "whoami")
    assert told.stdout.startswith(f"You are {alice.login}.") and agreed(told.stderr) == algorithm
    assert "Server host certificate" in told.stderr


def test_the_line_for_known_hosts_is_printed_by_the_gateway(world, alice):
    printed = world.site.gerve("host-key", "print", "--format", "cert-authority", "gerve").stdout
    assert len(printed.splitlines()) == 1, "three certificates, one authority"
    known_hosts = world.directory / "printed"
    known_hosts.write_text(printed)
    alice.ssh(*trusting(known_hosts), "whoami")
    shown = {row["type"]: row["certificate"] for row in world.site.gerve_json("host-key", "list")}
    assert len(shown) == 3 and all(one["authority"] == world.authority.key.fingerprint for one in shown.values())
    assert "3 valid" in world.site.gerve("check", says="host certificates").stdout


def test_new_keys_are_exchanged_by_the_same_certificate(world, alice):
    repository = world.site.repository(alice)
    work = alice.publish(repository)
    for algorithm in ("ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"):
        work.commit("noise", os.urandom(3 << 20))
        log = alice.home / f"log-{algorithm}"
        options = trusting(world.known_by(world.authority), "-E", str(log), "-o", "RekeyLimit=256K",
                           "-o", f"HostKeyAlgorithms={algorithm}")
        work.with_ssh_options(*options).git("push", "--quiet", repository.url, f"HEAD:refs/heads/by-{algorithm[:3]}")
        assert len(NEW_KEYS.findall(log.read_text())) > 2
        log.unlink()
        alice.with_ssh_options(*options).git("clone", "--quiet", "--branch", f"by-{algorithm[:3]}", repository.url,
                                             f"copy-{algorithm}")
        assert len(NEW_KEYS.findall(log.read_text())) > 2
    assert alice.at(f"copy-{algorithm}").rev("HEAD") == work.rev("HEAD")


def test_the_name_must_be_one_of_the_certificate(world, alice):
    known_hosts = world.known_by(world.authority, "*")
    refused = alice.ssh(*trusting(known_hosts, "-o", "HostKeyAlias=another"), "whoami", exit=255)
    assert "name is not a listed principal" in refused.stderr


def test_the_audit_trail_has_the_host_key_and_not_its_certificate(world, alice):
    algorithm = "ecdsa-sha2-nistp256-cert-v01@openssh.com"
    for _ in range(2):
        alice.ssh(*trusting(world.known_by(world.authority), "-o", f"HostKeyAlgorithms={algorithm}"), "whoami")
    wanted = world.keys["ecdsa"].fingerprint
    wait_until(lambda: len([one for one in events(world.site, "--event", "proven", "--user", alice.login)
                            if one["host_key"] == wanted]) >= 2, "the logins")
    announced = [one["host_keys_announced"] for one in events(world.site, "--event", "proven") if "host_keys_announced" in one]
    assert announced and all(one == [world.keys[kind].fingerprint for kind in KINDS] for one in announced)
    assert len(announced) < len(events(world.site, "--event", "proven")), "with a few logins alone"


def test_a_client_that_knows_neither_gets_the_plain_keys(world, alice):
    known_hosts = world.directory / "fresh"
    options = ("-o", f"UserKnownHostsFile={known_hosts}", "-o", "UpdateHostKeys=yes", "-o", "LogLevel=DEBUG1")
    first = alice.ssh(*options, "-o", "StrictHostKeyChecking=accept-new", "whoami")
    assert agreed(first.stderr).endswith("-cert-v01@openssh.com"), "what OpenSSH prefers"
    alice.ssh(*options, "-o", "StrictHostKeyChecking=yes", "whoami")
    known = known_hosts.read_text()
    assert all(key.public.read_text().split()[1] in known for key in world.keys.values())
    assert "cert" not in known


@pytest.mark.parametrize("program", [Dbclient, Plink, Paramiko, Asyncssh, Ssh2, JGit], ids=lambda one: one.name)
def test_clients_that_know_no_authority_see_no_difference(world, program):
    if (why := program.why_not()) is not None:
        pytest.skip(why)
    person = world.site.person("other", **program.key)
    repository = world.site.repository(person)
    person.publish(repository)
    count = len(_accepted_by(world, person))
    client = program(person)
    try:
        client.clone(repository, person.home / "bare.git", timeout=60)
    finally:
        client.close()
    accepted = wait_until(lambda: _accepted_by(world, person)[count:], "the login of the client")
    assert set(accepted) <= {key.fingerprint for key in world.keys.values()}


def _accepted_by(world, person) -> list[str]:
    return [one["host_key"] for one in events(world.site, "--event", "proven", "--user", person.login)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_go_needs_the_line_of_the_authority(world):
    """docs/clients.md, "Go". Later versions of go-git name the algorithms of the keys in known_hosts, and need no line."""
    if (why := GoGit.why_not()) is not None:
        pytest.skip(why)
    person = world.site.person("gopher")
    repository = world.site.repository(person)
    person.publish(repository)
    client = GoGit(person)
    try:
        client.clone(repository, person.home / "by-key.git", timeout=60)
    except ClientFailed as failed:
        assert "no authorities for hostname" in str(failed)
    finally:
        client.close()  # it has read known_hosts
    door = person.door
    line = world.site.gerve("host-key", "print", "--format", "cert-authority", f"[{door.host}]:{door.port}").stdout
    with (person.home / ".ssh/known_hosts").open("a") as known_hosts:
        known_hosts.write(line)
    try:
        client.clone(repository, person.home / "by-authority.git", timeout=60)
    finally:
        client.close()


def test_certificates_come_first_and_none_over_sha1(world):
    with RawClient(world.site.door()) as client:
        offered = client.server_lists["host_key"]
    assert offered[:4] == ALGORITHMS and "ssh-rsa-cert-v01@openssh.com" not in offered
    assert [name for name in offered[4:] if "cert" in name] == []
    assert {"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"} == set(offered[4:])


def test_a_reload_takes_another_certificate(world, alice):
    other = Authority(world.directory / "other")
    world.site.gateway.configure(world.config(world.certify("ed25519", authority=other)))
    try:
        world.site.gateway.hang_up()
        known_hosts = world.known_by(other)
        wait_until(lambda: alice.ssh(*trusting(known_hosts), "whoami", exit=(0, 255)).exit == 0, "the new certificate")
        refused = alice.ssh(*trusting(world.known_by(world.authority)), "whoami", exit=255)
        assert "Host key verification failed" in refused.stderr
    finally:
        world.site.gateway.configure(world.config(world.certify(*KINDS)))
        world.site.gateway.hang_up()
        wait_until(lambda: alice.ssh(*trusting(world.known_by(world.authority)), "whoami", exit=(0, 255)).exit == 0,
                   "the former certificates")


def test_the_next_certificate_is_listed_early_without_a_warning(world):
    early = world.certify("ed25519", validity="+12h:+60d")[0].rename(world.directory / "next-cert.pub")
    now = world.certify(*KINDS)
    world.site.gateway.configure(world.config([*now, early]))
    try:
        told = world.site.gerve("check").stdout
    finally:
        world.site.gateway.configure(world.config(now))
    assert "3 valid" in told and f"{early} is not valid before" in told and f"warning: {early}" not in told


def _wrong_certificates(world: World) -> dict[str, Path]:
    """Files by what is said of them."""
    place = world.directory / "wrong"
    place.mkdir()

    def keep(name: str, file: Path) -> Path:
        return file.rename(place / name)

    of_rsa = Authority(world.directory / "rsa-authority", "rsa")
    stranger = make_key(world.directory / "stranger")
    garbage = place / "garbage"
    garbage.write_text("no certificate\n")
    return {
        "is a certificate for a user": keep("user", world.authority.certify(world.keys["ed25519"], "gerve")),
        "which is not a host key here": keep("stranger", world.authority.certify(stranger, "gerve", host=True)),
        "names no host": keep("nameless", world.authority.certify(world.keys["ed25519"], None, host=True)),
        "is signed with ssh-rsa": keep("sha1", of_rsa.certify(world.keys["ed25519"], "gerve", host=True, algorithm="ssh-rsa")),
        "has a signature that is not its authority's": keep("spoiled", _spoiled(world)),
        "the form is TYPE BASE64": garbage,
        "No such file": place / "none",
    }


def _spoiled(world: World) -> Path:
    """With another key id than the one that was signed."""
    file = world.authority.certify(world.keys["ed25519"], "gerve", key_id="signed", host=True)
    kind, blob = file.read_text().split()[:2]
    changed = base64.b64decode(blob).replace(b"signed", b"change", 1)
    file.write_text(f"{kind} {base64.b64encode(changed).decode()}\n")
    return file


def test_wrong_certificates_are_named_and_the_plain_keys_serve(workspace):
    world = World(Path(tempfile.mkdtemp(prefix="wrong-certificates-", dir=workspace)))
    wrong = _wrong_certificates(world)
    ended = world.certify("ecdsa", validity="-2d:-1d")
    early = world.certify("rsa", validity="+1d:+2d")
    site = world.start([*wrong.values(), *ended, *early])
    try:
        alice = site.person("alice")
        alice.ssh("whoami")
        refused = alice.ssh(*trusting(world.known_by(world.authority)), "whoami", exit=255)
        assert "Host key verification failed" in refused.stderr
        with RawClient(site.door()) as client:
            assert not any("cert" in name for name in client.server_lists["host_key"])
        log = site.gateway.log()
        told = json.loads(site.gerve("check", "--json", exit=2).stdout)
        said = [line for line in json.dumps(told).split('"') if str(world.directory) in line]
        for why, file in wrong.items():
            [line] = [line for line in log.splitlines() if f"{file}" in line]
            assert why in line and "left out" in line and "error" in line.lower(), line
            assert any(str(file) in one and why in one for one in said), why
        assert str(ended[0]) in log and "no longer offered" in log
        assert any(str(ended[0]) in one and "expired at" in one for one in said)
        assert any(str(early[0]) in one and one.startswith("warning: ") and "is not valid before" in one for one in said)
        site.gerve("host-key", "print", "--format", "cert-authority", "gerve", says="@cert-authority gerve")
    finally:
        site.gateway.stop()


def test_a_certificate_ends_while_the_gateway_runs(workspace):
    directory = Path(tempfile.mkdtemp(prefix="ending-certificate-", dir=workspace))
    clock = Clock(directory / "clock")
    if (why := clock.why_not()) is not None:
        pytest.skip(why)
    world = World(directory, clock.prefix)
    site = world.start(world.certify("ed25519", validity="-1d:+30d"))
    try:
        alice = site.person("alice")
        repository = site.repository(alice)
        alice.publish(repository)
        options = trusting(world.known_by(world.authority))
        # Keys that nothing was sent with are not replaced.
        anew = ("-o", "RekeyLimit=default 2", "-o", "ServerAliveInterval=1")
        log = alice.home / "held.log"
        held = alice.start_ssh(*options, *anew, "-E", str(log), f"git-upload-pack '{repository.path}'", stdin=-1)
        wait_until(lambda: log.exists() and NEW_KEYS.search(log.read_text()), "the session")
        clock.jump(20 * 86400)
        wait_until(lambda: "a host certificate expires soon" in site.gateway.log(), "the warning")
        clock.jump(31 * 86400)
        wait_until(lambda: "a host certificate has expired" in site.gateway.log(), "the error")
        exchanges = len(NEW_KEYS.findall(log.read_text()))
        wait_until(lambda: len(NEW_KEYS.findall(log.read_text())) > exchanges + 1, "new keys behind the end", timeout=30)
        alice.ssh("whoami")
        refused = alice.ssh(*options, "whoami", exit=255)
        assert "Host key verification failed" in refused.stderr and agreed(refused.stderr) == "ssh-ed25519"
        held.finish(input=b"0000", exit=0)
        world.certify("ed25519", validity="-1d:+90d")
        site.gateway.hang_up()
        wait_until(lambda: alice.ssh(*options, "whoami", exit=(0, 255)).exit == 0, "the next certificate")
    except AssertionError:  # pytest shows what is printed
        print((alice.home / "held.log").read_text()[-4000:], site.gateway.log(), sep="\n")
        raise
    finally:
        site.gateway.stop()
