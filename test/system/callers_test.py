"""Who is calling: PROXY protocol and forwarded headers through real proxies, unix sockets.

Clients come from 127.0.0.2, proxies from 127.0.0.1: whose address the broker sees tells them apart.
"""

import grp
import os
import re
import socket
import ssl
import stat
import struct
import subprocess

from harness import wire
from harness.broker import answers, binary, free_port, wait_until
from harness.case import BrokerTest
from harness.certificates import authority
from harness.client import Client, TcpStream, unique
from harness.needs import needs
from harness.proxies import haproxy, nginx_http, nginx_stream
from harness.websocket import WebSocket, WebSocketStream
from harness.wire import MQTT5, MQTT311

CLIENT = ("127.0.0.2", 0)
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command=0x21, family=0x11, fields=b"", source="192.0.2.7", port=4711):
    """A PROXY header of version 2."""
    rest = socket.inet_aton(source) + socket.inet_aton("192.0.2.1")
    rest += struct.pack("!HH", port, 1883) + fields
    return V2 + bytes([command, family]) + struct.pack("!H", len(rest)) + rest


def tlv(kind, value):
    """A field of such a header."""
    return struct.pack("!BH", kind, len(value)) + value


def ssl_field(client, verify, name):
    """The field that tells of TLS."""
    return tlv(0x20, struct.pack("!BI", client, verify) + tlv(0x21, b"TLSv1.3") +
               tlv(0x22, name) + tlv(0x23, b"TLS_AES_128_GCM_SHA256"))


class CallerTest(BrokerTest):
    """A broker, proxies in front of it, and clients that come from 127.0.0.2."""

    autostart = False

    def proxy(self, made):
        """Takes care of the end of a proxy."""
        self.addCleanup(made.close)
        return made

    def through(self, port, version=MQTT311, tls=None, reason=0, **options):
        """A client that is connected through the proxy on `port`."""
        stream = TcpStream(("127.0.0.1", port), CLIENT)
        self.addCleanup(stream.close)
        if tls:
            stream.socket = tls.wrap_socket(stream.socket, server_hostname="localhost")
            self.addCleanup(stream.close)
        client = Client(stream, version)
        client.connect(reason, **options)
        return client

    def over_websocket(self, port, path="/mqtt", source=CLIENT, **options):
        """The same over WebSocket."""
        websocket = WebSocket(port, path, source=source)
        self.addCleanup(websocket.close)
        client = Client(WebSocketStream(websocket.handshake(**options)))
        client.connect()
        return client

    def known_as(self, client, address, port=r":\d+"):
        """The broker's line about a client has this address in it."""
        self.broker.wait_for_log(rf"New client connected from {re.escape(address)}{port} as "
                                 rf"{client.client_id} ")

    def sends(self, port, data):
        """What is on the wire after these bytes: a raw connection."""
        stream = TcpStream(("127.0.0.1", port))
        self.addCleanup(stream.close)
        stream.send(data)
        return stream

    def refused(self, port, data, why):  # pylint: disable=arguments-differ
        """The broker ends the connection without a byte, and says why."""
        known = len(self.broker.log_lines(why))
        stream = self.sends(port, data)
        self.assertEqual(stream.receive(30), b"")
        wait_until(lambda: len(self.broker.log_lines(why)) > known, why)


class ProxyProtocolTest(CallerTest):
    """enable_proxy_protocol with nginx and HAProxy."""

    config = """allow_anonymous true
listener {port} 127.0.0.1
enable_proxy_protocol 1
listener {ws_port} 127.0.0.1
protocol websockets
trusted_proxies 127.0.0.1 192.0.2.7
enable_proxy_protocol 2
listener {port2} 127.0.0.1
proxy_protocol 2
listener {port3} 127.0.0.1
enable_proxy_protocol 2
certfile CRT
keyfile KEY
"""

    def setUp(self):
        made = authority()
        self.config = self.config.replace("CRT", str(made.path("server.crt"))) \
            .replace("KEY", str(made.path("server.key")))
        self.start()

    def test_nginx_stream(self):
        """Version 1 from nginx: the client's address is the one that counts."""
        port = free_port()
        self.proxy(nginx_stream(port, self.broker.port))
        client = self.through(port)
        self.known_as(client, "127.0.0.2")
        self.broker.wait_for_log(rf"New connection from 127\.0\.0\.2:\d+ on port {self.broker.port}"
                                 r" through 127\.0\.0\.1:\d+ \(PROXY protocol\)\.$")
        client.subscribe("a")
        client.publish("a", "x")
        client.expect_publish("a", "x")
        # Nobody was named at accept: the proxy's own address is in no line about a client.
        self.assertEqual(self.broker.log_lines(r"connected from 127\.0\.0\.1"), [])

    def test_haproxy(self):
        """Version 1 and 2, plain, TLS and WebSocket inside."""
        first, second, inside, websocket = (free_port() for _ in range(4))
        self.proxy(haproxy(
            first=(first, "", self.broker.port, "send-proxy"),
            second=(second, "", self.broker.port2, "send-proxy-v2 proxy-v2-options crc32c"),
            inside=(inside, "", self.broker.port3, "send-proxy-v2"),
            websocket=(websocket, "", self.broker.ws_port, "send-proxy-v2")))
        self.known_as(self.through(first), "127.0.0.2")
        self.known_as(self.through(second, MQTT5), "127.0.0.2")
        tls = ssl.create_default_context(cafile=str(authority().path("ca.crt")))
        self.known_as(self.through(inside, tls=tls), "127.0.0.2")
        self.known_as(self.over_websocket(websocket), "127.0.0.2")
        # Whom PROXY names is judged, not the proxy: this one may name nobody else.
        spoof = self.over_websocket(websocket, extra=[("X-Forwarded-For", "203.0.113.66")])
        self.known_as(spoof, "127.0.0.2")
        self.assertEqual(self.broker.log_lines(r"203\.0\.113\.66"), [])

    def test_both_kinds_of_proxy(self):
        """A header for whom the connection is, one for whom the request is."""
        websocket = WebSocket(self.broker.ws_port)
        self.addCleanup(websocket.close)
        websocket.send(v2())
        websocket.handshake(extra=[("X-Forwarded-For", "198.51.100.9")])
        client = Client(WebSocketStream(websocket))
        client.connect()
        self.known_as(client, "198.51.100.9", "")
        self.broker.wait_for_log(r"New connection from 198\.51\.100\.9 on port \d+ through "
                                 r"192\.0\.2\.7:4711 \(X-Forwarded-For\)\.$")

    def test_byte_by_byte(self):
        """However a header is cut, and whatever comes with it."""
        connect = wire.connect(MQTT311, unique("cut"))
        stream = self.sends(self.broker.port2, b"")
        for byte in v2() + connect:
            stream.send(bytes([byte]))
        self.assertEqual(stream.receive(30), b"\x20\x02\0\0")
        whole = self.sends(self.broker.port, b"PROXY TCP6 2001:db8::7 ::1 4711 1883\r\n" +
                           wire.connect(MQTT311, "six"))
        self.assertEqual(whole.receive(30), b"\x20\x02\0\0")
        self.broker.wait_for_log("New client connected from 2001:db8::7:4711 as six ")

    def test_local_and_unknown(self):
        """Who names no client is closed, as by Mosquitto, or is the client itself."""
        def headers():
            return ((self.broker.port2, v2(0x20)), (self.broker.port2, v2(family=0)),
                    (self.broker.port, b"PROXY UNKNOWN\r\n"))
        for port, header in headers()[:2]:
            self.refused(port, header, r"it names no client: .* \(proxy_protocol_unknown_client\)")
        stream = self.sends(self.broker.port, headers()[2][1] + wire.connect(MQTT311, "unknown"))
        self.assertEqual(stream.receive(30), b"\x20\x02\0\0")
        self.start("proxy_protocol_unknown_client true\n" + self.config)
        for port, header in headers():
            name = unique("local")
            stream = self.sends(port, header + wire.connect(MQTT311, name))
            self.assertEqual(stream.receive(30), b"\x20\x02\0\0")
            self.broker.wait_for_log(rf"New client connected from 127\.0\.0\.1:\d+ as {name} ")

    def test_what_is_no_header(self):
        """Each has its own line, and no answer."""
        broker = self.broker
        connect = wire.connect(MQTT311, "c")
        self.refused(broker.port, connect, "no PROXY protocol header came first, but MQTT")
        self.refused(broker.port2, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "came first, but HTTP")
        self.refused(broker.port3, b"\x16\x03\x01\x02\x00", "came first, but a TLS handshake")
        self.refused(broker.port, v2() + connect, "the header is of version 2")
        self.refused(broker.port2, b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
                     "the header is of version 1")
        self.refused(broker.port, b"PROXY TCP4 192.0.2.7 here 1 2\r\n", "an address is none")
        self.refused(broker.port2, V2 + b"\x21\x11\xff\xff", "is longer than 4096 bytes")
        self.refused(broker.port2, v2(fields=tlv(3, b"abcd")), "its checksum is wrong")
        self.refused(broker.ws_port, b"PROXY " + b"x" * 100, "the header is of version 1")


class ProxyTlsTest(CallerTest):
    """What a proxy says about TLS that ended in it."""

    config = """allow_anonymous false
listener {port} 127.0.0.1
enable_proxy_protocol 2
use_identity_as_username true
listener {port2} 127.0.0.1
allow_anonymous true
enable_proxy_protocol 2
proxy_protocol_v2_require_tls true
listener {port3} 127.0.0.1
enable_proxy_protocol 2
require_certificate true
"""

    def test_haproxy_ends_tls(self):
        """The common name that HAProxy verified is the user; without one nobody comes in."""
        self.start()
        made = authority()
        pem = made.path("haproxy.pem")
        pem.write_text(made.path("server.crt").read_text() + made.path("server.key").read_text())
        pem.chmod(0o600)
        bind = f"ssl crt {pem} ca-file {made.path('ca.crt')} verify optional"
        words = "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher"
        cn, plain, required = (free_port() for _ in range(3))
        self.proxy(haproxy(cn=(cn, bind, self.broker.port, words),
                           plain=(plain, "", self.broker.port2, words),
                           required=(required, bind, self.broker.port3, words)))
        tls = ssl.create_default_context(cafile=str(made.path("ca.crt")))
        self.through(cn, MQTT5, tls, 0x86)
        self.refused(plain, b"", r"does not say that the client used TLS \(proxy_protocol_v2_req")
        tls.load_cert_chain(made.path("client.crt"), made.path("client.key"))
        client = self.through(cn, tls=tls)
        self.broker.wait_for_log(rf"from 127\.0\.0\.2:\d+ as {client.client_id} \(.*u'ann'\)")
        self.broker.wait_for_log(r"New connection from 127\.0\.0\.2:\d+ on port \d+ through "
                                 r"127\.0\.0\.1:\d+ \(PROXY protocol, TLSv1\.[23] cipher [A-Z0-9_-]"
                                 r"+, certificate of 'ann'\)\.$")
        self.through(required, tls=tls)

    def test_claims(self):
        """Only a certificate that was verified counts."""
        self.start()
        broker = self.broker

        def answer(port, *field, **options):
            fields = ssl_field(*field) if field else b""
            stream = self.sends(port, v2(fields=fields) +
                                wire.connect(MQTT311, unique(), **options))
            return stream.receive(30)[:4]
        accepted, refused = b"\x20\x02\0\0", b"\x20\x02\0\x04"
        self.assertEqual(answer(broker.port, 7, 0, b"ann"), accepted)
        self.assertEqual(answer(broker.port, 7, 0, b"ann", username="eve"), accepted)
        broker.wait_for_log("u'ann'")
        self.assertEqual(broker.log_lines("u'eve'"), [])
        self.assertEqual(answer(broker.port, 7, 1, b"ann"), refused)
        self.assertEqual(answer(broker.port, 1, 0, b"ann"), refused)
        self.assertEqual(answer(broker.port, 7, 0, b""), refused)
        self.assertEqual(answer(broker.port, 7, 0, b"a\0b"), refused)
        self.assertEqual(answer(broker.port, 7, 0, b"\xff"), refused)
        self.assertEqual(answer(broker.port, username="ann"), refused)
        self.assertEqual(answer(broker.port2, 1, 0, b""), accepted)
        self.assertEqual(answer(broker.port2), b"")
        self.assertEqual(answer(broker.port2, 0, 0, b""), b"")
        self.assertEqual(answer(broker.port3, 7, 1, b"ann"), b"")
        self.assertEqual(answer(broker.port3), b"")

    def test_only_trusted_proxies(self):
        """Where trusted_proxies is set, others cannot even send a header."""
        self.start("listener {port} 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 1\n"
                   "trusted_proxies 127.0.0.1\n", wait=False)
        self.broker.wait_for_ports()
        header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n" + wire.connect(MQTT311, "c")
        self.assertEqual(self.sends(self.broker.port, header).receive(30), b"\x20\x02\0\0")
        stranger = TcpStream(("127.0.0.1", self.broker.port), CLIENT)
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.receive(30), b"")
        self.broker.wait_for_log(r"from 127\.0\.0\.2:\d+ on port \d+ closed: it is none of the "
                                 "trusted_proxies")


class ForwardedTest(CallerTest):
    """Header fields of proxies in front of WebSocket listeners, one of them a unix socket."""

    config = """allow_anonymous true
trusted_proxies 127.0.0.1 unix
listener {ws_port} 127.0.0.1
protocol websockets
listener 0 {dir}/ws.sock
protocol websockets
unix_socket_mode 0666
listener {port2} 127.0.0.1
protocol websockets
real_ip_header Forwarded
listener {port3} 127.0.0.1
protocol websockets
trusted_proxies none
"""

    def test_nginx(self):
        """Over TCP and over a unix socket, with each of the fields."""
        self.start()
        tcp = f"proxy_pass http://127.0.0.1:{self.broker.ws_port};"
        unix = f"proxy_pass http://unix:{self.broker.directory}/ws.sock:;"
        other = f"proxy_pass http://127.0.0.1:{self.broker.port2};"
        added = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        port = free_port()
        self.proxy(nginx_http(
            port, mqtt=tcp + added + "proxy_set_header X-Request-ID $request_id;",
            unix=unix + added, real=unix + "proxy_set_header X-Real-IP $remote_addr;",
            forwarded=other + 'proxy_set_header Forwarded "for=$remote_addr;proto=http";',
            silent=tcp))
        spoof = [("X-Forwarded-For", "203.0.113.66"), ("Forwarded", "for=203.0.113.66")]
        # The broker's answer to fields that disagree, before it knows the one that nginx writes.
        self.known_as(self.over_websocket(port, extra=spoof), "127.0.0.1")
        self.broker.wait_for_log("'X-Forwarded-For' and 'Forwarded' that name different clients")
        self.known_as(self.over_websocket(port), "127.0.0.2", "")
        client = self.over_websocket(port, extra=spoof)
        self.known_as(client, "127.0.0.2", "")
        self.broker.wait_for_log(rf"New connection from 127\.0\.0\.2 on port {self.broker.ws_port} "
                                 r"through 127\.0\.0\.1:\d+ \(X-Forwarded-For, request id "
                                 r"[0-9a-f]{32}\)\.$")
        self.known_as(self.over_websocket(port, "/unix"), "127.0.0.2", "")
        self.known_as(self.over_websocket(port, "/unix", extra=spoof), "127.0.0.2", "")
        self.broker.wait_for_log(r"New connection from 127\.0\.0\.2 on unix socket \S+/ws\.sock "
                                 r"through unix \(X-Forwarded-For\)\.$")
        self.known_as(self.over_websocket(port, "/real"), "127.0.0.2", "")
        # The listener was told which field its proxy sets: a client's own say nothing.
        self.known_as(self.over_websocket(port, "/forwarded", extra=spoof), "127.0.0.2", "")
        self.known_as(self.over_websocket(port, "/silent"), "127.0.0.1")
        self.assertEqual(self.broker.log_lines(r"203\.0\.113\.66"), [])

    def test_not_believed(self):
        """Who is no trusted proxy is who he is; neither is anybody where none are trusted."""
        self.start()
        spoof = [("X-Forwarded-For", "203.0.113.66"), ("X-Real-IP", "203.0.113.66"),
                 ("Forwarded", "for=203.0.113.66"), ("X-Request-ID", "abc")]
        self.known_as(self.over_websocket(self.broker.ws_port, extra=spoof), "127.0.0.2")
        self.known_as(self.over_websocket(self.broker.port3, source=None, extra=spoof), "127.0.0.1")
        self.assertEqual(self.broker.log_lines(r"203\.0\.113\.66|request id"), [])

    def test_malformed(self):
        """What cannot be read changes nothing, and is said once in a while."""
        self.start()
        for value in ("rubbish", "203.0.113.66, 999.0.0.1", ", ".join(["127.0.0.1"] * 40)):
            client = self.over_websocket(self.broker.ws_port, source=None,
                                         extra=[("X-Forwarded-For", value)])
            self.known_as(client, "127.0.0.1")
        lines = self.broker.log_lines("sent a header field 'X-Forwarded-For' that ")
        self.assertLessEqual(1, len(lines))
        self.assertLessEqual(len(lines), int(os.environ.get("DARTER_THREADS", "1")))
        self.assertEqual(self.broker.log_lines(r"203\.0\.113\.66"), [])


class AccessByAddressTest(CallerTest):
    """%a in the patterns of an ACL file."""

    config = """allow_anonymous true
acl_file {dir}/acl
acl_refuse_subscribe true
listener {port} 127.0.0.1
enable_proxy_protocol 1
listener {ws_port} 127.0.0.1
protocol websockets
"""
    files = {"acl": "pattern readwrite at/%a/#\n"}

    def from_address(self, address, **options):
        """A client of 5.0 whom a proxy announces."""
        stream = TcpStream(("127.0.0.1", self.broker.port))
        self.addCleanup(stream.close)
        stream.send(f"PROXY TCP4 {address} 192.0.2.1 4711 1883\r\n".encode())
        client = Client(stream, MQTT5)
        client.connect(**options)
        return client

    def test_own_address(self):
        """Each client has the topics of its own address, through a proxy of either kind."""
        self.start()
        first, second = self.from_address("192.0.2.7"), self.from_address("192.0.2.8")
        browser = self.over_websocket(self.broker.ws_port,
                                      extra=[("X-Forwarded-For", "192.0.2.7")])
        first.subscribe("at/192.0.2.7/#", qos=1)
        second.subscribe("at/192.0.2.7/#", expected=[0x87])
        self.assertEqual(second.publish("at/192.0.2.7/x", "no", 1).reason, 0x87)
        browser.publish("at/192.0.2.7/x", "yes", 1)
        first.expect_publish("at/192.0.2.7/x", "yes")

    def test_reload(self):
        """A file that names the address only now holds for who is connected."""
        self.start(files={"acl": "topic readwrite at/#\n"})
        client = self.from_address("192.0.2.7")
        self.assertLess(client.publish("at/192.0.2.8/x", "", 1).reason, 0x80)
        self.broker.write("acl", "pattern readwrite at/%a/#\n")
        self.broker.reload()
        wait_until(lambda: client.publish("at/192.0.2.8/x", "", 1).reason == 0x87,
                   "the new file to hold")
        client.subscribe("at/+/x")
        client.publish("at/192.0.2.7/x", "own", 1, finish=False)
        client.expect_publish("at/192.0.2.7/x", "own")


class UnixSocketTest(CallerTest):
    """Listeners on unix sockets: mode, owner, log lines."""

    config = """allow_anonymous true
listener {port} 127.0.0.1
listener 0 {dir}/mqtt.sock
unix_socket_mode 660
listener 0 {dir}/own.sock
protocol websockets
unix_socket_mode 0600
unix_socket_owner OWNER
"""

    @staticmethod
    def own_group():
        """A group that this process is in."""
        return grp.getgrgid(os.getegid()).gr_name

    def status(self, name):
        """What the kernel says of a file."""
        return (self.broker.directory / name).stat()

    def test_mode_and_lines(self):
        """The files are as the options say, and clients are called what they are."""
        self.start(self.config.replace("OWNER", ":" + self.own_group()))
        self.assertEqual(stat.S_IMODE(self.status("mqtt.sock").st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(self.status("own.sock").st_mode), 0o600)
        self.assertEqual(self.status("own.sock").st_gid, os.getegid())
        path = str(self.broker.directory / "mqtt.sock")
        client = Client(TcpStream(path))
        self.addCleanup(client.close)
        client.connect()
        self.broker.wait_for_log(rf"New connection from unix on unix socket {path}\.$")
        self.known_as(client, "unix", "")
        other = TcpStream(path)
        self.addCleanup(other.close)
        other.send(b"GET / HTTP/1.1\r\n\r\n")
        self.broker.wait_for_log(f"Client unix sent HTTP to unix socket {path}, which expects MQTT")
        self.broker.wait_for_log("Opening websockets unix listen socket on path .*/own.sock")

    @needs("root")
    def test_privileges_are_dropped(self):
        """An owner that was named stays; other sockets go to the user that the broker becomes."""
        import pwd  # pylint: disable=import-outside-toplevel
        nobody, owner = pwd.getpwnam("nobody"), pwd.getpwnam("www-data")
        self.start("user nobody\n" + self.config.replace("OWNER", "www-data:www-data"), bare=True,
                   wait=False)
        self.broker.directory.chmod(0o777)
        self.broker.wait_for_ports()
        self.broker.wait_for_log("running")
        self.assertEqual(self.status("mqtt.sock").st_uid, nobody.pw_uid)
        self.assertEqual(self.status("own.sock").st_uid, owner.pw_uid)
        self.assertEqual(self.status("own.sock").st_gid, owner.pw_gid)
        self.assertEqual(stat.S_IMODE(self.status("own.sock").st_mode), 0o600)

    def test_unknown_owner(self):
        """The broker does not start, says why, and leaves no file behind."""
        self.start(self.config.replace("OWNER", "no-such-user"), wait=None)
        done = subprocess.run([binary(), "-c", str(self.broker.config_file)], check=False,
                              capture_output=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"own.sock: there is no user 'no-such-user'", done.stderr)
        self.assertFalse((self.broker.directory / "own.sock").exists())
        self.assertFalse(answers(self.broker.port))
