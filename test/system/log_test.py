"""What becomes of log lines that nobody reads, and what a start that fails says."""

import os
import pwd
import socket
import subprocess
import unittest

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, Broker, binary
from harness.case import BrokerTest
from harness.needs import needs
from harness.wire import MQTT311


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
