"""One bridge over several connections: its topics shared out, and each in its order."""

import signal

from harness import wire
from harness.broker import Broker
from harness.needs import needs
from harness.remote import Rules
from harness.wire import MQTT5
from bridge_wire_test import V5, WireTest

FOUR = "bridge_connections 4"
NAMES = ("wide", "wide.2", "wide.3", "wide.4")


@needs("bridges of darter")
class ConnectionsTest(WireTest):
    """A bridge with four connections to a remote of the wire harness."""

    def published(self, name):
        """Topics and payloads of the messages that a connection has sent, without notifications."""
        return [(packet.topic, packet.payload) for peer in self.remote.connections(name)
                for packet in peer.all(wire.PUBLISH) if not packet.topic.startswith("$")]

    def sent(self):
        """The same of all connections, by topic: the connections and the payloads."""
        found = {}
        for name in NAMES:
            for topic, payload in self.published(name):
                names, payloads = found.setdefault(topic, (set(), []))
                names.add(name)
                payloads.append(payload)
        return found

    def is_crossing(self):
        """Waits until all connections take messages."""
        for name in NAMES:
            self.state("1", name)

    def test_topics_are_shared_out(self):
        """Client ids and states of their own; a topic goes out over one connection, in order, also
        what was retained before, and what waits while the remote is away."""
        self.remote = self.wire_remote()
        self.start_bridging(self.to("wide", V5, FOUR, topics=("topic t/# out 1",)))
        self.is_crossing()
        for name in NAMES:
            self.remote.expect(name, wire.PUBLISH, payload=b"1", retain=True,
                               topic=f"$SYS/broker/connection/{name}/state")
        here = self.here(MQTT5)
        topics = [f"t/{number}" for number in range(40)]
        for number in range(5):
            for topic in topics:
                here.publish(topic, str(number), 1, retain=number == 4)

        def wanted(count):
            return {topic: [str(number).encode() for number in range(count)] for topic in topics}

        def came(count):
            return {topic: payloads for topic, (_, payloads) in self.sent().items()} == \
                wanted(count)
        self.remote.wait_for(lambda: came(5), "five messages of each topic, once")
        owners = {topic: names for topic, (names, _) in self.sent().items()}
        self.assertTrue(all(len(names) == 1 for names in owners.values()), owners)
        self.assertEqual(set.union(*owners.values()), set(NAMES))
        self.remote.rules[None] = Rules(is_mute=True)
        for name in NAMES:
            self.remote.peer(name).close()
            self.remote.peer(name, 1)
        for topic in topics:
            here.publish(topic, "5", 1)
        before = {name: len(self.published(name)) for name in NAMES}
        del self.remote.rules[None]
        for name in NAMES:
            self.remote.peer(name, 1).close()
            self.remote.peer(name, 2)

        def again():
            return {topic: name for name in NAMES
                    for topic, payload in self.published(name)[before[name]:] if payload == b"5"}
        found = self.remote.wait_for(lambda: len(again()) == 40 and again(), "what waited")
        self.assertEqual({topic: {name} for topic, name in found.items()}, owners)
        # Retained messages came again, to the connection of their topic alone.
        self.assertEqual({topic: names for topic, (names, _) in self.sent().items()}, owners)

    def test_ways_in(self):
        """A subscription is made by one connection; what crosses both ways does not come back."""
        lines = ("topic a/# both 1", "topic b/# in 1", "topic c/# out 1", "topic a/+/x in 0")
        self.remote = self.wire_remote()
        self.start_bridging(self.to("wide", V5, FOUR, topics=lines))
        self.is_crossing()
        makers = {}
        for name in NAMES:
            for packet in self.remote.peer(name).all(wire.SUBSCRIBE):
                for text, _ in packet.filters:
                    makers.setdefault(text, []).append(name)
        self.assertEqual(makers, {"a/#": ["wide"], "b/#": ["wide.2"], "a/+/x": ["wide"]})
        listener, here = self.here(MQTT5), self.here(MQTT5)
        listener.subscribe("#")
        for topic, name in (("a/in/1", "wide"), ("b/in/1", "wide.2")):
            self.remote.peer(name).publish(topic, "in", 1, 7)
            listener.expect_publish(topic, "in")
        for number in range(20):
            here.publish(f"a/{number}", "out", 1)
        here.publish("c/end", "out", 1)
        self.remote.wait_for(lambda: len(self.sent()) == 21, "21 messages")
        self.assertEqual({name for topic, (names, _) in self.sent().items() for name in names
                          if topic.startswith("a/")}, {"wide"})
        self.assertNotIn("a/in/1", self.sent())

    def test_figures(self):
        """One bridge in $SYS: sums, and connected when all connections are."""
        self.remote = self.wire_remote()
        self.start_bridging(self.to("wide", FOUR, topics=("topic t/# out 1",)),
                            config="allow_anonymous true\nlistener {port} 127.0.0.1\n"
                                   "sys_interval 1\n")
        self.is_crossing()
        here = self.here(MQTT5)
        for number in range(12):
            here.publish(f"t/{number}", "", 1)
        self.retained("$SYS/broker/bridge/wide/sent", "12")
        self.retained("$SYS/broker/bridge/wide/connected", "1")
        self.remote.rules["wide.3"] = Rules(is_mute=True)
        self.remote.peer("wide.3").close()
        self.retained("$SYS/broker/bridge/wide/connected", "0")
        self.retained("$SYS/broker/bridge/wide.3/connected", None)

    def test_store(self):
        """What waits in the sessions survives the end of the broker, and crosses once."""
        self.remote = self.wire_remote({None: Rules(is_mute=True)})
        config = ("allow_anonymous true\nlistener {port} 127.0.0.1\npersistence true\n"
                  "persistence_location {dir}\n")
        self.start_bridging(self.to("wide", V5, FOUR, topics=("topic t/# out 2",)), config=config)
        for name in NAMES:
            self.remote.peer(name)
        here = self.here(MQTT5)
        topics = [f"t/{number}" for number in range(20)]
        for topic in topics:
            here.publish(topic, "kept", 2)
        self.broker.end(signal.SIGKILL)
        self.remote.rules.clear()
        self.broker.start()
        self.is_crossing()
        here = self.here(MQTT5)
        for topic in topics:
            here.publish(topic, "new", 2)

        def came():
            return {topic: payloads for topic, (_, payloads) in self.sent().items()} == \
                {topic: [b"kept", b"new"] for topic in topics}
        self.remote.wait_for(came, "each message once, in order")

    def test_reload(self):
        """A reload leaves the number and the topics as they are, and says so; client ids that two
        bridges would have are refused."""
        self.remote = self.wire_remote()
        bridge = self.to("wide", FOUR, topics=("topic t/# out 1",))
        self.start_bridging(bridge)
        self.is_crossing()
        text = self.broker.config_file.read_text()
        changed = text.replace(FOUR, "bridge_connections 2").replace("t/#", "u/#")
        self.broker.config_file.write_text(changed)
        self.broker.reload()
        self.broker.wait_for_log("bridge wide: bridge_connections: 4 -> 2")
        self.broker.wait_for_log("bridge wide: its topics")
        self.here(MQTT5).publish("t/a", "", 1)
        self.remote.wait_for(lambda: "t/a" in self.sent(), "t/a")
        self.assertEqual([len(self.remote.connections(name)) for name in NAMES], [1] * 4)
        self.broker.config_file.write_text(text + self.to("wide.2"))
        self.broker.reload()
        self.broker.wait_for_log("Bridges wide and wide.2 have the same client id here, "
                                 "local.wide.2")


@needs("bridges of darter")
class ConnectionsToDarterTest(WireTest):
    """A bridge with four connections between two brokers."""

    remote_program = Broker

    def test_both_ways(self):
        """Messages of 3.1.1 cross once in each direction, and the bridge says that more connections
        than its topics fill are idle."""
        self.start_remote()
        lines = ("topic a/# both 2", "topic b/# both 2 l/ r/", "topic c/# out 2")
        self.start_bridging(self.bridge("wide", self.remote.port, FOUR, *lines, probes=False),
                            self.bridge("idle", self.remote.port, FOUR, "topic d/# both 1",
                                        probes=False))
        self.broker.wait_for_log("Bridge idle: 3 of its 4 connections have no topics")
        self.crosses(self.broker.port, self.remote.port, "a/probe")
        self.crosses(self.broker.port, self.remote.port, "l/b/probe", "r/b/probe")
        self.crosses(self.remote.port, self.broker.port, "r/b/probe", "l/b/probe")
        for name in NAMES:
            self.state("1", name)
        here, there = self.here(MQTT5), self.there(MQTT5)
        for listener in (here, there):
            listener.subscribe("+/#")
            listener.drain()
        for source, target, topics in (
                (here, there, {"a/1": "a/1", "l/b/1": "r/b/1", "c/1": "c/1", "c/2": "c/2"}),
                (there, here, {"a/2": "a/2", "r/b/2": "l/b/2"})):
            publisher = self.client(MQTT5, port=self.broker.port if source is here
                                    else self.remote.port)
            for topic in topics:
                publisher.publish(topic, "x", 2)
            for client, wanted in ((source, topics.keys()), (target, topics.values())):
                came = []

                def complete(came=came, client=client, wanted=wanted):
                    came.extend(self.topics_of(client))
                    return len(came) >= len(wanted)
                self.until(complete, f"{wanted}")
                self.assertEqual(sorted(came), sorted(wanted))
        for client in (here, there):
            self.assertEqual(self.topics_of(client), [])

    @staticmethod
    def topics_of(client):
        """The topics of the messages that have come, without those of crosses()."""
        return [packet.topic for packet in client.drain() if not packet.topic.endswith("probe")]
