"""A forge's machine with an agent on it, and pushes to it by tickets of the test's own.

The forge is the stand-in of tests/e2e/harness/forge_hooks.py. Its program and its API say what a forge's would; that
git runs them, with which environment, and what is left in the repository, is the agent's and git's own work."""

import shutil
from pathlib import Path

import grv1
import pytest
from conftest import Site, git
from harness.forge_hooks import ForgeMachine, as_run_user

WRITER, READER, ORGANISATION = 5, 6, 10
COMMAND = "git-receive-pack 'Alice/Project.git'"
PEER = "192.0.2.7"

VALUES = {
    "SSH_ORIGINAL_COMMAND": COMMAND,
    "GITEA_REPO_USER_NAME": "Alice",
    "GITEA_REPO_NAME": "Project",
    "GITEA_REPO_IS_WIKI": "false",
    "GITEA_PUSHER_ID": str(WRITER),
    "GITEA_PUSHER_NAME": "Bob",
    "GITEA_PUSHER_EMAIL": "",
    "GITEA_REPO_ID": "7",
    "GITEA_KEY_ID": "31",
    "GITEA_DEPLOY_KEY_ID": "0",
    "GITEA_ROOT_URL": "http://forge.example/",
}
OF_GERVE = {"GERVE_USER": "bob", "GERVE_USER_ID": str(WRITER), "GERVE_REMOTE_ADDR": PEER}
OF_A_DEPLOY_KEY = {**OF_GERVE, "GERVE_USER": "deploy-key", "GERVE_USER_ID": ""}
# What the agent is started with, and hooks never see.
OF_THE_OPERATOR = {"GITEA_INTERNAL_PUSH": "true", "GITEA_REPO_IS_WIKI": "true", "GITEA_PR_ID": "1", "HOME": "/tmp",
                   "BASH_ENV": "/nonexistent/rc", "GITEA_WORK_DIR": "/tmp", "GIT_CONFIG_PARAMETERS": "'core.hooksPath'='/tmp'"}
NEEDS_OBJECTS = (24, b"\x01")


def ticket(without=(), **values) -> list:
    return [(0x8019, f"{name}={value}".encode()) for name, value in {**VALUES, **values}.items() if name not in without]


class Forge:
    """The forge's machine, and an agent there that runs as its user."""

    def __init__(self):
        self.machine = ForgeMachine()
        directory = self.machine.directory / "agent"
        directory.mkdir()
        self.site = Site(directory)
        shutil.rmtree(self.site.root)
        self.site.root = self.machine.root
        self.site.prefix = as_run_user()
        self.machine.hand_over()
        self.agent = None

    def start(self, settings=None):
        if self.agent:
            self.agent.stop()
        self.site.write_settings("")
        self.machine.hand_over()
        settings = self.machine.settings() if settings is None else settings
        self.agent = self.site.start(settings, environment=OF_THE_OPERATOR)

    def push(self, work: Path, *refs, values=None, without=(), extra=(), path="alice/project", hooks=None,
             **more):
        hooks = hooks or OF_GERVE
        return self.site.git("push", f"fs:{path}.git", *(refs or ["HEAD:main"]), cwd=work, hooks=hooks, check=False,
                             extra=[*ticket(without, **(values or {})), *extra], **more)

    def refuse(self, *words, values=None, without=(), extra=(), path="alice/project", env=None):
        """Asks as a push does, without a git: the agent refuses it with a text that has these words, and starts none."""
        asked = self.site.open(grv1.RECEIVE_PACK, f"{path}.git", env={**OF_GERVE, **(env or {})},
                               extra=[*ticket(without, **(values or {})), *extra])
        told = asked.finish().stderr.decode()
        assert asked.status == 1 and not asked.stdout
        assert "would not check this push, so it is refused: " in told
        for word in words:
            assert word in told and word in self.agent.log(), told
        assert not self.machine.records() and not self.machine.api.calls

    def close(self):
        self.site.stop()
        self.machine.close()


@pytest.fixture(scope="module")
def forge():
    made = Forge()
    made.start()
    yield made
    made.close()


@pytest.fixture
def bare(forge):
    """A repository with a branch, and nothing asked or recorded yet."""
    place = forge.machine.root / "alice/project.git"
    shutil.rmtree(place, ignore_errors=True)
    forge.machine.repository("Alice/Project")
    forge.machine.forget()
    return place


@pytest.fixture(scope="module")
def still(forge):
    """A repository that no push of the module changes."""
    return forge.machine.repository("Alice/Project")


@pytest.fixture
def work(tmp_path):
    return make_work(tmp_path / "work")


def make_work(directory: Path, object_format="sha1") -> Path:
    git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", str(directory))
    commit(directory, "first")
    return directory


def commit(work: Path, name: str) -> str:
    (work / name).write_text(name)
    git("add", ".", cwd=work)
    git("commit", "--quiet", "-m", name, cwd=work)
    return git("rev-parse", "HEAD", cwd=work).stdout.strip()


def refs(bare: Path) -> dict:
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=bare,
                 env={"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}).stdout
    return {name: value for name, value in (line.split() for line in listed.splitlines())
            if not name.startswith("refs/gerve/")}


def accepted(pushed):
    assert pushed.returncode == 0, pushed.stderr


def untouched(forge, bare, push, *texts):
    """A push that fails, and leaves every file of the repository as it was."""
    before = forge.machine.files_in(bare)
    pushed = push()
    assert pushed.returncode != 0
    for text in texts:
        assert text in pushed.stderr, pushed.stderr
    assert forge.machine.files_in(bare) == before
    assert not list((bare / "objects").glob("*incoming*"))
