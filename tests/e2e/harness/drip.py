"""A TCP proxy in front of a server which can let the server's answers through by drops."""

import selectors
import socket
import threading
from contextlib import contextmanager

EVERY = 0.1  # seconds between two bytes while it drips


class DrippingProxy:
    """Listens at `port` of 127.0.0.1 and connects to `target`. Use it in `with`."""

    def __init__(self, target: int):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._drips = threading.Event()
        self._ends = threading.Event()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            one.close()
        self._thread.join(5)

    @contextmanager
    def dripping(self):
        """Answers come one byte at a time meanwhile, on old connections and on new ones."""
        self._drips.set()
        try:
            yield
        finally:
            self._drips.clear()

    def _accept(self):
        while not self._ends.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {client, server}
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client, server):
        selector = selectors.DefaultSelector()
        selector.register(client, selectors.EVENT_READ)
        selector.register(server, selectors.EVENT_READ)
        try:
            while not self._ends.is_set():
                for key, _ in selector.select(1):
                    piece = key.fileobj.recv(65536)
                    if not piece:
                        return
                    if key.fileobj is client:
                        server.sendall(piece)
                    else:
                        self._drip(client, piece)
        except (OSError, ValueError):
            pass
        finally:
            selector.close()
            for one in (client, server):
                one.close()
                self._open.discard(one)

    def _drip(self, client, piece: bytes) -> None:
        while piece and self._drips.is_set():
            client.sendall(piece[:1])
            piece = piece[1:]
            self._ends.wait(EVERY)
        client.sendall(piece)
