"""TLS on MQTT and WebSocket listeners, with openssl, mosquitto_pub, paho-mqtt, curl, raw clients.

RFC 8446 and 5246 by OpenSSL; what is tested is what darter makes of them: certificates, identities,
reload, and what happens to those who do not keep to it.
"""

import os
import random
import re
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time

import paho.mqtt.client as paho

from harness import wire
from harness.broker import DEADLINE_SECONDS, binary, thread_count, wait_until
from harness.case import BrokerTest, versions
from harness.certificates import authority, intermediate, server_lines, stranger
from harness.client import Client, TcpStream, unique
from harness.websocket import WebSocket, WebSocketStream
from harness.wire import MQTT5, MQTT311

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


class RoundTripTest(TlsTest):
    """Messages through TLS, with the clients that people use."""

    def setUp(self):
        self.start("allow_anonymous true\n" + LISTENER + server_lines() +
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n" + server_lines())

    def test_mosquitto_clients(self):
        """mosquitto_pub to mosquitto_sub, with TLS 1.2 and 1.3."""
        common = ["-h", "localhost", "-p", self.broker.port, "--cafile", authority().path("ca.crt")]
        for version in ("tlsv1.2", "tlsv1.3"):
            name = unique("sub")
            command = ["mosquitto_sub", *common, "-t", "cli/a", "-C", "1", "-i", name, "-q", "1",
                       "-W", "20", "--tls-version", version]
            with subprocess.Popen([str(word) for word in command],
                                  stdout=subprocess.PIPE) as listener:
                self.broker.wait_for_log(rf": {name} \d ")
                self.run_command("mosquitto_pub", *common, "-t", "cli/a", "-m", version, "-q", "1",
                                 "--tls-version", version)
                output, _ = listener.communicate(timeout=DEADLINE_SECONDS)
            self.assertEqual(output.decode().strip(), version)

    def test_paho(self):
        """paho-mqtt over TLS and over wss: a message to itself."""
        for transport, port in (("tcp", self.broker.port), ("websockets", self.broker.ws_port)):
            heard = []
            client = paho.Client(unique("paho"), transport=transport)
            client.tls_set(str(authority().path("ca.crt")))
            client.on_connect = lambda c, *_: c.subscribe("paho/#", 1)
            client.on_subscribe = lambda c, *_: c.publish("paho/x", b"y" * 100_000, 1)
            client.on_message = lambda c, u, message, into=heard: into.append(message.payload)
            client.connect("localhost", port)
            client.loop_start()
            try:
                wait_until(lambda into=heard: into, f"paho's message over {transport}")
            finally:
                client.disconnect()
                client.loop_stop()
            self.assertEqual(heard, [b"y" * 100_000])

    @versions(MQTT311, MQTT5)
    def test_large_and_many(self, version):
        """Payloads of all sizes around TLS records, to several subscribers, one on plain ws."""
        listeners = [self.tls_client(version) for _ in range(3)]
        stream = WebSocketStream(self.secure_websocket().handshake())
        listeners.append(Client(stream, version))
        listeners[-1].connect()
        for listener in listeners:
            listener.subscribe("big/#", qos=1)
        sender = self.tls_client(version)
        sizes = [0, 1, 100, 16_000, 16_383, 16_384, 16_385, 40_000, 131_072, 300_000, 1_000_000]
        for size in sizes:
            sender.publish("big/x", os.urandom(1) * size, 1)
            for listener in listeners:
                packet = listener.expect_publish("big/x", qos=1, answer=True)
                self.assertEqual(len(packet.payload), size)

    def test_byte_by_byte(self):
        """A handshake and a CONNECT that come byte by byte move home and are answered."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        raw = TcpStream(("127.0.0.1", self.broker.port)).socket
        self.addCleanup(raw.close)

        def step(action):
            """Does something in the TLS object, carrying bytes until it is done."""
            while True:
                try:
                    result = action()
                    done = True
                except ssl.SSLWantReadError:
                    result, done = None, False
                for byte in outgoing.read():
                    raw.sendall(bytes([byte]))
                if done:
                    return result
                incoming.write(raw.recv(65536))

        step(tls.do_handshake)
        step(lambda: tls.write(wire.connect(MQTT311, unique("slow"))))
        self.assertEqual(step(lambda: tls.read(4)), b"\x20\x02\x00\x00")
        step(lambda: tls.write(b"\xc0\x00"))
        self.assertEqual(step(lambda: tls.read(2)), b"\xd0\x00")

    def secure_websocket(self):
        """A WebSocket over TLS before its handshake."""
        made = WebSocket(self.broker.ws_port)
        made.socket = context().wrap_socket(made.socket, server_hostname="localhost")
        self.addCleanup(made.close)
        return made

    def test_curl(self):
        """https to the WebSocket listener, http to it, and https to the MQTT listener."""
        ca = authority().path("ca.crt")
        ws, mqtt = self.broker.ws_port, self.broker.port
        self.assertIn("426 Upgrade Required",
                      self.run_command("curl", "-si", "--cacert", ca, f"https://localhost:{ws}/"))
        self.assertIn("This port speaks TLS: use https or wss.",
                      self.run_command("curl", "-si", f"http://localhost:{ws}/"))
        self.broker.wait_for_log(f"sent HTTP to port {ws}, which expects WebSocket over TLS")
        self.run_command("curl", "-si", "--cacert", ca, f"https://localhost:{mqtt}/", status=35)
        self.broker.wait_for_log("TLS handshake failed: no application protocol")

    def test_plain_mqtt(self):
        """An MQTT client without TLS is named in the log."""
        client = self.raw()
        client.send(wire.connect(MQTT311, "plain"))
        client.expect_closed()
        self.broker.wait_for_log(
            f"sent MQTT without TLS to port {self.broker.port}, which expects MQTT over TLS")

    def test_orderly_end(self):
        """DISCONNECT is answered with close_notify, and close_notify of the client is an end."""
        client = self.tls_client()
        client.send(wire.disconnect(MQTT311))
        self.assertEqual(client.stream.socket.recv(1), b"")  # an error if the end were ragged
        client = self.tls_client(client_id="leaves")
        client.stream.socket.setblocking(False)
        try:
            client.stream.socket.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            pass
        self.broker.wait_for_log("Client leaves .*closed its connection")

    def test_slow_reader(self):
        """A client that does not read loses no QoS 1 message, and slows nobody."""
        slow = self.tls_client()
        slow.subscribe("slow/#", qos=1)
        quick = self.tls_client()
        payload = os.urandom(60_000)
        for number in range(200):
            quick.publish(f"slow/{number}", payload, 1)
            quick.ping()
        for number in range(200):
            packet = slow.expect_publish(f"slow/{number}", qos=1, answer=True)
            self.assertEqual(packet.payload, payload)


class OpensslTest(TlsTest):
    """openssl s_client: what the handshake offers."""

    def setUp(self):
        response = authority().path("server.ocsp")
        self.start("allow_anonymous true\n" + LISTENER + server_lines() + server_lines("second") +
                   f"ocsp_file {response}\n" +
                   "listener {ws_port} 127.0.0.1\nprotocol websockets\n" + server_lines() +
                   "tls_session_tickets false\n" +
                   "listener {port2} 127.0.0.1\n" + server_lines() + "tls_version tlsv1.3\n")

    def test_versions(self):
        """TLS 1.2 and 1.3, not 1.1; and only 1.3 where tls_version says so."""
        self.assertIn("TLSv1.2", self.s_client("-tls1_2", "-brief"))
        self.assertIn("TLSv1.3", self.s_client("-tls1_3", "-brief"))
        self.assertIn("TLSv1.3", self.s_client("-brief", port=self.broker.port2))
        self.s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", status=1)
        self.s_client("-tls1_2", port=self.broker.port2, status=1)
        self.broker.wait_for_log("the client speaks no version of TLS that is allowed here")

    def test_alpn(self):
        """mqtt on one listener, http/1.1 on the other."""
        self.assertIn("ALPN protocol: mqtt", self.s_client("-alpn", "mqtt"))
        self.assertIn("ALPN protocol: http/1.1",
                      self.s_client("-alpn", "h2,http/1.1", port=self.broker.ws_port))
        self.assertIn("No ALPN negotiated", self.s_client("-alpn", "x-cloud"))

    def test_server_name(self):
        """The certificate is that of the host asked for."""
        for host, subject in (("localhost", "localhost"), ("second.test", "second"),
                              ("a.second.test", "second"), ("unknown.test", "localhost")):
            self.assertRegex(self.s_client("-servername", host), rf"subject=CN = {subject}\b")

    def test_stapling(self):
        """The OCSP response of the first certificate, and none with the second."""
        self.assertIn("OCSP Response Status: successful",
                      self.s_client("-status", "-servername", "localhost"))
        self.assertIn("OCSP response: no response sent",
                      self.s_client("-status", "-servername", "second.test"))

    def test_resumption(self):
        """A session is resumed, except where tickets are off."""
        session = str(self.broker.directory / "session")
        for version in ("-tls1_2", "-tls1_3"):
            hello = wire.connect(MQTT311, unique()) + wire.disconnect(MQTT311)
            for port, word in ((self.broker.port, "Reused"), (self.broker.ws_port, "New")):
                data = hello if port == self.broker.port else b"GET / HTTP/1.0\r\n\r\n"
                self.talk(version, port, data, "-sess_out", session)
                text = self.talk(version, port, data, "-sess_in", session)
                self.assertRegex(text, rf"{word}, TLSv1")

    def talk(self, version, port, data, *arguments):
        """s_client that says something and waits for the end, so that tickets arrive."""
        return self.s_client(version, "-ign_eof", *arguments, port=port, stdin=data)

    def test_renegotiation(self):
        """A client that wants to renegotiate gets an alert; the broker goes on."""
        text = self.s_client("-tls1_2", stdin=b"R\n", status=None)
        self.assertRegex(text, "no renegotiation|RENEGOTIATING")
        self.assertNotIn("read R BLOCK\nread R BLOCK", text)
        self.tls_client().ping()


class CertificateTest(TlsTest):
    """Client certificates, and the user names that they make."""

    def start_with(self, *lines, above="allow_anonymous true\n", files=None):
        """A broker that wants certificates."""
        self.start(above + LISTENER + server_lines() + client_lines(*lines), files)

    def test_who_gets_in(self):
        """The good one does; none, a stranger's, an expired one and a revoked one do not."""
        self.start_with(f"crlfile {authority().path('ca.crl')}")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.tls_client(tls=context("client", version=version)).ping()
            self.no_handshake("the client has no certificate, and one is required",
                              context(version=version))
            self.no_handshake("refused: unable to get local issuer certificate",
                              context((stranger(), "client"), version=version))
            self.no_handshake("refused: certificate has expired",
                              context("expired", version=version))
            self.no_handshake("refused: certificate revoked", context("revoked", version=version))

    def test_dates_do_not_count(self):
        """disable_client_cert_date_checks lets an expired one in."""
        self.start_with("disable_client_cert_date_checks true")
        self.tls_client(tls=context("expired")).ping()

    def test_broker_of_a_stranger(self):
        """A client that does not trust the broker says so, and the log repeats it."""
        self.start_with()
        self.no_handshake('the client sent the alert "unknown CA"',
                          context("client", ca=stranger()))

    def test_wrong_host(self):
        """A client that wanted another host goes away, and the log says whose wish that was."""
        self.start_with()
        with self.assertRaises(ssl.SSLCertVerificationError) as refused:
            TlsStream(self.broker.port, host="other.test")
        self.assertIn("Hostname mismatch", refused.exception.verify_message)
        self.broker.wait_for_log("TLS handshake failed: the client sent the alert")

    def test_identity(self):
        """The CN is the user name: ACLs go by it, and neither password nor user name count."""
        rules = "user ann\ntopic readwrite a/#\nuser bob\ntopic read a/#\n"
        self.start_with("use_identity_as_username true",
                        above="password_file {dir}/users\nacl_file {dir}/acl\n",
                        files={"users": "", "acl": rules})
        ann = self.tls_client(MQTT5, tls=context("client"), username="root", password=b"wrong")
        bob = self.tls_client(MQTT5, tls=context("other"))
        self.broker.wait_for_log(r"u'ann'")
        self.broker.wait_for_log(r"u'bob'")
        bob.subscribe("a/#", qos=1)
        ann.publish("a/x", b"1", 1)
        bob.expect_publish("a/x", "1", qos=1, answer=True)
        self.assertEqual(bob.publish("a/x", b"2", 1).reason, 0x87)

    def test_subject(self):
        """The whole subject is the user name, as RFC 2253 writes it."""
        rules = "user CN=ann,O=Firm\\, Ltd\ntopic a/#\n"
        self.start_with("use_subject_as_username true",
                        above="acl_file {dir}/acl\n", files={"acl": rules})
        client = self.tls_client(tls=context("client"))
        client.subscribe("a/#", expected=[0])
        self.broker.wait_for_log(re.escape("u'CN=ann,O=Firm\\, Ltd'"))

    def test_identity_as_client_id(self):
        """use_username_as_clientid takes that name too."""
        self.start_with("use_identity_as_username true", "use_username_as_clientid true",
                        above="")
        self.tls_client(tls=context("client"), client_id="nobody").ping()
        self.broker.wait_for_log(r" as ann \(.*u'ann'")

    @versions(MQTT311, MQTT5)
    def test_no_identity(self, version):
        """Without require_certificate a client without one gets CONNACK, and it is a refusal."""
        self.start(LISTENER + server_lines() + f"cafile {authority().path('ca.crt')}\n"
                   "use_identity_as_username true\n")
        client = self.tls_raw(version)
        client.connect(0x86 if version == MQTT5 else 4, username="ann", password=b"x")
        client.expect_closed()
        self.tls_client(version, tls=context("client")).ping()

    def test_chain(self):
        """A certificate of an intermediate authority, in the file or completed from cafile."""
        sub = intermediate()
        whole = f"certfile {sub.path('chain.crt')}\nkeyfile {sub.path('server.key')}\n"
        both = self.id().rsplit(".", maxsplit=1)[-1] + ".pem"
        self.start("allow_anonymous true\n" + LISTENER + whole +
                   "listener {port2} 127.0.0.1\n" + server_lines(ca=sub) + "cafile {dir}/" + both,
                   {both: sub.path("ca.crt").read_text() + authority().path("ca.crt").read_text()})
        self.tls_client().ping()
        self.tls_client(port=self.broker.port2).ping()


class PskTest(TlsTest):
    """TLS-PSK with mosquitto_pub."""

    def publish(self, identity, key, *more):
        """mosquitto_pub with a key gets in."""
        self.run_command("mosquitto_pub", "-h", "localhost", "-p", self.broker.port, "-t", "a/x",
                         "-m", "y", "--psk", key, "--psk-identity", identity, *more)

    def refuse(self, identity, key, why):
        """It does not, and the log says why."""
        with self.assertRaisesRegex(AssertionError, "TLS error"):
            self.publish(identity, key)
        self.broker.wait_for_log(f"TLS handshake failed: {why}")

    def test_psk(self):
        """The right key gets in, as the identity; others do not; a reload brings new ones."""
        self.start("psk_file {dir}/psk\nacl_file {dir}/acl\n" + LISTENER +
                   "psk_hint hint\nuse_identity_as_username true\n",
                   {"psk": "ann:0badc0de\nbob:00ff\n", "acl": "user ann\ntopic a/#\n"})
        for version in ("tlsv1.2", "tlsv1.3"):
            self.publish("ann", "0badc0de", "--tls-version", version)
        self.broker.wait_for_log(r"u'ann'")
        self.refuse("ann", "0badc0df", "binder does not verify")
        self.refuse("eve", "0badc0de", "no PSK identity .* is in psk_file")
        self.broker.write("psk", "eve:0badc0de\n")
        self.broker.reload()
        self.broker.wait_for_log("Reloaded")
        self.publish("eve", "0badc0de")
        self.refuse("ann", "0badc0de", "no PSK identity .* is in psk_file")


class ReloadTest(TlsTest):
    """Certificates, keys, lists and keys of PSK change while the broker runs."""

    def own_files(self, certificate="server", issuer=None):
        """Puts a server's files into the broker's folder, as if they had been renewed."""
        made = issuer or authority()
        for end in ("crt", "key"):
            self.broker.write("own." + end, made.path(f"{certificate}.{end}").read_bytes())

    def start_own(self, above="", lines="", files=None):
        """A broker whose certificate is in its folder, beside `files`."""
        self.start("allow_anonymous true\n" + above + LISTENER +
                   "certfile {dir}/own.crt\nkeyfile {dir}/own.key\n" + lines, files, wait=None)
        self.own_files()
        self.broker.start()

    def peer(self, host):
        """The subject's common name that a new handshake shows."""
        tls = context()
        tls.check_hostname = False
        with TlsStream(self.broker.port, tls, host).socket as secure:
            subject = dict(pair[0] for pair in secure.getpeercert()["subject"])
            return subject["commonName"]

    def wait_for_reload(self, number):
        """Until so many reloads are done."""
        wait_until(lambda: len(self.broker.log_lines("Reloaded: ")) >= number, "the reload")

    def test_new_certificate(self):
        """SIGHUP: new handshakes get the new one, connections stay; bad files change nothing."""
        self.start_own()
        client = self.tls_client()
        self.assertEqual(self.peer("localhost"), "localhost")
        self.own_files("second")
        self.broker.reload()
        self.wait_for_reload(1)
        self.assertEqual(self.peer("localhost"), "second")
        client.ping()
        # The key of another certificate: nothing changes, and the log says why.
        self.broker.write("own.key", authority().path("server.key").read_bytes())
        self.broker.reload()
        self.broker.wait_for_log("Listener .*own.key: "
                                 "is not the key of certificate .*own.crt")
        self.assertEqual(self.peer("localhost"), "second")
        (self.broker.directory / "own.crt").unlink()
        self.broker.reload()
        self.broker.wait_for_log("own.crt: cannot be opened: No such file")
        self.assertEqual(self.peer("localhost"), "second")
        self.own_files()
        self.broker.reload()
        self.wait_for_reload(2)
        self.assertEqual(self.peer("localhost"), "localhost")
        client.ping()

    def test_revoked_meanwhile(self):
        """A list that is renewed refuses who was revoked, also with a session ticket."""
        self.start_own(lines=client_lines("crlfile {dir}/ca.crl"),
                       files={"ca.crl": authority().path("ca.crl").read_bytes()})
        tls = context("other", version=ssl.TLSVersion.TLSv1_2)
        first = self.tls_client(tls=tls)
        session = first.stream.socket.session
        again = self.tls_raw(tls=tls, session=session)
        self.assertTrue(again.stream.socket.session_reused)
        # A list of the same authority in which bob is revoked.
        copy = shutil.copytree(authority().folder, self.broker.directory / "old")
        config = copy / "openssl.conf"
        config.write_text(config.read_text().replace(str(authority().folder), str(copy)))
        for command in (["-revoke", copy / "other.crt"],
                        ["-gencrl", "-out", self.broker.directory / "ca.crl"]):
            self.run_command("openssl", "ca", "-config", config, *command)
        self.broker.reload()
        self.wait_for_reload(1)
        first.ping()
        with self.assertRaises(ssl.SSLError):
            TlsStream(self.broker.port, tls, session=session)
        self.broker.wait_for_log("refused: certificate revoked")

    def test_watched_files(self):
        """tls_reload_interval: files that change are taken over, half of a pair is not."""
        self.start_own(above="tls_reload_interval 1\n")
        self.assertEqual(self.peer("localhost"), "localhost")
        self.broker.write("own.key", authority().path("second.key").read_bytes())
        self.broker.wait_for_log("Changed certificates cannot be used, the old ones stay: ")
        self.assertEqual(self.peer("localhost"), "localhost")
        self.broker.write("own.crt", authority().path("second.crt").read_bytes())
        self.broker.wait_for_log("Certificates and keys changed on disk: taken over")
        self.assertEqual(self.peer("localhost"), "second")

    def test_reload_under_load(self):
        """Clients publish, come and go while certificates change: nobody notices."""
        self.start_own()
        listener = self.tls_client()
        listener.subscribe("load/#", qos=1)
        stop, problems = threading.Event(), []

        def come_and_go():
            """Connects again and again."""
            try:
                while not stop.is_set():
                    self.tls_client().ping()
            except (AssertionError, OSError) as problem:
                problems.append(problem)

        threads = [threading.Thread(target=come_and_go) for _ in range(3)]
        for thread in threads:
            thread.start()
        sender = self.tls_client()
        try:
            for number in range(20):
                self.own_files("soon" if number % 2 else "server")
                self.broker.reload()
                for _ in range(10):
                    sender.publish("load/x", b"z" * 5000, 1)
                    listener.expect_publish("load/x", qos=1, answer=True)
                self.wait_for_reload(number + 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(problems, [])


class EndsTest(TlsTest):
    """What is told about certificates that end, and about files that cannot be used."""

    def check(self, text, status):
        """--test-config of a file."""
        path = self.broker_file(text)
        return self.run_command(binary(), "--test-config", "-c", path, status=status)

    def broker_file(self, text):
        """A configuration file in a folder of its own."""
        self.start("allow_anonymous true\nlistener {port} 127.0.0.1\n")
        return self.broker.write("checked.conf", text)

    def test_check(self):
        """--test-config: a pair that does not match is an error, an end that is near a warning."""
        ca = authority()
        wrong = f"certfile {ca.path('server.crt')}\nkeyfile {ca.path('second.key')}\n"
        text = self.check("listener 8883\n" + wrong, 3)
        self.assertIn(f"Error: Listener 8883: {ca.path('second.key')}: is not the key of", text)
        text = self.check("listener 8883\n" + server_lines("soon"), 0)
        self.assertRegex(text, r"Warning: Listener 8883: certificate \S+soon.crt ends on "
                               r"[\d-]+, in [45] days: then clients refuse it; renew it\.")
        self.assertEqual(self.check("listener 8883\n" + server_lines(), 0), "")

    def test_metrics(self):
        """$SYS says when the first certificate ends, and the log warns."""
        self.start("allow_anonymous true\nsys_interval 1\n" + LISTENER + server_lines("soon"))
        client = self.tls_client()
        client.subscribe("$SYS/broker/certificate/#")
        topic = f"$SYS/broker/certificate/{self.broker.port}"
        found = {}
        while len(found) < 2:
            packet = client.expect(wire.PUBLISH)
            found[packet.topic] = int(packet.payload)
        self.assertIn(found[f"{topic}/days"], (4, 5))
        self.assertAlmostEqual(found[f"{topic}/ends"], time.time() + 5 * 86400, delta=3600)
        self.broker.wait_for_log(r"Warning: Listener \d+: certificate .*soon.crt ends on")

    def test_keylog(self):
        """--tls-keylog writes secrets, and the log warns of it."""
        self.start("allow_anonymous true\n" + LISTENER + server_lines(),
                   args=("-v", "--tls-keylog", "secrets"))
        self.tls_client().ping()
        text = (self.broker.directory / "secrets").read_text()
        self.assertIn("SERVER_TRAFFIC_SECRET_0 ", text)
        self.broker.wait_for_log("Warning: TLS secrets are written to secrets")


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
