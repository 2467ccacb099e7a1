"""Crash torture, the short form: test/system/crash_torture has the long one.

What is acknowledged is there after kill -9 at any instant: QoS 2 once, in order, retained messages,
subscriptions, shared ones, and wills [MQTT-4.1.0-1] [MQTT-4.3.3-10] [MQTT-4.4.0-1] [MQTT-4.6.0-1].
"""

import unittest

from harness.broker import thread_count
from harness.torture import torture


class CrashTest(unittest.TestCase):
    """A fleet of clients around a broker that is killed again and again."""

    def torture(self, seed, threads, rounds, **options):
        """No faults, whatever the figures."""
        faults, figures = torture(seed, threads, rounds, seconds_max=0.4, **options)
        self.assertEqual(faults, [], figures)

    def test_killed_at_any_instant(self):
        """The number of loops stays."""
        self.torture(1, [thread_count()], 8)

    def test_with_other_loops_after_each_start(self):
        """Sessions find new homes, and so does what was on its way between two of them."""
        self.torture(2, [thread_count(), 3, 1], 7)
