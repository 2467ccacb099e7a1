"""Where darter and Mosquitto 2.1 differ and both are right: a mosquitto.conf gives Mosquitto's
behaviour, and one option has both."""

from harness import wire
from harness.broker import DEFAULT_CONFIG, WS_CONFIG, wait_until
from harness.case import ALL, BrokerTest, versions
from harness.websocket import WebSocket
from harness.wire import MQTT5

OTHER = "mosquitto_answers false\n"


class AnswersTest(BrokerTest):
    """mosquitto_answers."""

    def expect_silence(self, client):
        """The connection ends without an answer, whatever its CONNECT says."""
        try:
            client.send(wire.connect(client.version, client.client_id))
        except OSError:
            pass  # closed already
        client.expect_closed()

    @staticmethod
    def when_free(connect):
        """The client of `connect` as soon as it is let in: the harness looked at the port."""
        def attempt():
            try:
                return connect()
            except (AssertionError, OSError):
                return None
        return wait_until(attempt, "a client to be let in")

    @versions(*ALL)
    def test_connections(self, version):
        """Connections above a limit are closed without an answer, or told why."""
        for limit in ("{}max_connections 1\n", "global_max_connections 1\n{}"):
            for others, answered in (("", False), (OTHER, True)):
                self.start(others + limit.format(DEFAULT_CONFIG))
                first = self.when_free(lambda: self.client(version))
                second = self.raw(version)
                if answered:
                    second.connect(0x89 if version == MQTT5 else 3)
                    second.expect_closed()
                else:
                    self.expect_silence(second)
                first.ping()

    def test_websocket_connections(self):
        """So are those that would be WebSockets."""
        for others, status in (("", None), (OTHER, 503)):
            self.start(others + WS_CONFIG + "max_connections 1\n")
            self.when_free(self.ws_client)
            web = WebSocket(self.broker.ws_port)
            self.addCleanup(web.close)
            if status:
                web.send(web.request())
                self.assertEqual(web.read_response(with_body=False).status, status)
            else:
                web.expect_end()

    def test_unknown_identifiers(self):
        """PUBREL and PUBREC for an identifier that is not known: success, or 0x92."""
        for others, reason in (("", 0), (OTHER, 0x92)):
            self.start(others + DEFAULT_CONFIG)
            client = self.client(MQTT5)
            for sent, answer in ((wire.PUBREL, wire.PUBCOMP), (wire.PUBREC, wire.PUBREL)):
                client.send(wire.acknowledgement(sent, 77))
                self.assertEqual(client.expect(answer, packet_id=77).reason, reason)

    @versions(*ALL)
    def test_control(self, version):
        """A PUBLISH below $CONTROL reaches nobody: it succeeds, and its client is told that there
        is no such endpoint; or it is refused."""
        topic = "$CONTROL/dynamic-security/v1"
        for others, succeeds in (("", True), ("enable_control_api true\n", True), (OTHER, False)):
            self.start(others + DEFAULT_CONFIG)
            watcher, client = self.client(version), self.client(version)
            watcher.subscribe("$CONTROL/#", qos=2)
            for qos in (0, 1, 2):
                client.send(wire.publish(version, topic, "{}", qos, 7 if qos else None))
                refused = not succeeds and version == MQTT5
                if qos:
                    answer = client.expect(wire.PUBACK if qos == 1 else wire.PUBREC, packet_id=7)
                    self.assertEqual(answer.reason, 0x87 if refused else 0)
                if succeeds:
                    client.expect_publish(topic + "/response",
                                          '{"error": "endpoint not available"}')
                if qos == 2 and not refused:
                    client.send(wire.acknowledgement(wire.PUBREL, 7))
                    client.expect(wire.PUBCOMP, packet_id=7)
            self.expect_nothing(client, watcher)

    @versions(*ALL)
    def test_control_without_rights(self, version):
        """Without the right to publish there it is refused."""
        self.start("acl_file {dir}/acl\n" + DEFAULT_CONFIG, {"acl": "topic read $CONTROL/#\n"})
        client = self.client(version)
        client.send(wire.publish(version, "$CONTROL/x/v1", "{}", 1, 7))
        self.assertEqual(client.expect(wire.PUBACK, packet_id=7).reason,
                         0x87 if version == MQTT5 else 0)
        client.ping()


class CharactersTest(BrokerTest):
    """allow_control_characters."""

    characters = ("\x01", "\x1f", "\x7f", "\x9f", "\ufdd0", "\ufffe", "\U0001ffff")

    def expect_malformed(self, client):
        """The connection ends, as of 5.0 with the reason."""
        if client.version == MQTT5:
            client.expect(wire.DISCONNECT, reason=0x81)
        client.expect_closed()

    @versions(*ALL)
    def test_topics(self, version):
        """In topics and filters: malformed."""
        for character in self.characters:
            topic = f"a/long/topic/{character}/b"
            for packet in (wire.publish(version, topic, "x", 0, None),
                           wire.subscribe(version, 1, [(topic, 0)]),
                           wire.unsubscribe(version, 1, [topic])):
                client = self.client(version)
                client.send(packet)
                self.expect_malformed(client)

    @versions(*ALL)
    def test_names(self, version):
        """In client ids, user names and will topics: not let in."""
        for character in self.characters:
            text = f"text{character}"
            for client_id, options in ((text, {}), ("c", {"username": text, "password": "x"}),
                                       ("c", {"will": wire.Will(text, b"x")})):
                client = self.raw(version)
                client.send(wire.connect(version, client_id, **options))
                if version == MQTT5 and client_id == text:
                    client.expect(wire.CONNACK, reason=0x85)
                client.expect_closed()

    def test_properties(self):
        """In the texts of properties: malformed."""
        for properties in ([(wire.CONTENT_TYPE, "a\tb")], [(wire.USER_PROPERTY, ("a", "\n"))],
                           [(wire.USER_PROPERTY, ("\n", "a"))], [(wire.RESPONSE_TOPIC, "\x7f")]):
            client = self.client(MQTT5)
            client.send(wire.publish(MQTT5, "t", "x", 0, None, properties=properties))
            client.expect(wire.DISCONNECT)
            client.expect_closed()

    @versions(*ALL)
    def test_payloads_and_passwords(self, version):
        """Payloads and passwords have what they like."""
        client = self.client(version, username="u", password="\x01\x9f")
        client.subscribe("t")
        client.publish("t", "\x01\x7f\ufffe")
        client.expect_publish("t", "\x01\x7f\ufffe")

    @versions(*ALL)
    def test_allowed(self, version):
        """With the option they are texts like others."""
        self.start("allow_control_characters true\n" + DEFAULT_CONFIG)
        for character in self.characters:
            client = self.client(version, f"id{character}", username=character, password="x")
            client.subscribe(f"t/{character}")
            client.publish(f"t/{character}", "x")
            client.expect_publish(f"t/{character}", "x")
            client.unsubscribe(f"t/{character}")
            client.disconnect()


class OriginTest(BrokerTest):
    """websockets_origin_required."""

    def test_missing(self):
        """An upgrade without Origin: taken, or refused; another Origin is refused always."""
        for others, status in (("", 101), ("websockets_origin_required true\n", 403)):
            self.start(others + WS_CONFIG + "websockets_origin https://a.example\n")
            for headers, wanted in (({}, status), ({"Origin": "https://a.example"}, 101),
                                    ({"Origin": "https://a.exam"}, 403),
                                    ({"Origin": "null"}, 403)):
                web = WebSocket(self.broker.ws_port)
                self.addCleanup(web.close)
                web.send(web.request(**headers))
                self.assertEqual(web.read_response(with_body=False).status, wanted, headers)
