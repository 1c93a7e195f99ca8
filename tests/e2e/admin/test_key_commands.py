"""Keys in the hands of the administrator: added, shown, revoked; and what is refused as a key."""

import array
import datetime
import fcntl
import json
import os
import re
import signal
import subprocess
import termios

import pytest

from harness.audit import events
from harness.keys import make_key
from harness.messages import greeting
from harness.processes import wait_until
from harness.programs import program


def waiting_in(pipe) -> int:
    """How many bytes of it nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def await_use(site, key) -> None:
    """Until the directory knows that somebody logged in by it."""
    wait_until(lambda: site.entry(key.fingerprint, "key", "list")["last_used"], "last use", timeout=15)


def proofs(site, key) -> list[str]:
    """Whose logins by a key are on record."""
    events = site.gerve("audit", "--event", "proven", "--key", key.fingerprint, "--json").stdout.splitlines()
    return [json.loads(event)["user"] for event in events]


def test_a_key_is_listed_with_its_fingerprint_and_title(site, alice):
    key = make_key(alice.home / "second")
    site.add_key(alice.login, key, "--title", "the laptop")
    listed = site.entry(key.fingerprint, "key", "list")
    assert "the laptop" in listed.values()
    assert key.fingerprint in site.gerve("key", "list").stdout


def test_a_key_is_read_from_standard_input(site, alice):
    key = make_key(alice.home / "second")
    site.gerve("key", "add", alice.login, "-", input=key.public.read_bytes())
    alice.with_key(key).ssh(exit=1, stderr=greeting(alice.login))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_key_whose_input_is_broken_off_is_not_added(site, alice, number):
    key = make_key(alice.home / "second")
    argv = [program("gerve"), *site.gateway.options, "key", "add", alice.login, "-"]
    running = site.admin.start(*argv, stdin=subprocess.PIPE)
    running.process.stdin.write(key.public.read_bytes())
    running.process.stdin.flush()
    wait_until(lambda: waiting_in(running.process.stdin) == 0, "the line was read, and more is awaited")
    running.process.send_signal(number)
    assert running.process.wait(10) == -number
    assert key.fingerprint not in site.gerve("key", "list").stdout


def test_standard_input_that_cannot_be_read_is_told(site, alice):
    argv = [program("gerve"), *site.gateway.options, "key", "add", alice.login, "-"]
    directory = os.open(alice.home, os.O_RDONLY)
    running = site.admin.start(*argv, stdin=directory)
    os.close(directory)
    running.finish(exit=1, says="standard input: Is a directory")


def test_a_key_that_is_in_use_is_refused_naming_its_owner(site, alice, bob, project):
    site.gerve("key", "add", bob.login, alice.key.public, exit=1, says=alice.login)
    site.gerve("deploy-key", "add", project.path, alice.key.public, exit=1, says=alice.login)


def test_a_deploy_key_in_use_is_refused_naming_its_repository(site, door, alice, project):
    machine = site.deploy_client(project, door)
    site.gerve("key", "add", alice.login, machine.key.public, exit=1, says=project.path)


def test_a_revoked_key_that_logged_in_is_kept_in_the_list_and_does_not_come_back(site, alice):
    alice.ssh(exit=1, stderr=greeting(alice.login))
    await_use(site, alice.key)
    site.gerve("key", "revoke", alice.key.fingerprint)
    assert site.entry(alice.key.fingerprint, "key", "list")
    site.gerve("key", "add", alice.login, alice.key.public, exit=1)
    alice.ssh(exit=255, says="Permission denied")


def test_a_key_of_the_wrong_user_is_put_right(site, alice, bob):
    """A slip: it was given to the wrong account, revoked there, and comes back to the right one."""
    key = make_key(alice.home / "second")
    site.add_key(bob.login, key)
    told = site.gerve("key", "add", alice.login, key.public, exit=1).stderr
    assert bob.login in told and f"`gerve key move {key.fingerprint} LOGIN`" in told
    site.gerve("key", "revoke", key.fingerprint)
    alice.with_key(key).ssh(exit=255, says="Permission denied")
    site.add_key(alice.login, key)
    alice.with_key(key).ssh(exit=1, stderr=greeting(alice.login))


def test_a_key_that_logged_in_is_moved_and_its_past_stays(site, alice, bob):
    key = make_key(alice.home / "second")
    site.add_key(bob.login, key)
    mover = alice.with_key(key)
    mover.ssh(exit=1, stderr=greeting(bob.login))
    site.gerve("key", "move", key.fingerprint, alice.login, says=f"now belongs to {alice.login}")
    mover.ssh(exit=1, stderr=greeting(alice.login))
    wait_until(lambda: len(proofs(site, key)) == 2, "both logins are on record")
    assert proofs(site, key) == [bob.login, alice.login]
    site.gerve("key", "move", key.fingerprint, alice.login, says="already")
    event = site.gerve("audit", "--event", "admin", "--key", key.fingerprint, "--json").stdout.splitlines()[-2]
    assert (json.loads(event)["command"], json.loads(event)["details"]["before"]) == ("key move", bob.login)
    site.gerve("key", "revoke", key.fingerprint)
    site.gerve("key", "move", key.fingerprint, bob.login, exit=1, says="revoked")


def test_an_expired_key_is_extended(site, alice):
    key = make_key(alice.home / "second")
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    site.add_key(alice.login, key, "--expires", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    wait_until(lambda: site.entry(key.fingerprint, "key", "list")["state"] == "expired", "it expires")
    alice.with_key(key).ssh(exit=255, says="Permission denied")
    site.gerve("key", "add", alice.login, key.public, exit=1, says=f"`gerve key extend {key.fingerprint} ")
    site.gerve("key", "extend", key.fingerprint, "--expires", "90d", says="expires on")
    alice.with_key(key).ssh(exit=1, stderr=greeting(alice.login))
    site.gerve("key", "extend", key.fingerprint, "--expires", "never", says="never expires")
    assert site.entry(key.fingerprint, "key", "list")["expires"] is None
    site.gerve("key", "extend", key.fingerprint, "--expires", "never", says="already")
    site.gerve("key", "extend", key.fingerprint, exit=2, says="--expires")


def test_a_file_of_several_keys_is_added_whole_or_named(site, alice, bob):
    keys = [make_key(alice.home / name) for name in ("one", "two")]
    several = alice.home / "several.pub"
    several.write_text("# mine\n" + "".join(key.public.read_text() for key in keys))
    site.gerve("key", "add", alice.login, several, exit=1, says=["2 public keys", "lines 2, 3", "--all"])
    printed = site.gerve("key", "add", alice.login, several, "--all").stdout
    assert printed.split() == [key.fingerprint for key in keys]
    for key in keys:
        (added,) = events(site, "--key", key.fingerprint, "--event", "admin")
        assert added["details"]["keys"] == 2 and added["done"]
    site.gerve("key", "add", alice.login, several, "--all", says="line 2: ")
    site.gerve("key", "add", alice.login, several, "--all", "--title", "x", exit=2)
    site.gerve("key", "add", bob.login, several, "--all", exit=1, says=["line 2: ", "line 3: ", alice.login])


@pytest.mark.parametrize("form", ["bom", "utf-16-le", "utf-16-be", "tab", "comment", "rfc4716"])
def test_a_key_file_is_read_as_programs_write_it(site, alice, form):
    key = make_key(alice.home / "second")
    text = key.public.read_text()
    file = alice.home / f"{form}.pub"
    if form == "bom":
        file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    elif form.startswith("utf-16"):
        file.write_bytes(("\ufeff" + text).encode(form))
    elif form == "tab":
        file.write_text(text.replace(" ", "\t"))
    elif form == "comment":
        file.write_text("# at home\n\n" + text)
    else:
        file.write_text(_printed("ssh-keygen", "-e", "-m", "RFC4716", "-f", str(key.public)))
    site.gerve("key", "add", alice.login, file, stdout=f"{key.fingerprint}\n")
    alice.with_key(key).ssh(exit=1, stderr=greeting(alice.login))


def test_a_comment_beyond_ascii_is_kept_and_shown_as_it_was_given(site, alice):
    key = make_key(alice.home / "second")
    comment = "zo\u00eb@Zo\u00ebs-MacBook \u041a\u043b\u044e\u0447 \u7b14"
    key.public.write_text(" ".join(key.public.read_text().split()[:2]) + f" {comment}\n")
    site.add_key(alice.login, key)
    assert site.entry(key.fingerprint, "key", "list")["title"] == comment
    argv = [program("gerve"), *site.gateway.options, "key", "list", alice.login]
    assert comment in site.admin.run("env", "LC_ALL=C.UTF-8", *argv).stdout
    plain = site.admin.run("env", "LC_ALL=C", *argv).stdout
    assert "zo\\xc3\\xab@" in plain and plain.isascii()
    alice.with_key(key).ssh("keys", says=comment)


def test_key_show_tells_owner_state_and_reach(site, alice, bob, secret):
    site.grant(secret, bob, "write")
    shown = site.gerve("key", "show", bob.key.fingerprint).stdout
    for told in (bob.login, bob.key.fingerprint, secret.path, "write"):
        assert told in shown
    assert isinstance(site.gerve_json("key", "show", bob.key.fingerprint), dict)


def test_key_show_tells_what_an_archived_repository_still_allows(site, bob, secret):
    site.grant(secret, bob, "write")
    site.gerve("repo", "archive", secret.path)
    (reached,) = site.gerve_json("key", "show", bob.key.fingerprint)["reach"]
    assert (reached["repository"], reached["access"]) == (secret.path, "read")
    site.gerve("key", "show", bob.key.fingerprint, says=["write once unarchived", "write to 0 of them"])


def test_key_show_knows_the_last_use(site, alice):
    alice.ssh(exit=1)
    wait_until(
        lambda: "127.0.0.1" in site.gerve("key", "show", alice.key.fingerprint).stdout, "last use", timeout=15
    )


@pytest.mark.parametrize("kind, bits", [("rsa", 1024), ("dsa", None)])
def test_a_weak_key_is_refused(site, alice, kind, bits):
    key = make_key(alice.home / "weak", kind, bits)
    site.gerve("key", "add", alice.login, key.public, exit=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 not-base64!",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        'command="id" {key}',
        "restrict {key}",
        "{key}\n{key}",
        "ssh-rsa {blob}",
        "sk-ssh-ed25519@openssh.com {blob}",
    ],
)
def test_what_is_no_usable_key_is_refused(site, alice, text):
    second = make_key(alice.home / "second").public.read_text().strip()
    content = text.replace("{key}", second).replace("{blob}", second.split()[1])
    outcome = site.gerve("key", "add", alice.login, "-", input=content.encode(), exit=1)
    assert outcome.stderr != "" and "Traceback" not in outcome.stderr


def _printed(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("form", ["PKCS8", "PEM"])
def test_a_public_key_of_another_form_is_told_how_to_turn_it(site, alice, form):
    """The command that is named prints a key that is taken."""
    second = make_key(alice.home / "other-form", "rsa", 2048)
    turned = alice.home / f"{form}.pub"
    turned.write_text(_printed("ssh-keygen", "-e", "-m", form, "-f", str(second.public)))
    told = site.gerve("key", "add", alice.login, str(turned), exit=1).stderr
    command = re.search(r"`(ssh-keygen -i .*) FILE`", told)[1].split()
    line = _printed(*command, str(turned))
    site.gerve("key", "add", alice.login, "-", input=line.encode(), says=second.fingerprint)


def test_a_private_key_is_told_apart_and_never_repeated(site, alice):
    content = alice.key.private.read_text()
    outcome = site.gerve("key", "add", alice.login, str(alice.key.private), exit=1)
    assert "this is a private key: give the .pub file" in outcome.stderr
    assert f"the public key is in {alice.key.public}" in outcome.stderr
    assert not any(line in outcome.transcript() for line in content.splitlines()[1:-1])


def test_a_pipe_is_told_to_come_by_standard_input(site, alice):
    pipe = alice.home / "pipe"
    os.mkfifo(pipe)
    site.gerve("key", "add", alice.login, str(pipe), exit=1, says="use - for standard input")


def test_a_certificate_is_refused(site, alice):
    authority = make_key(alice.home / "authority")
    key = make_key(alice.home / "second")
    alice.run("ssh-keygen", "-q", "-s", authority.private, "-I", "x", "-n", "git", key.public)
    site.gerve("key", "add", alice.login, alice.home / "second-cert.pub", exit=1, says="certificate")


def test_a_comment_cannot_forge_a_line(site, alice):
    """What stands behind the key is shown in lists: one line, no control characters."""
    public = make_key(alice.home / "second").public
    blob = " ".join(public.read_text().split()[:2])
    public.write_text(f"{blob} \x1b[2Jevil\x07 \u202e\n")
    site.gerve("key", "add", alice.login, public, exit=range(2))
    shown = site.gerve("key", "list").stdout
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "2026-02-30", "1", ""])
def test_an_expiry_that_is_no_date_is_refused(site, alice, date):
    key = make_key(alice.home / "second")
    site.gerve("key", "add", alice.login, key.public, "--expires", date, exit=range(1, 3))
