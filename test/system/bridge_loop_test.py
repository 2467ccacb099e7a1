"""Messages that cross bridges do not come back by them."""

from harness.bridging import BridgeTest, MosquittoBroker
from harness.broker import Broker

VERSIONS = ("mqttv311", "mqttv50")
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
