"""A clone that takes long, as `gerve sessions` sees it."""

import time

from .processes import wait_until
from .throttle import slow_line

MEGABYTE = 1 << 20
RATE = 4 * MEGABYTE  # a second, of a slow line
SIZE = 40 * MEGABYTE  # of what goes over it: much more than all buffers between hold
WITHIN = 5  # seconds


def live_of(site, client) -> list[dict]:
    """What gerve sessions says of a user."""
    return site.gerve_json("sessions", "--user", client.login)


class SlowClone:
    """Over a slow line, and authz of this site has heard of it."""

    def __init__(self, site, client, repository):
        self.site, self.client = site, client
        slow = client.with_ssh_options(*slow_line(client.door.host, client.door.port, RATE))
        self.running = slow.start("git", "clone", "--quiet", repository.url, site.fresh("slow"))
        self.session = wait_until(self._listed, f"the clone of {client.login} is listed")

    def _listed(self):
        found = [entry for entry in live_of(self.site, self.client) if entry["service"] == "git-upload-pack"]
        return found[0] if found else None

    def ends(self, text: str, since: float) -> None:
        """It ends with that text, and soon after since."""
        self.running.finish(exit=128, says=text, timeout=WITHIN + 10)
        assert time.monotonic() - since < WITHIN, f"after {time.monotonic() - since:.1f} s"
