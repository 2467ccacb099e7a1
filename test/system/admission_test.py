"""Limits of who may come in and how fast: by listener and address, bans, rates of publishes."""

import socket

from harness import wire
from harness.broker import DEFAULT_CONFIG, wait_until
from harness.case import ALL, BrokerTest, versions
from harness.client import Client, TcpStream, unique
from harness.websocket import BINARY, WebSocket, frame
from harness.wire import MQTT5, MQTT311

# Everybody in these tests comes from 127.0.0.1, which is exempt by default.
COUNTED = "limits_exempt none\n" + DEFAULT_CONFIG


class Admission(BrokerTest):
    """What the tests here share."""

    autostart = False

    def attempt(self, version, port=None, **options):
        """A CONNECT on a new connection: the client and the CONNACK, or None if it was closed."""
        client = self.raw(version, port=port)
        try:
            client.send(wire.connect(version, client.client_id, **options))
            return client, client.receive()
        except OSError:
            return client, None

    def expect_refused(self, version, reason, port=None):
        """The next client is answered so, and closed."""
        client, connack = self.attempt(version, port)
        self.assertIsNotNone(connack, "closed without an answer")
        self.assertEqual(connack.reason, reason if version == MQTT5 else 3)
        client.expect_closed()

    def when_free(self, version=MQTT311, port=None):
        """Connects as soon as it is let in."""
        def attempt():
            client, connack = self.attempt(version, port)
            return client if connack and connack.reason == 0 else None
        return wait_until(attempt, "a client to be let in")

    def upgrade(self):
        """The answer to an upgrade."""
        web = WebSocket(self.broker.ws_port)
        self.addCleanup(web.close)
        web.send(web.request())
        return web.read_response(with_body=False)


class ConnectionsPerAddressTest(Admission):
    """max_connections_per_address."""

    @versions(*ALL)
    def test_mqtt(self, version):
        """One more is told so; a place is free again when somebody leaves; others do not count."""
        self.start(COUNTED + "max_connections_per_address 2\nlistener {port2} 127.0.0.1\n")
        first, second = self.when_free(version), self.when_free(version)
        self.expect_refused(version, 0x97)
        self.client(version, port=self.broker.port2)
        first.disconnect()
        self.when_free(version).ping()
        second.ping()
        self.broker.wait_for_log("denied: max_connections_per_address exceeded")

    def test_exempt(self):
        """Loopback addresses are, unless limits_exempt says otherwise."""
        self.start(DEFAULT_CONFIG + "max_connections_per_address 1\n")
        for client in [self.client() for _ in range(4)]:
            client.ping()

    def test_flood(self):
        """A flood costs a few lines of log, is counted, and others are served meanwhile."""
        self.start("sys_interval 1\n" + COUNTED + "max_connections_per_address 2\n"
                   "listener {port2} 127.0.0.1\n")
        held = [self.when_free(), self.when_free()]
        other = self.client(port=self.broker.port2)
        sockets = [socket.create_connection(("127.0.0.1", self.broker.port)) for _ in range(600)]
        other.ping()
        held[0].ping()
        for each in sockets:
            each.close()
        other.subscribe("$SYS/broker/limits/connections_per_address")
        wait_until(lambda: int(other.receive().payload) >= 600, "all to be counted")
        lines = self.broker.log_lines("denied: max_connections_per_address exceeded")
        self.assertLess(len(lines), 60)
        self.broker.wait_for_log(r"\d+ more connections were refused or closed: "
                                 "connections_per_address")


class ConnectionRateTest(Admission):
    """max_connection_rate and max_connection_rate_per_address."""

    @versions(*ALL)
    def test_of_the_listener(self, version):
        """A burst comes in, the next are told; loopback is no exception."""
        self.start(DEFAULT_CONFIG + "max_connection_rate 1\nmax_connection_burst 4\n")
        self.burst(version)

    @versions(MQTT311, MQTT5)
    def test_of_the_address(self, version):
        """The same by address."""
        self.start(COUNTED + "max_connection_rate_per_address 1\n"
                   "max_connection_burst_per_address 4\n")
        self.burst(version)

    def burst(self, version):
        """Connects until it is refused. The harness took one of four, to see the port answer."""
        clients = [self.client(version) for _ in range(3)]

        def refused():
            client, connack = self.attempt(version)
            clients.append(client)
            return client if connack.reason != 0 else None
        last = wait_until(refused, "a refusal")
        self.assertLess(len(clients), 10)
        clients.remove(last)
        last.expect_closed()
        self.broker.wait_for_log("max_connection_rate.* exceeded")
        self.when_free(version)
        for client in clients:
            client.ping()


class RefusedCallersTest(Admission):
    """What those do who are turned away politely."""

    def test_garbage(self):
        """Who does not speak MQTT is closed."""
        self.start(COUNTED + "max_connections_per_address 1\n")
        held = self.when_free()
        with socket.create_connection(("127.0.0.1", self.broker.port)) as stranger:
            stranger.settimeout(20)
            stranger.sendall(b"\x30\x02\x00\x00")
            try:
                self.assertEqual(stranger.recv(100), b"")
            except ConnectionResetError:
                pass
        held.ping()

    def test_no_session(self):
        """A refused client does not take over the session of its name."""
        self.start(COUNTED + "max_connections_per_address 1\n")
        held = self.when_free(MQTT5)
        again = self.raw(MQTT5, held.client_id)
        again.send(wire.connect(MQTT5, held.client_id))
        self.assertEqual(again.receive().reason, 0x97)
        held.ping()


class BanTest(Admission):
    """max_login_failures."""

    limits = "max_login_failures 3\nlogin_ban_time {}\n"

    def start_with_users(self, ban_seconds, exempt="limits_exempt none\n"):
        """A broker with a user whose password nobody knows."""
        self.start(exempt + self.limits.format(ban_seconds) +
                   DEFAULT_CONFIG.replace("allow_anonymous true", "allow_anonymous false"))

    @versions(*ALL)
    def test_ban(self, version):
        """After so many failures the address is closed at once, and told on open connections."""
        self.start_with_users(600)
        early = self.raw(version)
        self.broker.wait_for_log("New connection from .*")
        for _ in range(3):
            client, connack = self.attempt(version)
            self.assertEqual(connack.reason, 0x87 if version == MQTT5 else 5)
        self.broker.wait_for_log("Address 127.0.0.1 is banned for 600 seconds")
        client, connack = self.attempt(version)
        self.assertIsNone(connack)
        early.send(wire.connect(version, early.client_id))
        self.assertEqual(early.receive().reason, 0x8A if version == MQTT5 else 5)
        early.expect_closed()

    def test_ban_ends(self):
        """When its time is over the address may try again."""
        self.start_with_users(1)
        for _ in range(3):
            self.attempt(MQTT311)
        self.broker.wait_for_log("Address 127.0.0.1 is banned")

        def let_in():
            _, connack = self.attempt(MQTT311)
            return connack is not None and connack.reason == 5
        wait_until(let_in, "the ban to end")

    def test_nobody_waits_for_the_answer(self):
        """A failure counts also if the client closes before it hears of it."""
        self.start_with_users(600)
        for _ in range(3):
            client = self.raw()
            client.send(wire.connect(MQTT311, unique("guess")))
            client.close()
        self.broker.wait_for_log("Address 127.0.0.1 is banned")

    def test_exempt(self):
        """An exempt address is never banned."""
        self.start_with_users(600, exempt="")
        for _ in range(5):
            _, connack = self.attempt(MQTT311)
            self.assertEqual(connack.reason, 5)


class LoginBytesTest(Admission):
    """max_login_bytes_per_address."""

    def hold(self, source="127.0.0.1", header=b"", port=None):
        """Sends all but the end of a large CONNECT, and leaves it so."""
        whole = wire.connect(MQTT311, unique("half"), will=wire.Will("w", b"x" * 60_000))
        stream = TcpStream(("127.0.0.1", port or self.broker.port), (source, 0))
        self.addCleanup(stream.close)
        try:
            stream.send(header + whole[:-1])
        except OSError:
            pass  # it is closed already
        return stream

    def refused(self):
        """How many connections that limit has closed."""
        watcher = self.client()
        watcher.subscribe("$SYS/broker/limits/login_bytes_per_address")
        count = int(watcher.receive().payload)
        watcher.close()
        return count

    def test_many_connections_of_one_address(self):
        """They keep no more than that together; small clients and other addresses come in."""
        self.start("sys_interval 1\nmax_login_bytes_per_address 1000000\n" + COUNTED)
        held = [self.hold() for _ in range(60)]
        wait_until(lambda: self.refused() >= 30, "most of them to be closed")
        self.broker.wait_for_log("closed: the connections of its address keep as much before their "
                                 "logins as max_login_bytes_per_address allows")
        self.assertLess(len(self.broker.log_lines("max_login_bytes_per_address allows")), 40)
        self.client().ping()
        will = wire.Will("w", b"x" * 60_000)
        other = Client(TcpStream(("127.0.0.1", self.broker.port), ("127.0.0.2", 0)))
        self.addCleanup(other.close)
        other.connect(will=will)
        for each in held:
            each.close()

        def large():
            client, connack = self.attempt(MQTT311, will=will)
            return client if connack else None
        wait_until(large, "a large CONNECT to be taken again").ping()
        self.assertLess(self.refused(), 60)

    def test_behind_a_proxy(self):
        """Clients count under their own addresses, in a PROXY header as in X-Forwarded-For."""
        self.start("sys_interval 1\nmax_login_bytes_per_address 200000\n" + COUNTED +
                   "listener {port2} 127.0.0.1\nenable_proxy_protocol 1\n"
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n"
                   "trusted_proxies 127.0.0.1\n")
        connect = wire.connect(MQTT311, unique("half"), will=wire.Will("w", b"x" * 60_000))[:-1]

        def websocket(address):
            held = WebSocket(self.broker.ws_port)
            self.addCleanup(held.close)
            held.handshake(extra=[("X-Forwarded-For", address)])
            try:
                held.send(frame(BINARY, connect))
            except OSError:
                pass  # it is closed already
        for number in range(1, 21):
            self.hold(header=b"PROXY TCP4 192.0.2.%d 192.0.2.1 99 1883\r\n" % number,
                      port=self.broker.port2)
            websocket(f"198.51.100.{number}")
        self.assertEqual(self.refused(), 0)
        for _ in range(5):
            self.hold(header=b"PROXY TCP4 192.0.2.7 192.0.2.1 99 1883\r\n",
                      port=self.broker.port2)
        self.broker.wait_for_log(r"Connection from 192\.0\.2\.7:99 closed: the connections of its")
        wait_until(lambda: self.refused() > 0, "the figure to say so")
        before = self.refused()
        for _ in range(8):
            websocket("198.51.100.7")
        wait_until(lambda: self.refused() > before, "clients of a WebSocket to be refused, too")


class WebSocketAnswersTest(Admission):
    """What HTTP clients are told."""

    config = DEFAULT_CONFIG + "listener {ws_port} 127.0.0.1\nprotocol websockets\n"

    def answer(self, limit):
        """The answer to the second upgrade under a limit of one."""
        self.start("limits_exempt none\n" + self.config + limit)

        def refusal():
            response = self.upgrade()
            return response if response.status != 101 else None
        return wait_until(refusal, "a refusal")

    def test_rate(self):
        """503 with Retry-After if all together are too fast."""
        response = self.answer("max_connection_rate 1\n")
        self.assertEqual(response.status, 503)
        self.assertIn("retry-after", {name.lower() for name in response.headers})

    def test_address(self):
        """429 if it is the client's own address."""
        for limit in ("max_connection_rate_per_address 1\n", "max_connections_per_address 1\n"):
            response = self.answer(limit)
            self.assertEqual(response.status, 429)
            self.assertIn("retry-after", {name.lower() for name in response.headers})


class PublishRateTest(Admission):
    """max_publish_rate and max_publish_bytes_rate."""

    @versions(*ALL)
    def test_delay(self, version):
        """Everything arrives, as fast as it may; others are not held up."""
        self.start(DEFAULT_CONFIG + "max_publish_rate 40\n")
        hearer, publisher, other = (self.client(version) for _ in range(3))
        hearer.subscribe("t/#")
        publisher.send(b"".join(wire.publish(version, "t/fast", b"%d" % i, 0) for i in range(80)))
        other.publish("t/slow", b"x", 1)
        seen = [hearer.receive() for _ in range(81)]
        slow = [packet.topic for packet in seen].index("t/slow")
        self.assertLess(slow, 60)
        fast = [packet.payload for packet in seen if packet.topic == "t/fast"]
        self.assertEqual(fast, [b"%d" % i for i in range(80)])
        publisher.ping()

    @versions(*ALL)
    def test_disconnect(self, version):
        """Who is too fast is disconnected: 0x96, or 0x97 for bytes."""
        for limit, reason in (("max_publish_rate 5\n", 0x96),
                              ("max_publish_bytes_rate 100\n", 0x97)):
            self.start(DEFAULT_CONFIG + limit + "publish_rate_policy disconnect\n")
            client = self.client(version)
            client.send(wire.publish(version, "t", b"x" * 30, 0) * 20)
            if version == MQTT5:
                packet = client.receive()
                self.assertEqual((packet.kind, packet.reason), (wire.DISCONNECT, reason))
            client.expect_closed()


class HandshakeTimeTest(Admission):
    """handshake_timeout: the time until CONNECT, whatever comes before it."""

    def test_slowly(self):
        """A byte now and then earns no more time, on MQTT as on WebSocket; others are served."""
        self.start("handshake_timeout 1\n" + DEFAULT_CONFIG +
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n")
        held = self.client()
        head = b"GET /mqtt HTTP/1.1\r\nX-Header: " + b"x" * 1000
        for port, data in ((self.broker.port, wire.connect(MQTT311, "c" * 200)),
                           (self.broker.ws_port, head)):
            with socket.create_connection(("127.0.0.1", port)) as slow:
                slow.settimeout(0.05)
                self.assertTrue(self.ends_while_trickling(slow, data))
            held.ping()
        self.broker.wait_for_log("did not send CONNECT in time")
        self.broker.wait_for_log("no WebSocket handshake came in time")

    @staticmethod
    def ends_while_trickling(slow, data):
        """Sends a byte at a time, and says whether the end came before the last."""
        for byte in data:
            try:
                slow.sendall(bytes([byte]))
                if slow.recv(100) == b"":
                    return True
            except TimeoutError:
                continue
            except OSError:
                return True
        return False

    def test_websocket_without_connect(self):
        """An open WebSocket earns no second time-out of its own."""
        self.start("handshake_timeout 1\n" + DEFAULT_CONFIG +
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n")
        self.websocket().expect_close(1008)
