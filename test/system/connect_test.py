"""CONNECT and CONNACK: what is accepted, what is refused, and how."""

import pwd
import stat

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import Client, TcpStream, unique
from harness.needs import needs
from harness.wire import MQTT5, MQTT31, MQTT311

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class ConnectTest(BrokerTest):
    """The opening of a connection under default settings."""

    @versions(*ALL)
    def test_accepted(self, version):
        """A good CONNECT is answered with CONNACK 0.

        [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT3-3.2.0-1]
        """
        connack = self.client(version).connack
        self.assertFalse(connack.session_present)
        if version != MQTT5:
            self.assertEqual(connack.raw, b"\x20\x02\x00\x00")

    @versions(*ALL)
    def test_byte_by_byte(self, version):
        """A CONNECT that arrives in single bytes is read all the same."""
        client = self.raw(version)
        for byte in wire.connect(version, client.client_id):
            client.send(bytes([byte]))
        client.expect(wire.CONNACK, reason=0)
        client.ping()

    @versions(*ALL)
    def test_packets_behind_connect(self, version):
        """[MQTT-3.2.0-2] [MQTT-3.1.4-4] A client need not wait for CONNACK before it sends more."""
        client = self.raw(version)
        client.send(wire.connect(version, client.client_id)
                    + wire.subscribe(version, 1, [("early/+", 1)])
                    + wire.publish(version, "early/bird", "worm", 1, 7) + wire.pingreq())
        client.expect(wire.CONNACK, reason=0)
        client.expect(wire.SUBACK, reasons=[1])
        kinds = sorted(p.kind for p in client.until_pingresp())
        self.assertEqual(kinds, [wire.PUBLISH, wire.PUBACK])

    @versions(*ALL)
    def test_second_connect(self, version):
        """[MQTT-3.1.0-2] A second CONNECT is a protocol error that ends the connection."""
        client = self.client(version)
        client.send(wire.connect(version, client.client_id))
        client.expect_refusal(0x82)

    @versions(*ALL)
    def test_first_packet_must_be_connect(self, version):
        """[MQTT-3.1.0-1] Anything but CONNECT at first ends the connection without an answer."""
        for first in (wire.pingreq(), wire.publish(version, "t", "x"),
                      wire.subscribe(version, 1, [("t", 0)]), wire.disconnect(version)):
            client = self.raw(version)
            client.send(first)
            client.expect_closed()

    def test_wrong_protocol_name(self):
        """[MQTT-3.1.2-1] Another protocol name is refused."""
        for name in ("MQTX", "mqtt", "MQIsdpX", "MQIsd", "HTTP"):
            client = self.raw(MQTT5)
            client.send(wire.connect(MQTT311, "x", protocol_name=name))
            client.expect_refusal(0x84, 0x81, 0x01)

    def test_wrong_protocol_level(self):
        """[MQTT-3.1.2-2] [MQTT3-3.1.2-2] Another level is answered with 0x01 or 0x84."""
        for level in (0, 1, 2, 6, 0x7F):
            client = self.raw(MQTT5)
            client.send(wire.connect(MQTT311, "x", level=level))
            packet = client.receive()
            self.assertIsNotNone(packet, f"level {level} got no answer")
            self.assertEqual(packet.kind, wire.CONNACK)
            if packet.raw != b"\x20\x02\x00\x01":
                self.assertEqual(packet.raw[2:4], b"\x00\x84")
            client.expect_closed()

    @versions(MQTT311, MQTT5)
    def test_reserved_connect_flag(self, version):
        """[MQTT-3.1.2-3] The reserved flag of CONNECT must be 0."""
        client = self.raw(version)
        client.send(wire.connect(version, client.client_id, flags=0x03))
        client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_fixed_header_flags(self, version):
        """[MQTT-2.1.3-1] Reserved bits of the fixed header of CONNECT must be 0."""
        client = self.raw(version)
        packet = bytearray(wire.connect(version, client.client_id))
        packet[0] |= 0x01
        client.send(bytes(packet))
        client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_will_flags_without_will(self, version):
        """[MQTT-3.1.2-11] [MQTT-3.1.2-13] Will QoS and Will Retain need a will."""
        for flags in (0x02 | 0x08, 0x02 | 0x10, 0x02 | 0x20):
            client = self.raw(version)
            client.send(wire.connect(version, client.client_id, flags=flags))
            client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_will_qos_3(self, version):
        """[MQTT-3.1.2-12] Will QoS 3 is malformed."""
        client = self.raw(version)
        client.send(wire.connect(version, client.client_id, will=wire.Will("w", b"x", 3)))
        client.expect_refusal(0x81, 0x82)

    def test_password_without_user_name_mqtt311(self):
        """[MQTT3-3.1.2-22] Before 5.0 a password needs a user name."""
        client = self.raw(MQTT311)
        client.send(wire.connect(MQTT311, client.client_id, password="x"))
        client.expect_refusal()

    def test_password_without_user_name_mqtt5(self):
        """5.0 allows a password without a user name (section 3.1.2.9)."""
        self.client(MQTT5, password="x")

    @versions(*ALL)
    def test_trailing_bytes(self, version):
        """Bytes behind the last field of CONNECT are malformed."""
        client = self.raw(version)
        good = wire.connect(version, client.client_id)
        client.send(bytes([good[0], good[1] + 1]) + good[2:] + b"x")
        client.expect_refusal(0x81, 0x82)

    @versions(MQTT311, MQTT5)
    def test_cut_short(self, version):
        """A CONNECT whose length cuts off its fields is malformed.

        [MQTT-4.13.1-1] [MQTT-3.1.4-1] [MQTT3-3.1.4-1]
        """
        good = wire.connect(version, "abcdef", username="u", password="p")
        for length in (0, 1, 6, 9, 11, good[1] - 1):
            client = self.raw(version)
            client.send(bytes([good[0], length]) + good[2:2 + length])
            client.expect_refusal(0x81, 0x82, 0x84, 0x01, 0x02)

    @versions(*ALL)
    def test_nul_in_client_id(self, version):
        """[MQTT-1.5.4-2] U+0000 in a string is malformed."""
        client = self.raw(version)
        client.send(wire.connect(version, b"a\0b"))
        client.expect_refusal(0x81, 0x82, 0x85, 0x02)

    @versions(*ALL)
    def test_bad_utf8_in_client_id(self, version):
        """[MQTT-1.5.4-1] Surrogates, overlong forms and stray bytes are not UTF-8."""
        for bad in (b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"a\xe2\x82", b"\xf4\x90\x80\x80"):
            client = self.raw(version)
            client.send(wire.connect(version, bad))
            client.expect_refusal(0x81, 0x82, 0x85, 0x02)

    @versions(*ALL)
    def test_utf8_client_id(self, version):
        """Client ids may have any UTF-8 in them, a byte order mark too [MQTT-1.5.4-3]."""
        self.client(version, "\ufeffж€𝄞")

    @versions(*ALL)
    def test_log_line(self, version):
        """The lines that filters look for, with version, clean start, keepalive and user."""
        client = self.client(version, unique("logged"), username="ann", keep_alive=33)
        self.broker.wait_for_log(rf"New connection from 127\.0\.0\.1:\d+ on port "
                                 rf"{self.broker.port}\.")
        self.broker.wait_for_log(rf"New client connected from 127\.0\.0\.1:\d+ as "
                                 rf"{client.client_id} \(p{version}, c1, k33, u'ann'\)\.")
        client.send(wire.disconnect(version))
        self.broker.wait_for_log(rf"Client {client.client_id} .*disconnected")

    def test_closed_connection_is_logged(self):
        """A client that goes without DISCONNECT closed its connection."""
        client = self.client(MQTT311, unique("gone"))
        client.close()
        self.broker.wait_for_log(rf"Client {client.client_id} .*closed its connection\.")

    def test_silent_connection_is_no_error(self):
        """A TCP connection that closes without a byte raises no error line."""
        self.raw().close()
        self.broker.wait_for_log("New connection from")
        self.client().ping()
        self.assertEqual(self.broker.log_lines("(?i)error|malformed|protocol"), [])


class ClientIdTest(BrokerTest):
    """Empty, assigned and long client ids."""

    def test_empty_mqtt31(self):
        """3.1 wants 1 to 23 characters; an empty id is refused with 2."""
        self.refused(MQTT31, 2, "")

    def test_23_characters_mqtt31(self):
        """3.1: 23 characters are within the limit."""
        self.client(MQTT31, "a" * 23)

    def test_empty_mqtt311(self):
        """[MQTT3-3.1.3-6] An empty id is fine with clean session."""
        self.client(MQTT311, "").ping()

    def test_empty_and_not_clean_mqtt311(self):
        """An empty id without clean session is refused with 2.

        [MQTT3-3.1.3-8] [MQTT3-3.1.3-7] [MQTT3-3.1.3-9]
        """
        self.refused(MQTT311, 2, "", clean=False)

    def test_assigned_mqtt5(self):
        """[MQTT-3.1.3-6] [MQTT-3.2.2-16] An empty id is given one: auto- and a UUID."""
        seen = set()
        for _ in range(8):
            connack = self.client(MQTT5, "").connack
            assigned = connack.property(wire.ASSIGNED_CLIENT_ID)
            self.assertRegex(assigned.lower(), f"^auto-{UUID}$")
            seen.add(assigned)
        self.assertEqual(len(seen), 8)

    def test_no_assigned_id_where_one_was_sent(self):
        """[MQTT-3.1.3-2] Only an empty id is answered with an assigned one."""
        connack = self.client(MQTT5, "mine").connack
        self.assertIsNone(connack.property(wire.ASSIGNED_CLIENT_ID))

    def test_assigned_id_resumes_session(self):
        """[MQTT-3.1.3-7] The assigned id names a session that can be taken up again."""
        expiry = [(wire.SESSION_EXPIRY, 100)]
        first = self.client(MQTT5, "", properties=expiry)
        assigned = first.connack.property(wire.ASSIGNED_CLIENT_ID)
        first.disconnect()
        again = self.client(MQTT5, assigned, clean=False, properties=expiry)
        self.assertTrue(again.connack.session_present)

    @versions(*ALL)
    def test_long(self, version):
        """Long client ids are served (3.1 is taken as leniently as Mosquitto does, or refused)."""
        client = self.raw(version)
        client.send(wire.connect(version, "i" * 300))
        allowed = (0, 2) if version == MQTT31 else (0,)
        self.assertIn(client.expect(wire.CONNACK).reason, allowed)

    def test_auto_id_prefix(self):
        """auto_id_prefix stands before the UUID."""
        self.start("auto_id_prefix bee-\n" + self.config)
        connack = self.client(MQTT5, "").connack
        self.assertRegex(connack.property(wire.ASSIGNED_CLIENT_ID).lower(), f"^bee-{UUID}$")

    def test_allow_zero_length_clientid_false(self):
        """allow_zero_length_clientid false refuses an empty id: 2; 0x85 or 0x80 in 5.0.

        [MQTT-3.1.3-8]
        """
        self.start("allow_zero_length_clientid false\n" + self.config)
        self.refused(MQTT311, 2, "")
        client = self.raw(MQTT5, "")
        client.send(wire.connect(MQTT5, ""))
        self.assertIn(client.expect(wire.CONNACK).reason, (0x85, 0x80))
        client.expect_closed()

    def test_clientid_prefixes(self):
        """clientid_prefixes refuses other ids: 5 (not authorised) or 2; 0x87 or 0x85 in 5.0."""
        self.start("clientid_prefixes cam-\n" + self.config)
        self.client(MQTT311, "cam-1")
        self.client(MQTT5, "cam-2")
        for version, codes in ((MQTT311, (2, 5)), (MQTT5, (0x85, 0x87))):
            client = self.raw(version, "door-1")
            client.send(wire.connect(version, "door-1"))
            self.assertIn(client.expect(wire.CONNACK).reason, codes)
            client.expect_closed()


class ConnackPropertiesTest(BrokerTest):
    """What a 5.0 CONNACK announces, in Mosquitto's order."""

    autostart = False

    def properties(self, config="", listener_config="", client_id=None, **options):
        """The CONNACK properties under this configuration."""
        broker = self.start(config + self.config + listener_config)
        options.setdefault("version", MQTT5)
        connack = self.client(client_id=client_id, port=broker.port, **options).connack
        return connack.properties

    def test_defaults(self):
        """Topic Alias Maximum 10, Maximum Packet Size 2000000, no Receive Maximum.

        [MQTT-4.12.0-6]
        """
        self.assertEqual(self.properties(), [(wire.TOPIC_ALIAS_MAXIMUM, 10),
                                             (wire.MAXIMUM_PACKET_SIZE, 2000000)])

    def test_order(self):
        """All that can be announced, in the order of Mosquitto 2.1."""
        found = self.properties("max_keepalive 30\nretain_available false\n"
                                "max_packet_size 5000\nmax_inflight_messages 7\n", "max_qos 1\n",
                                client_id="", keep_alive=60)
        order = [identifier for identifier, _ in found]
        self.assertEqual(order[:4], [wire.SERVER_KEEP_ALIVE, wire.TOPIC_ALIAS_MAXIMUM,
                                     wire.ASSIGNED_CLIENT_ID, wire.RETAIN_AVAILABLE])
        self.assertEqual(found[4:], [(wire.MAXIMUM_PACKET_SIZE, 5000), (wire.RECEIVE_MAXIMUM, 7),
                                     (wire.MAXIMUM_QOS, 1)])
        self.assertIn((wire.SERVER_KEEP_ALIVE, 30), found)
        self.assertIn((wire.RETAIN_AVAILABLE, 0), found)

    def test_max_topic_alias_0(self):
        """No topic aliases: the property is absent or 0."""
        found = dict(self.properties(listener_config="max_topic_alias 0\n"))
        self.assertIn(found.get(wire.TOPIC_ALIAS_MAXIMUM), (None, 0))

    def test_no_response_information_by_default(self):
        """[MQTT-3.1.2-28] No response information unless asked for."""
        self.assertNotIn(wire.RESPONSE_INFORMATION, dict(self.properties()))


class ConnectPropertiesTest(BrokerTest):
    """Properties in CONNECT that are wrong."""

    def refuses(self, properties, *reasons):
        """Expects the connection to be refused."""
        client = self.raw(MQTT5)
        client.send(wire.connect(MQTT5, client.client_id, properties=properties))
        client.expect_refusal(*reasons)

    def test_receive_maximum_0(self):
        """Receive Maximum 0 is a protocol error (3.1.2.11.3)."""
        self.refuses([(wire.RECEIVE_MAXIMUM, 0)], 0x82, 0x81)

    def test_maximum_packet_size_0(self):
        """Maximum Packet Size 0 is a protocol error (3.1.2.11.4)."""
        self.refuses([(wire.MAXIMUM_PACKET_SIZE, 0)], 0x82, 0x81)

    def test_given_twice(self):
        """A property that may stand once is given twice."""
        for identifier, value in ((wire.SESSION_EXPIRY, 1), (wire.RECEIVE_MAXIMUM, 1),
                                  (wire.TOPIC_ALIAS_MAXIMUM, 1), (wire.REQUEST_PROBLEM, 1)):
            self.refuses([(identifier, value)] * 2, 0x82, 0x81)

    def test_request_flags_other_than_0_and_1(self):
        """Request Problem and Response Information are 0 or 1."""
        self.refuses([(wire.REQUEST_PROBLEM, 2)], 0x82, 0x81)
        self.refuses([(wire.REQUEST_RESPONSE, 2)], 0x82, 0x81)

    def test_property_of_another_packet(self):
        """A property that CONNECT may not carry."""
        self.refuses([(wire.TOPIC_ALIAS, 1)], 0x82, 0x81)
        self.refuses([(wire.SERVER_KEEP_ALIVE, 1)], 0x82, 0x81)

    def test_unknown_property(self):
        """An identifier that does not exist is malformed."""
        self.refuses(b"\x7f\x00", 0x81, 0x82)

    def test_property_length_lies(self):
        """A property length that reaches into the client id."""
        client = self.raw(MQTT5)
        body = wire.string("MQTT") + bytes([5, 2, 0, 60]) + b"\x04\x11\x00\x00" + wire.string("x")
        client.send(wire.frame(wire.CONNECT, 0, body))
        client.expect_refusal(0x81, 0x82)

    def test_authentication_data_without_method(self):
        """Authentication Data needs a method (3.1.2.11.10)."""
        self.refuses([(wire.AUTH_DATA, b"x")], 0x82, 0x81)

    def test_unknown_authentication_method(self):
        """A method that the broker does not know is answered with 0x8C.

        [MQTT-4.12.0-1] [MQTT-4.12.0-4] [MQTT-3.2.2-7]
        """
        self.refused(MQTT5, 0x8C, properties=[(wire.AUTH_METHOD, "KERBEROS")])

    def test_user_properties_may_repeat(self):
        """User properties may stand more than once."""
        self.client(MQTT5, properties=[(wire.USER_PROPERTY, ("a", "1")),
                                       (wire.USER_PROPERTY, ("a", "1"))]).ping()


class AuthTest(BrokerTest):
    """AUTH packets where no authentication method was agreed."""

    def test_auth_after_connect(self):
        """[MQTT-4.12.0-7] AUTH without a method in CONNECT is a protocol error."""
        for packet in (wire.frame(wire.AUTH, 0, b""), wire.auth(0x19),
                       wire.auth(0x18, [(wire.AUTH_METHOD, "X")])):
            client = self.client(MQTT5)
            client.send(packet)
            client.expect_refusal(0x82, 0x81, 0x8C)

    def test_auth_before_connect(self):
        """[MQTT-3.1.0-1] AUTH may not be the first packet."""
        client = self.raw(MQTT5)
        client.send(wire.auth(0x18, [(wire.AUTH_METHOD, "X")]))
        client.expect_closed()

    def test_auth_in_old_versions(self):
        """Packet type 15 is reserved before 5.0."""
        for version in (MQTT31, MQTT311):
            client = self.client(version)
            client.send(wire.frame(wire.AUTH, 0, b""))
            client.expect_closed()


class VersionsTest(BrokerTest):
    """accept_protocol_versions."""

    def test_only_5(self):
        """Versions that are not listed are refused with 1."""
        self.start(self.config + "accept_protocol_versions 5\n")
        self.client(MQTT5)
        self.refused(MQTT311, 1)
        self.refused(MQTT31, 1)

    def test_only_3_and_4(self):
        """5.0 that is not listed is refused with 0x84 (or 1 in the older form)."""
        self.start(self.config + "accept_protocol_versions 3, 4\n")
        self.client(MQTT31)
        self.client(MQTT311)
        client = self.raw(MQTT5)
        client.send(wire.connect(MQTT5, "x"))
        self.assertIn(client.expect(wire.CONNACK).reason, (0x84, 1))
        client.expect_closed()


class UnixSocketTest(BrokerTest):
    """listener 0 PATH."""

    config = BrokerTest.config + "listener 0 {dir}/mqtt.sock\n"

    def test_round_trip(self):
        """A unix socket serves MQTT as a port does."""
        path = str(self.broker.directory / "mqtt.sock")
        client = Client(TcpStream(path), MQTT5)
        self.addCleanup(client.close)
        client.connect()
        client.subscribe("unix/#", qos=1)
        self.client(MQTT311).publish("unix/a", "x", 1)
        client.expect_publish("unix/a", "x")

    @needs("root")
    def test_who_may_connect(self):
        """As with Mosquitto: the user that the broker becomes, and that user's group."""
        self.start("user nobody\n" + self.config, bare=True)
        self.broker.wait_for_log("running")
        status = (self.broker.directory / "mqtt.sock").stat()
        nobody = pwd.getpwnam("nobody")
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid),
                         (0o770, nobody.pw_uid, nobody.pw_gid))

    def test_file_goes_with_the_broker(self):
        """The socket file is gone after a clean end."""
        path = self.broker.directory / "mqtt.sock"
        self.assertTrue(path.exists())
        self.broker.stop()
        self.assertFalse(path.exists())
