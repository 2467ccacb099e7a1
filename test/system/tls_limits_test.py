"""TLS clients over a limit, and those who do not keep to the protocol."""

import os
import random
import select
import socket

from harness import wire
from harness.broker import DEADLINE_SECONDS, thread_count, wait_until
from harness.certificates import server_lines
from harness.client import TcpStream, unique
from harness.tls import LISTENER, TlsTest, context
from harness.websocket import WebSocket
from harness.wire import MQTT5, MQTT311


class LimitsTest(TlsTest):
    """Clients that are turned away where TLS comes first."""

    WEB = "listener {ws_port} 127.0.0.1\nprotocol websockets\n" + server_lines()

    def secure_websocket(self):
        """A WebSocket over TLS whose request was sent."""
        made = WebSocket(self.broker.ws_port)
        made.socket = context().wrap_socket(made.socket, server_hostname="localhost")
        self.addCleanup(made.close)
        made.send(made.request())
        return made

    def try_client(self):
        """A client, or None if it is turned away."""
        try:
            return self.tls_client()
        except (OSError, AssertionError):
            return None

    def test_connections_per_address(self):
        """Who is one too many gets the protocol's answer, inside TLS."""
        self.start("limits_exempt none\nsys_interval 1\nallow_anonymous true\n"
                   + LISTENER + server_lines() + "max_connections_per_address 1\n"
                   + self.WEB + "max_connections_per_address 1\ntrusted_proxies none\n")
        # The harness looked at the port, too.
        held = wait_until(self.try_client, "a client to be let in")
        self.tls_raw(MQTT5).connect(0x97)
        self.tls_raw(MQTT311).connect(3)
        self.broker.wait_for_log("denied: max_connections_per_address exceeded")
        wait_until(lambda: self.web_status() == 101, "a WebSocket to be let in")
        response = self.secure_websocket().read_response(with_body=False)
        self.assertEqual((response.status, "retry-after" in response.headers), (429, True))
        held.subscribe("$SYS/broker/limits/connections_per_address")
        wait_until(lambda: int(held.receive().payload) >= 3, "all to be counted")

    def web_status(self):
        """What a WebSocket is answered."""
        return self.secure_websocket().read_response(with_body=False).status

    def test_behind_a_proxy(self):
        """A browser is judged by its request, where a proxy may say who it is."""
        self.start("limits_exempt none\nallow_anonymous true\n" + self.WEB
                   + "max_connections_per_address 1\n")
        first = self.secure_websocket()
        self.assertEqual(first.read_response(with_body=False).status, 101)
        response = self.secure_websocket().read_response(with_body=False)
        self.assertEqual((response.status, "retry-after" in response.headers), (429, True))

    def test_proxy_header_is_due(self):
        """Who is over a limit before his PROXY header came is closed: it would be taken for TLS."""
        self.start("allow_anonymous true\n" + self.WEB + "enable_proxy_protocol 1\n"
                   "max_connections 1\n")
        def begins():
            stream = TcpStream(("127.0.0.1", self.broker.ws_port)).socket
            self.addCleanup(stream.close)
            try:
                stream.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + self.hello())
                return stream.recv(1) == b"\x16"
            except ConnectionError:
                return False
        wait_until(begins, "a place")
        self.assertFalse(begins())
        self.broker.wait_for_log("denied: max_connections exceeded")
        self.assertEqual(self.broker.log_lines("closed:|which expects"), [])

    def test_connection_rate(self):
        """Above max_connection_rate clients are told so, but only so many a second: a handshake
        costs more than the limit is to save."""
        self.start("allow_anonymous true\nlimits_exempt none\n" + LISTENER + server_lines()
                   + "max_connection_rate 1\n" + self.WEB
                   + "max_connection_rate 1\ntrusted_proxies none\n")
        def reason():
            client = self.tls_raw(MQTT5)
            client.send(wire.connect(MQTT5, client.client_id))
            return client.receive().reason
        wait_until(lambda: reason() == 0x9F, "the rate to be exceeded")
        wait_until(lambda: self.web_status() == 503, "the same on a WebSocket")
        crowd = [TcpStream(("127.0.0.1", self.broker.port)).socket for _ in range(400)]
        for each in crowd:
            self.addCleanup(each.close)
        wait_until(lambda: len(select.select(crowd, [], [], 0)[0]) > 100,
                   "those who come too fast to be closed")

    def test_ban(self):
        """An address with too many failed logins gets no handshake, and no answer."""
        self.start("limits_exempt none\nmax_login_failures 2\nlogin_ban_time 600\n" + LISTENER
                   + server_lines() + self.WEB)
        for _ in range(2):
            self.tls_raw().connect(5)
        self.broker.wait_for_log("Address 127.0.0.1 is banned")
        self.no_handshake("denied: its address is banned")
        self.assertEqual(self.secure_websocket().socket.recv(1), b"")
        # A line for each, or within a second of one loop one for both.
        lines = "denied: its address is banned|1 more connections were refused or closed: banned"
        wait_until(lambda: len(self.broker.log_lines(lines)) == 2, "both lines")


class FloodTest(TlsTest):
    """Those who do not keep to the rules."""

    def setUp(self):
        self.start("allow_anonymous true\n" + LISTENER + server_lines())

    def memory(self):
        """Resident memory of the broker in bytes."""
        with open(f"/proc/{self.broker.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_half_open(self):
        """Hundreds of half handshakes: connected clients are served, new ones get in."""
        client = self.tls_client()
        hello, before = self.hello(), self.memory()
        for number in range(400):
            stream = TcpStream(("127.0.0.1", self.broker.port))
            self.addCleanup(stream.close)
            stream.send(hello if number % 2 else hello[:40])
            if number % 20 == 0:
                client.ping()
        client.ping()
        self.tls_client().ping()
        if not self.broker.is_sanitized():  # sanitizers keep what was freed
            self.assertLess(self.memory() - before, 400 * 120_000)

    def test_garbage(self):
        """Bytes that are no TLS, before and inside of a handshake."""
        # The same each time: what begins like the ClientHello of SSL 2 is waited for.
        hello, chance = self.hello(), random.Random(1)
        for data in (b"\x16\x03\x01\xff\xff" + bytes(70_000), chance.randbytes(5000), bytes(5000),
                     hello + chance.randbytes(500), hello[:50] + bytes(20_000)):
            stream = TcpStream(("127.0.0.1", self.broker.port))
            try:
                stream.send(data)
                while stream.receive(DEADLINE_SECONDS):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            stream.close()
        self.tls_client().ping()

    def test_broken_record(self):
        """A record that was changed on its way ends the connection, and the log says so."""
        client = self.tls_client()
        raw = socket.socket(fileno=os.dup(client.stream.socket.fileno()))
        self.addCleanup(raw.close)
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        client.expect_closed()
        self.broker.wait_for_log("closed: TLS failed: decryption failed or bad record mac")

    def test_threads(self):
        """Many clients at once, on whatever loop they belong."""
        clients = [self.tls_client(client_id=unique("many")) for _ in range(20 * thread_count())]
        for number, client in enumerate(clients):
            client.subscribe(f"many/{number}", qos=1)
        for number, client in enumerate(clients):
            clients[number - 1].publish(f"many/{number}", str(number).encode(), 1)
            client.expect_publish(f"many/{number}", str(number), qos=1, answer=True)
