"""A remote broker made of the wire harness: it refuses what a test wants refused, and keeps all
that bridges said to it."""

import contextlib
import selectors
import socket
import threading
import time
from dataclasses import dataclass

from . import server_wire, wire
from .broker import DEADLINE_SECONDS, free_port


@dataclass
class Rules:
    """How a remote treats the connections of one client id."""
    reason: object = 0            # of its CONNACKs, or a function from CONNECT to it
    properties: tuple = ()        # of its CONNACKs, in 5.0
    session_present: bool = False
    is_mute: bool = False         # accepts connections, and says nothing at all
    answers_pings: bool = True
    acknowledges: bool = True     # messages
    qos_max: int = 2              # that it grants
    refuses: object = lambda packet: False  # ends the connection on such a packet


class Peer:
    """A connection to a remote, and the packets that came over it."""

    def __init__(self, remote, connection):
        self.remote, self.socket = remote, connection
        self.address = connection.getpeername()[0]
        self.begin, self.connect, self.packets, self.ended = time.monotonic(), None, [], False
        self._buffer = b""

    @property
    def version(self):
        """Protocol version, after its CONNECT."""
        return self.connect.version if self.connect else wire.MQTT311

    @property
    def client_id(self):
        """Client id; None before its CONNECT."""
        return self.connect and self.connect.client_id

    def send(self, data):
        """Sends bytes as they are."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def publish(self, topic, payload=b"", qos=0, packet_id=None, **options):
        """Sends a PUBLISH."""
        self.send(wire.publish(self.version, topic, payload, qos, packet_id, **options))

    def close(self):
        """Ends the connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def all(self, kind):
        """Its packets of one kind so far."""
        with self.remote.changed:
            return [packet for packet in self.packets if packet.kind == kind]

    def take(self, data):
        """Reads what came, and answers."""
        self._buffer += data
        while found := wire.split_frame(self._buffer):
            self._buffer = self._buffer[found[2]:]
            packet = server_wire.decode(self.version, found[0], found[1])
            if packet.kind == wire.CONNECT:
                self.connect = packet
            self.packets.append(packet)
            self._answer(packet, self.remote.rules_of(self.client_id))

    def _answer(self, packet, rules):
        if rules.is_mute:
            return
        if rules.refuses(packet):
            self.close()
        elif packet.kind == wire.CONNECT:
            reason = rules.reason(packet) if callable(rules.reason) else rules.reason
            # A server that does not know the version answers in its own.
            version = wire.MQTT311 if reason == 1 else self.version
            self.send(server_wire.connack(version, reason,
                                          rules.session_present and not reason, rules.properties))
            if reason:
                self.close()
        elif packet.kind == wire.SUBSCRIBE:
            codes = [min(options & 3, rules.qos_max) for _, options in packet.filters]
            self.send(server_wire.suback(self.version, packet.packet_id, codes))
        elif packet.kind == wire.UNSUBSCRIBE:
            self.send(server_wire.unsuback(self.version, packet.packet_id, len(packet.filters)))
        elif packet.kind == wire.PINGREQ and rules.answers_pings:
            self.send(server_wire.pingresp())
        elif rules.acknowledges:
            self._acknowledge(packet)

    def _acknowledge(self, packet):
        answer = {wire.PUBREC: wire.PUBREL, wire.PUBREL: wire.PUBCOMP}.get(packet.kind)
        if packet.kind == wire.PUBLISH and packet.qos:
            answer = wire.PUBACK if packet.qos == 1 else wire.PUBREC
        if answer:
            self.send(wire.acknowledgement(answer, packet.packet_id))


class Remote:
    """A server with a thread that answers. `rules` has Rules by client id; `tls` is a context."""

    def __init__(self, rules=None, host="127.0.0.1", tls=None):
        self._tls = tls
        self.rules, self.peers, self.changed = dict(rules or {}), [], threading.Condition()
        self.faults = []  # what came and is no packet of a client
        self._listener = socket.create_server((host, free_port()))
        self.host, self.port = self._listener.getsockname()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._ends, self._end = socket.socketpair()
        self._selector.register(self._ends, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def rules_of(self, client_id):
        """The rules for a client."""
        return self.rules.get(client_id) or self.rules.get(None) or Rules()

    def connections(self, client_id):
        """All connections of a client id so far, in order."""
        with self.changed:
            return [peer for peer in self.peers if peer.client_id == client_id]

    def peer(self, client_id, number=0):
        """The connection of this number of a client id, when its CONNECT has come."""
        return self.wait_for(lambda: self.connections(client_id)[number:][:1],
                             f"connection {number} of {client_id}")[0]

    def wait_for(self, condition, what, deadline=DEADLINE_SECONDS):
        """Waits until a condition about what came holds, and returns its value."""
        end = time.monotonic() + deadline
        with self.changed:
            while not (value := condition()):
                left = end - time.monotonic()
                assert left > 0, f"waited in vain for {what}; came: {self.story()}"
                self.changed.wait(left)
            return value

    def expect(self, client_id, kind, **fields):
        """Waits for a packet with these fields on any connection of a client id."""
        def fits(packet):
            return packet.kind == kind and all(getattr(packet, name) == value
                                               for name, value in fields.items())
        return self.wait_for(lambda: [packet for peer in self.connections(client_id)
                                      for packet in peer.packets if fits(packet)][:1],
                             f"{wire.NAMES[kind]} {fields} of {client_id}")[0]

    def story(self):
        """All that came, in words."""
        return "; ".join(f"{peer.client_id}: " + ", ".join(map(str, peer.packets[-12:]))
                         for peer in self.peers)

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ends:
                    return
                with self.changed:
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._read(key.data)
                    self.changed.notify_all()

    def _accept(self):
        connection = self._listener.accept()[0]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            try:
                connection.settimeout(DEADLINE_SECONDS)
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        peer = Peer(self, connection)
        self.peers.append(peer)
        self._selector.register(connection, selectors.EVENT_READ, peer)

    def _read(self, peer):
        try:
            data = peer.socket.recv(65536)
            while self._tls and peer.socket.pending():
                data += peer.socket.recv(65536)
            peer.take(data)
        except OSError:
            data = b""
        except wire.WireError as fault:
            self.faults.append(str(fault))
            data = b""
        if not data:
            peer.ended = True
            self._selector.unregister(peer.socket)
            peer.socket.close()

    def close(self):
        """Ends it, and says what was no packet."""
        self._end.close()
        self._thread.join()
        for peer in self.peers:
            peer.socket.close()
        self._listener.close()
        self._ends.close()
        self._selector.close()
        assert not self.faults, self.faults
