"""Bridges whose network or brokers fail: test/system/bridge_torture is the long form.

What either end has acknowledged comes to the other: QoS 2 once, in order [MQTT-4.3.3-10]
[MQTT-4.4.0-1] [MQTT-4.6.0-1], whatever ends or stands still in between.
"""

import unittest

from harness.bridge_torture import torture
from harness.bridging import BridgeTest
from harness.broker import DEFAULT_CONFIG, thread_count
from harness.client import unique
from harness.needs import needs


@needs("bridges of darter")
class BridgeTortureTest(unittest.TestCase):
    """A bridge that is spoilt again and again."""

    def torture(self, seed, remote, version):
        """No faults, whatever the figures."""
        faults, figures = torture(seed, [thread_count()], 7, remote, version, seconds_max=0.3)
        self.assertEqual(faults, [], figures)

    def test_to_darter(self):
        """Both ends are killed, too; the bridge speaks 3.1.1."""
        self.torture(1, "darter", "mqttv311")

    def test_to_darter_with_5(self):
        """The same with 5.0."""
        self.torture(2, "darter", "mqttv50")

    def test_to_mosquitto(self):
        """Mosquitto stands still and is cut off, but does not end; and of what it sends over the
        bridge only the loss is a fault.

        From its store 2.0.11 takes no more messages of a session for those on their way than
        max_inflight_messages (20, and none with 0 or 65535), and has more of them after each
        backlog: in db__message_delete_outgoing() every acknowledgement lets up to 20 others go.
        The rest counts as never sent, also where the store says that PUBREC came and PUBREL went:
        PUBLISH comes once more, with DUP, for an identifier that the bridge has released. With
        max_inflight_messages 60000 it does not, but for a session whose connection ended between
        CONNECT and CONNACK: the next one takes PUBREL that was due for PUBLISH.
        Killed, it loses its session, and with it messages that it had acknowledged.
        """
        self.torture(3, "mosquitto", "mqttv311")


class StillTest(BridgeTest):
    """A remote that takes no more for a while."""

    def test_queue_is_bounded(self):
        """The bridge's queue fills up to its limit and not beyond; who publishes here does not
        notice. Afterwards all that found room comes, in order."""
        self.start_remote()
        proxy = self.proxy_to(self.remote.port)
        self.start_bridging(self.bridge("full", proxy.port, "topic a/# out 1"),
                            config=DEFAULT_CONFIG + "max_queued_messages 50\n")
        self.join("full")
        far, here = self.there(), self.here()
        far.subscribe("a/#", qos=1)
        proxy.stall()
        count = 300
        for number in range(count):
            here.publish("a/b", str(number), 1)
        proxy.pass_on()
        end, got = unique("end"), []

        def ended():
            here.publish("a/end", end, 1)
            for packet in far.drain():
                far.acknowledge(packet)
                got.append(packet.payload.decode())
            return end in got
        self.until(ended, "what came after the stall")
        numbers = [int(text) for text in got if text != end]
        self.assertEqual(numbers, list(range(len(numbers))))
        self.assertGreaterEqual(len(numbers), 50)
        self.assertLess(len(numbers), 150)

    def test_half_open(self):
        """A connection of which the remote knows nothing any more is noticed by its silence."""
        self.start_remote()
        proxy = self.proxy_to(self.remote.port)
        self.start_bridging(self.bridge("half", proxy.port, "topic a/# out 1",
                                        "keepalive_interval 5"))
        self.join("half")
        far = self.there()
        far.subscribe("a/#")
        proxy.half_open()
        self.state("0", "half", self.remote.port)
        self.here().publish("a/b", "x", 1)
        far.expect_publish("a/b", "x")
