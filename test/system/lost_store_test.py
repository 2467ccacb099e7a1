"""A store that is removed, replaced or cut under the running broker: all of it is written anew, and
nothing is acknowledged before."""

import shutil
import signal

from harness import wire
from harness.broker import Broker, wait_until
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
