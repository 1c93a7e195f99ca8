"""In front of a Forgejo or Gitea: a push runs the forge's hooks with exactly what they go by."""

import shutil

import pytest
from forge_site import (NEEDS_OBJECTS, OF_A_DEPLOY_KEY, OF_GERVE, ORGANISATION, PEER, VALUES, WRITER, accepted, bare, forge,
                        refs, work)
from harness.forge_hooks import run_user

__all__ = ["bare", "forge", "work"]  # fixtures

def test_a_push_runs_the_hooks_with_exactly_their_variables(forge, bare, work):
    """A custom hook sees them, too."""
    dump = bare / "hooks/pre-receive.d/custom"
    dump.write_text(f"#!/bin/sh\nenv -0 > {forge.machine.directory}/dump\n")
    dump.chmod(0o755)
    accepted(forge.push(work))
    lines = (forge.machine.directory / "dump").read_text().split("\0")
    seen = dict(line.partition("=")[::2] for line in lines if line)
    home = str(forge.machine.home)
    expected = {**VALUES, **OF_GERVE, "GITEA_PR_ID": "0", "HOME": home, "GNUPGHOME": home + "/.gnupg",
                "GIT_NO_REPLACE_OBJECTS": "1", "USER": run_user(), "LANG": "C.UTF-8",
                "SSH_CONNECTION": f"{PEER} 0 0.0.0.0 0"}
    assert {name: seen.get(name) for name in expected} == expected
    of_git = {"GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH",
              "GIT_PUSH_OPTION_COUNT", "GIT_EXEC_PATH", "GIT_PROTOCOL"}
    of_bash = {"PWD", "OLDPWD", "SHLVL", "_"}
    rest = {name for name in seen if not name.startswith("GIT_CONFIG_")} - set(expected) - of_git - of_bash
    assert rest == {"PATH"} and not any("INTERNAL" in name or "ACTION" in name for name in seen)
    assert seen["PATH"].endswith("/usr/local/bin:/usr/bin:/bin")  # git puts its own directory in front
    assert [one["hook"] for one in forge.machine.records()] == ["pre-receive", "update", "post-receive"]
    before, after = forge.machine.api.of("pre-receive"), forge.machine.api.of("post-receive")
    assert len(before) == len(after) == 1
    assert before[0]["path"].endswith("/Alice/Project") and before[0]["address"] == PEER
    assert (before[0]["body"]["UserID"], before[0]["body"]["DeployKeyID"]) == (WRITER, 0)
    assert refs(bare) == {"refs/heads/main": after[0]["body"]["NewCommitIDs"][0]}


def test_a_wiki_and_a_deploy_key_are_told_to_the_hooks(forge, bare, work):
    """The numbers pass through; for a wiki the forge is asked nothing."""
    forge.machine.repository("Alice/Project", wiki=True)
    forge.machine.forget()
    wiki = {"GITEA_REPO_IS_WIKI": "true"}
    accepted(forge.push(work, path="alice/project.wiki", values=wiki))
    seen = forge.machine.records("pre-receive")[0]["environment"]
    assert (seen["GITEA_REPO_NAME"], seen["GITEA_REPO_IS_WIKI"], seen["GITEA_REPO_ID"]) == ("Project", "true", "7")
    assert not forge.machine.api.calls
    # That variable alone keeps a forge from checking: it goes by where the repository lies.
    forge.machine.forget()
    forge.refuse("GITEA_REPO_IS_WIKI='true'", values=wiki)
    forge.refuse("GITEA_REPO_IS_WIKI='false'", path="alice/project.wiki")

    forge.machine.api.decide = lambda call, body: (200, {}) if body["DeployKeyID"] == 3 else (403, {"user_msg": "No."})
    key = {"GITEA_PUSHER_ID": ORGANISATION, "GITEA_PUSHER_NAME": "Alice"}
    assert "Forgejo: No." in forge.push(work, values=key).stderr and refs(bare) == {}
    accepted(forge.push(work, values={**key, "GITEA_DEPLOY_KEY_ID": "3"}, hooks=OF_A_DEPLOY_KEY))
    asked = forge.machine.api.of("pre-receive")[-1]["body"]
    assert (asked["UserID"], asked["UserName"], asked["DeployKeyID"]) == (ORGANISATION, "Alice", 3)
    shutil.rmtree(forge.machine.root / "alice/project.wiki.git")


@pytest.mark.parametrize("version, nosystem", [("1.23.8", None), ("1.24.0", "1")])
def test_gitea_from_1_24_on_reads_no_system_configuration(forge, bare, work, version, nosystem):
    forge.start(forge.machine.settings("gitea", version, 'hook_variables = ["HOST_NOTE"]\n'))
    try:
        accepted(forge.push(work, extra=[(0x8019, b"HOST_NOTE=a b")]))
        seen = forge.machine.records("post-receive")[0]["environment"]
        assert seen.get("GIT_CONFIG_NOSYSTEM") == nosystem and seen["HOST_NOTE"] == "a b"
    finally:
        forge.start()


def test_hooks_of_a_system_configuration_that_gitea_does_not_read_are_not_run(forge, bare, work):
    """Behind the agent's own hooks as well, the repository's are those that the forge made."""
    system = forge.machine.directory / "system.gitconfig"
    system.write_text("[core]\n\thooksPath = /var/empty\n")
    wrapper = forge.machine.directory / "git"
    wrapper.write_text(f'#!/bin/sh\nGIT_CONFIG_SYSTEM={system} exec /usr/bin/git "$@"\n')
    wrapper.chmod(0o755)
    program = f'git = "{wrapper}"\n'
    try:
        forge.start(program + forge.machine.settings())
        forge.machine.forget()
        forge.refuse("core.hooksPath is set to /var/empty", extra=[NEEDS_OBJECTS])
        forge.start(program + forge.machine.settings("gitea", "1.24.0"))
        accepted(forge.push(work, extra=[NEEDS_OBJECTS]))
        assert [one["hook"] for one in forge.machine.records()] == ["pre-receive", "update", "post-receive"]
    finally:
        forge.start()
