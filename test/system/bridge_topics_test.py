"""Topics of bridges: directions, QoS, prefixes and remapping; retained messages and properties."""

from harness import wire
from harness.bridging import BridgeTest, MosquittoBroker
from harness.broker import Broker
from harness.needs import needs
from harness.wire import MQTT5, MQTT31, MQTT311

MAPPINGS = """topic plain/out out 2
topic plain/in in 2
topic plain/both both 2
topic default
topic q0/# out 0
topic q1/# out 1
topic q1/# in 1
topic tree/# out 2 left/ right/
topic back/# in 2 left/ right/
topic cut/+ out 1 here/ ""
topic put/+ out 1 "" there/
topic put/+ in 1 "" there/
topic "" out 1 one/here two/there
topic "" in 1 three/here four/there
topic # both 1 all/here/ all/there/
topic +/middle/# out 2 wild/ wilder/
""".splitlines()

# Side of the publisher, topic, topic at the other side or None, QoS published, QoS that comes.
CASES = (
    ("here", "plain/out", "plain/out", 2, 2),
    ("here", "plain/out", "plain/out", 1, 1),
    ("here", "plain/out", "plain/out", 0, 0),
    ("here", "plain/in", None, 1, 1),
    ("there", "plain/out", None, 1, 1),
    ("there", "plain/in", "plain/in", 2, 2),
    ("there", "plain/in", "plain/in", 0, 0),
    ("here", "plain/both", "plain/both", 2, 2),
    ("there", "plain/both", "plain/both", 1, 1),
    ("here", "plain/both/below", None, 1, 1),
    ("here", "default", "default", 2, 0),
    ("there", "default", None, 2, 0),
    ("here", "q0/a/b", "q0/a/b", 2, 0),
    ("here", "q1", "q1", 2, 1),
    ("there", "q1/a", "q1/a", 2, 1),
    ("here", "tree/a", None, 1, 1),
    ("here", "right/tree/a", None, 1, 1),
    ("here", "left/tree/a/b", "right/tree/a/b", 2, 2),
    ("there", "right/back/a", "left/back/a", 2, 2),
    ("there", "left/back/a", None, 1, 1),
    ("here", "here/cut/a", "cut/a", 1, 1),
    ("here", "here/cut/a/b", None, 1, 1),
    ("here", "cut/a", None, 1, 1),
    ("here", "put/a", "there/put/a", 1, 1),
    ("there", "there/put/a", "put/a", 1, 1),
    ("here", "one/here", "two/there", 1, 1),
    ("there", "two/there", None, 1, 1),
    ("there", "four/there", "three/here", 1, 1),
    ("here", "all/here/a/b", "all/there/a/b", 2, 1),
    ("there", "all/there/left/tree", "all/here/left/tree", 1, 1),
    ("here", "all/here", "all/there/all/here", 1, 1),  # "#" takes the parent, which has no prefix
    ("here", "wild/x/middle", "wilder/x/middle", 2, 2),
    ("here", "wild/x/middle/a/b", "wilder/x/middle/a/b", 1, 1),
    ("here", "wild/middle", None, 1, 1),
)


class TopicsToMosquittoTest(BridgeTest):
    """Messages over one bridge after the other, to Mosquitto."""

    remote_program = MosquittoBroker

    def both_ends(self, version=MQTT311):
        """Publishers and listeners of all, by side."""
        sides = {"here": (self.here(version), self.here(version)),
                 "there": (self.there(version), self.there(version))}
        for _, listener in sides.values():
            listener.subscribe(("#", 2 | (8 if version == MQTT5 else 0)))
            listener.drain()
        return sides

    def test_mappings(self):
        """Each message comes once, by its name at the other side, or not at all."""
        self.start_remote()
        self.start_bridging(self.bridge("maps", self.remote.port, *MAPPINGS))
        self.join("maps")
        sides = self.both_ends()
        other = {"here": "there", "there": "here"}
        for number, (side, topic, name, qos, got) in enumerate(CASES):
            with self.subTest(side=side, topic=topic, qos=qos):
                payload = str(number)
                publisher, near = sides[side]
                publisher.publish(topic, payload, qos)
                near.expect_publish(topic, payload)  # and it does not come back: the next is next
                if name is not None:
                    sides[other[side]][1].expect_publish(name, payload, qos=got, retain=False)
        for publisher, listener in sides.values():
            self.expect_nothing(publisher)
            listener.expect_publish("fence/nobody/listens")
            listener.ping()

    def versions_bridges(self):
        """A bridge of each protocol version."""
        names = {"mqttv31": MQTT31, "mqttv311": MQTT311, "mqttv50": MQTT5}
        return names, [self.bridge(name, self.remote.port, f"bridge_protocol_version {name}",
                                   f"topic {name}/# both 2") for name in names]

    def test_versions_and_properties(self):
        """Each version carries messages; the properties cross with 5.0, and with it alone."""
        self.start_remote()
        names, bridges = self.versions_bridges()
        self.start_bridging(*bridges)
        self.join(*names)
        sides = self.both_ends(MQTT5)
        properties = [(wire.PAYLOAD_FORMAT, 1), (wire.CONTENT_TYPE, "text"),
                      (wire.RESPONSE_TOPIC, "answer/here"), (wire.CORRELATION_DATA, b"\x01\x02"),
                      (wire.USER_PROPERTY, ("first", "1")), (wire.USER_PROPERTY, ("second", "2"))]
        for name, version in names.items():
            for side, other in (("here", "there"), ("there", "here")):
                sides[side][0].publish(f"{name}/{side}", side, 2, properties=properties)
                sides[side][1].expect_publish(f"{name}/{side}", side)
                packet = sides[other][1].expect_publish(f"{name}/{side}", side, qos=2)
                mine = [(i, v) for i, v in packet.properties
                        if not (i == wire.USER_PROPERTY and v[0].startswith("darter"))]
                self.assertEqual(sorted(map(str, mine)),
                                 sorted(map(str, properties)) if version == MQTT5 else [])

    def test_retained(self):
        """What is retained before a bridge connects, and after, is retained at the other side, too;
        with an empty payload it is gone there."""
        self.start_remote()
        self.there().publish("early/in", "before", 1, retain=True)
        self.start_bridging(self.bridge("keeps", self.remote.port, "topic early/# both 1",
                                        "topic late/# both 1"))
        here, there = self.here(), self.there()
        here.publish("early/out", "before", 1, retain=True)
        self.join("keeps")
        self.retained("early/in", "before")
        self.retained("early/out", "before", self.remote.port)
        for publisher, port in ((here, self.remote.port), (there, self.broker.port)):
            publisher.publish("late/a", "after", 1, retain=True)
            self.retained("late/a", "after", port)
            publisher.publish("late/a", "", 1, retain=True)
            self.retained("late/a", None, port)


class TopicsToDarterTest(TopicsToMosquittoTest):
    """The same to a second broker of ours."""

    remote_program = Broker

    @needs("bridges of darter")
    def test_expiry(self):
        """A message that waits for its remote expires; others come, with the time left."""
        self.start_remote()
        self.start_bridging(self.bridge("waits", self.remote.port, "topic a/# out 1",
                                        "bridge_protocol_version mqttv50"))
        self.join("waits")
        listener = self.persistent(MQTT5, "listener", port=self.remote.port)
        listener.subscribe("a/#", qos=1)
        self.remote.stop()
        self.state("0", "waits")
        here = self.here(MQTT5)
        here.publish("a/short", "x", 1, properties=[(wire.MESSAGE_EXPIRY, 1)])
        here.publish("a/long", "x", 1, properties=[(wire.MESSAGE_EXPIRY, 1000)])
        self.let_time_pass(2)
        self.remote.start()
        late = self.there(MQTT5)
        late.subscribe("a/#", qos=1)
        packet = late.expect_publish("a/long", "x")
        self.assertLess(packet.property(wire.MESSAGE_EXPIRY), 1000)
