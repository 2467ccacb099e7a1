"""What becomes of log lines that nobody reads, and what a start that fails says."""

import json
import os
import pwd
import socket
import subprocess
import unittest

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, Broker, binary, wait_until
from harness.case import BrokerTest
from harness.needs import needs, once
from harness.wire import MQTT5, MQTT311


def full_fifo(path):
    """A fifo that takes nothing more and that nobody reads; the descriptor keeps it so."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    for size in (65536, 4096, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except BlockingIOError:
            pass
    return descriptor


class UnreadTest(BrokerTest):
    """A log that nobody reads stops no loop, no start and no end."""

    autostart = False

    def prepare(self, config):
        """A broker that is not started yet, and a full fifo in its folder."""
        self.broker = Broker(config, wait=None)
        self.addCleanup(self.broker.close)
        fifo = self.broker.directory / "fifo"
        self.addCleanup(os.close, full_fifo(fifo))
        return fifo

    def serve(self):
        """More lines than a pipe and the broker keep, and a client that is answered meanwhile."""
        self.broker.start()
        client = self.client(MQTT311)
        for number in range(1500):
            client.publish("unread/" + "x" * 300, str(number), 0)
        client.ping()
        self.client(MQTT311).disconnect()
        self.broker.stop()

    def test_standard_streams(self):
        """Standard output and standard error are one full pipe."""
        fifo = self.prepare("log_dest stderr\nlog_dest stdout\n" + DEFAULT_CONFIG)
        self.broker.wrapper = ["sh", "-c", 'exec "$@" >"$0" 2>&1', str(fifo)]
        self.serve()

    def test_fifo_as_log_file(self):
        """A fifo that is full, and one that was never opened by anybody else."""
        self.prepare("log_dest file {dir}/fifo\nlog_dest file {dir}/new\n" + DEFAULT_CONFIG)
        os.mkfifo(self.broker.directory / "new")
        self.serve()

    def test_failing_start(self):
        """What cannot be said does not keep a start from failing."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            fifo = self.prepare(f"allow_anonymous true\nlistener {taken.getsockname()[1]}\n")
            self.broker.wrapper = ["sh", "-c", 'exec "$@" >"$0" 2>&1', str(fifo)]
            self.broker.start(wait=False)
            self.assertEqual(self.broker.process.wait(DEADLINE_SECONDS), 1)
        self.broker.process = None
        fifo = self.prepare("no_such_option 1\n" * 200)  # a line for each
        self.broker.wrapper = ["sh", "-c", 'exec "$@" >"$0" 2>&1', str(fifo)]
        self.broker.start(wait=False)
        self.assertEqual(self.broker.process.wait(DEADLINE_SECONDS), 3)
        self.broker.process = None


class ClientTextTest(BrokerTest):
    """What clients send makes no long lines."""

    config = "packet_max_connect 1000000\npassword_file {dir}/passwd\nlistener {port} 127.0.0.1\n"
    files = {"passwd": ""}

    def test_long_names(self):
        """A failed login with names of 64 KB; then the same with a will, topics and filters."""
        self.refused(MQTT311, 5, client_id="i" * 60_000, username="u" * 60_000, password=b"p")
        self.broker.wait_for_log(r"i{200}\.\.\. \[127.*with user 'u{200}\.\.\.'.*not authorised")
        self.start("max_packet_size 1000000\npacket_max_connect 1000000\n" + DEFAULT_CONFIG)
        client = self.client(MQTT311, "i" * 60_000, username="u" * 60_000,
                             will=wire.Will("w" * 60_000, b"x"))
        client.subscribe("f" * 60_000)
        client.publish("t" * 60_000, "x", 1)
        client.unsubscribe("f" * 60_000)
        client.disconnect()
        self.client(MQTT311, "after").ping()
        self.broker.stop()
        self.assertLess(max(map(len, self.broker.lines)), 1000)


@once
class EventTest(BrokerTest):
    """log_format json and darter explain."""

    config = ("log_format json\nallow_anonymous true\npassword_file {dir}/passwd\n"
              "acl_file {dir}/acl\nmax_packet_size 2000\nlistener {port} 127.0.0.1\n")
    files = {"passwd": "", "acl": "topic read a/#\n"}
    args = ()

    def event(self, name, client=None):
        """Waits for a line with this event, and returns it."""
        def found():
            lines = [json.loads(line) for line in self.broker.log_text().splitlines()]
            return next((line for line in lines if line["event"] == name
                         and client in (None, line.get("client"))), None)
        return wait_until(found, f"the event {name}")

    def explain(self, *words, status=0):
        """What darter explain prints."""
        done = subprocess.run([binary(), "explain", *words], capture_output=True, text=True,
                              timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, status, done)
        return done.stdout + done.stderr

    def test_json(self):
        """Each line is an object; what ends or refuses a client has its event, client, address and
        reason code, and darter explain knows every event."""
        bad = self.raw(MQTT5, "bad \"é")
        bad.connect(0x87, username="bob", password=b"x")
        failed = self.event("login_failed")
        self.assertEqual((failed["level"], failed["client"], failed["user"], failed["address"],
                          failed["reason_code"]), ("warning", "bad \"é", "bob", "127.0.0.1", 0x87))
        self.assertEqual((failed["port"], failed["listener"]),
                         (bad.stream.socket.getsockname()[1], f"127.0.0.1:{self.broker.port}"))
        self.assertRegex(failed["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertTrue(failed["message"].startswith("Client bad"), failed)
        publisher = self.client(MQTT5, "pub")
        publisher.publish("b", "x", 1)
        self.assertEqual(self.event("publish_denied", "pub")["reason_code"], 0x87)
        first = self.client(MQTT5, "twin")
        second = self.client(MQTT5, "twin")
        self.assertEqual(self.event("takeover", "twin")["port"],
                         first.stream.socket.getsockname()[1])
        second.disconnect()
        self.assertEqual(self.event("client_disconnected", "twin")["reason_code"], 0)
        publisher.send(wire.publish(MQTT5, "a", b"x" * 3000))
        self.assertEqual(self.event("packet_too_large", "pub")["reason_code"], 0x95)
        broken = self.client(MQTT5, "broken")
        broken.send(b"\x00\x00")
        self.assertGreaterEqual(self.event("protocol_error", "broken")["reason_code"], 0x80)

    def test_explain(self):
        """Offline: one event, all of them, a wrong name; every event of a log is among them."""
        self.client(MQTT5, "any").disconnect()
        self.event("client_disconnected", "any")
        self.broker.stop()
        known = {each["event"]: each for each in json.loads(self.explain("--json"))}
        for line in self.broker.lines:
            self.assertIn(json.loads(line)["event"], known)
        self.assertEqual(json.loads(self.explain("takeover", "--json")), known["takeover"])
        self.assertIn("same client identifier", self.explain("takeover"))
        self.assertIn("did you mean 'takeover'?", self.explain("take_over", status=1))
        self.assertIn("'explain' takes one event", self.explain("a", "b", status=3))


@once
class TimeTest(BrokerTest):
    """Times, and what the journal gets: each form of the configuration has its own default."""

    autostart = False
    # Its standard error is one that journald reads, as far as it can tell.
    wrapper = ["sh", "-c", 'export JOURNAL_STREAM="$(stat -Lc %d:%i /dev/fd/2)"; exec "$@"', "sh"]
    toml = 'allow_anonymous = true\npersistence = false\n'
    listener = '[[listener]]\nport = {port}\nbind_address = "127.0.0.1"\n'

    def lines_of(self, config, journal):
        """The log of a short life."""
        self.broker = Broker(config, args=(), wait=None, bare=True)
        self.addCleanup(self.broker.close)
        self.broker.wrapper = self.wrapper if journal else []
        self.broker.start(wait=False)
        self.broker.wait_for_log("running")
        self.broker.stop()
        return self.broker.lines

    def test_terminal(self):
        """A person reads a terminal: ISO times there, whatever the form of the file."""
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        self.broker = Broker("log_dest stdout\nlog_dest stderr\n" + DEFAULT_CONFIG, args=(),
                             wait=None, bare=True)
        self.addCleanup(self.broker.close)
        self.broker.wrapper = ["sh", "-c", 'exec "$@" >"$0"', os.ttyname(theirs)]
        self.broker.start(wait=False)
        self.broker.wait_for_log(r"^\d+: .*running")
        text = b""
        while b"running" not in text:
            text += os.read(ours, 4096)
        self.assertRegex(text, rb"(?m)^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}[+-]\d\d:\d\d: .*starting")

    def test_defaults_and_options(self):
        """Mosquitto's seconds for a mosquitto.conf, ISO times for a darter.toml; each has both."""
        seconds, iso = r"\d+: ", r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}[+-]\d\d:\d\d: "
        time_in_journal = 'log_journal = "priority"\n'
        for config, journal, form in (
                (DEFAULT_CONFIG, False, seconds),
                (DEFAULT_CONFIG, True, r"<[3-6]>" + seconds),
                ("log_journal plain\n" + DEFAULT_CONFIG, True, seconds),
                ("log_journal without_time\n" + DEFAULT_CONFIG, True, r"<[3-6]>"),
                ("log_timestamp_format iso\n" + DEFAULT_CONFIG, False, iso),
                (self.toml + self.listener, False, iso),
                (self.toml + self.listener, True, r"<[3-6]>"),
                (self.toml + time_in_journal + self.listener, True, r"<[3-6]>" + iso),
                (self.toml + 'log_timestamp_format = "seconds"\n' + self.listener, False, seconds)):
            with self.subTest(config=config, journal=journal):
                lines = self.lines_of(config, journal)
                for line in lines:
                    self.assertRegex(line, f"^{form}[A-Z d]")
                self.assertRegex(lines[-1], f"^{form}darter version .* terminating$")
                if journal and "plain" not in config:
                    self.assertTrue(lines[-1].startswith("<6>"), lines)


class StartTest(BrokerTest):
    """Starts that fail, and how they say so."""

    autostart = False

    def failed(self, config, files=None, **environment):
        """What a start that fails says on standard error, with its own name for the folder."""
        broker = Broker(config, files, args=(), wait=None)
        self.addCleanup(broker.close)
        done = subprocess.run([binary(), "-c", broker.config_file], capture_output=True, text=True,
                              cwd=broker.directory, env={**os.environ, **environment},
                              timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr.replace(str(broker.directory), "DIR")

    def test_on_standard_error(self):
        """Wherever lines go, the reason goes to standard error, once."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for destination in ("stderr", "file {dir}/log", "syslog", "topic", "none"):
                with self.subTest(destination=destination):
                    said = self.failed(f"log_dest {destination}\nallow_anonymous true\n"
                                       f"listener {port} 127.0.0.1\n")
                    self.assertRegex(said, rf"Error: .*port {port}.*in use")
                    self.assertEqual(said.count("in use"), 1, said)

    def test_few_descriptors(self):
        """A limit that is too small is named; the smallest that is not serves, and ends."""
        for limit in (4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64):
            with self.subTest(limit=limit):
                broker = self.start(wait=False, open_files=f"{limit}:{limit}")
                # Whichever comes first.
                try:
                    broker.wait_for_ports()
                except AssertionError as ended:
                    # UBSan looks at objects through a pipe, and reports them without descriptors
                    # for one. Builds without it have to name the limit each time.
                    if "<memory cannot be printed>" not in str(ended):
                        self.assertRegex(str(ended),
                                         rf"status 1:\n.*limit of open files, {limit}, is ")
                    self.assertLess(limit, 48)
                    broker.process = None
                    continue
                self.client(MQTT311).ping()
                broker.stop()

    @needs("root")
    def test_links_of_the_brokers_user(self):
        """As root the broker is not led to files of others by the folders of its user."""
        nobody = pwd.getpwnam("nobody")
        for option, path in (("pid_file", "{dir}/run/pid"), ("log_dest file", "{dir}/run/log")):
            with self.subTest(option=option):
                broker = Broker("user nobody\n" + DEFAULT_CONFIG + f"{option} {path}\n",
                                {"victim": "precious"}, (), None, bare=True)
                self.addCleanup(broker.close)
                run = broker.directory / "run"
                run.mkdir()
                os.chown(run, nobody.pw_uid, nobody.pw_gid)
                (broker.directory / path.replace("{dir}/", "")).symlink_to("../victim")
                self.broker = broker
                broker.start(wait=False)
                broker.wait_for_log(r"MOSQUITTO_UNSAFE_ALLOW_SYMLINKS")
                broker.end()
                self.assertEqual((broker.directory / "victim").read_text(), "precious")
                broker.environment = {"MOSQUITTO_UNSAFE_ALLOW_SYMLINKS": "1"}
                broker.start()
                broker.stop()
                self.assertNotEqual((broker.directory / "victim").read_text(), "precious")


if __name__ == "__main__":
    unittest.main()
