"""Mercurial's exec string: one form, its client's own quoting, and no option ever reaches hg (CVE-2017-9462,
CVE-2018-1000132)."""

from pathlib import Path

import pytest

from harness.mercurial import hg_repository
from harness.messages import INVALID_PATH, UNKNOWN_COMMAND
from harness.rawssh import RawClient, in_order

pytestmark = pytest.mark.both_doors

MARK = "/tmp/gerve-e2e-hg-owned"


@pytest.fixture(scope="module")
def mallory(site, doors):
    return site.person("mallory", doors["gateway"])


@pytest.fixture(scope="module")
def target(site, mallory):
    """A repository that mallory may read and write: only the form of the command decides."""
    return hg_repository(site, mallory)


@pytest.fixture
def run(mallory, target, door):
    with RawClient(door) as client:
        client.log_in(mallory.key)

        def run(command: str | bytes, stdin: bytes = b"hello\n"):
            raw = command if isinstance(command, bytes) else command.encode()
            raw = raw.replace(b"{o}", target.owner.encode()).replace(b"{r}", target.path.encode())
            return client.open_session().exec(raw, stdin)

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
