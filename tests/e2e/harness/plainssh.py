"""The beginning of an SSH connection by hand, before there are keys: packets of RFC 4253 section 6 in the clear."""

import os
import socket
import struct

DISCONNECT, KEXINIT, KEXDH_INIT, KEXDH_REPLY = 1, 20, 30, 31


def string(value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(content)) + content


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


class PlainClient:
    """A TCP connection that has said its version, or nothing if that is empty. Use it in `with`."""

    def __init__(self, door, source: str = "127.0.0.1", version: bytes = b"SSH-2.0-plain\r\n"):
        self.socket = socket.create_connection((door.host, door.port), timeout=20, source_address=(source, 0))
        self.file = self.socket.makefile("rb")
        self.socket.sendall(version)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def read_version(self) -> bytes:
        return self.file.readline()

    def send_kexinit(self, kex: str, host_key: str = "ssh-ed25519", cipher: str = "aes128-ctr") -> None:
        lists = [kex, host_key, cipher, cipher, "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""]
        body = b"".join(string(names.encode()) for names in lists)
        self.socket.sendall(packet(bytes([KEXINIT]) + os.urandom(16) + body + bytes(5)))

    def send_kexdh_init(self, e: bytes = b"\2") -> None:
        self.socket.sendall(packet(bytes([KEXDH_INIT]) + string(e)))

    def read_packet(self) -> tuple[int, bytes] | None:
        """Number and payload of the next packet; nothing at the end of the connection."""
        try:
            head = self.file.read(5)
            if len(head) < 5:
                return None
            size, padding = struct.unpack(">IB", head)
            body = self.file.read(size - 1)
        except ConnectionResetError:
            return None
        return body[0], body[1 : len(body) - padding]

    def read_until(self, number: int) -> bytes | None:
        while (got := self.read_packet()) is not None:
            if got[0] == number:
                return got[1]
        return None

    def read_disconnect_text(self) -> str:
        payload = self.read_until(DISCONNECT)
        assert payload is not None, "the connection ended without a word"
        (size,) = struct.unpack(">I", payload[4:8])
        return payload[8 : 8 + size].decode()
