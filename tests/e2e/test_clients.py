"""Other SSH clients than OpenSSH's: Dropbear's dbclient, PuTTY's plink, paramiko and asyncssh."""

from pathlib import Path

import pytest

from harness.messages import NOT_FOUND, greeting

HARNESS = Path(__file__).parent / "harness"


def dbclient(person) -> list[str]:
    key = person.home / "id.dropbear"
    person.run("dropbearconvert", "openssh", "dropbear", person.key.private, key)
    return [
        "dbclient",
        "-y",
        "-y",
        "-T",
        "-i",
        str(key),
        "-p",
        str(person.door.port),
        "-l",
        "git",
        person.door.host,
    ]


def plink(person) -> list[str]:
    key = person.home / "id.ppk"
    person.run("puttygen", person.key.private, "-O", "private", "-o", key)
    shown = next(line for line in person.door.host_keys if line.startswith("ssh-ed25519"))
    host_key = person.write("host.pub", shown + "\n")
    fingerprint = person.run("ssh-keygen", "-l", "-f", host_key).stdout.split()[1]
    return [
        "plink",
        "-batch",
        "-ssh",
        "-T",
        "-hostkey",
        fingerprint,
        "-i",
        str(key),
        "-P",
        str(person.door.port),
        "-l",
        "git",
        person.door.host,
    ]


def paramiko(person) -> list[str]:
    return [
        "/usr/bin/python3",
        str(HARNESS / "paramiko_ssh.py"),
        str(person.door.port),
        str(person.key.private),
        person.door.host,
    ]


def asyncssh(person) -> list[str]:
    return [
        "/usr/bin/python3",
        "-W",
        "ignore",
        str(HARNESS / "asyncssh_ssh.py"),
        str(person.door.port),
        str(person.key.private),
        person.door.host,
    ]


CLIENTS = {client.__name__: client for client in (dbclient, plink, paramiko, asyncssh)}


class OtherClient:
    """Somebody whose git uses another SSH client. `argv` runs it; the command comes behind."""

    def __init__(self, person, argv: list[str]):
        self.argv = argv
        # git calls a client of the variant `simple` with HOST and COMMAND and no option.
        script = person.write("other-ssh", "#!/bin/sh\nshift\nexec " + " ".join(argv) + ' "$@"\n', mode=0o755)
        self.terminal = person.with_env(GIT_SSH_COMMAND=str(script), GIT_SSH_VARIANT="simple")


@pytest.fixture(params=CLIENTS)
def other(request, alice):
    return OtherClient(alice, CLIENTS[request.param](alice))


def test_ls_remote(other, project):
    other.terminal.git("ls-remote", project.url, "main", says=project.rev("main"))


def test_clone_commit_and_push(other, project):
    other.terminal.git("clone", "--quiet", project.url, "work")
    work = other.terminal.at("work")
    head = work.commit()
    work.git("push", "--quiet")
    assert project.rev("main") == head


def test_a_few_megabytes_each_way(site, other, alice):
    repository = site.repository(alice, "bulky")
    other.terminal.git("init", "--quiet", "work")
    work = other.terminal.at("work")
    noise = bytes(range(256)) * 16
    for number in range(40):
        work.write(
            f"noise-{number}", bytes((number * 7 + byte * number) % 256 for byte in range(100_003)) + noise
        )
    work.git("add", ".")
    work.git("-c", "core.compression=0", "commit", "--quiet", "--message", "Noise")
    work.git("-c", "pack.compression=0", "push", "--quiet", repository.url, "HEAD:main")
    other.terminal.git("clone", "--quiet", repository.url, "copy")
    other.terminal.at("copy").git("fsck", "--full")
    assert other.terminal.at("copy").rev("HEAD") == work.rev("HEAD")


def test_output_of_hooks_and_their_rejection(other, project):
    project.hook("pre-receive", 'echo "not on a Sunday" >&2; exit 1')
    other.terminal.git("clone", "--quiet", project.url, "work")
    work = other.terminal.at("work")
    work.commit()
    work.git("push", exit=1, says=["remote: not on a Sunday", "pre-receive hook declined"])


def test_a_refusal_and_its_exit_status(other, alice):
    alice.run(
        *other.argv, f"git-upload-pack '{alice.login}/nothing'", exit=1, stdout="", says=NOT_FOUND.strip()
    )


def test_a_large_archive_arrives_whole(other, alice, project):
    packed = other.terminal.git("archive", f"--remote={project.url}", "main").stdout_bytes
    assert packed == alice.git("archive", f"--remote={project.url}", "main").stdout_bytes


@pytest.mark.parametrize("client", ["dbclient", "plink"])
def test_the_greeting(alice, client):
    argv = CLIENTS[client](alice)
    alice.run(*argv, exit=1, says=greeting(alice.login).strip())
