"""What lasts: everything that was acknowledged is there after an end of whatever kind.

Sessions, subscriptions with their options and identifiers, shared ones, queued messages and those
in flight in their order [MQTT-4.4.0-1] [MQTT-4.6.0-1], QoS 2 identifiers in both directions
[MQTT-4.3.3-10], retained messages, wills, and all the clocks that go on meanwhile.
"""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time

from harness import wire
from harness.broker import DEADLINE_SECONDS, Broker, binary, thread_count, wait_until
from harness.case import BrokerTest, versions
from harness.needs import needs
from harness.wire import MQTT5, MQTT311

CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
persistence true
persistence_location {dir}/
sys_interval 1
"""
BOTH = (MQTT311, MQTT5)


class PersistenceTest(BrokerTest):
    """A broker with a store that ends and begins again."""

    config = CONFIG

    def again(self, how=signal.SIGKILL, threads=None):
        """Ends the broker like this and starts it on what it left. (What a client acknowledged just
        before SIGKILL may come again: nobody has told it that this is on disk.)"""
        if how == signal.SIGTERM:
            self.broker.stop()
        else:
            self.broker.process.send_signal(how)
            self.broker.process.wait()
        if threads:
            text = re.sub(r"(?m)^threads \d+$", f"threads {threads}",
                          self.broker.config_file.read_text())
            self.broker.config_file.write_text(text)
        self.broker.start()

    def store(self):
        """The database, as an operator sees it."""
        database = sqlite3.connect(f"file:{self.broker.directory}/darter.db?mode=ro", uri=True)
        self.addCleanup(database.close)
        return database

    # -- sessions and subscriptions --

    @versions(*BOTH)
    def test_session_and_subscriptions(self, version):
        """Both are there after SIGKILL and after SIGTERM."""
        client = self.persistent(version, "lasting")
        client.subscribe(("a/+", 1), ("b", 2))
        client.unsubscribe("b")
        for how in (signal.SIGKILL, signal.SIGTERM):
            self.again(how)
            client = self.persistent(version, "lasting")
            self.assertTrue(client.connack.session_present)
            publisher = self.client(version)
            publisher.publish("b", "no", 1)
            publisher.publish("a/1", "yes", 2)
            client.expect_publish("a/1", "yes", qos=1)
        self.client(version, "lasting", clean=True)
        self.again()
        self.assertFalse(self.persistent(version, "lasting").connack.session_present)

    def test_options_and_identifiers(self):
        """No Local, Retain As Published and subscription identifiers are kept."""
        client = self.persistent(MQTT5, "options")
        client.subscribe(("t/#", 1 | 4 | 8), properties=[(wire.SUBSCRIPTION_ID, 268_435_455)])
        client.subscribe(("t/1", 2), properties=[(wire.SUBSCRIPTION_ID, 7)])
        client.unsubscribe("t/1")
        self.again()
        client = self.persistent(MQTT5, "options")
        client.publish("t/1", "mine", 1)
        other = self.client(MQTT5)
        other.publish("t/1", "other", 1, retain=True)
        packet = client.expect_publish("t/1", "other", retain=True)
        self.assertEqual(packet.property(wire.SUBSCRIPTION_ID), 268_435_455)

    def test_shared_subscriptions(self):
        """A group keeps its members, and its messages."""
        for name in ("one", "two"):
            member = self.persistent(MQTT5, name)
            member.subscribe(("$share/g/s/#", 1))
            member.disconnect()
        publisher = self.client(MQTT5)
        for number in range(4):
            publisher.publish(f"s/{number}", str(number), 1)
        self.again()
        got = []
        for name in ("one", "two"):
            member = self.persistent(MQTT5, name)
            for packet in member.drain():
                got.append(packet.payload)
                member.acknowledge(packet)
        self.assertEqual(sorted(got), [b"0", b"1", b"2", b"3"])
        self.client(MQTT5).publish("s/x", "more", 1)
        self.again(signal.SIGTERM)
        counts = [len(self.persistent(MQTT5, name).drain()) for name in ("one", "two")]
        self.assertEqual(sum(counts), 1)

    # -- messages --

    @versions(*BOTH)
    def test_queued_messages_in_order(self, version):
        """What came while the client was away comes in order, the payload as it was."""
        client = self.persistent(version, "away")
        client.subscribe("q", qos=2)
        client.disconnect()
        publisher = self.client(version)
        for number in range(30):
            publisher.publish("q", bytes([number, 0, 255]) * (1 + number * 100), 1 + number % 2)
        self.again()
        client = self.persistent(version, "away")
        for number in range(30):
            client.expect_publish("q", bytes([number, 0, 255]) * (1 + number * 100),
                                  qos=1 + number % 2, dup=False)
        client.ping()
        self.again(signal.SIGTERM)
        self.persistent(version, "away").ping()

    @versions(*BOTH)
    def test_messages_in_flight(self, version):
        """What was sent and not acknowledged is sent again, DUP, with its old identifier."""
        client = self.persistent(version, "flight")
        client.subscribe("f", qos=2)
        publisher = self.client(version)
        for number in range(3):
            publisher.publish("f", str(number), 1 + number % 2)
        sent = [client.expect_publish("f", str(number), answer=False) for number in range(3)]
        client.send(wire.acknowledgement(wire.PUBREC, sent[1].packet_id))
        client.expect(wire.PUBREL, packet_id=sent[1].packet_id)
        self.again()
        client = self.persistent(version, "flight")
        first = client.expect_publish("f", "0", packet_id=sent[0].packet_id, dup=True, answer=False)
        # The one whose PUBREC came goes on with PUBREL, in its place.
        rest = [client.receive(), client.receive()]
        kinds = {packet.kind: packet for packet in rest}
        self.assertEqual(kinds[wire.PUBREL].packet_id, sent[1].packet_id)
        self.assertEqual(kinds[wire.PUBLISH].packet_id, sent[2].packet_id)
        self.assertTrue(kinds[wire.PUBLISH].dup)
        client.acknowledge(first)
        client.send(wire.acknowledgement(wire.PUBCOMP, sent[1].packet_id))
        client.acknowledge(kinds[wire.PUBLISH])
        client.ping()
        self.again(signal.SIGTERM)
        self.persistent(version, "flight").ping()

    @versions(*BOTH)
    def test_incoming_qos2_identifiers(self, version):
        """A PUBLISH that comes again before PUBREL is known: its receivers get it once."""
        receiver = self.persistent(version, "receiver")
        receiver.subscribe("in", qos=2)
        publisher = self.persistent(version, "publisher")
        publisher.publish("in", "once", 2, packet_id=9, finish=False)
        publisher.expect(wire.PUBREC, packet_id=9)
        self.again()
        publisher = self.persistent(version, "publisher")
        publisher.publish("in", "once", 2, packet_id=9, finish=False, dup=True)
        publisher.expect(wire.PUBREC, packet_id=9)
        publisher.send(wire.acknowledgement(wire.PUBREL, 9))
        publisher.expect(wire.PUBCOMP, packet_id=9)
        receiver = self.persistent(version, "receiver")
        receiver.expect_publish("in", "once")
        receiver.ping()
        self.again(signal.SIGTERM)
        publisher = self.persistent(version, "publisher")
        publisher.publish("in", "second", 2, packet_id=9)  # the identifier is free
        self.persistent(version, "receiver").expect_publish("in", "second")

    @versions(*BOTH)
    def test_retained(self, version):
        """The last state of each topic, with its properties; what was removed stays removed."""
        publisher = self.client(version)
        properties = [(wire.CONTENT_TYPE, "text/plain"), (wire.USER_PROPERTY, ("k", "v"))]
        more = {"properties": properties} if version == MQTT5 else {}
        publisher.publish("r/kept", "old", 1, retain=True)
        publisher.publish("r/kept", "new", 2, retain=True, **more)
        publisher.publish("r/gone", "x", 1, retain=True)
        publisher.publish("r/gone", "", 1, retain=True)
        publisher.publish("r/zero", "0", 0, retain=True)
        publisher.publish("r/last", "y", 1, retain=True)
        self.again(signal.SIGTERM)
        client = self.client(version)
        client.subscribe("r/#", qos=2)
        got = {packet.topic: packet for packet in client.drain()}
        self.assertEqual({topic: packet.payload for topic, packet in got.items()},
                         {"r/kept": b"new", "r/zero": b"0", "r/last": b"y"})
        self.assertTrue(got["r/kept"].retain)
        if version == MQTT5:
            self.assertEqual(got["r/kept"].property(wire.CONTENT_TYPE), "text/plain")

    def test_other_numbers_of_loops(self):
        """1, then 4, then 2 loops: everybody's session moves along."""
        for number in range(12):
            client = self.persistent(MQTT5, f"mover{number}")
            client.subscribe((f"m/{number}", 2), ("m/all", 1))
            client.disconnect()
        for threads in (4, 2, 1, thread_count()):
            publisher = self.client(MQTT5)
            for number in range(12):
                publisher.publish(f"m/{number}", str(number), 2)
            publisher.publish("m/all", "all", 1, retain=True)
            self.again(threads=threads)
            for number in range(12):
                client = self.persistent(MQTT5, f"mover{number}")
                client.expect_publish(f"m/{number}", str(number))
                client.expect_publish("m/all", "all")
                client.ping()
                client.disconnect()

    # -- clocks --

    def test_wills(self):
        """The will of a client that was connected is sent after the next start, as is one that came
        due meanwhile; a delayed one when it is due; a client that is back in time has none."""
        watcher = self.persistent(MQTT5, "watcher")
        watcher.subscribe("will/#", qos=2)
        watcher.disconnect()
        for name, delay in (("now", 0), ("later", 5), ("back", 30), ("due", 1)):
            will = wire.Will(f"will/{name}", name.encode(), 2,
                             properties=[(wire.WILL_DELAY, delay)] if delay else [])
            client = self.persistent(MQTT5, name, will=will)
            if name == "due":
                self.drop(client)
        self.broker.process.kill()
        self.broker.process.wait()
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 1.1, "the will to come due")
        self.broker.start()
        self.persistent(MQTT5, "back")
        watcher = self.persistent(MQTT5, "watcher")
        first = {self.will(watcher), self.will(watcher)}
        self.assertEqual(first, {"will/now", "will/due"})
        self.assertEqual(self.will(watcher), "will/later")
        watcher.ping()  # the broker has its PUBCOMP
        self.again(signal.SIGTERM)
        self.persistent(MQTT5, "watcher").ping()

    @versions(*BOTH)
    def test_wills_at_an_orderly_end(self, version):
        """What no session keeps is published, retained and queued; what a session keeps comes
        after the next start, unless its client is back."""
        watcher = self.persistent(version, "watcher")
        watcher.subscribe("will/#", qos=2)
        watcher.disconnect()
        self.client(version, "plain", will=wire.Will("will/plain", b"offline", 1, True))
        for name in ("stored", "back"):
            self.persistent(version, name, will=wire.Will(f"will/{name}", b"offline", 1, True))
        self.again(signal.SIGTERM)
        self.persistent(version, "back")
        late = self.client(version)
        late.subscribe("will/+", qos=1)
        late.expect_publish("will/plain", "offline", retain=True)
        late.expect_publish("will/stored", "offline", retain=False)
        watcher = self.persistent(version, "watcher")
        self.assertEqual([self.will(watcher), self.will(watcher)], ["will/plain", "will/stored"])
        self.expect_nothing(late, watcher)

    @staticmethod
    def will(watcher):
        """The topic of the next PUBLISH, acknowledged."""
        packet = watcher.expect(wire.PUBLISH)
        watcher.acknowledge(packet)
        return packet.topic

    def test_time_goes_on_while_it_is_down(self):
        """Messages and sessions expire when they would have."""
        short = self.persistent(MQTT5, "short", expiry=1)
        short.subscribe("e/#", qos=1)
        long = self.persistent(MQTT5, "long", expiry=60)
        long.subscribe("e/#", qos=1)
        short.disconnect()
        long.disconnect()
        publisher = self.client(MQTT5)
        publisher.publish("e/brief", "x", 1, properties=[(wire.MESSAGE_EXPIRY, 1)])
        publisher.publish("e/lasting", "x", 1, properties=[(wire.MESSAGE_EXPIRY, 60)])
        publisher.publish("e/kept", "x", 1, retain=True, properties=[(wire.MESSAGE_EXPIRY, 1)])
        self.broker.process.kill()
        self.broker.process.wait()
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 1.2, "time to pass")
        self.broker.start()
        self.assertFalse(self.persistent(MQTT5, "short").connack.session_present)
        long = self.persistent(MQTT5, "long")
        self.assertTrue(long.connack.session_present)
        packet = long.expect_publish("e/lasting")
        self.assertLess(packet.property(wire.MESSAGE_EXPIRY), 60)
        long.ping()
        late = self.client(MQTT5)
        late.subscribe("e/kept", qos=1)
        late.ping()

    def test_persistent_client_expiration(self):
        """The limit of the configuration counts while the broker is down, too."""
        self.start(CONFIG + "persistent_client_expiration 1s\n")
        self.persistent(MQTT311, "old").disconnect()
        self.broker.stop()  # it is on disk that the client went
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 1.2, "time to pass")
        self.broker.start()
        self.assertFalse(self.persistent(MQTT311, "old").connack.session_present)

    # -- the file --

    def test_named_file(self):
        """persistence_file names the database."""
        self.start(CONFIG + "persistence_file my.db\n")
        self.client(MQTT5).publish("kept", "x", 1, retain=True)
        self.again(signal.SIGTERM)
        client = self.client(MQTT5)
        client.subscribe("kept")
        client.expect_publish("kept", "x")
        stores = {path.name for path in self.broker.directory.iterdir() if "db" in path.name}
        self.assertLessEqual({"my.db"}, stores)
        self.assertFalse(any("darter" in name for name in stores), stores)

    def test_relaxed(self):
        """Acknowledged at once, on disk within a second; a proper end loses nothing."""
        self.start(CONFIG + "persistence_durability relaxed\n")
        client = self.persistent(MQTT5, "relaxed")
        client.subscribe("x", qos=1)
        client.disconnect()
        publisher = self.client(MQTT5)
        publisher.publish("x", "1", 1)
        wait_until(lambda: self.store().execute("SELECT count(*) FROM delivery").fetchone() == (1,),
                   "the message in the store")
        publisher.publish("x", "2", 1)
        self.again(signal.SIGTERM)
        client = self.persistent(MQTT5, "relaxed")
        client.expect_publish("x", "1")
        client.expect_publish("x", "2")
        client.ping()

    def test_figures(self):
        """$SYS/broker/store tells what the store does."""
        client = self.persistent(MQTT5, "figures")
        client.subscribe("x", qos=1)
        client.disconnect()
        self.client(MQTT5).publish("x", "1" * 1000, 1)
        reader = self.client(MQTT311)
        reader.subscribe("$SYS/broker/store/#")
        figures = {}

        def complete():
            packet = reader.receive()
            figures[packet.topic.removeprefix("$SYS/broker/store/")] = packet.payload.decode()
            return (int(figures.get("bytes", "0")) > 1000 and "failing" in figures
                    and int(figures.get("commit/microseconds", "0")) > 0)
        wait_until(complete, "the figures")
        self.assertGreaterEqual(int(figures["commits"]), 1)
        self.assertGreaterEqual(int(figures["rows"]), 3)
        self.assertEqual((figures["failures"], figures["failing"]), ("0", "0"))

    def test_files_are_private(self):
        """Only the owner may read what clients say to each other."""
        self.client(MQTT5).publish("x", "secret", 1, retain=True)
        for name in ("darter.db", "darter.db-wal", "darter.db-shm", "darter.db.lock"):
            mode = stat.S_IMODE(os.stat(self.broker.directory / name).st_mode)
            self.assertEqual(oct(mode), oct(0o600), name)

    def test_readable_with_sqlite(self):
        """Topics, client ids and filters are text; a look inside disturbs nobody."""
        client = self.persistent(MQTT5, "reader")
        client.subscribe(("a/#", 1))
        client.disconnect()
        self.client(MQTT5).publish("a/b", "hello", 1, retain=True)
        database = self.store()
        self.assertEqual(database.execute(
            "SELECT client_id, filter, topic, payload FROM session, subscription, delivery, message"
            " WHERE subscription.session_id = session.id"
            " AND delivery.session_id = session.id"
            " AND message.id = delivery.message_id").fetchall(),
            [("reader", "a/#", "a/b", b"hello")])
        self.assertEqual(database.execute(
            "SELECT retained.topic, payload FROM retained JOIN message ON message.id = message_id"
        ).fetchall(), [("a/b", b"hello")])
        self.assertEqual(database.execute("SELECT count(*) FROM message").fetchone(), (1,))

    def test_damaged_database(self):
        """It is set aside with one error line, and the broker begins empty; or refuses."""
        self.client(MQTT5).publish("x", "y", 1, retain=True)
        self.broker.stop()
        path = self.broker.directory / "darter.db"
        path.write_bytes(b"SQLite format 3\0" + b"nonsense" * 2000)
        for name in ("darter.db-wal", "darter.db-shm"):
            (self.broker.directory / name).unlink(missing_ok=True)
        text = self.broker.config_file.read_text()
        self.broker.config_file.write_text(text + "persistence_damaged refuse\n")
        self.broker.start(False)
        self.assertEqual(self.broker.process.wait(20), 1)
        self.broker.wait_for_log("is damaged .*Repair it or move it away")
        self.broker.config_file.write_text(text)
        self.broker.start()
        self.broker.wait_for_log("set aside as .*darter.db.damaged-")
        aside = list(self.broker.directory.glob("darter.db.damaged-*"))
        self.assertEqual(len(aside), 1)
        self.assertTrue(aside[0].read_bytes().endswith(b"nonsense"))
        client = self.client(MQTT5)
        client.subscribe("#")
        client.ping()

    def test_damaged_index(self):
        """What only a later write would stumble over is found at start."""
        self.persistent(MQTT5, "reader").disconnect()
        self.broker.stop()
        path = self.broker.directory / "darter.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = path.read_bytes()
        self.assertEqual(content.count(b"reader"), 2, "in the table and in its index")
        at = content.rindex(b"reader")
        path.write_bytes(content[:at] + b"resder" + content[at + 6:])
        self.broker.start()
        self.broker.wait_for_log(r"is damaged \(.*missing from index.*set aside as")
        self.assertFalse(self.persistent(MQTT5, "reader").connack.session_present)

    def test_second_broker_on_the_same_database(self):
        """It says who has it, and ends with status 1."""
        other = Broker(CONFIG.replace("{dir}", str(self.broker.directory)), wait=False)
        self.addCleanup(shutil.rmtree, other.directory)
        self.assertEqual(other.end(0), 1)
        other.wait_for_log("is in use by another darter")
        self.client(MQTT5).ping()

    def command(self, *arguments):
        """What darter says to these arguments and the broker's configuration."""
        return subprocess.run([binary(), *arguments, "-c", self.broker.config_file],
                              capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)

    def test_backup_and_restore(self):
        """A backup made while the broker runs comes back, also beside the log of a killed one."""
        copy = self.broker.directory / "copy"
        client = self.client(MQTT5)
        client.publish("state", "old", 1, retain=True)
        done = self.command("--backup", copy)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^Backed up \S+darter.db to \S+copy: \d+ bytes\.\n$")
        client.publish("state", "new", 1, retain=True)
        done = self.command("--restore", copy)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^Error: The store \S+ is in use by another darter")
        for by_hand in (True, False):
            self.broker.process.kill()
            self.broker.process.wait()
            if by_hand:
                shutil.copy(copy, self.broker.directory / "darter.db")
            else:
                done = self.command("--restore", copy)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"What was there before is \S+darter.db.replaced-")
            self.broker.start()
            client = self.client(MQTT5)
            client.subscribe("state")
            client.expect_publish("state", "old", retain=True)
            self.client(MQTT5).publish("state", "newer", 1, retain=True)
        self.assertEqual(len(self.broker.log_lines("it seems to be a backup")), 1)

    @needs("root")
    def test_store_of_another_user(self):
        """Who must own it is said, and the broker does not start."""
        self.broker.stop()
        self.broker.directory.chmod(0o711)
        folder = self.broker.directory / "store"
        folder.mkdir()
        shutil.move(self.broker.directory / "darter.db", folder / "darter.db")
        shutil.chown(folder, "daemon")
        text = self.broker.config_file.read_text()
        text = re.sub(r"(?m)^user .*$", "", text) + "user daemon\n"
        self.broker.config_file.write_text(
            re.sub(r"(?m)^persistence_location .*$", f"persistence_location {folder}/", text))
        self.broker.start(False)
        self.assertEqual(self.broker.process.wait(20), 1)
        self.broker.wait_for_log(r"The store cannot be written: \S+darter.db: Permission denied. "
                                 r"It must belong to user daemon, .*: chown daemon \S+darter.db")
        shutil.chown(folder / "darter.db", "daemon")
        self.broker.start()

    def test_newer_version(self):
        """A database of a later darter is left alone."""
        self.broker.stop()
        with sqlite3.connect(self.broker.directory / "darter.db") as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        self.broker.start(False)
        self.assertEqual(self.broker.process.wait(20), 1)
        self.broker.wait_for_log("its version is 99, and this darter knows none above 2")
        with sqlite3.connect(self.broker.directory / "darter.db") as database:
            database.execute("PRAGMA user_version = 2")
        database.close()
        self.broker.start()
