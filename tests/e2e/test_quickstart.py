"""The first command of the README: what it prints can be pasted, and Ctrl-C ends it cleanly."""

import os
import re
import signal
import subprocess

import pytest

from harness.processes import free_port, session_members, wait_until
from harness.programs import BUILD, SOURCE_ROOT
from harness.terminal import Terminal


@pytest.mark.slow
def test_quickstart_serves_the_clone_it_prints_and_ends_on_ctrl_c(workspace, tmp_path):
    visitor = Terminal(tmp_path / "visitor", "visitor")
    screen = tmp_path / "screen"
    state = workspace / "quickstart"
    argv = [
        SOURCE_ROOT / "packaging/quickstart",
        "--port",
        str(free_port()),
        "--state",
        state,
        "--build",
        BUILD,
    ]
    with screen.open("wb") as out:
        shown = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True, cwd=tmp_path)
    try:
        wait_until(
            lambda: "Ctrl-C" in screen.read_text() or shown.poll() is not None, "it serves", timeout=120
        )
        pasted = re.search(r"^ *(GIT_SSH_COMMAND=.* git clone .*)$", screen.read_text(), re.MULTILINE)
        assert pasted, screen.read_text()
        visitor.run("sh", "-c", pasted[1])
        assert visitor.at("gerve").git("rev-list", "--count", "HEAD").stdout.strip().isdigit()
        # A terminal sends Ctrl-C to the whole foreground process group.
        os.killpg(shown.pid, signal.SIGINT)
        assert shown.wait(20) == 0
        wait_until(lambda: not session_members(shown.pid), "the last of it has ended", timeout=5)
    finally:
        for pid in session_members(shown.pid):
            os.kill(pid, signal.SIGKILL)
