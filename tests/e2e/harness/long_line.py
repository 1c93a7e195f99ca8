"""A TCP proxy in front of a server, as a long line: what either end sends arrives a fixed time later.

It counts crossings: a piece that an end sends after a piece of `n` crossings has reached it has `n` + 1 of them. So
busy machines do not change the count, as long as an end answers within the time of a crossing. It acknowledges at once
what it has read, so that it does not show how long Nagle's algorithm makes an end wait for that on a real line.
"""

import contextlib
import queue
import socket
import threading
import time

PIECE = 256 * 1024


class _End:
    """One end of a line, with how many crossings what has reached it had at most."""

    def __init__(self, connection: socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.crossings = 0


class LongLine:
    """Listens at `port` of 127.0.0.1 and connects to `target`; each crossing takes `crossing` seconds. Use it in `with`.

    early: the server sees the connection at once, as where a jump host or a proxy opens it. Otherwise it does together
    with the first piece of the client, as TCP does: the third packet of its handshake travels with it."""

    def __init__(self, target: int, crossing: float, early: bool = True):
        self._target, self._crossing, self._early = target, crossing, early
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._client: _End | None = None  # the latest
        self._open: list[socket.socket] = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes whoever reads
            one.close()

    def crossings(self) -> int:
        """What has reached the latest client came of so many of them, one after the other."""
        return self._client.crossings

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket):
        self._client = here = _End(client)
        if not self._early:
            time.sleep(self._crossing)
        there = _End(socket.create_connection(("127.0.0.1", self._target)))
        if not self._early:
            there.crossings = 1  # the connection itself came with that piece, whichever the server looks at first
        self._open += [here.connection, there.connection]
        for sender, receiver in ((here, there), (there, here)):
            under_way: queue.Queue = queue.Queue()
            delay = self._crossing if self._early or sender is there else 0
            threading.Thread(target=self._read, args=(sender, under_way, delay), daemon=True).start()
            threading.Thread(target=self._write, args=(receiver, under_way), daemon=True).start()

    def _read(self, sender: _End, under_way: queue.Queue, delay: float):
        first, piece = True, b" "
        while piece:
            try:
                piece = sender.connection.recv(PIECE)
            except OSError:
                piece = b""
            with contextlib.suppress(OSError):
                sender.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            under_way.put((time.monotonic() + (delay if first else self._crossing), sender.crossings + 1, piece))
            first = False

    @staticmethod
    def _write(receiver: _End, under_way: queue.Queue):
        while True:
            due, crossings, piece = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            receiver.crossings = max(receiver.crossings, crossings)
            try:
                if not piece:
                    return receiver.connection.shutdown(socket.SHUT_WR)
                receiver.connection.sendall(piece)
            except OSError:
                return
