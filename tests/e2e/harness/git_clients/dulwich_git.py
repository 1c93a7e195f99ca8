#!/usr/bin/python3
"""Git by dulwich over paramiko: dulwich_git.py KEY, orders on standard input (see own_git.py)."""

import io
import sys

from dulwich import client, porcelain
from dulwich.contrib.paramiko_vendor import ParamikoSSHVendor
from orders import serve


class Vendor(ParamikoSSHVendor):
    def run_command(self, host, command, ssh_command=None, **options):
        options |= {"key_filename": sys.argv[1], "look_for_keys": False, "allow_agent": False}
        return super().run_command(host, command, **options)


def clone(url, directory):
    porcelain.clone(url, directory, bare=True, errstream=io.BytesIO()).close()


def fetch(directory):
    porcelain.fetch(directory, "origin", outstream=io.StringIO(), errstream=io.BytesIO())


def push(directory, refspec):
    porcelain.push(directory, "origin", [refspec.encode()], outstream=io.BytesIO(), errstream=io.BytesIO())


client.get_ssh_vendor = Vendor
serve(clone, fetch, push)
