"""In front of a Forgejo or Gitea: what a ticket or a repository lacks for hooks refuses a push before git is started."""

import pytest
from conftest import wait_until
from forge_site import OF_A_DEPLOY_KEY, VALUES, accepted, bare, forge, grv1, still, ticket, work
from harness.forge_hooks import HOOKS

__all__ = ["bare", "forge", "still", "work"]  # fixtures


@pytest.fixture(autouse=True)
def forget(forge):
    forge.machine.forget()


@pytest.mark.parametrize("name", [name for name in VALUES if name != "GITEA_ROOT_URL"])
def test_a_variable_that_is_missing_refuses_the_push(forge, still, name):
    forge.refuse(f"lacks the variable {name}", without=[name])


def test_the_address_of_the_forge_may_come_from_app_ini(forge, bare, work):
    accepted(forge.push(work, without=["GITEA_ROOT_URL"]))
    assert forge.machine.records()[0]["environment"]["GITEA_ROOT_URL"] == "http://forge.example/"


@pytest.mark.parametrize("name, value", [
    ("SSH_ORIGINAL_COMMAND", "gitea-internal"), ("SSH_ORIGINAL_COMMAND", "git-upload-pack 'a/b'"),
    ("GITEA_REPO_USER_NAME", "mallory"), ("GITEA_REPO_NAME", "other"), ("GITEA_REPO_NAME", "../project"),
    ("GITEA_PUSHER_ID", "0"), ("GITEA_PUSHER_ID", "-2"), ("GITEA_PUSHER_ID", "5 "), ("GITEA_PUSHER_NAME", ""),
    ("GITEA_DEPLOY_KEY_ID", "-1"), ("GITEA_DEPLOY_KEY_ID", ""), ("GITEA_REPO_ID", "x"), ("GITEA_REPO_IS_WIKI", "")])
def test_a_value_that_is_not_possible_refuses_the_push(forge, still, name, value):
    forge.refuse(f"{name}='", values={name: value})


def test_a_deploy_key_is_told_as_one_and_nobody_else_is(forge, still):
    """Told as 0, a deploy key would pass by its owner's rights."""
    forge.refuse("GITEA_DEPLOY_KEY_ID='0'", env=OF_A_DEPLOY_KEY)
    forge.refuse("GITEA_DEPLOY_KEY_ID='3'", values={"GITEA_DEPLOY_KEY_ID": "3"})


@pytest.mark.parametrize("name", [
    "GITEA_INTERNAL_PUSH", "GITEA_PUSH_TRIGGER", "GITEA_ACTION_PERM", "GITEA_ACTIONS_TASK_ID", "GITEA_PR_INDEX",
    "GITEA_PR_ID", "GITEA_WORK_DIR", "GITEA_CUSTOM", "HOME", "PATH", "ENV", "BASH_ENV", "LD_PRELOAD", "GIT_CONFIG_COUNT",
    "GIT_QUARANTINE_PATH", "GIT_PUSH_OPTION_COUNT", "GERVE_OWN_HOOKS", "SSH_CONNECTION"])
def test_no_ticket_carries_what_switches_checks_off(forge, still, name):
    with pytest.raises(grv1.Failed) as failed:
        forge.site.open(grv1.RECEIVE_PACK, "alice/project.git", extra=[*ticket(), (0x8019, f"{name}=1".encode())]).finish()
    assert failed.value.code == grv1.BAD_REQUEST
    wait_until(lambda: forge.agent.log_lines("refused", name), what="the log")


def test_a_name_that_the_agent_does_not_allow_is_not_dropped(forge, still):
    forge.refuse("HOST_NOTE", "forge.hook_variables", extra=[(0x8019, b"HOST_NOTE=1")])


def test_variables_of_hooks_are_for_pushes_alone(forge, still):
    with pytest.raises(grv1.Failed) as failed:
        forge.site.open(grv1.UPLOAD_PACK, "alice/project.git", extra=ticket()).finish()
    assert failed.value.code == grv1.BAD_REQUEST


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_git_would_skip_refuses_the_push(forge, still, hook):
    file = still / "hooks" / hook
    file.chmod(0o644)
    forge.refuse(f"hooks/{hook} cannot be executed: Permission denied")
    away = file.rename(file.with_name("away"))
    forge.refuse(f"hooks/{hook} is missing")
    file.mkdir()
    forge.refuse(f"hooks/{hook} is not a file")
    file.rmdir()
    away.rename(file)
    file.chmod(0o755)
    with forge.site.open(grv1.RECEIVE_PACK, "alice/project.git", extra=ticket()) as session:
        session.until(lambda s: s.stdout)


def test_other_hooks_that_cannot_be_executed_and_other_directories_refuse_the_push(forge, bare, work):
    more = bare / "hooks/reference-transaction"
    more.write_text("#!/bin/sh\n")
    more.chmod(0o644)
    forge.refuse("hooks/reference-transaction cannot be executed")
    more.unlink()
    elsewhere = bare / "commondir"
    elsewhere.write_text("/tmp\n")
    forge.refuse("there is a file commondir")
    elsewhere.unlink()
    (bare / "config").write_text((bare / "config").read_text() + "[core]\n\thooksPath = /tmp\n")
    forge.refuse("core.hooksPath is set to /tmp")
    home = forge.machine.home / ".gitconfig"
    (bare / "config").write_text((bare / "config").read_text().replace("hooksPath", "none"))
    kept = home.read_text()
    try:
        home.write_text(kept + "[core]\n\thooksPath = /var/empty\n")
        forge.refuse("core.hooksPath is set to /var/empty")
    finally:
        home.write_text(kept)
    accepted(forge.push(work))
