"""A store that is removed, replaced or cut under the running broker: all of it is written anew, and
nothing is acknowledged before."""

import re
import shutil
import signal
import time

from harness import wire
from harness.broker import DEADLINE_SECONDS, Broker, wait_until
from harness.case import BrokerTest
from harness.wire import MQTT5, MQTT311

CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
persistence true
persistence_location {dir}/
sys_interval 1
"""


class LostStoreTest(BrokerTest):
    """Whatever happens to the files, the memory is the truth."""

    config = CONFIG

    def fill(self):
        """State of every kind, on several loops."""
        for number in range(6):
            client = self.persistent(MQTT5, f"away-{number}")
            client.subscribe((f"q/{number}", 1), (f"$share/group-{number}/s/{number}", 2),
                             properties=[(wire.SUBSCRIPTION_ID, 9)])
            client.disconnect()
        publisher = self.client(MQTT5)
        for number in range(6):
            publisher.publish(f"q/{number}", f"queued {number}", 1, retain=True)
            publisher.publish(f"s/{number}", f"shared {number}", 2)

    def check(self):
        """All of it is there, after a start."""
        for number in range(6):
            client = self.persistent(MQTT5, f"away-{number}")
            self.assertTrue(client.connack.session_present)
            got = {}
            for _ in range(2):
                packet = client.receive()
                self.assertEqual(packet.kind, wire.PUBLISH)
                got[packet.topic] = (bytes(packet.payload), packet.qos)
                client.acknowledge(packet)
            self.assertEqual(got, {f"q/{number}": (f"queued {number}".encode(), 1),
                                   f"s/{number}": (f"shared {number}".encode(), 2)})
        reader = self.client(MQTT311)
        reader.subscribe("q/#")
        self.assertEqual({reader.receive().topic for _ in range(6)},
                         {f"q/{number}" for number in range(6)})

    def lose(self, how, what):
        """Does it, and waits until all is written anew."""
        before = len(self.broker.log_lines("was written anew"))
        how()
        wait_until(lambda: len(self.broker.log_lines("was written anew")) == before + 1,
                   "the store to be written anew")
        self.broker.wait_for_log(f"The store is lost: .*{what}")

    def test_lost(self):
        """Removed, replaced, cut and written over; each time a killed broker finds all again."""
        self.fill()
        store = self.broker.directory / "darter.db"
        log = self.broker.directory / "darter.db-wal"
        spare = self.broker.directory / "spare"
        shutil.copy(store, spare)

        def remove_all():
            for name in ("darter.db", "darter.db-wal", "darter.db-shm", "darter.db.lock"):
                (self.broker.directory / name).unlink()

        for how, what in (
                (remove_all, "darter.db is gone"),
                (lambda: spare.rename(store), "darter.db was replaced by another file"),
                (lambda: store.write_bytes(b""), "darter.db was cut short"),
                (lambda: store.write_bytes(b"x" * store.stat().st_size),
                 "darter.db was written by another program"),
                (log.unlink, "darter.db-wal is gone"),
                (lambda: log.write_bytes(b""), "darter.db-wal was cut short"),
                ((self.broker.directory / "darter.db.lock").unlink, "darter.db.lock is gone")):
            self.lose(how, what)
        self.client(MQTT5).publish("q/late", "", 1)
        self.broker.process.send_signal(signal.SIGKILL)
        self.broker.process.wait()
        self.broker.start()
        self.check()
        self.assertEqual(self.broker.log_lines("damaged"), [])

    def test_index_is_cut(self):
        """SQLite has it in memory: the broker ends, says why, and finds everything again."""
        self.fill()
        (self.broker.directory / "darter.db-shm").write_bytes(b"")
        publisher = self.client(MQTT5)
        publisher.send(wire.publish(MQTT5, "q/0", b"", 1, retain=True, packet_id=1))
        self.assertEqual(self.broker.process.wait(DEADLINE_SECONDS), -signal.SIGBUS)
        self.broker.wait_for_log("Error: A file .* was cut .* darter.db-shm.* start it again")
        self.broker.start()
        self.check()

    def test_lost_before_an_orderly_end(self):
        """What is lost is written anew at the end, too."""
        self.fill()
        for name in ("darter.db", "darter.db-wal"):
            (self.broker.directory / name).unlink()
        wait_until(lambda: self.broker.log_lines("The store is lost"), "it to be noticed")
        self.broker.restart()
        self.check()

    def test_another_broker_has_the_place(self):
        """Then nothing is acknowledged, and it is said why."""
        self.fill()
        aside = self.broker.directory / "aside"
        aside.mkdir()
        self.broker.process.send_signal(signal.SIGSTOP)  # it must not be the first
        for name in ("darter.db", "darter.db-wal", "darter.db-shm", "darter.db.lock"):
            (self.broker.directory / name).rename(aside / name)
        other = Broker(CONFIG.replace("{dir}", str(self.broker.directory)))
        self.addCleanup(shutil.rmtree, other.directory)
        self.broker.process.send_signal(signal.SIGCONT)
        self.broker.wait_for_log("is in use by another darter")
        client = self.client(MQTT5)
        client.send(wire.publish(MQTT5, "q/1", b"x", 1, packet_id=7))
        client.ping()  # the answer to that, and no acknowledgement
        other.stop()
        client.expect(wire.PUBACK, packet_id=7)
        self.broker.wait_for_log("was written anew")


class RenewalTest(BrokerTest):
    """A large store is written anew while its clients are served."""

    config = CONFIG
    args = ()  # no line for each message
    TOPICS = 40_000  # twice as many rows

    def fill_and_lose(self):
        """Retained messages, of which none is in the store any more."""
        publisher = self.client(MQTT5)
        for begin in range(0, self.TOPICS, 1000):
            publisher.send(b"".join(
                wire.publish(MQTT5, f"fleet/{number}/state", b"on", retain=True)
                for number in range(begin, begin + 1000)))
        publisher.publish("fleet/last", "on", 1, retain=True)
        (self.broker.directory / "darter.db").unlink()

    def begins(self):
        """Whether the renewal has begun."""
        return self.broker.log_lines("is being written anew")

    def check(self):
        """All retained messages are there."""
        reader = self.client(MQTT5)
        reader.subscribe("fleet/#")
        self.assertEqual(len({reader.receive().topic for _ in range(self.TOPICS + 1)}),
                         self.TOPICS + 1)

    def test_others_are_served_meanwhile(self):
        """PINGREQ is answered again and again while all rows are written; no PUBACK leaves."""
        self.fill_and_lose()
        pinger = self.client(MQTT311)
        publisher = self.client(MQTT5)
        wait_until(self.begins, "the renewal to begin")
        publisher.send(wire.publish(MQTT5, "fleet/late", b"x", 1, retain=True, packet_id=7))
        answered, longest = 0, 0.0
        while not self.broker.log_lines("was written anew"):
            begin = time.monotonic()
            pinger.ping()
            answered, longest = answered + 1, max(longest, time.monotonic() - begin)
        publisher.expect(wire.PUBACK, packet_id=7)
        took = int(re.search("rows, in ([0-9]+) ms",
                             self.broker.log_lines("was written anew")[0]).group(1)) / 1000
        self.assertGreater(answered, 5)
        self.assertLess(longest, took / 2)

    def test_killed_meanwhile(self):
        """The next start finds all, or says that it does not."""
        self.fill_and_lose()
        wait_until(self.begins, "the renewal to begin")
        self.broker.process.send_signal(signal.SIGKILL)
        self.broker.process.wait()
        whole = self.broker.log_lines("was written anew")
        self.broker.start()
        wait_until(lambda: len(self.broker.log_lines("retained and .* queued messages")) == 2,
                   "the store to be read")
        if not self.broker.log_lines("was being written anew, for its files had been lost"):
            self.check()
        else:
            self.assertEqual(whole, [])

    def test_orderly_end_meanwhile(self):
        """All is written before the broker ends, though it is reloaded, too."""
        self.fill_and_lose()
        wait_until(self.begins, "the renewal to begin")
        self.broker.reload()
        self.broker.restart()
        self.check()
