#!/usr/bin/python3
"""ssh(1) in the manner of paramiko, for GIT_SSH_COMMAND: paramiko_ssh.py [--pkt-lines] PORT KEY HOST COMMAND.

--pkt-lines: one pkt-line for each write to the channel.
"""

import os
import sys
import threading

import paramiko
from pkt_lines import read_pieces


def pump_in(channel, one_by_one: bool) -> None:
    for piece in read_pieces(0, one_by_one):
        channel.sendall(piece)
    channel.shutdown_write()


def pump_err(channel) -> None:
    while piece := channel.recv_stderr(65536):
        os.write(2, piece)


def main(*words: str) -> int:
    one_by_one = words[0] == "--pkt-lines"
    port, key, _host, command = words[one_by_one:]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", int(port), "git", key_filename=key, allow_agent=False, look_for_keys=False)
    channel = client.get_transport().open_session()
    channel.exec_command(command)
    threading.Thread(target=pump_in, args=(channel, one_by_one), daemon=True).start()
    errors = threading.Thread(target=pump_err, args=(channel,))
    errors.start()
    while piece := channel.recv(65536):
        while piece:
            piece = piece[os.write(1, piece) :]
    errors.join()
    status = channel.recv_exit_status()
    client.close()
    return status


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(*sys.argv[1:]))  # a thread may still wait for input that nobody will type
