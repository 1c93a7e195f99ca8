"""A gateway's end of GRV1, written from docs/grv1.md: OPEN messages, frames, and a session over a socket."""

import hashlib
import hmac
import os
import socket
import struct
import time

STDIN, STDIN_EOF, STDOUT, STDERR, EXIT, FAIL, CANCEL, PING, PONG, OPEN_OK = range(1, 11)
UPLOAD_PACK, RECEIVE_PACK, UPLOAD_ARCHIVE, ADMIN = 1, 2, 3, 4
(VERSION, AUTHENTICATION, REPLAY_OR_CLOCK, BAD_REQUEST, NO_SUCH_REPOSITORY, SERVICE_DISABLED, BUSY, SPAWN,
 DRAINING, STANDBY, STORAGE, ACCOUNT_LIMIT) = range(1, 13)
MAX_PAYLOAD = 262144


class TicketKey:
    def __init__(self):
        self.id, self.secret = os.urandom(8), os.urandom(32)

    def file_content(self) -> str:
        return f"gerve-ticket-key-v1 {self.id.hex()} {self.secret.hex()}\n"


class Open:
    """One OPEN message. Whatever a test wants wrong can be set before encode()."""

    def __init__(self, service=UPLOAD_PACK, path="mojombo/bert.git", audience="fs1", **fields):
        self.service = service
        self.owner = path.split("/")[0].encode()
        self.path = path.encode()
        self.git_protocol = None
        self.request_id = os.urandom(16)
        self.time = int(time.time() * 1000)
        self.nonce = os.urandom(16)
        self.audience = audience.encode()
        self.env = {}
        self.config = []
        self.repo_id = 0
        self.admin = b""
        self.argument = b""
        self.object_format = b""
        self.extra = []  # (type, value)
        self.versions = (1, 1)
        self.flags = 0
        for name, value in fields.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def encode(self, key: TicketKey | None = None) -> bytes:
        tlvs = [(1, bytes([self.service])), (2, self.owner), (3, self.path)]
        if self.git_protocol is not None:
            tlvs.append((4, self.git_protocol.encode()))
        tlvs.append((5, self.request_id))
        if key:
            tlvs.append((6, key.id))
        tlvs += [(7, struct.pack(">Q", self.time)), (8, self.nonce), (9, self.audience)]
        tlvs += [(10, f"{name}={value}".encode()) for name, value in self.env.items()]
        tlvs += [(11, f"{name}={value}".encode()) for name, value in self.config]
        if self.repo_id:
            tlvs.append((12, struct.pack(">Q", self.repo_id)))
        if self.admin:
            tlvs.append((13, self.admin))
        if self.argument:
            tlvs.append((14, self.argument))
        if self.object_format:
            tlvs.append((0x800f, self.object_format))
        tlvs += self.extra
        body = b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in tlvs)
        message = b"GRV1" + bytes(self.versions) + struct.pack(">HI", self.flags, len(body)) + body
        mac = hmac.digest(key.secret, message, hashlib.sha256) if key else bytes(32)
        return message + mac


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


class Failed(Exception):
    def __init__(self, code: int, retryable: bool, text: str):
        super().__init__(f"FAIL {code}: {text}")
        self.code, self.retryable, self.text = code, retryable, text


class Ended(Exception):
    """The connection ended without EXIT or FAIL."""


class Session:
    """A connection on which an OPEN was sent, or any other bytes."""

    def __init__(self, address, message: bytes = b"", timeout: float = 20, source: str | None = None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.socket.sendall(message)
        self.stdout, self.stderr, self.pongs = bytearray(), bytearray(), []
        self.opened = False
        self.exit = None  # (code, signal, reason)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, kind: int, payload: bytes = b""):
        self.socket.sendall(frame(kind, payload))

    def write(self, data: bytes):
        for start in range(0, len(data), MAX_PAYLOAD):
            self.send(STDIN, data[start:start + MAX_PAYLOAD])

    def end_input(self):
        self.send(STDIN_EOF)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise Ended
            data += more
        return bytes(data)

    def next_frame(self):
        header = self._exactly(4)
        kind, size = header[0], int.from_bytes(header[1:], "big")
        assert size <= MAX_PAYLOAD
        return kind, self._exactly(size)

    def step(self) -> int:
        """Takes one frame in and returns its type."""
        kind, payload = self.next_frame()
        if kind == FAIL:
            assert not self.opened
            code, retryable = struct.unpack(">HB", payload[:3])
            raise Failed(code, bool(retryable), payload[3:].decode())
        if kind == OPEN_OK:
            assert not self.opened and payload == b"\x01"
            self.opened = True
        elif kind == PONG:
            self.pongs.append(payload)
        else:
            assert self.opened
            if kind == STDOUT:
                self.stdout += payload
            elif kind == STDERR:
                self.stderr += payload
            else:
                assert kind == EXIT, kind
                code, signal = struct.unpack(">IB", payload[:5])
                self.exit = (code, signal, payload[5:].decode())
        return kind

    def until_opened(self):
        while not self.opened:
            self.step()
        return self

    def until(self, condition):
        while not condition(self):
            self.step()
        return self

    def finish(self):
        """Reads on to EXIT, and to the end of the connection behind it; closes, for which the agent waits."""
        while self.exit is None:
            self.step()
        assert self.socket.recv(1) == b""
        self.close()
        return self

    @property
    def status(self):
        return self.exit[0]
