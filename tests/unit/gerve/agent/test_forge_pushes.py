"""In front of a Forgejo or Gitea: what its hooks decide is what happens, and a push that they refuse leaves nothing."""

import shutil

import pytest
from conftest import git
from forge_site import NEEDS_OBJECTS, READER, accepted, bare, commit, forge, make_work, refs, untouched, work

__all__ = ["bare", "forge", "work"]  # fixtures

@pytest.mark.parametrize("extra", [(), (NEEDS_OBJECTS,)])
def test_what_pre_receive_refuses_leaves_nothing(forge, bare, work, extra):
    """A reader reaches the hook, which decides; also behind the agent's own hooks."""
    accepted(forge.push(work, extra=extra))
    forge.machine.api.decide = lambda call, body: (
        (403, {"user_msg": "User permission denied for writing."}) if body["UserID"] == READER else (200, {}))
    commit(work, "second")
    untouched(forge, bare, lambda: forge.push(work, values={"GITEA_PUSHER_ID": READER}, extra=extra),
              "remote: Forgejo: User permission denied for writing.", "pre-receive hook declined")
    assert len(forge.machine.api.of("post-receive")) == 1


@pytest.mark.parametrize("extra", [(), (NEEDS_OBJECTS,)])
def test_a_push_for_review_reaches_proc_receive_and_makes_no_reference(forge, bare, work, extra):
    accepted(forge.push(work, extra=extra))
    forge.machine.forget()
    forge.machine.api.decide = lambda call, body: (200, {} if call != "proc-receive" else {
        "results": [{"originalRef": ref, "ref": "refs/pull/1/head"} for ref in body["RefFullNames"]]})
    pushed = forge.push(work, "HEAD:refs/for/main/topic", values={"GITEA_PUSHER_ID": READER}, extra=extra)
    accepted(pushed)
    assert "refs/pull/1/head" in pushed.stderr
    assert [call["call"] for call in forge.machine.api.calls] == ["pre-receive", "proc-receive", "post-receive"]
    assert forge.machine.api.of("proc-receive")[0]["body"]["UserID"] == READER
    assert list(refs(bare)) == ["refs/heads/main"]


def test_a_home_that_says_nothing_makes_no_reference_of_a_push_for_review(forge, bare, work):
    """A reader may send one, so git must not go by the .gitconfig alone; nor for refs/pull/ of Forgejo 14."""
    accepted(forge.push(work))
    home = forge.machine.home / ".gitconfig"
    kept = home.read_text()
    try:
        home.write_text("[safe]\n\tdirectory = *\n")
        forge.start(forge.machine.settings(version="14.0.5"))
        forge.machine.forget()
        forge.machine.api.decide = lambda call, body: (200, {} if call != "proc-receive" else {
            "results": [{"originalRef": ref, "ref": "refs/pull/1/head"} for ref in body["RefFullNames"]]})
        accepted(forge.push(work, "HEAD:refs/for/main/topic"))
        assert [call["call"] for call in forge.machine.api.calls][:2] == ["pre-receive", "proc-receive"]
        pushed = forge.push(work, "HEAD:refs/pull/1/head")
        assert pushed.returncode == 1 and "deny updating a hidden ref" in pushed.stderr, pushed.stderr
        assert list(refs(bare)) == ["refs/heads/main"]
    finally:
        home.write_text(kept)
        forge.start()


def test_the_forge_reads_the_objects_of_a_push_in_its_quarantine(forge, bare, work):
    """What a protected branch is judged by."""
    new = commit(work, "protected")
    said = []

    def decide(call, body):
        if call == "pre-receive":
            variables = {"GIT_OBJECT_DIRECTORY": body["GitObjectDirectory"], "GIT_DIR": str(bare),
                         "GIT_ALTERNATE_OBJECT_DIRECTORIES": body["GitAlternativeObjectDirectories"],
                         "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
            said.append(git("cat-file", "-t", new, env=variables).stdout)
        return 403, {"user_msg": "branch main is protected"}

    forge.machine.api.decide = decide
    untouched(forge, bare, lambda: forge.push(work), "branch main is protected")
    assert said == ["commit\n"]


def test_push_options_and_hidden_refs_are_those_of_the_forges_home(forge, bare, work):
    accepted(forge.push(work, "-o", "repo.private=true", "-o", "GITEA_PR_ID=1", "HEAD:main"))
    asked = forge.machine.api.of("post-receive")[0]["body"]
    assert asked["GitPushOptions"] == {"repo.private": "true", "GITEA_PR_ID": "1"} and asked["PullRequestID"] == 0
    commit(work, "more")
    pushed = forge.push(work, "HEAD:main", "HEAD:refs/pull/1/head")
    assert pushed.returncode == 1 and "deny updating a hidden ref" in pushed.stderr
    assert list(refs(bare)) == ["refs/heads/main"]
    assert refs(bare)["refs/heads/main"] == git("rev-parse", "HEAD", cwd=work).stdout.strip()


def test_a_limit_in_the_forges_home_counts(forge, bare, work):
    home = forge.machine.home / ".gitconfig"
    kept = home.read_text()
    try:
        home.write_text(kept + "[receive]\n\tmaxInputSize = 64\n")
        untouched(forge, bare, lambda: forge.push(work), "This push is larger than 64 B,")
    finally:
        home.write_text(kept)


def test_without_the_forge_pushes_are_refused_and_what_is_written_stays(forge, bare, work):
    accepted(forge.push(work))
    first = refs(bare)
    api = forge.machine.api
    commit(work, "second")
    api.stop()
    untouched(forge, bare, lambda: forge.push(work), "Internal Server Connection Error", "pre-receive hook declined")
    api.start()
    api.decide = lambda call, body: None
    untouched(forge, bare, lambda: forge.push(work), "Internal Server Connection Error", "pre-receive hook declined")
    assert refs(bare) == first
    # References are written when post-receive runs: the forge is not told, and the push has succeeded.
    api.decide = lambda call, body: (200, {}) if call == "pre-receive" else None
    pushed = forge.push(work)
    accepted(pushed)
    assert "Internal Server Connection Error" in pushed.stderr
    assert refs(bare)["refs/heads/main"] == git("rev-parse", "HEAD", cwd=work).stdout.strip()


def test_fetches_follow_the_forges_home(forge, bare, work):
    accepted(forge.push(work))
    first = refs(bare)["refs/heads/main"]
    commit(work, "second")
    accepted(forge.push(work))
    clone = work.parent / "partial"
    fetched = forge.site.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", "fs:alice/project.git", str(clone))
    assert "not recognized" not in fetched.stderr and "missing" not in fetched.stderr
    assert "?" in git("rev-list", "--objects", "--all", "--missing=print", cwd=clone).stdout
    for version in ("0", "2"):
        fresh = make_work(work.parent / f"by-id-{version}")
        got = forge.site.git("-c", f"protocol.version={version}", "fetch", "--quiet", "fs:alice/project.git", first,
                             cwd=fresh, check=False)
        assert got.returncode == 0, got.stderr


def test_a_repository_of_sha256(forge, bare, tmp_path):
    place = forge.machine.repository("Alice/Wide", object_format="sha256")
    work = make_work(tmp_path / "wide", "sha256")
    accepted(forge.push(work, path="alice/wide", values={"GITEA_REPO_NAME": "Wide"}))
    assert len(refs(place)["refs/heads/main"]) == 64
    forge.site.git("clone", "--quiet", "fs:alice/wide.git", str(tmp_path / "back"))
    shutil.rmtree(place)
