"""Moving in where Mosquitto was: its file is brought in once, and clients find what they left."""

import os
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import wire
from harness.broker import DEADLINE_SECONDS, Broker, answers, binary, wait_until
from harness.case import BrokerTest
from harness.client import Client
from harness.mosquitto_db import Builder
from harness.wire import MQTT5, MQTT311

MOSQUITTO = "/usr/sbin/mosquitto"
CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {dir}/
"""


class Mosquitto:
    """Debian's Mosquitto on the configuration that darter is to take over: all but `threads`."""

    def __init__(self, broker):
        self.broker = broker
        lines = broker.config_file.read_text().splitlines(keepends=True)
        self.config_file = broker.write("mosquitto.conf", "".join(
            line for line in lines if not line.startswith("threads ")))

    def __enter__(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config_file)],
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(self.broker.port), "mosquitto to answer")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_SECONDS)

    def client(self, version, client_id, **options):
        """A client that is connected and closes its connection at the end, without DISCONNECT."""
        client = Client.tcp(self.broker.port, version, client_id)
        client.connect(**options)
        return client

    def persistent(self, version, client_id, **options):
        """A client whose session lasts."""
        if version == MQTT5:
            options["properties"] = [(wire.SESSION_EXPIRY, 3600)]
        return self.client(version, client_id, clean=False, **options)


class ImportTest(BrokerTest):
    """A broker folder with a file of Mosquitto in it."""

    config = CONFIG
    autostart = False

    def prepare(self, content=None):
        """A broker that is not started, with a file of Mosquitto if there is content."""
        broker = self.broker = Broker(self.config, wait=None)
        self.addCleanup(broker.close)
        if content is not None:
            broker.write("mosquitto.db", content)
        return broker

    def import_by_hand(self, path, config=None):
        """darter --import, to its end."""
        return subprocess.run([binary(), "--import", str(path), "-c",
                               str(config or self.broker.config_file)], capture_output=True,
                              text=True, check=False, timeout=DEADLINE_SECONDS * 2)


class TakeOverTest(ImportTest):
    """Mosquitto 2.0 writes the file; darter starts on the same configuration."""

    def take_over(self):
        """Starts darter where Mosquitto has ended."""
        path = self.broker.directory / "mosquitto.db"
        self.content = path.read_bytes()
        self.broker.start()
        return self.broker.wait_for_log("Imported .*mosquitto.db")

    def setUp(self):
        super().setUp()
        if not os.path.exists(MOSQUITTO):
            self.fail(f"{MOSQUITTO} is missing: package mosquitto")
        self.prepare()

    def test_retained_sessions_and_queues(self):
        """Retained messages, subscriptions, and what waited while a client was away, in order."""
        with Mosquitto(self.broker) as mosquitto:
            away = mosquitto.persistent(MQTT311, "away")
            away.subscribe(("in/#", 2), ("/lead/+/x", 1), ("other//empty", 0))
            away.disconnect()
            publisher = mosquitto.client(MQTT311, "publisher")
            publisher.publish("state/a", b"kept", 1, retain=True)
            publisher.publish("state/b", b"\x00\xff" * 500, 0, retain=True)
            publisher.publish("state/gone", b"x", 1, retain=True)
            publisher.publish("state/gone", b"", 1, retain=True)
            for i in range(20):
                publisher.publish(f"in/{i}", b"%d" % i, 1 + i % 2)
            publisher.disconnect()
        line = self.take_over()
        self.assertIn("1 sessions, 3 subscriptions, 2 retained and 20 queued messages", line)
        self.assertNotIn("Left out", line)
        away = self.persistent(MQTT311, "away")
        self.assertTrue(away.connack.session_present)
        for i in range(20):
            away.expect_publish(f"in/{i}", b"%d" % i, qos=1 + i % 2, dup=False, retain=False)
        away.subscribe("state/#", qos=1)
        got = sorted((away.receive() for _ in range(2)), key=lambda packet: packet.topic)
        self.assertEqual([(p.topic, p.payload, p.retain) for p in got],
                         [("state/a", b"kept", True), ("state/b", b"\x00\xff" * 500, True)])

    def test_what_is_in_flight_keeps_its_identifiers(self):
        """Each state of QoS 1 and 2 that a client can be left in is gone on with."""
        with Mosquitto(self.broker) as mosquitto:
            flight = mosquitto.persistent(MQTT311, "flight")
            flight.subscribe("f/#", qos=2)
            publisher = mosquitto.client(MQTT311, "publisher")
            sent = {}
            for name, qos in (("done1", 1), ("open1", 1), ("open2", 2), ("received2", 2),
                              ("released2", 2)):
                publisher.publish("f/" + name, name.encode(), qos)
                sent[name] = flight.expect_publish("f/" + name, name, answer=False, qos=qos)
            flight.send(wire.acknowledgement(wire.PUBACK, sent["done1"].packet_id))
            for name in ("received2", "released2"):
                flight.send(wire.acknowledgement(wire.PUBREC, sent[name].packet_id))
                flight.expect(wire.PUBREL, packet_id=sent[name].packet_id)
            flight.send(wire.acknowledgement(wire.PUBCOMP, sent["released2"].packet_id))
            flight.ping()
            flight.close()
            publisher.publish("f/later", b"later", 1)
            publisher.disconnect()
        self.assertIn(" 4 queued messages", self.take_over())
        flight = self.persistent(MQTT311, "flight")
        flight.expect_publish("f/open1", b"open1", dup=True, packet_id=sent["open1"].packet_id)
        flight.expect_publish("f/open2", b"open2", dup=True, packet_id=sent["open2"].packet_id,
                              answer=False)
        flight.expect(wire.PUBREL, packet_id=sent["received2"].packet_id)
        flight.expect_publish("f/later", b"later", dup=False)
        flight.send(wire.acknowledgement(wire.PUBCOMP, sent["received2"].packet_id))
        flight.send(wire.acknowledgement(wire.PUBREC, sent["open2"].packet_id))
        flight.expect(wire.PUBREL, packet_id=sent["open2"].packet_id)
        flight.send(wire.acknowledgement(wire.PUBCOMP, sent["open2"].packet_id))
        flight.ping()
        flight.close()
        flight = self.persistent(MQTT311, "flight")
        flight.ping()

    def test_qos_2_from_a_client_arrives_exactly_once(self):
        """PUBREC was sent, PUBREL not: Mosquitto had not passed the message on yet."""
        with Mosquitto(self.broker) as mosquitto:
            receiver = mosquitto.persistent(MQTT311, "receiver")
            receiver.subscribe(("once/+", 1), ("once/literal", 2), ("never", 2))
            receiver.disconnect()
            sender = mosquitto.persistent(MQTT311, "sender")
            for packet_id, topic in ((7, "once/literal"), (9, "once/wild")):
                sender.publish(topic, topic, 2, packet_id=packet_id, finish=False,
                               retain=packet_id == 9)
                sender.expect(wire.PUBREC, packet_id=packet_id)
            sender.close()
        line = self.take_over()
        self.assertIn("1 retained and 2 queued messages, 2 QoS 2 messages not yet released", line)
        receiver = self.persistent(MQTT311, "receiver")
        receiver.expect_publish("once/literal", b"once/literal", qos=2)
        receiver.expect_publish("once/wild", b"once/wild", qos=1, retain=False)
        sender = self.persistent(MQTT311, "sender")
        self.assertTrue(sender.connack.session_present)
        sender.publish("once/literal", b"once/literal", 2, packet_id=7, dup=True, finish=False)
        sender.expect(wire.PUBREC, packet_id=7)
        for packet_id in (7, 9):
            sender.send(wire.acknowledgement(wire.PUBREL, packet_id))
            sender.expect(wire.PUBCOMP, packet_id=packet_id)
        self.expect_nothing(sender, receiver)
        receiver.subscribe("once/wild")
        receiver.expect_publish("once/wild", b"once/wild", retain=True)

    def test_everything_of_mqtt_5(self):
        """Message properties and expiry, session expiry, subscription options and identifiers."""
        properties = [(wire.PAYLOAD_FORMAT, 1), (wire.CONTENT_TYPE, "text/plain"),
                      (wire.RESPONSE_TOPIC, "answer/here"), (wire.CORRELATION_DATA, b"\x00\x01"),
                      (wire.USER_PROPERTY, ("k", "1")), (wire.USER_PROPERTY, ("k", "2"))]
        with Mosquitto(self.broker) as mosquitto:
            five = mosquitto.persistent(MQTT5, "five")
            five.subscribe(("p/#", 1 | 4 | 8), properties=[(wire.SUBSCRIPTION_ID, 300)])
            five.subscribe(("own/#", 1 | 4))
            five.disconnect()
            ended = mosquitto.client(MQTT5, "ended", clean=False)
            ended.subscribe("p/#")
            publisher = mosquitto.client(MQTT5, "publisher")
            publisher.publish("p/rich", b"rich", 1, retain=True,
                              properties=properties + [(wire.MESSAGE_EXPIRY, 600)])
            publisher.disconnect()
        line = self.take_over()
        self.assertIn("1 sessions, 2 subscriptions, 1 retained and 1 queued messages", line)
        self.assertIn("Left out: 1 sessions that ended with their connection.", line)
        five = self.persistent(MQTT5, "five")
        rich = five.expect_publish("p/rich", b"rich", retain=True)
        self.check_rich(rich, properties + [(wire.SUBSCRIPTION_ID, 300)])
        five.publish("own/x", b"not to me", 1)
        five.ping()
        self.drop(five)
        other = self.client(MQTT5)
        other.subscribe("p/rich")
        self.check_rich(other.expect_publish("p/rich", b"rich"), properties)
        # The session's own interval goes on.
        rows = self.rows("SELECT expiry_interval_s FROM session WHERE client_id = 'five'")
        self.assertEqual(rows, [(3600,)])

    def check_rich(self, packet, properties):
        """The properties, and an expiry interval that has begun to run."""
        expiry = [v for k, v in packet.properties if k == wire.MESSAGE_EXPIRY]
        self.assertEqual(len(expiry), 1, packet)
        self.assertTrue(500 < expiry[0] <= 600, packet)
        rest = [(k, v) for k, v in packet.properties if k != wire.MESSAGE_EXPIRY]
        self.assertEqual(sorted(rest, key=repr), sorted(properties, key=repr))

    def rows(self, query):
        """What the store says, when the broker has ended."""
        self.broker.stop()
        with sqlite3.connect(self.broker.directory / "darter.db") as database:
            rows = database.execute(query).fetchall()
        database.close()
        return rows

    def test_the_import_is_done_once(self):
        """What clients do afterwards is not undone by the file, which stays as it is."""
        with Mosquitto(self.broker) as mosquitto:
            mosquitto.persistent(MQTT311, "c").subscribe("a", qos=1)
            publisher = mosquitto.client(MQTT311, "publisher")
            publisher.publish("state", b"old", 1, retain=True)
        self.take_over()
        client = self.persistent(MQTT311, "c")
        client.unsubscribe("a")
        client.publish("state", b"", 1, retain=True)
        client.disconnect()
        self.client(MQTT311, "c", clean=True).disconnect()
        self.broker.restart()
        self.assertEqual(len(self.broker.log_lines("Imported ")), 1)
        client = self.persistent(MQTT311, "c")
        self.assertFalse(client.connack.session_present)
        client.subscribe("state")
        client.ping()
        self.assertEqual((self.broker.directory / "mosquitto.db").read_bytes(), self.content)
        self.assertEqual(self.broker.log_lines("Mosquitto ran in between"), [])
        # One that Mosquitto wrote since is told of until somebody does something about it.
        for times in (1, 2):
            self.broker.stop()
            if times == 1:
                (self.broker.directory / "mosquitto.db").touch()
            self.broker.start()
            wait_until(lambda: len(self.broker.log_lines("Mosquitto ran in between")) == times,
                       "a line for each start")
        self.broker.stop()
        (self.broker.directory / "mosquitto.db").unlink()
        self.broker.start()
        self.assertEqual(len(self.broker.log_lines("Mosquitto ran in between")), 2)


def small(queued=1):
    """A file with a bit of each."""
    builder = Builder()
    kept = builder.message("state", b"kept", retain=True)
    waiting = [builder.message(f"q/{i}", b"%d" % i) for i in range(queued)]
    builder.client("c")
    for message in waiting:
        builder.client_message("c", message)
    builder.subscription("c", "q/#", 1)
    builder.retained(kept)
    return builder.bytes()


class ExpiryTest(ImportTest):
    """What ran out while nobody served is not brought in."""

    def test_expired(self):
        """Sessions and messages whose time is over are left out, and counted."""
        now = int(time.time())
        builder = Builder()
        gone = builder.message("state/gone", b"gone", retain=True, expires=now - 1)
        lasting = builder.message("state/lasting", b"lasting", retain=True, expires=now + 600)
        for name, expires in (("over", now - 1), ("lasts", now + 600)):
            builder.client(name, interval=1000, expires=expires)
            for message in (gone, lasting):
                builder.client_message(name, message)
            builder.subscription(name, "state/#", 1)
        builder.retained(gone)
        builder.retained(lasting)
        self.prepare(builder.bytes()).start()
        line = self.broker.wait_for_log("Imported ")
        self.assertIn("1 sessions, 1 subscriptions, 1 retained and 1 queued messages", line)
        self.assertIn("Left out: 1 expired sessions, 1 expired messages.", line)
        client = self.persistent(MQTT5, "lasts")
        packet = client.expect_publish("state/lasting", b"lasting")
        self.assertTrue(0 < dict(packet.properties)[wire.MESSAGE_EXPIRY] <= 600, packet)
        self.assertFalse(self.persistent(MQTT5, "over").connack.session_present)


class LargeTest(ImportTest):
    """A store of some size: darter is ready soon, says how far it is, and has all of it."""

    RETAINED, SESSIONS = 50_000, 5_000

    def test_ready_with_everything(self):
        """50,000 retained messages, 5,000 sessions of 3 subscriptions each."""
        builder = Builder()
        kept = [builder.message(f"plant/{i % 100}/device/{i}/state", b"%d" % i, retain=True)
                for i in range(self.RETAINED)]
        for i in range(self.SESSIONS):
            builder.client(f"client-{i}")
            for topic in (f"client/{i}/command", f"client/{i}/config/#", "broadcast/all"):
                builder.subscription(f"client-{i}", topic, 1)
        for message in kept:
            builder.retained(message)
        broker = self.prepare(builder.bytes())
        broker.start(wait=False)
        counts = (f"{self.SESSIONS} sessions, {3 * self.SESSIONS} subscriptions, {self.RETAINED} "
                  "retained and 0 queued messages")
        self.assertIn(counts, broker.wait_for_log("Imported ", 6 * DEADLINE_SECONDS))
        self.ready(counts)
        broker.stop()
        del broker.lines[:]
        broker.start(wait=False)
        self.ready(counts)
        self.assertEqual(broker.log_lines("Import"), [])

    def ready(self, counts):
        """Progress, counts, ready; and a sample of what was restored."""
        lines = []
        for pattern in (r"Loading the store \S+darter.db, \d+ MiB", r"Store \S+darter.db: ",
                        "running$"):
            lines.append(self.broker.wait_for_log(pattern, 6 * DEADLINE_SECONDS))
        self.assertIn(counts, lines[1])
        self.broker.wait_for_ports()
        for i in (0, self.SESSIONS - 1):
            client = self.persistent(MQTT311, f"client-{i}")
            self.assertTrue(client.connack.session_present)
            client.publish(f"client/{i}/config/x", b"x", 1, finish=False)
            packets = {packet.kind: packet for packet in (client.receive(), client.receive())}
            self.assertEqual(set(packets), {wire.PUBLISH, wire.PUBACK})
            client.acknowledge(packets[wire.PUBLISH])
            client.disconnect()
        reader = self.client(MQTT311)
        for i in (0, self.RETAINED // 2, self.RETAINED - 1):
            reader.subscribe(f"plant/+/device/{i}/state")
            reader.expect_publish(f"plant/{i % 100}/device/{i}/state", b"%d" % i, retain=True)


class DamagedTest(ImportTest):
    """A file that is not whole is told of, once a start, and nothing of it is brought in."""

    def test_truncated(self):
        """One error line with the place and what to do; the broker runs, and tries again later."""
        broker = self.prepare(small()[:-3])
        broker.start()
        line = broker.wait_for_log("Error: .*mosquitto.db")
        self.assertRegex(line, r"damaged at byte \d+: expected \d+ bytes of .*, found \d+")
        self.assertIn("put a good copy in its place", line)
        client = self.persistent(MQTT311, "c")
        self.assertFalse(client.connack.session_present)
        client.subscribe("state")
        client.ping()
        client.disconnect()
        broker.stop()
        broker.write("mosquitto.db", small())
        broker.start()
        line = broker.wait_for_log("Imported ")
        self.assertIn("0 sessions, 0 subscriptions, 1 retained and 0 queued messages", line)
        self.assertIn("Left out: 1 sessions that the store has already", line)

    def test_refused_where_damage_refuses(self):
        """persistence_damaged refuse: the broker does not start."""
        broker = self.prepare(small()[:-3])
        broker.config_file.write_text(broker.config_file.read_text()
                                      + "persistence_damaged refuse\n")
        broker.start(wait=False)
        self.assertEqual(broker.process.wait(DEADLINE_SECONDS), 1)
        broker.wait_for_log("Error: .*mosquitto.db .*damaged at byte")
        broker.process = None

    def test_a_damaged_store_is_not_replaced_by_an_old_file(self):
        """What Mosquitto left is older than what was set aside."""
        broker = self.prepare(small())
        broker.write("darter.db", b"no database at all, but long enough to be looked at" * 100)
        broker.start()
        broker.wait_for_log("darter.db is damaged")
        broker.wait_for_log("mosquitto.db was not imported")
        broker.restart()
        self.assertEqual(broker.log_lines("Imported "), [])
        client = self.client(MQTT311)
        client.subscribe("state")
        client.ping()


class ByHandTest(ImportTest):
    """darter --import FILE -c CONFIG."""

    def setUp(self):
        super().setUp()
        self.prepare()
        self.file = self.broker.write("elsewhere.db", small())

    def test_imports_and_ends(self):
        """The counts on stdout, status 0; the broker finds all of it at its next start."""
        done = self.import_by_hand(self.file)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^Imported \S+elsewhere.db \(Mosquitto, version 6, \d+ bytes"
                                      r"\): 1 sessions, 1 subscriptions, 1 retained and 1 queued "
                                      r"messages\.\n$")
        self.broker.start()
        client = self.persistent(MQTT311, "c")
        self.assertTrue(client.connack.session_present)
        client.expect_publish("q/0", b"0", qos=1)
        client.subscribe("state")
        client.expect_publish("state", b"kept", retain=True)

    def test_what_the_store_has_stays(self):
        """A second import brings nothing."""
        self.assertEqual(self.import_by_hand(self.file).returncode, 0)
        again = self.import_by_hand(self.file)
        self.assertEqual(again.returncode, 0)
        self.assertIn("0 sessions, 0 subscriptions, 0 retained and 0 queued", again.stdout)
        self.assertIn("Left out: 1 sessions that the store has already, 1 retained messages whose "
                      "topic the store has already.", again.stdout)

    def test_refused_while_a_broker_runs(self):
        """The store has one user at a time."""
        self.broker.args = []
        self.broker.start()
        self.broker.wait_for_log(r"\d running$")  # the ports answer before
        done = self.import_by_hand(self.file)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^Error: The store \S+ is in use by another darter")
        self.assertEqual(done.stdout, "")

    def test_errors(self):
        """Each is one line, with the status that scripts expect."""
        self.broker.write("damaged.db", small()[:-1])
        self.broker.write("empty.db", b"")
        self.broker.write("text.db", b"# a configuration, by mistake, and not a short one\n")
        off = self.broker.write("off.conf", "listener {port} 127.0.0.1\n")
        folder = self.broker.directory
        for path, config, status, text in (
                ("damaged.db", None, 1, r"damaged\.db was not imported: damaged at byte \d+"),
                ("empty.db", None, 1, r"damaged at byte 0: expected 23 bytes of the header"),
                ("text.db", None, 1, r"expected the signature"),
                ("absent.db", None, 1, r"absent.db cannot be read: No such file"),
                ("elsewhere.db", off, 3, r"needs a configuration with persistence true")):
            with self.subTest(path=path, status=status):
                done = self.import_by_hand(folder / path, config)
                self.assertEqual((done.returncode, done.stdout), (status, ""))
                self.assertRegex(done.stderr, text)
                self.assertRegex(done.stderr, r"\AError: [^\n]+\.\n\Z")
        with self.subTest("without -c"):
            done = subprocess.run([binary(), "--import", str(self.file)], capture_output=True,
                                  text=True, check=False, timeout=DEADLINE_SECONDS)
            self.assertEqual(done.returncode, 3)
            self.assertIn("-c FILE", done.stderr)

    def test_nothing_of_a_damaged_file_is_kept(self):
        """The part before the damage is not brought in either."""
        damaged = self.broker.write("damaged.db", small(50)[:-1])
        self.assertEqual(self.import_by_hand(damaged).returncode, 1)
        done = self.import_by_hand(self.file)
        self.assertIn("1 sessions, 1 subscriptions, 1 retained and 1 queued", done.stdout)


if __name__ == "__main__":
    unittest.main()
