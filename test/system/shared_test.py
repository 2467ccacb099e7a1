"""Shared subscriptions: $share/NAME/FILTER."""

from harness import wire
from harness.broker import wait_until
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT311


def texts(packets):
    """The payloads of the PUBLISH packets among these."""
    return [p.payload.decode() for p in packets if p.kind == wire.PUBLISH]


class SharedTest(BrokerTest):
    """Groups of connected members."""

    def members(self, version, count, filter_, qos=0):
        """Clients that share a filter."""
        clients = [self.client(version) for _ in range(count)]
        for client in clients:
            client.subscribe(filter_, qos=qos)
        return clients

    @versions(*ALL)
    def test_each_message_once(self, version):
        """Each message goes to one member, and every member gets some."""
        members = self.members(version, 3, "$share/g/work/+")
        publisher = self.client(version)
        for number in range(60):
            publisher.publish("work/x", str(number), 1)
        lists = self.collect(members, 60)
        self.assertEqual(sorted(sum(lists, []), key=int), [str(n) for n in range(60)])
        self.assertTrue(all(len(part) >= 10 for part in lists), [len(part) for part in lists])

    @staticmethod
    def collect(members, count):
        """What each member got, when all of them together got so many or nothing more comes."""
        lists = [[] for _ in members]

        def complete():
            for part, member in zip(lists, members):
                part += texts(member.drain())
            return sum(map(len, lists)) >= count
        wait_until(complete, f"{count} messages")
        return lists

    @versions(*ALL)
    def test_two_groups_and_a_plain_subscriber(self, version):
        """Each group gets its own copy, plain subscribers as well."""
        (one,), (two,) = (self.members(version, 1, f"$share/{g}/gg") for g in "ab")
        plain = self.client(version)
        plain.subscribe("gg")
        self.client(version).publish("gg", "x", 1)
        for client in (one, two, plain):
            client.expect_publish("gg", "x")
            client.ping()

    @versions(*ALL)
    def test_member_and_plain_subscription_of_one_client(self, version):
        """A client that is member and plain subscriber gets both copies."""
        client, publisher = self.client(version), self.client(version)
        client.subscribe("$share/g/both", "both", qos=1)
        publisher.publish("both", "x", 1)
        client.expect_publish("both", "x")
        client.expect_publish("both", "x")
        self.expect_nothing(publisher, client)

    @versions(*ALL)
    def test_unsubscribe(self, version):
        """A member that unsubscribes gets nothing more; the others get all."""
        first, second = self.members(version, 2, "$share/g/leave", 1)
        first.unsubscribe("$share/g/leave")
        publisher = self.client(version)
        for number in range(10):
            publisher.publish("leave", str(number), 1)
        for number in range(10):
            second.expect_publish("leave", str(number))
        first.ping()

    @versions(*ALL)
    def test_last_member_leaves(self, version):
        """An empty group is no group."""
        (only,) = self.members(version, 1, "$share/g/last", 1)
        only.unsubscribe("$share/g/last")
        publisher = self.client(version)
        publisher.publish("last", "x", 1)
        self.expect_nothing(publisher, only)

    def test_unsubscribe_code(self):
        """UNSUBACK says 0 for a membership and 0x11 for none."""
        (member,) = self.members(MQTT5, 1, "$share/g/code")
        self.assertEqual(member.unsubscribe("code").reasons, [0x11])
        self.assertEqual(member.unsubscribe("$share/h/code").reasons, [0x11])
        self.assertEqual(member.unsubscribe("$share/g/code").reasons, [0])

    @versions(*ALL)
    def test_no_retained(self, version):
        """A shared subscription is sent no retained messages."""
        publisher = self.client(version)
        publisher.publish("sr", "kept", 1, retain=True)
        (member,) = self.members(version, 1, "$share/g/sr", 1)
        publisher.publish("sr", "live", 1)
        # What was acknowledged before the subscription came does not reach it as a live one either.
        self.assertEqual(member.expect_publish("sr", retain=False).payload, b"live")

    def test_no_local_is_refused(self):
        """[MQTT-3.8.3-4] No Local with a shared subscription is a protocol error."""
        client = self.client(MQTT5)
        client.send(wire.subscribe(MQTT5, 1, [("$share/g/x", 4)]))
        client.expect_refusal(0x82)

    @versions(MQTT311, MQTT5)
    def test_malformed(self, version):
        """[MQTT-4.8.2-1] [MQTT-4.8.2-2] Share names and filters that break the rules."""
        for bad in ("$share/", "$share/g", "$share/g/", "$share//x", "$share/a+/x", "$share/#/x",
                    "$share/g/a#"):
            client = self.client(version)
            client.send(wire.subscribe(version, 1, [(bad, 0)]))
            packet = client.receive()
            if packet is not None and packet.kind == wire.SUBACK:
                self.assertIn(packet.reasons[0], (0x8F, 0x80), bad)
            elif packet is not None:
                self.assertEqual(packet.kind, wire.DISCONNECT, bad)
                self.assertIn(packet.reason, (0x81, 0x82, 0x8F), bad)

    def test_subscription_identifier(self):
        """Members get the identifier of their own subscription."""
        client = self.client(MQTT5)
        client.subscribe("$share/g/id", properties=[(wire.SUBSCRIPTION_ID, 8)])
        self.client(MQTT5).publish("id", "x", 1)
        self.assertEqual(client.expect_publish("id").all(wire.SUBSCRIPTION_ID), [8])


class LossTest(BrokerTest):
    """Members that go away with messages in their hands."""

    @versions(MQTT311, MQTT5)
    def test_clean_member_leaves_unacknowledged(self, version):
        """QoS 1 that a member that ended never acknowledged goes to another one."""
        first = self.client(version)
        first.subscribe("$share/g/loss", qos=1)
        publisher = self.client(version)
        for number in range(4):
            publisher.publish("loss", str(number), 1)
        for number in range(4):
            first.expect_publish("loss", str(number), answer=False)
        second = self.client(version)
        second.subscribe("$share/g/loss", qos=1)
        self.drop(first)
        found = [second.expect_publish("loss").payload.decode() for _ in range(4)]
        self.assertEqual(found, ["0", "1", "2", "3"])

    def test_qos2_stays_with_its_member(self):
        """[MQTT-4.8.2-4] QoS 2 that a member began is completed with it when it returns."""
        first = self.persistent(MQTT5, unique("member"))
        first.subscribe("$share/g/begun", qos=2)
        self.client(MQTT5).publish("begun", "x", 2)
        packet = first.expect_publish("begun", "x", answer=False)
        second = self.client(MQTT5)
        second.subscribe("$share/g/begun", qos=2)
        self.drop(first)
        again = self.persistent(MQTT5, first.client_id)
        again.expect_publish("begun", "x", dup=True, packet_id=packet.packet_id)
        second.ping()

    def test_qos2_begun_goes_to_nobody_else(self):
        """[MQTT-4.8.2-5] QoS 2 that a member began is dropped if its session ends."""
        first, second = self.client(MQTT5), self.client(MQTT5)
        first.subscribe("$share/g/begun2", qos=2)
        publisher = self.client(MQTT5)
        publisher.publish("begun2", "x", 2)
        packet = first.expect_publish("begun2", "x", answer=False)
        first.send(wire.acknowledgement(wire.PUBREC, packet.packet_id))
        first.expect(wire.PUBREL)
        second.subscribe("$share/g/begun2", qos=2)
        self.drop(first)
        self.expect_nothing(publisher, second)

    def test_refused_by_a_member(self):
        """[MQTT-4.8.2-6] A message that a member refuses with 0x80 or more is dropped."""
        first, second = self.client(MQTT5), self.client(MQTT5)
        first.subscribe("$share/g/refused", qos=1)
        publisher = self.client(MQTT5)
        publisher.publish("refused", "x", 1)
        packet = first.expect_publish("refused", "x", answer=False)
        second.subscribe("$share/g/refused", qos=1)
        first.send(wire.acknowledgement(wire.PUBACK, packet.packet_id, 0x80))
        first.ping()
        first.disconnect()
        self.expect_nothing(publisher, second)

    def test_granted_qos(self):
        """[MQTT-4.8.2-3] A member gets messages at its own granted QoS."""
        members = [self.client(MQTT5) for _ in range(3)]
        for qos, member in enumerate(members):
            member.subscribe("$share/g/mixed", qos=qos)
        publisher = self.client(MQTT5)
        for _ in range(9):
            publisher.publish("mixed", "x", 2)
        for qos, member in enumerate(members):
            found = {p.qos for p in member.drain() if p.kind == wire.PUBLISH}
            self.assertLessEqual(found, {qos})

    @versions(MQTT311, MQTT5)
    def test_offline_member_is_passed_over(self, version):
        """While one member is away, connected ones get the messages."""
        away = self.persistent(version, unique("away"))
        away.subscribe("$share/g/off", qos=1)
        here = self.client(version)
        here.subscribe("$share/g/off", qos=1)
        away.disconnect()
        publisher = self.client(version)
        for number in range(10):
            publisher.publish("off", str(number), 1)
        for number in range(10):
            here.expect_publish("off", str(number))

    @versions(MQTT311, MQTT5)
    def test_only_member_is_away(self, version):
        """With nobody connected, a persistent member's session keeps the messages."""
        away = self.persistent(version, unique("away"))
        away.subscribe("$share/g/wait", qos=1)
        away.disconnect()
        publisher = self.client(version)
        for number in range(5):
            publisher.publish("wait", str(number), 1)
        again = self.persistent(version, away.client_id)
        for number in range(5):
            again.expect_publish("wait", str(number))

    @versions(MQTT311, MQTT5)
    def test_every_acknowledged_message_arrives(self, version):
        """Members come and go; every message is acknowledged by one of them at the end."""
        publisher, done = self.client(version), set()
        steady = self.client(version)
        steady.subscribe("$share/g/churn", qos=1)
        for wave in range(5):
            passing = self.client(version)
            passing.subscribe("$share/g/churn", qos=1)
            for number in range(8):
                publisher.publish("churn", f"{wave}.{number}", 1)
            passing.drain()
            self.drop(passing)
        while len(done) < 40:
            packet = steady.expect(wire.PUBLISH)
            done.add(packet.payload)
            steady.acknowledge(packet)


class MountedTest(BrokerTest):
    """Shared subscriptions and mount points."""

    config = BrokerTest.config + "listener {port2} 127.0.0.1\nmount_point site/\n"

    def test_mount_point_is_behind_the_share_name(self):
        """$share/g/t on a mounted listener shares site/t."""
        member = self.client(MQTT311, port=self.broker.port2)
        member.subscribe("$share/g/t", qos=1)
        self.client(MQTT311).publish("site/t", "x", 1)
        member.expect_publish("t", "x")
