"""Pushes whose objects git itself cannot read, where a push is checked for objects of Git LFS."""

import subprocess

import grv1
from conftest import git

REQUIRES = [(24, b"\x01")]


def test_what_git_cannot_read_is_the_clients_to_mend(site):
    """A tree that ends in the middle of an entry, which git receives if it is not to check objects."""
    bare = site.make_repository()
    site.start("check_objects = false\n")
    make = ["hash-object", "--literally", "-w", "--stdin"]
    tree = git(*make, "-t", "tree", cwd=bare, input="100644 f\0abc").stdout.strip()
    author = "Bert <bert@example.org> 1 +0000"
    commit_text = f"tree {tree}\nauthor {author}\ncommitter {author}\n\nbroken\n"
    made = git(*make, "-t", "commit", cwd=bare, input=commit_text).stdout.strip()
    pack = subprocess.run(["git", "pack-objects", "--stdout", "--quiet"], cwd=bare, input=f"{made}\n{tree}\n".encode(),
                          capture_output=True, check=True).stdout
    for one in (tree, made):
        (bare / "objects" / one[:2] / one[2:]).unlink()
    command = f"{'0' * 40} {made} refs/heads/broken\0report-status".encode()
    session = site.open(grv1.RECEIVE_PACK, extra=REQUIRES, env={"GERVE_REQUEST_ID": "ab" * 16}).until_opened()
    session.write(b"%04x" % (len(command) + 4) + command + b"0000" + pack)
    session.finish()
    assert b"git cannot read the objects of this push: run `git fsck` in your clone" in session.stderr
    assert b"tell the operator of the file server. (request " + b"ab" * 16 + b")" in session.stderr
    assert b"refs/heads/broken" in session.stdout and b"ng " in session.stdout
    assert git("for-each-ref", "refs/heads/broken", cwd=bare).stdout == ""
