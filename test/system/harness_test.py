"""What the tests themselves stand on."""

import os
import socket
import unittest
from unittest import mock

from harness.broker import free_port, open_sockets


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
