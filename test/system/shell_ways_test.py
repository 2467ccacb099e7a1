"""The less common ways of darter-pub and its kin to a broker: a SOCKS5 proxy, SRV records of DNS,
and the file of TLS secrets."""

import subprocess
import unittest
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, binary, free_port
from harness.certificates import authority, server_lines
from harness.name_server import NameServer
from harness.needs import needs, once
from harness.tls import TlsTest
from harness.tunnels import SocksProxy

PUB = str(Path(binary()).parent / "darter-pub")


@once
class WaysTest(TlsTest):
    """darter-pub against one broker."""

    def setUp(self):
        super().setUp()
        self.authority = authority()
        self.start(config="allow_anonymous true\nlistener {port} 127.0.0.1\n"
                          "listener {port2} 127.0.0.1\n" + server_lines())
        self.reader = self.client()
        self.reader.subscribe("#")

    def publish(self, *words, through=lambda *command: command):
        """Publishes with darter-pub; returns (status, errors)."""
        done = subprocess.run(through(PUB, "-t", "a", "-m", "b", *map(str, words)),
                              capture_output=True, check=False, timeout=DEADLINE_SECONDS * 2)
        return done.returncode, done.stderr.decode()

    def expect_published(self, *words, **more):
        """Publishes, and expects the message."""
        self.assertEqual(self.publish(*words, **more), (0, ""))
        self.reader.expect_publish("a", "b")

    def expect_refused(self, why, step, *words, **more):
        """Expects a reason and a next step."""
        status, errors = self.publish(*words, **more)
        self.assertEqual(status, 1)
        self.assertIn(why, errors)
        self.assertIn(step, errors)

    def test_socks_proxy(self):
        """Names go to the proxy; its refusals have a next step."""
        proxy = SocksProxy("ann@home", "wo:rd")
        self.addCleanup(proxy.close)
        place = f"127.0.0.1:{proxy.port}"
        through = ("-h", "localhost", "--proxy", f"socks5h://ann%40home:wo%3Ard@{place}", "-p")
        self.expect_published(*through, self.broker.port)
        self.expect_published(*through, self.broker.port2, "--cafile",
                              self.authority.path("ca.crt"))
        self.assertEqual(proxy.asked,
                         [f"localhost:{self.broker.port}", f"localhost:{self.broker.port2}"])
        self.expect_refused("is refused by the server", "allows connections to this port",
                            *through, free_port())
        for user, why in (("", "wants a login"), ("ann:x@", "refuses the user name")):
            self.expect_refused(why, "USER:PASSWORD@", "-p", self.broker.port, "--proxy",
                                f"socks5h://{user}{place}")

    @needs("root", "mount namespaces")
    def test_srv_records(self):
        """The best record's host and port, the next one if nobody is there; with TLS another name,
        and a certificate that has to fit."""
        server = NameServer(self.broker.directory)
        self.addCleanup(server.close)
        port, tls_port = self.broker.port, self.broker.port2
        server.records = {
            "_mqtt._tcp.site.test": [(20, 0, free_port(), "localhost"),
                                     (10, 5, port, "localhost")],
            "_mqtt._tcp.half.test": [(1, 0, free_port(), "localhost"), (2, 0, port, "localhost")],
            "_mqtt._tcp.local.test": [(0, 0, port, "localhost")],
            "_mqtt._tcp.none.test": [(0, 0, 1, ".")],
            "_secure-mqtt._tcp.local.test": [(0, 0, tls_port, "localhost")],
            "_secure-mqtt._tcp.site.test": [(0, 0, tls_port, "localhost")]}
        through = server.command
        for words in (("-h", "site.test"), ("-h", "half.test"), ()):
            self.expect_published("-S", *words, through=through)
        trust = ("--cafile", self.authority.path("ca.crt"))
        self.expect_published("-S", *trust, through=through)
        self.expect_refused("site.test", "-h has to be a name in the certificate", "-S", "-h",
                            "site.test", *trust, through=through)
        self.assertEqual(server.asked[-1], "_secure-mqtt._tcp.site.test")
        for domain, why in (("none.test", "has no such server"), ("lost.test", "no such SRV")):
            self.expect_refused(why, "without -S", "-S", "-h", domain, through=through)

    def test_keylog(self):
        """The secrets of a connection are in the file, and that is said."""
        path = self.broker.directory / "secrets"
        status, errors = self.publish("-h", "localhost", "-p", self.broker.port2, "--cafile",
                                      self.authority.path("ca.crt"), "--tls-keylog", path)
        self.assertEqual(status, 0)
        self.assertIn(f"Warning: --tls-keylog: the secrets of this connection are in {path}",
                      errors)
        self.assertIn("CLIENT_TRAFFIC_SECRET_0 ", path.read_text())
        self.expect_refused("cannot be opened", "TLS", "-p", self.broker.port2, "--cafile",
                            self.authority.path("ca.crt"), "--tls-keylog", "/nonexistent/file")


if __name__ == "__main__":
    unittest.main()
