"""Names that come once and never again leave nothing in memory behind."""

import socket
import struct

from harness import wire
from harness.broker import DEADLINE_SECONDS, WS_CONFIG, wait_until
from harness.case import BrokerTest
from harness.websocket import BINARY, frame
from harness.wire import MQTT5, MQTT311, Will

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: a reset, and no port that waits for late segments
UPGRADE = ("GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Protocol: mqtt\r\nX-Forwarded-For: {}\r\n\r\n")


def address(number):
    """An IPv4 address of its own for each number."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class ChurnTest(BrokerTest):
    """The heap after three rounds of names is what it was after one, but for caches: each has a
    bound, and the one of routes is full before the first. That of addresses has 65,536 entries of
    less than `bytes_of_address`. A name that is kept for good takes more than `bytes_each`."""

    config = (WS_CONFIG + "max_connections_per_address 100\n"
              "listener {port2} 127.0.0.1\nenable_proxy_protocol 1\n"
              "max_connections_per_address 100\n")
    preamble = ("sys_interval 1\nconnection_messages false\nmax_connection_rate_per_address 1000\n"
                "max_login_failures 5\n")
    args = ()
    connections, names, bytes_each, bytes_of_address = 1500, 10_000, 100, 250

    def setUp(self):
        self.config = self.preamble + self.config
        super().setUp()

    def heap(self):
        """Bytes in use, as measured from now on."""
        reader = self.client()
        reader.subscribe("$SYS/broker/heap/current")
        figures = [int(reader.receive().payload) for _ in range(4)]
        reader.leave()
        return min(figures[2:])  # the first was retained, the second may be on its way

    def fill_routes(self):
        """Publishes more topics than each loop keeps the routes of: 4096."""
        for name in range(16):
            publisher = self.client()
            for first in range(0, 6000, 1000):
                publisher.send(b"".join(wire.publish(MQTT311, f"warm/{name}/{number}", b"", 0, None)
                                        for number in range(first, first + 1000)))
                publisher.ping()
            publisher.disconnect()

    def hold(self, round_of, count, bytes_each=bytes_each):
        """Calls `round_of(first number)` three times, and holds the heap to that of the first."""
        self.fill_routes()
        round_of(0)
        before = self.heap()
        for number in (1, 2):
            round_of(number * count)
        # What is due at the end of a round may go a little later.
        wait_until(lambda: self.heap() - before < 2 * count * bytes_each,
                   f"a heap like that after one round, {before} bytes")

    def visit(self, port, data, answer):
        """A connection that sends `data`, waits for so many bytes, and is reset."""
        with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as visitor:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            visitor.sendall(data)
            while answer > 0:
                received = visitor.recv(answer)
                self.assertNotEqual(received, b"")
                answer -= len(received)

    def visits(self, port, data_of, answer, bytes_each=bytes_each):
        """The same with data of its own for each number."""
        def round_of(first):
            for number in range(first, first + self.connections):
                self.visit(port, data_of(number), answer)
        self.hold(round_of, self.connections, bytes_each)

    def test_client_ids_and_wills(self):
        """A client id and a will topic for each connection; the wills are published."""
        self.visits(self.broker.port, lambda number: wire.connect(
            MQTT311, f"client{number}", will=Will(f"will/{number}/topic", b"gone")), 4)

    def test_sessions_that_expire(self):
        """A session with a subscription for each connection, for a second."""
        def data(number):
            return (wire.connect(MQTT5, f"session{number}", clean=False,
                                 properties=[(wire.SESSION_EXPIRY, 1)]) +
                    wire.subscribe(MQTT5, 1, [(f"filter/{number}", 1)]))
        self.visits(self.broker.port, data, 4 + 6)

    def test_proxy_addresses(self):
        """A client address for each PROXY header."""
        self.visits(self.broker.port2, lambda number: (
            f"PROXY TCP4 {address(number)} 192.0.2.1 4711 1883\r\n".encode() +
            wire.connect(MQTT311, f"proxied{number}")), 4, self.bytes_of_address)

    def test_forwarded_addresses(self):
        """A client address for each request."""
        accepted = len("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: \r\n"
                       "Sec-WebSocket-Protocol: mqtt\r\n\r\n") + 28
        self.visits(self.broker.ws_port, lambda number: (
            UPGRADE.format(address(number)).encode() +
            frame(BINARY, wire.connect(MQTT311, f"forwarded{number}"))), accepted + 2 + 4,
                    self.bytes_of_address)

    def test_topics(self):
        """Topics that are published once, with a subscriber who gets all of them."""
        watcher, publisher = self.client(), self.client()
        watcher.subscribe("topic/#")

        def round_of(first):
            for number in range(first, first + self.names):
                publisher.send(wire.publish(MQTT311, f"topic/{number}/name", b"x", 0, None))
                if number % 500 == 499:
                    publisher.ping()
                    watcher.drain()
        self.hold(round_of, self.names)

    def filters(self, name_of):
        """Filters that are subscribed to and given up, 500 in a packet."""
        client = self.client()

        def round_of(first):
            for start in range(first, first + self.names, 500):
                names = [name_of(number) for number in range(start, start + 500)]
                client.subscribe(*names)
                client.unsubscribe(*names)
        self.hold(round_of, self.names)

    def test_filters(self):
        """Filters with and without wildcards."""
        self.filters(lambda number: f"filter/{number}/" + ("+" if number % 2 else "name"))

    def test_groups(self):
        """Shared subscriptions, each of a group of its own."""
        self.filters(lambda number: f"$share/group{number}/filter/{number}")
