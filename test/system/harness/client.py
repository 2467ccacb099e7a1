"""A raw MQTT client for tests: sends what it is told, and says exactly what came back."""

import collections
import itertools
import socket
import time

from . import wire
from .broker import DEADLINE_SECONDS

_numbers = itertools.count(1)


def unique(prefix="c"):
    """A name that no other client or topic of this test process has."""
    return f"{prefix}{next(_numbers)}"


class TcpStream:
    """Bytes over a TCP or unix socket."""

    def __init__(self, address, source=None):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(DEADLINE_SECONDS)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, DEADLINE_SECONDS, source)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        """Sends all of the bytes."""
        self.socket.sendall(data)

    def receive(self, seconds):
        """Some bytes, b"" at the end of the stream; TimeoutError when nothing came."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def close(self):
        """Closes the socket without a word."""
        self.socket.close()


class Client:
    """An MQTT client on a byte stream.

    Nothing is answered by itself: QoS handshakes are the test's business (`acknowledge`,
    `expect_publish(..., answer=True)` help).
    """

    def __init__(self, stream, version=wire.MQTT311, client_id=None):
        self.stream, self.version = stream, version
        self.client_id = unique() if client_id is None else client_id
        self.connack = None
        self._buffer, self._ended, self._kept = bytearray(), False, collections.deque()
        self._packet_ids = itertools.cycle(range(1, 65536))

    @classmethod
    def tcp(cls, port, version=wire.MQTT311, client_id=None, host="127.0.0.1"):
        """A client on a new TCP connection that has sent nothing yet."""
        return cls(TcpStream((host, port)), version, client_id)

    @classmethod
    def connected(cls, port, version=wire.MQTT311, client_id=None, host="127.0.0.1", **options):
        """A client whose CONNECT was accepted."""
        client = cls.tcp(port, version, client_id, host)
        client.connect(**options)
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection without DISCONNECT."""
        self.stream.close()

    # -- sending --

    def send(self, data):
        """Sends bytes as they are."""
        self.stream.send(data)

    def connect(self, expected_reason=0, **options):
        """Sends CONNECT and expects this answer."""
        self.send(wire.connect(self.version, self.client_id, **options))
        self.connack = self.expect(wire.CONNACK, reason=expected_reason)
        return self.connack

    def next_id(self):
        """A packet identifier."""
        return next(self._packet_ids)

    def publish(self, topic, payload=b"", qos=0, *, packet_id=None, finish=True, **options):
        """Publishes; with `finish`, completes the handshake and returns the first answer."""
        if qos and packet_id is None:
            packet_id = self.next_id()
        self.send(wire.publish(self.version, topic, payload, qos, packet_id, **options))
        if not (qos and finish):
            return packet_id
        answer = self.expect(wire.PUBACK if qos == 1 else wire.PUBREC, packet_id=packet_id)
        if qos == 2 and answer.reason < 0x80:
            self.send(wire.acknowledgement(wire.PUBREL, packet_id))
            self.expect(wire.PUBCOMP, packet_id=packet_id)
        return answer

    def subscribe(self, *filters, qos=0, properties=(), expected=None):
        """Subscribes; a filter is text or (text, options byte). Checks the granted codes."""
        pairs = [(f, qos) if isinstance(f, (str, bytes)) else f for f in filters]
        packet_id = self.next_id()
        self.send(wire.subscribe(self.version, packet_id, pairs, properties))
        suback = self.expect(wire.SUBACK, packet_id=packet_id)
        wanted = [options & 3 for _, options in pairs] if expected is None else expected
        assert suback.reasons == wanted, f"granted {suback.reasons}, expected {wanted}"
        return suback

    def unsubscribe(self, *filters, properties=()):
        """Unsubscribes and returns the UNSUBACK."""
        packet_id = self.next_id()
        self.send(wire.unsubscribe(self.version, packet_id, filters, properties))
        return self.expect(wire.UNSUBACK, packet_id=packet_id)

    def disconnect(self, reason=None, properties=None):
        """Sends DISCONNECT and waits until the broker has closed the connection."""
        self.send(wire.disconnect(self.version, reason, properties))
        self.expect_closed()

    def leave(self):
        """Sends DISCONNECT and waits for the end; a PUBLISH that was on its way is dropped."""
        self.send(wire.disconnect(self.version))
        while packet := self.receive():
            assert packet.kind == wire.PUBLISH, f"{self.client_id}: {packet} after DISCONNECT"

    def acknowledge(self, packet):
        """Plays the receiver's part of the handshake to its end."""
        if packet.qos == 1:
            self.send(wire.acknowledgement(wire.PUBACK, packet.packet_id))
        elif packet.qos == 2:
            self.send(wire.acknowledgement(wire.PUBREC, packet.packet_id))
            self._await_pubrel(packet.packet_id)
            self.send(wire.acknowledgement(wire.PUBCOMP, packet.packet_id))

    def _await_pubrel(self, packet_id):
        """Reads up to this PUBREL; packets that came before it are kept for later."""
        kept = []
        while True:
            packet = self.receive()
            assert packet is not None, f"{self.client_id}: closed where PUBREL was expected"
            if packet.kind == wire.PUBREL and packet.packet_id == packet_id:
                self._kept.extendleft(reversed(kept))
                return
            kept.append(packet)

    # -- receiving --

    def receive(self, deadline=DEADLINE_SECONDS):
        """The next packet, or None when the broker closed the connection."""
        if self._kept:
            return self._kept.popleft()
        end = time.monotonic() + deadline
        while True:
            found = wire.split_frame(self._buffer)
            if found:
                del self._buffer[:found[2]]
                return wire.decode(self.version, found[0], found[1])
            if self._ended:
                return None
            self._fill(end)

    def _fill(self, end):
        try:
            data = self.stream.receive(end - time.monotonic())
        except TimeoutError:
            raise AssertionError(f"{self.client_id}: nothing came in time; "
                                 f"unread: {bytes(self._buffer[:64]).hex(' ')}") from None
        self._ended = not data
        self._buffer += data

    def expect(self, kind, deadline=DEADLINE_SECONDS, **fields):
        """The next packet, which must be of this kind and have these fields."""
        packet = self.receive(deadline)
        assert packet is not None, \
            f"{self.client_id}: closed where {wire.NAMES[kind]} {fields} was expected"
        assert packet.kind == kind, \
            f"{self.client_id}: {packet} where {wire.NAMES[kind]} {fields} was expected"
        for name, wanted in fields.items():
            got = getattr(packet, name)
            assert got == wanted, f"{self.client_id}: {packet}: {name} is {got!r}, not {wanted!r}"
        return packet

    def expect_publish(self, topic, payload=None, *, answer=True, deadline=DEADLINE_SECONDS,
                       **fields):
        """The next packet, which must be this PUBLISH; it is acknowledged unless told not to."""
        if payload is not None:
            fields["payload"] = wire.as_bytes(payload)
        packet = self.expect(wire.PUBLISH, deadline, topic=topic, **fields)
        if answer:
            self.acknowledge(packet)
        return packet

    def expect_closed(self, deadline=DEADLINE_SECONDS):
        """The broker must close the connection, and say nothing before."""
        packet = self.receive(deadline)
        assert packet is None, f"{self.client_id}: {packet} where the end was expected"

    def expect_refusal(self, *reasons):
        """The broker must end the connection; in 5.0 it may say why, with one of these reasons."""
        packet = self.receive()
        if packet is None:
            return None
        assert packet.kind in (wire.CONNACK, wire.DISCONNECT), f"{packet} before the end"
        assert packet.reason in reasons, f"{packet}: not one of {[hex(r) for r in reasons]}"
        self.expect_closed()
        return packet

    def ping(self):
        """A PINGREQ whose PINGRESP must be the next packet: the proof that nothing else came."""
        self.send(wire.pingreq())
        self.expect(wire.PINGRESP)

    def drain(self):
        """All packets that come before the answer to a PINGREQ."""
        self.send(wire.pingreq())
        return self.until_pingresp()

    def until_pingresp(self):
        """All packets up to the next PINGRESP."""
        packets = []
        while True:
            packet = self.receive()
            assert packet is not None, f"{self.client_id}: closed before PINGRESP"
            if packet.kind == wire.PINGRESP:
                return packets
            packets.append(packet)
