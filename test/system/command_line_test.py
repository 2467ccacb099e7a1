"""Arguments, exit codes, files, signals and log lines of the program itself."""

import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness import wire
from harness.broker import (DEADLINE_SECONDS, DEFAULT_CONFIG, answers, binary, free_port,
                            thread_count, wait_until)
from harness.case import BrokerTest, versions
from harness.client import Client
from harness.needs import needs
from harness.wire import MQTT5, MQTT31, MQTT311


def darter(*arguments, **options):
    """Runs the broker to its end; it must not hang."""
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True,
                          check=False, timeout=DEADLINE_SECONDS * 2, **options)


class ArgumentsTest(unittest.TestCase):
    """Invocations that end by themselves."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, text, name="darter.conf"):
        """A configuration file."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def expect_errors(self, text, *parts):
        """--test-config must end with 3 and say all of these, with file and line."""
        path = self.file(text)
        done = darter("--test-config", "-c", path)
        self.assertEqual(done.returncode, 3, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertIn(str(path), done.stderr)

    def test_help(self):
        """-h and --help: usage on stdout, status 0."""
        for argument in ("-h", "--help"):
            done = darter(argument)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout.splitlines()[0], r"^darter version \d")
            self.assertIn("Usage: darter", done.stdout)

    def test_version(self):
        """--version: status 0."""
        done = darter("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"darter version \d")

    def test_wrong_arguments(self):
        """Status 3 and a line that says what is wrong."""
        for arguments in (("--nonsense",), ("-p",), ("-p", "0"), ("-p", "65536"), ("-p", "x"),
                          ("-c",), ("--test-config",)):
            done = darter(*arguments)
            self.assertEqual(done.returncode, 3, arguments)
            self.assertTrue(done.stderr.strip(), arguments)

    def test_nearest_argument(self):
        """An unknown argument is answered with the nearest known one, and where all of them are."""
        for wrong, right in (("--versoin", "--version"), ("--test_config", "--test-config"),
                             ("--quite", "--quiet")):
            done = darter(wrong)
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"did you mean '{right}'", done.stderr)
        self.assertIn("darter --help", darter("--frobnicate").stderr)

    def test_missing_file(self):
        """-c of a file that does not exist: status 3 and one line with its name."""
        for option in ((), ("--test-config",)):
            arguments = (*option, "-c", "/nonexistent.conf")
            done = darter(*arguments)
            self.assertEqual(done.returncode, 3)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn("/nonexistent.conf", done.stderr)

    def test_good_configuration(self):
        """--test-config of a good file: status 0, and nothing is opened."""
        port = free_port()
        done = darter("--test-config", "-c", self.file(f"listener {port} 127.0.0.1\n"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(answers(port))

    def test_errors_are_reported_at_once(self):
        """All errors of a file, each with its line."""
        self.expect_errors("listener 1x\nnonsense 1\nmax_qos 7\n", ":1", ":2", ":3", "nonsense")

    def test_unknown_option(self):
        """An unknown option is answered with the nearest known name."""
        self.expect_errors("alow_anonymous true\n", "alow_anonymous", "allow_anonymous")

    def test_not_built_in_yet(self):
        """Options whose feature comes later are no silence."""
        self.expect_errors("listener 1884\nplugin /x.so\n", "not built in yet", "plugin", ":2")

    def test_bridge_without_its_files(self):
        """What a bridge cannot read is told before it runs."""
        done = darter("--test-config", "-c",
                      self.file("connection edge\naddress 127.0.0.1\ntopic # out\n"
                                "bridge_cafile /nowhere/ca.crt\n"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("Error: Bridge edge: /nowhere/ca.crt", done.stderr)

    def test_errors_of_users_and_rules(self):
        """The faults of the password file and of the ACL file are reported at once."""
        users = self.file("ann:plain\n", "users")
        rules = self.file("topci a\ntopic rite b\n", "acl")
        for path in (users, rules):
            path.chmod(0o600)
        done = darter("--test-config", "-c",
                      self.file(f"password_file {users}\nacl_file {rules}\n"))
        self.assertEqual(done.returncode, 3)
        for part in (f"Error: {users}:1", f"Error: {rules}:1", f"Error: {rules}:2"):
            self.assertIn(part, done.stderr)

    def test_booleans(self):
        """Booleans are true, false, 1 and 0."""
        for good in ("true", "false", "1", "0"):
            done = darter("--test-config", "-c", self.file(f"allow_anonymous {good}\n"))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.expect_errors("allow_anonymous yes\n", "allow_anonymous")

    def test_forms_of_files(self):
        """Comments, empty lines, Windows line endings, very long lines, spaces in values."""
        text = ("# comment\r\n\r\n#\r\nallow_anonymous true\r\nlistener 1999 127.0.0.1\r\n"
                + "# " + "x" * 100000 + "\r\n" + "pid_file /tmp/a name with spaces\r\n")
        done = darter("--test-config", "-c", self.file(text))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_include_dir(self):
        """include_dir reads *.conf in alphabetical order."""
        inner = self.folder / "conf.d"
        inner.mkdir()
        (inner / "a.conf").write_text("allow_anonymous true\n")
        (inner / "b.conf").write_text("nonsense 1\n")
        (inner / "c.txt").write_text("more nonsense\n")
        done = darter("--test-config", "-c", self.file(f"include_dir {inner}\n"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("b.conf:1", done.stderr)

    def test_convert(self):
        """--convert prints a TOML that the broker takes."""
        source = self.file("allow_anonymous true\nlistener 1999 127.0.0.1\nmax_keepalive 60\n")
        done = darter("--convert", source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("max_keepalive", done.stdout)
        converted = self.file(done.stdout, "darter.toml")
        again = darter("--test-config", "-c", converted)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(darter("--convert", converted).stdout, done.stdout)

    def test_last_configuration(self):
        """Of several -c the last counts."""
        good, bad = self.file("allow_anonymous true\n"), self.file("nonsense 1\n", "bad.conf")
        self.assertEqual(darter("--test-config", "-c", bad, "-c", good).returncode, 0)
        self.assertEqual(darter("--test-config", "-c", good, "-c", bad).returncode, 3)

    def test_bad_tls_files(self):
        """Certificates that cannot be used: status 1, as with Mosquitto; 3 with --test-config."""
        key = self.file("no key\n", "key")
        key.chmod(0o600)
        path = self.file(f"listener {free_port()} 127.0.0.1\ncertfile {key}\nkeyfile {key}\n")
        for arguments, status in (((), 1), (("--test-config",), 3)):
            done = darter(*arguments, "-c", path)
            self.assertEqual(done.returncode, status)
            self.assertIn("no certificate in PEM form", done.stderr)

    def test_missing_folders(self):
        """--test-config names folders that are missing for what the broker makes."""
        none = self.folder / "none"
        for line, option in ((f"persistence true\npersistence_location {none}", "persistence_loc"),
                             (f"pid_file {none}/pid", "pid_file"),
                             (f"log_dest file {none}/log", "log_dest"),
                             (f"listener 0 {none}/socket", "listener")):
            done = darter("--test-config", "-c", self.file(line + "\n"))
            self.assertEqual(done.returncode, 3, line)
            self.assertRegex(done.stderr, rf"Error: '{option}.*there is no.*{none}.*conf:[12]\)")

    def test_open_secrets(self):
        """A password file that everybody may read: a warning from a mosquitto.conf, as with
        Mosquitto, and an error from a darter.toml; each with the command that mends all of it."""
        users = self.file("", "users")
        users.chmod(0o644)
        plain, toml = f"password_file {users}\n", f'password_file = "{users}"\n'
        option = "world_readable_secrets"
        for text, status in ((plain, 0), (f"{plain}{option} refuse\n", 3),
                             (toml, 3), (f'{toml}{option} = "warn"\n', 0)):
            done = darter("--test-config", "-c", self.file(text))
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertRegex(done.stderr, rf"{'Error' if status else 'Warning'}: {users}: holds "
                             rf"secrets.*; run: (chown root:\w+ {users} && chmod 640|chmod 600) "
                             f"{users}\n")
        converted = darter("--convert", self.file(plain))
        self.assertIn(f'{option} = "warn"', converted.stdout)
        users.chmod(0o640)
        self.assertEqual(darter("--test-config", "-c", self.file(toml)).stderr, "")

    def test_taken_port(self):
        """A port that is taken: status 1 and one clear line with its number."""
        with socket.create_server(("127.0.0.1", free_port())) as taken:
            port = taken.getsockname()[1]
            done = darter("-q", "-c", self.file(f"listener {port} 127.0.0.1\n"))
            self.assertEqual(done.returncode, 1)
            done = darter("-c", self.file(f"listener {port} 127.0.0.1\n"))
        self.assertEqual(done.returncode, 1)
        lines = [line for line in done.stderr.splitlines() if str(port) in line
                 and "in use" in line.lower()]
        self.assertEqual(len(lines), 1, done.stderr)

    def test_second_broker_on_the_same_port(self):
        """Two brokers never share a port."""
        port = free_port()
        path = self.file(f"allow_anonymous true\nlistener {port} 127.0.0.1\n")
        with subprocess.Popen([binary(), "-c", str(path)], stderr=subprocess.DEVNULL) as first:
            try:
                wait_until(lambda: answers(port), "the first broker")
                self.assertEqual(darter("-c", path).returncode, 1)
            finally:
                first.terminate()
            self.assertEqual(first.wait(DEADLINE_SECONDS), 0)


class RunTest(BrokerTest):
    """Invocations that keep running."""

    autostart = False

    def run_with(self, *arguments):
        """A running broker without a configuration file; ended after the test."""
        process = subprocess.Popen([binary(), *map(str, arguments)], stderr=subprocess.DEVNULL)
        self.addCleanup(self.expect_clean_end, process)
        return process

    def expect_clean_end(self, process, number=signal.SIGTERM):
        """Status 0 after the signal."""
        process.send_signal(number)
        self.assertEqual(process.wait(DEADLINE_SECONDS), 0)

    def test_port_without_file(self):
        """-p: loopback only, both families, anonymous allowed."""
        port = free_port()
        process = self.run_with("-p", port)
        wait_until(lambda: answers(port), "the port to answer")
        Client.connected(port).close()
        if Path("/proc/net/if_inet6").exists():
            Client.connected(port, host="::1").close()
        others = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True)
        for address in others.stdout.split():
            self.assertFalse(answers(port, address), address)
        self.assertIsNone(process.poll())

    def test_two_ports(self):
        """-p may be given more than once."""
        ports = [free_port(), free_port()]
        self.run_with("-p", ports[0], "-p", ports[1], "-v")
        for port in ports:
            wait_until(lambda p=port: answers(p), "the port to answer")

    def test_port_is_ignored_beside_a_listener(self):
        """-p has no effect where the file names a listener."""
        port = free_port()
        self.start(args=("-p", str(port)))
        self.assertFalse(answers(port))

    def test_signals(self):
        """SIGTERM and SIGINT end the broker with status 0, with clients connected too."""
        for number in (signal.SIGTERM, signal.SIGINT):
            broker = self.start()
            clients = [self.client(MQTT311) for _ in range(200)]
            started = time.monotonic()
            broker.stop(number)
            self.assertLess(time.monotonic() - started, 10)
            for client in clients:
                client.expect_closed()

    def test_signal_during_start(self):
        """A signal as soon as the port answers is a clean end: handlers stand before it opens."""
        for _ in range(10):
            self.start().stop()

    def test_answers_quickly(self):
        """From start to the first CONNACK: little more than the program needs to be loaded."""
        best = min(self.seconds_to_connack() for _ in range(5))
        loading = min(self.seconds_to_load() for _ in range(5))
        self.assertLess(best, 0.5 + 10 * loading)

    @staticmethod
    def seconds_to_load():
        """How long the program takes to say its version; sanitizers and busy machines slow it."""
        started = time.monotonic()
        darter("--version")
        return time.monotonic() - started

    def seconds_to_connack(self):
        """How long a start takes, as a client sees it."""
        started = time.monotonic()
        self.start()
        self.client(MQTT311)
        return time.monotonic() - started

    def test_start_and_end_are_logged(self):
        """The lines that scripts wait for."""
        self.start()
        self.broker.wait_for_log(r"version .* starting")
        self.broker.wait_for_log(r"version .* running")
        self.broker.stop()
        self.broker.wait_for_log(r"version .* terminating")

    def test_quiet(self):
        """-q logs nothing."""
        self.start(args=("-q",))
        self.client(MQTT311)
        self.broker.stop()
        self.assertEqual(self.broker.lines, [])

    def test_pid_file(self):
        """pid_file holds the number without a newline, and goes with the broker."""
        self.start("pid_file {dir}/darter.pid\n" + self.config)
        self.broker.wait_for_log(r"version .* running")  # ports answer before
        path = self.broker.directory / "darter.pid"
        self.assertEqual(path.read_text(), str(self.broker.process.pid))
        self.broker.stop()
        self.assertFalse(path.exists())

    def test_pid_file_of_a_running_broker(self):
        """A second start that finds the port taken leaves the pid file of the first alone."""
        broker = self.start("pid_file {dir}/darter.pid\n" + self.config)
        broker.wait_for_log(r"version .* running")
        self.assertEqual(darter("-c", broker.config_file).returncode, 1)
        text = (broker.directory / "darter.pid").read_text()
        self.assertEqual(text, str(broker.process.pid))

    def test_daemon(self):
        """-d: the parent ends with 0, the child serves, its pid is in the pid_file."""
        broker = self.start("pid_file {dir}/darter.pid\n" + self.config, wait=None)
        done = darter("-d", "-c", broker.config_file, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: answers(broker.port), "the daemon to answer")
        path = broker.directory / "darter.pid"
        pid = int(wait_until(lambda: path.exists() and path.read_text(), "the pid file"))
        try:
            self.client(MQTT311).ping()
            self.assertEqual(os.getsid(pid) == os.getsid(0), False)
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not path.exists(), "the daemon to end")

    def test_log_files(self):
        """log_dest file; log_type; log_timestamp_format; connection_messages false."""
        self.start("log_dest file {dir}/broker.log\nlog_type notice\nlog_type information\n"
                   "log_timestamp_format %Y-%m-%dT%H:%M:%S\nconnection_messages false\n"
                   + self.config, args=())
        self.client(MQTT311, "unseen").disconnect()
        self.broker.stop()
        text = (self.broker.directory / "broker.log").read_text()
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: .*running")
        self.assertNotIn("unseen", text)
        self.assertEqual(self.broker.lines, [])

    @needs("root")
    def test_log_file_after_a_reload(self):
        """The user that the broker becomes can open its log file again."""
        broker = self.start("user nobody\nlog_dest file {dir}/broker.log\n" + DEFAULT_CONFIG,
                            args=(), bare=True)
        path = broker.directory / "broker.log"
        wait_until(lambda: "running" in path.read_text(), "the start")
        self.assertEqual(path.stat().st_uid, pwd.getpwnam("nobody").pw_uid)
        # Its configuration it cannot read: the log is opened again all the same, and says so.
        path.rename(path.with_suffix(".1"))
        path.touch()
        os.chown(path, path.with_suffix(".1").stat().st_uid, -1)
        broker.reload()
        wait_until(lambda: "may not read it" in path.read_text(), "the refusal")
        self.assertRegex(path.read_text(), "Reload refused.*\n.*darter.conf.*Permission denied\n"
                         r".*darter.conf: user nobody may not read it; run: chown root:\w+ ")
        broker.config_file.chmod(0o644)
        broker.reload()
        wait_until(lambda: "Log files were opened again" in path.read_text(), "the reload")
        self.assertEqual(broker.lines, [])

    @needs("root")
    def test_closed_file_at_a_reload(self):
        """A file that root could read at the start: the command told lets a reload go on."""
        broker = self.start("user nobody\npersistence false\npassword_file {dir}/passwd\n" +
                            DEFAULT_CONFIG, files={"passwd": ""}, args=())
        broker.config_file.chmod(0o644)
        broker.reload()
        line = broker.wait_for_log(r"passwd: user nobody may not read it; run: ")
        command = line.split("; run: ")[1]
        self.assertRegex(command, r"^chown root:\w+ .*/passwd && chmod 640 .*/passwd$")
        subprocess.run(["sh", "-c", command], check=True)
        broker.reload()
        broker.wait_for_log("Reloaded: ")

    @needs("root")
    def test_log_file_of_somebody(self):
        """A file that was there keeps its owner, wherever its name leads."""
        broker = self.start("user nobody\nlog_dest file {dir}/broker.log\n" + DEFAULT_CONFIG,
                            files={"broker.log": ""}, args=(), bare=True)
        path = broker.directory / "broker.log"
        wait_until(lambda: "running" in path.read_text(), "the start")
        self.assertEqual(path.stat().st_uid, 0)

    def test_log_timestamp_false(self):
        """log_timestamp false: the bare line."""
        self.start("log_timestamp false\n" + self.config, args=())
        self.client(MQTT311, "bare")
        line = self.broker.wait_for_log("New client connected")
        self.assertTrue(line.startswith("New client connected"), line)

    def test_log_none(self):
        """log_dest none: nothing."""
        self.start("log_dest none\n" + self.config, args=())
        self.client(MQTT311)
        self.broker.stop()
        self.assertEqual(self.broker.lines, [])

    def test_debug_lines(self):
        """The debug lines that filters look for, word for word as Mosquitto writes them."""
        self.start()
        client = self.client(MQTT311, "talker", will=wire.Will("w", b"gone", 1, True))
        client.subscribe("t", qos=2)
        client.publish("t", "x", 1, packet_id=7, finish=False)
        client.expect_publish("t", "x")
        client.expect(wire.PUBACK)
        client.publish("t", "xyz", 2, packet_id=8, finish=False)
        # With a store PUBREC waits for the disk.
        answers = [client.receive(), client.receive()]
        self.assertEqual({each.kind for each in answers}, {wire.PUBREC, wire.PUBLISH})
        received = next(each for each in answers if each.kind == wire.PUBLISH)
        client.send(wire.acknowledgement(wire.PUBREL, 8))
        client.expect(wire.PUBCOMP)
        client.acknowledge(received)
        client.unsubscribe("t")
        client.ping()
        client.disconnect()
        for line in ("Will message specified (4 bytes) (r1, q1).", "\tw",
                     "Sending CONNACK to talker (0, 0)",
                     "Received SUBSCRIBE from talker", "\tt (QoS 2)", "talker 2 t",
                     "Sending SUBACK to talker",
                     "Received PUBLISH from talker (d0, q1, r0, m7, 't', ... (1 bytes))",
                     "Sending PUBLISH to talker (d0, q1, r0, m1, 't', ... (1 bytes))",
                     "Sending PUBACK to talker (m7, rc0)",
                     "Received PUBACK from talker (Mid: 1, RC:0)",
                     "Received PUBLISH from talker (d0, q2, r0, m8, 't', ... (3 bytes))",
                     "Sending PUBREC to talker (m8, rc0)", "Received PUBREL from talker (Mid: 8)",
                     "Sending PUBLISH to talker (d0, q2, r0, m2, 't', ... (3 bytes))",
                     "Received PUBREC from talker (Mid: 2)", "Sending PUBREL to talker (m2)",
                     "Sending PUBCOMP to talker (m8)",
                     "Received PUBCOMP from talker (Mid: 2, RC:0)",
                     "Received UNSUBSCRIBE from talker", "\tt", "talker t",
                     "Sending UNSUBACK to talker",
                     "Received PINGREQ from talker", "Sending PINGRESP to talker",
                     "Received DISCONNECT from talker"):
            self.broker.wait_for_log(rf"^\d+: {re.escape(line)}$")

    def test_opening_lines(self):
        """What listens where, in Mosquitto's words, which scripts wait for."""
        self.start("allow_anonymous true\nlistener {port}\nlistener {ws_port} 127.0.0.1\n"
                   "protocol websockets\nlistener 0 {dir}/mqtt.sock\n")
        self.broker.wait_for_log("running")
        for what in (f"ipv4 listen socket on port {self.broker.port}",
                     f"ipv6 listen socket on port {self.broker.port}",
                     f"websockets listen socket on port {self.broker.ws_port}",
                     f"unix listen socket on path {self.broker.directory}/mqtt.sock"):
            self.broker.wait_for_log(f"Opening {what}")
            self.assertEqual(len(self.broker.log_lines(f"Opening {what}")), 1, self.broker.lines)
        self.assertEqual(self.broker.log_lines("local only"), [])

    def test_local_only_is_said(self):
        """Without a listener in the file only this machine is served, and the log says so."""
        self.start(f"allow_anonymous true\nthreads {thread_count()}\n", bare=True, wait=False,
                   args=("-p", str(free_port())))
        self.broker.wait_for_log("Starting in local only mode")

    @versions(MQTT31, MQTT311, MQTT5)
    def test_lines_cannot_be_forged(self, version):
        """Control characters that a client sends never begin a line, nor reach a terminal."""
        self.start("allow_control_characters true\n" + self.config)
        client = self.client(version, "evil\nfake id\x1b[2J", username="ann\nfake user")
        client.subscribe("a\nfake filter")
        client.publish("a\nfake topic", "x", 1)
        client.unsubscribe("a\nfake \u009b filter")
        client.disconnect()
        self.broker.stop()
        self.assertTrue(self.broker.log_lines(r"connected from .* as evil\\x0Afake id\\x1B\[2J"))
        self.assertEqual(self.broker.log_lines("^fake"), [])
        self.assertNotRegex(self.broker.log_text(), "[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    @needs("root")
    def test_user(self):
        """Started as root: goes on as the user of the option."""
        self.start("user nobody\n" + DEFAULT_CONFIG, bare=True)
        self.broker.wait_for_log("running")
        status = Path(f"/proc/{self.broker.process.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        self.assertEqual(set(uids), {"65534"})
        self.client(MQTT311).ping()

    def test_socket_domain_and_addresses(self):
        """A listener without an address listens on both families, socket_domain picks one."""
        self.start("allow_anonymous true\nlistener {port}\nlistener {port2}\nsocket_domain ipv4\n")
        self.assertTrue(answers(self.broker.port, "::1"))
        self.assertTrue(answers(self.broker.port2))
        self.assertFalse(answers(self.broker.port2, "::1"))

    def test_restart_on_the_same_port(self):
        """A broker that ended with clients connected can be started again at once."""
        broker = self.start()
        for _ in range(3):
            client = self.client(MQTT311)
            broker.restart()
            client.expect_closed()
        self.client(MQTT311).ping()
