"""SUBSCRIBE and UNSUBSCRIBE: filters, options, identifiers, overlaps."""

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT311

NO_LOCAL, RETAIN_AS_PUBLISHED = 4, 8
RETAIN_IF_NEW, RETAIN_NEVER = 0x10, 0x20

MATCHES = (
    ("a/b", ("a/b",), ("a", "a/b/c", "a/c", "/a/b", "a/b/")),
    ("+", ("a", ""), ("a/b", "/a")),
    ("+/+", ("a/b", "/a", "a/", "/"), ("a", "a/b/c")),
    ("a/+/c", ("a/b/c", "a//c"), ("a/c", "a/b/b/c", "a/b/c/d")),
    ("a/#", ("a", "a/b", "a/b/c", "a/"), ("b", "ab")),
    ("#", ("a", "a/b", "/"), ()),
    ("/+", ("/a",), ("a", "/a/b")),
    ("+/b/#", ("a/b", "a/b/c", "/b"), ("a/c", "b")),
)


class FilterTest(BrokerTest):
    """Which topics a filter matches."""

    @versions(*ALL)
    def test_matching(self, version):
        """[MQTT-4.7.3-4] [MQTT-3.3.2-3] [MQTT3-3.3.2-3] Levels, + and #."""
        publisher = self.client(version)
        for filter_, hits, misses in MATCHES:
            client = self.client(version)
            client.subscribe(filter_, qos=1)
            for topic in filter(None, hits):
                publisher.publish(topic, "hit", 1)
                client.expect_publish(topic, "hit")
            for topic in misses:
                publisher.publish(topic, "miss", 1)
            client.ping()
            client.disconnect()

    @versions(*ALL)
    def test_dollar_topics_are_hidden(self, version):
        """[MQTT-4.7.2-1] A filter that begins with a wildcard does not match $ topics."""
        self.start("sys_interval 1\n" + self.config)
        watcher = self.client(version)
        watcher.subscribe("$SYS/broker/uptime")
        client = self.client(version)
        client.subscribe("#", "+/broker/uptime", "+/#", qos=1)
        watcher.expect(wire.PUBLISH)
        watcher.expect(wire.PUBLISH)
        client.ping()

    @versions(MQTT311, MQTT5)
    def test_bad_filters(self, version):
        """[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] Filters that break the rules."""
        for bad in ("", "a#", "#/a", "a/#/b", "a+", "+a", "a/+b/c", "a/b#", b"a\0b", b"\xff"):
            client = self.client(version)
            client.send(wire.subscribe(version, 1, [(bad, 0)]))
            packet = client.receive()
            if packet is None:
                continue
            if packet.kind == wire.SUBACK:
                self.assertIn(packet.reasons[0], (0x8F,) if version == MQTT5 else (0x80,))
            else:
                self.assertEqual(packet.kind, wire.DISCONNECT)
                self.assertIn(packet.reason, (0x81, 0x82, 0x8F))
                client.expect_closed()

    @versions(*ALL)
    def test_200_levels(self, version):
        """A filter of 200 levels is served, one of 300 is refused."""
        client = self.client(version)
        client.subscribe("/".join("a" * 200), qos=1)
        client.publish("/".join("a" * 200), "deep", 0)
        client.expect_publish("/".join("a" * 200), "deep")
        client.send(wire.subscribe(version, 9, [("/".join("a" * 300), 0)]))
        packet = client.receive()
        if packet is not None and packet.kind == wire.SUBACK:
            self.assertGreaterEqual(packet.reasons[0], 0x80)

    @versions(*ALL)
    def test_publish_to_300_levels(self, version):
        """A topic deeper than 200 levels is refused."""
        client = self.client(version)
        client.send(wire.publish(version, "/".join("a" * 300), "x"))
        client.expect_refusal(0x81, 0x82, 0x90)


class SubscribeTest(BrokerTest):
    """The packet and its answer."""

    @versions(*ALL)
    def test_several_filters(self, version):
        """One code per filter, in order.

        [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-1] [MQTT-3.8.4-7] [MQTT-3.9.3-2]
        """
        client = self.client(version)
        client.subscribe(("a", 2), ("b", 0), ("c", 1), ("d/#", 2))

    @versions(*ALL)
    def test_replace(self, version):
        """[MQTT-3.8.4-3] The same filter again replaces the subscription."""
        client, publisher = self.client(version), self.client(version)
        client.subscribe("again", qos=0)
        client.subscribe("again", qos=2)
        publisher.publish("again", "x", 2)
        client.expect_publish("again", "x", qos=2)
        self.expect_nothing(publisher, client)

    @versions(MQTT311, MQTT5)
    def test_no_filter(self, version):
        """[MQTT-3.8.3-2] [MQTT-3.10.3-2] At least one filter is due."""
        for kind in (wire.SUBSCRIBE, wire.UNSUBSCRIBE):
            client = self.client(version)
            body = b"\0\1" + (b"\0" if version == MQTT5 else b"")
            client.send(wire.frame(kind, 2, body))
            client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_reserved_option_bits(self, version):
        """[MQTT-3.8.3-5] [MQTT3-3.8.3-4] Reserved bits, QoS 3 and retain handling 3."""
        for options in (0x03, 0x40, 0x80, 0xC0) + ((0x30,) if version == MQTT5 else (4, 8, 0x10)):
            client = self.client(version)
            client.send(wire.subscribe(version, 1, [("a", options)]))
            client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_fixed_header_flags(self, version):
        """[MQTT-3.8.1-1] [MQTT-3.10.1-1] The flags of SUBSCRIBE and UNSUBSCRIBE are 0010."""
        for packet in (wire.subscribe(version, 1, [("a", 0)]), wire.unsubscribe(version, 1, ["a"])):
            for flags in (0x0, 0x1, 0x3, 0xA):
                client = self.client(version)
                client.send(bytes([packet[0] & 0xF0 | flags]) + packet[1:])
                client.expect_refusal(0x81, 0x82)

    @versions(*ALL)
    def test_unsubscribe(self, version):
        """After UNSUBACK nothing comes any more.

        [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-2]
        """
        client, publisher = self.client(version), self.client(version)
        client.subscribe("u/1", "u/2", "u/+", qos=1)
        unsuback = client.unsubscribe("u/1", "u/+", "unknown")
        if version == MQTT5:
            self.assertEqual(unsuback.reasons, [0, 0, 0x11])
        else:
            self.assertEqual(unsuback.body[2:], b"")
        publisher.publish("u/1", "x", 1)
        publisher.publish("u/2", "y", 1)
        client.expect_publish("u/2", "y")
        self.expect_nothing(publisher, client)

    @versions(*ALL)
    def test_unsubscribe_keeps_what_is_in_flight(self, version):
        """[MQTT-3.10.4-3] A delivery that began is completed."""
        client, publisher = self.client(version), self.client(version)
        client.subscribe("fly", qos=2)
        publisher.publish("fly", "x", 2)
        packet = client.expect_publish("fly", "x", answer=False)
        client.unsubscribe("fly")
        client.acknowledge(packet)
        client.ping()

    def test_overlapping_mqtt311(self):
        """allow_duplicate_messages true (the default): one copy per subscription before 5.0."""
        client, publisher = self.client(MQTT311), self.client(MQTT311)
        client.subscribe(("over/+", 1), ("over/#", 2))
        publisher.publish("over/x", "m", 2)
        found = sorted(client.expect_publish("over/x", "m").qos for _ in range(2))
        self.assertEqual(found, [1, 2])
        self.expect_nothing(publisher, client)

    @versions(*ALL)
    def test_overlapping_one_copy(self, version):
        """[MQTT-3.3.4-2] allow_duplicate_messages false: one copy at the highest QoS."""
        self.start("allow_duplicate_messages false\n" + self.config)
        client, publisher = self.client(version), self.client(version)
        client.subscribe(("over/+", 1), ("over/#", 2), ("+/x", 0))
        publisher.publish("over/x", "m", 2)
        client.expect_publish("over/x", "m", qos=2)
        self.expect_nothing(publisher, client)


class OptionsTest(BrokerTest):
    """Subscription options of 5.0."""

    def test_no_local(self):
        """[MQTT-3.8.3-3] No Local: not to the connection's own client id."""
        client, other = self.client(MQTT5), self.client(MQTT5)
        client.subscribe(("nl", 1 | NO_LOCAL), expected=[1])
        client.publish("nl", "mine", 1)
        client.ping()
        other.publish("nl", "yours", 1)
        client.expect_publish("nl", "yours")

    def test_no_local_and_retained(self):
        """[MQTT-3.8.3-3] What the client itself retained does not come back with No Local."""
        client, other = self.client(MQTT5), self.client(MQTT5)
        client.publish("nl/mine", "x", 1, retain=True)
        other.publish("nl/others", "x", 1, retain=True)
        client.subscribe(("nl/+", 1 | NO_LOCAL), expected=[1])
        client.expect_publish("nl/others", "x", retain=True)
        client.ping()
        client.subscribe(("nl/+", 1), expected=[1])
        self.assertEqual({client.expect(wire.PUBLISH).topic for _ in range(2)},
                         {"nl/mine", "nl/others"})

    def test_no_local_and_another_subscription(self):
        """No Local of one subscription does not silence another one of the client."""
        client = self.client(MQTT5)
        client.subscribe(("nl/a", 1 | NO_LOCAL), ("nl/+", 1), expected=[1, 1])
        client.send(wire.publish(MQTT5, "nl/a", "x", 0))
        client.expect_publish("nl/a", "x")
        client.ping()

    def test_retain_as_published(self):
        """[MQTT-3.3.1-12] [MQTT-3.3.1-13] The flag stays with the option, goes without it."""
        plain, kept, publisher = self.client(MQTT5), self.client(MQTT5), self.client(MQTT5)
        plain.subscribe("rap")
        kept.subscribe(("rap", RETAIN_AS_PUBLISHED))
        publisher.publish("rap", "r", 0, retain=True)
        publisher.publish("rap", "n", 0)
        plain.expect_publish("rap", "r", retain=False)
        kept.expect_publish("rap", "r", retain=True)
        plain.expect_publish("rap", "n", retain=False)
        kept.expect_publish("rap", "n", retain=False)

    def test_retain_handling(self):
        """[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] 0 always, 1 if new, 2 never."""
        self.client(MQTT5).publish("rh", "kept", 1, retain=True)
        for handling, first, second in ((0, True, True), (RETAIN_IF_NEW, True, False),
                                        (RETAIN_NEVER, False, False)):
            client = self.client(MQTT5)
            for expected in (first, second):
                client.subscribe(("rh", handling), expected=[0])
                if expected:
                    client.expect_publish("rh", "kept", retain=True)
                client.ping()

    def test_retain_handling_1_in_a_resumed_session(self):
        """[MQTT-3.3.1-10] A subscription that a session brought along is not new."""
        self.client(MQTT5).publish("rh", "kept", 1, retain=True)
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe(("rh", RETAIN_IF_NEW), expected=[0])
        client.expect_publish("rh", "kept")
        client.disconnect()
        again = self.persistent(MQTT5, client.client_id)
        again.subscribe(("rh", RETAIN_IF_NEW), expected=[0])
        again.ping()


class IdentifierTest(BrokerTest):
    """Subscription Identifiers of 5.0."""

    def subscribed(self, *pairs):
        """A client with (filter, identifier, QoS) subscriptions."""
        client = self.client(MQTT5)
        for filter_, identifier, qos in pairs:
            properties = [(wire.SUBSCRIPTION_ID, identifier)] if identifier else []
            client.subscribe(filter_, qos=qos, properties=properties)
        return client

    def test_one(self):
        """[MQTT-3.3.4-3] The identifier comes with the message."""
        client = self.subscribed(("si", 268435455, 1))
        self.client(MQTT5).publish("si", "x", 1)
        packet = client.expect_publish("si", "x")
        self.assertEqual(packet.all(wire.SUBSCRIPTION_ID), [268435455])

    def test_all_that_match_in_one_copy(self):
        """[MQTT-3.3.4-4] One copy with the identifiers of all matching subscriptions."""
        client = self.subscribed(("si/+", 1, 1), ("si/#", 2, 2), ("si/x", None, 0), ("other", 4, 1))
        publisher = self.client(MQTT5)
        publisher.publish("si/x", "x", 2)
        packet = client.expect_publish("si/x", "x", qos=2)
        self.assertEqual(sorted(packet.all(wire.SUBSCRIPTION_ID)), [1, 2])
        self.expect_nothing(publisher, client)

    def test_replaced(self):
        """[MQTT-3.8.4-3] A new SUBSCRIBE replaces the identifier, or removes it."""
        client, publisher = self.subscribed(("si", 5, 1), ("si", 6, 1)), self.client(MQTT5)
        publisher.publish("si", "x", 1)
        packet = client.expect_publish("si", "x")
        self.assertEqual(packet.all(wire.SUBSCRIPTION_ID), [6])
        client.subscribe("si", qos=1)
        publisher.publish("si", "y", 1)
        packet = client.expect_publish("si", "y")
        self.assertEqual(packet.all(wire.SUBSCRIPTION_ID), [])

    def test_with_retained(self):
        """Retained messages carry the identifier of the subscription that asked for them."""
        self.client(MQTT5).publish("si/r", "kept", 1, retain=True)
        client = self.client(MQTT5)
        client.subscribe("si/#", properties=[(wire.SUBSCRIPTION_ID, 9)])
        packet = client.expect_publish("si/r", "kept", retain=True)
        self.assertEqual(packet.all(wire.SUBSCRIPTION_ID), [9])

    def test_in_a_resumed_session(self):
        """Identifiers are part of the session."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("si", qos=1, properties=[(wire.SUBSCRIPTION_ID, 3)])
        client.disconnect()
        self.client(MQTT5).publish("si", "x", 1)
        packet = self.persistent(MQTT5, client.client_id).expect_publish("si", "x")
        self.assertEqual(packet.all(wire.SUBSCRIPTION_ID), [3])

    def test_errors(self):
        """3.8.2.1.2: identifier 0 and two identifiers are protocol errors."""
        for properties in ([(wire.SUBSCRIPTION_ID, 0)],
                           [(wire.SUBSCRIPTION_ID, 1), (wire.SUBSCRIPTION_ID, 2)]):
            client = self.client(MQTT5)
            client.send(wire.subscribe(MQTT5, 1, [("si", 0)], properties))
            client.expect_refusal(0x82, 0x81)

    def test_in_publish_from_client(self):
        """[MQTT-3.3.4-6] A client may not send a Subscription Identifier in PUBLISH."""
        client = self.client(MQTT5)
        client.send(wire.publish(MQTT5, "si", "x", properties=[(wire.SUBSCRIPTION_ID, 1)]))
        client.expect_refusal(0x82, 0x81)
