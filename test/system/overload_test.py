"""More than the broker can have: memory, and descriptors."""

import select
import time

from harness import wire
from harness.broker import DEFAULT_CONFIG, WS_CONFIG, thread_count, wait_until
from harness.case import BrokerTest
from harness.client import Client, unique
from harness.wire import MQTT5, MQTT311

MIB = 1 << 20


class MemoryLimitTest(BrokerTest):
    """memory_limit: near it the broker refuses what is new and serves who is there."""

    config = (f"memory_limit {64 * MIB}\nmax_queued_messages 0\nmax_inflight_messages 0\n"
              + DEFAULT_CONFIG)
    args = ()

    def fill(self, publisher):
        """Publishes for somebody who is away until that is refused for good: how many were taken.

        Between two measurements the broker counts on the safe side, and may refuse for a while.
        """
        payload, count = b"x" * (256 << 10), 0
        while not self.broker.log_lines("memory_limit is near: "):
            count += publisher.publish("t", payload, 1).reason == 0
            self.assertLess(count, 2000)
        self.assertEqual(publisher.publish("t", payload, 1).reason, 0x97)
        return count

    def test_near_the_limit(self):
        """Everything that is to happen near the limit, and after it."""
        away = self.persistent(MQTT5, "away")
        away.subscribe("t", qos=1)
        away.disconnect()
        publisher, older = self.client(MQTT5), self.client(MQTT311)
        subscriber = self.client(MQTT5)
        subscriber.subscribe("live", qos=1)
        count = self.fill(publisher)
        if not self.broker.is_sanitized():
            self.assertLess(self.broker.most_resident_bytes(), 80 * MIB)
            self.assertGreater(count, 150)
        self.refused(MQTT5, 0x89)
        self.refused(MQTT311, 3)
        # An older client is not told no: it waits, and is served otherwise.
        older.publish("t", "waits", 1, finish=False, packet_id=9)
        older.ping()
        # QoS 0 needs no memory where somebody reads it.
        publisher.publish("live", "now", 0)
        subscriber.expect_publish("live", "now")
        self.assertEqual(publisher.publish("live", "no", 1).reason, 0x97)
        for client in (publisher, subscriber):
            client.ping()
        # Who is away may come back, and takes what is his.
        away = self.persistent(MQTT5, "away")
        for _ in range(count):
            away.expect_publish("t")
        away.expect_publish("t", "waits", deadline=30)
        older.expect(wire.PUBACK, packet_id=9)
        wait_until(lambda: publisher.publish("live", "yes", 1).reason == 0, "publishes to be taken")
        subscriber.expect_publish("live", "yes")
        self.client(MQTT5).ping()
        self.client(MQTT311).ping()

    def test_flood(self):
        """Whoever floods it with what has to be kept, the broker stays."""
        for number in range(5):
            away = self.persistent(MQTT311, f"away{number}")
            away.subscribe("#", qos=1)
            self.drop_quietly(away)
        floods = [self.client(MQTT5 if number % 2 else MQTT311) for number in range(6)]
        payload = b"x" * 100_000
        for client in floods:
            client.stream.socket.setblocking(False)
        sent = dict.fromkeys(floods, b"")
        total, packet_id = 0, 0
        end = time.monotonic() + 30
        while total < 400 * MIB and time.monotonic() < end:
            packet_id = packet_id % 60000 + 1
            total += self.push(floods, sent, payload, packet_id)
            if not self.any_writable(floods):
                break  # the older ones are not read any more, and the others have no window
        if not self.broker.is_sanitized():
            # What is on its way to the disk comes on top, 16 MiB for each shard.
            self.assertLess(self.broker.most_resident_bytes(), 180 * MIB)
        self.broker.wait_for_log("memory_limit is near: ")

    @staticmethod
    def drop_quietly(client):
        """Ends the session's connection."""
        client.disconnect()

    @staticmethod
    def push(clients, sent, payload, packet_id):
        """Sends one more publish of each client as far as its socket takes it; the bytes."""
        total = 0
        for number, client in enumerate(clients):
            if not sent[client]:
                sent[client] = wire.publish(client.version, f"t/{number}/{packet_id}", payload, 1,
                                            packet_id)
            try:
                taken = client.stream.socket.send(sent[client])
            except BlockingIOError:
                taken = 0
            sent[client] = sent[client][taken:]
            total += taken
            try:
                while client.stream.socket.recv(65536):
                    pass
            except BlockingIOError:
                pass
        return total

    @staticmethod
    def any_writable(clients):
        """Does any of the sockets take bytes within a second?"""
        sockets = [client.stream.socket for client in clients]
        return bool(select.select([], sockets, [], 1)[1])


class DescriptorsTest(BrokerTest):
    """Out of file descriptors: accepting pauses, and whoever is connected goes on."""

    config = WS_CONFIG
    args = ()
    autostart = False

    def test_pause_and_resume(self):
        """Clients that find no descriptor wait in the backlog until others have gone."""
        self.start(open_files="64:128")
        self.broker.wait_for_log(r"Open files limit: 128\.")
        here = self.client(MQTT5, "here")
        here.subscribe("t", qos=1)
        browser = self.ws_client(MQTT5, "browser")
        crowd = [self.knock() for _ in range(200)]
        self.broker.wait_for_log("too many open files")
        # The line may come before the answers to those who were let in last.
        wait_until(lambda: sum(map(self.is_answered, crowd)) > 40, "answers")
        inside = [client for client in crowd if self.is_answered(client)]
        self.assertLess(len(inside), 128)
        # Nobody who is inside notices, and nothing turns round and round.
        before, begin = self.broker.cpu_seconds(), time.monotonic()
        while time.monotonic() - begin < 2:
            browser.publish("t", "still here", 1)
            here.expect_publish("t", "still here")
            select.select([], [], [], 0.1)
        used = self.broker.cpu_seconds() - before
        self.assertLess(used, 0.2 if not self.broker.is_sanitized() else 1)
        self.assertEqual(len(self.broker.log_lines("too many open files")), 1)
        # Others go: those who wait come in.
        waiting = [client for client in crowd if client not in inside]
        for client in inside:
            client.close()
        wait_until(lambda: sum(self.is_answered(client) for client in waiting) > 30,
                   "those who waited to be let in")
        here.ping()
        browser.ping()

    def knock(self):
        """A client that has sent its CONNECT and does not wait for the answer."""
        client = Client.tcp(self.broker.port, MQTT311, unique("crowd"))
        self.addCleanup(client.close)
        client.send(wire.connect(MQTT311, client.client_id))
        return client

    @staticmethod
    def is_answered(client):
        """Has its CONNACK come?"""
        return bool(select.select([client.stream.socket], [], [], 0)[0])

    def test_moves_need_descriptors_too(self):
        """Every client that was accepted also reaches its home loop."""
        self.start(open_files="96:96")
        crowd = [self.knock() for _ in range(150)]
        self.broker.wait_for_log("too many open files")
        wait_until(lambda: sum(map(self.is_answered, crowd)) > 40, "answers")
        for client in filter(self.is_answered, crowd):
            client.expect(wire.CONNACK, reason=0)
        self.assertEqual(self.broker.log_lines("could not be moved"), [], thread_count())
