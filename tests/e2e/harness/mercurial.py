"""Mercurial's client as people use it, and repositories of kind hg."""

from pathlib import Path

from .client import Client
from .outcome import Outcome
from .site import Repository, Site
from .terminal import Terminal

HG = "/usr/bin/hg"

CONFIG = """\
[ui]
username = {login} <{login}@example.org>
ssh = ssh -F {ssh}
"""


def config_of(client: Client) -> str:
    file = client.home / f"hgrc-{client.ssh_config.parent.name}"
    file.write_text(CONFIG.format(login=client.login, ssh=client.ssh_config))
    return str(file)


class Hg:
    """hg as a client runs it in a directory. config: the one file that it reads; for a client in front of a door, it is
    made."""

    def __init__(self, client: Client | Terminal, cwd: Path | None = None, config: str | None = None):
        self.client = client
        self.cwd = cwd or client.cwd
        self.config = config_of(client) if config is None else config
        self.terminal = client.with_env(HGRCPATH=self.config).at(self.cwd)

    def __call__(self, *args, **expected) -> Outcome:
        return self.terminal.run(HG, *args, **expected)

    def at(self, directory) -> "Hg":
        return Hg(self.client, self.cwd / directory, self.config)

    def clone(self, repository: Repository, *options: str, into: str | None = None) -> "Hg":
        directory = into or repository.name
        self("clone", "--quiet", *options, url_of(repository), directory)
        return self.at(directory)

    def commit(self, name: str, content: str | bytes = "content\n") -> str:
        """The id of a new changeset with this file."""
        file = self.cwd / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self("commit", "--quiet", "--addremove", "--message", f"Change {name}")
        return self.tip()

    def tip(self, revision: str = ".") -> str:
        return self("log", "--rev", revision, "--template", "{node}").stdout

    def bookmarks(self) -> dict:
        lines = self("bookmarks", "--template", "{bookmark} {node}\n").stdout.splitlines()
        return dict(line.rsplit(" ", 1) for line in lines)


def url_of(repository: Repository) -> str:
    return f"ssh://gerve/{repository.path}"


def hg_repository(site: Site, owner: Client, name: str = "project", private: bool = False) -> Repository:
    """A new, empty repository of Mercurial."""
    site.gerve("repo", "create", f"{owner.login}/{name}", "--hg", "--private" if private else "--public")
    files = getattr(site, "files", None)  # a file server of its own
    return Repository(owner.login, name, files.root if files else site.state)


def on_disk(site: Site, repository: Repository) -> Hg:
    """hg on the file server's disk, and not through Gerve."""
    return Hg(site.admin, repository.disk, config="")
