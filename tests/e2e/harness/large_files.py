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


PIECE = 32768  # what a client sends of an object in one packet


def packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


def put_request(oid: str, size: int) -> bytes:
    """How an upload by git-lfs-transfer begins, up to the first byte of the object."""
    put = packet(f"put-object {oid}\n".encode()) + packet(f"size={size}\n".encode())
    return packet(b"version 1\n") + b"0000" + put + b"0001"


def put_object(oid: str, content: bytes) -> bytes:
    pieces = [packet(content[at : at + PIECE]) for at in range(0, len(content), PIECE)]
    return put_request(oid, len(content)) + b"".join(pieces) + b"0000"
