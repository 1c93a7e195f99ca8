"""Other SSH clients than OpenSSH's: Dropbear's dbclient, PuTTY's plink, paramiko and asyncssh."""

import pytest

from harness.git_clients.ssh_programs import Asyncssh, Dbclient, Paramiko, Plink
from harness.messages import NOT_FOUND, greeting

CLIENTS = {client.name: client for client in (Dbclient, Plink, Paramiko, Asyncssh)}


def client_of(person, name: str):
    """Somebody whose git uses another SSH client."""
    return CLIENTS[name](person, one_by_one=False)


@pytest.fixture(params=CLIENTS)
def other(request, alice):
    return client_of(alice, request.param)


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
        *other.argv(), f"git-upload-pack '{alice.login}/nothing'", exit=1, stdout="", says=NOT_FOUND.strip()
    )


def test_a_large_archive_arrives_whole(other, alice, project):
    packed = other.terminal.git("archive", f"--remote={project.url}", "main").stdout_bytes
    assert packed == alice.git("archive", f"--remote={project.url}", "main").stdout_bytes


@pytest.mark.parametrize("client", ["dbclient", "plink"])
def test_the_greeting(alice, client):
    alice.run(*client_of(alice, client).argv(), exit=1, says=greeting(alice.login).strip())
