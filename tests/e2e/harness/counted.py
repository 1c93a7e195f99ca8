"""Sites whose metrics are read, as site.metrics."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from .metrics import Metrics
from .processes import free_port
from .site import Site


def with_metrics(make_site, config: str, **fields) -> Site:
    """What make_site(config) makes, where `config` has {metrics} for the port, and these fields."""
    port = free_port()
    site = make_site(config.format(metrics=port, **fields))
    site.metrics = Metrics(port)
    return site


@contextmanager
def serving_git(workspace: Path, config: str):
    """A running site with git:// as well, at site.git_port: `config` has {git} and {metrics}. It must end cleanly."""
    git = free_port()
    directory = Path(tempfile.mkdtemp(prefix="counted-", dir=workspace))
    site = with_metrics(lambda filled: Site(directory, filled), config, git=git)
    site.git_port = git
    try:
        yield site.start()
        site.gateway.stop()
    finally:
        site.gateway.kill()
