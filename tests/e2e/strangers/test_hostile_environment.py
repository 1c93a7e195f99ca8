"""The only variable that a client may set is GIT_PROTOCOL, and only to what git sends in it."""

import pytest

from harness.rawssh import RawClient

REFUSED = {
    "GIT_SSH_COMMAND": "touch /tmp/gerve-e2e-owned",
    "GIT_SSH": "/tmp/evil",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": "/tmp/evil",
    "GIT_CONFIG_GLOBAL": "/tmp/evil",
    "GIT_CONFIG_PARAMETERS": "'core.hooksPath'='/tmp/evil'",
    "GIT_DIR": "/tmp/evil",
    "GIT_EXEC_PATH": "/tmp/evil",
    "GIT_TRACE": "/tmp/gerve-e2e-owned",
    "GIT_TRACE2": "/tmp/gerve-e2e-owned",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/tmp/evil",
    "GIT_OBJECT_DIRECTORY": "/tmp/evil",
    "GIT_NAMESPACE": "evil",
    "GIT_QUARANTINE_PATH": "/tmp/evil",
    "GERVE_USER": "root",
    "GERVE_USER_ID": "0",
    "GERVE_REPO": "evil/evil",
    "LD_PRELOAD": "/tmp/evil.so",
    "LD_LIBRARY_PATH": "/tmp/evil",
    "PATH": "/tmp/evil",
    "HOME": "/tmp/evil",
    "SHELL": "/tmp/evil",
    "IFS": "x",
    "BASH_ENV": "/tmp/evil",
    "ENV": "/tmp/evil",
    "LC_ALL": "evil",
    "LANG": "evil",
    "TERM": "evil",
    "GIT_PROTOCOLX": "version=2",
    "git_protocol": "version=2",
    "GIT_PROTOCOL=x": "version=2",
    "": "x",
}


def upload_pack_greeting(
    client: RawClient, repository, env: list[tuple[str, str | bytes]]
) -> tuple[list[bool], bytes]:
    """The answers to the requests for variables, and what upload-pack says first."""
    channel = client.open_session()
    granted = [channel.env(name, value) for name, value in env]
    channel.request("exec", True, f"git-upload-pack '{repository.path}'")
    first = channel.read_some().stdout
    channel.data(b"0000")
    channel.eof()
    channel.read_to_the_end()
    return granted, first


@pytest.fixture
def client(door, alice):
    with RawClient(door) as connection:
        yield connection.log_in(alice.key)


@pytest.mark.parametrize(
    "value, version",
    [
        ("version=2", b"000eversion 2\n"),
        ("version=1", b"000eversion 1\n"),
        ("version=0", b""),
        ("version=1:version=2", b"000eversion 2\n"),
        ("version=2:some.key-x=1", b"000eversion 2\n"),
        ("version=9", b""),
        ("x" * 255, b""),
    ],
)
def test_git_protocol_in_its_grammar_is_accepted(client, project, value, version):
    granted, first = upload_pack_greeting(client, project, [("GIT_PROTOCOL", value)])
    assert granted == [True]
    assert first.startswith(version) and (version or not first.startswith(b"000eversion"))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"version=2;id",
        b"version=2\n",
        b"version=2\nversion=2",
        b"version=2 ",
        b"VERSION=2",
        b"version=2,1",
        b'version="2"',
        b"version=$(id)",
        b"version=2\x1b[2J",
        b"version=\xff",
        b"x" * 256,
        b"version=2/../..",
        b"a_b=1",
    ],
)
def test_git_protocol_outside_its_grammar_is_refused_and_has_no_effect(client, door, project, value):
    granted, first = upload_pack_greeting(client, project, [("GIT_PROTOCOL", value)])
    if door.kind == "gateway":  # sshd knows names alone; gerve-shell knows the grammar
        assert granted == [False]
    assert not first.startswith(b"000eversion"), first


@pytest.mark.gateway_only("sshd cuts the connection")
def test_what_stands_behind_a_nul_is_not_there(client, project):
    """libssh ends the value at a NUL; what stands before it is judged, and is all that git sees."""
    granted, first = upload_pack_greeting(client, project, [("GIT_PROTOCOL", b"version=2\0;id")])
    assert granted == [True]
    assert first.startswith(b"000eversion 2\n")


@pytest.mark.gateway_only("sshd keeps the last value, which gerve-shell then refuses")
def test_a_refused_value_does_not_take_an_accepted_one_away_or_along(client, project):
    granted, first = upload_pack_greeting(
        client, project, [("GIT_PROTOCOL", "version=2"), ("GIT_PROTOCOL", "version=1;id")]
    )
    assert granted == [True, False]
    assert first.startswith(b"000eversion 2\n")


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_variable_is_refused(client, project, name):
    granted, first = upload_pack_greeting(client, project, [(name, REFUSED[name])])
    assert granted == [False]
    assert first.startswith(b"0") and b"HEAD\0" in first


def test_none_of_them_reaches_a_hook(alice, project):
    project.hook("pre-receive", 'env >"$GIT_DIR/hook-environment"')
    work = alice.clone(project)
    work.commit()
    variables = " ".join(f"{name}=evil" for name in REFUSED if name and "=" not in name)
    work.with_ssh_options("-o", f"'SetEnv={variables}'").git("push", "--quiet")
    assert "evil" not in (project.disk / "hook-environment").read_text()


def test_a_push_option_cannot_change_who_pushes(alice, project):
    project.configure("receive.advertisePushOptions", "true")
    project.hook("pre-receive", 'env >"$GIT_DIR/hook-environment"')
    work = alice.clone(project)
    work.commit()
    work.git("push", "-o", "x;GERVE_USER=root", "-o", "GERVE_USER=root", "--quiet")
    seen = (project.disk / "hook-environment").read_text().splitlines()
    assert [line for line in seen if line.startswith("GERVE_USER=")] == [f"GERVE_USER={alice.login}"]


@pytest.mark.parametrize(
    "version",
    [
        "SSH-2.0-x;GERVE_USER=root",
        "SSH-2.0-\x1b[2J\x07",
        "SSH-2.0-a b c GERVE_USER=root",
        "SSH-2.0-" + "v" * 100,
        "SSH-2.0-\u202eevil",
        'SSH-2.0-"quoted"\\n{}',
    ],
)
def test_a_client_version_changes_nothing(site, door, alice, project, version):
    """It goes into the log, which stays one line an event, without control characters."""
    with RawClient(door, version=version) as client:
        client.log_in(alice.key)
        assert client.open_session().exec(f"git-upload-pack '{project.path}'", b"0000").exit == 0
    assert not any(character < " " and character not in "\n\t" for character in site.gateway.log())
