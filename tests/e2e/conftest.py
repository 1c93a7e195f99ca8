"""Fixtures of the end-to-end tests.

`site` is one running Gerve shared by the tests of a process: tests keep apart by fresh names. A test that
breaks or configures something takes `private_site` instead. `door` is the way in: every test that takes it,
directly or through a person, runs through the gateway, and those marked both_doors through a stock sshd as
well; with --doors all of them run through the doors it names. Tests over a database server start a MariaDB, or
with --engine mysql a MySQL.
"""

import resource
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from harness.audit import check_trail
from harness.client import Client, Door
from harness.fileserver import FileServer
from harness.programs import sanitized
from harness.site import Repository, Site
from harness.sql_server import ENGINES, SqlServer
from harness.terminal import Running, Terminal
from harness.sshd import Sshd, running_site_for_sshd, why_not

DOORS = ("gateway", "sshd")
WORKSPACE = pytest.StashKey()  # the directory of this process, to be removed


def pytest_addoption(parser):
    parser.addoption("--doors", default="", help=f"all tests through these front doors: one or more of {','.join(DOORS)}")
    parser.addoption("--engine", default=ENGINES[0], choices=ENGINES, help="the database server that tests start")
    parser.addoption("--soak", action="store_true", help="run the tests marked soak as well")


def pytest_configure(config):
    # A shell starts what it leaves in the background with SIGINT ignored, and whoever ignores it hands that on.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Some tests hold more connections than a login session may open files by default.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 65536:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 65536 else 65536, hard))
    SqlServer.engine = config.getoption("engine")
    unknown = set(config.getoption("doors").split(",")) - set(DOORS) - {""}
    if unknown:
        raise pytest.UsageError(f"no such door: {', '.join(sorted(unknown))}")


def pytest_generate_tests(metafunc):
    if "door_name" in metafunc.fixturenames:
        metafunc.parametrize("door_name", doors_of(metafunc), scope="session")


def doors_of(metafunc) -> list:
    """The doors that a test goes through, each with the marks that come of it."""
    asked = metafunc.config.getoption("doors")
    both = metafunc.definition.get_closest_marker("both_doors")
    names = asked.split(",") if asked else DOORS if both else DOORS[:1]
    return [pytest.param(name, marks=_marks_of(metafunc.definition, name)) for name in names]


def _marks_of(definition, name) -> list:
    own = definition.get_closest_marker("gateway_only")
    reason = f"not through sshd: {own.args[0]}" if own else why_not()
    return [pytest.mark.skip(reason=reason)] if name == "sshd" and reason else []


def pytest_collection_modifyitems(config, items):
    skip_soak = pytest.mark.skip(reason="long: run with --soak")
    skip_sanitized = pytest.mark.skip(reason="measures time or memory: not in a sanitizer build")
    for item in items:
        if "soak" in item.keywords and not config.getoption("soak"):
            item.add_marker(skip_soak)
        if "timing" in item.keywords and sanitized():
            item.add_marker(skip_sanitized)
    # A file is one process's: the longest goes first, or the others wait for it at the end.
    items.sort(key=lambda item: item.path.name != "test_trouble.py")


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item):
    """Remembers how far the log of a shared site was before the test."""
    sites = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Site)]
    item.log_marks = {site: len(site.gateway.log()) for site in sites}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Adds what the gateway said meanwhile to the report of a failed test."""
    report = (yield).get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Site):
                said = value.gateway.log()[getattr(item, "log_marks", {}).get(value, 0) :]
                report.sections.append(("gateway log", said[-8000:]))


@pytest.fixture(scope="session")
def workspace(pytestconfig):
    """A directory with a short name: a unix socket's path has 107 bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="gerve-e2e-", dir="/tmp"))
    pytestconfig.stash[WORKSPACE] = directory
    Terminal.temporary = directory
    return directory


def pytest_sessionfinish(session):
    """Removes what may be a lot of files, for which the last test's time must not be charged."""
    directory = session.config.stash.get(WORKSPACE, None)
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def site(workspace, pytestconfig):
    """Shared by all tests of this process: the embedded default, whose authz knows sshd's users where it can."""
    if why_not() is None and pytestconfig.getoption("doors") != "gateway":
        with running_site_for_sshd(workspace / "shared") as shared:
            yield shared
    else:
        (workspace / "shared").mkdir()
        shared = Site(workspace / "shared").start()
        yield shared
        shared.gateway.stop()


@pytest.fixture(autouse=True)
def no_command_left():
    yield
    Running.kill_all()


@pytest.fixture
def private_sites(workspace):
    """Makes sites for one test: private_sites(config=…). Each must end cleanly."""
    made: list[Site] = []

    def make(config: str | None = None, start: bool = True) -> Site:
        directory = Path(tempfile.mkdtemp(prefix="private-", dir=workspace))
        made.append(Site(directory, config))
        return made[-1].start() if start else made[-1]

    yield make
    try:
        for one in made:
            one.gateway.stop()
    finally:
        for one in made:
            one.gateway.kill()
            shutil.rmtree(one.directory, ignore_errors=True)


@pytest.fixture
def private_site(private_sites) -> Site:
    """An embedded default of this test's own."""
    return private_sites()


@pytest.fixture
def rekeying_site(private_sites) -> Site:
    """A site of this test's own that asks for new keys after 8 MB."""
    return private_sites('state = "{state}"\n[listen]\nssh = ["127.0.0.1:{port}"]\n[ssh]\nrekey_bytes = 8388608\n')


@pytest.fixture(scope="session")
def doors(site):
    """The doors that are open, by name; `open_door` adds the other at its first use."""
    return {"gateway": site.door()}


@pytest.fixture(scope="session")
def open_door(site, doors, workspace):
    """open_door(name): that door of the shared site."""
    opened = []

    def open_door(name: str) -> Door:
        if name not in doors:
            (workspace / "sshd").mkdir()
            opened.append(Sshd(workspace / "sshd", str(site.state / "authz.sock")).start())
            doors[name] = opened[0].door()
        return doors[name]

    yield open_door
    for sshd in opened:
        sshd.stop()


@pytest.fixture
def door(door_name, open_door) -> Door:
    return open_door(door_name)


@pytest.fixture
def alice(site, door) -> Client:
    return site.person("alice", door)


@pytest.fixture
def bob(site, door) -> Client:
    return site.person("bob", door)


@pytest.fixture
def stranger(site, door) -> Client:
    """Somebody with an account and nothing else."""
    return site.person("stranger", door)


@pytest.fixture
def empty(site, alice) -> Repository:
    """A public repository of alice's without a commit."""
    return site.repository(alice)


@pytest.fixture
def project(site, alice) -> Repository:
    """A public repository of alice's with three commits on main."""
    repository = site.repository(alice)
    alice.publish(repository, commits=3)
    return repository


@pytest.fixture
def secret(site, alice) -> Repository:
    """A private repository of alice's with three commits on main."""
    repository = site.repository(alice, "secret", private=True)
    alice.publish(repository, commits=3)
    return repository


@pytest.fixture(scope="module")
def server(workspace):
    """A file server of its own: an agent on TCP and on a unix socket, with two keys and one repository."""
    made = FileServer(Path(tempfile.mkdtemp(prefix="fs-", dir=workspace)), keys=2)
    made.repository()
    made.start()
    yield made
    made.stop()
