"""An ssh ProxyCommand that lets so many bytes a second through: `python3 throttle.py HOST PORT BYTES`.

Each way is carried by itself: what the server has said is read to its end, also when it takes nothing any more.
"""

import os
import shlex
import socket
import sys
import threading
import time

TICK = 0.01  # seconds


def proxy(file: str, *words) -> tuple[str, str]:
    """The options by which ssh goes through a program like this one."""
    command = shlex.join([sys.executable, file, *map(str, words)])
    return "-o", shlex.quote(f"ProxyCommand={command}")


def slow_line(host: str, port: int, bytes_per_second: int) -> tuple[str, str]:
    """The options by which ssh takes a slow line."""
    return proxy(__file__, host, port, bytes_per_second)


def connect(host: str, port: str) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    server.connect((host, int(port)))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def carry(server: socket.socket, portion: int, sent, came) -> None:
    """Both ways, until the server has ended or ssh has. sent and came are called with each portion's size."""

    def up() -> None:
        while data := os.read(0, portion):
            try:
                server.sendall(data)
            except OSError:
                return  # and ssh's pipe stays open: it is not to trip over it before it has read all
            sent(len(data))
        os._exit(0)

    threading.Thread(target=up, daemon=True).start()
    try:
        while data := server.recv(portion):
            os.write(1, data)
            came(len(data))
    except OSError:
        pass


def main() -> None:
    def rest(_) -> None:
        time.sleep(TICK)

    carry(connect(sys.argv[1], sys.argv[2]), int(int(sys.argv[3]) * TICK), rest, rest)


if __name__ == "__main__":
    main()
