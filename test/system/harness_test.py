"""What the tests themselves stand on."""

import unittest

from harness.broker import free_port


class PortsTest(unittest.TestCase):
    """Ports for brokers."""

    def test_no_port_comes_twice(self):
        """One that was handed out stays its owner's, though nothing listens there yet."""
        ports = [free_port() for _ in range(500)]
        self.assertEqual(len(set(ports)), len(ports))
