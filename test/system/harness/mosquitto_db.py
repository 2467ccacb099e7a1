"""Writes persistence files as Mosquitto 2.0 does (version 6), for tests that need large ones."""

import struct

NEVER = 0xFFFFFFFF
QUEUED = 11

_CONFIGURATION, _MESSAGE, _CLIENT_MESSAGE, _RETAINED, _SUBSCRIPTION, _CLIENT = range(1, 7)


class Builder:
    """Gathers chunks; persistence/mosquitto_db.md draws them."""

    def __init__(self, version=6):
        self._parts, self._last_id = [], 0
        self._parts.append(b"\0\xb5\0mosquitto db" + struct.pack(">II", 0, version))
        self._chunk(_CONFIGURATION, struct.pack("<QBB6x", 0, 1, 8))

    def _chunk(self, kind, body):
        self._parts.append(struct.pack(">II", kind, len(body)) + body)

    def message(self, topic, payload=b"", qos=1, retain=False, expires=0, client_id="publisher"):
        """A message; its id is returned."""
        self._last_id += 1
        topic, source = topic.encode(), client_id.encode()
        self._chunk(_MESSAGE, struct.pack("<Qq", self._last_id, expires)
                    + struct.pack(">IHHHHHBB", len(payload), 0, len(source), 0, len(topic), 0, qos,
                                  retain) + source + topic + payload)
        return self._last_id

    def client(self, client_id, interval=NEVER, expires=0):
        """A session."""
        name = client_id.encode()
        self._chunk(_CLIENT, struct.pack("<q", expires)
                    + struct.pack(">IHHHH4x", interval, 0, len(name), 0, 0) + name)

    def client_message(self, client_id, message, qos=1, state=QUEUED, packet_id=0, direction=1):
        """A message on its way to a client."""
        name = client_id.encode()
        self._chunk(_CLIENT_MESSAGE, struct.pack("<Q", message)
                    + struct.pack(">HHBBBB", packet_id, len(name), qos, state, 0, direction)
                    + name)

    def subscription(self, client_id, topic_filter, qos=0, identifier=0, options=0):
        """A subscription."""
        name, topic = client_id.encode(), topic_filter.encode()
        self._chunk(_SUBSCRIPTION, struct.pack(">IHHBB2x", identifier, len(name), len(topic), qos,
                                               options) + name + topic)

    def retained(self, message):
        """The message is retained for its topic."""
        self._chunk(_RETAINED, struct.pack("<Q", message))

    def bytes(self):
        """The file."""
        return b"".join(self._parts)
