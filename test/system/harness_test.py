"""What the tests themselves stand on."""

import os
import socket
import subprocess
import unittest
from unittest import mock

from harness.broker import ROOT, free_port, open_sockets
from harness.needs import needs


class PortsTest(unittest.TestCase):
    """Ports for brokers."""

    def test_no_port_comes_twice(self):
        """One that was handed out stays its owner's, though nothing listens there yet."""
        ports = [free_port() for _ in range(500)]
        self.assertEqual(len(set(ports)), len(ports))


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
