"""GRV1, the internal channel, spoken by hand: what a gateway says to a file server, and what it must not.

Written from the description of the protocol and independent of the product's code.
"""

import hashlib
import hmac
import os
import socket
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

UPLOAD_PACK, RECEIVE_PACK, UPLOAD_ARCHIVE, ADMIN = 1, 2, 3, 4

SERVICE, OWNER, STORAGE_PATH, GIT_PROTOCOL, REQUEST_ID, KEY_ID, TIME, NONCE, AUDIENCE, ENV, CONFIG = range(
    1, 12
)
CRITICAL = 0x8000

STDIN, STDIN_EOF, STDOUT, STDERR, EXIT, FAIL, CANCEL, PING, PONG, OPEN_OK = range(1, 11)

(
    FAIL_VERSION,
    FAIL_AUTHENTICATION,
    FAIL_REPLAY_OR_CLOCK,
    FAIL_BAD_REQUEST,
    FAIL_NO_SUCH_REPOSITORY,
    FAIL_SERVICE_DISABLED,
    FAIL_BUSY,
    FAIL_SPAWN,
    FAIL_DRAINING,
    FAIL_STANDBY,
    FAIL_STORAGE,
) = range(1, 12)


@dataclass(frozen=True)
class TicketKey:
    key_id: bytes
    secret: bytes

    @classmethod
    def load(cls, file: Path) -> "TicketKey":
        """Reads `gerve-ticket-key-v1 KEYID SECRET`, the form in which `gerve ticket-key new` writes it."""
        magic, key_id, secret = file.read_text().split()
        assert magic == "gerve-ticket-key-v1"
        return cls(bytes.fromhex(key_id), bytes.fromhex(secret))

    def write(self, file: Path) -> Path:
        file.write_text(f"gerve-ticket-key-v1 {self.key_id.hex()} {self.secret.hex()}\n")
        file.chmod(0o600)
        return file

    def sign(self, message: bytes) -> bytes:
        return hmac.new(self.secret, message, hashlib.sha256).digest()


def new_ticket_key() -> TicketKey:
    return TicketKey(os.urandom(8), os.urandom(32))


@dataclass
class Open:
    """The fields of an OPEN. `extra` is appended as it stands: (type, value) pairs."""

    owner: str
    storage_path: str
    audience: str
    service: int = UPLOAD_PACK
    git_protocol: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    request_id: bytes = field(default_factory=lambda: os.urandom(16))
    nonce: bytes = field(default_factory=lambda: os.urandom(16))
    time_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    versions: tuple[int, int] = (1, 1)
    extra: list[tuple[int, bytes]] = field(default_factory=list)

    def pairs(self, key_id: bytes | None) -> list[tuple[int, bytes]]:
        pairs = [
            (SERVICE, bytes([self.service])),
            (OWNER, self.owner.encode()),
            (STORAGE_PATH, self.storage_path.encode()),
            (REQUEST_ID, self.request_id),
            (TIME, struct.pack(">Q", self.time_ms)),
            (NONCE, self.nonce),
            (AUDIENCE, self.audience.encode()),
        ]
        if key_id is not None:
            pairs.append((KEY_ID, key_id))
        if self.git_protocol is not None:
            pairs.append((GIT_PROTOCOL, self.git_protocol.encode()))
        pairs += [(ENV, f"{name}={value}".encode()) for name, value in self.env.items()]
        pairs += [(CONFIG, f"{name}={value}".encode()) for name, value in self.config.items()]
        return pairs + self.extra

    def encode(self, key: TicketKey | None) -> bytes:
        """The whole message, signed with key; without one its HMAC is zeros."""
        return seal(encode_open(self.pairs(key and key.key_id), self.versions), key)


def encode_open(pairs: list[tuple[int, bytes]], versions=(1, 1), flags=0) -> bytes:
    tlvs = b"".join(struct.pack(">HH", kind, len(value)) + value for kind, value in pairs)
    return b"GRV1" + bytes(versions) + struct.pack(">HI", flags, len(tlvs)) + tlvs


def seal(message: bytes, key: TicketKey | None) -> bytes:
    return message + (key.sign(message) if key else bytes(32))


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


@dataclass
class Reply:
    """What an agent sent until it closed. cut: the connection ended without EXIT or FAIL."""

    opened: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    exit: int | None = None
    signal: int = 0
    fail: int | None = None
    retryable: bool = False
    text: str = ""
    pongs: list[bytes] = field(default_factory=list)

    @property
    def cut(self) -> bool:
        return self.exit is None and self.fail is None

    @property
    def refused(self) -> bool:
        """Nothing was started and nothing was told of the repository."""
        return not self.opened and not self.stdout and not self.stderr and self.exit is None


class Upstream:
    """A connection to an agent: ("127.0.0.1", port) or the path of a unix socket."""

    def __init__(self, address: tuple[str, int] | str, timeout: float = 10.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, content: bytes) -> None:
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the agent has refused already: the answer tells

    def read_frame(self) -> tuple[int, bytes] | None:
        """The next frame, or nothing when the agent has closed."""
        header = self._read(4)
        if len(header) < 4:
            return None
        payload = self._read(int.from_bytes(header[1:], "big"))
        return header[0], payload

    def read_reply(self) -> Reply:
        reply = Reply()
        while (got := self.read_frame()) is not None:
            _take(reply, *got)
        return reply

    def _read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            try:
                piece = self.socket.recv(size - len(content))
            except ConnectionResetError:
                break
            if not piece:
                break
            content += piece
        return content


def _take(reply: Reply, kind: int, payload: bytes) -> None:
    if kind == OPEN_OK:
        reply.opened = True
    elif kind == STDOUT:
        reply.stdout += payload
    elif kind == STDERR:
        reply.stderr += payload
    elif kind == PONG:
        reply.pongs.append(payload)
    elif kind == EXIT:
        reply.exit, reply.signal = struct.unpack(">IB", payload[:5])
        reply.text = payload[5:].decode()
    elif kind == FAIL:
        reply.fail, retryable = struct.unpack(">HB", payload[:3])
        reply.retryable = bool(retryable)
        reply.text = payload[3:].decode()
    else:
        raise AssertionError(f"an agent does not send frames of type {kind}")


def converse(address, message: bytes, stdin: bytes = frame(STDIN, b"0000") + frame(STDIN_EOF)) -> Reply:
    """Sends a message and, without waiting, input for git; returns everything that came back."""
    with Upstream(address) as upstream:
        upstream.send(message + stdin)
        return upstream.read_reply()
