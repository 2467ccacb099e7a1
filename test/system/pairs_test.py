"""Features that each have tests of their own, two at a time."""

import subprocess
import tempfile
import time
from pathlib import Path

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, passwd_binary, wait_until
from harness.case import BrokerTest
from harness.client import unique
from harness.wire import MQTT5, MQTT311

MIB = 1 << 20
USERS = DEFAULT_CONFIG.replace("allow_anonymous true", "password_file {dir}/passwd")


def user_line(user, password, iterations):
    """A line of a password file whose hash takes as long as so many iterations."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "passwd"
        subprocess.run([passwd_binary(), "-H", "sha512-pbkdf2", "-I", str(iterations), "-c", "-b",
                        str(path), user, password], check=True, capture_output=True)
        return path.read_text()


class MovesAndReloadsTest(BrokerTest):
    """Clients that move to the loop of their session while the configuration is reloaded."""

    def test_clients_of_all_loops(self):
        """Each is served by the old configuration or by the new one, and hears all it should."""
        hearer = self.client(MQTT5)
        hearer.subscribe("here/#", qos=1)
        started, config = 0, self.broker.config_file.read_text()
        for turn in range(8):
            self.broker.config_file.write_text(f"max_keepalive {600 + turn}\n" + config)
            coming = [self.raw(MQTT5) for _ in range(12)]
            for client in coming[:6]:
                client.send(wire.connect(MQTT5, client.client_id))
            self.broker.reload()
            for client in coming[6:]:
                client.send(wire.connect(MQTT5, client.client_id))
            for client in coming:
                self.assertEqual(client.receive().reason, 0)
                client.publish(f"here/{started}", b"x", 1)
                started += 1
            wait_until(lambda n=turn: len(self.broker.log_lines("Reloaded: ")) > n, "the reload")
        topics = set()
        for _ in range(started):
            packet = hearer.expect(wire.PUBLISH, qos=1)
            hearer.acknowledge(packet)
            topics.add(packet.topic)
        self.assertEqual(topics, {f"here/{number}" for number in range(started)})


class TakeoverAndLoginTest(BrokerTest):
    """A client id that is taken over while logins of it still wait for their hashes."""

    config = USERS

    def setUp(self):
        # Some milliseconds: logins overlap.
        self.files = {"passwd": user_line("ann", "right", 20_000)}
        super().setUp()

    def test_one_is_left(self):
        """The last one has the session, with all that waited; wrong passwords take nothing over."""
        login = {"username": "ann", "password": "right"}
        self.persistent(MQTT5, "twin", **login).subscribe("for/twin", qos=1)
        publisher = self.client(MQTT5, **login)
        expiry = [(wire.SESSION_EXPIRY, 3600)]
        rivals = [self.raw(MQTT5, "twin") for _ in range(6)]
        for number, rival in enumerate(rivals):
            rival.send(wire.connect(MQTT5, "twin", clean=False, properties=expiry, username="ann",
                                    password="wrong" if number % 3 == 2 else "right"))
            publisher.publish("for/twin", str(number), 1)
        accepted = []
        for number, rival in enumerate(rivals):
            connack = rival.receive()
            self.assertEqual(connack.reason, 0x87 if number % 3 == 2 else 0)
            if connack.reason == 0:
                self.assertTrue(connack.session_present)
                accepted.append(rival)
        heard, ended = set(), 0
        for rival in accepted:
            for packet in self.until_quiet(rival):
                if packet.kind == wire.DISCONNECT:
                    self.assertEqual(packet.reason, 0x8E)
                    ended += 1
                elif packet.kind == wire.PUBLISH:
                    heard.add(packet.payload)
        self.assertEqual(ended, len(accepted) - 1)
        self.assertEqual(heard, {b"%d" % number for number in range(len(rivals))})

    @staticmethod
    def until_quiet(client):
        """What comes until the end of the connection, or an answer to a ping."""
        packets = []
        try:
            client.send(wire.pingreq())
        except OSError:
            pass  # it was taken over: what came before that can be read
        while True:
            packet = client.receive()
            if packet is None or packet.kind == wire.PINGRESP:
                return packets
            packets.append(packet)


class MemoryAndGroupsTest(BrokerTest):
    """memory_limit and shared subscriptions."""

    config = (f"memory_limit {48 * MIB}\nmax_queued_messages 0\nmax_inflight_messages 2\n"
              + DEFAULT_CONFIG)
    args = ()

    def test_nothing_acknowledged_is_lost(self):
        """Members that acknowledge late get each message that the publisher was told is taken."""
        members = [self.client(MQTT5) for _ in range(2)]
        for member in members:
            member.subscribe("$share/g/work", qos=1)
        publisher, taken = self.client(MQTT5), set()
        # Shards refuse before the line comes, and take more again until then.
        end = time.monotonic() + DEADLINE_SECONDS
        while not self.broker.log_lines("memory_limit is near: "):
            payload = str(len(taken)).encode().ljust(128 << 10)
            if publisher.publish("work", payload, 1).reason == 0:
                taken.add(len(taken))
            self.assertLess(len(taken), 4000)
            self.assertLess(time.monotonic(), end)
        self.assertGreater(len(taken), 20)
        heard = set()

        def all_heard():
            for member in members:
                for packet in member.drain():
                    if packet.kind == wire.PUBLISH:
                        heard.add(int(packet.payload))
                        member.acknowledge(packet)
            return heard >= taken
        wait_until(all_heard, "all messages that were taken")
        wait_until(lambda: publisher.publish("work", b"-1", 1).reason == 0, "room for more")


class RateAndStoreTest(BrokerTest):
    """max_publish_rate, and publishers that wait for the disk."""

    config = ("persistence true\npersistence_location {dir}\npersistence_durability commit\n"
              "max_publish_rate 60\n" + DEFAULT_CONFIG)

    def test_order_and_takeover(self):
        """A publisher that is slowed down, and taken over meanwhile, loses nothing it was told."""
        hearer = self.persistent(MQTT311, unique("hearer"))
        hearer.subscribe("t", qos=1)
        name = unique("fast")
        first = self.persistent(MQTT311, name)
        first.send(b"".join(wire.publish(MQTT311, "t", b"%d" % i, 1, i + 1) for i in range(90)))
        told = set()
        for _ in range(10):
            told.add(first.expect(wire.PUBACK).packet_id - 1)
        second = self.persistent(MQTT311, name)
        second.publish("t", b"last", 1)
        heard = []
        while not heard or heard[-1] != b"last":
            heard.append(hearer.expect_publish("t").payload)
        numbers = [int(payload) for payload in heard[:-1]]
        self.assertEqual(numbers, sorted(numbers))
        self.assertTrue(told <= set(numbers), told - set(numbers))
