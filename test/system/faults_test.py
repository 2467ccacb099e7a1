"""Disks that fail under the store: acknowledgements wait, nothing acknowledged is lost, and all
goes on when the disk works again."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from harness import wire
from harness.broker import wait_until
from harness.case import BrokerTest
from harness.wire import MQTT5

CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
persistence true
persistence_location {dir}/store/
sys_interval 1
"""
SHIM_SOURCE = Path(__file__).resolve().parent / "harness" / "faults.c"


class FaultsTest(BrokerTest):
    """A broker whose store lies on a disk with faults."""

    config = CONFIG
    autostart = False

    def prepare(self):
        """A broker that is not started yet, and its store's folder."""
        self.start(wait=None)
        self.store = self.broker.directory / "store"
        self.store.mkdir()

    def kill(self):
        """kill -9."""
        self.broker.process.send_signal(signal.SIGKILL)
        self.broker.process.wait()

    def publisher_with_receiver(self):
        """A publisher, and a session that is away and gets what it publishes."""
        receiver = self.persistent(MQTT5, "receiver")
        receiver.subscribe("f/#", qos=2)
        receiver.disconnect()
        return self.persistent(MQTT5, "publisher")

    def expect_all(self, *payloads):
        """What the receiver was not given yet, and nothing else."""
        receiver = self.persistent(MQTT5, "receiver")
        for payload in payloads:
            receiver.expect_publish("f/x", payload)
        receiver.ping()
        receiver.disconnect()

    def figure(self, name, value):
        """Waits until $SYS/broker/store/NAME has this regular expression."""
        reader = self.client(MQTT5)
        reader.subscribe(f"$SYS/broker/store/{name}")
        wait_until(lambda: value in reader.receive().payload.decode(), f"{name} to be {value}")
        reader.disconnect()

    def wait_for_no_acknowledgement(self, publisher):
        """The broker says that its store fails, answers pings, and acknowledges nothing."""
        self.broker.wait_for_log("cannot be written: .*Acknowledgements wait until it can")
        self.figure("failing", "1")
        publisher.ping()

    def check_going_on(self, publisher, packet_id):
        """What waited is acknowledged; the reason was said once."""
        publisher.expect(wire.PUBACK, packet_id=packet_id, deadline=20)
        self.broker.wait_for_log("can be written again")
        self.figure("failing", "0")
        self.assertEqual(len(self.broker.log_lines("cannot be written")), 1)

    # -- a full disk --

    def mount_small_disk(self):
        """A disk of 3 MB that only the broker sees."""
        self.prepare()
        own = [] if os.geteuid() == 0 else ["-Ur"]
        holder = subprocess.Popen(
            ["unshare", *own, "-m", "sh", "-c",
             'mount -t tmpfs -o size=3m none "$0" && echo mounted && exec cat', str(self.store)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.communicate)
        self.assertEqual(holder.stdout.readline(), b"mounted\n")
        enter = ["-U", "--preserve-credentials"] if own else []
        self.broker.wrapper = ["nsenter", "-t", str(holder.pid), *enter, "-m", "--"]
        return Path(f"/proc/{holder.pid}/root{self.store}")

    @staticmethod
    def fill(path):
        """Takes all the room there is."""
        with open(path, "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def test_full_disk(self):
        """Acknowledgements stop, and go on when there is room; kill -9 then loses nothing."""
        disk = self.mount_small_disk()
        self.broker.start()
        publisher = self.publisher_with_receiver()
        publisher.publish("f/x", "before", 1)
        self.fill(disk / "filler")
        large = "y" * 50_000
        publisher.publish("f/x", large, 1, packet_id=100, finish=False)
        publisher.publish("f/x", "small", 1, packet_id=101, finish=False)
        self.wait_for_no_acknowledgement(publisher)
        self.figure("error", "full")
        (disk / "filler").unlink()
        self.check_going_on(publisher, 100)
        publisher.expect(wire.PUBACK, packet_id=101)
        publisher.publish("f/x", "after", 2)
        self.kill()
        self.broker.start()
        self.expect_all("before", large, "small", "after")

    # -- syncs that fail, or never happen --

    def prepare_shim(self):
        """A broker whose syncs can be made to fail; returns the folder that says so."""
        self.prepare()
        folder = tempfile.TemporaryDirectory(prefix="darter-faults-")
        self.addCleanup(folder.cleanup)
        shim = Path(folder.name) / "faults.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(SHIM_SOURCE), "-ldl"],
                       check=True)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.broker.environment = {"LD_PRELOAD": str(shim), "DARTER_FAULTS": folder.name,
                                   "ASAN_OPTIONS": f"verify_asan_link_order=0:{options}"}
        self.broker.start()
        return Path(folder.name)

    def test_failing_sync(self):
        """No acknowledgement without a sync that succeeded."""
        faults = self.prepare_shim()
        publisher = self.publisher_with_receiver()
        publisher.publish("f/x", "before", 1)
        (faults / "fail_sync").touch()
        publisher.publish("f/x", "meanwhile", 1, packet_id=100, finish=False)
        self.wait_for_no_acknowledgement(publisher)
        self.figure("error", "I/O error")
        (faults / "fail_sync").unlink()
        self.check_going_on(publisher, 100)
        self.kill()
        self.broker.start()
        self.expect_all("before", "meanwhile")

    def test_killed_while_syncs_fail(self):
        """What was not acknowledged is published again, and comes once."""
        faults = self.prepare_shim()
        publisher = self.publisher_with_receiver()
        publisher.publish("f/x", "before", 2)
        (faults / "fail_sync").touch()
        publisher.publish("f/x", "again", 2, packet_id=100, finish=False)
        self.wait_for_no_acknowledgement(publisher)
        self.kill()
        (faults / "fail_sync").unlink()
        self.broker.start()
        publisher = self.persistent(MQTT5, "publisher")
        publisher.publish("f/x", "again", 2, packet_id=100, dup=True)
        self.expect_all("before", "again")

    def test_killed_between_write_and_sync(self):
        """The process stops inside the commit and never wakes up."""
        faults = self.prepare_shim()
        publisher = self.publisher_with_receiver()
        publisher.publish("f/x", "before", 2)
        for number in range(3):
            (faults / "stop_sync").touch()
            packet_id = 100 + number
            publisher.publish("f/x", f"m{number}", 2, packet_id=packet_id, finish=False)
            status = Path(f"/proc/{self.broker.process.pid}/stat")
            wait_until(lambda s=status: s.read_text().rsplit(")", 1)[1].split()[0] == "T",
                       "the process to stop in its commit")
            self.kill()
            self.broker.start()
            publisher = self.persistent(MQTT5, "publisher")
            publisher.publish("f/x", f"m{number}", 2, packet_id=packet_id, dup=True)
        self.expect_all("before", "m0", "m1", "m2")

    # -- the log --

    def test_torn_log(self):
        """Rubbish behind the last commit is ignored; a last commit that is torn takes nothing else
        along, and no damage is reported."""
        self.prepare()
        self.broker.start()
        publisher = self.publisher_with_receiver()
        for number in range(5):
            publisher.publish("f/x", f"m{number}", 1)
        self.kill()
        log = self.store / "darter.db-wal"
        end = self.end_of(log)
        self.spoil(log, end, b"\xA5" * 10_000)
        self.broker.start()
        publisher = self.persistent(MQTT5, "publisher")
        publisher.publish("f/x", "last", 1)
        self.kill()
        self.spoil(log, self.end_of(log) - 2000, b"\xA5" * 5000)
        self.broker.start()
        receiver = self.persistent(MQTT5, "receiver")
        got = []
        for packet in receiver.drain():
            got.append(packet.payload.decode())
            receiver.acknowledge(packet)
        self.assertEqual(got[:5], [f"m{number}" for number in range(5)])
        self.assertEqual(self.broker.log_lines("damaged|Error"), [])
        self.persistent(MQTT5, "publisher").publish("f/x", "works", 1)
        receiver.expect_publish("f/x", "works")

    @staticmethod
    def spoil(path, at, data):
        """Overwrites a part of a file."""
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(data)

    @staticmethod
    def end_of(log):
        """Behind the last frame of the log that has the salt of its header (SQLite's file format,
        section 4.1)."""
        data = log.read_bytes()
        size = 24 + int.from_bytes(data[8:12], "big")
        at = 32
        while data[at + 8:at + 16] == data[16:24]:
            at += size
        return at
