"""Packets that break the rules, and a broker that serves everybody else meanwhile."""

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.wire import MQTT5, MQTT311

BAD_STRINGS = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
               b"\xe2\x82", b"a\0b", b"\xf8\x88\x80\x80\x80")


class MalformedTest(BrokerTest):
    """Each case has a connection of its own; afterwards the broker must still be well."""

    def setUp(self):
        super().setUp()
        self.healthy = self.client(MQTT311)
        self.healthy.subscribe("healthy", qos=1)

    def refuses(self, version, data, *reasons):
        """Sends bytes on a connected client and expects the end."""
        client = self.client(version)
        client.send(data)
        client.expect_refusal(*(reasons or (0x81, 0x82)))
        client.close()

    def check_health(self):
        """The broker still serves those who behave."""
        self.client(MQTT5).publish("healthy", "x", 1)
        self.healthy.expect_publish("healthy", "x")

    @versions(*ALL)
    def test_packets_only_brokers_send(self, version):
        """[MQTT-4.13.1-1] CONNACK, SUBACK, UNSUBACK and PINGRESP come from brokers only."""
        for data in (b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x00", b"\xb0\x02\x00\x01",
                     b"\xd0\x00"):
            self.refuses(version, data)
        self.check_health()

    @versions(*ALL)
    def test_reserved_type_0(self, version):
        """Packet type 0 is forbidden."""
        self.refuses(version, b"\x00\x00")

    @versions(*ALL)
    def test_remaining_length_of_five_bytes(self, version):
        """[MQTT-1.5.5-1] A length of five bytes is malformed."""
        self.refuses(version, b"\x30\xff\xff\xff\xff\x01", 0x81, 0x82, 0x95)
        self.check_health()

    @versions(MQTT311, MQTT5)
    def test_fixed_header_flags(self, version):
        """[MQTT-2.1.3-1] Reserved flags must have the listed values."""
        for data in (b"\xc1\x00", b"\xc8\x00", b"\xe2\x00", b"\x41\x02\x00\x01",
                     b"\x52\x02\x00\x01", b"\x60\x02\x00\x01", b"\x63\x02\x00\x01",
                     b"\x71\x02\x00\x01"):
            self.refuses(version, data)

    @versions(MQTT311, MQTT5)
    def test_ping_with_body(self, version):
        """PINGREQ has no body."""
        self.refuses(version, b"\xc0\x01\x00")

    @versions(*ALL)
    def test_publish_qos_3(self, version):
        """[MQTT-3.3.1-4] QoS 3 is malformed."""
        self.refuses(version, wire.frame(wire.PUBLISH, 6, b"\0\1t\0\1x"))

    @versions(MQTT311, MQTT5)
    def test_dup_with_qos_0(self, version):
        """[MQTT-3.3.1-2] DUP must be 0 with QoS 0."""
        self.refuses(version, wire.publish(version, "t", "x", dup=True))

    @versions(*ALL)
    def test_publish_topics(self, version):
        """[MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] No wildcards, no NUL, not empty."""
        for topic in ("a/+", "#", "a/#", b"a\0b"):
            self.refuses(version, wire.publish(version, topic, "x"), 0x81, 0x82, 0x90)
        if version != MQTT5:
            self.refuses(version, wire.publish(version, "", "x"))
        self.check_health()

    @versions(MQTT311, MQTT5)
    def test_publish_topic_utf8(self, version):
        """[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-3.3.2-1] A topic is UTF-8 without U+0000."""
        for bad in BAD_STRINGS:
            self.refuses(version, wire.publish(version, b"t" + bad, "x"), 0x81, 0x82, 0x90)

    @versions(*ALL)
    def test_good_utf8(self, version):
        """[MQTT-1.5.4-3] Four byte characters and byte order marks pass."""
        client = self.client(version)
        client.subscribe("utf8/+", qos=1)
        for text in ("𝄞", "\ufeffx", "é\u0301", "\U0001f600"):
            self.healthy.publish(f"utf8/{text}", "x", 1)
            client.expect_publish(f"utf8/{text}", "x")

    @versions(*ALL)
    def test_bodies_too_short(self, version):
        """Bodies that end within their fields."""
        for data in (b"\x30\x00", b"\x30\x01\x00", b"\x30\x02\x00\x05", b"\x32\x03\x00\x01t",
                     b"\x32\x04\x00\x01t\x00", b"\x40\x00", b"\x40\x01\x00", b"\x50\x01\x00",
                     b"\x62\x01\x00", b"\x70\x01\x00", b"\x82\x02\x00\x01", b"\x82\x01\x00",
                     b"\x82\x05\x00\x01\x00\x05a", b"\xa2\x01\x00", b"\xa2\x04\x00\x01\x00\x05"):
            self.refuses(version, data, 0x81, 0x82, 0x90)
        self.check_health()

    @versions(MQTT311, MQTT5)
    def test_bodies_too_long(self, version):
        """Bodies with bytes left over."""
        packets = [wire.acknowledgement(wire.PUBACK, 1), wire.subscribe(version, 1, [("a", 0)]),
                   wire.unsubscribe(version, 1, ["a"]), wire.disconnect(version)]
        if version == MQTT5:
            packets = [wire.acknowledgement(wire.PUBACK, 1, 0, ()), *packets[1:3],
                       wire.disconnect(version, 0, ())]
        for packet in packets:
            longer = bytes([packet[0], packet[1] + 1]) + packet[2:] + b"\x00"
            self.refuses(version, longer, 0x81, 0x82, 0x8F)

    def test_property_errors(self):
        """[MQTT-2.2.2-1] Property lengths and contents that lie, in every packet."""
        for data in (wire.frame(wire.PUBLISH, 0, b"\0\1t\x05\x01\x00"),
                     wire.frame(wire.PUBACK, 0, b"\0\1\0\x05\x1f"),
                     wire.frame(wire.PUBACK, 0, b"\0\1\0\x02\x01\x00"),
                     wire.frame(wire.SUBSCRIBE, 2, b"\0\1\xff\xff\xff\x7f\0\1a\0"),
                     wire.frame(wire.SUBSCRIBE, 2, b"\0\1\x80\x80\x80\x80\x01\0\1a\0"),
                     wire.frame(wire.UNSUBSCRIBE, 2, b"\0\1\x02\x0b\x01\0\1a"),
                     wire.frame(wire.DISCONNECT, 0, b"\0\x02\x24\x00"),
                     wire.frame(wire.DISCONNECT, 0, b"\0\x0a\x11\0\0\0\1\x11\0\0\0\1")):
            self.refuses(MQTT5, data)
        self.check_health()

    def test_bad_disconnect_reason(self):
        """[MQTT-3.14.2-1] A reason that a client's DISCONNECT may not carry is an error."""
        for reason in (0x01, 0x10, 0x8E, 0x9C, 0xFF):
            self.refuses(MQTT5, wire.disconnect(MQTT5, reason), 0x81, 0x82)

    def test_data_behind_disconnect(self):
        """[MQTT-3.14.4-1] [MQTT-3.14.4-2] What follows DISCONNECT is not read."""
        client = self.client(MQTT311)
        client.send(wire.disconnect(MQTT311) + wire.publish(MQTT311, "healthy", "x", 1, 1))
        client.expect_closed()
        self.expect_nothing(self.client(MQTT311), self.healthy)

    @versions(*ALL)
    def test_packets_in_pieces(self, version):
        """Any cut of a stream of packets gives the same result."""
        data = (wire.subscribe(version, 1, [("cut/+", 1)])
                + wire.publish(version, "cut/a", "x" * 300, 1, 2) + wire.pingreq())
        for size in (1, 2, 3, 7, 64, len(data)):
            client = self.client(version)
            for start in range(0, len(data), size):
                client.send(data[start:start + size])
            client.expect(wire.SUBACK)
            kinds = sorted(p.kind for p in client.until_pingresp())
            self.assertEqual(kinds, [wire.PUBLISH, wire.PUBACK])
            client.disconnect()

    def test_many_packets_in_one_segment(self):
        """Thousands of small packets in one write."""
        publisher = self.client(MQTT311)
        data = b"".join(wire.publish(MQTT311, "healthy", str(n), 0) for n in range(3000))
        publisher.send(data)
        for number in range(3000):
            self.healthy.expect_publish("healthy", str(number))
