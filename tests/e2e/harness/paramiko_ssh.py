#!/usr/bin/python3
"""ssh(1) in the manner of paramiko, for GIT_SSH_COMMAND: paramiko_ssh.py PORT KEY HOST COMMAND."""

import os
import sys
import threading

import paramiko


def pump_in(channel) -> None:
    while piece := os.read(0, 65536):
        channel.sendall(piece)
    channel.shutdown_write()


def pump_err(channel) -> None:
    while piece := channel.recv_stderr(65536):
        os.write(2, piece)


def main(port: str, key: str, _host: str, command: str) -> int:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", int(port), "git", key_filename=key, allow_agent=False, look_for_keys=False)
    channel = client.get_transport().open_session()
    channel.exec_command(command)
    threading.Thread(target=pump_in, args=(channel,), daemon=True).start()
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
