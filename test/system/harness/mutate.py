"""Packets for the mutation test: a table of good ones, and seeded ways to spoil them."""

from . import websocket, wire
from .wire import MQTT5, MQTT311, Will

_INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0xFF, 0x10, 0x2F, 0x23, 0x2B, 0x24, 0xED, 0xC0)


def good_connects(version):
    """CONNECT packets that a broker accepts, the plainest one first."""
    table = [wire.connect(version, "m"), wire.connect(version, "mutant-1", keep_alive=10),
             wire.connect(version, "mutant-2", clean=False),
             wire.connect(version, "u", username="user", password="password"),
             wire.connect(version, "w", will=Will("m/will", b"gone", 1)),
             wire.connect(version, "wr", will=Will("m/kept", b"gone", 2, True))]
    if version == MQTT5:
        table += [wire.connect(version, "", properties=_CONNECT_PROPERTIES),
                  wire.connect(version, "wp", will=Will("m/w", b"x", 1,
                                                        properties=_WILL_PROPERTIES))]
    return table


_CONNECT_PROPERTIES = [(wire.SESSION_EXPIRY, 1), (wire.RECEIVE_MAXIMUM, 5),
                       (wire.MAXIMUM_PACKET_SIZE, 5000), (wire.TOPIC_ALIAS_MAXIMUM, 4),
                       (wire.REQUEST_RESPONSE, 1), (wire.REQUEST_PROBLEM, 0),
                       (wire.USER_PROPERTY, ("name", "value"))]
_WILL_PROPERTIES = [(wire.WILL_DELAY, 1), (wire.PAYLOAD_FORMAT, 1), (wire.MESSAGE_EXPIRY, 2),
                    (wire.CONTENT_TYPE, "a/b"), (wire.RESPONSE_TOPIC, "m/answer"),
                    (wire.CORRELATION_DATA, b"\0\1"), (wire.USER_PROPERTY, ("k", "v"))]
_PUBLISH_PROPERTIES = [(wire.PAYLOAD_FORMAT, 0), (wire.MESSAGE_EXPIRY, 1), (wire.TOPIC_ALIAS, 2),
                       (wire.RESPONSE_TOPIC, "m/answer"), (wire.CORRELATION_DATA, b"\1\2"),
                       (wire.USER_PROPERTY, ("k", "v")), (wire.CONTENT_TYPE, "text/plain")]


def good_packets(version):
    """Packets of every kind that a connected client may send."""
    table = [wire.publish(version, "m/a", "payload"), wire.publish(version, "m/b", "x", 1, 1),
             wire.publish(version, "m/c/d", "x" * 200, 2, 2, dup=True),
             wire.publish(version, "m/kept", "r", 1, 3, retain=True),
             wire.publish(version, "m/kept", b"", 0, retain=True),
             wire.publish(version, "/".join("deep" for _ in range(30)), "x"),
             wire.subscribe(version, 4, [("m/+", 1)]),
             wire.subscribe(version, 5, [("m/a", 0), ("m/#", 2), ("+/c/+", 1)]),
             wire.subscribe(version, 6, [("$share/g/m/+", 1)]),
             wire.unsubscribe(version, 7, ["m/+"]),
             wire.unsubscribe(version, 8, ["m/a", "$share/g/m/+", "none"]),
             wire.pingreq(), wire.disconnect(version)]
    table += [wire.acknowledgement(kind, packet_id)
              for kind in (wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP)
              for packet_id in (1, 2)]
    return table + (_good_packets_of_5() if version == MQTT5 else [])


def _good_packets_of_5():
    reason = [(wire.REASON_STRING, "because"), (wire.USER_PROPERTY, ("k", "v"))]
    return [wire.publish(MQTT5, "m/props", "x", 1, 9, properties=_PUBLISH_PROPERTIES),
            wire.publish(MQTT5, "", "x", properties=[(wire.TOPIC_ALIAS, 2)]),
            wire.subscribe(MQTT5, 10, [("m/id", 0x2D)], [(wire.SUBSCRIPTION_ID, 300)]),
            wire.unsubscribe(MQTT5, 11, ["m/id"], [(wire.USER_PROPERTY, ("k", "v"))]),
            wire.acknowledgement(wire.PUBREC, 1, 0x80, reason),
            wire.acknowledgement(wire.PUBACK, 1, 0, reason),
            wire.acknowledgement(wire.PUBREL, 2, 0x92, ()),
            wire.disconnect(MQTT5, 4, [(wire.SESSION_EXPIRY, 1), *reason]),
            wire.auth(0x18, [(wire.AUTH_METHOD, "m"), (wire.AUTH_DATA, b"d")])]


def good_handshakes():
    """Requests that open a WebSocket."""
    head = ("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {}\r\n{}\r\n")
    return [head.format(*fields).encode() for fields in
            (("mqtt", ""), ("mqttv3.1", ""), ("chat, mqtt", "Origin: http://example.com\r\n"))]


def good_frames():
    """Frames that an open WebSocket may send, CONNECT first among them."""
    connect = wire.connect(MQTT311, "ws")
    packets = b"".join(good_packets(MQTT311)[:8])
    return [websocket.frame(websocket.BINARY, connect),
            websocket.frame(websocket.BINARY, packets),
            websocket.frame(websocket.BINARY, packets[:30], fin=False)
            + websocket.frame(websocket.PING, b"between")
            + websocket.frame(websocket.CONTINUATION, packets[30:]),
            websocket.frame(websocket.BINARY, packets, length_form=64),
            websocket.frame(websocket.PING, b"x" * 125), websocket.frame(websocket.PONG),
            websocket.frame(websocket.TEXT, b"text"), websocket.frame(websocket.BINARY),
            websocket.frame(websocket.CLOSE, websocket.close_payload(1000, b"bye"))]


class Mutator:
    """Spoils packets; the same seed gives the same packets for ever."""

    def __init__(self, random, packets):
        self.random, self.packets = random, packets
        self.ways = (self._flip_bits, self._flip_bits, self._set_byte, self._set_byte,
                     self._truncate, self._lie_about_length, self._lie_inside, self._splice,
                     self._insert, self._delete, self._repeat)

    def spoil(self, packet):
        """A mutation of this packet; half of them get a fixed header that fits again."""
        data = bytearray(packet)
        for _ in range(1 if self.random.random() < 0.7 else 3):
            data = self.random.choice(self.ways)(data)
        return self._fit(data) if self.random.random() < 0.5 else bytes(data)

    @staticmethod
    def _fit(data):
        """The body with its right remaining length."""
        if len(data) < 2:
            return bytes(data)
        start = 1
        while start < min(len(data), 5) and data[start] & 0x80:
            start += 1
        body = bytes(data[start + 1:])
        return data[:1] + wire.varint(len(body)) + body

    def _at(self, data):
        return self.random.randrange(len(data)) if data else 0

    def _flip_bits(self, data):
        for _ in range(self.random.randrange(1, 4) if data else 0):
            data[self._at(data)] ^= 1 << self.random.randrange(8)
        return data

    def _set_byte(self, data):
        if data:
            data[self._at(data)] = self.random.choice(_INTERESTING)
        return data

    def _truncate(self, data):
        return data[:self._at(data)]

    def _lie_about_length(self, data):
        lengths = (0, 1, len(data), len(data) * 2, 127, 128, 16383, 0x0FFFFFFF)
        return data[:1] + wire.varint(self.random.choice(lengths)) + data[2:]

    def _lie_inside(self, data):
        if len(data) > 4:
            at = self.random.randrange(2, len(data) - 1)
            data[at] = self.random.choice((0, 0, 0, 1, 0xFF))
            data[at + 1] = self.random.randrange(256)
        return data

    def _splice(self, data):
        other = self.random.choice(self.packets)
        return data[:self._at(data)] + bytearray(other[self.random.randrange(len(other)):])

    def _insert(self, data):
        at = self._at(data)
        noise = bytes(self.random.randrange(256) for _ in range(self.random.randrange(1, 9)))
        return data[:at] + noise + data[at:]

    def _delete(self, data):
        at = self._at(data)
        return data[:at] + data[at + self.random.randrange(1, 5):]

    def _repeat(self, data):
        at = self._at(data)
        return data[:at] + data[at:at + self.random.randrange(1, 40)] * 2 + data[at:]
