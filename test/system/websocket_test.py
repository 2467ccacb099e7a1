"""The WebSocket listener: handshakes, frames, and MQTT inside."""

import socket
import time

from harness import websocket, wire
from harness.broker import WS_CONFIG, free_port
from harness.case import ALL, BrokerTest, versions
from harness.client import Client, unique
from harness.proxies import nginx_http
from harness.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, frame
from harness.wire import MQTT5, MQTT311, Will


class WebSocketTest(BrokerTest):
    """Base of this module: one TCP and one WebSocket listener."""

    config = WS_CONFIG

    def socket(self, **options):
        """A WebSocket before its handshake."""
        opened = WebSocket(self.broker.ws_port, **options)
        self.addCleanup(opened.close)
        return opened

    def mqtt(self, version=MQTT311, **options):
        """An open WebSocket on which CONNECT was accepted, without the Client around it."""
        opened = self.websocket()
        opened.send_frame(BINARY, wire.connect(version, unique(), **options))
        opened.expect(BINARY)
        return opened

    def is_alive(self, opened):
        """A PINGREQ is answered."""
        opened.send_frame(BINARY, wire.pingreq())
        opened.expect(BINARY, b"\xd0\x00")


class HandshakeTest(WebSocketTest):
    """What is accepted and what is answered with an HTTP status."""

    def offered(self, protocols):
        """The subprotocol that the broker picks."""
        opened = self.socket(protocols=protocols).handshake()
        return opened.response.headers.get("sec-websocket-protocol")

    def test_subprotocols(self):
        """[MQTT-6.0.0-3] [MQTT-6.0.0-4] The header is a list; one of it is chosen."""
        for protocols, chosen in (("mqtt", {"mqtt"}), ("mqttv3.1", {"mqttv3.1"}),
                                  ("foo, mqtt", {"mqtt"}), ("mqtt,bar", {"mqtt"}),
                                  ("  foo ,mqttv3.1 , bar", {"mqttv3.1"}),
                                  ("mqttv3.1, mqtt", {"mqtt", "mqttv3.1"})):
            self.assertIn(self.offered(protocols), chosen)

    def test_subprotocol_header_twice(self):
        """A list may be spread over several headers (RFC 9110, 5.3)."""
        opened = self.socket(protocols="foo").handshake(extra=[("Sec-WebSocket-Protocol", "mqtt")])
        self.assertEqual(opened.response.headers.get("sec-websocket-protocol"), "mqtt")

    def test_no_fitting_subprotocol(self):
        """No subprotocol of the list is spoken here."""
        self.socket(protocols="chat, mqttx").refused(400)

    def test_any_path(self):
        """Without http_path every path is good."""
        for path in ("/", "/mqtt", "/a/b?c=d"):
            self.socket(path=path).handshake()

    def test_header_spelling(self):
        """Names and tokens of headers know no case; Connection is a list."""
        self.socket().handshake(Connection="keep-alive, UPGRADE", Upgrade="WebSocket")

    def test_answer(self):
        """The answer to an upgrade looks as Mosquitto's does."""
        opened = self.socket().handshake()
        head = opened.response.raw_head
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "))
        self.assertIn(b"Upgrade: WebSocket", head)
        self.assertIn(b"Connection: Upgrade", head)

    def test_byte_by_byte(self):
        """A request in single bytes."""
        opened = self.socket()
        for byte in opened.request():
            opened.send(bytes([byte]))
        opened.expect_accepted()

    def test_wrong_method(self):
        """Only GET upgrades: 405."""
        for method in ("POST", "PUT", "OPTIONS"):
            self.socket().refused(405, method=method)

    def test_wrong_version(self):
        """RFC 6455, 4.4: 426 with the version that is spoken."""
        for version in ("8", "14", "0"):
            response = self.socket().refused(426, Sec_WebSocket_Version=version)
            self.assertEqual(response.headers.get("sec-websocket-version"), "13")

    def test_missing_headers(self):
        """Each header that is due; the text says which one is missing."""
        for header in ("Upgrade", "Connection", "Sec-WebSocket-Key"):
            opened = self.socket()
            opened.send(opened.request(drop=(header,)))
            response = opened.read_response()
            self.assertIn(response.status, (400, 426))
            self.assertIn(header.lower().encode(), response.body.lower())

    def test_harmless_defects(self):
        """What Mosquitto takes is taken, and a line names what is wrong."""
        for key in ("c2hvcnQ=", "x" * 24, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"):
            opened = self.socket()
            opened.key = key
            opened.handshake()
        self.broker.wait_for_log("Sec-WebSocket-Key is not 16 bytes")
        for options in ({"version": "HTTP/1.0"}, {"drop": ("Host",)},
                        {"drop": ("Sec-WebSocket-Version", "Host"), "version": "HTTP/1.0"}):
            self.socket().handshake(**options)

    def test_ambiguous_headers(self):
        """Two keys or two hosts, or no key: nobody knows what is meant."""
        self.socket().refused(400, Sec_WebSocket_Key="")
        self.socket().refused(400, extra=[("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")])
        self.socket().refused(400, extra=[("Host", "other.example")])

    def test_nginx_with_http_1_0(self):
        """nginx without 'proxy_http_version 1.1' reaches the broker, which names the directive."""
        port = free_port()
        proxy = nginx_http(port, mqtt="proxy_http_version 1.0; "
                           f"proxy_pass http://127.0.0.1:{self.broker.ws_port};")
        self.addCleanup(proxy.close)
        opened = WebSocket(port)
        self.addCleanup(opened.close)
        opened.handshake().send_frame(BINARY, wire.connect(MQTT311, unique()))
        opened.expect(BINARY)
        self.is_alive(opened)
        self.broker.wait_for_log(r"HTTP/1\.0 \(nginx needs 'proxy_http_version 1\.1;'\)")

    def test_no_http(self):
        """A request line that is none is answered with 400."""
        opened = self.socket()
        opened.send(b"BLUBB\r\n\r\n")
        self.assertIn(opened.read_response().status, (400, 405))

    def test_headers_of_8_kib(self):
        """Headers up to 8 KiB are read, more are answered with 431."""
        self.socket().handshake(X_Cookie="c" * 7500)
        opened = self.socket()
        opened.send(opened.request(X_Cookie="c" * 20000))
        response = opened.read_response()
        self.assertEqual(response.status, 431)
        self.assertTrue(response.body.strip())

    def test_endless_headers(self):
        """Headers that never end are cut off."""
        opened = self.socket()
        try:
            opened.send(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 20000)
        except (BrokenPipeError, ConnectionResetError):
            return
        self.assertEqual(opened.read_response().status, 431)

    def test_connection_ends_after_refusal(self):
        """A refused handshake closes the connection, and the log names the status."""
        opened = self.socket()
        opened.refused(426, Sec_WebSocket_Version="8")
        self.assertEqual(opened.socket.recv(1), b"")
        self.broker.wait_for_log(r"127\.0\.0\.1.*426|426.*127\.0\.0\.1")

    def test_many_in_a_second(self):
        """A connect takes milliseconds."""
        started = time.monotonic()
        for _ in range(20):
            self.ws_client()
        self.assertLess(time.monotonic() - started, 3)


class OptionsTest(WebSocketTest):
    """http_path, websockets_origin, websockets_headers_size, http_dir, ping interval."""

    autostart = False

    def test_http_path(self):
        """Only this path upgrades, the query does not count; others get 404."""
        self.start(self.config + "http_path /mqtt\n")
        self.socket(path="/mqtt").handshake()
        self.socket(path="/mqtt?token=1").handshake()
        self.socket(path="http://a.example/mqtt").handshake()
        for path in ("/", "/mqtt2", "/MQTT", "/mqtt/x"):
            self.socket(path=path).refused(404)

    def test_origin(self):
        """Origins are compared exactly; the option may be given more than once."""
        self.start(self.config + "websockets_origin https://a.example\n"
                   "websockets_origin https://b.example:8443\n")
        for origin in ("https://a.example", "https://b.example:8443"):
            self.socket().handshake(Origin=origin)
        for origin in ("https://a.example.evil", "http://a.example", "https://b.example", "null"):
            self.socket().refused(403, Origin=origin)

    def test_websockets_headers_size(self):
        """A smaller limit is kept."""
        self.start("websockets_headers_size 1024\n" + self.config)
        self.socket().handshake()
        opened = self.socket()
        opened.send(opened.request(X_A="a" * 2000))
        response = opened.read_response()
        self.assertEqual(response.status, 431)
        self.assertIn(b"websockets_headers_size", response.body)

    def test_values_that_never_match(self):
        """A value that no client sends is warned about, with the one that they send."""
        self.start(self.config + "websockets_origin https://a.example/\nhttp_path mqtt\n")
        self.broker.wait_for_log("'websockets_origin' 'https://a.example/' never matches: "
                                 "browsers send 'https://a.example'")
        self.broker.wait_for_log("'http_path' 'mqtt' never matches: .* write '/mqtt'")

    def test_http_dir(self):
        """Files of http_dir, with their types, and nothing outside of it."""
        self.start(self.config + "http_dir {dir}/www\n",
                   {"www/index.html": "<h1>hello</h1>", "www/sub/a.js": "let x = 1;",
                    "secret.txt": "secret"})
        (self.broker.directory / "www").chmod(0o755)
        response = self.get("/index.html")
        self.assertEqual((response.status, response.body), (200, b"<h1>hello</h1>"))
        self.assertIn("text/html", response.headers["content-type"])
        self.assertEqual(self.get("/").body, b"<h1>hello</h1>")
        response = self.get("/sub/a.js")
        self.assertEqual((response.status, response.body), (200, b"let x = 1;"))
        self.assertIn("javascript", response.headers["content-type"])
        self.assertEqual(self.get("http://a.example/sub/a.js").body, b"let x = 1;")
        self.assertEqual(self.get("/none.html").status, 404)
        for path in ("/../secret.txt", "/sub/../../secret.txt", "/%2e%2e/secret.txt",
                     "/..%2fsecret.txt", "/../www/index.html", "//etc/passwd", "/sub/%00",
                     "/\\..\\secret.txt"):
            response = self.get(path)
            self.assertIn(response.status, (400, 403, 404), path)
        self.socket(path="/mqtt").handshake()

    def test_http_dir_and_a_lost_header(self):
        """A proxy that drops Upgrade is told so, also where files are served."""
        self.start(self.config + "http_dir {dir}/www\n", {"www/index.html": "hello"})
        opened = self.socket(path="/mqtt")
        opened.send(opened.request(drop=("Upgrade",)))
        response = opened.read_response()
        self.assertEqual(response.status, 426)
        self.assertIn(b"Upgrade", response.body)

    def get(self, path):
        """A plain GET."""
        opened = self.socket()
        opened.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return opened.read_response()

    def test_a_large_file_for_a_slow_reader(self):
        """A client that does not read its file delays nobody, and still gets all of it."""
        size = 64 << 20
        self.start(self.config + "http_dir {dir}/www\n", {"www/small.txt": "small"})
        with open(self.broker.directory / "www/large.bin", "wb") as file:
            file.truncate(size)
        slow = self.socket()
        slow.send(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        client = self.ws_client()
        client.subscribe("t")
        for number in range(5):
            client.publish("t", str(number))
            client.expect_publish("t", str(number))
            self.assertEqual(self.get("/small.txt").body, b"small")
        response = slow.read_response()
        self.assertEqual((response.status, len(response.body)), (200, size))

    def test_http_dir_links_lead_nowhere(self):
        """A symbolic link out of http_dir is not followed."""
        self.start(self.config + "http_dir {dir}/www\n",
                   {"www/index.html": "x", "secret.txt": "secret"})
        (self.broker.directory / "www/link.txt").symlink_to("../secret.txt")
        self.assertIn(self.get("/link.txt").status, (403, 404))

    def test_ping_interval(self):
        """websockets_ping_interval: pings in silence, and an answered one keeps the connection."""
        self.start(self.config + "websockets_ping_interval 1\n")
        opened = self.mqtt()
        for _ in range(2):
            ping = opened.expect(PING)
            opened.send_frame(PONG, ping.payload)
        self.is_alive(opened)

    def test_no_pings_by_default(self):
        """Without the option the broker sends none."""
        self.start()
        opened = self.mqtt()
        self.let_time_pass(2)
        self.is_alive(opened)


class FramesTest(WebSocketTest):
    """Frames in both directions."""

    def test_a_frame_for_each_packet(self):
        """A client with a message limit is sent no message longer than its longest packet."""
        publisher = self.client()
        for number in range(300):
            publisher.publish(f"many/{number}", "x" * 100, 1, retain=True)
        opened = self.mqtt()
        opened.send_frame(BINARY, wire.subscribe(MQTT311, 1, [("many/#", 0)])
                          + wire.pingreq())
        received = [opened.expect(BINARY).payload for _ in range(302)]
        self.assertLess(max(map(len, received)), 150)
        self.assertEqual(sum(packet[0] == 0x31 for packet in received), 300)

    @versions(*ALL)
    def test_round_trip(self, version):
        """[MQTT-6.0.0-1] MQTT in binary frames, between WebSocket and TCP."""
        over_ws, over_tcp = self.ws_client(version), self.client(version)
        over_ws.subscribe("ws/+", qos=2)
        over_tcp.subscribe("tcp/+", qos=2)
        for qos in (0, 1, 2):
            over_tcp.publish("ws/a", "to ws", qos)
            over_ws.expect_publish("ws/a", "to ws", qos=qos)
            over_ws.publish("tcp/a", "to tcp", qos)
            over_tcp.expect_publish("tcp/a", "to tcp", qos=qos)

    def test_packet_over_frames(self):
        """[MQTT-6.0.0-2] A packet may be split over frames, down to single bytes."""
        opened = self.websocket()
        for byte in wire.connect(MQTT311, "split"):
            opened.send_frame(BINARY, bytes([byte]))
        opened.expect(BINARY, b"\x20\x02\x00\x00")
        self.is_alive(opened)

    def test_packets_in_a_frame(self):
        """[MQTT-6.0.0-2] A frame may hold many packets and a half."""
        opened, watcher = self.mqtt(), self.client()
        watcher.subscribe("m/+")
        data = b"".join(wire.publish(MQTT311, f"m/{n}", "x" * n) for n in range(200))
        opened.send_frame(BINARY, data[:-50])
        opened.send_frame(BINARY, data[-50:])
        for number in range(200):
            watcher.expect_publish(f"m/{number}", "x" * number)

    def test_empty_frame(self):
        """An empty binary frame means nothing."""
        opened = self.mqtt()
        opened.send_frame(BINARY, b"")
        self.is_alive(opened)

    def test_data_in_the_segment_of_the_handshake(self):
        """Frames that arrive in the same segment as the request."""
        opened = self.socket()
        opened.send(opened.request() + frame(BINARY, wire.connect(MQTT311, "hasty"))
                    + frame(BINARY, wire.pingreq()))
        opened.expect_accepted()
        client = Client(websocket.WebSocketStream(opened))
        client.expect(wire.CONNACK, reason=0)
        client.expect(wire.PINGRESP)

    def test_byte_by_byte(self):
        """Frames that arrive in single bytes."""
        opened = self.websocket()
        for byte in frame(BINARY, wire.connect(MQTT311, "slow")) + frame(BINARY, wire.pingreq()):
            opened.send(bytes([byte]))
        client = Client(websocket.WebSocketStream(opened))
        client.expect(wire.CONNACK, reason=0)
        client.expect(wire.PINGRESP)

    def test_fragments_with_control_frames_between(self):
        """RFC 6455, 5.4: a fragmented message with pings between its parts."""
        opened = self.websocket()
        data = wire.connect(MQTT311, "parts")
        opened.send_frame(BINARY, data[:5], fin=False)
        opened.send_frame(PING, b"one")
        opened.send_frame(CONTINUATION, data[5:9], fin=False)
        opened.send_frame(PING, b"two")
        opened.send_frame(CONTINUATION, data[9:])
        found = [opened.receive() for _ in range(3)]
        self.assertEqual([f.payload for f in found if f.opcode == PONG], [b"one", b"two"])
        self.assertEqual([f.payload for f in found if f.opcode == BINARY], [b"\x20\x02\x00\x00"])

    def test_each_ping_is_answered(self):
        """Several pings in one segment get several pongs, in order."""
        opened = self.mqtt()
        payloads = [b"", b"a", b"b" * 125]
        opened.send(b"".join(frame(PING, payload) for payload in payloads))
        for payload in payloads:
            opened.expect(PONG, payload)

    def test_unsolicited_pong(self):
        """A pong that nobody asked for is ignored."""
        opened = self.mqtt()
        opened.send_frame(PONG, b"x")
        self.is_alive(opened)

    def test_big_payloads(self):
        """900 KB both ways, and not at 41 kB/s."""
        over_ws, payload = self.ws_client(), bytes(range(256)) * 3600
        over_ws.subscribe("big", qos=1)
        started = time.monotonic()
        self.client().publish("big", payload, 1)
        over_ws.expect_publish("big", payload)
        over_ws.send(wire.publish(MQTT311, "big", payload, 1, 9))
        kinds = {over_ws.receive().kind, over_ws.receive().kind}
        self.assertEqual(kinds, {wire.PUBACK, wire.PUBLISH})
        self.assertLess(time.monotonic() - started, 5)

    def test_frame_lengths(self):
        """All three forms of the length, around their borders."""
        opened, watcher = self.mqtt(), self.client()
        watcher.subscribe("len")
        overhead = 2 + len("len")
        for size in (125, 126, 127, 65535, 65536, 70000):
            body = size - 2 - overhead - (size > 129) - (size > 16386)
            packet = wire.publish(MQTT311, "len", b"z" * body)
            opened.send_frame(BINARY, packet)
            watcher.expect_publish("len", b"z" * body)


class CloseTest(WebSocketTest):
    """How connections end."""

    def test_text_frame(self):
        """[MQTT-6.0.0-1] Text frames are closed with 1003."""
        opened = self.mqtt()
        opened.send_frame(TEXT, b"hello")
        opened.expect_close(1003)

    def test_protocol_errors(self):
        """RFC 6455: everything that ends with 1002."""
        cases = {
            "unmasked": frame(BINARY, b"\xc0\x00", mask=None),
            "RSV1": frame(BINARY, b"\xc0\x00", rsv=4),
            "RSV3": frame(PING, b"", rsv=1),
            "opcode 3": frame(3, b"x"),
            "opcode 11": frame(11, b"x"),
            "ping of 126 bytes": frame(PING, b"p" * 126),
            "fragmented ping": frame(PING, b"p", fin=False),
            "continuation of nothing": frame(CONTINUATION, b"x"),
            "data within a message": frame(BINARY, b"\xc0", fin=False) + frame(BINARY, b"\x00"),
            "close of one byte": frame(CLOSE, b"\x03"),
            "close 999": frame(CLOSE, websocket.close_payload(999)),
            "close 1005": frame(CLOSE, websocket.close_payload(1005)),
            "length of 2^63": b"\x82\xff\x80\0\0\0\0\0\0\x01\0\0\0\0",
        }
        for name, data in cases.items():
            with self.subTest(name):
                opened = self.mqtt()
                opened.send(data)
                opened.expect_close(1002)

    def test_close_handshake(self):
        """A Close is answered with its code, then TCP ends."""
        for payload, code in ((websocket.close_payload(1000, b"bye"), 1000),
                              (websocket.close_payload(1001), 1001),
                              (websocket.close_payload(3000), 3000)):
            opened = self.mqtt()
            opened.send_frame(CLOSE, payload)
            self.assertEqual(opened.expect(CLOSE).close_code, code)
            opened.expect_end()

    def test_close_without_code(self):
        """An empty Close is answered too."""
        opened = self.mqtt()
        opened.send_frame(CLOSE)
        self.assertIn(opened.expect(CLOSE).close_code, (None, 1000))
        opened.expect_end()

    def test_disconnect_then_close(self):
        """After DISCONNECT the broker closes the WebSocket properly."""
        opened = self.mqtt()
        opened.send_frame(BINARY, wire.disconnect(MQTT311))
        opened.expect_close(1000)

    def test_close_without_disconnect_sends_the_will(self):
        """A Close without DISCONNECT sends the will at once."""
        watcher = self.client()
        watcher.subscribe("w/close")
        opened = self.mqtt(will=Will("w/close"))
        opened.send_frame(CLOSE, websocket.close_payload(1000))
        watcher.expect_publish("w/close")

    def test_error_sends_the_will(self):
        """So does a frame that breaks the rules, though the client keeps TCP open."""
        watcher = self.client()
        watcher.subscribe("w/error")
        opened = self.mqtt(will=Will("w/error"))
        opened.send_frame(TEXT, b"x")
        watcher.expect_publish("w/error")

    def test_lost_connection_sends_the_will(self):
        """And so does a TCP connection that ends without a Close: a tab that dies."""
        watcher = self.client()
        watcher.subscribe("w/lost")
        self.mqtt(will=Will("w/lost")).close()
        watcher.expect_publish("w/lost")

    def test_data_after_close(self):
        """What follows a Close is not read."""
        watcher = self.client()
        watcher.subscribe("after")
        opened = self.mqtt()
        opened.send(frame(CLOSE, websocket.close_payload(1000))
                    + frame(BINARY, wire.publish(MQTT311, "after", "x")))
        opened.expect(CLOSE)
        opened.expect_end()
        watcher.ping()

    def test_broker_end(self):
        """When the broker ends, its WebSockets are closed with 1001 (or 1000, or by TCP)."""
        opened = self.mqtt()
        self.broker.stop()
        got = opened.receive()
        self.assertTrue(got is None or got.close_code in (1000, 1001), got)

    def test_mqtt_error(self):
        """A malformed packet ends the WebSocket with a Close frame."""
        opened = self.mqtt(MQTT5)
        opened.send_frame(BINARY, b"\x00\x00")
        got = opened.receive()
        if got is not None and got.opcode == BINARY:
            self.assertEqual(got.payload[0], 0xE0)
            got = opened.receive()
        self.assertIsNotNone(got, "TCP ended without a Close frame")
        self.assertEqual(got.opcode, CLOSE)
        opened.answer_close(got)

    def test_oversized_message(self):
        """A frame that claims gigabytes is not buffered: the connection ends at once."""
        opened = self.mqtt()
        opened.send(b"\x82\xff\0\0\0\x40\0\0\0\0\0\0\0\0" + b"\x30\xff\xff\xff\x7f")
        while opened.receive() is not None:
            pass


class WrongProtocolTest(WebSocketTest):
    """Bytes of one protocol on the port of another are recognised and named."""

    client_hello = bytes.fromhex("16030100c8010000c40303") + bytes(197)

    def send_to(self, port, data):
        """Sends bytes on a new connection and waits until the broker ends it."""
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(data)
            received = b""
            while True:
                try:
                    more = connection.recv(4096)
                except ConnectionResetError:
                    break
                if not more:
                    break
                received += more
        return received

    def test_http_on_the_mqtt_port(self):
        """HTTP on the MQTT port."""
        request = b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
        self.send_to(self.broker.port, request)
        self.broker.wait_for_log(r"127\.0\.0\.1.*HTTP|HTTP.*127\.0\.0\.1")

    def test_mqtt_on_the_websocket_port(self):
        """MQTT on the WebSocket port."""
        self.send_to(self.broker.ws_port, wire.connect(MQTT311, "lost"))
        self.broker.wait_for_log(r"127\.0\.0\.1.*MQTT|MQTT.*127\.0\.0\.1")

    def test_tls_on_plain_ports(self):
        """A TLS ClientHello on both."""
        self.send_to(self.broker.port, self.client_hello)
        self.broker.wait_for_log(rf"TLS.*{self.broker.port}|{self.broker.port}.*TLS")
        self.send_to(self.broker.ws_port, self.client_hello)
        self.broker.wait_for_log(rf"TLS.*{self.broker.ws_port}|{self.broker.ws_port}.*TLS")
