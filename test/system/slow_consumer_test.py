"""Subscribers that stop reading: what they cost, what they lose, and that nobody else notices."""

from harness import wire
from harness.broker import WS_CONFIG, wait_until
from harness.case import BrokerTest
from harness.client import Client, unique
from harness.websocket import WebSocketStream
from harness.wire import MQTT5

MIB = 1 << 20
PAYLOAD_BYTES = 64 << 10
BATCH = 16

# What is published to each of them; builds with sanitizers get less.
PUBLISHED_MIB, PUBLISHED_SANITIZED_MIB = 256, 64


class SlowConsumerTest(BrokerTest):
    """Much is published to two subscribers; one stops reading after its SUBACK."""

    args = ()
    autostart = False

    def run_scene(self, policy, qos, websocket=False):
        """Publishes everything; returns the one that did not read."""
        self.start(f"slow_consumer_policy {policy}\nmax_queued_bytes {16 * MIB}\n" + WS_CONFIG
                   + "listener {port2} 127.0.0.1\nlistener_slow_consumer_policy drop_newest\n")
        topics = [unique("slow/") for _ in range(4)]
        stopped = self.subscriber("stopped", self.broker.port, qos, websocket)
        reader = self.subscriber("reader", self.broker.port2, qos)
        publisher = self.client(MQTT5, "publisher")
        before = self.broker.resident_bytes()
        mib = PUBLISHED_SANITIZED_MIB if self.broker.is_sanitized() else PUBLISHED_MIB
        count = mib * MIB // PAYLOAD_BYTES
        for begin in range(0, count, BATCH):
            numbers = range(begin, min(begin + BATCH, count))
            self.publish(publisher, topics, numbers, qos)
            for number in numbers:
                self.take_one(reader, topics[number % 4], number, qos)
        grown = self.broker.most_resident_bytes() - before
        # 16 MiB wait, 20 messages are in flight, some are on their way to sockets; a sanitizer
        # keeps freed memory.
        bound = (48 if not self.broker.is_sanitized() else 800) * MIB
        self.assertLess(grown, bound, f"{grown / MIB:.0f} MiB more than before")
        reader.ping()
        return stopped, topics, count

    def take_one(self, reader, topic, number, qos):
        """Expects the message of this number."""
        packet = reader.expect(wire.PUBLISH, topic=topic, qos=qos)
        self.assertEqual((packet.payload[:8], len(packet.payload)),
                         (self.payload(number)[:8], PAYLOAD_BYTES))
        reader.acknowledge(packet)

    def subscriber(self, name, port, qos, websocket=False):
        """A client of 5.0 that subscribes to all topics."""
        if websocket:
            client = Client(WebSocketStream(self.websocket()), MQTT5, name)
            client.connect()
        else:
            client = self.client(MQTT5, name, port)
        client.subscribe("slow/+", qos=qos)
        return client

    @staticmethod
    def payload(number):
        """64 KiB that begin with the number."""
        return f"{number:08}".encode().ljust(PAYLOAD_BYTES, b".")

    def publish(self, publisher, topics, numbers, qos):
        """Publishes a batch and waits for its acknowledgements."""
        for number in numbers:
            publisher.publish(topics[number % 4], self.payload(number), qos, finish=False,
                              packet_id=number % 60000 + 1 if qos else None)
        for number in numbers if qos else ():
            publisher.expect(wire.PUBACK, packet_id=number % 60000 + 1)

    @staticmethod
    def take_up_to_end(client):
        """Reads what was written before the connection ended: the numbers, and the last packet."""
        numbers, packet = [], client.receive()
        while packet is not None and packet.kind == wire.PUBLISH:
            numbers.append(int(packet.payload[:8]))
            packet = client.receive()
        return numbers, packet

    def take_up_to_fence(self, client, topics, count, qos):
        """Lets the client read, until what is published then arrives; returns the numbers."""
        publisher = self.client(MQTT5)
        client.send(wire.pingreq())
        numbers = []
        while True:
            packet = client.receive()
            if packet.kind == wire.PINGRESP:
                break
            client.acknowledge(packet)
            numbers.append(int(packet.payload[:8]))
        # What waited for the socket leaves as it is read: the fence finds room when it is gone.
        wait_until(lambda: self.fence_passes(publisher, client, topics[0], count, qos, numbers),
                   "the fence to pass")
        return numbers

    def fence_passes(self, publisher, client, topic, count, qos, numbers):
        """Publishes a message of its own; says whether it came, behind all that waited."""
        publisher.publish(topic, f"{count:08}", qos)
        client.send(wire.pingreq())
        found = False
        for packet in client.until_pingresp():
            if packet.kind != wire.PUBLISH:
                continue
            client.acknowledge(packet)
            number = int(packet.payload[:8])
            found = found or number == count
            if number != count:
                numbers.append(number)
        return found

    def check_numbers(self, policy, numbers, count):
        """What a policy leaves: in order, and the right part of it."""
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(numbers), count)
        if policy == "drop_newest":
            self.assertEqual(numbers, list(range(len(numbers))))
        if policy == "drop_oldest":
            kept = 16 * MIB // (PAYLOAD_BYTES + 100) - 1
            self.assertEqual(numbers[-kept:], list(range(count - kept, count)))
        if policy == "latest_per_topic":
            self.assertEqual(numbers[-4:], list(range(count - 4, count)))
            # The others were in the socket, or in flight.
            self.assertLess(len(numbers) * PAYLOAD_BYTES, 16 * MIB)

    def check(self, policy, qos, websocket):
        """One policy: what is kept is what it says, and the log tells, in a few lines."""
        stopped, topics, count = self.run_scene(policy, qos, websocket)
        self.broker.wait_for_log("Outgoing messages are being dropped for client stopped")
        if policy == "disconnect":
            numbers, last = self.take_up_to_end(stopped)
            self.assertEqual(numbers, list(range(len(numbers))))
            self.assertTrue(last is None or last.reason == 0x97, last)
            self.broker.wait_for_log("Client stopped .*disconnected: its queue is full")
        else:
            numbers = self.take_up_to_fence(stopped, topics, count, qos)
            self.check_numbers(policy, numbers, count)
        self.assertLess(len(self.broker.log_lines("dropped for client")), 10)


def add_tests():
    """A test for each policy, QoS and transport."""
    for policy in ("drop_newest", "drop_oldest", "latest_per_topic", "disconnect"):
        for qos in (0, 1):
            for websocket in (False, True):
                def test(self, policy=policy, qos=qos, websocket=websocket):
                    self.check(policy, qos, websocket)
                transport = "websocket" if websocket else "tcp"
                test.__doc__ = f"{policy}, QoS {qos}, {transport}."
                setattr(SlowConsumerTest, f"test_{policy}_qos{qos}_{transport}", test)


add_tests()


class DropFiguresTest(BrokerTest):
    """Drops are counted by reason below $SYS."""

    config = "sys_interval 1\nmax_queued_messages 3\n" + BrokerTest.config

    def test_figures(self):
        """The sum, and each reason."""
        away = self.persistent(MQTT5, "away")
        away.subscribe("t", qos=1)
        self.drop(away)
        publisher = self.client(MQTT5)
        for _ in range(8):
            publisher.publish("t", "x", 1)
        watcher = self.client(MQTT5)
        watcher.subscribe("$SYS/broker/publish/messages/dropped/#")
        wanted = {"": b"5", "/queue_full": b"5", "/slow_socket": b"0", "/expired": b"0"}
        wanted = {"$SYS/broker/publish/messages/dropped" + name: value
                  for name, value in wanted.items()}
        found = {}
        while not wanted.items() <= found.items():
            packet = watcher.expect(wire.PUBLISH)
            found[packet.topic] = packet.payload
