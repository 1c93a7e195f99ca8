"""A crowd of connections that never log in: silent ones, and ones that drip a byte now and then."""

import selectors
import socket
import threading
import time

DRIP_EVERY = 0.5  # seconds
BAIT = b"SSH-2.0-a_client_that_takes_its_time_to_say_its_name"


class Crowd:
    """Use it in `with`. closed_after: for each connection that the server ended, the seconds it was held."""

    def __init__(self, door, size: int, sources: int = 100):
        self.size = size
        self.closed_after: list[float] = []
        self._door = door
        self._sources = sources
        self._opened: dict[socket.socket, float] = {}
        self._dripped: dict[socket.socket, int] = {}
        self._selector = selectors.DefaultSelector()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for number in range(self.size):
            self._opened[self._connect(number)] = time.monotonic()
        self._dripped = {connection: 0 for connection in list(self._opened)[::2]}
        for connection in self._opened:
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._leaving.set()
        self._thread.join()
        for connection in self._opened:
            connection.close()
        self._selector.close()

    @property
    def held(self) -> int:
        """How many of them the server still holds."""
        return self.size - len(self.closed_after)

    def _connect(self, number: int) -> socket.socket:
        source = f"127.0.1.{1 + number % self._sources}"
        return socket.create_connection((self._door.host, self._door.port), 10, source_address=(source, 0))

    def _run(self) -> None:
        next_drip = time.monotonic()
        while not self._leaving.is_set():
            for key, _ in self._selector.select(timeout=0.05):
                self._read(key.fileobj)
            if time.monotonic() >= next_drip:
                next_drip = time.monotonic() + DRIP_EVERY
                self._drip()

    def _read(self, connection: socket.socket) -> None:
        try:
            if connection.recv(4096):
                return
        except BlockingIOError:
            return
        except ConnectionResetError:
            pass
        self._selector.unregister(connection)
        self._dripped.pop(connection, None)
        self.closed_after.append(time.monotonic() - self._opened[connection])

    def _drip(self) -> None:
        for connection, sent in self._dripped.items():
            try:
                connection.send(BAIT[sent % len(BAIT) :][:1])
                self._dripped[connection] = sent + 1
            except OSError:
                pass  # the next read finds it closed
