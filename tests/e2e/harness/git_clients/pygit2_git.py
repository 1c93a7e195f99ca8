#!/usr/bin/python3
"""Git by libgit2 and libssh2: pygit2_git.py KEY, orders on standard input (see own_git.py)."""

import sys

import pygit2
from orders import serve

KEY = sys.argv[1]


class Callbacks(pygit2.RemoteCallbacks):
    refused = None

    def credentials(self, url, username_from_url, allowed_types):
        return pygit2.Keypair(username_from_url, f"{KEY}.pub", KEY, "")

    def push_update_reference(self, refname, message):
        self.refused = message and f"{refname}: {message}"


def clone(url, directory):
    pygit2.clone_repository(url, directory, bare=True, callbacks=Callbacks())


def fetch(directory):
    pygit2.Repository(directory).remotes["origin"].fetch(callbacks=Callbacks())


def push(directory, refspec):
    told = Callbacks()
    pygit2.Repository(directory).remotes["origin"].push([refspec], callbacks=told)
    if told.refused:
        raise RuntimeError(told.refused)


serve(clone, fetch, push)
