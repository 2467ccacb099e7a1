"""darter-bench, null-relay and tools/bench: every scenario, quickly, with every count exact.

What is measured is not looked at: only that nothing is lost, doubled, misrouted or reordered, and
that the generator would say so.
"""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, ROOT, answers, binary, free_port, is_darter, wait_until
from harness.case import BrokerTest
from harness.certificates import server_lines
from harness.needs import once

FOLDER = Path(binary()).parent if is_darter() else ROOT / "build" / "release"
GENERATOR, RELAY = str(FOLDER / "darter-bench"), str(FOLDER / "null-relay")
COMPARE, MASS_RECONNECT = ROOT / "tools" / "bench", ROOT / "tools" / "mass-reconnect"
RELOAD_LATENCY, PGO = ROOT / "tools" / "reload-latency", ROOT / "tools" / "pgo"

# The last of two equal options counts: these make a scenario of seconds one of moments.
QUICK = ["--warmup", "0.05", "--seconds", "0.2", "--limit", str(DEADLINE_SECONDS * 3)]
SMALL = {
    "many": ["--others", "3000"],
    "connect": ["--count", "300"],
    "retained": ["--count", "3000"],
    "offline": ["--count", "30", "--subscribers", "20"],
    "idle": ["--count", "400"],
    "latency": ["--rate", "1000"],
    "returning": ["--count", "5", "--limit", "1"],
}
COUNTS = ("lost", "duplicated", "reordered", "misrouted", "damaged", "unacknowledged", "forgotten",
          "disconnected", "unsent")


def load_scenarios():
    """The table of tools/bench, which is a program and not a module."""
    loader = importlib.machinery.SourceFileLoader("tools_bench", str(COMPARE))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tools_bench", loader))
    sys.modules["tools_bench"] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module.SCENARIOS


SCENARIOS = load_scenarios()


@once
class BenchTest(BrokerTest):
    """The generator against darter and against the relay."""

    config = ("allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
              "listener {port} 127.0.0.1\nlistener {ws_port} 127.0.0.1\nprotocol websockets\n")
    args = ()
    autostart = False

    def start_relay(self):
        """A relay that ends with the test. Returns its process and its port."""
        port = free_port()
        process = subprocess.Popen([RELAY, str(port)], stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: self.assertEqual(process.wait(DEADLINE_SECONDS), 0))
        self.addCleanup(process.terminate)
        wait_until(lambda: answers(port), "the relay to answer")
        return process, port

    def generate(self, words, port, pid, expect=0):
        """Runs the generator and returns what it reports."""
        command = [GENERATOR, *words, *QUICK, *SMALL.get(words[0], []),
                   "--port", str(port), "--pid", str(pid)]
        done = subprocess.run(command, capture_output=True, check=False,
                              timeout=DEADLINE_SECONDS * 4)
        self.assertEqual(done.returncode, expect, (done.stdout + done.stderr).decode())
        return json.loads(done.stdout)

    def assert_exact(self, report):
        """Everything came once, in order, where it belongs."""
        self.assertTrue(report["ok"], report)
        self.assertGreater(report["expected"], 0, report)
        self.assertEqual(report["received"], report["expected"], report)
        for name in COUNTS:
            self.assertEqual(report.get(name, 0), 0, (name, report))

    def assert_broker_is_exact(self, words, stored=False):
        """A scenario against darter."""
        if stored:
            self.start(self.config + "persistence true\npersistence_location {dir}\n")
            port = self.broker.port
        elif "--tls" in words:
            self.start(self.config + "listener {port2} 127.0.0.1\n" + server_lines())
            port = self.broker.port2
        else:
            self.start()
            port = self.broker.ws_port if "--ws" in words else self.broker.port
        self.assert_exact(self.generate(words, port, self.broker.process.pid))

    def assert_relay_is_exact(self, words):
        """A scenario against the relay."""
        process, port = self.start_relay()
        report = self.generate(words, port, process.pid)
        self.assert_exact(report)

    def test_latency_has_a_sample_for_each_message(self):
        """Open loop: every message of the measured time is counted, the slow ones too."""
        self.start()
        report = self.generate(["latency"], self.broker.port, self.broker.process.pid)
        self.assertEqual(report["samples"], 200, report)
        self.assertLessEqual(report["p50_us"], report["p99_us"])
        self.assertLessEqual(report["p99_us"], report["largest_us"])

    def test_durable(self):
        """Every message that a broker with a store acknowledged is there, away or not."""
        self.start(self.config + "persistence true\npersistence_location {dir}\n")
        for words in (["--window", "1"], ["--publishers", "8", "--window", "20"],
                      ["--publishers", "8", "--window", "20", "--online"]):
            report = self.generate(["durable", *words], self.broker.port, self.broker.process.pid)
            self.assert_exact(report)
            self.assertGreater(report["p50_us"], 0)
            self.assertLessEqual(report["p50_us"], report["p99_us"])

    def test_returning(self):
        """Clients behind nginx all come back to a broker that was restarted."""
        done = subprocess.run(
            [MASS_RECONNECT, "--bin", FOLDER, "--brokers", "darter", "--clients", "200", "--users",
             "5", "--keep-alive", "3", "--seconds", "4"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=DEADLINE_SECONDS * 6)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        self.assertRegex(text, r"received +200\n")
        self.assertRegex(text, r"pings +[1-9][0-9]{2}")

    def test_reload_latency(self):
        """Reloads under clients are reported, and nobody loses a message by them."""
        done = subprocess.run(
            [RELOAD_LATENCY, "--bin", FOLDER, "--clients", "100", "--rounds", "1", "--seconds",
             "0.5"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=DEADLINE_SECONDS * 6)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        self.assertRegex(text, r"the longest wait, median of 1: [\d.]+ ms in peace, [\d.]+ ms with")

    def test_a_client_that_stays_away_is_told(self):
        """Nobody restarts the broker: the clients that were to be cut off were not."""
        self.start()
        report = self.generate(["returning"], self.broker.port, self.broker.process.pid,
                               expect=3)
        self.assertFalse(report["ok"])
        self.assertEqual((report["expected"], report["cut"], report["received"]), (5, 0, 0))

    def test_sync(self):
        """The floor of durability needs a folder that can be written."""
        with tempfile.TemporaryDirectory() as folder:
            report = self.generate(["sync", "--folder", folder], free_port(), os.getpid())
            for kind in ("rewrite", "append"):
                self.assertGreater(report[f"{kind}s_per_second"], 0)
                self.assertLessEqual(report[f"{kind}_p50_us"], report[f"{kind}_p99_us"])
        report = self.generate(["sync", "--folder", folder], free_port(), os.getpid(), expect=3)
        self.assertIn(folder, report["fault"])

    def test_a_broker_that_goes_away_is_told(self):
        """Connections that end during a run make it a bad one."""
        self.start(args=("-v",))
        command = [GENERATOR, "pairs", "--publishers", "3", "--seconds", "60", "--port",
                   str(self.broker.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as generator:
            self.broker.wait_for_log("bench-publisher-2")
            self.broker.stop()
            output = generator.communicate(timeout=DEADLINE_SECONDS * 2)[0]
        report = json.loads(output)
        self.assertEqual(generator.returncode, 3, report)
        self.assertFalse(report["ok"])
        self.assertGreater(report["disconnected"], 0)
        self.assertIn("fault", report)

    def test_nobody_there(self):
        """A port where nothing listens is said to be one."""
        report = self.generate(["pairs"], free_port(), os.getpid(), expect=3)
        self.assertIn("refused", report["fault"])

    def test_words_that_make_no_sense(self):
        """A wrong command line ends with 2 and points to --help."""
        for words in ([], ["nonsense"], ["pairs", "--qos", "3"], ["pairs", "--fast"]):
            done = subprocess.run([GENERATOR, *words], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(b"--help", done.stderr)
        done = subprocess.run([RELAY, "no-port"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)

    def test_help(self):
        """Each program explains itself, with examples."""
        for program in (GENERATOR, RELAY, COMPARE, MASS_RECONNECT, RELOAD_LATENCY, PGO):
            done = subprocess.run([program, "--help"], capture_output=True, check=True)
            self.assertRegex(done.stdout.decode(), "(?i)examples:")

    def compare(self, *words, expect=0):
        """Runs tools/bench on the binaries under test."""
        command = [str(COMPARE), "--build", str(FOLDER), *words]
        done = subprocess.run(command, capture_output=True, check=False,
                              timeout=DEADLINE_SECONDS * 6)
        self.assertEqual(done.returncode, expect, (done.stdout + done.stderr).decode())
        return done.stdout.decode(), done.stderr.decode()

    def test_comparison(self):
        """tools/bench prints a table with a ratio, and keeps every run."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "runs.json"
            table, _ = self.compare("--only", "null-relay,darter", "--scenarios", "pairs-q0",
                                    "--repeats", "1", "--seconds", "0.2", "--markdown",
                                    "--json", str(file))
            runs = json.loads(file.read_text())["results"]["pairs-q0"]
        self.assertIn("| scenario | figure | null-relay | darter |", table)
        self.assertRegex(table, r"\| pairs-q0 \| cpu us per message \| [\d.]+ µs \| .*\([\d.]+x\)")
        for who in ("null-relay", "darter"):
            self.assert_exact(runs[who][0])
            self.assertGreater(runs[who][0]["cpu_us_per_message"], 0)

    def test_comparison_with_the_disk(self):
        """Where brokers store, what the disk can do stands beside them."""
        table, _ = self.compare("--only", "null-relay,darter", "--scenarios", "durable",
                                "--repeats", "1", "--seconds", "0.2", "--markdown")
        self.assertRegex(table, r"\| durable \| p50 us \| [\d.]+ µs \| [\d.]+ µs")

    def test_comparison_of_what_is_not_there(self):
        """tools/bench names what it does not know, and what there is."""
        _, said = self.compare("--scenarios", "nonsense", expect=1)
        self.assertIn("pairs-q0", said)
        _, said = self.compare("--only", "nonsense", expect=1)
        self.assertIn("mosquitto", said)


def add_tests():
    """A test of each scenario on darter, and on the relay where it can do it; some for 5.0 too."""
    for name, scenario in SCENARIOS.items():
        words = scenario.arguments.split()
        label = name.replace("-", "_")

        def on_broker(self, words=words, stored=scenario.stored):
            self.assert_broker_is_exact(words, stored)

        def on_broker_5(self, words=words):
            self.assert_broker_is_exact([*words, "--mqtt", "5"])

        def on_relay(self, words=words):
            self.assert_relay_is_exact(words)

        setattr(BenchTest, f"test_{label}", on_broker)
        if name in ("pairs-q2", "ws-pairs-q1", "offline", "retained"):
            setattr(BenchTest, f"test_{label}_mqtt5", on_broker_5)
        if scenario.relay and not scenario.stored:
            setattr(BenchTest, f"test_{label}_on_relay", on_relay)


add_tests()
