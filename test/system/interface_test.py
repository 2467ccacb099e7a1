"""bind_interface: a listener that serves one network device, in a network of its own."""

import ctypes
import functools
import subprocess
import threading
import unittest

from harness.broker import answers, binary
from harness.case import BrokerTest
from harness.client import Client
from harness.needs import needs

CLONE_NEWNET = 0x40000000
ADDRESS, OTHER_DEVICE = "192.0.2.1", "darter0"


def make_network():
    """Moves this thread, and what it starts from now on, into a network with two devices."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network of its own")
    for words in ("link set lo up", f"link add {OTHER_DEVICE} type veth peer name darter1",
                  f"addr add {ADDRESS}/24 dev {OTHER_DEVICE}", f"link set {OTHER_DEVICE} up",
                  "link set darter1 up"):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def in_own_network(test):
    """Runs the test in a thread that has a network of its own; other tests keep theirs."""
    @needs("network namespaces")
    @functools.wraps(test)
    def run(self):
        failure = []

        def body():
            try:
                make_network()
                test(self)
            except BaseException as error:  # handed to the thread of the test, whatever it is
                failure.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
    return run


class InterfaceTest(BrokerTest):
    """Who can reach a listener that has bind_interface, and what is said if there is no such."""

    autostart = False

    @in_own_network
    def test_loopback_only(self):
        """bind_interface lo: both loopback addresses, no other."""
        self.start("allow_anonymous true\nlistener {port}\nbind_interface lo\n")
        Client.connected(self.broker.port).close()
        self.assertTrue(answers(self.broker.port, "::1"))
        self.assertFalse(answers(self.broker.port, ADDRESS))

    @in_own_network
    def test_other_device_only(self):
        """bind_interface of another device: its address, but not the loopback."""
        self.start("allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {port2}\n"
                   f"bind_interface {OTHER_DEVICE}\n", wait=False)
        self.broker.wait_for_log("running")
        Client.connected(self.broker.port2, host=ADDRESS).close()
        self.assertFalse(answers(self.broker.port2))
        self.assertTrue(answers(self.broker.port))

    @in_own_network
    def test_without_it_everywhere(self):
        """The same two addresses without bind_interface: both are served."""
        self.start("allow_anonymous true\nlistener {port}\n")
        self.assertTrue(answers(self.broker.port))
        self.assertTrue(answers(self.broker.port, ADDRESS))

    @in_own_network
    def test_two_listeners_on_one_port(self):
        """One port on two devices: each client gets the listener of its device."""
        self.start("listener {port}\nallow_anonymous true\nbind_interface lo\nmount_point a/\n"
                   f"listener {{port}}\nbind_interface {OTHER_DEVICE}\nmount_point b/\n")
        loopback, other = (Client.connected(self.broker.port, host=host)
                           for host in ("127.0.0.1", ADDRESS))
        for client in (loopback, other):
            self.addCleanup(client.close)
            client.subscribe("t", qos=1)
        loopback.publish("t", "x", 0)
        loopback.expect_publish("t", "x")
        self.expect_nothing(loopback, other)

    def test_unknown_device(self):
        """No such device: status 3 and one line that has its name, file and line."""
        broker = self.start("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                            "bind_interface nodev0\n", wait=None, bare=True)
        for words in ((), ("--test-config",)):
            done = subprocess.run([binary(), *words, "-c", broker.config_file],
                                  capture_output=True, text=True, check=False, timeout=20)
            self.assertEqual(done.returncode, 3, done.stderr)
            errors = [line for line in done.stderr.splitlines() if "rror" in line]
            self.assertEqual(len(errors), 1, done.stderr)
            self.assertIn("'nodev0'", errors[0])
            self.assertIn(f"({broker.config_file}:3)", errors[0])


if __name__ == "__main__":
    unittest.main()
