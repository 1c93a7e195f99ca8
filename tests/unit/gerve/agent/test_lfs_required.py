"""A push is refused whose pointers name objects that the repository lacks; the repository's own hooks run as before."""

import hashlib
import os
import re

import pytest
from conftest import git
from lfs_client import oid_of, stored

REQUIRES = [(24, b"\x01")]
V1 = "https://git-lfs.github.com/spec/v1"


def pointer(data: bytes, version=V1, before="", after="\n", size=None) -> str:
    return f"version {version}\n{before}oid sha256:{oid_of(data)}\nsize {len(data) if size is None else size}{after}"


def lay(bare, data: bytes):
    """As git-lfs itself does."""
    file = stored(bare, data)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


@pytest.fixture
def work(site, bare):
    directory = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(directory))
    return directory


def commit(work, message="more", **files):
    for name, content in files.items():
        (work / name).write_text(content)
    git("add", ".", cwd=work)
    git("commit", "--quiet", "--allow-empty", "-m", message, cwd=work)


def push(site, work, *refs, extra=REQUIRES, **more):
    return site.git("push", "origin", *(refs or ["HEAD:main"]), cwd=work, extra=extra, check=False, **more)


def refused(pushed) -> str:
    assert pushed.returncode == 1 and "pre-receive hook declined" in pushed.stderr, pushed.stderr
    return pushed.stderr


def accepted(pushed):
    assert pushed.returncode == 0, pushed.stderr


def hook(bare, name: str, script: str, shebang="#!/bin/sh\n", directory="hooks"):
    file = bare / directory / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(shebang + script)
    file.chmod(0o755)


def test_a_pointer_without_its_object_is_refused_and_named(site, bare, work):
    before = git("rev-parse", "main", cwd=bare).stdout
    os.mkdir(work / "art")
    commit(work, **{"art/logo.bin": pointer(b"logo\n"), "text": "words\n"})
    said = refused(push(site, work))
    assert "remote: ERROR: This push contains a Git LFS pointer whose object is not on the server:" in said
    assert f"remote:   art/logo.bin ({oid_of(b'logo' + bytes([10]))})" in said
    assert "remote: Run `git lfs push --all REMOTE` in a clone that has them, then push again." in said
    assert git("rev-parse", "main", cwd=bare).stdout == before
    lay(bare, b"logo\n")
    accepted(push(site, work))
    assert git("rev-parse", "main", cwd=bare).stdout == git("rev-parse", "HEAD", cwd=work).stdout


def test_without_the_request_nothing_is_looked_at(site, bare, work):
    commit(work, logo=pointer(b"logo\n"))
    accepted(push(site, work, extra=()))


@pytest.mark.parametrize("content", [
    pointer(b"x", version="https://hawser.github.com/spec/v1"),
    pointer(b"x", version="http://git-media.io/v/2"),
    pointer(b"x", before="ext-0-case " + "f" * 64 + "\n"),
    pointer(b"x", after=""),
    pointer(b"x", before="ext-0-" + "long" * 150 + " f\n"),
    pointer(b"x", after="\next-1-Late " + "f" * 64),
    "\n \t" + pointer(b"x") + " \n\n",
    pointer(b"x", before="\n\n"),
    pointer(b"x").replace("\n", "\r\n"),
])
def test_what_is_a_pointer(site, work, content):
    """All that git-lfs takes for one: it would ask for the object."""
    assert len(content) < 1024
    commit(work, file=content)
    refused(push(site, work))


@pytest.mark.parametrize("content", [
    pointer(b"x", version="https://example.org/v1"),
    f"version {V1}\nsize 1\noid sha256:{oid_of(b'x')}\n",
    pointer(b"x", before="ext-0-" + "long" * 250 + " f\n"),
    pointer(b"x", size="one"),
    pointer(b"", size=0),
    pointer(b"x").replace("sha256", "sha1"),
    pointer(b"x", before="a line of another kind\n"),
    pointer(b"x", before="ext-x-case " + "f" * 64 + "\n"),
    pointer(b"x", after="\nextra line"),
    pointer(b"x", after=" bytes\n"),
    pointer(b"x").upper(),
])
def test_what_is_another_file(site, work, content):
    commit(work, file=content)
    accepted(push(site, work))


def test_only_new_commits_are_looked_at(site, bare, work):
    commit(work, old=pointer(b"old\n"))
    accepted(push(site, work, extra=()))
    commit(work, text="words\n")
    accepted(push(site, work))
    accepted(push(site, work, "HEAD:refs/heads/copy"))
    accepted(push(site, work, ":refs/heads/copy"))
    commit(work, new=pointer(b"new\n"))
    said = refused(push(site, work))
    assert oid_of(b"new\n") in said and oid_of(b"old\n") not in said


def test_a_pointer_in_the_middle_of_history_counts(site, work):
    commit(work, file=pointer(b"one\n"))
    commit(work, file=pointer(b"two\n"))
    git("rm", "--quiet", "file", cwd=work)
    commit(work, "gone")
    said = refused(push(site, work))
    assert "contains 2 Git LFS pointers whose objects are" in said


def test_every_kind_of_object_may_be_pushed(site, work):
    """A tag of a blob, and a tree that no commit has."""
    blob = git("hash-object", "-w", "--stdin", cwd=work, input=pointer(b"tagged\n")).stdout.strip()
    git("tag", "-a", "-m", "a blob", "blob", blob, cwd=work)
    assert oid_of(b"tagged\n") in refused(push(site, work, "blob"))
    tree = git("mktree", cwd=work, input=f"100644 blob {blob}\tname\n").stdout.strip()
    git("update-ref", "refs/heads/tree-ref", git("commit-tree", "-m", "m", tree, cwd=work).stdout.strip(), cwd=work)
    git("tag", "tree", tree, cwd=work)
    assert oid_of(b"tagged\n") in refused(push(site, work, "refs/tags/tree"))


def test_many_pointers_are_counted_and_the_first_are_named(site, bare, work):
    """More than one git reads at once."""
    commit(work, **{f"{number:04}.bin": pointer(b"%d" % number) for number in range(2_000)})
    said = refused(push(site, work))
    assert "2000 Git LFS pointers" in said and "remote:   and 1990 more" in said
    assert len(re.findall(r"\.bin \([0-9a-f]{64}\)", said)) == 10
    for number in range(2_000):
        lay(bare, b"%d" % number)
    accepted(push(site, work))


def test_a_name_writes_nothing_to_the_terminal_of_others(site, work):
    commit(work, **{"\x1b[31mred\u202e": pointer(b"x")})
    said = refused(push(site, work))
    assert "\x1b[31m" not in said and "\u202e" not in said and oid_of(b"x") in said


def test_what_only_looks_like_an_object_is_none(site, bare, work):
    commit(work, file=pointer(b"x"))
    elsewhere = site.directory / "elsewhere"
    elsewhere.write_bytes(b"x")
    stored(bare, b"x").parent.mkdir(parents=True)
    stored(bare, b"x").symlink_to(elsewhere)
    refused(push(site, work))


ALL = ["pre-receive", "update", "reference-transaction", "post-receive", "post-update"]
DUMP = """
echo "$0 $* $(pwd -P) below $(cat /proc/$PPID/comm)" >> {file}
env | grep -v QUARANTINE | grep -v OBJECT_DIRECTOR | grep -v '^_=' | sort >> {file}
case $0 in *update) ;; *) cat >> {file} ;; esac
"""


def test_own_hooks_run_as_they_would_without_it(site, bare, work):
    """Their names, arguments, place, parent, environment and input are the same; so are those of the gits that they
    start."""
    seen = []
    for turn, extra in enumerate([(), REQUIRES]):
        file = site.directory / f"seen{turn}"
        for name in ALL:
            hook(bare, name, DUMP.format(file=file))
        git("reset", "--quiet", "--hard", "HEAD", cwd=work)
        accepted(push(site, work, f"HEAD:refs/heads/turn{turn}", "HEAD:refs/heads/more", "--force", extra=extra,
                      hooks={"GERVE_REQUEST_ID": "0" * 32}))
        accepted(push(site, work, ":refs/heads/more", extra=extra, hooks={"GERVE_REQUEST_ID": "0" * 32}))
        text = file.read_text().replace(f"turn{turn}", "turn")
        seen.append(re.sub(r"incoming-\w+|GIT_PUSH_\w+=.*|GIT_CONFIG_VALUE_\d+=[0-9a-f]{32}\n", "", text))
    assert all(f"hooks/{name} " in seen[0] for name in ALL) and "HOOKS" not in seen[1]
    assert seen[0] == seen[1] and "below git\n" in seen[1]


@pytest.mark.parametrize("how", ["absolute", "relative", "included", "in config.worktree"])
def test_core_hookspath_of_the_repository_is_obeyed(site, bare, work, how):
    hook(bare, "pre-receive", "exit 1\n")
    hook(bare, "pre-receive", "echo this one; exit 1\n", directory="others")
    path = "others" if how == "relative" else str(bare / "others")
    if how == "included":
        (bare / "more").write_text(f"[core]\n\thooksPath = {path}\n")
        git("config", "include.path", "more", cwd=bare)
    elif how == "in config.worktree":
        git("config", "extensions.worktreeConfig", "true", cwd=bare)
        git("config", "--worktree", "core.hooksPath", path, cwd=bare)
        assert "hooks" not in (bare / "config").read_text()
    else:
        git("config", "core.hooksPath", path, cwd=bare)
    commit(work, text="words\n")
    assert "remote: this one" in refused(push(site, work))
    commit(work, file=pointer(b"x"))
    said = refused(push(site, work))
    assert "Git LFS pointer" in said and "this one" not in said, "its own hook runs when the push may go on"


def test_an_empty_core_hookspath_leads_to_no_hook(site, bare, work):
    """git looks for /pre-receive then."""
    hook(bare, "pre-receive", "exit 1\n")
    git("config", "core.hooksPath", "", cwd=bare)
    commit(work, text="words\n")
    accepted(push(site, work))
    commit(work, file=pointer(b"x"))
    refused(push(site, work))


def test_what_git_complains_of_is_not_taken_for_objects(site, bare, work):
    """An alternate that is gone: git says so each time, and goes on."""
    (bare / "objects/info/alternates").write_text("/nowhere/objects\n")
    commit(work, text="words\n")
    accepted(push(site, work))
    commit(work, file=pointer(b"x"))
    refused(push(site, work))
    lay(bare, b"x")
    accepted(push(site, work))


def test_what_reads_a_push_ends_with_it(site):
    """All that runs for a push is in the group of git receive-pack, which the agent ends with it."""
    site.make_repository()
    told, seen = site.directory / "git", site.directory / "seen"
    told.write_text('#!/bin/sh\ncase "$*" in *rev-list*filter*) '
                    f'cut -d" " -f5 /proc/$$/stat /proc/$PPID/stat > {seen};; esac\nexec git "$@"\n')
    told.chmod(0o755)
    site.start(f'git = "{told}"\n')
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    commit(work, text="words\n")
    accepted(push(site, work))
    groups = seen.read_text().split()
    assert len(groups) == 2 and groups[0] == groups[1]


def test_a_hook_that_runs_in_a_work_tree_is_found(site, bare, work):
    tree = site.directory / "tree"
    tree.mkdir()
    git("config", "core.bare", "false", cwd=bare)
    git("config", "core.worktree", str(tree), cwd=bare)
    git("config", "receive.denyCurrentBranch", "updateInstead", cwd=bare)
    hook(bare, "push-to-checkout", f'echo "$(pwd -P) $1" > {site.directory}/checked-out\n')
    commit(work, text="words\n")
    accepted(push(site, work))
    tip = git("rev-parse", "HEAD", cwd=work).stdout
    assert (site.directory / "checked-out").read_text() == f"{bare} {tip}"


def test_an_own_hook_declines_a_ref(site, bare, work):
    hook(bare, "update", 'test "$1" = refs/heads/good\n')
    git("branch", "good", cwd=work)
    git("branch", "bad", cwd=work)
    pushed = push(site, work, "good", "bad")
    assert pushed.returncode == 1 and "bad (hook declined)" in pushed.stderr
    assert git("branch", "--list", "good", "bad", cwd=bare).stdout == "  good\n"


def test_a_hook_that_cannot_be_run_lets_nothing_through(site, bare, work):
    hook(bare, "pre-receive", "exit 0\n", shebang="")
    commit(work, text="words\n")
    assert "cannot be run: its first line does not name a program (#!)" in refused(push(site, work))
    hook(bare, "pre-receive", "", shebang="#!/nowhere\n")
    assert "The hook pre-receive of this repository cannot be run: No such file" in refused(push(site, work))


def test_hooks_that_went_away_are_made_again(site, bare, work):
    """Whatever became of the agent's own directory."""
    commit(work, file=pointer(b"x"))
    refused(push(site, work))
    (made,) = (site.root / ".gerve/hooks").iterdir()
    (made / "pre-receive").unlink()
    refused(push(site, work))
    (made / "pre-receive").unlink()
    (made / "pre-receive").symlink_to("/nowhere")
    refused(push(site, work))
    (made / "pre-receive").unlink()
    made.rmdir()
    made.write_text("in the way")
    pushed = push(site, work)
    assert pushed.returncode == 128 and "storage trouble" in pushed.stderr
    assert site.agents[-1].log_lines("refused", ".gerve/hooks/")
    made.unlink()
    refused(push(site, work))
    site.agents[-1].stop()
    site.start()
    refused(push(site, work))


def test_a_push_that_cannot_be_checked_is_refused(site):
    """Here git fails when it is to list the new objects."""
    site.make_repository()
    broken = site.directory / "git"
    broken.write_text('#!/bin/sh\ncase "$*" in *rev-list*--filter*) echo no such luck >&2; exit 3;; esac\nexec git "$@"\n')
    broken.chmod(0o755)
    site.start(f'git = "{broken}"\n')
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    commit(work, text="words\n")
    said = refused(push(site, work, hooks={"GERVE_REQUEST_ID": "ab" * 16}))
    assert f"cannot check the large files (Git LFS) of this push: tell its operator. (request {'ab' * 16})" in said
    assert "no such luck" not in said


def test_an_agent_that_stores_no_large_files_asks_for_none(site):
    site.make_repository()
    site.start('services = ["upload-pack", "receive-pack"]\n')
    work = site.directory / "work"
    site.git("clone", "--quiet", "fs:mojombo/bert.git", str(work))
    commit(work, file=pointer(b"x"))
    accepted(push(site, work))


def test_sha256_repositories_too(site):
    bare = site.root / "mojombo/bert.git"
    git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", "--template=", str(bare))
    site.start()
    work = site.directory / "work"
    git("init", "--quiet", "--object-format=sha256", str(work))
    git("remote", "add", "origin", "fs:mojombo/bert.git", cwd=work)
    commit(work, file=pointer(b"x"))
    refused(push(site, work))
    assert hashlib.sha256(b"x").hexdigest() == oid_of(b"x")
    lay(bare, b"x")
    accepted(push(site, work))
