"""Connections that darter opens, by link-probe: each way to a broker, and why one is not there."""

from pathlib import Path

from harness.broker import binary, free_port
from harness.certificates import authority, server_lines, stranger
from harness.proxies import nginx_http
from harness.tls import TlsTest, client_lines
from harness.tunnels import ConnectProxy

PROBE = Path(binary()).parent / "link-probe"


class LinkTest(TlsTest):
    """link-probe against darter."""

    def probe(self, address, *options, status=0):
        """What link-probe prints about an address."""
        return self.run_command(PROBE, address, *options, status=status)

    def refused(self, words, address, *options):
        """Expects that there is no connection, and that these words say why."""
        self.assertIn(words, self.probe(address, *options, status=1))

    def test_ways_in(self):
        """TCP, a unix socket, TLS, ws and wss, directly and through a proxy; small and large."""
        self.start("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                   "listener 0 {dir}/darter.sock\n"
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n"
                   "listener {port2} 127.0.0.1\n" + server_lines() +
                   "listener {port3} 127.0.0.1\nprotocol websockets\n" + server_lines())
        broker, trusted = self.broker, ("--ca", authority().path("ca.crt"))
        proxy = ConnectProxy("me", "secret")
        self.addCleanup(proxy.close)
        through = ("--proxy", f"me:secret@127.0.0.1:{proxy.port}")
        ways = (("mqtt", broker.port, ()), ("mqtts", broker.port2, trusted),
                ("ws", broker.ws_port, ()), ("wss", broker.port3, trusted))
        for scheme, port, options in ways:
            for more in ((), through):
                for size in (0, 1_000_000):
                    said = self.probe(f"{scheme}://localhost:{port}", *options, *more,
                                      "--bytes", size)
                    self.assertEqual("TLSv1.3" in said, scheme in ("mqtts", "wss"), said)
                    self.assertEqual("WebSocket" in said, scheme in ("ws", "wss"), said)
        self.assertEqual({line.split(":")[0] for line in proxy.asked}, {"CONNECT localhost"})
        self.assertEqual(len(proxy.asked), 8)
        self.assertTrue(self.probe(f"unix:{broker.directory}/darter.sock").startswith("unix"))
        self.refused("answers 407 Proxy Authentication Required: it wants a user name",
                     f"localhost:{broker.port}", "--proxy", f"me:wrong@127.0.0.1:{proxy.port}")
        self.why_not()

    def why_not(self):
        """What stands in the way, in words that lead on."""
        port, tls, trusted = self.broker.port, self.broker.port2, authority().path("ca.crt")
        self.refused("no such name", "mqtt://no-such-host.invalid")
        self.refused("Connection refused", f"127.0.0.1:{free_port()}")
        self.refused("No such file or directory", f"unix:{self.broker.directory}/other.sock")
        self.refused("the port may speak no TLS", f"mqtts://localhost:{port}")
        self.refused("400 Bad Request: it may be no port of WebSockets", f"ws://localhost:{port}")
        self.refused("issued by CN=Test CA): give the certificate of that authority",
                     f"mqtts://localhost:{tls}", "--ca", stranger().path("ca.crt"))
        self.refused("is for localhost, not for other.test", f"mqtts://localhost:{tls}",
                     "--ca", trusted, "--name", "other.test")
        said = self.probe(f"mqtts://localhost:{tls}", "--ca", trusted, "--name", "other.test",
                          "--insecure", "host")
        self.assertIn("warning: the host name", said)
        said = self.probe(f"mqtts://localhost:{tls}", "--insecure", "all")
        self.assertIn("warning: the server's certificate is not checked", said)

    def test_identities(self):
        """A certificate of the client, and PSK: with TLS, as the broker wants them."""
        self.start("psk_file {dir}/psk\nallow_anonymous true\n"
                   "listener {port} 127.0.0.1\npsk_hint hint\n"
                   "listener {port2} 127.0.0.1\n" + server_lines() +
                   client_lines("use_identity_as_username true"), {"psk": "ann:0badc0de\n"})
        psk, tls = f"mqtts://localhost:{self.broker.port}", f"mqtts://localhost:{self.broker.port2}"
        self.probe(psk, "--psk", "ann:0badc0de")
        self.refused("the PSK key is wrong", psk, "--psk", "ann:00")
        self.refused("it may not know the PSK identity eve", psk, "--psk", "eve:00")
        trusted = ("--ca", authority().path("ca.crt"))
        self.probe(tls, *trusted, "--alpn", "mqtt", "--cert", authority().path("client.crt"),
                   "--key", authority().path("client.key"))
        self.broker.wait_for_log(r"u'ann'")
        self.refused("it wants a certificate of the client", tls, *trusted)

    def test_nginx(self):
        """Through nginx: its path, its header fields, and its refusals."""
        self.start("allow_anonymous true\nlistener {ws_port} 127.0.0.1\nprotocol websockets\n"
                   "websockets_origin https://app.test\n")
        port = free_port()
        proxy = nginx_http(port, mqtt=f"proxy_pass http://127.0.0.1:{self.broker.ws_port};",
                           closed="return 403;", gone=f"proxy_pass http://127.0.0.1:{free_port()};",
                           moved="return 301 https://b.test/;")
        self.addCleanup(proxy.close)
        place = f"ws://127.0.0.1:{port}"
        self.probe(f"{place}/mqtt", "--field", "Origin: https://app.test", "--bytes", 100_000)
        self.probe(place, "--field", "Origin: https://app.test")
        self.refused("refused with 403 Forbidden: the web server does not allow this, often for "
                     "the Origin", f"{place}/mqtt", "--field", "Origin: https://evil.test")
        self.refused("refused with 403 Forbidden", f"{place}/closed")
        self.refused("refused with 404 Not Found: there is nothing at /other: check the path",
                     f"{place}/other")
        self.refused("refused with 502 Bad Gateway", f"{place}/gone")
        self.refused("it wants https://b.test/, use that address", f"{place}/moved")
