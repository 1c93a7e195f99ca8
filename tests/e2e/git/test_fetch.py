"""Reading: clones whole, shallow and partial, fetches, submodules, archives."""

import io
import tarfile

import pytest

from harness.outcome import NONZERO


@pytest.mark.both_doors
def test_clone_commit_push_and_fetch_by_another_clone(site, alice, bob, project):
    site.grant(project, bob, "write")
    mine = alice.clone(project, into="mine")
    his = bob.clone(project, into="his")
    head = his.commit("greeting", "good day\n")
    his.git("push")
    mine.git("pull", "--quiet")
    assert mine.rev("HEAD") == head
    assert mine.cwd.joinpath("greeting").read_text() == "good day\n"


@pytest.mark.parametrize("form", ["{o}/{r}", "{o}/{r}.git", "/{o}/{r}", "/{o}/{r}.git"])
def test_scp_like_url_forms(bob, project, form):
    url = "gerve:" + form.format(o=project.owner, r=project.name)
    assert bob.git("ls-remote", url, "main").stdout.startswith(project.rev("main"))


def test_ssh_url_with_user_and_port(bob, project):
    url = f"ssh://git@{bob.door.host}:{bob.door.port}/{project.path}.git"
    bob.with_ssh_options("-o", "HostKeyAlias=gerve").git("ls-remote", url, says=project.rev("main"))


@pytest.mark.both_doors
def test_owner_and_name_compare_without_case(bob, project):
    bob.git("ls-remote", f"gerve:{project.path.upper()}.git", says=project.rev("main"))


def test_a_clone_passes_fsck(bob, project):
    bob.clone(project).git("fsck", "--full", "--strict")


def test_clone_of_an_empty_repository_then_the_first_push(alice, empty):
    alice.git("clone", empty.url, "work", says="You appear to have cloned an empty repository")
    work = alice.at("work")
    head = work.commit()
    work.git("push", "origin", "HEAD")
    assert empty.rev("main") == head


def test_ls_remote_of_an_empty_repository_is_empty(alice, empty):
    alice.git("ls-remote", empty.url, stdout="", stderr="")


@pytest.mark.both_doors
def test_progress_of_the_server_arrives_as_remote_lines(bob, project):
    bob.git("clone", "--progress", project.url, says="remote: Enumerating objects:")
    bob.git("clone", "--quiet", project.url, "silent", silent_about="remote:")


# ---- shallow


@pytest.mark.both_doors
def test_shallow_clone_deepen_and_unshallow(bob, project):
    copy = bob.clone(project, "--depth=1")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "1\n"
    copy.git("fetch", "--deepen=1")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "2\n"
    copy.git("fetch", "--unshallow")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "3\n"
    assert not copy.cwd.joinpath(".git/shallow").exists()


def test_shallow_clone_since_and_excluding(alice, bob, project):
    alice.at(f"{project.owner}-{project.name}").git("push", "origin", "main~2:refs/tags/v1")
    copy = bob.clone(project, "--shallow-exclude=v1", "--no-tags")
    assert copy.git("rev-list", "--count", "HEAD").stdout == "2\n"


def test_push_from_a_shallow_clone(alice, project):
    copy = alice.clone(project, "--depth=1", into="shallow")
    head = copy.commit()
    copy.git("push")
    assert project.rev("main") == head


# ---- partial


def test_partial_clone_leaves_blobs_out_and_fetches_them_when_needed(bob, project):
    copy = bob.clone(project, "--filter=blob:none", "--no-checkout")
    missing = copy.git("rev-list", "--objects", "--all", "--missing=print").stdout
    assert missing.count("?") == 3
    assert copy.git("cat-file", "-p", "HEAD:file-1").stdout == "content 1\n"
    missing = copy.git("rev-list", "--objects", "--all", "--missing=print").stdout
    assert missing.count("?") == 2


@pytest.mark.both_doors
def test_partial_clone_without_trees(bob, project):
    copy = bob.clone(project, "--filter=tree:0")
    assert copy.cwd.joinpath("file-3").read_text() == "content 3\n"
    assert copy.git("log", "--oneline", "--stat").stdout.count(" | 1 +") == 3


# ---- submodules


def test_submodule_with_a_relative_url(site, alice, bob, project):
    library = site.repository(alice, "library")
    alice.publish(library)
    work = alice.clone(project)
    work.git("submodule", "add", "--quiet", "../library.git", "lib")
    work.git("commit", "--quiet", "--message", "Use the library")
    work.git("push", "--quiet")
    copy = bob.clone(project, "--recurse-submodules")
    assert copy.cwd.joinpath("lib/file-1").read_text() == "content 1\n"


# ---- archives


@pytest.mark.parametrize("form, mode", [("tar", "r:"), ("tar.gz", "r:gz")])
def test_archive_of_a_remote_repository(bob, project, form, mode):
    packed = bob.git("archive", f"--format={form}", f"--remote={project.url}", "main").stdout_bytes
    with tarfile.open(fileobj=io.BytesIO(packed), mode=mode) as archive:
        assert archive.getnames() == ["file-1", "file-2", "file-3"]
        assert archive.extractfile("file-2").read() == b"content 2\n"


def test_archive_of_a_tree_that_is_not_there_fails(bob, project):
    bob.git("archive", f"--remote={project.url}", "no-such-branch", exit=NONZERO, says="no-such-branch")


def test_fetch_of_one_tag(alice, bob, project):
    work = alice.at(f"{project.owner}-{project.name}")
    work.git("tag", "--annotate", "--message", "First", "v1.0", "HEAD~1")
    work.git("push", "--quiet", "origin", "v1.0")
    copy = bob.clone(project, "--no-tags")
    copy.git("fetch", "origin", "tag", "v1.0")
    assert copy.rev("v1.0^{commit}") == copy.rev("HEAD~1")


def test_fetch_of_nothing_new_is_quiet_and_changes_nothing(bob, project):
    copy = bob.clone(project)
    copy.git("fetch", stdout="", stderr="")


def test_fetch_prunes_a_branch_deleted_by_another(alice, bob, project):
    work = alice.at(f"{project.owner}-{project.name}")
    work.git("push", "--quiet", "origin", "main:passing")
    copy = bob.clone(project)
    assert copy.rev("origin/passing")
    work.git("push", "--quiet", "origin", ":passing")
    copy.git("fetch", "--prune", says="[deleted]")


def fetches(person, project, protocol: int, commit: str) -> bool:
    """Whether a new clone gets this commit by its id alone."""
    person.git("init", "--quiet", f"by-{protocol}-{commit[:8]}")
    copy = person.at(f"by-{protocol}-{commit[:8]}")
    return copy.git("-c", f"protocol.version={protocol}", "fetch", "--depth=1", project.url, commit,
                    exit=(0, *NONZERO)).exit == 0


@pytest.mark.both_doors
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_pinned_commit_is_fetched_by_its_id(alice, bob, project, protocol):
    work = alice.clone(project, into="work")
    pinned = work.commit("pinned")
    work.git("push", "--quiet")
    work.git("reset", "--quiet", "--hard", "HEAD~1")
    work.git("push", "--quiet", "--force")  # no branch names it any more
    assert fetches(bob, project, protocol, pinned)
    assert fetches(bob, project, protocol, project.rev("main~1"))
    assert not fetches(bob, project, protocol, "1" * 40)


@pytest.mark.parametrize("protocol", [0, 1])
@pytest.mark.parametrize("key", ["transfer.hideRefs", "uploadpack.hideRefs"])
def test_what_hidden_refs_hide_stays_hidden(bob, project, protocol, key):
    hidden = new_commit(project)
    project.git("update-ref", "refs/secret/x", hidden)
    project.configure(key, "refs/secret")
    assert not fetches(bob, project, protocol, hidden)


def test_a_repository_can_keep_to_its_refs(bob, project):
    unnamed = new_commit(project)
    assert fetches(bob, project, 0, unnamed)
    project.configure("uploadpack.allowAnySHA1InWant", "false")
    assert not fetches(bob, project, 1, unnamed)


def new_commit(project) -> str:
    """A commit on the server that no ref names."""
    return project.git("-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "x", "main^{tree}")
