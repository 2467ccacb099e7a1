"""A raw WebSocket client (RFC 6455): any handshake, any frame."""

import base64
import hashlib
import os
import socket
import struct
import time
from dataclasses import dataclass, field

from .broker import DEADLINE_SECONDS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Response:
    """An HTTP answer."""
    status: int
    headers: dict
    body: bytes = b""
    raw_head: bytes = b""


@dataclass
class Frame:
    """A frame from the broker."""
    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def close_code(self):
        """The status code of a Close frame, None if it carries none."""
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=b"\x12\x34\x56\x78", length_form=None):
    """The bytes of a frame; mask None leaves it unmasked, length_form 7, 16 or 64 forces a form."""
    head = bytes([fin << 7 | rsv << 4 | opcode]) + _length(len(payload), mask, length_form)
    if mask is None:
        return head + payload
    return head + mask + masked(payload, mask)


def _length(length, mask, form):
    bit = 0 if mask is None else 0x80
    form = form or (7 if length < 126 else 16 if length < 65536 else 64)
    if form == 7:
        return bytes([bit | length])
    if form == 16:
        return bytes([bit | 126]) + struct.pack("!H", length)
    return bytes([bit | 127]) + struct.pack("!Q", length)


def masked(payload, mask):
    """The payload XORed with the mask."""
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(payload), "big")


def close_payload(code, reason=b""):
    """What a Close frame carries."""
    return struct.pack("!H", code) + reason


class WebSocket:
    """A connection to a WebSocket listener, before and after the handshake."""

    def __init__(self, port, path="/mqtt", protocols="mqtt", host="127.0.0.1", source=None):
        self.path, self.protocols = path, protocols
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.socket = socket.create_connection((host, port), DEADLINE_SECONDS, source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"{host}:{port}"
        self.response = None
        self._buffer = bytearray()

    def close(self):
        """Closes the TCP connection without a word."""
        self.socket.close()

    # -- handshake --

    def request(self, *, method="GET", version="HTTP/1.1", drop=(), extra=(), **changed):
        """The bytes of the opening request; `changed` headers use _ for - in their names."""
        headers = {"Host": self.host, "Upgrade": "websocket", "Connection": "Upgrade",
                   "Sec-WebSocket-Key": self.key, "Sec-WebSocket-Version": "13"}
        if self.protocols is not None:
            headers["Sec-WebSocket-Protocol"] = self.protocols
        headers.update({name.replace("_", "-"): value for name, value in changed.items()})
        lines = [f"{method} {self.path} {version}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if name not in drop]
        lines += [f"{name}: {value}" for name, value in extra]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def handshake(self, **options):
        """Opens the WebSocket and checks the broker's answer to the letter."""
        self.send(self.request(**options))
        self.expect_accepted()
        return self

    def expect_accepted(self):
        """Reads the answer, which must be a correct 101."""
        response = self.read_response(with_body=False)
        assert response.status == 101, f"status {response.status}: {response.body!r}"
        accept = base64.b64encode(hashlib.sha1(self.key.encode() + _GUID).digest()).decode()
        assert response.headers.get("sec-websocket-accept") == accept, response.headers
        assert response.headers.get("upgrade", "").lower() == "websocket", response.headers
        assert response.headers.get("connection", "").lower() == "upgrade", response.headers
        return response

    def refused(self, status, **options):
        """Sends a request that must be answered with this status and one line of text."""
        self.send(self.request(**options))
        response = self.read_response()
        assert response.status == status, f"status {response.status}, not {status}"
        assert response.body.strip(), f"{status} without a line of text"
        return response

    def read_response(self, with_body=True):
        """The HTTP answer: head, and the body by Content-Length or up to the end."""
        while b"\r\n\r\n" not in self._buffer:
            self._fill(time.monotonic() + DEADLINE_SECONDS)
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        self.response = self._parse_head(head)
        if with_body:
            self.response.body = self._read_body(self.response.headers.get("content-length"))
        return self.response

    @staticmethod
    def _parse_head(head):
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1."), f"no HTTP answer: {first!r}"
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        return Response(int(first.split()[1]), headers, raw_head=head)

    def _read_body(self, length):
        wanted = None if length is None else int(length)
        while wanted is None or len(self._buffer) < wanted:
            if not self._fill(time.monotonic() + DEADLINE_SECONDS, may_end=True):
                break
        body = bytes(self._buffer if wanted is None else self._buffer[:wanted])
        del self._buffer[:len(body)]
        return body

    # -- frames --

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def send_frame(self, opcode, payload=b"", **options):
        """Sends one frame."""
        self.send(frame(opcode, payload, **options))

    def receive(self, deadline=DEADLINE_SECONDS):
        """The next frame, or None when the broker closed the connection."""
        end = time.monotonic() + deadline
        while True:
            found = self._take_frame()
            if found:
                return found
            if not self._fill(end, may_end=True):
                return None

    def _take_frame(self):
        data = self._buffer
        if len(data) < 2:
            return None
        assert not data[0] & 0x70, f"RSV bits are set: {data[:2].hex()}"
        assert not data[1] & 0x80, f"the broker masked a frame: {data[:2].hex()}"
        extra = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
        if len(data) < 2 + extra:
            return None
        length = int.from_bytes(data[2:2 + extra], "big") if extra else data[1] & 0x7F
        end = 2 + extra + length
        if len(data) < end:
            return None
        found = Frame(data[0] & 0x0F, bytes(data[2 + extra:end]), bool(data[0] & 0x80))
        del data[:end]
        return found

    def expect(self, opcode, payload=None):
        """The next frame, which must be of this kind and carry this."""
        got = self.receive()
        assert got is not None, f"closed where opcode {opcode} was expected"
        assert got.opcode == opcode, f"{got} where opcode {opcode} was expected"
        assert payload is None or got.payload == payload, f"{got} carries not {payload!r}"
        return got

    def expect_close(self, code):
        """The broker must send Close with this code and then end the TCP connection."""
        got = self.expect(CLOSE)
        assert got.close_code == code, f"close code {got.close_code}, not {code}"
        self.answer_close(got)

    def answer_close(self, got):
        """Answers a Close, unless TCP has ended already, and expects the end."""
        try:
            self.send_frame(CLOSE, got.payload)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.expect_end()

    def expect_end(self):
        """The broker must end the TCP connection and send nothing before."""
        got = self.receive()
        assert got is None, f"{got} where the end was expected"

    def _fill(self, end, may_end=False):
        self.socket.settimeout(max(end - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise AssertionError("nothing came in time on the WebSocket; "
                                 f"unread: {bytes(self._buffer[:64])!r}") from None
        assert data or may_end, f"closed; unread: {bytes(self._buffer[:200])!r}"
        self._buffer += data
        return bool(data)


@dataclass
class WebSocketStream:
    """The MQTT bytes in the binary frames of an open WebSocket; a stream for `client.Client`."""
    websocket: WebSocket
    close_frame: Frame = field(default=None)

    def send(self, data):
        """Sends the bytes as one binary frame."""
        self.websocket.send_frame(BINARY, data)

    def receive(self, seconds):
        """The payload of the next binary frame, b"" at Close or the end; answers pings."""
        end = time.monotonic() + seconds
        while True:
            try:
                got = self.websocket.receive(max(end - time.monotonic(), 0.001))
            except AssertionError as nothing:
                raise TimeoutError from nothing
            if got is None or got.opcode == CLOSE:
                self.close_frame = got
                return b""
            if got.opcode == PING:
                self.websocket.send_frame(PONG, got.payload)
                continue
            assert got.opcode == BINARY, f"{got} where MQTT bytes were expected"
            if got.payload:
                return got.payload

    def close(self):
        """Closes the TCP connection without a word."""
        self.websocket.close()
