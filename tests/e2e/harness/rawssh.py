"""An SSH client that says what no decent client says.

paramiko does the key exchange and the encryption; from there on every message is written by hand and every
answer is handed over as it came. Message numbers are those of RFC 4250, section 4.1.2.
"""

import queue
import socket
from dataclasses import dataclass, field

import paramiko
from paramiko.message import Message

from .keys import Key, sign

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 1, 2, 3, 4, 5, 6, 7
KEXINIT, NEWKEYS = 20, 21
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_BANNER, USERAUTH_PK_OK = 50, 51, 52, 53, 60
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
CHANNEL_OPEN, CHANNEL_OPEN_CONFIRMATION, CHANNEL_OPEN_FAILURE, CHANNEL_WINDOW_ADJUST = 90, 91, 92, 93
CHANNEL_DATA, CHANNEL_EXTENDED_DATA, CHANNEL_EOF, CHANNEL_CLOSE = 94, 95, 96, 97
CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 98, 99, 100

# What a server may say at any time, without meaning for the exchanges written here.
ASIDES = (UNIMPLEMENTED, DEBUG, EXT_INFO, USERAUTH_BANNER, GLOBAL_REQUEST, CHANNEL_WINDOW_ADJUST)

CUT = "cut"  # what `receive` gives once the server has ended the connection
SILENCE = "silence"  # what `receive` gives when nothing came in time

KEX_NAME_LISTS = (
    "kex",
    "host_key",
    "ciphers_in",
    "ciphers_out",
    "macs_in",
    "macs_out",
    "compression_in",
    "compression_out",
)


def encode(number: int, *fields) -> Message:
    """A message: str and bytes become strings, bool a boolean, int a uint32, list a name-list."""
    message = Message()
    message.add_byte(bytes([number]))
    for value in fields:
        if isinstance(value, bool):
            message.add_boolean(value)
        elif isinstance(value, int):
            message.add_int(value)
        elif isinstance(value, list):
            message.add_list(value)
        else:
            message.add_string(value)
    return message


class RawClient(paramiko.Transport):
    """A connection after its key exchange. Use it in `with`: it closes at the end."""

    def __init__(self, door, source: str = "127.0.0.1", version: str | None = None, preface: bytes = b""):
        """preface: what is sent ahead of SSH, as a balancer's header is."""
        connection = socket.create_connection((door.host, door.port), timeout=10, source_address=(source, 0))
        connection.sendall(preface)
        super().__init__(connection)
        self._received: queue.Queue = queue.Queue()
        self._handler_table = {
            **{number: self._recorder(number) for number in range(3, 128) if not 20 <= number < 50},
            **{number: self._handler_table[number] for number in (KEXINIT, NEWKEYS)},
        }
        self._next_channel = 0
        self.disconnect_text: str | None = None
        self.server_lists: dict[str, list[str]] = {}
        self.daemon = True
        if version is not None:
            self.local_version = version
        self.start_client(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        # paramiko's thread would otherwise write to a closed log at the end of the run.
        self.join(5)

    def _recorder(self, number: int):
        """What records a message. paramiko 2.12 calls it with the transport in front, 3.5 with the message alone."""
        return lambda *transport_and_message: self._received.put((number, transport_and_message[-1]))

    def _parse_kex_init(self, message):
        copy = Message(message.asbytes())
        copy.get_bytes(16)  # the cookie
        self.server_lists = {name: copy.get_list() for name in KEX_NAME_LISTS}
        super()._parse_kex_init(message)

    def _parse_disconnect(self, message):
        message.get_int()
        self.disconnect_text = message.get_string().decode(errors="backslashreplace")

    # ---- one message each way

    def send(self, number: int, *fields) -> None:
        self.send_message(encode(number, *fields))

    def send_message(self, message: Message) -> None:
        try:
            self._send_message(message)
        except (OSError, EOFError):
            pass  # the server has cut the line: `receive` tells

    def receive(self, timeout: float = 10.0):
        """The next message as (number, body), or CUT, or SILENCE after timeout seconds."""
        remaining = timeout
        while remaining > 0:
            try:
                return self._received.get(timeout=0.02)
            except queue.Empty:
                remaining -= 0.02
                if not self.is_alive():
                    # It may have put the last messages just before it ended.
                    return CUT if self._received.empty() else self._received.get()
        return SILENCE

    def receive_number(self, timeout: float = 10.0):
        """The number of the next message, asides left out; CUT or SILENCE."""
        got = self.receive_no_aside(timeout)
        return got if isinstance(got, str) else got[0]

    def expect(self, number: int) -> Message:
        """The body of the next message, which must have that number; asides before it are skipped."""
        got = self.receive_no_aside(wanted=number)
        assert not isinstance(got, str), f"expected message {number}: {got}, {self.disconnect_text}"
        assert got[0] == number, f"expected message {number}, got {got[0]}"
        return got[1]

    def stop_reading(self) -> None:
        """Until read_on(): TCP's buffers fill, and then the server's."""
        self._received.maxsize = 1

    def leave_new_keys_unanswered(self) -> None:
        """From now on the server's KEXINIT is read like any other message."""
        self._handler_table[KEXINIT] = self._recorder(KEXINIT)

    def read_on(self) -> None:
        with self._received.mutex:
            self._received.maxsize = 1 << 30
            self._received.not_full.notify_all()

    def receive_no_aside(self, timeout: float = 10.0, wanted: int | None = None):
        """The next message as `receive` gives it, asides left out but for a wanted one."""
        while not isinstance(got := self.receive(timeout), str) and got[0] in ASIDES and got[0] != wanted:
            pass
        return got

    def is_cut(self, timeout: float = 5.0) -> bool:
        """Whether the server ends the connection within timeout seconds, whatever it says before."""
        self.join(timeout)
        return not self.is_alive()

    # ---- authentication

    def request_authentication(self) -> None:
        self.send(SERVICE_REQUEST, "ssh-userauth")
        self.expect(SERVICE_ACCEPT)

    def probe(self, blob: bytes, algorithm: str, user: str | bytes = "git"):
        """Offers a key without a signature; the number of the answer."""
        self.send(USERAUTH_REQUEST, user, "ssh-connection", "publickey", False, algorithm, blob)
        return self.receive_number()

    def probe_key(self, key: Key, user: str = "git"):
        return self.probe(key.blob, key.algorithm, user)

    def prove(self, key: Key, **how):
        """Sends a request as proof() makes it; the number of the answer."""
        self.send_message(self.proof(key, **how))
        return self.receive_number()

    def proof(self, key: Key, *, user="git", claimed: Key | None = None, algorithm: str | None = None,
              made_with: str | None = None, signed_user=None, signed_session: bytes | None = None,
              spoil=False) -> Message:
        """A request with a signature by `key`.

        claimed: the key that the request names, if it is another. made_with: the algorithm of the signature, if the
        request names another. signed_user, signed_session: what the signature is made over, where it differs from the
        request. spoil: alter one bit of the signature.
        """
        named = claimed or key
        algorithm = algorithm or named.algorithm
        request = encode(USERAUTH_REQUEST, user, "ssh-connection", "publickey", True, algorithm, named.blob)
        who = signed_user or user
        signed = encode(USERAUTH_REQUEST, who, "ssh-connection", "publickey", True, algorithm, named.blob)
        prefix = Message()
        prefix.add_string(signed_session or self.session_id)
        signature = sign(key, prefix.asbytes() + signed.asbytes(), made_with or algorithm)
        if spoil:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        request.add_string(signature)
        return request

    def log_in(self, key: Key) -> "RawClient":
        self.request_authentication()
        answer = self.prove(key)
        assert answer == USERAUTH_SUCCESS, f"not let in: {answer} {self.disconnect_text}"
        return self

    # ---- channels

    def open_session(self, window: int = 0x7FFFFFFF, packet: int = 32768) -> "RawChannel":
        """Opens a session channel; the connection must be authenticated."""
        channel = RawChannel(self, self._next_channel)
        self._next_channel += 1
        self.send(CHANNEL_OPEN, "session", channel.number, window, packet)
        message = self.expect(CHANNEL_OPEN_CONFIRMATION)
        message.get_int()
        channel.peer = message.get_int()
        channel.granted = message.get_int()
        return channel

    def whoami(self) -> str:
        """Who the server takes this connection for: the greeting of a login without a command."""
        channel = self.open_session()
        channel.request("shell", True)
        return channel.read_to_the_end().stderr.decode()


@dataclass
class Answer:
    """What came back on one channel. events: the kinds of message in their order, repetitions once."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    exit: int | None = None
    signal: str | None = None
    events: list[str] = field(default_factory=list)

    def is_over(self) -> bool:
        return bool(self.events) and self.events[-1] in ("close", CUT, SILENCE)

    def note(self, event: str) -> None:
        if not self.events or self.events[-1] != event:
            self.events.append(event)


def in_order(events: list[str], door) -> bool:
    """Whether these are the messages of a refusal, in their order: sshd's own depends on what it sees first."""
    wanted = ["success", "stderr", "exit-status", "eof", "close"]
    if door.kind == "sshd":
        return [events[0], *sorted(events[1:-1]), events[-1]] == [wanted[0], *sorted(wanted[1:-1]), wanted[-1]]
    return events == wanted


class RawChannel:
    """One session channel. `request` does not wait; `read_to_the_end` gathers everything up to CLOSE."""

    def __init__(self, client: RawClient, number: int):
        self.client = client
        self.number = number
        self.peer = 0
        self.granted = 0  # bytes that this end may send, as far as answers were read

    def request(self, name: str, want_reply: bool, *fields) -> None:
        self.client.send(CHANNEL_REQUEST, self.peer, name, want_reply, *fields)

    def request_answer(self, name: str, *fields) -> bool:
        """Asks for something and tells whether it was granted."""
        self.request(name, True, *fields)
        number = self.client.receive_number()
        assert number in (CHANNEL_SUCCESS, CHANNEL_FAILURE), f"{name} was answered by {number}"
        return number == CHANNEL_SUCCESS

    def env(self, name: str, value: str | bytes) -> bool:
        return self.request_answer("env", name, value)

    def data(self, content: bytes) -> None:
        self.client.send(CHANNEL_DATA, self.peer, content)

    def eof(self) -> None:
        self.client.send(CHANNEL_EOF, self.peer)

    def close(self) -> None:
        self.client.send(CHANNEL_CLOSE, self.peer)

    def exec(self, command: str | bytes, stdin: bytes = b"") -> Answer:
        """Runs a command to its end."""
        self.request("exec", True, command)
        if stdin:
            self.data(stdin)
        self.eof()
        return self.read_to_the_end()

    def read_to_the_end(self, timeout: float = 30.0, close: bool = True) -> Answer:
        answer = self._read_until(Answer.is_over, timeout)
        if close:
            self.close()
        return answer

    def read_some(self, timeout: float = 10.0) -> Answer:
        """What came until the first byte of output or the end of the channel."""
        return self._read_until(lambda answer: answer.stdout or answer.stderr or answer.is_over(), timeout)

    def _read_until(self, enough, timeout: float) -> Answer:
        answer = Answer()
        while not enough(answer):
            got = self.client.receive(timeout)
            if isinstance(got, str):
                answer.note(got)
            else:
                self.take(answer, *got)
        return answer

    def take(self, answer: Answer, number: int, message: Message) -> None:
        """Adds a message to an answer if it is one for this channel."""
        if number < CHANNEL_OPEN or number in ASIDES and number != CHANNEL_WINDOW_ADJUST:
            return
        message.rewind()
        if message.get_int() != self.number:
            return
        if number == CHANNEL_WINDOW_ADJUST:
            self.granted += message.get_int()
        elif number == CHANNEL_DATA:
            answer.stdout += message.get_string()
            answer.note("stdout")
        elif number == CHANNEL_EXTENDED_DATA:
            assert message.get_int() == 1
            answer.stderr += message.get_string()
            answer.note("stderr")
        elif number == CHANNEL_REQUEST:
            self._take_request(answer, message)
        else:
            names = {CHANNEL_SUCCESS: "success", CHANNEL_FAILURE: "failure", CHANNEL_EOF: "eof", CHANNEL_CLOSE: "close"}
            answer.note(names.get(number, f"message {number}"))

    @staticmethod
    def _take_request(answer: Answer, message: Message) -> None:
        name = message.get_text()
        message.get_boolean()
        if name == "exit-status":
            answer.exit = message.get_int()
        elif name == "exit-signal":
            answer.signal = message.get_text()
        answer.note(name)
