"""Bridges as a remote sees them: what their options change on the wire, and a remote that refuses.

All bridges of a test are in one broker, and go to one remote of the wire harness.
"""

import re
import socket
from pathlib import Path

from harness import wire
from harness.bridging import BridgeTest, is_bridged_by_darter
from harness.broker import free_port
from harness.needs import needs
from harness.remote import Rules
from harness.server_wire import BRIDGE_BIT
from harness.wire import MQTT5, MQTT31, MQTT311

V5 = "bridge_protocol_version mqttv50"


class WireTest(BridgeTest):
    """A broker with bridges to a remote of the wire harness."""

    def to(self, name, *lines, host=None, topics=("topic t/# both 1",), **options):
        """A bridge to the remote."""
        return self.bridge(name, self.remote.port, *lines, *topics, probes=False,
                           host=host or "127.0.0.1", **options)

    def start_with(self, *bridges, rules=None, **options):
        """A remote and a broker with these bridges; a bridge is (name, line...)."""
        self.remote = self.wire_remote(rules)
        return self.start_bridging(*(self.to(*each) for each in bridges), **options)

    def connect_of(self, name):
        """The first CONNECT of a bridge."""
        return self.remote.peer(name).connect

    def publish_until(self, topic, name, payload=b"x", **fields):
        """Publishes to the broker until the bridge has sent something there; its first PUBLISH."""
        client = self.here(MQTT5)

        def came():
            client.publish(topic, payload, 1)
            return [packet for peer in self.remote.connections(name)
                    for packet in peer.all(wire.PUBLISH) if packet.topic == topic]
        found = self.until(came, f"{topic} to be sent by {name}")
        client.disconnect()
        return found[0]


class ConnectTest(WireTest):
    """CONNECT and what follows it."""

    def test_options_of_connect(self):
        """Version, bridge bit, clean session, keep alive, identity and will."""
        self.start_with(
            ("default",), ("v31", "bridge_protocol_version mqttv31"), ("v50", V5),
            ("public", "try_private false"), ("clean", "cleansession true"),
            ("alive", "keepalive_interval 77"), ("quick", "keepalive_interval 5"),
            ("login", "remote_username ann", "remote_password secret"),
            ("old-login", "username bob", "password hidden"),
            ("quiet", "notifications false"), ("local", "notifications_local_only true"),
            ("topical", "notification_topic where/i/am"))
        default = self.connect_of("default")
        self.assertEqual((default.level, default.clean, default.keep_alive, default.username,
                          default.password), (MQTT311 | BRIDGE_BIT, False, 60, None, None))
        self.assertEqual((default.will.topic, default.will.payload, default.will.qos,
                          default.will.retain),
                         ("$SYS/broker/connection/default/state", b"0", 1, True))
        self.assertEqual(self.connect_of("v31").level, MQTT31 | BRIDGE_BIT)
        self.assertEqual(self.connect_of("v50").level, MQTT5)
        self.assertEqual(self.connect_of("public").level, MQTT311)
        self.assertTrue(self.connect_of("clean").clean)
        self.assertEqual(self.connect_of("alive").keep_alive, 77)
        for name, login in (("login", ("ann", "secret")), ("old-login", ("bob", "hidden"))):
            connect = self.connect_of(name)
            self.assertEqual((connect.username, connect.password), login)
        self.assertIsNone(self.connect_of("quiet").will)
        self.assertIsNone(self.connect_of("local").will)
        self.assertEqual(self.connect_of("topical").will.topic, "where/i/am")
        self.remote.expect("default", wire.PUBLISH, retain=True, payload=b"1",
                           topic="$SYS/broker/connection/default/state")
        self.remote.expect("topical", wire.PUBLISH, topic="where/i/am", payload=b"1", retain=True)
        self.state("1", "local")
        self.retained("where/i/am", "1")
        for name in ("quiet", "local"):
            self.publish_until(f"t/{name}", name)
            self.assertFalse([packet for packet in self.remote.peer(name).all(wire.PUBLISH)
                              if packet.topic.startswith("$")])
        self.state(None, "quiet")
        self.remote.expect("quick", wire.PINGREQ)

    def test_names_by_default(self):
        """Host name and name of the bridge at the remote; `local.` in front of it here."""
        self.remote = self.wire_remote()
        lines = self.to("plain").replace("remote_clientid plain\n", "")
        self.start_bridging(lines, self.to("named", "local_clientid by.name"))
        mine = f"{socket.gethostname()}.plain"
        self.remote.peer(mine)
        self.state("1", mine)
        self.remote.peer("named")
        self.state("1", "named")
        for local, remote in ((f"local.{mine}", mine), ("by.name", "named")):
            rival = self.here(client_id=local, clean=False)  # takes its session over
            rival.disconnect()
            self.remote.peer(remote, 1)

    def test_subscriptions(self):
        """Filters with their remote prefix and QoS; what only goes out is unsubscribed from, unless
        bridge_attempt_unsubscribe says otherwise."""
        topics = ("topic a/# in 2 l/ r/", "topic b/+ both 1", "topic c out 0 l/ r/")
        self.remote = self.wire_remote()
        self.start_bridging(self.to("asks", topics=topics),
                            self.to("v5", V5, topics=topics),
                            self.to("shy", "bridge_attempt_unsubscribe false", topics=topics))
        for name in ("asks", "v5", "shy"):
            self.state("1", name)
            self.remote.expect(name, wire.SUBSCRIBE, filters=[
                ("b/+", 1 | (12 if name == "v5" else 0))])  # No Local, Retain As Published
            peer = self.remote.peer(name)
            filters = [each for packet in peer.all(wire.SUBSCRIBE) for each in packet.filters]
            self.assertEqual([(text, options & 3) for text, options in filters],
                             [("r/a/#", 2), ("b/+", 1)])
        for name in ("asks", "v5"):
            self.remote.expect(name, wire.UNSUBSCRIBE, filters=["r/c"])
        self.assertEqual(self.remote.peer("shy").all(wire.UNSUBSCRIBE), [])

    def test_outgoing_retain(self):
        """The retain flag goes, or stays."""
        self.start_with(("keeps",), ("drops", "bridge_outgoing_retain false"))
        self.state("1", "keeps")
        self.state("1", "drops")
        here = self.here()
        here.publish("t/r", "x", 1, retain=True)
        self.remote.expect("keeps", wire.PUBLISH, topic="t/r", retain=True)
        self.remote.expect("drops", wire.PUBLISH, topic="t/r", retain=False)

    def test_largest_packet(self):
        """What is larger than bridge_max_packet_size, or than the remote takes, stays here; what
        comes after it crosses."""
        self.start_with(("limited", "bridge_max_packet_size 100"), ("told", V5), ("free",),
                        rules={"told": Rules(properties=((wire.MAXIMUM_PACKET_SIZE, 100),))})
        names = ("limited", "told", "free")
        for name in names:
            self.state("1", name)
        here = self.here()
        here.publish("t/large", "x" * 200, 1)
        here.publish("t/small", "x" * 40, 1)
        for name in names:
            self.remote.expect(name, wire.PUBLISH, topic="t/small")
            large = [packet for packet in self.remote.peer(name).all(wire.PUBLISH)
                     if packet.topic == "t/large"]
            self.assertEqual(len(large), 1 if name == "free" else 0, name)

    @needs("bridges of darter")
    def test_options_of_5(self):
        """Receive maximum, topic aliases and session expiry are announced; those of the remote
        hold."""
        self.start_with(
            ("plain", V5), ("announces", V5, "bridge_receive_maximum 7",
                            "bridge_max_topic_alias 3", "bridge_session_expiry_interval 99"),
            ("none", V5, "bridge_max_topic_alias 0"),
            ("window", V5), rules={
                "window": Rules(acknowledges=False, properties=((wire.RECEIVE_MAXIMUM, 2),))})
        plain = self.connect_of("plain")
        self.assertEqual(plain.property(wire.TOPIC_ALIAS_MAXIMUM), 10)
        self.assertEqual(plain.property(wire.SESSION_EXPIRY), 0xFFFFFFFF)  # cleansession false
        announces = self.connect_of("announces")
        self.assertEqual([announces.property(i) for i in (
            wire.RECEIVE_MAXIMUM, wire.TOPIC_ALIAS_MAXIMUM, wire.SESSION_EXPIRY)], [7, 3, 99])
        self.assertIn(self.connect_of("none").property(wire.TOPIC_ALIAS_MAXIMUM), (None, 0))
        # An alias that the remote sets is known afterwards.
        self.state("1", "announces")
        self.remote.expect("announces", wire.SUBSCRIBE)
        listener = self.here()
        listener.subscribe("t/#")
        peer = self.remote.peer("announces")
        peer.publish("t/alias", "1", properties=[(wire.TOPIC_ALIAS, 3)])
        peer.publish("", "2", properties=[(wire.TOPIC_ALIAS, 3)])
        listener.expect_publish("t/alias", "1")
        listener.expect_publish("t/alias", "2")
        listener.close()
        # No more of QoS 1 is on its way than the remote takes.
        self.remote.expect("window", wire.SUBSCRIBE)
        here = self.here()
        for number in range(10):
            here.publish("t/w", str(number), 1)
        self.remote.expect("announces", wire.PUBLISH, payload=b"9")
        window = self.remote.peer("window")
        self.assertLessEqual(len([each for each in window.all(wire.PUBLISH) if each.qos]), 2)
        self.assertEqual(len(self.remote.connections("window")), 1)

    @needs("bridges of darter")
    def test_sockets(self):
        """The connection comes from the address that was asked for, and TCP asks after silence."""
        self.start_with(("bound", "bridge_bind_address 127.0.0.9"), ("free",),
                        ("asks", "bridge_tcp_keepalive 600 30 5", "bridge_tcp_user_timeout 90000"))
        self.assertEqual(self.remote.peer("bound").address, "127.0.0.9")
        self.assertEqual(self.remote.peer("free").address, "127.0.0.1")
        self.state("1", "asks")
        here = self.remote.peer("asks").socket
        ends = [here.getpeername(), here.getsockname()]
        self.until(lambda: 500 < self.keepalive_seconds(*ends) <= 600, "the timer of keepalive")

    @staticmethod
    def keepalive_seconds(*ends):
        """Seconds until TCP asks for a sign of life on a connection, by its two ends, the asking
        one first; 0: never. One end is not enough: connections to other places share its port."""
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if [int(end.split(":")[1], 16) for end in fields[1:3]] == [port for _, port in ends]:
                timer, left = fields[5].split(":")
                return int(left, 16) / 100 if timer == "02" else 0
        return 0


class RefusalTest(WireTest):
    """Remotes that lack something, and what darter says of it."""

    def test_reasons_in_the_log(self):
        """Each attempt is announced, and why it failed is said."""
        closed, names = free_port(), ("r1", "r2", "r3", "r4", "r5")
        self.remote = self.wire_remote({f"r{code}": Rules(reason=code) for code in range(1, 6)})
        self.start_bridging(
            *(self.to(name, "try_private false") for name in names),
            self.bridge("nowhere", closed, "topic t/# both 1", probes=False),
            self.bridge("nobody", 1883, "topic t/# both 1", host="no-such-host.invalid",
                        probes=False))
        step = "" if is_bridged_by_darter() else r"\(step 1\) "
        for name, place in (("r1", f"127.0.0.1:{self.remote.port}"),
                            ("nowhere", f"127.0.0.1:{closed}"),
                            ("nobody", "no-such-host.invalid:1883")):
            self.broker.wait_for_log(rf"Connecting bridge {step}{name} \({re.escape(place)}\)")
        for name in names:
            self.remote.peer(name, 1)  # it asks again
        if is_bridged_by_darter():
            for name, words in zip(names, ("version", "client id", "not available",
                                           "user name or password", "not authori[sz]ed")):
                self.broker.wait_for_log(rf"(?i)bridge {name} .*{words}")
            self.broker.wait_for_log(r"(?i)bridge nowhere .*refused")
            self.broker.wait_for_log(r"(?i)bridge nobody .*no such name")
        else:
            self.broker.wait_for_log("Connection Refused: not authorised")

    def test_mute_remote(self):
        """A remote that accepts connections and says nothing holds up no other bridge."""
        self.start_with(("mute",), ("well",), rules={"mute": Rules(is_mute=True)})
        self.remote.peer("mute")
        self.publish_until("t/well", "well")
        self.state("1", "well")
        self.state("0", "mute")

    def without_the_bit(self, **rules):
        """A bridge comes without its bit after a while."""
        self.start_with(("bare",), rules={"bare": Rules(**rules)})
        self.remote.wait_for(lambda: any(peer.connect.level == MQTT311 for peer in
                                         self.remote.connections("bare")), "no bit")
        self.publish_until("t/a", "bare")

    def test_version_refused_for_the_bit(self):
        """A remote that refuses the version because of the bridge's bit is asked without it."""
        self.without_the_bit(reason=lambda connect: 1 if connect.level & BRIDGE_BIT else 0)

    @needs("bridges of darter")
    def test_closed_for_the_bit(self):
        """One that closes the connection on it as well."""
        self.without_the_bit(refuses=lambda packet: packet.kind == wire.CONNECT and
                             packet.level & BRIDGE_BIT)

    @needs("bridges of darter")
    def test_without_a_feature(self):
        """Remotes of 5.0 without retained messages or QoS 2, and one that speaks only 3.1.1."""
        def wrong_for_flat(connect):
            return 0x9A if connect.will and connect.will.retain else 0
        self.start_with(("flat", V5), ("qos1", V5), ("old", V5), rules={
            "flat": Rules(reason=wrong_for_flat, properties=((wire.RETAIN_AVAILABLE, 0),),
                          refuses=lambda packet: packet.retain),
            "qos1": Rules(properties=((wire.MAXIMUM_QOS, 1),), qos_max=1,
                          refuses=lambda packet: packet.qos == 2),
            "old": Rules(reason=lambda connect: 1 if connect.level == MQTT5 else 0)})
        for name in ("flat", "qos1", "old"):
            self.state("1", name)
        here = self.here()
        here.publish("t/2", "x", 2, retain=True)
        self.remote.expect("qos1", wire.PUBLISH, topic="t/2", qos=1)
        self.remote.expect("flat", wire.PUBLISH, topic="t/2", qos=1, retain=False)
        self.remote.expect("old", wire.PUBLISH, topic="t/2", qos=1, retain=True)

    def test_subscriptions_of_less(self):
        """A remote that grants QoS 0 still gets and gives messages."""
        self.remote = self.wire_remote({"less": Rules(qos_max=0)})
        self.start_bridging(self.to("less", topics=("topic t/# both 2",)))
        self.state("1", "less")
        self.remote.expect("less", wire.SUBSCRIBE)
        listener = self.here()
        listener.subscribe("t/#")
        self.remote.peer("less").publish("t/in", "x")
        listener.expect_publish("t/in", "x")
        self.here().publish("t/out", "x", 2)
        self.remote.expect("less", wire.PUBLISH, topic="t/out")
