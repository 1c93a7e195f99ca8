"""`gerve sshd-setup`: what it prints is what sshd reads, and --check finds each classic mistake."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.programs import program
from harness.sshd import KEYS_UID, KEYS_USER, PLACE, PROFILE, SSHD, Sshd, running_site_for_sshd

# What Debian 12 and 13 put into /etc/ssh/sshd_config, comments left out.
DEBIAN = """\
Include {directory}/gerve.conf
HostKey {directory}/host_key
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


@pytest.fixture(scope="module")
def house(workspace):
    with running_site_for_sshd(workspace / "setup") as site:
        yield site


@pytest.fixture(scope="module")
def sshd(house, workspace):
    (workspace / "setup-sshd").mkdir()
    made = Sshd(workspace / "setup-sshd", str(house.state / "authz.sock")).prepare()
    yield made
    made.stop()


@pytest.fixture
def check(house, sshd):
    """Runs `gerve sshd-setup --check`; what it finds wrong, as WHAT → FOUND."""

    def check(*arguments, exit: int) -> dict[str, str]:
        argv = sshd.beside(program("gerve"), *house.gateway.options, "sshd-setup", "--check", "--json",
                           "--sshd-config", sshd.config, *arguments)
        ran = house.admin.run(*argv, exit=exit, stderr="")
        return {one["what"]: one["found"] for one in json.loads(ran.stdout) if one["result"] != "OK"}

    return check


@contextmanager
def changed(path: Path, change):
    """The file after `change`, and afterwards as it was."""
    before = path.stat()
    content = path.read_bytes() if path.is_file() else None
    try:
        change(path)
        yield
    finally:
        if content is not None:
            path.write_bytes(content)
        shutil.chown(path, before.st_uid, before.st_gid)
        path.chmod(before.st_mode & 0o7777)


def test_nothing_is_wrong_where_all_is_right(check):
    assert check(exit=0) == {}


# Replaced in sshd's configuration, by what; what is found wrong, and the remedy that is told.
MISTAKES = [
    (r"AuthorizedKeysCommand .*", "", "AuthorizedKeysCommand", "/lib/gerve/gerve-authorized-keys %u"),
    (r"%u %t %k %f", "%u", "AuthorizedKeysCommand", "%u %t %k %f"),
    (f"User {KEYS_USER}", "User root", "AuthorizedKeysCommandUser", "gerve-keys"),
    (f"User {KEYS_USER}", "User nobody", "authz.authorized_keys_user", 'authorized_keys_user = "nobody"'),
    (f"User {KEYS_USER}", "User no-such-user", "AuthorizedKeysCommandUser", "useradd"),
    (r"AuthorizedKeysFile none", "", "AuthorizedKeysFile", "AuthorizedKeysFile none"),
    (r"TrustedUserCAKeys none", "TrustedUserCAKeys /etc/ssh/ca.pub", "TrustedUserCAKeys", "TrustedUserCAKeys none"),
    (r"AcceptEnv .*", "", "AcceptEnv", "AcceptEnv GIT_PROTOCOL"),
    (r"MaxStartups .*", "", "MaxStartups", "MaxStartups 200:30:1000"),
    (r"PermitTTY no", "", "PermitTTY", "PermitTTY no"),
    (r"PermitTTY no", "PermitTTY no\n    ForceCommand /bin/true", "ForceCommand", "ForceCommand none"),
    (r"UsePAM no", "AllowUsers root", "who may log in", "AllowUsers"),
    (r"--socket \S+", "--socket /run/gerve/other.sock", "--socket", "this configuration's authz listens on"),
    (r"--socket ", "--login forge --socket ", "login name", "--login git"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake[2]}:{mistake[1][:12]}".replace("\n", " "))
def test_a_mistake_in_the_configuration_is_found(check, sshd, mistake):
    pattern, by, what, remedy = mistake
    with changed(sshd.config, lambda path: path.write_text(re.sub(pattern, by, path.read_text()))):
        found = check(exit=1)
    assert remedy in found.get(what, ""), found


def test_a_configuration_that_sshd_refuses_is_told_in_its_words(check, sshd):
    with changed(sshd.config, lambda path: path.write_text("NoSuchKeyword yes\n")):
        assert "NoSuchKeyword" in check(exit=1)["sshd"]


PROGRAM, SHELL = "gerve-authorized-keys", "gerve-shell"


def test_what_is_wrong_around_sshd_is_found(check, house, sshd):
    key, socket = house.state / "ticket.key", house.state / "authz.sock"
    agent = house.state / "agent.sock"
    its_program = "AuthorizedKeysCommand's program"
    for path, change, what, remedy in [
        (sshd.programs / PROGRAM, lambda path: shutil.chown(path, KEYS_UID), its_program, "chown root"),
        (sshd.programs / PROGRAM, lambda path: path.chmod(0o777), its_program, "chmod go-w"),
        (sshd.programs, lambda path: path.chmod(0o777), its_program, f"chmod go-w {sshd.programs}"),
        (sshd.programs / PROGRAM, lambda path: path.chmod(0o700), f"{PROGRAM} as {KEYS_USER}", "chmod 755"),
        (sshd.programs / SHELL, lambda path: path.chmod(0o700), f"{SHELL} as git", "chmod 755"),
        (socket, lambda path: path.chmod(0o600), f"authz.sock for {KEYS_USER}", "set sshd's users in [authz]"),
        (agent, lambda path: path.chmod(0o600), "agent.sock for git", "cannot connect"),
        (house.state, lambda path: path.chmod(0o700), "authz.sock for git", f"chmod o+x {house.state}"),
        (key, lambda path: path.chmod(0o644), "ticket.key from git", "chmod o-r"),
        (sshd.users, lambda path: path.write_text(re.sub(r":[^:]*gerve-shell", ":/usr/sbin/nologin", path.read_text())),
         "account git", "usermod --shell"),
    ]:
        with changed(path, change):
            found = check(exit=1)
        assert remedy in found.get(what, ""), (what, found)


def test_a_locked_account_is_found_where_sshd_does_not_ask_pam(check, sshd):
    with changed(sshd.users, lambda path: path.write_text(path.read_text().replace("git:*:", "git:!:"))):
        assert "usermod --password '*' git" in check(exit=1)["account git"]


def test_the_profile_is_right_in_debians_configuration(check, sshd):
    (sshd.directory / "gerve.conf").write_text(sshd.profile())
    with changed(sshd.config, lambda path: path.write_text(DEBIAN.format(directory=sshd.directory))):
        assert check("--sshd", SSHD, exit=0) == {}


def settings_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_what_is_printed_is_what_is_shipped_and_what_sshd_reads(house, sshd):
    printed = house.gerve_json("sshd-setup")["sshd_config"]
    assert printed in house.gerve("sshd-setup").stdout
    socket = f" --socket {house.state / 'authz.sock'}"
    (programs,) = re.findall(r"AuthorizedKeysCommand (\S+/lib/gerve)/", printed)
    assert settings_in(printed.replace(socket, "")) == settings_in(PROFILE.read_text().replace(PLACE, programs))
    with changed(sshd.config, lambda path: path.write_text(f"HostKey {sshd.directory}/host_key\n{printed}")):
        argv = sshd.beside(SSHD, "-T", "-f", sshd.config, "-C", "user=git,host=x,addr=127.0.0.1")
        told = subprocess.run(argv, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert f"authorizedkeyscommanduser {KEYS_USER}\n" in told.stdout


def test_another_account_is_put_into_what_is_printed(house):
    usual, other = (house.gerve_json("sshd-setup", *user)["sshd_config"] for user in ((), ("--user", "forge")))
    assert "Match User forge\n" in other and "Match User git\n" not in other
    assert other.replace("User forge\n", "User git\n").replace(" --login forge", "") == usual
