"""QoS 0, 1 and 2 in both directions: handshakes, reconnects, redelivery, windows."""

from harness import wire
from harness.broker import DEFAULT_CONFIG
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT311


class DeliveryTest(BrokerTest):
    """Messages between connected clients."""

    @versions(*ALL)
    def test_every_pair_of_qos(self, version):
        """The lower QoS.

        [MQTT-3.8.4-8] [MQTT-3.3.4-1] [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
        """
        publisher = self.client(version)
        for granted in (0, 1, 2):
            topic = unique("qos/")
            subscriber = self.client(version)
            subscriber.subscribe(topic, qos=granted)
            for sent in (0, 1, 2):
                publisher.publish(topic, f"sent {sent}", sent)
                subscriber.expect_publish(topic, f"sent {sent}", qos=min(sent, granted), dup=False)

    @versions(*ALL)
    def test_across_versions(self, version):
        """[MQTT-4.5.0-1] A message from one version reaches clients of every other."""
        others = [self.client(other) for other in ALL]
        for other in others:
            other.subscribe("mixed/+", qos=2)
        self.client(version).publish("mixed/a", b"\x00\xff bytes", 2)
        for other in others:
            other.expect_publish("mixed/a", b"\x00\xff bytes", qos=2, retain=False)

    @versions(*ALL)
    def test_to_oneself(self, version):
        """A client gets its own messages too."""
        client = self.client(version)
        client.subscribe("own", qos=1)
        client.send(wire.publish(version, "own", "x", 1, 5))
        found = {client.receive().kind, client.receive().kind}
        self.assertEqual(found, {wire.PUBACK, wire.PUBLISH})

    @versions(*ALL)
    def test_empty_payload(self, version):
        """An empty payload is a message like any other."""
        client = self.client(version)
        client.subscribe("empty")
        client.publish("empty", b"")
        client.expect_publish("empty", b"")

    @versions(*ALL)
    def test_order_of_many(self, version):
        """[MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.2.0-1] Per topic and QoS, order is kept."""
        for qos in (0, 1, 2):
            subscriber, publisher = self.client(version), self.client(version)
            topic = unique("order/")
            subscriber.subscribe(topic, qos=qos)
            for number in range(100):
                publisher.publish(topic, str(number), qos)
            for number in range(100):
                subscriber.expect_publish(topic, str(number), qos=qos)

    @versions(*ALL)
    def test_big_payload(self, version):
        """A payload of a megabyte arrives whole."""
        payload = bytes(range(256)) * 4000
        subscriber = self.client(version)
        subscriber.subscribe("big", qos=1)
        self.client(version).publish("big", payload, 1)
        subscriber.expect_publish("big", payload)

    @versions(*ALL)
    def test_remaining_length_borders(self, version):
        """[MQTT-1.5.5-1] Packets around the borders of the length's encoding."""
        client = self.client(version)
        client.subscribe("len", qos=1)
        for length in (120, 121, 122, 123, 124, 125, 16374, 16375, 16376, 16377, 16378, 16379,
                       16380):
            self.client(version).publish("len", b"x" * length, 1)
            client.expect_publish("len", b"x" * length)

    def test_puback_of_success_has_two_bytes(self):
        """Success is acknowledged in two bytes, as old decoders expect."""
        listener, publisher = self.client(MQTT5), self.client(MQTT5)
        listener.subscribe("heard", qos=2)
        self.assertEqual(publisher.publish("heard", "x", 1).raw[:2], b"\x40\x02")
        self.assertEqual(publisher.publish("heard", "x", 2).raw[:2], b"\x50\x02")

    def test_no_matching_subscribers(self):
        """A 5.0 publish that nobody listens to gets 0x10 with QoS 1; PUBREC does not tell."""
        publisher = self.client(MQTT5)
        self.assertEqual(publisher.publish(unique("void/"), "x", 1).reason, 0x10)
        self.assertEqual(publisher.publish(unique("void/"), "x", 2).raw[:2], b"\x50\x02")

    @versions(*ALL)
    def test_packet_ids_in_flight_differ(self, version):
        """Each message in flight has an identifier of its own.

        [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
        """
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("ids", qos=2)
        for number in range(10):
            publisher.publish("ids", str(number), 1 + number % 2)
        packets = [subscriber.expect_publish("ids", answer=False) for _ in range(10)]
        self.assertEqual(len({p.packet_id for p in packets}), 10)
        for packet in packets:
            subscriber.acknowledge(packet)
        subscriber.ping()

    @versions(*ALL)
    def test_more_messages_than_identifiers(self, version):
        """[MQTT-2.2.1-4] Identifiers are used again: more messages than a window holds."""
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("many", qos=1)
        for number in range(200):
            publisher.publish("many", str(number), 1)
            subscriber.expect_publish("many", str(number), qos=1)

    @versions(*ALL)
    def test_window_of_20(self, version):
        """max_inflight_messages: 20 leave at once, the next only after an acknowledgement.

        [MQTT-4.3.2-3]
        """
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("window", qos=1)
        for number in range(25):
            publisher.publish("window", str(number), 1)
        first = subscriber.expect_publish("window", "0", answer=False)
        for number in range(1, 20):
            subscriber.expect_publish("window", str(number), answer=False)
        subscriber.ping()
        subscriber.acknowledge(first)
        subscriber.expect_publish("window", "20", answer=False)
        subscriber.ping()

    @versions(*ALL)
    def test_qos2_holds_window_until_pubcomp(self, version):
        """[MQTT-4.3.3-3] [MQTT-4.3.3-5] A QoS 2 message counts until PUBCOMP, not until PUBREC."""
        self.start("max_inflight_messages 1\n" + self.config)
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("narrow", qos=2)
        publisher.publish("narrow", "a", 2)
        publisher.publish("narrow", "b", 2)
        first = subscriber.expect_publish("narrow", "a", answer=False)
        subscriber.send(wire.acknowledgement(wire.PUBREC, first.packet_id))
        subscriber.expect(wire.PUBREL, packet_id=first.packet_id)
        subscriber.ping()
        subscriber.send(wire.acknowledgement(wire.PUBCOMP, first.packet_id))
        subscriber.expect_publish("narrow", "b", qos=2)


class IncomingQos2Test(BrokerTest):
    """Exactly once from a publisher."""

    @versions(*ALL)
    def test_duplicate_is_delivered_once(self, version):
        """[MQTT-4.3.3-10] [MQTT-4.3.3-8] A PUBLISH sent again before PUBREL is delivered once."""
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("once", qos=1)
        for dup in (False, True, True):
            publisher.send(wire.publish(version, "once", "x", 2, 9, dup=dup))
            publisher.expect(wire.PUBREC, packet_id=9)
        publisher.send(wire.acknowledgement(wire.PUBREL, 9))
        publisher.expect(wire.PUBCOMP, packet_id=9)
        subscriber.expect_publish("once", "x")
        self.expect_nothing(publisher, subscriber)

    @versions(*ALL)
    def test_duplicate_after_reconnect(self, version):
        """[MQTT-4.4.0-1] The broker remembers identifiers of an unfinished QoS 2 publish."""
        subscriber = self.client(version)
        subscriber.subscribe("once", qos=1)
        publisher = self.persistent(version, unique("pub"))
        publisher.send(wire.publish(version, "once", "x", 2, 9))
        publisher.expect(wire.PUBREC, packet_id=9)
        self.drop(publisher)
        again = self.persistent(version, publisher.client_id)
        again.send(wire.publish(version, "once", "x", 2, 9, dup=True))
        again.expect(wire.PUBREC, packet_id=9)
        again.send(wire.acknowledgement(wire.PUBREL, 9))
        again.expect(wire.PUBCOMP, packet_id=9)
        subscriber.expect_publish("once", "x")
        self.expect_nothing(again, subscriber)

    @versions(*ALL)
    def test_identifier_is_free_after_pubcomp(self, version):
        """[MQTT-4.3.3-12] After PUBCOMP the identifier names a new message."""
        subscriber, publisher = self.client(version), self.client(version)
        subscriber.subscribe("again", qos=1)
        for text in ("one", "two"):
            publisher.publish("again", text, 2, packet_id=9)
            subscriber.expect_publish("again", text)

    @versions(*ALL)
    def test_pubrel_of_unknown_identifier(self, version):
        """[MQTT-4.3.3-11] PUBREL for nothing is answered, so that the client can go on."""
        client = self.client(version)
        client.send(wire.acknowledgement(wire.PUBREL, 77))
        answer = client.expect(wire.PUBCOMP, packet_id=77)
        self.assertIn(answer.reason, (0x92, 0) if version == MQTT5 else (0,))

    @versions(*ALL)
    def test_clean_start_forgets(self, version):
        """[MQTT-3.1.2-4] A new session does not know the identifiers of the old one."""
        subscriber = self.client(version)
        subscriber.subscribe("fresh", qos=1)
        publisher = self.persistent(version, unique("pub"))
        publisher.send(wire.publish(version, "fresh", "x", 2, 9))
        publisher.expect(wire.PUBREC, packet_id=9)
        self.drop(publisher)
        again = self.client(version, publisher.client_id)
        again.publish("fresh", "y", 2, packet_id=9)
        # Delivery of x, which was never released, is the broker's choice (4.3.3).
        if subscriber.expect(wire.PUBLISH).payload == b"x":
            subscriber.expect_publish("fresh", "y")


class RedeliveryTest(BrokerTest):
    """What a subscriber gets again after it comes back."""

    def subscriber(self, version, topic, qos, name=None):
        """A persistent subscriber."""
        client = self.persistent(version, name or unique("sub"))
        client.subscribe(topic, qos=qos)
        return client

    @versions(*ALL)
    def test_unacknowledged_qos1(self, version):
        """Sent again with DUP and the same identifiers, in order.

        [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1]
        """
        subscriber, publisher = self.subscriber(version, "re", 1), self.client(version)
        for number in range(5):
            publisher.publish("re", str(number), 1)
        ids = [subscriber.expect_publish("re", str(n), answer=False, dup=False).packet_id
               for n in range(5)]
        subscriber.send(wire.acknowledgement(wire.PUBACK, ids[1]))
        subscriber.ping()
        self.drop(subscriber)
        publisher.publish("re", "5", 1)
        again = self.persistent(version, subscriber.client_id)
        self.assertEqual(again.connack.session_present, version != wire.MQTT31)
        for number in (0, 2, 3, 4):
            again.expect_publish("re", str(number), dup=True, packet_id=ids[number])
        again.expect_publish("re", "5", dup=False)
        again.ping()

    @versions(*ALL)
    def test_unacknowledged_qos2(self, version):
        """[MQTT-4.3.3-6] [MQTT-4.3.3-4] Without PUBREC PUBLISH is sent again, with it PUBREL is."""
        subscriber, publisher = self.subscriber(version, "re2", 2), self.client(version)
        publisher.publish("re2", "a", 2)
        publisher.publish("re2", "b", 2)
        first = subscriber.expect_publish("re2", "a", answer=False)
        second = subscriber.expect_publish("re2", "b", answer=False)
        subscriber.send(wire.acknowledgement(wire.PUBREC, first.packet_id))
        subscriber.expect(wire.PUBREL, packet_id=first.packet_id)
        self.drop(subscriber)
        again = self.persistent(version, subscriber.client_id)
        again.expect(wire.PUBREL, packet_id=first.packet_id)
        again.expect_publish("re2", "b", answer=False, dup=True, packet_id=second.packet_id)
        again.send(wire.acknowledgement(wire.PUBCOMP, first.packet_id))
        again.acknowledge(second)
        again.ping()

    @versions(*ALL)
    def test_acknowledged_is_not_sent_again(self, version):
        """[MQTT-4.3.3-5] What was acknowledged stays away after a reconnect."""
        subscriber, publisher = self.subscriber(version, "done", 2), self.client(version)
        for qos in (1, 2):
            publisher.publish("done", f"qos {qos}", qos)
            subscriber.expect_publish("done", f"qos {qos}")
        subscriber.ping()
        self.drop(subscriber)
        self.persistent(version, subscriber.client_id).ping()

    @versions(*ALL)
    def test_no_redelivery_without_reconnect(self, version):
        """[MQTT-4.4.0-1] Messages are sent again at a reconnect only, never in between."""
        subscriber, publisher = self.subscriber(version, "calm", 1), self.client(version)
        publisher.publish("calm", "x", 1)
        subscriber.expect_publish("calm", "x", answer=False)
        self.let_time_pass(2)
        subscriber.ping()

    @versions(*ALL)
    def test_offline_messages_in_order(self, version):
        """[MQTT3-3.1.2-5] [MQTT-4.6.0-6] Messages of an absence arrive in order, without QoS 0."""
        subscriber, publisher = self.subscriber(version, "away", 2), self.client(version)
        subscriber.disconnect()
        for number in range(50):
            publisher.publish("away", "qos 0", 0)
            publisher.publish("away", str(number), 1 + number % 2)
        again = self.persistent(version, subscriber.client_id)
        for number in range(50):
            again.expect_publish("away", str(number), qos=1 + number % 2, dup=False)
        again.ping()

    @versions(*ALL)
    def test_two_reconnects(self, version):
        """DUP and identifier survive more than one reconnect."""
        subscriber, publisher = self.subscriber(version, "twice", 1), self.client(version)
        publisher.publish("twice", "x", 1)
        packet = subscriber.expect_publish("twice", "x", answer=False)
        for _ in range(2):
            self.drop(subscriber)
            subscriber = self.persistent(version, subscriber.client_id)
            subscriber.expect_publish("twice", "x", answer=False, dup=True,
                                      packet_id=packet.packet_id)
        subscriber.acknowledge(packet)
        subscriber.ping()


class AnswersTest(BrokerTest):
    """The order of answers, and what DUP and expiry do not do."""

    @versions(*ALL)
    def test_order_of_answers(self, version):
        """[MQTT-4.6.0-2] [MQTT-4.6.0-3] PUBACKs and PUBRECs come in the order of the PUBLISHes."""
        client = self.client(version)
        for qos, kind in ((1, wire.PUBACK), (2, wire.PUBREC)):
            client.send(b"".join(wire.publish(version, "o", "x", qos, n) for n in range(1, 15)))
            for number in range(1, 15):
                client.expect(kind, packet_id=number)

    @versions(*ALL)
    def test_order_of_pubrels(self, version):
        """[MQTT-4.6.0-4] PUBRELs come in the order of the PUBRECs."""
        client, publisher = self.client(version), self.client(version)
        client.subscribe("rel", qos=2)
        for number in range(5):
            publisher.publish("rel", str(number), 2)
        ids = [client.expect_publish("rel", answer=False).packet_id for _ in range(5)]
        client.send(b"".join(wire.acknowledgement(wire.PUBREC, i) for i in ids))
        for packet_id in ids:
            client.expect(wire.PUBREL, packet_id=packet_id)

    @versions(*ALL)
    def test_dup_is_not_passed_on(self, version):
        """[MQTT-3.3.1-3] [MQTT3-3.3.1-3] DUP of what came in says nothing about what goes out."""
        client, publisher = self.client(version), self.client(version)
        client.subscribe("dup", qos=2)
        for qos in (1, 2):
            publisher.publish("dup", "x", qos, dup=True)
            client.expect_publish("dup", "x", dup=False)

    def test_after_puback_a_new_message(self):
        """[MQTT-4.3.2-5] [MQTT3-4.3.2-2] After PUBACK the identifier is new, whatever DUP says."""
        client, publisher = self.client(MQTT5), self.client(MQTT5)
        client.subscribe("new", qos=1)
        for text, dup in (("a", False), ("b", True)):
            publisher.publish("new", text, 1, packet_id=4, dup=dup)
            client.expect_publish("new", text)

    def test_what_was_sent_does_not_expire(self):
        """[MQTT-4.3.3-7] [MQTT-4.3.3-13] A delivery that began ends, though the message expired."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("old", qos=2)
        publisher = self.client(MQTT5)
        publisher.publish("old", "x", 2, properties=[(wire.MESSAGE_EXPIRY, 1)])
        packet = client.expect_publish("old", "x", answer=False)
        self.drop(client)
        self.let_time_pass(2)
        again = self.persistent(MQTT5, client.client_id)
        again.expect_publish("old", "x", dup=True, packet_id=packet.packet_id)

    def test_refused_is_not_sent_again(self):
        """[MQTT-4.4.0-2] PUBACK or PUBREC of 0x80 or more ends the matter for good."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("no", qos=2)
        publisher = self.client(MQTT5)
        for qos, kind in ((1, wire.PUBACK), (2, wire.PUBREC)):
            publisher.publish("no", "x", qos)
            packet = client.expect_publish("no", "x", answer=False)
            client.send(wire.acknowledgement(kind, packet.packet_id, 0x83))
        client.ping()
        self.drop(client)
        self.persistent(MQTT5, client.client_id).ping()


class ReceiveMaximumTest(BrokerTest):
    """Flow control of 5.0, both ways."""

    config = "max_inflight_messages 20\n" + BrokerTest.config

    def test_clients_receive_maximum(self):
        """No more unacknowledged than the client takes.

        [MQTT-4.9.0-2] [MQTT-3.3.4-9] [MQTT-3.3.4-10]
        """
        subscriber = self.client(MQTT5, properties=[(wire.RECEIVE_MAXIMUM, 3)])
        subscriber.subscribe("rm", qos=2)
        publisher = self.client(MQTT311)
        for number in range(6):
            publisher.publish("rm", str(number), 1 + number % 2)
        held = [subscriber.expect_publish("rm", str(n), answer=False) for n in range(3)]
        subscriber.ping()
        publisher.publish("rm", "qos 0", 0)
        subscriber.expect_publish("rm", "qos 0", qos=0)
        subscriber.acknowledge(held[0])
        subscriber.expect_publish("rm", "3", answer=False)
        subscriber.ping()

    def test_qos2_counts_until_pubcomp(self):
        """[MQTT-4.9.0-1] [MQTT-4.9.0-3] PUBREC gives no room back, PUBCOMP does."""
        subscriber = self.client(MQTT5, properties=[(wire.RECEIVE_MAXIMUM, 1)])
        subscriber.subscribe("rm2", qos=2)
        publisher = self.client(MQTT5)
        publisher.publish("rm2", "a", 2)
        publisher.publish("rm2", "b", 2)
        first = subscriber.expect_publish("rm2", "a", answer=False)
        subscriber.send(wire.acknowledgement(wire.PUBREC, first.packet_id))
        subscriber.expect(wire.PUBREL)
        subscriber.ping()
        subscriber.send(wire.acknowledgement(wire.PUBCOMP, first.packet_id))
        subscriber.expect_publish("rm2", "b")

    def test_pubrec_with_error_gives_room(self):
        """[MQTT-4.4.0-2] A PUBREC with 0x80 or more ends the handshake."""
        subscriber = self.client(MQTT5, properties=[(wire.RECEIVE_MAXIMUM, 1)])
        subscriber.subscribe("rm3", qos=2)
        publisher = self.client(MQTT5)
        publisher.publish("rm3", "a", 2)
        publisher.publish("rm3", "b", 2)
        first = subscriber.expect_publish("rm3", "a", answer=False)
        subscriber.send(wire.acknowledgement(wire.PUBREC, first.packet_id, 0x80))
        subscriber.expect_publish("rm3", "b")

    def test_brokers_receive_maximum_exceeded(self):
        """[MQTT-3.3.4-7] A client that exceeds the broker's maximum gets DISCONNECT 0x93."""
        self.start("max_inflight_messages 20\n" + DEFAULT_CONFIG)
        client = self.client(MQTT5)
        for number in range(1, 22):
            client.send(wire.publish(MQTT5, "flood", "x", 2, number))
        for number in range(1, 21):
            client.expect(wire.PUBREC, packet_id=number)
        client.expect(wire.DISCONNECT, reason=0x93)
        client.expect_closed()

    def test_no_maximum_unless_it_is_set(self):
        """Clients that ignore Receive Maximum are not cut off where nobody asked for one."""
        self.broker.stop()
        self.start(BrokerTest.config)
        client = self.client(MQTT5)
        self.assertNotIn(wire.RECEIVE_MAXIMUM, dict(client.connack.properties))
        client.send(b"".join(wire.publish(MQTT5, "open", "x", 2, n) for n in range(1, 301)))
        for number in range(1, 301):
            client.expect(wire.PUBREC, packet_id=number)

    def test_burst_of_qos1_is_not_cut(self):
        """[MQTT-4.3.2-4] [MQTT-4.6.0-2] QoS 1 is acknowledged at once: a burst is no violation."""
        client = self.client(MQTT5)
        client.send(b"".join(wire.publish(MQTT5, "burst", "x", 1, n) for n in range(1, 301)))
        for number in range(1, 301):
            client.expect(wire.PUBACK, packet_id=number)


class AcknowledgementTest(BrokerTest):
    """Acknowledgements that fit nothing."""

    @versions(*ALL)
    def test_of_unknown_identifiers(self, version):
        """Acknowledgements of unknown identifiers end nothing (Mosquitto takes them so)."""
        client = self.client(version)
        client.send(wire.acknowledgement(wire.PUBACK, 99) + wire.pingreq())
        packets = client.until_pingresp()
        self.assertEqual(packets, [])

    @versions(MQTT311, MQTT5)
    def test_identifier_0(self, version):
        """[MQTT-2.2.1-3] A packet identifier of 0 is malformed."""
        for packet in (wire.publish(version, "t", "x", 1, 0), wire.publish(version, "t", "x", 2, 0),
                       wire.subscribe(version, 0, [("t", 0)]), wire.unsubscribe(version, 0, ["t"])):
            client = self.client(version)
            client.send(packet)
            client.expect_refusal(0x81, 0x82)

    def test_bad_reason_codes(self):
        """[MQTT-3.4.2-1] [MQTT-3.5.2-1] A reason that PUBACK or PUBREC may not carry."""
        for kind in (wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP):
            client = self.client(MQTT5)
            client.send(wire.acknowledgement(kind, 5, 0x8E))
            client.expect_refusal(0x81, 0x82)
