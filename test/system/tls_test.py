"""TLS on MQTT and WebSocket listeners, with openssl, mosquitto_pub, paho-mqtt, curl, raw clients.

RFC 8446 and 5246 by OpenSSL; what is tested is what darter makes of them: certificates and
identities.
"""

import os
import re
import ssl
import subprocess

import paho.mqtt.client as paho

from harness import wire
from harness.broker import DEADLINE_SECONDS, wait_until
from harness.case import versions
from harness.certificates import authority, intermediate, server_lines, stranger
from harness.client import Client, TcpStream, unique
from harness.tls import LISTENER, TlsStream, TlsTest, client_lines, context
from harness.websocket import WebSocket, WebSocketStream
from harness.wire import MQTT5, MQTT311


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
        self.assertIn("This is a WebSocket for MQTT.",
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
