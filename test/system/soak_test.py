"""tools/soak for a moment: every kind of its load works, loses nothing, and says so."""

import csv
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, ROOT, binary, thread_count

SOAK = ROOT / "tools" / "soak"


class SoakTest(unittest.TestCase):
    """The long form runs for minutes or hours: tools/soak --help."""

    def soak(self, *words):
        """Runs it with the broker under test. Returns its status and what it printed."""
        environment = dict(os.environ, DARTER_TEST_DEADLINE=str(DEADLINE_SECONDS * 3))
        done = subprocess.run(
            [sys.executable, SOAK, "--bin", binary(), "--threads", str(thread_count()), *words],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, timeout=60 + DEADLINE_SECONDS * 20)
        return done.returncode, done.stdout.decode()

    def test_nothing_is_lost_in_twenty_seconds_of_mixed_load(self):
        with tempfile.TemporaryDirectory() as folder:
            samples = Path(folder) / "samples.csv"
            # Drift cannot be told from warming up in so short a time.
            status, said = self.soak("--seconds", "20", "--sample", "1", "--losses-only",
                                     "--csv", str(samples))
            self.assertEqual(status, 0, said)
            self.assertIn("0 problems: passed", said)
            rows = list(csv.DictReader(samples.open()))
        self.assertGreater(len(rows), 5, said)
        self.assertGreater(int(rows[-1]["messages"]), int(rows[0]["messages"]))
        self.assertGreater(int(rows[-1]["rounds"]), 20, said)

    def test_drift_is_told_where_the_bounds_are_narrow(self):
        # Growth by a tenth is always allowed; minus 100 MiB is beyond what any broker can do.
        status, said = self.soak("--seconds", "8", "--sample", "1", "--memory-mib", "-100")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"DRIFT +resident memory")
