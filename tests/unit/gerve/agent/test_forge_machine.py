"""In front of a Forgejo or Gitea: what its hooks need of the machine is proven, and named where it does not hold."""

import os
import re
import socket
import subprocess
import threading

import pytest
from conftest import PROGRAM, wait_until
from forge_site import OF_GERVE, accepted, bare, forge, work
from harness.forge_hooks import as_run_user

__all__ = ["bare", "forge", "work"]  # fixtures

def check(forge, settings, user=None) -> tuple[int, str]:
    """What `gerve-agent --check` says, as the forge's user unless `user` starts it."""
    forge.site.write_settings(forge.site.signed_settings() + settings)
    argv = [*(as_run_user() if user is None else user), PROGRAM, "-c", str(forge.site.config_file), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_check_has_a_line_for_everything_that_hooks_need(forge, bare):
    status, said = check(forge, forge.machine.settings())
    assert status == 0
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["ok", f"{what}:"] for what in ("user", "app_ini", "program", "home", "root", "mount", "local_url")]


@pytest.mark.parametrize("what, wrong", [
    ("user", {"app_ini": ("RUN_USER = ", "RUN_USER = somebody-")}),
    ("root", {"app_ini": ("ROOT = /", "ROOT = /elsewhere/")}),
    ("home", {"app_ini": ("HOME_PATH = /", "HOME_PATH = /elsewhere/")}),
    ("program", {"mode": "program"}),
    ("app_ini", {"mode": "app_ini"}),
])
def test_what_does_not_hold_on_the_machine_is_named_and_refuses_pushes(forge, bare, work, what, wrong):
    """Found at the start and by the check, not by the first push that fails."""
    kept = forge.machine.app_ini.read_text()
    try:
        if "app_ini" in wrong:
            old, new = wrong["app_ini"]
            assert old in kept
            forge.machine.app_ini.write_text(kept.replace(old, new, 1))
        else:
            getattr(forge.machine, wrong["mode"]).chmod(0o000)
        status, said = check(forge, forge.machine.settings())
        lines = [line for line in said.splitlines() if line.startswith("FAILED")]
        assert status == 1 and lines[0].split()[1] == f"{what}:", said
        forge.start()
        wait_until(lambda: forge.agent.log_lines("the forge's hooks would not work", f"{what}: "), what="the proof")
        forge.refuse(f"{what}: ")
        assert forge.site.git("ls-remote", "fs:alice/project.git", check=False).returncode == 0
    finally:
        forge.machine.app_ini.chmod(0o644)
        forge.machine.program.chmod(0o755)
        forge.machine.app_ini.write_text(kept)
        forge.start()
    accepted(forge.push(work))


def test_a_forge_that_does_not_answer_fails_the_check_and_not_the_start(forge, bare):
    forge.machine.api.stop()
    try:
        status, said = check(forge, forge.machine.settings())
        assert status == 1 and "FAILED  local_url: http://127.0.0.1:" in said and "does not accept a connection" in said
        forge.start()
        wait_until(lambda: forge.agent.log_lines("the forge's hooks would not work", "local_url"), what="the proof")
    finally:
        forge.machine.api.start()
    assert check(forge, forge.machine.settings())[0] == 0


def test_a_forge_that_wants_a_proxy_header_is_asked_with_that_of_its_hooks(forge):
    heard = []
    kept = forge.machine.app_ini.read_text()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def answer():
            with server.accept()[0] as connection:
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

        asked = threading.Thread(target=answer, daemon=True)
        asked.start()
        url = f"LOCAL_ROOT_URL = http://127.0.0.1:{server.getsockname()[1]}/\nLOCAL_USE_PROXY_PROTOCOL = true"
        try:
            forge.machine.app_ini.write_text(re.sub("LOCAL_ROOT_URL = .*", url, kept))
            status, said = check(forge, forge.machine.settings())
        finally:
            forge.machine.app_ini.write_text(kept)
        asked.join(20)
    assert status == 0, said
    assert heard[0].startswith(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /")


def test_the_user_root_runs_no_hooks_of_a_forge(forge, bare):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    status, said = check(forge, forge.machine.settings(), user=[])
    assert status == 1 and said.startswith("FAILED  user: the agent runs as root")


# ---- other programs

def test_another_programs_variables_are_allowed_by_name(forge, bare, work):
    notes = [(0x8019, b"HOST_PUSHER=7"), (0x8019, b"SSH_ORIGINAL_COMMAND=git-receive-pack 'a/b'")]

    def push(extra):
        return forge.site.git("push", "fs:alice/project.git", "HEAD:main", cwd=work, hooks=OF_GERVE, check=False,
                              extra=extra)

    dump = bare / "hooks/pre-receive"
    dump.write_text(f"#!/bin/sh\nenv > {forge.machine.directory}/dump\n")
    try:
        forge.start('[forge]\nkind = "other"\nhook_variables = ["HOST_PUSHER"]\n')
        accepted(push(notes))
        seen = (forge.machine.directory / "dump").read_text().splitlines()
        assert {"HOST_PUSHER=7", "SSH_ORIGINAL_COMMAND=git-receive-pack 'a/b'", "HOME=/nonexistent"} <= set(seen)
        forge.machine.forget()
        forge.refuse("GITEA_", "forge.hook_variables")
        accepted(push([]))
        forge.start("")
        forge.machine.forget()
        forge.refuse("there is no [forge]")
    finally:
        forge.start()


@pytest.mark.parametrize("settings, problem", [
    ('kind = "gogs"\n', "forge.kind"),
    ('kind = "forgejo"\nversion = "12"\n', "complete version"),
    ('kind = "forgejo"\nversion = "12.0.4"\n', "forge.app_ini"),
    ('kind = "other"\nhook_variables = ["PATH"]\n', "no ticket may set"),
    ('kind = "other"\nhook_variables = ["GITEA_INTERNAL_PUSH"]\n', "no ticket may set"),
    ('version = "12.0.4"\n', "forge.kind"),
])
def test_what_cannot_be_meant_is_a_problem_of_the_configuration(forge, settings, problem):
    forge.site.write_settings(forge.site.signed_settings() + "[forge]\n" + settings)
    done = subprocess.run([PROGRAM, "-c", str(forge.site.config_file), "--check"], capture_output=True, text=True)
    assert done.returncode == 2 and problem in done.stderr, done.stderr
