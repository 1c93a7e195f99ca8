"""Where repositories lie, that nothing leads out of the root, and what git and its hooks find around them."""

import os
import re
import shutil

import grv1
import pytest
from conftest import git, wait_until

HOOK = """#!/usr/bin/python3
import os, sys
with open({report!r}, "w") as file:
    for name in sorted(os.environ):
        print(name + "=" + os.environ[name], file=file)
    print("cwd " + os.getcwd(), file=file)
    for fd in sorted(int(n) for n in os.listdir("/proc/self/fd")):
        try:
            target = os.readlink(f"/proc/self/fd/{{fd}}")
        except OSError:
            continue
        if fd != file.fileno() and not target.startswith("/proc/"):
            print("fd", fd, target.split(":")[0], file=file)
    print("group", os.getpgrp() == os.getppid(), file=file)
"""

# git's own additions to what a hook of receive-pack gets.
GITS_OWN = {"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_EXEC_PATH", "GIT_PUSH_OPTION_COUNT", "GIT_CONFIG_PARAMETERS", "LC_CTYPE", "PWD"}


@pytest.mark.parametrize("layout, place, repo_id", [
    ("flat", "mojombo/bert.git", 0),
    ("md5-owner", "a/a8/e2/95/mojombo/bert.git", 0),
    ("hashed-id", "@hashed/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b.git", 1),
])
def test_layouts(site, layout, place, repo_id):
    site.layout = layout
    bare = site.make_repository(place=place)
    site.start()
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work), repo_id=repo_id)
    git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=work)
    site.git("push", "--quiet", "origin", "HEAD:main", cwd=work, repo_id=repo_id)
    assert git("rev-parse", "HEAD", cwd=work).stdout == git("rev-parse", "main", cwd=bare).stdout


def code_of(site, path, **fields) -> int:
    with site.open(path=path, **fields) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    return failed.value.code


@pytest.mark.parametrize("path", [
    "../outside/secret.git", "mojombo/../secret.git", "/etc/passwd", "mojombo//bert.git", "mojombo/bert.git/",
    "mojombo/bert", "./mojombo/bert.git", "mojombo/%2e%2e.git", "~root/bert.git", "mojombo/bert.git.git",
    "mojombo/b\u2024rt.git", "mojombo/bert.git\n", "mojombo/-bert.git", ".gerve/x.git", "mojombo/a/b.git", "x",
])
def test_paths_that_no_repository_has(site, path):
    site.make_repository()
    site.start()
    assert code_of(site, path) == grv1.BAD_REQUEST


def failed_open(site, path, service=grv1.UPLOAD_PACK, **fields) -> grv1.Failed:
    with site.open(service, path=path, **fields) as session, pytest.raises(grv1.Failed) as failed:
        session.finish()
    return failed.value


def test_what_is_missing_and_what_cannot_be_opened(site):
    site.make_repository()
    outside = site.directory / "outside"
    outside.mkdir()
    shutil.copytree(site.root / "mojombo/bert.git", outside / "secret.git")
    (site.root / "mojombo/link.git").symlink_to(outside / "secret.git")
    (site.root / "mojombo/inner.git").symlink_to("bert.git")
    (site.root / "alias").symlink_to("mojombo")
    (site.root / "mojombo/file.git").write_text("no directory")
    (site.root / "mojombo/empty.git").mkdir()
    agent = site.start()
    for path in ("mojombo/missing.git", "nobody/bert.git", "mojombo/file.git"):
        failed = failed_open(site, path)
        assert (failed.code, failed.text) == (grv1.NO_SUCH_REPOSITORY, "no such repository"), path
    for path in ("mojombo/link.git", "mojombo/inner.git", "alias/bert.git", "mojombo/empty.git"):
        failed = failed_open(site, path)
        assert (failed.code, failed.text, failed.retryable) == (grv1.STORAGE, "storage trouble", True), path
    assert len(agent.log_lines("refused", "code=11", "symbolic link")) == 3
    assert agent.log_lines("refused", "code=11", str(site.root / "mojombo/empty.git"), "not a git repository")


@pytest.mark.parametrize("spoil, reason", [
    (lambda bare: (bare / "HEAD").write_text(""), "HEAD is neither a ref nor a commit"),
    (lambda bare: (bare / "HEAD").write_text("ref: main\n"), "HEAD is neither a ref nor a commit"),
    (lambda bare: (bare / "HEAD").unlink(), "HEAD: No such file or directory"),
    (lambda bare: ((bare / "HEAD").unlink(), os.mkfifo(bare / "HEAD")), "HEAD is not a file"),
    (lambda bare: shutil.rmtree(bare / "objects"), "objects: No such file or directory"),
    (lambda bare: shutil.rmtree(bare / "refs"), "refs: No such file or directory"),
])
def test_a_damaged_repository_is_neither_missing_nor_told_with_its_path(site, spoil, reason):
    bare = site.make_repository()
    spoil(bare)
    agent = site.start()
    for service in (grv1.UPLOAD_PACK, grv1.RECEIVE_PACK, grv1.UPLOAD_ARCHIVE):
        failed = failed_open(site, "mojombo/bert.git", service)
        assert (failed.code, failed.text) == (grv1.STORAGE, "storage trouble")
        assert failed.retryable == (service != grv1.RECEIVE_PACK), "a push goes nowhere else"
    assert len(agent.log_lines("refused", f"{bare}: not a git repository: {reason}")) == 3
    with site.open(grv1.ADMIN, "mojombo/bert.git", admin=b"delete") as session:
        session.finish()
        assert session.status == 0
    assert not bare.exists(), "what is damaged can still be deleted, and is gone from the disk"


@pytest.mark.parametrize("head", ["ref: refs/heads/none\n", "ref:refs/heads/main", "1" * 40 + "\n", "link"])
def test_every_head_that_git_takes_is_served(site, head):
    bare = site.make_repository()
    (bare / "HEAD").unlink()
    if head == "link":
        (bare / "HEAD").symlink_to("refs/heads/main")
    else:
        (bare / "HEAD").write_text(head)
    site.start()
    assert "refs/heads/main" in site.git("ls-remote", "fs:mojombo/bert.git").stdout


def test_an_administrator_reads_why_a_repository_cannot_be_opened(site):
    bare = site.make_repository()
    bare.rename(site.directory / "elsewhere.git")
    bare.symlink_to(site.directory / "elsewhere.git")
    site.start()
    for action in (b"size", b"fsck", b"delete", b"rename"):
        argument = b"mojombo/other.git" if action == b"rename" else b""
        failed = failed_open(site, "mojombo/bert.git", grv1.ADMIN, admin=action, argument=argument)
        assert failed.code == grv1.STORAGE and not failed.retryable
        assert failed.text == f"storage trouble: {bare}: the path contains a symbolic link, which is not followed"
    assert (site.directory / "elsewhere.git/HEAD").exists()


def hook_report(site, bare, environment, **more) -> list[str]:
    report = bare.parent.parent.parent / "hook-report"
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(report=str(report)))
    hook.chmod(0o755)
    site.start(environment=environment)
    work = site.directory / "work"
    git("init", "--quiet", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=work)
    site.git("push", "--quiet", "fs:mojombo/bert.git", "HEAD:other", cwd=work, **more)
    return report.read_text().splitlines()


def test_hooks_get_exactly_the_specified_surroundings(site):
    bare = site.make_repository()
    identity = {"GERVE_USER": "mojombo", "GERVE_USER_ID": "7", "GERVE_KEY": "SHA256:abc", "GERVE_PROTOCOL": "ssh",
                "GERVE_REPO": "mojombo/bert", "GERVE_REQUEST_ID": "00ff", "GERVE_REMOTE_ADDR": "192.0.2.1"}
    hostile = {"LD_LIBRARY_PATH": "/tmp/nowhere", "LD_DEBUG": "", "GIT_DIR": "/tmp", "GIT_SSH_COMMAND": "false",
               "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": "/tmp/nowhere",
               "GIT_TRACE": "1", "GIT_EXEC_PATH": "/tmp/nowhere", "GERVE_USER": "somebody-else", "HOME": "/root",
               "PATH": "/tmp/nowhere", "SECRET": "1", "GIT_PROTOCOL": "version=2", "LC_ALL": "C"}
    lines = hook_report(site, bare, hostile, hooks=identity, config=[("receive.maxInputSize", "100000")])
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    assert variables.pop("PATH").endswith("/usr/local/bin:/usr/bin:/bin")  # git puts its own programs in front
    tolerated = ("badTimezone", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
                 "zeroPaddedFilemode")
    (request,) = [value for value in variables.values() if re.fullmatch("[0-9a-f]{32}", value)]
    config = [("safe.directory", str(bare)), ("receive.maxInputSize", "100000"), ("receive.fsckObjects", "true"),
              *((f"receive.fsck.{one}", "ignore") for one in tolerated), ("core.logAllRefUpdates", "always"),
              ("committer.name", "mojombo"), ("committer.email", request), ("receive.autogc", "false"),
              ("transfer.hideRefs", "refs/gerve")]
    expected = {"HOME": "/nonexistent", "LANG": "C.UTF-8", "GIT_CONFIG_COUNT": str(len(config)), **identity}
    for number, (key, value) in enumerate(config):
        expected |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for name in GITS_OWN - set(expected):
        variables.pop(name, None)
    assert variables == expected


def test_what_git_writes_is_not_for_others_to_read(site):
    site.start()
    with site.open(grv1.ADMIN, "mojombo/bert.git", admin=b"create") as session:
        session.finish()
    work = site.directory / "work"
    git("init", "--quiet", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=work)
    site.git("push", "--quiet", "fs:mojombo/bert.git", "HEAD:main", cwd=work)
    for directory, _, files in os.walk(site.root / "mojombo"):
        for name in ("", *files):
            mode = os.stat(os.path.join(directory, name)).st_mode
            assert mode & 0o027 == 0, (directory, name, oct(mode))


def test_hooks_get_three_descriptors_and_the_group_of_git(site):
    lines = hook_report(site, site.make_repository(), {})
    # The hook's three streams; git itself opened nothing that it leaves to hooks.
    assert [line for line in lines if line.startswith("fd")] == ["fd 0 pipe", "fd 1 pipe", "fd 2 pipe"]
    assert "group True" in lines  # the hook's group is receive-pack's own


def test_descriptors_and_signals_of_the_agent_stay_out(site):
    """With 50 sessions open, and one descriptor leaked into the agent on purpose, a new git has three."""
    site.make_repository()
    leaked, other = os.pipe()
    os.set_inheritable(leaked, True)
    agent = site.start(pass_fds=(leaked,))
    sessions = [site.open().until_opened() for _ in range(50)]
    gits = wait_until(lambda: len(agent.children()) == 50 and agent.children(), what="50 gits")
    # A child is the agent until it has become git, with all of the agent's descriptors.
    wait_until(lambda: all(os.readlink(f"/proc/{pid}/exe").endswith("git") for pid in gits), what="git in each of them")
    for pid in gits:
        numbers = {int(name): os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        inherited = {number: target for number, target in numbers.items() if str(site.root) not in target}
        assert sorted(inherited) == [0, 1, 2] and all(t.startswith("pipe:") for t in inherited.values())
    # Signals are as the system gives them, though the agent ignores SIGPIPE (13); privileges stay dropped.
    with open(f"/proc/{gits[0]}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert int(status["SigBlk"], 16) == 0 and int(status["SigIgn"], 16) & 0x7fffffff == 0
    assert status["NoNewPrivs"] == "1"
    for session in sessions:
        session.close()
    os.close(leaked)
    os.close(other)


def test_git_reads_no_configuration_of_a_user(site):
    """HOME leads nowhere, though the agent's own user has a ~/.gitconfig that would break everything."""
    bare = site.make_repository()
    home = site.directory / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[receive]\n\tmaxInputSize = 1\n[core]\n\thooksPath = /tmp/nowhere\n")
    site.start(environment={"HOME": str(home), "XDG_CONFIG_HOME": str(home)})
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=work)
    site.git("push", "--quiet", "origin", "HEAD:main", cwd=work)
    assert git("rev-parse", "HEAD", cwd=work).stdout == git("rev-parse", "main", cwd=bare).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a repository to another user")
def test_git_and_its_hooks_are_not_run_in_a_third_users_repository(site):
    bare = site.make_repository()
    os.chown(bare, 65534, 65534)
    agent = site.start()
    for service in (grv1.UPLOAD_PACK, grv1.RECEIVE_PACK):
        assert failed_open(site, "mojombo/bert.git", service).code == grv1.STORAGE
    assert len(agent.log_lines("refused", f"{bare}: belongs to uid 65534", "chown")) == 2
    assert "belongs to uid 65534" in failed_open(site, "mojombo/bert.git", grv1.ADMIN, admin=b"fsck").text
    os.chown(bare, 0, 0)
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(site.directory / "work"))


@pytest.mark.parametrize("limit, code", [("1", 128), ("10000000", 0)])
def test_configuration_of_the_ticket_reaches_git(site, limit, code):
    site.make_repository()
    site.start()
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    (work / "blob").write_bytes(os.urandom(5000))
    git("add", "blob", cwd=work)
    git("commit", "--quiet", "-m", "more", cwd=work)
    pushed = site.git("push", "origin", "HEAD:main", cwd=work, check=False,
                      config=[("receive.maxInputSize", limit)])
    assert (pushed.returncode == 0) == (code == 0)
