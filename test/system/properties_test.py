"""Properties of 5.0 PUBLISH: what is passed on, aliases, expiry, packet sizes."""

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT311


class ForwardTest(BrokerTest):
    """Properties that are passed through as they came."""

    def forwarded(self, properties, payload=b"x"):
        """What arrives of a message with these properties."""
        client = self.client(MQTT5)
        topic = unique("fw/")
        client.subscribe(topic, qos=1)
        self.client(MQTT5).publish(topic, payload, 1, properties=properties)
        return client.expect_publish(topic, payload)

    def test_all(self):
        """[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-20] Unaltered."""
        properties = [(wire.PAYLOAD_FORMAT, 1), (wire.RESPONSE_TOPIC, "answer/here"),
                      (wire.CORRELATION_DATA, bytes(range(256))),
                      (wire.CONTENT_TYPE, "application/ж")]
        packet = self.forwarded(properties, "täxt")
        for identifier, value in properties:
            self.assertEqual(packet.property(identifier), value)

    def test_user_properties_in_order(self):
        """[MQTT-3.3.2-17] [MQTT-3.3.2-18] All of them, in order, repeated names too."""
        pairs = [("z", "1"), ("a", "2"), ("z", "3"), ("", ""), ("a", "2")]
        packet = self.forwarded([(wire.USER_PROPERTY, pair) for pair in pairs])
        self.assertEqual(packet.all(wire.USER_PROPERTY), pairs)

    def test_none_are_invented(self):
        """[MQTT-2.2.2-1] A message without properties arrives without."""
        self.assertEqual(self.forwarded([]).properties, [])

    def test_to_older_clients(self):
        """Older clients get the message without its properties."""
        client = self.client(MQTT311)
        client.subscribe("fw/old")
        self.client(MQTT5).publish("fw/old", "x", 1, properties=[(wire.CONTENT_TYPE, "a")])
        client.expect_publish("fw/old", "x")

    def test_in_the_queue(self):
        """Properties wait with the message for an absent client."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("fw/q", qos=1)
        client.disconnect()
        pair = (wire.USER_PROPERTY, ("k", "v"))
        self.client(MQTT5).publish("fw/q", "x", 1, properties=[pair])
        packet = self.persistent(MQTT5, client.client_id).expect_publish("fw/q", "x")
        self.assertEqual(packet.properties, [pair])

    def test_errors(self):
        """[MQTT-3.3.2-14] Wildcards in Response Topic, wrong values, repeats, strangers."""
        for properties in ([(wire.RESPONSE_TOPIC, "a/#")], [(wire.RESPONSE_TOPIC, "+")],
                           [(wire.PAYLOAD_FORMAT, 2)], [(wire.PAYLOAD_FORMAT, 1)] * 2,
                           [(wire.CONTENT_TYPE, "a")] * 2, [(wire.MESSAGE_EXPIRY, 1)] * 2,
                           [(wire.SESSION_EXPIRY, 1)], [(wire.CONTENT_TYPE, b"\xff")],
                           [(wire.USER_PROPERTY, (b"a\0", "b"))], b"\x01", b"\x03\x00\x09a",
                           b"\x80\x80\x80\x80\x01"):
            client = self.client(MQTT5)
            client.send(wire.publish(MQTT5, "t", "x", properties=properties))
            client.expect_refusal(0x81, 0x82, 0x90)

    def test_payload_format_mismatch(self):
        """[MQTT-3.3.2-4] A payload that is not the UTF-8 it claims is passed on or refused."""
        client = self.client(MQTT5)
        client.send(wire.publish(MQTT5, "t", b"\xff", 1, 3, properties=[(wire.PAYLOAD_FORMAT, 1)]))
        packet = client.receive()
        self.assertIn((packet.kind, packet.reason), ((wire.PUBACK, 0), (wire.PUBACK, 0x10),
                                                     (wire.PUBACK, 0x99), (wire.DISCONNECT, 0x99)))


class AliasFromClientTest(BrokerTest):
    """Topic aliases towards the broker."""

    def test_set_and_use(self):
        """[MQTT-3.3.2-12] An alias stands for the topic it was set to, until set anew."""
        client, publisher = self.client(MQTT5), self.client(MQTT5)
        client.subscribe("al/+", qos=2)
        steps = (("al/a", 1, "al/a"), ("", 1, "al/a"), ("al/b", 10, "al/b"), ("", 10, "al/b"),
                 ("al/c", 1, "al/c"), ("", 1, "al/c"), ("", 10, "al/b"))
        for number, (sent, alias, arrives) in enumerate(steps):
            properties = [(wire.TOPIC_ALIAS, alias)]
            publisher.publish(sent, str(number), number % 3, properties=properties)
            packet = client.expect_publish(arrives, str(number))
            self.assertIsNone(packet.property(wire.TOPIC_ALIAS))

    def test_errors(self):
        """[MQTT-3.3.2-8] [MQTT-3.3.2-9] Alias 0, above the maximum, never set, set twice."""
        for topic, properties, reasons in (
                ("t", [(wire.TOPIC_ALIAS, 0)], (0x94, 0x82)),
                ("t", [(wire.TOPIC_ALIAS, 11)], (0x94,)),
                ("", [(wire.TOPIC_ALIAS, 3)], (0x82, 0x94)),
                ("", [], (0x82, 0x81, 0x90)),
                ("t", [(wire.TOPIC_ALIAS, 1)] * 2, (0x82, 0x81))):
            client = self.client(MQTT5)
            client.send(wire.publish(MQTT5, topic, "x", properties=properties))
            client.expect_refusal(*reasons)

    def test_does_not_outlive_the_connection(self):
        """[MQTT-3.3.2-7] Aliases belong to a connection, not to a session."""
        client = self.persistent(MQTT5, unique("s"))
        client.publish("al/x", "x", properties=[(wire.TOPIC_ALIAS, 1)])
        client.disconnect()
        again = self.persistent(MQTT5, client.client_id)
        again.send(wire.publish(MQTT5, "", "x", properties=[(wire.TOPIC_ALIAS, 1)]))
        again.expect_refusal(0x82, 0x94)

    def test_maximum_0(self):
        """max_topic_alias 0: every alias is one too many."""
        self.start(self.config + "max_topic_alias 0\n")
        client = self.client(MQTT5)
        client.send(wire.publish(MQTT5, "t", "x", properties=[(wire.TOPIC_ALIAS, 1)]))
        client.expect_refusal(0x94)


class AliasFromBrokerTest(BrokerTest):
    """Topic aliases towards the client."""

    def receive_all(self, maximum, topics, rounds=6):
        """Sends each topic some times; returns the raw packets and checks what they stand for."""
        client = self.client(MQTT5, properties=[(wire.TOPIC_ALIAS_MAXIMUM, maximum)])
        client.subscribe("ab/#")
        publisher, known, packets = self.client(MQTT311), {}, []
        for _ in range(rounds):
            for topic in topics:
                publisher.publish(topic, topic, 1)
                packet = client.expect(wire.PUBLISH)
                self.resolve(packet, known, maximum)
                packets.append(packet)
        return packets

    def resolve(self, packet, known, maximum):
        """[MQTT-3.1.2-26] [MQTT-3.3.2-11] Checks alias and topic of one packet."""
        alias = packet.property(wire.TOPIC_ALIAS)
        if alias is not None:
            self.assertIn(alias, range(1, maximum + 1))
            known[alias] = packet.topic or known[alias]
        self.assertEqual(known[alias] if alias else packet.topic, packet.payload.decode())

    def test_used(self):
        """A client that allows aliases is sent some: topics that repeat become empty."""
        packets = self.receive_all(5, ["ab/one/long/topic", "ab/two/long/topic"])
        self.assertTrue(any(packet.topic == "" for packet in packets))

    def test_more_topics_than_aliases(self):
        """With more topics than aliases each message still says its topic."""
        self.receive_all(2, [f"ab/{number}" for number in range(7)])

    def test_none_without_leave(self):
        """[MQTT-3.1.2-27] Maximum 0, or none given: no aliases."""
        self.receive_all(0, ["ab/topic"])

    def test_max_topic_alias_broker_0(self):
        """max_topic_alias_broker 0: the broker makes none."""
        self.start(self.config + "max_topic_alias_broker 0\n")
        packets = self.receive_all(5, ["ab/one"])
        self.assertTrue(all(p.property(wire.TOPIC_ALIAS) is None for p in packets))

    def test_redelivery_uses_no_old_alias(self):
        """[MQTT-3.3.2-7] After a reconnect the topic is sent in full before its alias."""
        options = [(wire.TOPIC_ALIAS_MAXIMUM, 5)]
        client = self.persistent(MQTT5, unique("s"), properties=options)
        client.subscribe("ab/re", qos=1)
        publisher = self.client(MQTT5)
        for number in range(4):
            publisher.publish("ab/re", str(number), 1)
            client.expect(wire.PUBLISH)
        self.drop(client)
        again = self.persistent(MQTT5, client.client_id, properties=options)
        first = again.expect(wire.PUBLISH)
        self.assertEqual((first.topic, first.dup), ("ab/re", True))


class ExpiryTest(BrokerTest):
    """Message Expiry Interval."""

    def test_counted_down(self):
        """[MQTT-3.3.2-6] The interval is lowered by the time the message waited."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("ex", qos=1)
        client.disconnect()
        publisher = self.client(MQTT5)
        publisher.publish("ex", "gone", 1, properties=[(wire.MESSAGE_EXPIRY, 1)])
        publisher.publish("ex", "kept", 1, properties=[(wire.MESSAGE_EXPIRY, 100)])
        publisher.publish("ex", "ever", 1)
        self.let_time_pass(2)
        again = self.persistent(MQTT5, client.client_id)
        packet = again.expect_publish("ex", "kept")
        self.assertIn(packet.property(wire.MESSAGE_EXPIRY), range(90, 99))
        packet = again.expect_publish("ex", "ever")
        self.assertIsNone(packet.property(wire.MESSAGE_EXPIRY))
        again.ping()

    def test_delivered_at_once(self):
        """A message that does not wait keeps its interval."""
        client = self.client(MQTT5)
        client.subscribe("ex")
        self.client(MQTT5).publish("ex", "x", 1, properties=[(wire.MESSAGE_EXPIRY, 100)])
        packet = client.expect_publish("ex", "x")
        self.assertIn(packet.property(wire.MESSAGE_EXPIRY), (99, 100))


class PacketSizeTest(BrokerTest):
    """Maximum Packet Size, both ways."""

    def test_to_the_client(self):
        """[MQTT-3.1.2-24] [MQTT-3.1.2-25] Too large for the client: dropped, as if delivered."""
        client = self.client(MQTT5, properties=[(wire.MAXIMUM_PACKET_SIZE, 100),
                                                (wire.RECEIVE_MAXIMUM, 2)])
        client.subscribe("mp", qos=1)
        publisher = self.client(MQTT5)
        for number in range(4):
            publisher.publish("mp", "x" * 200, 1)
            publisher.publish("mp", f"small {number}", 1)
        for number in range(4):
            client.expect_publish("mp", f"small {number}")
        client.ping()

    def test_connack_too_large(self):
        """[MQTT-3.1.2-24] A client that cannot take its CONNACK is refused, and not sent it."""
        for most in (1, 4, 5, 30, 56):
            client = self.raw(MQTT5, "")
            client.send(wire.connect(MQTT5, "", properties=[(wire.MAXIMUM_PACKET_SIZE, most)]))
            packet = client.receive()
            if packet is not None:
                self.assertEqual((packet.kind, packet.reason), (wire.CONNACK, 0x95))
                self.assertLessEqual(len(packet.raw), most)
                client.expect_closed()
        client = self.client(MQTT5, "", properties=[(wire.MAXIMUM_PACKET_SIZE, 57)])
        self.assertEqual(len(client.connack.raw), 57)

    def test_answers_too_large(self):
        """[MQTT-3.1.2-24] A SUBACK or UNSUBACK that the client cannot take ends the connection."""
        for kind in (wire.SUBSCRIBE, wire.UNSUBSCRIBE):
            client = self.client(MQTT5, properties=[(wire.MAXIMUM_PACKET_SIZE, 20)])
            filters = [f"f/{number}" for number in range(16)]
            for size, fits in ((15, True), (16, False)):
                packet = (wire.subscribe(MQTT5, 7, [(f, 0) for f in filters[:size]])
                          if kind == wire.SUBSCRIBE else
                          wire.unsubscribe(MQTT5, 7, filters[:size]))
                client.send(packet)
                if fits:
                    self.assertEqual(len(client.expect(kind + 1).raw), 20)
            client.expect_refusal(0x95)

    def test_exact_border(self):
        """A packet of exactly the maximum is sent."""
        client = self.client(MQTT5, properties=[(wire.MAXIMUM_PACKET_SIZE, 100)])
        client.subscribe("mp")
        publisher = self.client(MQTT5)
        overhead = len(wire.publish(MQTT5, "mp", b""))
        publisher.publish("mp", b"x" * (101 - overhead), 1)
        publisher.publish("mp", b"y" * (100 - overhead), 1)
        self.assertEqual(len(client.expect_publish("mp", b"y" * (100 - overhead)).raw), 100)
        client.ping()

    def test_too_large_while_away(self):
        """A large message that waited is dropped when the client cannot take it."""
        client = self.persistent(MQTT5, unique("s"))
        client.subscribe("mp", qos=1)
        client.disconnect()
        publisher = self.client(MQTT5)
        publisher.publish("mp", "x" * 500, 1)
        publisher.publish("mp", "small", 1)
        again = self.persistent(MQTT5, client.client_id,
                                properties=[(wire.MAXIMUM_PACKET_SIZE, 100)])
        again.expect_publish("mp", "small")
        again.ping()

    @versions(*ALL)
    def test_to_the_broker(self, version):
        """[MQTT-3.2.2-15] Above max_packet_size: 0x95 and the end, before all of it was read."""
        self.start("max_packet_size 1000\n" + self.config)
        client = self.client(version)
        client.publish("mp", b"x" * 900, 1)
        client.send(wire.publish(version, "mp", b"x" * 1500)[:20])
        client.expect_refusal(0x95)

    @versions(*ALL)
    def test_large_connect(self, version):
        """A first packet that claims megabytes is refused without waiting for them."""
        client = self.raw(version)
        client.send(b"\x10\xff\xff\xff\x7f" + wire.connect(version, "x")[2:])
        client.expect_refusal(0x95, 0x81, 0x82)


class RequestTest(BrokerTest):
    """Request Problem Information and Request Response Information."""

    def test_no_reason_strings_where_unwanted(self):
        """[MQTT-3.1.2-29] Problem information 0: reason strings only in CONNACK, DISCONNECT."""
        client = self.client(MQTT5, properties=[(wire.REQUEST_PROBLEM, 0)])
        puback = client.publish("nobody/here", "x", 1)
        self.assertEqual(puback.all(wire.REASON_STRING) + puback.all(wire.USER_PROPERTY), [])
        suback = client.subscribe("a")
        self.assertEqual(suback.properties, [])

    def test_request_response(self):
        """A request and its answer by response topic and correlation data."""
        server, asker = self.client(MQTT5), self.client(MQTT5)
        server.subscribe("rpc/add", qos=1)
        asker.subscribe("rpc/answers/7", qos=1)
        asker.publish("rpc/add", "1+1", 1, properties=[(wire.RESPONSE_TOPIC, "rpc/answers/7"),
                                                       (wire.CORRELATION_DATA, b"\x07")])
        request = server.expect_publish("rpc/add", "1+1")
        correlation = request.property(wire.CORRELATION_DATA)
        server.publish(request.property(wire.RESPONSE_TOPIC), "2", 1,
                       properties=[(wire.CORRELATION_DATA, correlation)])
        answer = asker.expect_publish("rpc/answers/7", "2")
        self.assertEqual(answer.property(wire.CORRELATION_DATA), b"\x07")
