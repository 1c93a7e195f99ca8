"""A clone that stands still in its middle."""

import os
import signal

from .processes import command_line, connections_to, descendants, wait_until


def serving_clones(site) -> set[int]:
    """Processes of git that serve a clone; pushes have others, which come and go."""
    return {pid for pid in site.gateway.git_processes() if "upload-pack" in command_line(pid)}


class PausedClone:
    """A clone whose ssh is stopped in the middle: the session stays open as long as the test likes."""

    def __init__(self, site, person, repository, directory: str):
        others = serving_clones(site)
        self.running = person.start("git", "clone", "--quiet", "--bare", repository.url, directory)
        self.ssh, port = wait_until(self._connection_to(site.gateway.port), "ssh is connected")
        wait_until(lambda: serving_clones(site) - others, "git serves the clone")
        os.kill(self.ssh, signal.SIGSTOP)
        self.worker = site.gateway.worker_of(port)

    def _connection_to(self, server_port: int):
        def find():
            for pid in descendants(self.running.pid):
                for port in connections_to(pid, server_port):
                    return pid, port
            return None

        return find

    def go_on(self, **expected):
        os.kill(self.ssh, signal.SIGCONT)
        return self.running.finish(**expected)
