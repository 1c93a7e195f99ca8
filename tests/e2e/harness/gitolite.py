"""A real gitolite in a home of its own: what it makes of a configuration, and what it lets everyone do."""

import shutil
from pathlib import Path

from .terminal import Terminal


def why_no_gitolite() -> str | None:
    return None if shutil.which("gitolite") else "no gitolite here (Debian: gitolite3)"


class Gitolite:
    """Set up with the key of its administrator, `admin`."""

    def __init__(self, directory: Path):
        self.terminal = Terminal(directory, "gitolite").with_env(USER="gitolite")
        self.base = directory / ".gitolite"
        self.conf = self.base / "conf" / "gitolite.conf"
        self.keydir = self.base / "keydir"
        self.repositories = directory / "repositories"

    def set_up(self, admin_key: Path) -> "Gitolite":
        self.terminal.write("admin.pub", admin_key.read_text())
        self.terminal.run("gitolite", "setup", "-pk", "admin.pub")
        rc = self.base.parent / ".gitolite.rc"
        text = rc.read_text().replace("# 'continuation-lines'", "'continuation-lines'")
        rc.write_text(text.replace("GIT_CONFIG_KEYS                 =>  ''", "GIT_CONFIG_KEYS => '.*'"))
        return self

    def write(self, files: dict[str, str]) -> None:
        """Files below conf/, gitolite.conf among them."""
        for name, text in files.items():
            file = self.conf.parent / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def add_key(self, name: str, public: Path) -> None:
        """name: below keydir/, as "laptop/alice.pub"."""
        file = self.keydir / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(public, file)

    def compile(self) -> str:
        """Makes the repositories as well; returns its warnings."""
        return self.terminal.run("gitolite", "compile").stderr

    def names(self) -> list[str]:
        """The repositories that are there."""
        listed = self.terminal.run("gitolite", "list-phy-repos").stdout.split()
        return sorted(listed)

    def allows(self, pairs, right: str, ref: str = "any") -> dict[tuple[str, str], bool]:
        """Its own answer (`gitolite access`) for each (repository, user)."""
        lines = "".join(f"{repository} {user}\n" for repository, user in pairs)
        answers = self.terminal.run("gitolite", "access", "%", "%", right, ref, input=lines.encode()).stdout
        told = {}
        for line in answers.splitlines():
            repository, user, answer = line.split("\t")
            told[repository, user] = "DENIED" not in answer
        assert told.keys() == set(pairs), answers
        return told

    def access(self, pairs) -> dict[tuple[str, str], str]:
        """none, read or write, before git runs (the ref "any")."""
        reads, writes = self.allows(pairs, "R"), self.allows(pairs, "W")
        return {pair: "write" if writes[pair] else "read" if reads[pair] else "none" for pair in pairs}
