"""Whoever reads the log may hang: nobody waits for that."""

import fcntl
import os
import tempfile
from pathlib import Path

from harness.site import Site

F_SETPIPE_SZ = 1031
OPERATIONS = 40  # each with a line of its own: more than the pipe holds

# Puts a named pipe in the place of stderr, and becomes what follows.
INTO_PIPE = "import os, sys; os.dup2(os.open(sys.argv[1], os.O_WRONLY), 2); os.execvp(sys.argv[2], sys.argv[2:])"


def drain(pipe: int) -> str:
    """All that is in the pipe now."""
    text = b""
    while True:
        try:
            text += os.read(pipe, 65536)
        except BlockingIOError:
            return text.decode()


def test_a_log_reader_that_hangs_holds_nobody_up(workspace):
    directory = Path(tempfile.mkdtemp(prefix="log-reader-", dir=workspace))
    fifo = directory / "log"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(pipe, F_SETPIPE_SZ, 4096)
    site = Site(directory, prefix=["/usr/bin/python3", "-c", INTO_PIPE, str(fifo)]).start()
    try:
        alice = site.person("alice")
        project = site.repository(alice)
        work = alice.publish(project)
        for _ in range(OPERATIONS):
            alice.git("ls-remote", project.url)
        work.commit("more")
        work.git("push")
        drain(pipe)
        alice.git("ls-remote", project.url)
        told = drain(pipe)
        assert "log lines were dropped: the log reader did not keep up count=" in told
        behind = told[told.index("log lines were dropped") :]
        assert "git-upload-pack" in behind, told
        site.gateway.stop()
    finally:
        site.gateway.kill()
        os.close(pipe)
