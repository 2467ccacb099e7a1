"""Limits of size and number, mount points, and what is refused above them."""

from harness import wire
from harness.broker import wait_until
from harness.case import ALL, BrokerTest, versions
from harness.client import Client, unique
from harness.wire import MQTT5, MQTT31, MQTT311, Will


class MessageSizeTest(BrokerTest):
    """message_size_limit: the largest payload."""

    config = "message_size_limit 1000\n" + BrokerTest.config

    def watcher(self):
        """A client that would see what passes."""
        client = self.client(MQTT311)
        client.subscribe("size", qos=2)
        return client

    @versions(*ALL)
    def test_exact_limit_passes(self, version):
        """A payload of exactly the limit passes at every QoS."""
        watcher, publisher = self.watcher(), self.client(version)
        for qos in (0, 1, 2):
            publisher.publish("size", b"x" * 1000, qos)
            watcher.expect_publish("size", b"x" * 1000, qos=qos)

    @versions(MQTT31, MQTT311)
    def test_above_the_limit(self, version):
        """Above it an old client is acknowledged and the message dropped, or it is closed."""
        watcher = self.watcher()
        for qos in (0, 1, 2):
            client = self.client(version)
            client.send(wire.publish(version, "size", b"x" * 1001, qos, 5 if qos else None)
                        + wire.pingreq())
            packet = client.receive()
            if packet is not None and packet.kind != wire.PINGRESP:
                self.assertEqual(packet.kind, wire.PUBACK if qos == 1 else wire.PUBREC)
        self.fence(watcher)

    def test_above_the_limit_mqtt5(self):
        """In 5.0: PUBACK or PUBREC 0x97, or DISCONNECT 0x95; never PUBACK 0x95."""
        watcher = self.watcher()
        for qos in (0, 1, 2):
            client = self.client(MQTT5)
            client.send(wire.publish(MQTT5, "size", b"x" * 1001, qos, 5 if qos else None)
                        + wire.pingreq())
            packet = client.receive()
            answers = [(wire.DISCONNECT, 0x95), (wire.PUBACK if qos == 1 else wire.PUBREC, 0x97)]
            if qos == 0:
                answers.append((wire.PINGRESP, 0))
            self.assertIn((packet.kind, packet.reason), answers)
        self.fence(watcher)

    def test_retained_and_will(self):
        """Neither as a retained message nor as a will does it pass."""
        watcher = self.watcher()
        client = self.client(MQTT311)
        client.send(wire.publish(MQTT311, "size", b"x" * 1001, 0, retain=True) + wire.pingreq())
        client.receive()
        big = self.raw(MQTT311)
        big.send(wire.connect(MQTT311, "big", will=Will("size", b"x" * 1001)))
        big.receive()
        big.close()
        self.fence(watcher)
        self.watcher().ping()

    def test_is_logged(self):
        """One line names client, user and address of whom message_size_limit bounded."""
        client = self.client(MQTT311, unique("big"), username="ann", password="x")
        client.publish("size", b"x" * 1001, 1)
        self.broker.wait_for_log(rf"{client.client_id} \[127\.0\.0\.1:\d+\] with user 'ann'"
                                 r".*1001 bytes.*message_size_limit")

    def fence(self, watcher):
        """Proves that nothing reached the watcher."""
        self.expect_nothing(self.client(MQTT311), watcher)


class ConnectionLimitsTest(BrokerTest):
    """max_connections and its kin."""

    def expect_turned_away(self, version, port=None):
        """A connection above a limit: closed, or CONNACK with a fitting code."""
        client = Client.tcp(port or self.broker.port, version)
        self.addCleanup(client.close)
        try:
            client.send(wire.connect(version, client.client_id))
        except (BrokenPipeError, ConnectionResetError):
            return
        client.expect_refusal(*((3,) if version != MQTT5 else (0x88, 0x89, 0x97, 0x9F)))

    @versions(*ALL)
    def test_max_connections(self, version):
        """max_connections: one more is turned away, until somebody leaves."""
        self.start(self.config + "max_connections 2\nlistener {port2} 127.0.0.1\n")
        first, second = self.client_when_free(version), self.client_when_free(version)
        self.expect_turned_away(version)
        self.client(version, port=self.broker.port2)
        first.disconnect()
        self.client_when_free(version).ping()
        second.ping()

    @versions(*ALL)
    def test_global_max_connections(self, version):
        """global_max_connections counts over all listeners."""
        self.start("global_max_connections 2\n" + self.config + "listener {port2} 127.0.0.1\n")
        first = self.client_when_free(version)
        self.client_when_free(version, port=self.broker.port2)
        self.expect_turned_away(version)
        self.expect_turned_away(version, self.broker.port2)
        first.disconnect()
        self.client_when_free(version)

    def client_when_free(self, version, port=None):
        """Connects as soon as the place of an earlier connection is free again."""
        def attempt():
            client = Client.tcp(port or self.broker.port, version)
            self.addCleanup(client.close)
            try:
                client.send(wire.connect(version, client.client_id))
                packet = client.receive()
            except OSError:
                return None
            return client if packet and packet.reason == 0 else None
        return wait_until(attempt, "a free place")

    def test_global_max_clients(self):
        """global_max_clients counts sessions that are away too."""
        self.start("global_max_clients 2\n" + self.config)
        away = self.persistent(MQTT311, unique("away"))
        away.disconnect()
        here = self.client(MQTT311)
        self.expect_turned_away(MQTT311)
        self.expect_turned_away(MQTT5)
        self.persistent(MQTT311, away.client_id).disconnect()
        here.ping()


class MaxQosTest(BrokerTest):
    """max_qos of a listener."""

    config = BrokerTest.config + "max_qos 1\n"

    def test_announced(self):
        """[MQTT-3.2.2-9] 5.0 clients are told."""
        self.assertEqual(self.client(MQTT5).connack.property(wire.MAXIMUM_QOS), 1)

    @versions(*ALL)
    def test_publish_above(self, version):
        """[MQTT-3.2.2-11] [MQTT-4.13.2-1] QoS 2 ends the connection, in 5.0 with 0x9B."""
        client = self.client(version)
        client.send(wire.publish(version, "t", "x", 2, 1))
        client.expect_refusal(0x9B)

    def test_will_above(self):
        """[MQTT-3.2.2-12] A will of QoS 2 is refused with 0x9B."""
        self.refused(MQTT5, 0x9B, will=Will("w", qos=2))

    @versions(*ALL)
    def test_subscribe_above(self, version):
        """[MQTT-3.2.2-10] A subscription is granted what there is."""
        client = self.client(version)
        client.subscribe("t", qos=2, expected=[1])
        client.publish("t", "x", 1, finish=False, packet_id=1)
        kinds = {client.receive().kind, client.receive().kind}
        self.assertEqual(kinds, {wire.PUBACK, wire.PUBLISH})


class MountPointTest(BrokerTest):
    """mount_point."""

    config = BrokerTest.config + "listener {port2} 127.0.0.1\nmount_point site/7/\n"

    def mounted(self, version=MQTT311, **options):
        """A client behind the mount point."""
        return self.client(version, port=self.broker.port2, **options)

    @versions(*ALL)
    def test_both_ways(self, version):
        """Topics are lengthened on the way in and cut on the way out."""
        inside, outside = self.mounted(version), self.client(version)
        inside.subscribe("in/+", qos=1)
        outside.subscribe("site/7/out", qos=1)
        inside.publish("out", "o", 1)
        outside.expect_publish("site/7/out", "o")
        outside.publish("site/7/in/x", "i", 1)
        outside.publish("in/x", "not this", 1)
        inside.expect_publish("in/x", "i")
        inside.ping()

    def test_hash_stays_inside(self):
        """A subscription to # sees the mount only."""
        inside, outside = self.mounted(), self.client(MQTT311)
        inside.subscribe("#", qos=1)
        outside.publish("site/8/x", "no", 1)
        outside.publish("site/7/x", "yes", 1)
        inside.expect_publish("x", "yes")
        inside.ping()

    def test_retained_and_will(self):
        """Retained messages and wills are mounted too."""
        outside = self.client(MQTT311)
        outside.subscribe("site/7/will", qos=1)
        self.mounted(will=Will("will", b"w", 1)).close()
        outside.expect_publish("site/7/will", "w")
        self.mounted().publish("kept", "r", 1, retain=True)
        outside.subscribe("site/7/kept")
        outside.expect_publish("site/7/kept", "r", retain=True)
        inside = self.mounted()
        inside.subscribe("kept")
        inside.expect_publish("kept", "r", retain=True)

    def test_unsubscribe(self):
        """UNSUBSCRIBE finds the mounted filter."""
        inside, outside = self.mounted(MQTT5), self.client(MQTT311)
        inside.subscribe("u", qos=1)
        self.assertEqual(inside.unsubscribe("u").reasons, [0])
        outside.publish("site/7/u", "x", 1)
        self.expect_nothing(outside, inside)


class KeepAliveLimitTest(BrokerTest):
    """max_keepalive."""

    config = "max_keepalive 30\n" + BrokerTest.config

    def test_mqtt5_is_told(self):
        """[MQTT-3.1.2-21] [MQTT-3.2.2-21] 5.0 gets Server Keep Alive where it asked for more."""
        for asked, told in ((60, 30), (0, 30), (31, 30), (30, None), (5, None)):
            connack = self.client(MQTT5, keep_alive=asked).connack
            self.assertEqual(connack.property(wire.SERVER_KEEP_ALIVE), told, asked)

    @versions(MQTT31, MQTT311)
    def test_older_clients_are_refused(self, version):
        """Older clients that ask for more, or for none, get code 2."""
        self.refused(version, 2, keep_alive=31)
        self.refused(version, 2, keep_alive=0)
        self.client(version, keep_alive=30)

    @versions(MQTT31, MQTT311)
    def test_refusal_is_logged(self, version):
        """One line names client, user and address of whom max_keepalive refused."""
        name = unique("eager")
        self.refused(version, 2, name, keep_alive=31, username="ann", password="x")
        self.broker.wait_for_log(rf"Client {name} \[127\.0\.0\.1:\d+\] with user 'ann' refused: "
                                 r".*max_keepalive")

    @versions(MQTT31, MQTT311)
    def test_cap(self, version):
        """max_keepalive_cap lowers it silently: browsers' libraries cannot be told."""
        self.start("max_keepalive_cap true\n" + self.config)
        self.client(version, keep_alive=60).ping()
        self.client(version, keep_alive=0).ping()

    def test_cap_is_enforced(self):
        """A capped client that is silent for one and a half times the cap is closed."""
        self.start("max_keepalive_cap true\nmax_keepalive 1\n" + BrokerTest.config)
        self.client(MQTT311, keep_alive=60).expect_closed()
        self.client(MQTT311, keep_alive=0).expect_closed()
