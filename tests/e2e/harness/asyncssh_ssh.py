#!/usr/bin/python3
"""ssh(1) in the manner of asyncssh, for GIT_SSH_COMMAND: asyncssh_ssh.py PORT KEY HOST COMMAND."""

import asyncio
import os
import sys

import asyncssh


async def pump_in(process) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.run_in_executor(None, os.read, 0, 65536):
        process.stdin.write(piece)
        await process.stdin.drain()
    process.stdin.write_eof()


async def pump_out(stream, descriptor: int) -> None:
    while piece := await stream.read(65536):
        while piece:
            piece = piece[os.write(descriptor, piece) :]


async def run(port: str, key: str, command: str) -> None:
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
    typing = asyncio.create_task(pump_in(process))
    await asyncio.gather(pump_out(process.stdout, 1), pump_out(process.stderr, 2))
    await process.wait_closed()
    typing.cancel()
    # At once: the thread that reads the input may wait for what nobody will type.
    os._exit(255 if process.exit_status is None else process.exit_status)


if __name__ == "__main__":
    _, port, key, _host, command = sys.argv
    asyncio.run(run(port, key, command))
