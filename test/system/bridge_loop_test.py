"""Messages that cross bridges do not come back by them, and do not go round for ever."""

from harness import wire
from harness.bridging import BridgeTest, MosquittoBroker
from harness.broker import DEFAULT_CONFIG, Broker
from harness.client import unique
from harness.needs import needs
from harness.wire import MQTT5

VERSIONS = ("mqttv311", "mqttv50")
HOPS_MAX = 8
COUNT = 40


class EchoTest(BridgeTest):
    """One bridge with all topics in both directions."""

    def no_echo(self, program, version):
        """What is published at one end comes once to each end."""
        self.start_remote(program=program)
        self.start_bridging(self.bridge("echo", self.remote.port, "topic # both 1",
                                        f"bridge_protocol_version {version}", probes=False))
        self.crosses(self.broker.port, self.remote.port, "first/out")
        self.crosses(self.remote.port, self.broker.port, "first/in")
        ends = [(self.here(), self.here()), (self.there(), self.there())]
        for _, listener in ends:
            listener.subscribe("a/#", "fence", qos=1)
        for (publisher, near), (_, far) in (ends, ends[::-1]):
            for number in range(COUNT):
                publisher.publish(f"a/{number % 3}", str(number), 1)
            for listener in (near, far):
                for number in range(COUNT):
                    listener.expect_publish(f"a/{number % 3}", str(number))
        for publisher, _ in ends:
            publisher.publish("fence", "", 1)
            for _, listener in ends:
                listener.expect_publish("fence")
        for _, listener in ends:
            listener.ping()
        self.broker.close()
        self.remote.close()

    def test_no_echo(self):
        """The bridge's bit and No Local keep messages from coming back."""
        for program in (Broker, MosquittoBroker):
            for version in VERSIONS:
                with self.subTest(program=program, version=version):
                    self.no_echo(program, version)


@needs("bridges of darter")
class RoundTest(BridgeTest):
    """Brokers in circles, all of ours, with bridges of 5.0."""

    def start_circle(self, *ways, count):
        """As many brokers; a way is (from, to, direction)."""
        brokers = [Broker(DEFAULT_CONFIG, wait=None) for _ in range(count)]
        for broker in brokers:
            self.addCleanup(broker.close)
        for start, end, direction in ways:
            text = self.bridge(unique(f"way{start}{end}x"), brokers[end].port,
                               f"topic round/# {direction} 1", f"topic first/# {direction} 1",
                               "bridge_protocol_version mqttv50", probes=False)
            file = brokers[start].config_file
            file.write_text(file.read_text() + text)
        for broker in brokers:
            broker.start()
        self.broker = brokers[0]
        for start, end, *_ in ways:
            self.crosses(brokers[start].port, brokers[end].port, f"first/{start}{end}")
        return brokers

    def counts_of(self, brokers):
        """Publishes to all, and counts the copies of each message at each broker, at the end."""
        listeners = [self.client(MQTT5, port=broker.port) for broker in brokers]
        for listener in listeners:
            listener.subscribe("round/#")
        for number, broker in enumerate(brokers):
            publisher = self.client(MQTT5, port=broker.port)
            for serial in range(COUNT):
                publisher.publish("round/a", f"{number}.{serial}", 1)
        counts = [{} for _ in brokers]
        while True:
            came = [self.came_to(listener, count) for listener, count in zip(listeners, counts)]
            if not any(came):
                return counts
            self.let_time_pass(1)

    @staticmethod
    def came_to(listener, count):
        """Counts what has come to a listener by now, and says how much that is."""
        listener.send(wire.pingreq())
        number = 0
        while (packet := listener.receive()).kind == wire.PUBLISH:
            number += 1
            count[packet.payload] = count.get(packet.payload, 0) + 1
            assert count[packet.payload] < 10 * HOPS_MAX, "it does not end"
        return number

    def check(self, brokers):
        """Each message comes to all, and not too often."""
        for count in self.counts_of(brokers):
            self.assertEqual(len(count), COUNT * len(brokers))
            self.assertLessEqual(max(count.values()), 2 * HOPS_MAX + 2)

    def test_two_bridges_between_a_pair(self):
        """Each broker has a bridge to the other, or one of them has two."""
        self.check(self.start_circle((0, 1, "both"), (1, 0, "both"), count=2))
        self.check(self.start_circle((0, 1, "both"), (0, 1, "both"), count=2))

    def test_rings_of_three(self):
        """Round one way, and round both ways."""
        ring = ((0, 1), (1, 2), (2, 0))
        for direction in ("out", "in", "both"):
            self.check(self.start_circle(*((*way, direction) for way in ring), count=3))
