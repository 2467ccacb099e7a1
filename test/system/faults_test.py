"""Disks that fail under the store: acknowledgements wait, nothing acknowledged is lost, and all
goes on when the disk works again."""

import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from harness import wire
from harness.broker import wait_until
from harness.case import BrokerTest
from harness.needs import needs
from harness.scrape import request
from harness.wire import MQTT5, MQTT311

CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
http_listener {port2}
persistence true
persistence_location {dir}/store/
sys_interval 1
max_queued_messages 0
"""
SHIM_SOURCE = Path(__file__).resolve().parent / "harness" / "faults.c"


class Flood(threading.Thread):
    """A client that publishes so many MiB without waiting for any answer."""

    payload_bytes = 64 << 10

    def __init__(self, client, qos, mib):
        super().__init__(daemon=True)
        self.client, self.qos = client, qos
        self.count, self.sent = (mib << 20) // self.payload_bytes, 0

    def run(self):
        for number in range(self.count):
            payload = f"{number} {self.qos} ".encode().ljust(self.payload_bytes, b".")
            self.client.publish("f/x", payload, self.qos, packet_id=number + 1, finish=False)
            self.sent += 1

    def finish(self):
        """Waits until everything is sent, and acknowledged in order."""
        self.join()
        ids = range(1, self.count + 1)
        for packet_id in ids:
            self.client.expect(wire.PUBACK if self.qos == 1 else wire.PUBREC, packet_id=packet_id)
        for packet_id in ids if self.qos == 2 else ():
            self.client.send(wire.acknowledgement(wire.PUBREL, packet_id))
        for packet_id in ids if self.qos == 2 else ():
            self.client.expect(wire.PUBCOMP, packet_id=packet_id)


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
        reader.leave()

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

    @needs("mount namespaces")
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
        """No acknowledgement without a sync that succeeded; the broker is not ready meanwhile."""
        faults = self.prepare_shim()
        publisher = self.publisher_with_receiver()
        publisher.publish("f/x", "before", 1)
        (faults / "fail_sync").touch()
        publisher.publish("f/x", "meanwhile", 1, packet_id=100, finish=False)
        self.wait_for_no_acknowledgement(publisher)
        self.figure("error", "I/O error")
        status, _, text = request(self.broker.port2, "/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"^not ready\nThe store cannot be written: .*I/O error.*\.\n$")
        self.assertEqual(request(self.broker.port2, "/healthz")[0], 200)
        (faults / "fail_sync").unlink()
        self.check_going_on(publisher, 100)
        self.assertEqual(request(self.broker.port2, "/readyz")[0], 200)
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

    # -- a disk that hangs --

    def test_hanging_sync(self):
        """Publishers who want to have it stored are not read any more, which bounds the memory;
        nobody else notices, and all is there when the disk is back."""
        faults = self.prepare_shim()
        self.publisher_with_receiver().disconnect()
        floods = [Flood(self.client(MQTT311, f"flood{qos}"), qos,
                        32 if self.broker.is_sanitized() else 96) for qos in (1, 2)]
        others = [self.client(MQTT5), self.client(MQTT5)]
        others[1].subscribe("others", "$SYS/broker/uptime")
        before = self.broker.resident_bytes()
        (faults / "hang_sync").touch()
        for flood in floods:
            flood.start()
        wait_until(lambda: sum(flood.sent for flood in floods) * Flood.payload_bytes > 16 << 20,
                   "more to be sent than a shard lets wait")
        uptimes = set()
        for number in range(1000):
            others[0].publish("others", str(number))
            while (packet := others[1].expect(wire.PUBLISH)).topic != "others":
                uptimes.add(packet.payload)
            self.assertEqual(packet.payload, str(number).encode())
        while len(uptimes) < 3:
            uptimes.add(others[1].expect(wire.PUBLISH, topic="$SYS/broker/uptime").payload)
        others[0].ping()
        for flood in floods:
            self.assertLess(flood.sent, flood.count)
        if not self.broker.is_sanitized():
            grown = self.broker.most_resident_bytes() - before
            self.assertLess(grown, 80 << 20, "of 192 MiB that are offered")
        (faults / "hang_sync").unlink()
        for flood in floods:
            flood.finish()
        receiver = self.persistent(MQTT5, "receiver")
        numbers = {1: 0, 2: 0}
        while any(numbers[flood.qos] < flood.count for flood in floods):
            packet = receiver.expect(wire.PUBLISH)
            number, qos = map(int, packet.payload[:16].split()[:2])
            self.assertEqual((number, packet.qos), (numbers[qos], qos))
            numbers[qos] += 1
            receiver.acknowledge(packet)
        receiver.ping()

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
