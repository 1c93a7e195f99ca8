"""Connections of people who never log in, ten kinds of them: held in numbers, or made one after the other.

Each kind is a function of (Target, Stay) that makes one connection. It is called again and again by as many threads
as there are strangers, in a process of its own with a CPU of its own. Everything goes to 127.0.0.1.
"""

import dataclasses
import multiprocessing
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../e2e"))

from harness.keys import make_key  # noqa: E402
from harness.rawssh import KEX_NAME_LISTS, RawClient  # noqa: E402

VERSION = b"SSH-2.0-stranger\r\n"
PATIENCE_S = 20  # of a stranger that waits for the server
KEYS_TRIED = 6
KEXINIT, KEXDH_INIT = 20, 30


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the strangers go; rawssh takes it for a door."""

    port: int
    git_port: int
    public: str  # a public repository, OWNER/NAME, for those who may read
    keys: tuple  # of nobody
    host: str = "127.0.0.1"
    source: str = "127.0.2.1"
    balancer: str = "127.0.3.1"  # the peer that has to send a PROXY header

    def connect(self, source=None, port=None, receive_buffer=None):
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(PATIENCE_S)
        peer.bind((source or self.source, 0))
        peer.connect((self.host, port or self.port))
        return peer


class Stay:
    """How long a stranger holds what it has: until the end, or for a moment."""

    def __init__(self, over, moment_s=None):
        self._over = over
        self._moment_s = moment_s

    def hold(self, peer, drip=None):
        """Keeps a connection until the time is over or the server ends it. drip: a byte is sent every half second."""
        until = time.monotonic() + self._moment_s if self._moment_s else float("inf")
        peer.settimeout(0.25)
        turn = 0
        while not self._over.is_set() and time.monotonic() < until:
            turn += 1
            try:
                if drip and turn % 2:
                    peer.send(drip[turn // 2 % len(drip):][:1])
                if not peer.recv(4096):
                    return
            except TimeoutError:
                pass

    def idle(self, peer):
        """The same for one that does not read, and so does not see an end."""
        self._over.wait(self._moment_s)


def silent(target, stay):
    with target.connect() as peer:
        stay.hold(peer)


def dripping(target, stay):
    with target.connect() as peer:
        stay.hold(peer, drip=b"SSH-2.0-a_client_that_takes_its_time_to_say_its_name")


def junk_banner(target, _stay):
    with target.connect() as peer:
        peer.sendall(os.urandom(200).replace(b"\n", b"?") + b"\r\n")
        read_to_the_end(peer)


def wrong_kexinit(target, _stay):
    with target.connect() as peer:
        peer.sendall(VERSION + packet(bytes([KEXINIT]) + bytes(16) + struct.pack(">I", 0xFFFF) + b"none"))
        read_to_the_end(peer)


def dh_exchange(target, _stay):
    """Diffie-Hellman with e = 2, which costs the client no arithmetic."""
    lists = {name: "none" for name in KEX_NAME_LISTS} | {
        "kex": "diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,diffie-hellman-group14-sha256",
        "host_key": "rsa-sha2-512,ssh-ed25519",
        "ciphers_in": "aes256-ctr", "ciphers_out": "aes256-ctr", "macs_in": "hmac-sha2-256", "macs_out": "hmac-sha2-256",
    }
    fields = b"".join(ssh_string(lists[name].encode()) for name in KEX_NAME_LISTS) + ssh_string(b"") * 2
    with target.connect() as peer:
        peer.sendall(VERSION + packet(bytes([KEXINIT]) + bytes(16) + fields + bytes(5)) +
                     packet(bytes([KEXDH_INIT]) + ssh_string(b"\2")))
        # Until the server's answer is there: it has done its part.
        read_to_the_end(peer, at_most=1700)


def offers(target, _stay):
    with RawClient(target, target.source) as client:
        client.request_authentication()
        for key in target.keys[:KEYS_TRIED]:
            client.probe_key(key)


def signatures(target, _stay):
    with RawClient(target, target.source) as client:
        client.request_authentication()
        for key in target.keys[:KEYS_TRIED]:
            client.prove(key)


def git_refusals(target, _stay):
    with target.connect(port=target.git_port) as peer:
        peer.sendall(git_request(f"nobody/missing-{os.urandom(4).hex()}"))
        read_to_the_end(peer)


def slow_readers(target, stay):
    """Asks for all of a public repository and reads no byte of it."""
    with target.connect(port=target.git_port, receive_buffer=4096) as peer:
        peer.sendall(git_request(target.public))
        head = read_pkt_line(peer)[:40]
        peer.sendall(pkt_line(b"want " + head + b"\n") + b"0000" + pkt_line(b"done\n"))
        stay.idle(peer)


def proxy_junk(target, _stay):
    with target.connect(source=target.balancer) as peer:
        peer.sendall(b"PROXY TCP4 " + os.urandom(40).hex().encode() + b"\r\n")
        read_to_the_end(peer)


KINDS = {
    kind.__name__: kind
    for kind in (silent, dripping, junk_banner, wrong_kexinit, signatures, dh_exchange, offers, git_refusals,
                 slow_readers, proxy_junk)
}


# --- in numbers

class Crowd:
    """A process on a CPU of its own with `size` strangers in threads, each making one connection after the other.

    It ends by itself after `limit_s` seconds, and after `connections` of them. Use it in `with`.
    """

    def __init__(self, target, kinds, size, cpu, limit_s, connections=None, moment_s=None):
        context = multiprocessing.get_context("fork")
        self._over = context.Event()
        self._made = context.Value("q", 0)
        self._failed = context.Value("q", 0)
        arguments = (target, kinds, size, cpu, limit_s, connections, moment_s)
        self._process = context.Process(target=self._run, args=arguments, daemon=True)

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._process.join(PATIENCE_S + 10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def made(self):
        """Connections so far, those under way included."""
        return self._made.value

    @property
    def failed(self):
        """Those that the server refused or cut in the midst of what the stranger wanted."""
        return self._failed.value

    def is_over(self):
        return not self._process.is_alive()

    def _run(self, target, kinds, size, cpu, limit_s, connections, moment_s):
        os.sched_setaffinity(0, {cpu})
        sys.stderr = open(os.devnull, "w")  # paramiko's threads speak of each connection that was cut
        stay = Stay(self._over, moment_s)
        threads = [threading.Thread(target=self._strange, args=(target, kinds, stay, connections), daemon=True)
                   for _ in range(size)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + limit_s
        while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
            if self._over.wait(0.2):
                break
        self._over.set()
        for thread in threads:
            thread.join(max(0.0, deadline + PATIENCE_S - time.monotonic()))
        os._exit(0)

    def _strange(self, target, kinds, stay, connections):
        while not self._over.is_set():
            with self._made.get_lock():
                number = self._made.value
                if connections is not None and number >= connections:
                    return
                self._made.value += 1
            try:
                KINDS[kinds[number % len(kinds)]](target, stay)
            except Exception:  # noqa: BLE001  a stranger is cut in every way there is
                with self._failed.get_lock():
                    self._failed.value += 1
                self._over.wait(0.01)


def nobodys_keys(directory):
    """Keys that no account has: as many as one connection tries."""
    return tuple(make_key(directory / f"nobody-{number}") for number in range(KEYS_TRIED))


# --- the bytes

def ssh_string(content):
    return struct.pack(">I", len(content)) + content


def packet(payload):
    """A packet before any key exchange (RFC 4253 section 6)."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def pkt_line(content):
    return b"%04x" % (len(content) + 4) + content


def git_request(repository):
    """The request of git-daemon's protocol."""
    return pkt_line(f"git-upload-pack /{repository}.git\0host=127.0.0.1\0".encode())


def read_pkt_line(peer):
    length = int(read_exactly(peer, 4), 16)
    return read_exactly(peer, length - 4)


def read_exactly(peer, size):
    content = b""
    while len(content) < size:
        read = peer.recv(size - len(content))
        if not read:
            raise ConnectionError("the server ended the connection")
        content += read
    return content


def read_to_the_end(peer, at_most=None):
    """Until the server closes, or until at least so many bytes have come."""
    came = 0
    while read := peer.recv(65536):
        came += len(read)
        if at_most is not None and came >= at_most:
            return
