"""Sessions: clean start, expiry, takeover, what is kept for an absent client."""

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT31, MQTT311


class SessionTest(BrokerTest):
    """Clean start and session present."""

    @versions(*ALL)
    def test_session_present(self, version):
        """[MQTT-3.2.2-3] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT3-3.1.2-4] A session is resumed."""
        first = self.persistent(version, unique("s"))
        self.assertFalse(first.connack.session_present)
        first.subscribe("kept", qos=1)
        first.disconnect()
        again = self.persistent(version, first.client_id)
        # 3.1 has no such flag: that byte is reserved there.
        self.assertEqual(again.connack.session_present, version != MQTT31)
        self.client(version).publish("kept", "x", 1)
        again.expect_publish("kept", "x")

    @versions(*ALL)
    def test_clean_start_discards(self, version):
        """[MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT3-3.2.2-1] A clean start discards what was."""
        first = self.persistent(version, unique("s"))
        first.subscribe("discarded", qos=1)
        first.disconnect()
        publisher = self.client(version)
        publisher.publish("discarded", "while away", 1)
        again = self.client(version, first.client_id)
        self.assertFalse(again.connack.session_present)
        publisher.publish("discarded", "now", 1)
        self.expect_nothing(publisher, again)

    @versions(*ALL)
    def test_clean_session_leaves_nothing(self, version):
        """[MQTT3-3.1.2-6] A clean session ends with its connection."""
        first = self.client(version, unique("s"))
        first.subscribe("left", qos=1)
        first.disconnect()
        self.client(version).publish("left", "x", 1)
        again = self.persistent(version, first.client_id)
        self.assertFalse(again.connack.session_present)
        again.ping()

    def test_expiry_0_ends_with_connection(self):
        """[MQTT-3.1.2-23] No Session Expiry Interval: the session ends with the connection."""
        first = self.client(MQTT5, unique("s"), clean=False)
        first.subscribe("left", qos=1)
        first.disconnect()
        again = self.persistent(MQTT5, first.client_id)
        self.assertFalse(again.connack.session_present)

    def test_expiry(self):
        """A session is gone when its interval is over, not before.

        [MQTT-4.1.0-2] [MQTT3-4.1.0-1]
        """
        short = self.persistent(MQTT5, unique("short"), 1)
        longer = self.persistent(MQTT5, unique("long"), 60)
        short.disconnect()
        longer.disconnect()
        self.let_time_pass(3)
        self.assertFalse(self.persistent(MQTT5, short.client_id).connack.session_present)
        self.assertTrue(self.persistent(MQTT5, longer.client_id).connack.session_present)

    def test_no_expiry_while_connected(self):
        """[MQTT-4.1.0-1] [MQTT3-4.1.0-2] The interval does not run while the client is there."""
        client = self.persistent(MQTT5, unique("s"), 1)
        client.subscribe("here", qos=1)
        self.let_time_pass(3)
        client.publish("here", "x", finish=False)
        client.expect_publish("here", "x")
        again = self.persistent(MQTT5, client.client_id)
        self.assertTrue(again.connack.session_present)

    def test_expiry_never(self):
        """0xFFFFFFFF: the session does not expire."""
        first = self.persistent(MQTT5, unique("s"), 0xFFFFFFFF)
        first.disconnect()
        self.let_time_pass(2)
        again = self.persistent(MQTT5, first.client_id)
        self.assertTrue(again.connack.session_present)

    def test_expiry_lowered_at_disconnect(self):
        """DISCONNECT may change the expiry interval: 0 ends the session."""
        first = self.persistent(MQTT5, unique("s"), 100)
        first.disconnect(0, [(wire.SESSION_EXPIRY, 0)])
        self.assertFalse(self.persistent(MQTT5, first.client_id).connack.session_present)

    def test_expiry_raised_at_disconnect(self):
        """DISCONNECT may lengthen the interval."""
        first = self.persistent(MQTT5, unique("s"), 1)
        first.disconnect(0, [(wire.SESSION_EXPIRY, 100)])
        self.let_time_pass(3)
        self.assertTrue(self.persistent(MQTT5, first.client_id).connack.session_present)

    def test_expiry_from_0_at_disconnect(self):
        """[MQTT-3.14.2-2] From 0 it may not be raised; that is a protocol error."""
        first = self.client(MQTT5, unique("s"))
        first.send(wire.disconnect(MQTT5, 0, [(wire.SESSION_EXPIRY, 100)]))
        first.expect_refusal(0x82)
        self.assertFalse(self.persistent(MQTT5, first.client_id).connack.session_present)

    def test_persistent_client_expiration(self):
        """persistent_client_expiration drops sessions of clients that stayed away."""
        self.start("persistent_client_expiration 1s\nsys_interval 1\n" + self.config)
        old = self.persistent(MQTT311, unique("s"))
        new = self.persistent(MQTT5, unique("s"), 0xFFFFFFFF)
        old.disconnect()
        new.disconnect()
        watcher = self.client(MQTT311)
        watcher.subscribe("$SYS/broker/clients/expired")
        while watcher.expect(wire.PUBLISH).payload != b"2":
            pass
        self.assertFalse(self.persistent(MQTT311, old.client_id).connack.session_present)
        self.assertFalse(self.persistent(MQTT5, new.client_id).connack.session_present)

    @versions(*ALL)
    def test_other_version_takes_the_session_up(self, version):
        """A session is the client id's, whatever version resumes it."""
        first = self.persistent(version, unique("s"))
        first.subscribe("moved", qos=1)
        first.disconnect()
        other = MQTT311 if version == MQTT5 else MQTT5
        again = self.persistent(other, first.client_id)
        self.assertTrue(again.connack.session_present)
        self.client(version).publish("moved", "x", 1)
        again.expect_publish("moved", "x")


class TakeoverTest(BrokerTest):
    """Two connections with one client id."""

    @versions(*ALL)
    def test_old_connection_ends(self, version):
        """[MQTT-3.1.4-3] The older connection is closed; 5.0 is told 0x8E."""
        old = self.client(version, unique("twin"))
        new = self.client(version, old.client_id)
        if version == MQTT5:
            old.expect(wire.DISCONNECT, reason=0x8E)
        old.expect_closed()
        new.ping()

    @versions(*ALL)
    def test_session_goes_over(self, version):
        """[MQTT-3.1.3-2] The new connection has the subscriptions and what was not acknowledged."""
        old = self.persistent(version, unique("twin"))
        old.subscribe("twin", qos=1)
        publisher = self.client(version)
        publisher.publish("twin", "first", 1)
        old.expect_publish("twin", "first", answer=False)
        new = self.persistent(version, old.client_id)
        self.assertEqual(new.connack.session_present, version != MQTT31)
        new.expect_publish("twin", "first", dup=True)
        publisher.publish("twin", "second", 1)
        new.expect_publish("twin", "second", dup=False)

    @versions(*ALL)
    def test_clean_takeover(self, version):
        """[MQTT-3.1.4-4] [MQTT3-3.1.4-3] A clean start that takes over finds no session."""
        old = self.persistent(version, unique("twin"))
        old.subscribe("twin", qos=1)
        new = self.client(version, old.client_id)
        self.assertFalse(new.connack.session_present)
        publisher = self.client(version)
        publisher.publish("twin", "x", 1)
        self.expect_nothing(publisher, new)

    def test_chain_of_takeovers(self):
        """Many takeovers in a row leave exactly one connection."""
        name, clients = unique("chain"), []
        for number in range(20):
            clients.append(self.client((MQTT31, MQTT311, MQTT5)[number % 3], name))
        for client in clients[:-1]:
            packet = client.receive()
            if packet is not None:
                self.assertEqual((packet.kind, packet.reason), (wire.DISCONNECT, 0x8E))
                client.expect_closed()
        clients[-1].ping()

    def test_by_an_other_login_of_the_same_id(self):
        """Takeover works between WebSocket and TCP."""
        self.start(self.config + "listener {ws_port} 127.0.0.1\nprotocol websockets\n")
        old = self.ws_client(MQTT5, "both")
        new = self.client(MQTT5, "both")
        old.expect(wire.DISCONNECT, reason=0x8E)
        old.expect_closed()
        new.ping()


class QueueTest(BrokerTest):
    """What waits for an absent client, and how much of it."""

    def away(self, topic, qos=1, version=MQTT311):
        """A client id whose client subscribed and left."""
        client = self.persistent(version, unique("away"))
        client.subscribe(topic, qos=qos)
        client.disconnect()
        return client.client_id

    def received(self, name, version=MQTT311):
        """What waited for the client."""
        client = self.persistent(version, name)
        texts = []
        client.send(wire.pingreq())
        while True:
            packet = client.receive()
            if packet.kind == wire.PINGRESP:
                return texts
            texts.append(packet.payload.decode())
            client.acknowledge(packet)

    def test_max_queued_messages(self):
        """max_queued_messages: the first ones are kept, later ones dropped."""
        self.start("max_queued_messages 5\n" + self.config)
        name, publisher = self.away("q"), self.client(MQTT311)
        for number in range(10):
            publisher.publish("q", str(number), 1)
        self.assertEqual(self.received(name), ["0", "1", "2", "3", "4"])

    def test_dropped_messages_are_counted(self):
        """Dropped messages show in $SYS and in the log, once per client and not per message."""
        self.start("max_queued_messages 2\nsys_interval 1\n" + self.config)
        self.away("q")
        publisher = self.client(MQTT311)
        for number in range(10):
            publisher.publish("q", str(number), 1)
        watcher = self.client(MQTT311)
        watcher.subscribe("$SYS/broker/publish/messages/dropped")
        while int(watcher.expect(wire.PUBLISH).payload) < 8:
            pass

    def test_max_queued_bytes(self):
        """max_queued_bytes bounds the payloads that wait: below it there is room for one more."""
        self.start("max_queued_bytes 500\n" + self.config)
        name, publisher = self.away("q"), self.client(MQTT311)
        for number in range(10):
            publisher.publish("q", f"{number}" * 200, 1)
        self.assertEqual([text[0] for text in self.received(name)], ["0", "1", "2"])

    def test_qos0_is_not_queued(self):
        """QoS 0 does not wait by default."""
        name = self.away("q", 2)
        publisher = self.client(MQTT311)
        publisher.publish("q", "zero", 0)
        publisher.publish("q", "one", 1)
        self.assertEqual(self.received(name), ["one"])

    def test_queue_qos0_messages(self):
        """queue_qos0_messages true: QoS 0 waits too."""
        self.start("queue_qos0_messages true\n" + self.config)
        name, publisher = self.away("q", 1), self.client(MQTT311)
        publisher.publish("q", "zero", 0)
        publisher.publish("q", "one", 1)
        self.assertEqual(self.received(name), ["zero", "one"])

    def test_more_than_the_window(self):
        """More messages than the window holds arrive, all and in order."""
        name, publisher = self.away("q"), self.client(MQTT311)
        for number in range(100):
            publisher.publish("q", str(number), 1)
        client = self.persistent(MQTT311, name)
        for number in range(100):
            client.expect_publish("q", str(number))

    def test_upgrade_outgoing_qos(self):
        """upgrade_outgoing_qos: delivered at the QoS of the subscription."""
        self.start("upgrade_outgoing_qos true\n" + self.config)
        client, publisher = self.client(MQTT311), self.client(MQTT311)
        client.subscribe("up", qos=2)
        for qos in (0, 1, 2):
            publisher.publish("up", "x", qos)
            client.expect_publish("up", "x", qos=2)

    def test_max_inflight_bytes(self):
        """max_inflight_bytes: below it one more message leaves, what is above waits."""
        self.start("max_inflight_bytes 250\n" + self.config)
        client, publisher = self.client(MQTT311), self.client(MQTT311)
        client.subscribe("ib", qos=1)
        for text in ("a", "b", "c"):
            publisher.publish("ib", text * 200, 1)
        first = client.expect_publish("ib", "a" * 200, answer=False)
        early = client.drain()
        self.assertLessEqual(len(early), 1)
        client.acknowledge(first)
        for packet in early:
            client.acknowledge(packet)
        client.expect_publish("ib", ("b" if not early else "c") * 200)
