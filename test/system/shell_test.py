"""darter-pub, darter-sub and darter-rr beside Debian's mosquitto_pub, mosquitto_sub and
mosquitto_rr on one broker: the same words, the same output, the same status. Debian's are of
version 2.0; where 2.1 prints something else, darter's tools go with that, and the tests say so."""

import os
import re
import signal
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import wire
from harness.broker import (DEADLINE_SECONDS, DEFAULT_CONFIG, WS_CONFIG, binary, free_port,
                            wait_until)
from harness.case import BrokerTest
from harness.certificates import authority, stranger
from harness.client import unique
from harness.needs import once
from harness.proxies import nginx_http

PREFIX = Path(binary()).parent
ENVIRONMENT = {**os.environ, "XDG_CONFIG_HOME": "/nonexistent", "TZ": "UTC"}
TOOLS = ("pub", "sub", "rr")


def program(family, tool):
    """The path of one of the six programs."""
    return str(PREFIX / f"darter-{tool}") if family == "darter" else f"/usr/bin/mosquitto_{tool}"


def run(family, tool, *words, stdin=b"", environment=None):
    """Runs a program to its end; returns (status, output, errors)."""
    done = subprocess.run([program(family, tool), *map(str, words)], input=stdin,
                          capture_output=True, check=False, timeout=DEADLINE_SECONDS * 2,
                          env={**ENVIRONMENT, **(environment or {})})
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def run_both(tool, *words, **more):
    """What Mosquitto's and darter's program say, each (status, output, errors)."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda family: run(family, tool, *words, **more),
                             ("mosquitto", "darter")))


def neutral(errors):
    """Errors with one name for both programs, and without the full stop that 2.1 left away."""
    text = re.sub(r"mosquitto_(pub|sub|rr)", r"darter-\1", errors)
    return re.sub(r"(?m)^(Error: The connection was \w+)\.$", r"\1", text)


@once
class OptionsTest(unittest.TestCase):
    """Errors that need no broker, as they are with Mosquitto's tools."""

    COMMON = ("-A|--cafile|--capath|--cert|--ciphers|-h|-i|-I|-k|--key|--keyform|-L|-M|-p|-P|--psk|"
              "--psk-identity|-q|-t|--tls-alpn|--tls-engine|--tls-engine-kpass-sha1|--tls-version|"
              "-u|--unix|-V|--will-payload|--will-qos|--will-topic|-x|-D|-k 4|-k 65536|-q 3|-p -1|"
              "-M 0|-i a -I b|-I a -i b|-V 4|-x 1s|-x -2|--will-qos 3|--will-topic a/+|"
              "-L mqtt://h|-t a --will-payload b|-t a --will-retain|-t a --cert b|-t a --key b|"
              "-t a --keyform b|-t a --psk 1 --cafile b|-t a --psk 1|-t a -c -V 311|--nonsense|"
              "word|-D connect|-D connect user-property a|-D connect content-type a|"
              "-D puback reason-string a|-D publish subscription-identifier 1|"
              "-D connect receive-maximum 65536|-t a -x -1 -V 5")
    OWN = {
        "pub": "-f|-m|--repeat|--repeat-delay|-m a -n|-n -l|-l -s|-s -f x|--repeat 0|"
               "--repeat-delay -1|-t a/#|-t a+|-C 1|-v|-e a|-F x|-W 1",
        "sub": "-C|-F|-T|-U|-W|--random-filter|-C 0|-W 0|-T a#|-U a+b|-t a/#/b|--random-filter 0|"
               "-F %|-F %5|-F %5.|-F %k|-F %1.2k|-F @|-F \\|-F \\q|-m a|-r|-l|-e a|"
               "-t a -R --retained-only",
        "rr": "-e|-e a/#|-m|-F %k|-W 0|-t a/+|-C 1|-l|-T a|-t a -m b|-t a -e b|-e a -m b|",
    }

    def test_errors(self):
        """The words of an error are Mosquitto's, and its status."""
        cases = [(tool, line.split()) for tool in TOOLS
                 for line in (self.COMMON + "|" + self.OWN[tool]).split("|")]
        with ThreadPoolExecutor(3) as pool:
            outcomes = pool.map(lambda case: run_both(case[0], *case[1]), cases)
        for (tool, words), (expected, got) in zip(cases, outcomes):
            with self.subTest(tool=tool, words=words):
                self.assertEqual(got[0], expected[0])
                self.assertEqual(neutral(got[2]), neutral(expected[2]))

    def test_errors_of_2_1(self):
        """Where 2.1 says more than 2.0, darter's tools say that."""
        for words, expected in (
                ("-D suback reason-string a", "Error: Invalid command suback given in"),
                ("-D publish colour a", "Error: Invalid property name colour given in"),
                ("", "Error: You must specify a topic to subscribe to (-t) or unsubscribe from"),
                ("-L http://h/t", "Error: Unsupported URL scheme.\n"),
                ("-o", "Error: -o argument given but no options file specified.\n\n"),
                ("--retain-handling x", "Error: Unknown value 'x' for --retain-handling.\n\n"),
                ("-c -t a", "Error: You must provide a client id if you are using an infinite")):
            with self.subTest(words=words):
                status, _, errors = run("darter", "sub", *words.split())
                self.assertEqual(status, 1)
                self.assertTrue(errors.startswith(expected), errors)

    def test_a_message_is_needed(self):
        """A publisher without a message says so."""
        for words in ((), ("-t", "a"), ("-m", "a")):
            status, _, errors = run("darter", "pub", *words)
            self.assertEqual(status, 1)
            self.assertIn("Error: Both topic and message must be supplied.\n", errors)

    def test_help_and_version(self):
        """They have the status that they have with Mosquitto, and every example is accepted."""
        for tool in TOOLS:
            self.assertEqual(run("darter", tool, "--help")[0], run("mosquitto", tool, "--help")[0])
            status, output, _ = run("darter", tool, "--version")
            self.assertEqual(status, run("mosquitto", tool, "--version")[0])
            self.assertRegex(output.decode(), rf"^darter-{tool} version \d+\.\d+\.\d+\n$")
            self.assertIn("\nExamples:\n", run("darter", tool, "--help")[1].decode())


@once
class OutputTest(BrokerTest):
    """One broker, one set of retained messages, two subscribers."""

    def setUp(self):
        super().setUp()
        self.publisher = self.client(wire.MQTT5)
        properties = [(wire.PAYLOAD_FORMAT, 1), (wire.CONTENT_TYPE, "plain/text"),
                      (wire.RESPONSE_TOPIC, "/dev/null"), (wire.CORRELATION_DATA, b"23572"),
                      (wire.USER_PROPERTY, ("name1", "value1")),
                      (wire.USER_PROPERTY, ("name2", "value2"))]
        for topic, payload in (("out/a", b"message"), ("out/b/c", b"{\"x\":1}"),
                               ("out/d", b"\xff\x00\n\x01"), ("out/e", "ünï".encode())):
            self.publisher.publish(topic, payload, 1, retain=True,
                                   properties=properties if topic == "out/a" else [])

    def both(self, tool, *words, **more):
        """As run_both(), of this broker."""
        return run_both(tool, "-h", "127.0.0.1", "-p", self.broker.port, *words, **more)

    def assert_same(self, tool, *words, **more):
        """Both say the same, byte for byte."""
        expected, got = self.both(tool, *words, **more)
        self.assertEqual(got[:2], expected[:2])
        self.assertEqual(neutral(got[2]), neutral(expected[2]))
        return got

    FLAGS = ("-C 1|-C 1 -v|-C 1 -N|-C 1 -N -v|-T out/a -C 1 -v|-T out/b/# -T out/a -C 1 -v|"
             "--retained-only -C 2|-E|-E -q 2|-C 1 -q 1|-C 1 -q 2|-C 1 -I pre|-C 1 -u name -P word|"
             "-C 1 -k 5|-C 1 --nodelay|-C 1 --retain-as-published|-C 1 -M 5|-C 1 -A 127.0.0.1|"
             "-E -U out/z|-C 1 --will-topic w --will-payload p|-C 1 --quiet|-E --pretty")
    FEW_FLAGS = "-C 2 -v|-E -q 2|-C 1 -q 1|-C 1 -i old|-C 1 --will-topic w --will-qos 1"

    def test_flags(self):
        """Each flag of a subscriber, some of them in each protocol version."""
        for version, lines in (("311", self.FLAGS), ("31", self.FEW_FLAGS), ("5", self.FEW_FLAGS)):
            for line in lines.split("|"):
                with self.subTest(version=version, words=line):
                    # Two clients at once cannot have one identifier.
                    words = [line.split(), line.replace("-i old", "-i new").split()]
                    common = ("-V", version, "-p", self.broker.port, "-t", "out/#")
                    expected = run("mosquitto", "sub", *common, *words[0])
                    self.assertEqual(run("darter", "sub", *common, *words[1]), expected)

    FORMATS = ("%%|%A|%C|%2C|%.5C|%12.5C|%-12C.|%D|%E|%F|%02F|%3F|%l|%02l|%4l|%-4l.|%m|%P|%p|%12p|"
               "%-12p.|%012p|%3p|%q|%R|%r|%S|%03S|%t|%.2t|%8t|%-8t.|%8.3t|%-8.3t.|%x|%X|@@|text|"
               "\\\\|\\a\\e\\n\\r\\t\\v\\0|%t %p %q|@Y|@j @U")

    def test_formats(self):
        """Each format that shows a message, for text, JSON, bytes and UTF-8."""
        for topic in ("out/a", "out/d", "out/e"):
            # One run prints them all: programs are started often enough here.
            line = "|".join(f.replace("@j @U", "") for f in self.FORMATS.split("|"))
            for version in ("311", "5"):
                with self.subTest(topic=topic, version=version):
                    self.assert_same("sub", "-V", version, "-t", topic, "-C", "1", "-F", line)
                    self.assert_same("sub", "-V", version, "-t", topic, "-C", "1", "-F", "@Y-@m-@d",
                                     "-D", "subscribe", "subscription-identifier", "56")
        with self.subTest("2.1"):
            # 2.0 knows no separators, and cuts digits off with a width.
            got = run("darter", "sub", "-p", self.broker.port, "-t", "out/a", "-C", "1", "-F",
                      "%.2:x %18x")
            self.assertEqual(got[:2], (0, b"6d:65:73:73:61:67:65     6d657373616765\n"))

    def test_json(self):
        """%j and %J, on one line and on several."""
        for topic, form in (("out/a", "%j"), ("out/b/c", "%J"), ("out/b/c", "%j"), ("out/e", "%j")):
            for pretty in ((), ("--pretty",)):
                with self.subTest(topic=topic, form=form, pretty=pretty):
                    expected, got = self.both("sub", "-V", "311", "-t", topic, "-C", "1", "-F",
                                              form, *pretty)
                    # 2.0 has a number for the flag, and a zone with a colon in no version.
                    wanted = re.sub(rb'("retain":\t?)1', rb"\1true", expected[1])
                    clock = re.compile(rb'"tst":(\t?)"[^"]*"')
                    self.assertEqual(clock.sub(rb'"tst":\1', got[1]),
                                     clock.sub(rb'"tst":\1', wanted))
                    self.assertRegex(got[1], rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000"')
        status, output, errors = run("darter", "sub", "-p", self.broker.port, "-t", "out/a", "-C",
                                     "1", "-F", "%J")
        self.assertEqual((status, output), (0, b"\n"))
        self.assertEqual(errors, "Error: Message payload is not valid JSON on topic out/a.\n")

    def test_times(self):
        """-W ends with status 27."""
        self.assert_same("sub", "-t", "out/#", "-R", "-W", "1")
        status, _, errors = self.assert_same("sub", "-t", "nothing", "-W", "1")
        self.assertEqual((status, errors), (27, "Timed out\n"))
        status, _, errors = self.assert_same("rr", "-t", "nothing", "-e", "nowhere", "-m", "x",
                                             "-W", "1")
        self.assertEqual((status, errors), (27, "Timed out\n"))

    def test_remove_retained(self):
        """--remove-retained clears what it prints, and -T saves topics from it."""
        status, output, _ = run("darter", "sub", "-p", self.broker.port, "-t", "out/#", "-T",
                                "out/a", "--remove-retained", "-C", "3", "-F", "%t")
        self.assertEqual((status, sorted(output.split())), (0, [b"out/b/c", b"out/d", b"out/e"]))
        reader = self.client(wire.MQTT311)
        reader.subscribe("out/#")
        reader.expect_publish("out/a", "message")
        reader.ping()

    def test_outputs_of_2_1(self):
        """-w gives each topic a line of the terminal, --message-rate counts."""
        words = ("-h", "127.0.0.1", "-p", self.broker.port)
        status, output, _ = run("darter", "sub", *words, "-t", "out/a", "-t", "out/e", "-w", "-C",
                                "2")
        self.assertEqual((status, output.decode()), (0, (
            "\033[2J\033[1;1HBroker: 127.0.0.1\n\033[2;1Hmessage\n\033[2;1H\n"
            "\033[3;1Hünï\n\033[3;1H\n")))
        status, output, _ = run("darter", "sub", *words, "-t", "out/#", "--message-rate", "-W", "2")
        self.assertEqual(status, 27)
        self.assertTrue(output.startswith(b"4 msgs/s\n"), output)

    def test_watch(self):
        """--watch prints a table of topics again and again."""
        words = [program("darter", "sub"), "-p", str(self.broker.port), "-t", "out/#", "--watch"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            text = b""
            while b"topics 4   messages 4" not in text or text.count(b"TOPIC") < 2:
                text += process.stdout.readline()
            process.send_signal(signal.SIGINT)
            text += process.stdout.read()
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
        self.assertRegex(text.decode(), r"(?m)^out/a +1 +\d.* \(retained\) message$")

    def test_a_reader_that_goes_ends_the_subscriber(self):
        """`darter-sub | head -1` ends with the next message."""
        words = [program("darter", "sub"), "-p", str(self.broker.port), "-t", "pipe"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            self.broker.wait_for_log("pipe \\(QoS 0\\)")
            process.stdout.close()
            wait_until(lambda: self.publisher.publish("pipe", b"x", 1)
                       and process.poll() is not None, "the subscriber to end")
            self.assertEqual(process.returncode, 0)

    def test_request_and_response(self):
        """darter-rr prints the response, and says in 5.0 where it is to go."""
        words = [program("darter", "rr"), "-p", str(self.broker.port), "-t", "ask", "-e", "reply",
                 "-m", "question", "-D", "publish", "correlation-data", "7", "-v", "-W", "20",
                 "--latency"]
        self.publisher.subscribe("ask")
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            request = self.publisher.expect_publish("ask", "question")
            self.assertIn((wire.RESPONSE_TOPIC, "reply"), request.properties)
            self.assertIn((wire.CORRELATION_DATA, b"7"), request.properties)
            self.publisher.publish("reply", b"answer", 1)
            output = process.communicate(timeout=DEADLINE_SECONDS)[0].decode()
            self.assertRegex(output, r"^reply answer\nLatency: \d+(\.\d+)?(ns|µs|ms)?\n$")
            self.assertEqual(process.returncode, 0)


@once
class PublishTest(BrokerTest):
    """What a broker gets from each publisher is the same."""

    CASES = (("-m word", b""), ("-m word -q 1", b""), ("-m word -q 2", b""), ("-m word -r", b""),
             ("-n", b""), ("-n -r -q 1", b""), ("-s", b"all of\nit\n"), ("-l", b"one\ntwo\n\nend"),
             ("-l -q 1", b"one\ntwo\n\nend\n"), ("-l -q 2", b"one\ntwo"), ("-l", b""),
             ("-m x --repeat 3", b""), ("-m x -q 1 --repeat 3 --repeat-delay 0.01", b""),
             ("-f {file}", b""), ("-f /nonexistent", b""), ("-s", b""), ("-m x -u n -P p", b""),
             ("-m x --quiet", b""), ("-m x -V 5 -D publish content-type text/plain "
                                     "-D publish user-property a b -D publish response-topic r "
                                     "-D publish payload-format-indicator 1 "
                                     "-D publish correlation-data c", b""))

    def logged(self, pattern):
        """How many log lines fit."""
        return len(self.broker.log_lines(pattern))

    def published(self, reader, family, words, stdin):
        """Status and output of a publisher, and all that the reader gets of it, as tuples."""
        ended, sent = self.logged(" disconnected"), self.logged("Received PUBLISH from")
        status, output, errors = run(family, "pub", "-p", self.broker.port, "-t", "p", *words,
                                     stdin=stdin)
        if status == 0:  # the broker may be on its way to reading the last message
            wait_until(lambda: self.logged(" disconnected") > ended, "the end of the publisher")
        packets = [reader.expect(wire.PUBLISH)
                   for _ in range(self.logged("Received PUBLISH from") - sent)]
        reader.ping()
        # 2.1 says why a file cannot be read, 2.0 does not.
        return status, output, bool(errors), [
            (p.topic, p.payload, p.retain, sorted(p.properties or [])) for p in packets]

    def test_messages(self):
        """Topic, payload, flags and properties; output and status too."""
        path = self.broker.write("payload", b"bytes\x00of\nfile")
        reader = self.client(wire.MQTT5)
        reader.subscribe(("p", 8))  # QoS 0, and the flag as the publisher sets it
        for line, stdin in self.CASES:
            words = line.format(file=path).split()
            with self.subTest(words=words):
                wanted, seen = (self.published(reader, family, words, stdin)
                                for family in ("mosquitto", "darter"))
                self.assertEqual(seen, wanted)

    def test_many_lines(self):
        """Lines of a file and of a pipe, more than fit into a window, with each QoS."""
        lines = [b"line %d" % i for i in range(3000)]
        path = self.broker.write("lines", b"\n".join(lines))
        reader = self.client(wire.MQTT311)
        for qos in (0, 1, 2):
            topic = unique("lines/")
            reader.subscribe((topic, 0))
            command = [program("darter", "pub"), "-p", str(self.broker.port), "-t", topic, "-l",
                       "-q", str(qos)]
            if qos == 1:
                with open(path, "rb") as file:
                    done = subprocess.run(command, stdin=file, check=False, env=ENVIRONMENT,
                                          timeout=DEADLINE_SECONDS)
            else:
                done = subprocess.run(command, input=b"\n".join(lines), check=False,
                                      env=ENVIRONMENT, timeout=DEADLINE_SECONDS)
            self.assertEqual(done.returncode, 0)
            got = [reader.expect(wire.PUBLISH).payload for _ in lines]
            reader.ping()
            self.assertEqual(got, lines)

    def test_lines_survive_a_restart(self):
        """darter-pub -l with QoS 1 goes on after the broker was away."""
        command = [program("darter", "pub"), "-p", str(self.broker.port), "-t", "kept", "-l", "-q",
                   "1", "-r"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=ENVIRONMENT) as process:
            process.stdin.write(b"before\n")
            process.stdin.flush()
            self.broker.wait_for_log("PUBLISH from .*kept")
            self.broker.restart()
            process.stdin.write(b"after\n")
            process.stdin.close()
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
        reader = self.client(wire.MQTT311)
        reader.subscribe("kept")
        reader.expect_publish("kept", "after")

    def test_a_large_message_leaves_in_order(self):
        """A payload larger than all buffers arrives, and DISCONNECT behind it: no will."""
        payload = os.urandom(1_900_000)
        reader = self.client(wire.MQTT311)
        reader.subscribe("large", "will")
        for qos in ("0", "2"):
            status, _, errors = run("darter", "pub", "-p", self.broker.port, "-t", "large", "-s",
                                    "-q", qos, "--will-topic", "will", stdin=payload)
            self.assertEqual((status, errors), (0, ""))
            reader.expect_publish("large", payload)
        reader.ping()


@once
class ConnectionTest(BrokerTest):
    """How a connection comes about, and what is said if it does not."""

    config = ("per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
              "listener {port2} 127.0.0.1\nallow_anonymous false\n"
              "listener {ws_port} 127.0.0.1\nprotocol websockets\nallow_anonymous true\n"
              "listener 0 {dir}/socket\nallow_anonymous true\n")

    def publish(self, *words):
        """Publishes with darter-pub."""
        return run("darter", "pub", "-t", "a", "-m", "b", *words)

    def test_refused(self):
        """The reason of a CONNACK is the status, and Mosquitto's words are said."""
        for version, status in (("31", 5), ("311", 5), ("5", 135)):
            for tool, words in (("pub", ("-t", "a", "-m", "b")), ("sub", ("-t", "a"))):
                with self.subTest(version=version, tool=tool):
                    words = ("-p", self.broker.port2, "-V", version, *words)
                    expected = run("mosquitto", tool, *words)
                    got = run("darter", tool, *words)
                    self.assertEqual((got[0], expected[0]), (status, status))
                    self.assertEqual(got[2].splitlines()[0], expected[2].splitlines()[0])
                    self.assertIn("Error: The connection was refused\n", got[2])
                    self.assertIn("Try -u NAME with --pw-file FILE.\n", got[2])

    def test_nobody_there(self):
        """No listener, no name, no TLS: status 1, why, and a next step."""
        port = self.broker.port
        for words, why, step in (
                (("-p", free_port()), "[Rr]efused", "-h and -p say where"),
                (("-h", "nowhere.invalid"), "nowhere.invalid", "Check the name after -h"),
                (("--unix", "/nonexistent/socket"), "No such file", "-h and -p"),
                (("-p", port, "--cafile", authority().path("ca.crt")), "TLS", "speak TLS")):
            with self.subTest(words=words):
                status, _, errors = self.publish(*words)
                self.assertEqual(status, 1)
                self.assertRegex(errors, f"Error: .*{why}")
                self.assertIn(step, errors)
                self.assertEqual(self.publish(*words, "--quiet")[2], "")

    def test_ways(self):
        """TCP, unix sockets and WebSockets, by flags and by URL."""
        port, ws_port = self.broker.port, self.broker.ws_port
        path = self.broker.directory / "socket"
        reader = self.client()
        reader.subscribe("#")
        for words in (("-p", port, "-t", "a"), ("-L", f"mqtt://127.0.0.1:{port}/a"),
                      ("--unix", path, "-t", "a"), ("-L", f"unix:{path}", "-t", "a"),
                      ("-p", ws_port, "--ws", "-t", "a"),
                      ("-p", ws_port, "--protocol", "websockets", "--ws-header", "X-A: b", "-t",
                       "a"),
                      ("-L", f"ws://name:word@localhost:{ws_port}/a", "--ws-path", "/x?y=z")):
            with self.subTest(words=words):
                self.assertEqual(run("darter", "pub", "-m", "b", *words), (0, b"", ""))
                reader.expect_publish("a", "b")

    def test_files_of_options(self):
        """Mosquitto's file is read, and -o in its place."""
        folder = self.broker.directory / "config"
        folder.mkdir()
        (folder / "mosquitto_pub").write_text(f"# options\n-p {self.broker.port}\n-t from/file\n")
        reader = self.client()
        reader.subscribe("#")
        environment = {"XDG_CONFIG_HOME": str(folder)}
        for family in ("mosquitto", "darter"):
            self.assertEqual(run(family, "pub", "-m", "b", environment=environment)[0], 0)
            reader.expect_publish("from/file", "b")
        words = ("-o", folder / "mosquitto_pub", "-m", "c")
        self.assertEqual(run("darter", "pub", *words), (0, b"", ""))
        reader.expect_publish("from/file", "c")

    def test_a_subscriber_comes_back(self):
        """darter-sub connects again after the broker was away, and subscribes again."""
        words = [program("darter", "sub"), "-p", str(self.broker.port), "-t", "back", "-C", "1"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            self.broker.wait_for_log("back \\(QoS 0\\)")
            before = len(self.broker.log_lines("back \\(QoS 0\\)"))
            self.broker.restart()
            wait_until(lambda: len(self.broker.log_lines("back \\(QoS 0\\)")) > before,
                       "the subscription")
            self.publish("-t", "back", "-p", self.broker.port)
            self.assertEqual(process.communicate(timeout=DEADLINE_SECONDS)[0], b"b\n")
            self.assertEqual(process.returncode, 0)

    def test_a_signal_ends_a_subscriber_in_order(self):
        """SIGINT and SIGTERM: DISCONNECT, status 0."""
        for number in (signal.SIGINT, signal.SIGTERM):
            topic = unique("end/")
            words = [program("darter", "sub"), "-p", str(self.broker.port), "-t", topic]
            with subprocess.Popen(words, env=ENVIRONMENT) as process:
                self.broker.wait_for_log(topic)
                process.send_signal(number)
                self.assertEqual(process.wait(DEADLINE_SECONDS), 0)


@once
class DeniedTest(BrokerTest):
    """A broker that lets clients do little."""

    config = DEFAULT_CONFIG + "acl_file {dir}/acl\nacl_refuse_subscribe true\n"
    files = {"acl": "topic readwrite ok/#\n"}

    def test_denied(self):
        """Denied subscriptions and messages: the words and the status of Mosquitto's tools."""
        for version in ("311", "5"):
            for tool, words in (("sub", ("-t", "no/x")), ("rr", ("-t", "ok/x", "-e", "no/y", "-n")),
                                ("pub", ("-t", "no/x", "-n", "-q", "1")),
                                ("sub", ("-t", "no/x", "-t", "ok/x", "-W", "1"))):
                with self.subTest(version=version, tool=tool):
                    expected, got = run_both(tool, "-p", self.broker.port, "-V", version, *words)
                    self.assertEqual(got, expected)


@once
class OldBrokerTest(BrokerTest):
    """A broker that has no MQTT 5.0."""

    config = DEFAULT_CONFIG + "accept_protocol_versions 3,4\n"

    def test_fall_back(self):
        """Without -V 3.1.1 is taken, and that is said; with -V 5 it is an error."""
        words = ("-p", self.broker.port, "-t", "a", "-m", "b")
        status, _, errors = run("darter", "pub", *words)
        self.assertEqual(status, 0)
        self.assertRegex(errors, r"^Note: the broker at .*:\d+ does not know MQTT 5.0; 3.1.1 is")
        self.assertEqual(run("darter", "pub", *words, "--quiet"), (0, b"", ""))
        status, _, errors = run("darter", "pub", *words, "-V", "5")
        self.assertEqual(status, 132)
        self.assertIn("Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.\n", errors)


@once
class WssTest(BrokerTest):
    """A broker behind a real nginx that has TLS: the way of a deployment, from a shell."""

    config = WS_CONFIG

    def setUp(self):
        super().setUp()
        self.authority = authority()
        self.port = free_port()
        to = f"proxy_pass http://127.0.0.1:{self.broker.ws_port};"
        proxy = nginx_http(self.port, tls=(self.authority.path("server.crt"),
                                           self.authority.path("server.key")),
                           mqtt=to, closed="return 403;", gone="return 404;",
                           away=f"proxy_pass http://127.0.0.1:{free_port()};")
        self.addCleanup(proxy.close)
        self.words = ("-h", "localhost", "-p", self.port, "--cafile", self.authority.path("ca.crt"),
                      "--protocol", "websockets")

    def test_publish_and_subscribe(self):
        """What one publishes over wss the other prints."""
        self.assertEqual(run("darter", "pub", *self.words, "-t", "a/b", "-m", "over wss", "-r",
                             "-q", "1"), (0, b"", ""))
        self.assertEqual(run("darter", "sub", *self.words, "-t", "a/#", "-v", "-C", "1"),
                         (0, b"a/b over wss\n", ""))
        url = f"wss://localhost:{self.port}/a/b"
        self.assertEqual(run("darter", "sub", "-L", url, "-C", "1", "--cafile",
                             self.authority.path("ca.crt")), (0, b"over wss\n", ""))

    def test_next_steps(self):
        """403, 404, 502, an authority that is not known, TLS that is left out."""
        for words, step in ((("--ws-path", "/closed"), "--ws-header 'Origin:"),
                            (("--ws-path", "/gone"), "try --ws-path"),
                            (("--ws-path", "/away"), "does not reach it"),
                            (("--cafile", stranger().path("ca.crt")), "--cafile FILE"),
                            (("--no-tls",), "--ws-path")):
            with self.subTest(words=words):
                status, _, errors = run("darter", "pub", *self.words, "-t", "a", "-m", "b", *words)
                self.assertEqual(status, 1)
                self.assertIn(step, errors)
        done = run("darter", "pub", *self.words, "-t", "a", "-m", "b", "--cafile",
                   stranger().path("ca.crt"), "--insecure")
        self.assertEqual(done[0], 0)
        self.assertIn("Warning: --insecure", done[2])


if __name__ == "__main__":
    unittest.main()
