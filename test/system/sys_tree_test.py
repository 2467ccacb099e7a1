"""The $SYS tree: Mosquitto's names, and numbers that count."""

import re
import time

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, ROOT
from harness.case import BrokerTest
from harness.certificates import server_lines
from harness.client import unique
from harness.wire import MQTT5, MQTT311

LOADS = [f"load/{what}/{span}"
         for what in ("messages/received", "messages/sent", "publish/dropped", "publish/received",
                      "publish/sent", "bytes/received", "bytes/sent", "sockets", "connections")
         for span in ("1min", "5min", "15min")]
COUNTS = ["clients/total", "clients/inactive", "clients/disconnected", "clients/active",
          "clients/connected", "clients/expired", "messages/stored", "messages/received",
          "messages/sent", "store/messages/count", "store/messages/bytes", "subscriptions/count",
          "shared_subscriptions/count", "retained messages/count", "heap/current", "heap/maximum",
          "loop/turn/current", "loop/turn/maximum",
          "denied/publish", "denied/will", "denied/subscribe", "denied/receive", "logins/failed",
          "publish/messages/dropped", "publish/messages/received", "publish/messages/sent",
          "publish/bytes/received", "publish/bytes/sent", "bytes/received", "bytes/sent",
          "connections/socket/count", "packet/out/count", "packet/out/bytes"]


class SysTest(BrokerTest):
    """A tree that is refreshed every second."""

    config = "sys_interval 1\n" + DEFAULT_CONFIG

    def watcher(self, *names):
        """A client that subscribes to names below $SYS/broker/."""
        client = self.client(MQTT311)
        client.subscribe(*("$SYS/broker/" + name for name in names or ("#",)))
        return client

    def wait_for(self, watcher, name, condition):
        """Reads updates until the value of this name fits."""
        for packet in self.updates(watcher, name):
            if packet.topic == "$SYS/broker/" + name and condition(packet.payload.decode()):
                return packet.payload.decode()

    @staticmethod
    def updates(watcher, what):
        """What the broker publishes, as long as a test may wait."""
        end = time.monotonic() + 2 * DEADLINE_SECONDS
        while time.monotonic() < end:
            yield watcher.expect(wire.PUBLISH)
        raise AssertionError(f"waited in vain for {what}")

    def test_names(self):
        """Every name that exporters read is there, retained, with a value of the right form."""
        wanted = {"$SYS/broker/" + name for name in LOADS + COUNTS + ["version", "uptime"]}
        found = {}
        for packet in self.updates(self.watcher(), "all names"):
            found[packet.topic] = packet.payload.decode()
            if wanted <= set(found):
                break
        for name in COUNTS:
            self.assertRegex(found["$SYS/broker/" + name], r"^\d+$", name)
        for name in LOADS:
            self.assertRegex(found["$SYS/broker/" + name], r"^\d+\.\d\d$", name)
        self.assertRegex(found["$SYS/broker/version"], r"^\w+ version \d")
        self.assertRegex(found["$SYS/broker/uptime"], r"^\d+ seconds$")

    def test_at_once(self):
        """Every name is there from the start, long before the first interval is over."""
        self.start("sys_interval 600\n" + DEFAULT_CONFIG)
        names = {f"$SYS/broker/{name}" for name in LOADS + COUNTS}
        found = set()
        for packet in self.updates(self.watcher(), "all names"):
            found.add(packet.topic)
            if names <= found:
                break

    def test_retained(self):
        """A late subscriber gets the values at once, as retained messages."""
        self.wait_for(self.watcher("uptime"), "uptime", lambda v: v != "0 seconds")
        watcher = self.watcher("version", "clients/connected")
        for _ in range(2):
            self.assertTrue(watcher.expect(wire.PUBLISH).retain)

    def test_clients(self):
        """Connected, disconnected and all clients."""
        watcher = self.watcher("clients/+")
        clients = [self.client(MQTT311) for _ in range(3)]
        self.wait_for(watcher, "clients/connected", "4".__eq__)
        away = self.persistent(MQTT5, unique("away"))
        away.disconnect()
        self.wait_for(watcher, "clients/disconnected", "1".__eq__)
        clients[0].disconnect()
        self.wait_for(watcher, "clients/connected", "3".__eq__)
        late = self.watcher("clients/total")
        self.wait_for(late, "clients/total", "5".__eq__)

    def test_messages(self):
        """Publishes are counted with their bytes."""
        watcher = self.watcher("publish/messages/received", "publish/bytes/received")
        publisher = self.client(MQTT311)
        for _ in range(10):
            publisher.publish("count/me", "12345", 1)
        self.wait_for(watcher, "publish/messages/received", lambda v: int(v) >= 10)
        late = self.watcher("publish/bytes/received")
        self.wait_for(late, "publish/bytes/received", lambda v: int(v) >= 50)

    def test_retained_count_and_subscriptions(self):
        """Retained messages and subscriptions are counted, and counted down."""
        watcher = self.watcher("subscriptions/count")
        client = self.client(MQTT311)
        self.wait_for(watcher, "subscriptions/count", "1".__eq__)
        client.subscribe("a", "b/#")
        self.wait_for(watcher, "subscriptions/count", "3".__eq__)
        client.unsubscribe("a")
        self.wait_for(watcher, "subscriptions/count", "2".__eq__)

    def test_a_client_counts_once(self):
        """What a client does counts once, also where its connection moves to another loop."""
        sent = []

        def send(client, packet, answer):
            client.send(packet)
            client.expect(answer)
            sent.append(packet)

        watcher = self.raw(MQTT311)
        send(watcher, wire.connect(MQTT311, watcher.client_id), wire.CONNACK)
        filters = [("$SYS/broker/" + name, 0) for name in self.COUNTED]
        send(watcher, wire.subscribe(MQTT311, 1, filters), wire.SUBACK)
        before = self.settled(watcher, 1, len(sent))
        self.assertEqual(before["messages/received"], len(sent))
        self.assertEqual(before["bytes/received"], sum(map(len, sent)))
        for _ in range(100):
            client = self.raw(MQTT311)
            send(client, wire.connect(MQTT311, client.client_id), wire.CONNACK)
        after = self.settled(watcher, 101, len(sent))
        self.assertEqual(after["messages/received"], len(sent))
        self.assertEqual(after["bytes/received"], sum(map(len, sent)))
        sockets = "connections/socket/count"
        self.assertEqual(after[sockets], before[sockets] + 100)

    COUNTED = ("uptime", "clients/connected", "connections/socket/count", "messages/received",
               "bytes/received")

    def settled(self, watcher, clients, packets):
        """Figures of a time when so many clients and packets had been counted, at least."""
        values, rounds = {}, 0
        for packet in self.updates(watcher, f"{clients} clients"):
            name = packet.topic.removeprefix("$SYS/broker/")
            if name != "uptime":
                values[name] = int(packet.payload)
            elif (values.get("clients/connected") == clients and
                  values.get("messages/received", 0) >= packets):
                # Each interval begins with uptime; reports of other loops may be one older.
                rounds += 1
                if rounds == 2:
                    return values

    def test_load(self):
        """Load averages move with the traffic."""
        watcher = self.watcher("load/publish/received/1min")
        publisher = self.client(MQTT311)
        publisher.publish("x", "x", 1)
        self.wait_for(watcher, "load/publish/received/1min", lambda v: float(v) > 0)

    def test_uptime(self):
        """Uptime counts seconds."""
        watcher = self.watcher("uptime")
        self.wait_for(watcher, "uptime", "2 seconds".__eq__)

    def test_clients_may_not_write(self):
        """A publish to $SYS reaches nobody."""
        watcher = self.watcher("uptime")
        publisher = self.client(MQTT311)
        publisher.publish("$SYS/broker/uptime", "forged", 1)
        self.assertNotEqual(watcher.expect(wire.PUBLISH).payload, b"forged")
        self.assertNotEqual(watcher.expect(wire.PUBLISH).payload, b"forged")


class SysListTest(BrokerTest):
    """broker/SYS.md, the list of all topics."""

    autostart = False

    def test_list_is_true(self):
        """A broker publishes exactly the topics of the list, with payloads of their kinds."""
        self.start("persistence true\npersistence_location {dir}\nsys_interval 1\n"
                   "allow_anonymous true\nlistener {port} 127.0.0.1\n"
                   "listener {port2} 127.0.0.1\n" + server_lines() +
                   "connection edge\naddress 127.0.0.1:{port3}\ntopic # out\n"
                   "notifications false\n"
                   # Figures of a node are there without NATS, too.
                   "cluster_url nats://127.0.0.1:1\n")
        rows = re.findall(r"(?m)^\| `([^`]+)` \| (\w+) \|", (ROOT / "broker/SYS.md").read_text())
        self.assertGreater(len(rows), 50)
        listed = {}
        for topic, kind in rows:
            listed[re.compile(re.escape(topic).replace(r"\+", "[^/]+"))] = kind
        watcher = self.client(MQTT311)
        watcher.subscribe("$SYS/#")
        seen, found = set(), {}
        end = time.monotonic() + 2 * DEADLINE_SECONDS
        while len(seen) < len(listed) or found.get("uptime", "0") < "2":
            self.assertLess(time.monotonic(), end, [p.pattern for p in listed if p not in seen])
            packet = watcher.expect(wire.PUBLISH)
            name = packet.topic.removeprefix("$SYS/broker/")
            found[name] = packet.payload.decode()
            rows = [pattern for pattern in listed if pattern.fullmatch(name)]
            self.assertEqual(len(rows), 1, f"lines for {name}")
            seen.update(rows)
            if listed[rows[0]] != "text" and name != "uptime":
                self.assertRegex(found[name], r"^\d+(\.\d\d)?$", name)
            self.assertNotEqual(found[name], "", name)


class SysOffTest(BrokerTest):
    """sys_interval 0."""

    config = "sys_interval 0\n" + DEFAULT_CONFIG

    def test_off(self):
        """Nothing is published."""
        watcher = self.client(MQTT311)
        watcher.subscribe("$SYS/#")
        self.let_time_pass(2)
        watcher.ping()


class LogTopicTest(BrokerTest):
    """log_dest topic."""

    config = "log_dest topic\nlog_dest stderr\nlog_type all\n" + DEFAULT_CONFIG

    def test_lines_as_messages(self):
        """Log lines are published below $SYS/broker/log."""
        watcher = self.client(MQTT311)
        watcher.subscribe("$SYS/broker/log/N")
        self.client(MQTT311, "somebody")
        while b"somebody" not in watcher.expect(wire.PUBLISH).payload:
            pass
