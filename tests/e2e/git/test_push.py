"""Writing: force, delete, tags, atomic, options, hooks, many refs."""

import pytest

pytestmark = pytest.mark.both_doors

GERVE_HOOK_VARIABLES = (
    "GERVE_USER",
    "GERVE_USER_ID",
    "GERVE_KEY",
    "GERVE_REPO",
    "GERVE_REQUEST_ID",
    "GERVE_REMOTE_ADDR",
    "GERVE_PROTOCOL",
)


@pytest.fixture
def work(alice, project):
    """A clone of the project by its owner."""
    return alice.clone(project, into="work")


def test_a_push_that_is_no_fast_forward_is_rejected_and_force_goes_through(work, project):
    before = project.rev("main")
    work.git("commit", "--quiet", "--amend", "--message", "Another end")
    work.git("push", exit=1, says="(non-fast-forward)")
    assert project.rev("main") == before
    work.git("push", "--force", says="(forced update)")
    assert project.rev("main") == work.rev("HEAD")


def test_force_with_lease_refuses_when_somebody_was_faster(alice, work, project):
    other = alice.clone(project, into="other")
    other.commit("faster")
    other.git("push", "--quiet")
    work.git("commit", "--quiet", "--amend", "--message", "Slower")
    work.git("push", "--force-with-lease", exit=1, says="stale info")


def test_branches_come_and_go(work, project):
    work.git("push", "origin", "main:feature", says="[new branch]")
    assert project.rev("feature") == project.rev("main")
    work.git("push", "origin", "--delete", "feature", says="[deleted]")
    assert "feature" not in project.git("for-each-ref")


def test_tags(work, project):
    work.git("tag", "light")
    work.git("tag", "--annotate", "--message", "Heavy", "heavy")
    work.git("push", "--tags")
    assert project.git("tag", "--list") == "heavy\nlight"


def test_atomic_push_is_all_or_nothing(work, project):
    project.hook("update", '[ "$1" != refs/heads/forbidden ]')
    head = work.commit()
    work.git("push", "--atomic", "origin", "main", "main:forbidden", exit=1, says="atomic push failure")
    assert project.rev("main") != head
    work.git("push", "origin", "main", "main:forbidden", exit=1, says="hook declined")
    assert project.rev("main") == head


def test_push_options_reach_the_hook(work, project):
    project.configure("receive.advertisePushOptions", "true")
    project.hook(
        "pre-receive", 'echo "options: $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0 $GIT_PUSH_OPTION_1"'
    )
    work.commit()
    work.git(
        "push", "-o", "ci.skip", "-o", "reviewer=carol", says="remote: options: 2 ci.skip reviewer=carol"
    )


def test_output_of_a_hook_arrives_as_remote_lines(work, project):
    project.hook("post-receive", 'echo "to stdout"; echo "to stderr" >&2')
    work.commit()
    work.git("push", says=["remote: to stdout", "remote: to stderr"])


def test_a_hook_that_rejects(work, project):
    before = project.rev("main")
    project.hook("pre-receive", 'echo "not on a Sunday" >&2; exit 1')
    work.commit()
    work.git("push", exit=1, says=["remote: not on a Sunday", "pre-receive hook declined"])
    assert project.rev("main") == before
    assert project.quarantines() == []


def test_a_hook_that_dies_by_a_signal_rejects(work, project):
    before = project.rev("main")
    project.hook("pre-receive", "kill -9 $$")
    work.commit()
    work.git("push", exit=1, says="pre-receive hook declined")
    assert project.rev("main") == before


def test_a_hook_knows_who_pushes_and_how(work, alice, project):
    project.hook("pre-receive", 'env >"$GIT_DIR/hook-environment"')
    work.commit()
    work.git("push", "--quiet")
    seen = _environment(project.disk / "hook-environment")
    assert [name for name in GERVE_HOOK_VARIABLES if name not in seen] == []
    assert seen["GERVE_USER"] == alice.login
    assert seen["GERVE_REPO"] == project.path
    assert seen["GERVE_KEY"] == alice.key.fingerprint
    assert seen["GERVE_REMOTE_ADDR"] == "127.0.0.1"
    assert seen["GERVE_PROTOCOL"] == "ssh"
    assert seen["GERVE_USER_ID"].isdigit()
    assert len(seen["GERVE_REQUEST_ID"]) >= 16


def test_a_hook_sees_each_push_with_a_request_id_of_its_own(work, project):
    project.hook("post-receive", 'echo "$GERVE_REQUEST_ID" >>"$GIT_DIR/request-ids"')
    for number in range(2):
        work.commit(f"push-{number}")
        work.git("push", "--quiet")
    first, second = (project.disk / "request-ids").read_text().split()
    assert first != second


def test_the_environment_of_git_is_built_from_nothing(work, project):
    project.hook("pre-receive", 'env >"$GIT_DIR/hook-environment"')
    work.commit()
    work.git("push", "--quiet")
    seen = _environment(project.disk / "hook-environment")
    allowed = (
        "GERVE_",
        "GIT_",
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LANG",
        "LC_ALL",
        "TZ",
        "USER",
    )
    assert [name for name in seen if not name.startswith(allowed)] == []
    assert seen["HOME"] != "/root"


def test_a_deploy_key_pushes_under_its_own_name(site, door, project):
    machine = site.deploy_client(project, door, write=True)
    project.hook("pre-receive", 'env >"$GIT_DIR/hook-environment"')
    work = machine.clone(project)
    head = work.commit()
    work.git("push", "--quiet")
    seen = _environment(project.disk / "hook-environment")
    assert project.rev("main") == head
    assert seen["GERVE_KEY"] == machine.key.fingerprint
    assert seen["GERVE_REPO"] == project.path


def test_a_slow_hook_is_waited_for(work, project):
    project.hook("pre-receive", "sleep 3")
    head = work.commit()
    work.git("push", "--quiet")
    assert project.rev("main") == head


@pytest.mark.slow
def test_ten_thousand_refs_in_one_push(work, project):
    head = work.rev("HEAD")
    updates = "".join(f"create refs/heads/many/{number:05} {head}\n" for number in range(10_000))
    work.git("update-ref", "--stdin", input=updates.encode())
    work.git("push", "--quiet", "origin", "refs/heads/many/*:refs/heads/many/*")
    assert work.git("ls-remote", "--heads", "origin", "many/*").stdout.count("\n") == 10_000


def test_two_pushes_to_one_branch_at_once_leave_one_of_them(alice, project):
    clones = [alice.clone(project, into=f"racer-{number}") for number in range(2)]
    heads = [clone.commit("race", f"{number}\n") for number, clone in enumerate(clones)]
    racing = [clone.start("git", "push") for clone in clones]
    exits = sorted(push.finish(exit=range(0, 129)).exit for push in racing)
    assert exits[0] == 0 and exits[1] != 0
    assert project.rev("main") in heads
    project.git("fsck", "--full")


def _environment(file) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def test_the_first_push_chooses_what_a_clone_checks_out(site, alice, bob):
    repository = site.repository(alice, "moved")
    work = alice.at("moved-work")
    alice.git("init", "--quiet", "--initial-branch=master", "moved-work")
    work.commit("first")
    work.git("push", repository.url, "master")
    copy = alice.clone(repository, into="copy")
    assert copy.git("symbolic-ref", "--short", "HEAD").stdout == "master\n" and (copy.cwd / "first").exists()
    work.git("push", repository.url, "master:trunk")
    refused = work.git("push", repository.url, ":master", exit=1).stderr
    assert f"master is the default branch of {repository.path}" in refused
    command = f"gerve repo set-head {repository.path} BRANCH"
    assert command in refused
    site.gerve(*command.replace("BRANCH", "trunk").split()[1:], says=f"the default branch of {repository.path} is now trunk")
    work.git("push", repository.url, ":master", says="[deleted]")
    assert "ref: refs/heads/trunk\tHEAD" in alice.git("ls-remote", "--symref", repository.url, "HEAD").stdout
    site.gerve("repo", "set-head", repository.path, "none", exit=1, says=f"{repository.path} has no branch none")


def hash_object(work, kind: str, content: bytes) -> str:
    return work.run("git", "hash-object", "--literally", "-t", kind, "-w", "--stdin", input=content).stdout.strip()


def commit_of(work, tree: str, author: bytes = b"a <a@b> 1700000000 +0000") -> str:
    return hash_object(work, "commit", b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (tree.encode(), author, author))


def test_a_malformed_object_is_refused_unless_the_repository_says_otherwise(work, project):
    blob = hash_object(work, "blob", b"x")
    tree = hash_object(work, "tree", b"100644 .git\0" + bytes.fromhex(blob))
    bad = commit_of(work, tree)
    work.git("push", "origin", f"{bad}:refs/heads/bad", exit=1, says="hasDotgit: contains '.git'")
    assert "refs/heads/bad" not in project.git("for-each-ref")
    project.configure("receive.fsckObjects", "false")
    work.git("push", "origin", f"{bad}:refs/heads/bad")


def test_what_old_histories_are_full_of_is_taken(work, project):
    blob = hash_object(work, "blob", b"x")
    padded = hash_object(work, "tree", b"0100644 a\0" + bytes.fromhex(blob))
    plain = hash_object(work, "tree", b"100644 a\0" + bytes.fromhex(blob))
    for number, commit in enumerate([
        commit_of(work, padded),
        commit_of(work, plain, b"a <a@b> 1700000000 +051800"),
        commit_of(work, plain, b"a<a@b> 1700000000 +0000"),
        commit_of(work, plain, b"<a@b> 1700000000 +0000"),
        commit_of(work, plain, b"a <a@b>1700000000 +0000"),
    ]):
        work.git("push", "--quiet", "origin", f"{commit}:refs/heads/old-{number}")
