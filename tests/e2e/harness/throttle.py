"""An ssh ProxyCommand that lets so many bytes a second through: `python3 throttle.py HOST PORT BYTES`."""

import os
import selectors
import shlex
import socket
import sys
import time

TICK = 0.01  # seconds


def slow_line(host: str, port: int, bytes_per_second: int) -> tuple[str, str]:
    """The options by which ssh takes a slow line."""
    command = [sys.executable, __file__, host, str(port), str(bytes_per_second)]
    return "-o", shlex.quote(f"ProxyCommand={shlex.join(command)}")


def carry(server: socket.socket, portion: int) -> None:
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(server, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                sent = os.read(0, portion)
                if not sent:
                    return
                server.sendall(sent)
            else:
                came = server.recv(portion)
                if not came:
                    return
                os.write(1, came)
        time.sleep(TICK)


def main() -> None:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    server.connect((sys.argv[1], int(sys.argv[2])))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        carry(server, int(int(sys.argv[3]) * TICK))
    except (BrokenPipeError, ConnectionResetError):
        pass


if __name__ == "__main__":
    main()
