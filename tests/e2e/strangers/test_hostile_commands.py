"""Exec strings and paths: three services, git's own quoting, one argument, and nothing reaches a shell."""

import re

import pytest

from harness.exec_strings import exec_strings
from harness.messages import INVALID_PATH, NOT_FOUND, UNKNOWN_COMMAND
from harness.rawssh import CUT, RawClient, in_order

pytestmark = pytest.mark.both_doors


@pytest.fixture(scope="module")
def target(site, mallory):
    """A repository that mallory may read and write: only the form of the command decides."""
    return site.repository(mallory, "project")


@pytest.fixture
def run(mallory, target, door):
    with exec_strings(door, mallory, target, stdin=b"0000") as run:
        yield run


@pytest.mark.parametrize(
    "command",
    [
        "git-upload-pack '{r}'",
        "git-upload-pack '{r}.git'",
        "git-upload-pack '/{r}'",
        "git-upload-pack '/{r}.git'",
        "git upload-pack '{r}'",
        "git upload-pack '/{r}.git'",
        "git-receive-pack '{r}'",
        "git receive-pack '{r}.git'",
    ],
)
def test_forms_that_git_sends_are_served(run, command):
    answer = run(command)
    assert (answer.exit, answer.stderr) == (0, b"")
    assert re.match(rb"0000$|0[0-9a-f]{3}[0-9a-f]{40} ", answer.stdout)  # the first ref; git 2.39 sends none


@pytest.mark.parametrize(
    "command",
    [
        "",
        " ",
        "git",
        "git ",
        "git-",
        "git-upload-pack",
        "git-upload-pack ",
        "git upload-pack",
        "upload-pack '{r}'",
        "git-upload-pack {r}",
        'git-upload-pack "{r}"',
        "git-upload-pack  '{r}'",
        "git-upload-pack\t'{r}'",
        " git-upload-pack '{r}'",
        "git-upload-pack '{r}' ",
        "git-upload-pack '{r}'\n",
        "\ngit-upload-pack '{r}'",
        "git-upload-pack '{r}",
        "git-upload-pack {r}'",
        "git-upload-pack '{r}''",
        "git-upload-pack ''{r}'",
        "git-upload-pack '{r}' '{r}'",
        "git-upload-pack '{r}' --help",
        "git-upload-pack --help",
        "git-upload-pack --strict '{r}'",
        "git-upload-pack --upload-pack=id '{r}'",
        "git -c core.pager=id upload-pack '{r}'",
        "git --exec-path=/tmp upload-pack '{r}'",
        "git  upload-pack '{r}'",
        "git-upload-pack '{r}'; id",
        "git-upload-pack '{r}' && id",
        "git-upload-pack '{r}' | id",
        "git-upload-pack '{r}' > /tmp/gerve-e2e-owned",
        "git-upload-pack `id`",
        "git-upload-pack $(id)",
        "git-upload-pack $'{r}'",
        "git-upload-pack '{r}'\\''",
        "git-upload-pack '{r}'\\\"'x'",
        "git-upload-pack '{r}!'",
        "GIT-UPLOAD-PACK '{r}'",
        "git-Upload-Pack '{r}'",
        "/usr/bin/git-upload-pack '{r}'",
        "git-upload-packx '{r}'",
        "git-upload-pack-x '{r}'",
        "git-http-backend '{r}'",
        "git-shell -c '{r}'",
        "git-lfs-authenticate '{r}' download",
        "git-daemon '{r}'",
        "gerve worker",
        b"git-upload-pack '{r}\0.git'",
        b"git-upload-pack\0'{r}'",
        b"\0git-upload-pack '{r}'",
        b"git-upload-pack '" + b"a" * 5000 + b"/b'",
        b"\xff\xfe",
        b"git-upload-pack '{r}'\r",
    ],
)
def test_any_other_string_is_an_unknown_command(run, door, command):
    if door.kind == "sshd" and isinstance(command, bytes) and b"\0" in command:
        pytest.skip("not through sshd: it cuts the connection: see the test of that")
    answer = run(command)
    assert (answer.stdout, answer.stderr, answer.exit) == (b"", UNKNOWN_COMMAND.encode(), 128)
    assert in_order(answer.events, door)


def test_a_nul_runs_nothing_through_sshd(run, door):
    if door.kind != "sshd":
        pytest.skip("not through the gateway: the other tests are about it")
    answer = run(b"git-upload-pack '{r}'\0; id")
    assert (answer.stdout, answer.exit, answer.events) == (b"", None, [CUT])


@pytest.mark.gateway_only("sshd cuts the connection")
def test_what_stands_behind_a_nul_is_not_there(run):
    """libssh ends the string at a NUL: what runs, is decided on and is logged is what stands before it."""
    assert run(b"git-upload-pack '{r}'\0; id").stdout == run("git-upload-pack '{r}'").stdout


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "{r}//x",
        "//..//{r}",
        ".",
        "..",
        "project",
        "/project",
        "{r}/.git",
        "{r}/..",
        "{r}/../project",
        "./{r}",
        "../{r}",
        "/../{r}",
        "{o}/./project",
        "{o}/../{r}",
        "x/{r}",
        "{r}/x",
        "../../../../etc/passwd",
        "/etc/../{r}",
        "~/{r}",
        "~root/project",
        "{o}/~project",
        "{o}/%2e%2e",
        "%2e%2e/{r}",
        "{o}%2fproject",
        "{o}\\project",
        "..\\..\\x",
        "-{r}",
        "--help",
        "-oProxyCommand=id/x",
        "{o}/-project",
        "{o}/--help",
        "{o}/project.git.git",
        "{o}/.git",
        "{o}/project.lock",
        "{o}/project.lock.git",
        "{o}/.",
        "{o}/..",
        "{o}/...git",
        "{o}/pro\u200bject",
        "{o}/pro\u0301ject",
        "{o}/\uff50roject",
        "{o}\u2044project",
        "{o}/project\u202e",
        "{o}/\u212aproject",
        "{o}/pro ject",
        " {r}",
        "{r} ",
        "{o}/pro\tject",
        "{o}/project\n",
        "\n{r}",
        "{o}/\x1b[2Jx",
        "{o}/pro\x7fject",
        "{o}/project;id",
        "{o}/$(id)",
        "{o}/`id`",
        "{o}/project?",
        "{o}/*",
        "{o}/proj[e]ct",
        "{o}/project:x",
        "{o}/project@{0}",
        "{o}/project#x",
        "http://{r}",
        "file:///{r}",
        "{o}/" + "a" * 300,
        "a" * 300 + "/project",
        b"{o}/\xff\xfe",
        b"{o}/\xc0\xae\xc0\xae/project",
        "{o}/project'\\''x",
        "{o}/project'\\!'",
    ],
)
def test_a_path_that_no_repository_can_have_is_answered_with_the_form(run, path):
    raw = path if isinstance(path, bytes) else path.encode()
    answer = run(b"git-upload-pack '" + raw + b"'")
    assert (answer.stdout, answer.stderr, answer.exit) == (b"", INVALID_PATH.encode(), 1)


@pytest.mark.parametrize("path", ["etc/passwd", "/etc/passwd", "//etc//passwd/", "nul/con"])
def test_a_path_that_a_repository_could_have_is_told_as_a_missing_one(run, path):
    answer = run(f"git-upload-pack '{path}'")
    assert (answer.stdout, answer.stderr, answer.exit) == (b"", NOT_FOUND.encode(), 1)


@pytest.mark.parametrize("path", ["{r}/", "//{r}", "{o}//project", "//{o}///project.git//"])
def test_slashes_are_taken_as_a_file_system_takes_them(run, path):
    assert run(f"git-upload-pack '{path}'").stdout == run("git-upload-pack '{r}'").stdout


@pytest.mark.parametrize(
    "option",
    ["--upload-pack=id", "--exec=id", "--output=/tmp/gerve-e2e-owned", "--remote=x", "-l", "--format=../x"],
)
def test_arguments_of_an_archive_stay_arguments(run, option):
    """upload-archive takes its arguments from the client: what git refuses must be refused, not obeyed."""
    packet = f"argument {option}\n"
    stdin = f"{len(packet) + 4:04x}{packet}0000".encode()
    answer = run("git-upload-archive '{r}'", stdin)
    assert b"uid=" not in answer.stdout + answer.stderr


def test_a_symbolic_link_out_of_the_root_is_not_followed(site, alice, door, tmp_path):
    """A link in place of a repository, however it came there."""
    outside = tmp_path / "outside.git"
    alice.run("git", "init", "--bare", "--quiet", outside)
    trap = site.repository(alice, "trap")
    for path in sorted(trap.disk.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    disk = trap.disk
    disk.rmdir()
    disk.symlink_to(outside)
    with RawClient(door) as client:
        answer = client.log_in(alice.key).open_session().exec(f"git-upload-pack '{trap.path}'", b"0000")
    assert answer.stdout == b""
    assert answer.exit not in (0, None)
