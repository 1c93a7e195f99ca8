"""A client with git-lfs, and what a file server has of its files."""

import hashlib
import os


def with_lfs(client, *patterns):
    client.git("lfs", "install", "--skip-repo")
    work = client.clone(client.project)
    work.git("lfs", "install", "--local")
    work.git("lfs", "track", *patterns)
    work.commit(".gitattributes", (work.cwd / ".gitattributes").read_text())
    return work


def add_files(work, contents: dict):
    for name, content in contents.items():
        work.write(name, content)
    work.git("add", *contents)
    work.git("commit", "--quiet", "--message", f"Add {len(contents)} files")


def stored(repository) -> list:
    """The objects on the file server; each has the hash that its name says."""
    found = []
    for directory, _, names in os.walk(repository.disk / "lfs/objects"):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == name
            found.append(name)
    return sorted(found)
