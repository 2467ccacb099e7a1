"""The server's end of the wire: packets of clients read, and the answers to them as bytes."""

import struct
from dataclasses import dataclass, field

from . import wire

BRIDGE_BIT = 0x80  # of the protocol level: Mosquitto's mark of a bridge


@dataclass
class ClientPacket(wire.Packet):
    """A packet of a client. Fields that its kind does not have keep their defaults."""
    level: int = 0
    client_id: str = None
    clean: bool = False
    keep_alive: int = 0
    username: str = None
    password: str = None
    will: wire.Will = None
    filters: list = field(default_factory=list)  # (filter, options byte), or filters alone

    @property
    def version(self):
        """The version of a CONNECT, with or without the mark of a bridge."""
        return self.level & ~BRIDGE_BIT


def decode(version, first_byte, body):
    """A packet of a client from its first byte and its body; CONNECT has its own version."""
    packet = ClientPacket(first_byte >> 4, first_byte & 0x0F, body)
    if packet.kind not in _DECODERS:
        raise wire.WireError(f"a client may not send {packet.name}")
    reader = wire.Reader(body)
    _DECODERS[packet.kind](packet, reader, version == wire.MQTT5)
    if reader.left():
        raise wire.WireError(f"bytes left over in {packet}")
    return packet


def _decode_connect(packet, reader, _is_v5):
    name = reader.string()
    packet.level, flags, packet.keep_alive = reader.byte(), reader.byte(), reader.two()
    if name != ("MQIsdp" if packet.version == wire.MQTT31 else "MQTT"):
        raise wire.WireError(f"protocol name {name} for level {packet.level:#x}")
    is_v5 = packet.version == wire.MQTT5
    packet.properties = reader.properties() if is_v5 else []
    packet.client_id, packet.clean = reader.string(), bool(flags & 2)
    if flags & 4:
        properties = reader.properties() if is_v5 else []
        packet.will = wire.Will(reader.string(), reader.binary(), flags >> 3 & 3, bool(flags & 32),
                                properties)
    packet.username = reader.string() if flags & 0x80 else None
    packet.password = reader.binary().decode() if flags & 0x40 else None


def _decode_subscribe(packet, reader, is_v5):
    packet.packet_id = reader.two()
    packet.properties = reader.properties() if is_v5 else []
    while reader.left():
        packet.filters.append((reader.string(), reader.byte()))


def _decode_unsubscribe(packet, reader, is_v5):
    packet.packet_id = reader.two()
    packet.properties = reader.properties() if is_v5 else []
    while reader.left():
        packet.filters.append(reader.string())


def _decode_disconnect(packet, reader, _is_v5):
    packet.reason = reader.byte() if reader.left() else 0
    packet.properties = reader.properties() if reader.left() else []


def _as_server(kind):
    return wire._DECODERS[kind]  # pylint: disable=protected-access


_DECODERS = {
    wire.CONNECT: _decode_connect, wire.SUBSCRIBE: _decode_subscribe,
    wire.UNSUBSCRIBE: _decode_unsubscribe, wire.PINGREQ: lambda *_: None,
    wire.DISCONNECT: _decode_disconnect,
    **{kind: _as_server(kind)
       for kind in (wire.PUBLISH, wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP)},
}


def connack(version, reason=0, session_present=False, properties=()):
    """A CONNACK."""
    body = bytes([session_present, reason])
    return wire.frame(wire.CONNACK, 0, body + _properties(version, properties))


def suback(version, packet_id, reasons):
    """A SUBACK."""
    body = struct.pack("!H", packet_id) + _properties(version)
    return wire.frame(wire.SUBACK, 0, body + bytes(reasons))


def unsuback(version, packet_id, count):
    """An UNSUBACK of success."""
    codes = bytes(count) if version == wire.MQTT5 else b""
    return wire.frame(wire.UNSUBACK, 0, struct.pack("!H", packet_id) + _properties(version) + codes)


def pingresp():
    """A PINGRESP."""
    return wire.frame(wire.PINGRESP, 0, b"")


def _properties(version, properties=()):
    return wire.encode_properties(properties) if version == wire.MQTT5 else b""
