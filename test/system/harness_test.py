"""What the tests themselves stand on."""

import os
import socket
import subprocess
import unittest
from unittest import mock

from harness import wire
from harness.broker import ROOT, free_port, open_sockets
from harness.client import Client
from harness.fault_proxy import FaultProxy
from harness.needs import needs, once
from harness.remote import Remote, Rules


@once
class PortsTest(unittest.TestCase):
    """Ports for brokers."""

    def test_no_port_comes_twice(self):
        """One that was handed out stays its owner's, though nothing listens there yet."""
        ports = [free_port() for _ in range(500)]
        self.assertEqual(len(set(ports)), len(ports))


@once
class OpenSocketsTest(unittest.TestCase):
    """The sockets of a process."""

    def test_what_is_closed_meanwhile_is_left_out(self):
        """A descriptor that is listed may be gone when it is asked for."""
        with socket.socket() as stays, socket.socket() as goes:
            inodes = [str(os.fstat(one.fileno()).st_ino) for one in (stays, goes)]
            self.assertLessEqual(set(inodes), open_sockets(os.getpid()))
            readlink = os.readlink

            def close_first(path):
                goes.close()
                return readlink(path)

            with mock.patch("os.readlink", close_first):
                found = open_sockets(os.getpid())
        self.assertIn(inodes[0], found)
        self.assertNotIn(inodes[1], found)


@once
class NeedsTest(unittest.TestCase):
    """What becomes of tests that the machine does not allow."""

    @staticmethod
    def run_without_mounts(*arguments):
        """The last lines of a run that may not mount anything, and its status."""
        done = subprocess.run(
            ["setpriv", "--bounding-set", "-sys_admin", ROOT / "test/system/run", "--threads",
             "1,4", "--filter", "faults_test.*test_full_disk", *arguments],
            capture_output=True, text=True, check=False)
        return done.stdout.splitlines(), done.returncode

    @needs("root", "mount namespaces")
    def test_left_out_with_the_reason(self):
        """They are counted, and the run passes; with --complete they fail."""
        lines, status = self.run_without_mounts()
        self.assertEqual((len(lines), status), (2, 0), lines)
        self.assertRegex(lines[0], r"^left out here: 2 tests, because this machine allows no mounts"
                                   r" in a namespace of their own \(unshare: .*not permitted\)$")
        self.assertEqual(lines[1], "0 passed, 0 failed")
        lines, status = self.run_without_mounts("--complete")
        self.assertEqual((lines[-1], status), ("0 passed, 2 failed", 1))


@once
class OnceTest(unittest.TestCase):
    """Tests that no count of threads and no store makes any difference to."""

    def test_one_run_of_two_has_them(self):
        """They run with the first count alone, and not at all in a run beside another."""
        command = [ROOT / "test/system/run", "--threads", "4,1", "--filter", "PortsTest"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        self.assertEqual((len(lines), lines[-1]), (2, "1 passed, 0 failed"), lines)
        self.assertIn("[threads 4]", lines[0])
        done = subprocess.run([*command, "--again"], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout.splitlines(), ["0 passed, 0 failed"])


@once
class FaultsTest(unittest.TestCase):
    """A remote of the wire harness, and the proxy in front of it."""

    def setUp(self):
        self.remote = Remote({"no": Rules(reason=5), "mute": Rules(is_mute=True)})
        self.addCleanup(self.remote.close)
        self.proxy = FaultProxy(self.remote.port)
        self.addCleanup(self.proxy.close)

    def client(self, client_id, **options):
        """A client that is connected through the proxy."""
        client = Client.tcp(self.proxy.port, wire.MQTT5, client_id)
        self.addCleanup(client.close)
        client.connect(**options)
        return client

    def test_remote(self):
        """It answers each packet of a client, and keeps it; its rules hold."""
        client = self.client("yes", username="ann", will=wire.Will("w", b"gone", 1, True))
        client.subscribe("a/#", qos=2)
        client.unsubscribe("a/#")
        client.publish("a/b", "x", 2)
        client.ping()
        peer = self.remote.peer("yes")
        self.assertEqual([packet.kind for packet in peer.packets], [
            wire.CONNECT, wire.SUBSCRIBE, wire.UNSUBSCRIBE, wire.PUBLISH, wire.PUBREL,
            wire.PINGREQ])
        self.assertEqual((peer.connect.username, peer.connect.will.payload), ("ann", b"gone"))
        peer.publish("a/c", "y", 1, 9)
        client.expect_publish("a/c", "y")
        self.remote.expect("yes", wire.PUBACK, packet_id=9)
        self.client("no", expected_reason=5).expect_closed()

    def test_proxy(self):
        """What stalls comes later; what is slow comes whole; a half open end hears nothing."""
        client = self.client("one")
        self.proxy.stall()
        packet_id = client.publish("a", "x" * 1000, 1, finish=False)
        with self.assertRaises(AssertionError):
            client.receive(0.1)
        self.proxy.slow(100)
        client.expect(wire.PUBACK, packet_id=packet_id)
        self.proxy.pass_on()
        self.proxy.half_open()
        client.publish("a", "x", 1, finish=False)
        self.remote.wait_for(lambda: self.remote.peer("one").ended, "the end at the remote")
        with self.assertRaises(AssertionError):
            client.receive(0.1)
        self.proxy.reset()
        client.expect_closed()
        self.client("two").publish("a", "x", 1)
        self.proxy.refuse()
        with self.assertRaises(ConnectionRefusedError):
            Client.tcp(self.proxy.port)
        self.proxy.pass_on()
        self.client("three").publish("a", "x", 1)
