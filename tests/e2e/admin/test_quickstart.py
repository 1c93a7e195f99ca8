"""The first command of the README: what it prints can be pasted, what the README shows is what a terminal shows, and
Ctrl-C ends it cleanly."""

import os
import re
import signal
import subprocess

import pytest

from harness.processes import free_port, session_members, wait_until
from harness.programs import BUILD, SOURCE_ROOT
from harness.terminal import Terminal

ANYTHING = "[…]"  # a line of the README that stands for any lines


class Quickstart:
    """packaging/quickstart in a checkout whose state and build directories have their usual names.

    With build=None it builds as it does for a newcomer; else it finds everything built.
    """

    def __init__(self, directory, build=None):
        self.checkout = directory / "checkout"
        self.checkout.mkdir(parents=True)
        if build is None:
            build = self.checkout / "build-release"
        else:
            (self.checkout / "build-release").symlink_to(build)
        self.port = free_port()
        self._screen = directory / "screen"
        argv = [SOURCE_ROOT / "packaging/quickstart", "--port", str(self.port), "--build", build]
        argv += ["--state", self.checkout / "gerve-state"]
        with self._screen.open("wb") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True, cwd=directory)
        self.visitor = Terminal(directory / "visitor", "visitor")

    def wait(self, timeout: float = 150) -> "Quickstart":
        wait_until(lambda: "Ctrl-C" in self.screen() or self.process.poll() is not None, "it serves", timeout)
        return self

    def screen(self) -> str:
        return self._screen.read_text()

    def pasted(self, command: str) -> str:
        """The line of the screen that holds such a command."""
        found = re.search(rf"^ *({command}.*)$", self.screen(), re.MULTILINE)
        assert found, self.screen()
        return found[1]

    def kill(self) -> None:
        for pid in session_members(self.process.pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def quickstart(workspace):
    running = Quickstart(workspace / "quickstart", BUILD)
    try:
        yield running.wait()
    finally:
        running.kill()


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(1500)
def test_a_newcomer_builds_it_and_pushes(tmp_path):
    newcomer = Quickstart(tmp_path / "newcomer")
    try:
        newcomer.wait(timeout=1200)
        assert " warning: " not in newcomer.screen()
        _clone_and_push(newcomer)
    finally:
        newcomer.kill()


@pytest.mark.slow
def test_the_clone_that_it_prints_goes_on_working(quickstart):
    _clone_and_push(quickstart)


def _clone_and_push(quickstart):
    quickstart.visitor.run("sh", "-c", quickstart.pasted("git clone .*"))
    clone = quickstart.visitor.at("gerve")
    head = clone.commit("greeting", "hello\n")
    clone.git("push")
    clone.git("fetch")
    assert clone.git("ls-remote", "origin", "main").stdout.split()[0] == head
    quickstart.visitor.run("sh", "-c", quickstart.pasted("ssh -F"), exit=1, says="Hi demo!")


@pytest.mark.slow
def test_a_terminal_shows_what_the_readme_shows(quickstart, tmp_path):
    terminal = quickstart.visitor.at(quickstart.checkout)
    shown = list(_console(_what_you_see(quickstart, tmp_path)))
    assert len(shown) >= 9
    for command, expected in shown:
        # script(1) gives it a terminal, to which ssh and git may say more than to a file.
        ran = terminal.run("script", "--quiet", "--return", "--command", command, "/dev/null", exit=range(256))
        pattern = "".join(".*" if line == ANYTHING else re.escape(f"{line}\n") for line in expected)
        lines = ran.stdout.replace("\r\n", "\n")
        assert re.fullmatch(pattern, lines, re.DOTALL), f"the README has other lines than\n{ran.transcript()}"


@pytest.mark.slow
def test_the_commands_of_the_readme_work(quickstart, tmp_path):
    terminal = quickstart.visitor.at(quickstart.checkout).with_env(
        PATH=f"{BUILD / 'gerve/cli'}:{quickstart.visitor.env['PATH']}"
    )
    terminal.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "id_ed25519")
    (block,) = re.findall(r"^```sh\n(.*?)^```", _what_you_see(quickstart, tmp_path), re.DOTALL | re.MULTILINE)
    assert len(block.splitlines()) >= 6
    for command in block.splitlines():
        terminal.run("sh", "-c", command)


@pytest.mark.slow
def test_ctrl_c_ends_it(quickstart):
    """The last one of this file: the others need it."""
    # A terminal sends Ctrl-C to the whole foreground process group.
    os.killpg(quickstart.process.pid, signal.SIGINT)
    assert quickstart.process.wait(20) == 0
    wait_until(lambda: not session_members(quickstart.process.pid), "the last of it has ended", timeout=5)


def _what_you_see(quickstart, directory) -> str:
    """That section of the README, with the port and the directory of this test."""
    section = (SOURCE_ROOT / "README.md").read_text().split("\n## What you see\n")[1].split("\n## ")[0]
    return section.replace(":2222/", f":{quickstart.port}/").replace("/tmp/gerve", str(directory / "gerve"))


def _console(text: str):
    """Each command of the console blocks with the lines that follow it, empty ones aside."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, [line for line in lines if line]
