"""MQTT packets as bytes and back, for protocol versions 3 (3.1), 4 (3.1.1) and 5 (5.0).

The encoders check nothing: a test may ask for any nonsense it wants to send. The decoder is strict,
because what it reads comes from the broker under test.
"""

import struct
from dataclasses import dataclass, field

MQTT31, MQTT311, MQTT5 = 3, 4, 5
VERSION_NAMES = {MQTT31: "mqtt31", MQTT311: "mqtt311", MQTT5: "mqtt5"}

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)
NAMES = ("RESERVED CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK "
         "UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP DISCONNECT AUTH").split()

# Property identifiers, section 2.2.2.2.
PAYLOAD_FORMAT = 0x01
MESSAGE_EXPIRY = 0x02
CONTENT_TYPE = 0x03
RESPONSE_TOPIC = 0x08
CORRELATION_DATA = 0x09
SUBSCRIPTION_ID = 0x0B
SESSION_EXPIRY = 0x11
ASSIGNED_CLIENT_ID = 0x12
SERVER_KEEP_ALIVE = 0x13
AUTH_METHOD = 0x15
AUTH_DATA = 0x16
REQUEST_PROBLEM = 0x17
WILL_DELAY = 0x18
REQUEST_RESPONSE = 0x19
RESPONSE_INFORMATION = 0x1A
SERVER_REFERENCE = 0x1C
REASON_STRING = 0x1F
RECEIVE_MAXIMUM = 0x21
TOPIC_ALIAS_MAXIMUM = 0x22
TOPIC_ALIAS = 0x23
MAXIMUM_QOS = 0x24
RETAIN_AVAILABLE = 0x25
USER_PROPERTY = 0x26
MAXIMUM_PACKET_SIZE = 0x27
WILDCARD_AVAILABLE = 0x28
SUBSCRIPTION_ID_AVAILABLE = 0x29
SHARED_AVAILABLE = 0x2A

_BYTE, _TWO, _FOUR, _VARINT, _STRING, _BINARY, _PAIR = range(7)
_PROPERTY_TYPES = {
    PAYLOAD_FORMAT: _BYTE, MESSAGE_EXPIRY: _FOUR, CONTENT_TYPE: _STRING, RESPONSE_TOPIC: _STRING,
    CORRELATION_DATA: _BINARY, SUBSCRIPTION_ID: _VARINT, SESSION_EXPIRY: _FOUR,
    ASSIGNED_CLIENT_ID: _STRING, SERVER_KEEP_ALIVE: _TWO, AUTH_METHOD: _STRING,
    AUTH_DATA: _BINARY, REQUEST_PROBLEM: _BYTE, WILL_DELAY: _FOUR, REQUEST_RESPONSE: _BYTE,
    RESPONSE_INFORMATION: _STRING, SERVER_REFERENCE: _STRING, REASON_STRING: _STRING,
    RECEIVE_MAXIMUM: _TWO, TOPIC_ALIAS_MAXIMUM: _TWO, TOPIC_ALIAS: _TWO, MAXIMUM_QOS: _BYTE,
    RETAIN_AVAILABLE: _BYTE, USER_PROPERTY: _PAIR, MAXIMUM_PACKET_SIZE: _FOUR,
    WILDCARD_AVAILABLE: _BYTE, SUBSCRIPTION_ID_AVAILABLE: _BYTE, SHARED_AVAILABLE: _BYTE,
}


class WireError(Exception):
    """The broker sent bytes that are no valid packet."""


# ---- encoding -------------------------------------------------------------------------------

def varint(number):
    """A variable byte integer."""
    out = bytearray()
    while True:
        number, digit = divmod(number, 128)
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def binary(data):
    """A two byte length and the data."""
    return struct.pack("!H", len(data)) + data


def string(text):
    """A UTF-8 string with its two byte length; bytes are taken as they are."""
    return binary(text if isinstance(text, bytes) else text.encode())


_ENCODERS = {
    _BYTE: lambda v: bytes([v]),
    _TWO: lambda v: struct.pack("!H", v),
    _FOUR: lambda v: struct.pack("!I", v),
    _VARINT: varint,
    _STRING: string,
    _BINARY: binary,
    _PAIR: lambda v: string(v[0]) + string(v[1]),
}


def encode_property(identifier, value):
    """One property: identifier and value."""
    return varint(identifier) + _ENCODERS[_PROPERTY_TYPES[identifier]](value)


def encode_properties(properties):
    """A property length and the properties, from (identifier, value) pairs or raw bytes."""
    if not isinstance(properties, bytes):
        properties = b"".join(encode_property(i, v) for i, v in properties)
    return varint(len(properties)) + properties


def frame(kind, flags, body):
    """A whole control packet: fixed header and body."""
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


@dataclass
class Will:
    """What CONNECT says about the will."""
    topic: str
    payload: bytes = b"gone"
    qos: int = 0
    retain: bool = False
    properties: object = ()


def connect(version, client_id="", *, clean=True, keep_alive=60, username=None, password=None,
            will=None, properties=(), protocol_name=None, level=None, flags=None):
    """A CONNECT; protocol_name, level and flags override what the version says."""
    name = protocol_name or ("MQIsdp" if version == MQTT31 else "MQTT")
    if flags is None:
        flags = _connect_flags(clean, username, password, will)
    body = string(name) + bytes([version if level is None else level, flags])
    body += struct.pack("!H", keep_alive)
    body += encode_properties(properties) if version == MQTT5 else b""
    body += string(client_id)
    if will:
        body += encode_properties(will.properties) if version == MQTT5 else b""
        body += string(will.topic) + binary(will.payload)
    body += b"" if username is None else string(username)
    body += b"" if password is None else string(password)
    return frame(CONNECT, 0, body)


def _connect_flags(clean, username, password, will):
    flags = (0x02 if clean else 0) | (0x80 if username is not None else 0)
    flags |= 0x40 if password is not None else 0
    if will:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
    return flags


def publish(version, topic, payload=b"", qos=0, packet_id=None, *, retain=False, dup=False,
            properties=()):
    """A PUBLISH."""
    body = string(topic)
    body += b"" if packet_id is None else struct.pack("!H", packet_id)
    body += encode_properties(properties) if version == MQTT5 else b""
    return frame(PUBLISH, dup << 3 | qos << 1 | retain, body + as_bytes(payload))


def as_bytes(payload):
    """A payload given as text or bytes."""
    return payload.encode() if isinstance(payload, str) else payload


def acknowledgement(kind, packet_id, reason=None, properties=None):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; reason and properties only if given (5.0)."""
    body = struct.pack("!H", packet_id)
    body += b"" if reason is None else bytes([reason])
    body += b"" if properties is None else encode_properties(properties)
    return frame(kind, 2 if kind == PUBREL else 0, body)


def subscribe(version, packet_id, filters, properties=()):
    """A SUBSCRIBE; filters are (topic filter, options byte) pairs."""
    body = struct.pack("!H", packet_id)
    body += encode_properties(properties) if version == MQTT5 else b""
    body += b"".join(string(f) + bytes([options]) for f, options in filters)
    return frame(SUBSCRIBE, 2, body)


def unsubscribe(version, packet_id, filters, properties=()):
    """An UNSUBSCRIBE."""
    body = struct.pack("!H", packet_id)
    body += encode_properties(properties) if version == MQTT5 else b""
    return frame(UNSUBSCRIBE, 2, body + b"".join(string(f) for f in filters))


def pingreq():
    """A PINGREQ."""
    return frame(PINGREQ, 0, b"")


def disconnect(version, reason=None, properties=None):
    """A DISCONNECT; reason and properties only if given (5.0)."""
    body = b"" if reason is None else bytes([reason])
    body += b"" if properties is None else encode_properties(properties)
    return frame(DISCONNECT, 0, body)


def auth(reason, properties=()):
    """An AUTH."""
    return frame(AUTH, 0, bytes([reason]) + encode_properties(properties))


# ---- decoding -------------------------------------------------------------------------------

@dataclass
class Packet:
    """A packet from the broker. Fields that its kind does not have keep their defaults."""
    kind: int
    flags: int
    body: bytes
    session_present: bool = False
    reason: int = 0
    reasons: list = field(default_factory=list)
    packet_id: int = None
    topic: str = None
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    properties: list = field(default_factory=list)

    @property
    def name(self):
        """The kind in words."""
        return NAMES[self.kind]

    @property
    def raw(self):
        """The bytes of the whole packet."""
        return frame(self.kind, self.flags, self.body)

    def property(self, identifier):
        """The value of a property, or None."""
        values = self.all(identifier)
        return values[0] if values else None

    def all(self, identifier):
        """All values of a property, in order."""
        return [value for i, value in self.properties if i == identifier]

    def __str__(self):
        return f"{self.name} {self.raw[:64].hex(' ')}"


class Reader:
    """Takes values off the front of a body; raises WireError where they do not fit."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, count):
        """The next `count` bytes."""
        if self.position + count > len(self.data):
            raise WireError(f"body too short: {self.data.hex(' ')}")
        self.position += count
        return self.data[self.position - count:self.position]

    def rest(self):
        """All that is left."""
        return self.take(len(self.data) - self.position)

    def left(self):
        """How many bytes are left."""
        return len(self.data) - self.position

    def byte(self):
        """One byte."""
        return self.take(1)[0]

    def two(self):
        """A two byte integer."""
        return struct.unpack("!H", self.take(2))[0]

    def four(self):
        """A four byte integer."""
        return struct.unpack("!I", self.take(4))[0]

    def varint(self):
        """A variable byte integer in its shortest form."""
        value = 0
        for shift in range(0, 28, 7):
            digit = self.byte()
            value |= (digit & 0x7F) << shift
            if digit < 0x80:
                if digit == 0 and shift:
                    raise WireError("variable byte integer longer than needed")
                return value
        raise WireError("variable byte integer of five bytes")

    def binary(self):
        """Binary data with a two byte length."""
        return self.take(self.two())

    def string(self):
        """A UTF-8 string."""
        return self.binary().decode()

    def properties(self):
        """A property list as (identifier, value) pairs."""
        inner = Reader(self.take(self.varint()))
        readers = {_BYTE: inner.byte, _TWO: inner.two, _FOUR: inner.four, _VARINT: inner.varint,
                   _STRING: inner.string, _BINARY: inner.binary,
                   _PAIR: lambda: (inner.string(), inner.string())}
        found = []
        while inner.left():
            identifier = inner.varint()
            if identifier not in _PROPERTY_TYPES:
                raise WireError(f"unknown property {identifier:#x}")
            found.append((identifier, readers[_PROPERTY_TYPES[identifier]]()))
        return found


def decode(version, first_byte, body):
    """A packet from its first byte and its body."""
    packet = Packet(first_byte >> 4, first_byte & 0x0F, body)
    if packet.kind not in _DECODERS:
        raise WireError(f"the broker may not send {packet.name}")
    if packet.kind != PUBLISH and packet.flags != (2 if packet.kind == PUBREL else 0):
        raise WireError(f"reserved flags are set: {packet}")
    reader = Reader(body)
    _DECODERS[packet.kind](packet, reader, version == MQTT5)
    if reader.left():
        raise WireError(f"bytes left over in {packet}")
    return packet


def _decode_connack(packet, reader, is_v5):
    flags = reader.byte()
    if flags & 0xFE:
        raise WireError(f"reserved acknowledge flags are set: {packet}")
    packet.session_present = bool(flags)
    packet.reason = reader.byte()
    # A refusal may come in the form of 3.1.1 to a client whose version is not served.
    if is_v5 and reader.left():
        packet.properties = reader.properties()


def _decode_publish(packet, reader, is_v5):
    packet.dup, packet.qos = bool(packet.flags & 8), packet.flags >> 1 & 3
    packet.retain = bool(packet.flags & 1)
    packet.topic = reader.string()
    packet.packet_id = reader.two() if packet.qos else None
    packet.properties = reader.properties() if is_v5 else []
    packet.payload = reader.rest()
    if packet.qos == 3 or packet.packet_id == 0:
        raise WireError(f"PUBLISH with bad QoS or packet identifier: {packet}")


def _decode_acknowledgement(packet, reader, is_v5):
    packet.packet_id = reader.two()
    if is_v5 and reader.left():
        packet.reason = reader.byte()
        packet.properties = reader.properties() if reader.left() else []


def _decode_suback(packet, reader, is_v5):
    packet.packet_id = reader.two()
    packet.properties = reader.properties() if is_v5 else []
    packet.reasons = list(reader.rest())


def _decode_disconnect(packet, reader, is_v5):
    if not is_v5:
        raise WireError("the broker may send DISCONNECT only in 5.0")
    packet.reason = reader.byte() if reader.left() else 0
    packet.properties = reader.properties() if reader.left() else []


def _decode_empty(_packet, _reader, _is_v5):
    pass


_DECODERS = {
    CONNACK: _decode_connack, PUBLISH: _decode_publish, PUBACK: _decode_acknowledgement,
    PUBREC: _decode_acknowledgement, PUBREL: _decode_acknowledgement,
    PUBCOMP: _decode_acknowledgement, SUBACK: _decode_suback, UNSUBACK: _decode_suback,
    PINGRESP: _decode_empty, DISCONNECT: _decode_disconnect, AUTH: _decode_disconnect,
}


def split_frame(data):
    """(first byte, body, bytes used) of the first whole frame in data, or None."""
    length = 0
    for index in range(1, min(len(data), 5)):
        digit = data[index]
        length |= (digit & 0x7F) << 7 * (index - 1)
        if digit < 0x80:
            end = index + 1 + length
            return (data[0], bytes(data[index + 1:end]), end) if len(data) >= end else None
    if len(data) >= 5:
        raise WireError(f"remaining length of five bytes: {bytes(data[:5]).hex(' ')}")
    return None
