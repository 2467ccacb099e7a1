"""Retained messages."""

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT31, MQTT311


class RetainedTest(BrokerTest):
    """Set, replace, remove, and what late subscribers see."""

    @versions(*ALL)
    def test_late_subscriber(self, version):
        """The last retained one greets a new subscription, though its publisher's session ended.

        [MQTT-3.3.1-5] [MQTT-3.3.1-8] [MQTT3-3.3.1-8] [MQTT3-3.1.2-7]
        """
        publisher = self.client(version)
        publisher.publish("r/late", "old", 1, retain=True)
        publisher.publish("r/late", "new", 1, retain=True)
        publisher.publish("r/late", "not kept", 1)
        publisher.disconnect()
        client = self.client(version)
        client.subscribe("r/late", qos=1)
        client.expect_publish("r/late", "new", retain=True, qos=1)
        client.ping()

    @versions(*ALL)
    def test_live_subscriber_sees_no_flag(self, version):
        """[MQTT-3.3.1-12] An existing subscription gets it with RETAIN 0."""
        client = self.client(version)
        client.subscribe("r/live")
        self.client(version).publish("r/live", "x", 1, retain=True)
        client.expect_publish("r/live", "x", retain=False)

    @versions(*ALL)
    def test_empty_payload_removes(self, version):
        """[MQTT-3.3.1-6] [MQTT-3.3.1-7] An empty payload removes, and is not kept itself."""
        publisher, live = self.client(version), self.client(version)
        live.subscribe("r/gone", qos=1)
        publisher.publish("r/gone", "x", 1, retain=True)
        publisher.publish("r/gone", b"", 1, retain=True)
        live.expect_publish("r/gone", "x")
        live.expect_publish("r/gone", b"", retain=False)
        client = self.client(version)
        client.subscribe("r/gone", qos=1)
        client.ping()

    @versions(*ALL)
    def test_qos(self, version):
        """[MQTT3-3.3.1-7] A retained message of any QoS arrives at the lower QoS."""
        for kept in (0, 1, 2):
            topic = unique("r/qos")
            self.client(version).publish(topic, "x", kept, retain=True)
            for granted in (0, 1, 2):
                self.subscribe_until_kept(version, topic, granted, min(kept, granted))

    def subscribe_until_kept(self, version, topic, granted, expected):
        """Subscribes until the retained message, which QoS 0 gave no word of, is there."""
        while True:
            client = self.client(version)
            client.subscribe(topic, qos=granted)
            client.send(wire.pingreq())
            kept = [p for p in client.until_pingresp() if p.retain]
            if kept:
                self.assertEqual([packet.qos for packet in kept], [expected])
                return

    @versions(*ALL)
    def test_wildcards(self, version):
        """A filter with wildcards brings all that match, once each."""
        publisher = self.client(version)
        topics = ["w/a", "w/a/b", "w/c", "w", "x/a"]
        for topic in topics:
            publisher.publish(topic, topic, 1, retain=True)
        for filter_, expected in (("w/#", ["w", "w/a", "w/a/b", "w/c"]), ("+/a", ["w/a", "x/a"]),
                                  ("w/+", ["w/a", "w/c"]), ("#", sorted(topics))):
            client = self.client(version)
            client.subscribe(filter_)
            found = [p.topic for p in client.drain() if not p.topic.startswith("$")]
            self.assertEqual(sorted(found), expected)

    @versions(*ALL)
    def test_each_subscribe_brings_them_again(self, version):
        """[MQTT-3.8.4-4] A repeated SUBSCRIBE sends the retained messages again."""
        self.client(version).publish("r/again", "x", 1, retain=True)
        client = self.client(version)
        for _ in range(2):
            client.subscribe("r/again")
            client.expect_publish("r/again", "x", retain=True)

    @versions(*ALL)
    def test_not_at_reconnect(self, version):
        """A resumed session is not sent retained messages again."""
        self.client(version).publish("r/re", "x", 1, retain=True)
        client = self.persistent(version, unique("s"))
        client.subscribe("r/re", qos=1)
        client.expect_publish("r/re", "x")
        client.ping()
        client.disconnect()
        self.persistent(version, client.client_id).ping()

    @versions(*ALL)
    def test_queued_for_absent_client_without_flag(self, version):
        """What was published live while a client was away has RETAIN 0."""
        client = self.persistent(version, unique("s"))
        client.subscribe("r/away", qos=1)
        client.disconnect()
        self.client(version).publish("r/away", "x", 1, retain=True)
        again = self.persistent(version, client.client_id)
        again.expect_publish("r/away", "x", retain=False)

    @versions(*ALL)
    def test_never_older_than_acknowledged(self, version):
        """A subscriber that comes after an acknowledgement sees that state or a later one."""
        publisher = self.client(version)
        for number in range(40):
            publisher.publish("r/state", str(number), 1, retain=True)
            client = self.client(version)
            client.subscribe("r/state")
            client.expect_publish("r/state", str(number), retain=True)
            client.disconnect()

    def test_properties_are_kept(self):
        """Properties of a retained message come with it."""
        properties = [(wire.CONTENT_TYPE, "text/plain"), (wire.USER_PROPERTY, ("k", "1")),
                      (wire.USER_PROPERTY, ("k", "2"))]
        self.client(MQTT5).publish("r/props", "x", 1, retain=True, properties=properties)
        client = self.client(MQTT5)
        client.subscribe("r/props")
        packet = client.expect_publish("r/props", "x", retain=True)
        self.assertEqual(packet.property(wire.CONTENT_TYPE), "text/plain")
        self.assertEqual(packet.all(wire.USER_PROPERTY), [("k", "1"), ("k", "2")])

    def test_expires(self):
        """[MQTT-3.3.2-5] A retained message is gone after its expiry interval."""
        self.client(MQTT5).publish("r/short", "x", 1, retain=True,
                                   properties=[(wire.MESSAGE_EXPIRY, 1)])
        self.client(MQTT5).publish("r/long", "x", 1, retain=True,
                                   properties=[(wire.MESSAGE_EXPIRY, 100)])
        self.let_time_pass(2)
        client = self.client(MQTT5)
        client.subscribe("r/+")
        packet = client.expect_publish("r/long", "x")
        self.assertIn(packet.property(wire.MESSAGE_EXPIRY), range(90, 100))
        client.ping()

    def test_many(self):
        """Some thousand retained messages reach a late subscriber whole."""
        publisher = self.client(MQTT311)
        for number in range(3000):
            publisher.send(wire.publish(MQTT311, f"many/{number}", str(number), retain=True))
        publisher.publish("many/last", "x", 1, retain=True)
        client = self.client(MQTT311)
        client.subscribe("many/#")
        found = {client.expect(wire.PUBLISH).topic for _ in range(3001)}
        self.assertEqual(len(found), 3001)
        client.ping()


class RetainNotAvailableTest(BrokerTest):
    """retain_available false."""

    config = "retain_available false\n" + BrokerTest.config

    def test_publish(self):
        """[MQTT-3.2.2-14] A retained publish ends the connection, in 5.0 with 0x9A."""
        client = self.client(MQTT5)
        self.assertEqual(client.connack.property(wire.RETAIN_AVAILABLE), 0)
        client.send(wire.publish(MQTT5, "t", "x", retain=True))
        client.expect(wire.DISCONNECT, reason=0x9A)
        client.expect_closed()
        for version in (MQTT31, MQTT311):
            client = self.client(version)
            client.send(wire.publish(version, "t", "x", retain=True))
            client.expect_closed()

    def test_will(self):
        """[MQTT-3.2.2-13] A retained will is refused with 0x9A."""
        self.refused(MQTT5, 0x9A, will=wire.Will("w", retain=True))

    def test_plain_publish(self):
        """Messages that are not retained pass."""
        client = self.client(MQTT5)
        client.subscribe("t")
        client.publish("t", "x")
        client.expect_publish("t", "x")
