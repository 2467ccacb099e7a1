"""Clients that speak TLS, and what tests of it share."""

import ssl
import subprocess

from harness import wire
from harness.broker import DEADLINE_SECONDS, wait_until
from harness.case import BrokerTest
from harness.certificates import authority
from harness.client import Client, TcpStream, unique
from harness.wire import MQTT311

LISTENER = "listener {port} 127.0.0.1\n"


def client_lines(*more):
    """Client certificates of the common authority are wanted."""
    return f"cafile {authority().path('ca.crt')}\nrequire_certificate true\n" + \
        "".join(line + "\n" for line in more)


def context(certificate=None, ca=None, version=None, alpn=None):
    """How a client speaks TLS; `certificate` is the name of one, or (authority, name)."""
    made = ssl.create_default_context(cafile=str((ca or authority()).path("ca.crt")))
    made.minimum_version = version or ssl.TLSVersion.TLSv1_2
    if version:
        made.maximum_version = version
    if certificate:
        issuer, name = certificate if isinstance(certificate, tuple) else (authority(), certificate)
        made.load_cert_chain(issuer.path(name + ".crt"), issuer.path(name + ".key"))
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


class TlsStream(TcpStream):
    """Bytes over TLS."""

    def __init__(self, port, tls=None, host="localhost", session=None):
        super().__init__(("127.0.0.1", port))
        self.socket = (tls or context()).wrap_socket(self.socket, server_hostname=host,
                                                     session=session)

    def receive(self, seconds):
        """As its base; an alert is the end."""
        try:
            return super().receive(seconds)
        except ssl.SSLError:
            return b""


class TlsTest(BrokerTest):
    """A broker with TLS, and clients for it."""

    autostart = False

    def tls_raw(self, version=MQTT311, client_id=None, port=None, **options):
        """A client over TLS that has sent no packet yet."""
        stream = TlsStream(port or self.broker.port, **options)
        self.addCleanup(stream.close)
        return Client(stream, version, client_id)

    def tls_client(self, version=MQTT311, client_id=None, port=None, tls=None, host="localhost",
                   **options):
        """A client over TLS that is connected."""
        client = self.tls_raw(version, client_id, port, tls=tls, host=host)
        client.connect(**options)
        return client

    def no_handshake(self, why, tls=None, port=None):
        """Expects that a client gets no connection, and that the log says why."""
        before = len(self.broker.log_lines(why))
        try:
            with TcpStream(("127.0.0.1", port or self.broker.port)).socket as raw, \
                    (tls or context()).wrap_socket(raw, server_hostname="localhost") as secure:
                # With TLS 1.3 the client is done before the broker has seen its certificate.
                secure.sendall(wire.connect(MQTT311, unique()))
                self.assertEqual(secure.recv(1), b"")
        except (ssl.SSLError, ConnectionError):
            pass
        wait_until(lambda: len(self.broker.log_lines(why)) > before, f"the log to say {why}")

    @staticmethod
    def hello():
        """A ClientHello."""
        outgoing = ssl.MemoryBIO()
        tls = context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()

    @staticmethod
    def run_command(*command, status=0, stdin=b""):
        """Runs a program and returns what it printed, both outputs together."""
        done = subprocess.run([str(word) for word in command], input=stdin, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=DEADLINE_SECONDS * 3)
        text = done.stdout.decode(errors="replace")
        if status is not None and done.returncode != status:
            raise AssertionError(f"{command}: status {done.returncode}\n{text}")
        return text

    def s_client(self, *arguments, port=None, stdin=b"", status=0):
        """Runs openssl s_client against the broker."""
        return self.run_command("openssl", "s_client", "-connect",
                                f"localhost:{port or self.broker.port}", "-CAfile",
                                authority().path("ca.crt"), *arguments, stdin=stdin, status=status)
