"""Bridges over TLS: certificates of both ends, names, versions, ALPN, and PSK."""

import shutil
import ssl

from harness import wire
from harness.bridging import BridgeTest, MosquittoBroker, is_bridged_by_darter
from harness.broker import Broker, free_port, wait_until
from harness.certificates import authority, openssl, scratch_folder, stranger
from harness.needs import needs
from harness.proxies import nginx_http
from harness.remote import Rules
from bridge_wire_test import V5, WireTest

CIPHERS = "bridge_ciphers ECDHE-ECDSA-AES128-SHA256"  # Mosquitto has this from 2.1 on
TRUST = f"bridge_cafile {authority().path('ca.crt')}"
SERVICES = {"aws": """connection awsiot
address localhost:{port}
clientid aws
topic to/cloud out 1
topic from/cloud in 1
bridge_protocol_version mqttv311
bridge_insecure false
bridge_cafile {ca}/ca.crt
bridge_certfile {ca}/client.crt
bridge_keyfile {ca}/client.key
bridge_alpn x-amzn-mqtt-ca
bridge_attempt_unsubscribe false
bridge_outgoing_retain false
cleansession true
start_type automatic
try_private false
notifications false
""", "azure": """connection azureiot
address localhost:{port}
remote_clientid gate
remote_username hub.test/gate/?api-version=2021-04-12
remote_password SharedAccessSignature sr=hub.test&sig=a%3D&se=1
topic devices/gate/messages/events/ out 1
topic devices/gate/messages/devicebound/# in 1
bridge_cafile {ca}/ca.crt
bridge_protocol_version mqttv311
bridge_outgoing_retain false
bridge_attempt_unsubscribe false
cleansession false
keepalive_interval 60
notifications false
try_private false
""", "hivemq": """connection hivemq
address localhost:{port}
remote_clientid hivemq
remote_username ann
remote_password secret
topic sensors/# both 1
bridge_cafile {ca}/ca.crt
bridge_protocol_version mqttv311
bridge_outgoing_retain false
notifications_local_only true
try_private false
"""}


def is_beyond_services(packet):
    """Whether one of the services would end the connection on this."""
    if packet.kind == wire.CONNECT:
        return packet.level != wire.MQTT311 or packet.will is not None
    if packet.kind == wire.PUBLISH:
        return packet.retain or packet.qos == 2 or packet.topic.startswith("$")
    return any("$" in text[0] for text in packet.filters)


def tls_lines(name):
    """The lines of a listener with a certificate of the common authority."""
    return "".join(f"{option} {authority().path(name + end)}\n"
                   for option, end in (("certfile", ".crt"), ("keyfile", ".key")))


def server_context(name="server", wants_certificate=False, version=None, alpn=None):
    """How a remote speaks TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(authority().path(name + ".crt"), authority().path(name + ".key"))
    if wants_certificate:
        made.load_verify_locations(authority().path("ca.crt"))
        made.verify_mode = ssl.CERT_REQUIRED
    if version:
        made.maximum_version = version
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def hashed_folder():
    """A folder for bridge_capath with the common authority in it."""
    folder = scratch_folder()
    shutil.copy(authority().path("ca.crt"), folder / "ca.crt")
    openssl("rehash", folder)
    return folder


class CertificatesTest(WireTest):
    """Bridges to remotes of the wire harness that speak TLS."""

    def connected(self, remote, name):
        """The TLS socket of a bridge that got there, and has its state."""
        self.state("1", name)
        return remote.peer(name).socket

    def failed(self, name, words):
        """Expects that the log says why a bridge has no connection; Mosquitto has its own words."""
        self.state("0", name)
        if is_bridged_by_darter():
            self.broker.wait_for_log(rf"(?i)bridge {name} .*{words}")

    def to_tls(self, remote, name, *lines, host="localhost"):
        """A bridge to a remote that speaks TLS."""
        return self.bridge(name, remote.port, *lines, "topic t/# both 1", host=host, probes=False)

    def test_trust(self):
        """A CA file, a hashed folder, another authority, another name, and the check of it off."""
        local = self.wire_remote(tls=server_context(alpn=["mqtt", "x-other"]))
        second = self.wire_remote(tls=server_context("second"))
        old = self.wire_remote(tls=server_context(version=ssl.TLSVersion.TLSv1_2))
        self.start_bridging(
            self.to_tls(local, "file", TRUST),
            self.to_tls(local, "path", f"bridge_capath {hashed_folder()}"),
            self.to_tls(local, "alpn", TRUST, "bridge_alpn x-other"),
            self.to_tls(local, "new", TRUST, "bridge_tls_version tlsv1.3"),
            self.to_tls(local, "stranger", f"bridge_cafile {stranger().path('ca.crt')}"),
            self.to_tls(second, "name", TRUST),
            self.to_tls(second, "insecure", TRUST, "bridge_insecure true"),
            self.to_tls(old, "ciphers", TRUST, CIPHERS if is_bridged_by_darter() else ""))
        for name in ("file", "path"):
            self.assertIsNone(self.connected(local, name).selected_alpn_protocol())
        self.assertEqual(self.connected(local, "alpn").selected_alpn_protocol(), "x-other")
        self.assertEqual(self.connected(local, "new").version(), "TLSv1.3")
        cipher = self.connected(old, "ciphers").cipher()[0]
        if is_bridged_by_darter():
            self.assertEqual(cipher, CIPHERS.split()[1])
        self.connected(second, "insecure")
        self.failed("stranger", "certificate")
        self.failed("name", "second.test")
        self.assertEqual(local.connections("stranger") + second.connections("name"), [])

    def test_certificate_of_the_bridge(self):
        """A remote that wants one gets it; without one there is no connection."""
        remote = self.wire_remote(tls=server_context(wants_certificate=True))
        pair = (f"bridge_certfile {authority().path('client.crt')}",
                f"bridge_keyfile {authority().path('client.key')}")
        self.start_bridging(self.to_tls(remote, "named", TRUST, *pair),
                            self.to_tls(remote, "nameless", TRUST))
        subject = dict(field for fields in self.connected(remote, "named").getpeercert()["subject"]
                       for field in fields)
        self.assertEqual(subject["commonName"], "ann")
        self.failed("nameless", "certificate")
        self.assertEqual(remote.connections("nameless"), [])

    def test_known_services(self):
        """Configurations as AWS IoT Core, Azure IoT Hub and HiveMQ Cloud give them for Mosquitto,
        on a remote that ends the connection on all that any of them does not have."""
        rules = {None: Rules(refuses=is_beyond_services, qos_max=1)}
        wants = self.wire_remote(rules, tls=server_context(wants_certificate=True,
                                                           alpn=["x-amzn-mqtt-ca"]))
        plain = self.wire_remote(rules, tls=server_context())
        self.start_bridging(
            SERVICES["aws"].format(port=wants.port, ca=authority().folder),
            *(SERVICES[name].format(port=plain.port, ca=authority().folder)
              for name in ("azure", "hivemq")))
        gate = "devices/gate/messages"
        for remote, name, out, back in (
                (wants, "aws", "to/cloud", "from/cloud"),
                (plain, "gate", f"{gate}/events/", f"{gate}/devicebound/x"),
                (plain, "hivemq", "sensors/a", "sensors/b")):
            self.remote = remote
            packet = self.publish_until(out, name)
            self.assertEqual((packet.qos, packet.retain), (1, False))
            listener = self.here()
            listener.subscribe(back)
            remote.peer(name).publish(back, "x", 1, 77)
            listener.expect_publish(back, "x")
            remote.expect(name, wire.PUBACK, packet_id=77)
            self.assertEqual(len(remote.connections(name)), 1)
        self.assertEqual(wants.peer("aws").socket.selected_alpn_protocol(), "x-amzn-mqtt-ca")
        connect = plain.peer("gate").connect
        self.assertEqual((connect.username, connect.password),
                         ("hub.test/gate/?api-version=2021-04-12",
                          "SharedAccessSignature sr=hub.test&sig=a%3D&se=1"))

    @needs("bridges of darter")
    def test_ocsp(self):
        """Where an OCSP answer is required, a remote without one is refused."""
        answer = f"ocsp_file {authority().path('server.ocsp')}\n"
        lines = "".join(f"listener {{{port}}} 127.0.0.1\n{tls_lines('server')}{more}"
                        for port, more in (("port", answer), ("port2", "")))
        self.start_remote("allow_anonymous true\n" + lines)
        self.start_bridging(*(
            self.bridge(name, port, TRUST, *more, "topic t/# both 1", host="localhost",
                        probes=False)
            for name, port, more in (("proven", self.remote.port, ("bridge_require_ocsp true",)),
                                     ("bare", self.remote.port2, ("bridge_require_ocsp true",)),
                                     ("trusts", self.remote.port2, ()))))
        for name in ("proven", "trusts"):
            self.state("1", name)
        self.failed("bare", "is not proven good: the server has no OCSP answer about it")

    @needs("bridges of darter")
    def test_warnings(self):
        """A check that is off is said at the start, and at a reload."""
        remote = self.wire_remote(tls=server_context("second"))
        self.start_bridging(self.to_tls(remote, "careless", TRUST, "bridge_insecure true"))
        said = "Warning: Bridge 'careless' does not check the name in the certificate"
        self.broker.wait_for_log(said)
        self.connected(remote, "careless")
        self.broker.reload()
        wait_until(lambda: len(self.broker.log_lines(said)) == 2, "the warning of the reload")

    @needs("bridges of darter")
    def test_through_nginx(self):
        """wss:// through nginx, messages both ways, and what waited while nginx was away."""
        self.start_remote("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                          "listener {ws_port} 127.0.0.1\nprotocol websockets\n")
        port = free_port()
        files = [authority().path("server" + end) for end in (".crt", ".key")]

        def start_nginx():
            to = f"proxy_pass http://127.0.0.1:{self.remote.ws_port};"
            proxy = nginx_http(port, files, mqtt=to, elsewhere=to)
            self.addCleanup(proxy.close)
            return proxy
        proxy = start_nginx()
        self.start_bridging(
            self.bridge("named", port, TRUST, "bridge_protocol websockets", host="localhost"),
            self.bridge("path", port, TRUST, "bridge_protocol websockets",
                        "bridge_path /elsewhere", host="localhost"),
            self.bridge("lost", port, TRUST, "bridge_protocol websockets",
                        "bridge_path /nowhere", "topic never out 0", host="localhost",
                        probes=False),
            self.bridge("url", port, V5, TRUST, host="wss://localhost").replace(
                f"{port}\n", f"{port}/mqtt\n"))
        names = ("named", "path", "url")
        self.join(*names)
        self.broker.wait_for_log("ridge lost .*404")
        proxy.close()
        for name in names:
            self.state("0", name)
            self.here().publish(f"probe/{name}/out", "waits", 1)
        listener = self.there()
        listener.subscribe("probe/+/out")
        start_nginx()
        came = set()

        def complete():
            came.update(packet.topic for packet in listener.drain() if packet.payload == b"waits")
            return len(came) == len(names)
        self.until(complete, "what waited for nginx")

    @needs("bridges of darter")
    def test_certificates_of_the_system(self):
        """The system's own authorities are those that OpenSSL is told of."""
        remote = self.wire_remote(tls=server_context())
        bridge = self.to_tls(remote, "system", "bridge_tls_use_os_certs true")
        program = Broker("allow_anonymous true\nlistener {port} 127.0.0.1\n" + bridge, wait=None)
        self.addCleanup(program.close)
        program.environment["SSL_CERT_FILE"] = str(authority().path("ca.crt"))
        self.broker = program
        program.start()
        self.connected(remote, "system")


class PskTest(BridgeTest):
    """Bridges with a key that both ends know."""

    def test_psk(self):
        """Identity and key as the remote has them, or no connection."""
        for program in (Broker, MosquittoBroker):
            remote = self.start_remote(
                "allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
                "psk_file {dir}/psk\npsk_hint hint\n", program, {"psk": "ann:0badc0de\n"})
            self.start_bridging(*(
                self.bridge(name, remote.port2, f"bridge_identity {who}", f"bridge_psk {key}",
                            "topic t/# both 1", probes=False)
                for name, who, key in (("right", "ann", "0badc0de"), ("wrong", "ann", "00"),
                                       ("other", "eve", "0badc0de"))))
            self.crosses(self.broker.port, remote.port, "t/a")
            for name in ("wrong", "other"):
                self.state("0", name)
                self.state(None, name, remote.port)
                if is_bridged_by_darter():
                    self.broker.wait_for_log(rf"(?i)bridge {name} .*psk")
            self.broker.close()
