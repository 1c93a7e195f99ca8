"""Mercurial's exec string: one form, its client's own quoting, and no option ever reaches hg (CVE-2017-9462,
CVE-2018-1000132). And pushes that no client makes."""

import secrets
import struct
import zlib
from pathlib import Path

import pytest

from harness.audit import events
from harness.exec_strings import exec_strings
from harness.mercurial import hg_repository, on_disk
from harness.messages import INVALID_PATH, UNKNOWN_COMMAND
from harness.processes import wait_until
from harness.rawssh import in_order

pytestmark = pytest.mark.both_doors

MARK = "/tmp/gerve-e2e-hg-owned"


@pytest.fixture(scope="module")
def target(site, mallory):
    """A repository that mallory may read and write: only the form of the command decides."""
    return hg_repository(site, mallory)


@pytest.fixture
def run(mallory, target, door):
    with exec_strings(door, mallory, target, stdin=b"hello\n") as run:
        yield run
    assert not Path(MARK).exists()


@pytest.mark.parametrize("command", ["hg -R {r} serve --stdio", "hg -R /{r} serve --stdio", "hg -R {r}.git serve --stdio"])
def test_the_form_that_hg_sends_is_served(run, command):
    answer = run(command)
    assert answer.exit == 0 and b"unbundle" in answer.stdout and answer.stderr == b""


@pytest.mark.parametrize(
    "command",
    [
        "hg",
        "hg -R {r}",
        "hg serve --stdio",
        "hg -R {r} serve",
        "hg -R {r} serve --stdio --config hooks.pre-serve='touch " + MARK + "'",
        "hg -R {r} serve --stdio --debugger",
        "hg -R {r} --config hooks.pre-serve='touch " + MARK + "' serve --stdio",
        "hg --config hooks.pre-serve='touch " + MARK + "' -R {r} serve --stdio",
        "hg --cwd / -R {r} serve --stdio",
        "hg --debugger -R {r} serve --stdio",
        "hg -R --debugger serve --stdio",
        "hg -R --config=hooks.pre-serve=id serve --stdio",
        "hg -R '--config=hooks.pre-serve=touch " + MARK + "' serve --stdio",
        "hg -R '--config=alias.serve=!touch " + MARK + "' serve --stdio",
        "hg -R --cwd=/tmp serve --stdio",
        "hg -R -{r} serve --stdio",
        "hg -R '-{r} x' serve --stdio",
        "hg -R '{r}' serve --stdio",
        'hg -R "{r}" serve --stdio',
        "hg -R {r}' serve --stdio",
        "hg -R '{r} serve --stdio",
        "hg -R ''{r}'' serve --stdio",
        "hg -R {r} serve --stdio; touch " + MARK,
        "hg -R {r};touch " + MARK + " serve --stdio",
        "hg -R $(touch " + MARK + ") serve --stdio",
        "hg -R `id` serve --stdio",
        "hg -R {r} {r} serve --stdio",
        "hg  -R {r} serve --stdio",
        "hg -R  {r} serve --stdio",
        "hg -R {r} serve --stdio ",
        "hg -R {r} serve --stdio\n",
        "hg -R\t{r} serve --stdio",
        "hg -R {r} log",
        "hg -R {r} update --config x.y=z",
        "hg clone {r} x",
        "hg init --config=hooks.pre-init=id",
        "HG -R {r} serve --stdio",
        "/usr/bin/hg -R {r} serve --stdio",
        "chg -R {r} serve --stdio",
        b"hg -R \xff\xfe serve --stdio",
        b"hg -R " + b"a" * 2000 + b" serve --stdio",
    ],
)
def test_any_other_string_is_an_unknown_command(run, door, command):
    answer = run(command)
    assert (answer.stdout, answer.stderr, answer.exit) == (b"", UNKNOWN_COMMAND.encode(), 128)
    assert in_order(answer.events, door)


@pytest.mark.parametrize(
    "word",
    [
        "{o}",
        ".",
        "..",
        "/",
        "{o}/../{r}",
        "../{r}",
        "/etc/passwd/x",
        "{r}/.hg",
        "{r}/.hg/store",
        "{o}/-project",
        "'~root/project'",
        "'{o}/project --config x=y'",
        "'{o}/it'\\''s'",
        "'{o}/$(id)'",
        "'{o}/project;id'",
        "bundle:{r}+x",
        "union:{r}+x",
        "ssh://{r}",
        "{o}/%2e%2e",
    ],
)
def test_a_path_that_no_repository_can_have_is_answered_with_the_form(run, word):
    answer = run(f"hg -R {word} serve --stdio")
    assert (answer.stdout, answer.stderr, answer.exit) == (b"", INVALID_PATH.encode(), 1)


def part(kind: bytes, payload: bytes = b"", **parameters: bytes) -> bytes:
    """Of a bundle2, with mandatory parameters."""
    sizes = b"".join(bytes([len(name), len(value)]) for name, value in parameters.items())
    texts = b"".join(name.encode() + value for name, value in parameters.items())
    header = bytes([len(kind)]) + kind + bytes(4) + bytes([len(parameters), 0]) + sizes + texts
    chunk = struct.pack(">i", len(payload)) + payload if payload else b""
    return struct.pack(">i", len(header)) + header + chunk + bytes(4)


def unbundle(bundle: bytes) -> bytes:
    return b"unbundle\nheads 10\n666f726365%d\n%s0\n" % (len(bundle), bundle)


@pytest.mark.parametrize(
    "kind, payload, parameters",
    [
        (b"REMOTE-CHANGEGROUP", b"", {"url": b"http://127.0.0.1:1/x", "size": b"5"}),
        (b"STREAM2", b"s\x07\x05plantedhello", {"requirements": b"revlogv1", "filecount": b"1", "bytecount": b"5"}),
    ],
)
def test_a_push_has_no_part_for_clients_that_pull(run, target, kind, payload, parameters):
    answer = run("hg -R {r} serve --stdio", unbundle(b"HG20" + bytes(4) + part(kind, payload, **parameters) + bytes(4)))
    assert b"ERROR:UNSUPPORTEDCONTENT" in answer.stdout and b"parttype" + kind.lower() in answer.stdout
    assert answer.stderr == b""
    assert not list(target.disk.glob(".hg/store/planted"))


@pytest.mark.parametrize(
    "bundle",
    [
        b"HG10GZ" + zlib.compress(bytes(12)),
        b"HG20" + struct.pack(">i", 14) + b"Compression=GZ" + zlib.compress(bytes(4)),
    ],
)
def test_a_push_is_not_compressed(run, site, target, bundle):
    answer = run("hg -R {r} serve --stdio", unbundle(bundle))
    assert answer.stderr == b"abort: a push must not be compressed\n"
    assert on_disk(site, target).tip("tip") == "0" * 40


@pytest.mark.parametrize("command", ["getlfile", "statlfile", "putlfile"])
@pytest.mark.parametrize("name", ["/etc/passwd", "../hgrc", "0" * 39 + "/", "0" * 41])
def test_a_large_file_is_named_by_its_hash_alone(run, target, command, name):
    (target.disk / ".hg/largefiles").mkdir(exist_ok=True)
    (target.disk / ".hg/hgrc").write_text("[extensions]\nlargefiles =\n")
    try:
        answer = run("hg -R {r} serve --stdio", f"{command}\nsha {len(name)}\n{name}1\nx0\n".encode())
        batched = run("hg -R {r} serve --stdio", b"batch\n* 0\ncmds %d\n%s sha=%s" % (
            len(command) + len(name) + 5, command.encode(), name.encode()))
    finally:
        (target.disk / ".hg/hgrc").unlink()
    for one in (answer, batched):
        assert (one.stdout, one.stderr) == (b"", b"abort: malformed hash of a large file\n")


def test_a_bookmark_with_a_long_name_is_on_record(run, site, target):
    name = secrets.token_hex(4) + "k" * 1500
    node = on_disk(site, target).tip("tip").encode()
    request = b"pushkey\nnamespace 9\nbookmarkskey %d\n%sold 0\nnew 40\n%s" % (len(name), name.encode(), node)
    assert run("hg -R {r} serve --stdio", request).stdout == b"2\n1\n"

    def noted():
        pushes = [event for event in events(site, "--repo", target.path) if event["event"] == "push"]
        return any(change["ref"].startswith(f"bookmarks/{name[:100]}") for push in pushes for change in push["refs"])

    wait_until(noted, "the push is on record")
