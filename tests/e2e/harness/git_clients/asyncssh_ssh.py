#!/usr/bin/python3
"""ssh(1) in the manner of asyncssh, for GIT_SSH_COMMAND: asyncssh_ssh.py [--pkt-lines] PORT KEY HOST COMMAND.

--pkt-lines: one pkt-line for each write to the channel.
"""

import asyncio
import os
import sys

import asyncssh
from pkt_lines import read_pieces


async def pump_in(process, one_by_one: bool) -> None:
    loop = asyncio.get_running_loop()
    pieces = read_pieces(0, one_by_one)
    while piece := await loop.run_in_executor(None, next, pieces, b""):
        process.stdin.write(piece)
        await process.stdin.drain()
    process.stdin.write_eof()


async def pump_out(stream, descriptor: int) -> None:
    while piece := await stream.read(65536):
        while piece:
            piece = piece[os.write(descriptor, piece) :]


async def run(one_by_one: bool, port: str, key: str, _host: str, command: str) -> None:
    connection = await asyncssh.connect(
        "127.0.0.1",
        int(port),
        username="git",
        client_keys=[key],
        known_hosts=None,
        agent_path=None,
        config=[],
    )
    process = await connection.create_process(command, encoding=None)
    typing = asyncio.create_task(pump_in(process, one_by_one))
    await asyncio.gather(pump_out(process.stdout, 1), pump_out(process.stderr, 2))
    await process.wait_closed()
    typing.cancel()
    # At once: the thread that reads the input may wait for what nobody will type.
    os._exit(255 if process.exit_status is None else process.exit_status)


if __name__ == "__main__":
    one_by_one = sys.argv[1] == "--pkt-lines"
    asyncio.run(run(one_by_one, *sys.argv[1 + one_by_one :]))
