"""darter trace: what clients send and get, and what the broker decides about them, live."""

import json
import signal
import socket
import subprocess
import threading

from api_test import CHANGE, ApiTest
from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, binary, wait_until
from harness.case import BrokerTest
from harness.certificates import server_lines
from harness.websocket import WebSocket
from harness.wire import MQTT5, MQTT311

NOT_AUTHORIZED = 0x87


class Trace:
    """A darter trace --json process that has begun."""

    def __init__(self, test, *words):
        self.test, self.records, self.changed = test, [], threading.Condition()
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            [binary(), "trace", *words, "--json", "-c", str(test.broker.config_file)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        self.first_line = self.process.stderr.readline()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Keeps the records that come."""
        for line in self.process.stdout:
            with self.changed:
                self.records.append(json.loads(line))
                self.changed.notify_all()

    def wait_for(self, kind, text, client_id=None):
        """The first record of a kind that has the text."""
        def found():
            return next((each for each in self.records if each.get("kind") == kind
                         and text in each["text"] and client_id in (None, each["client_id"])), None)
        with self.changed:
            self.changed.wait_for(found, DEADLINE_SECONDS)
        record = found()
        self.test.assertIsNotNone(record, f"{kind} {text!r} is not in\n{self.text()}")
        return record

    def text(self):
        """All records."""
        return "\n".join(f"{each.get('client_id')} {each.get('kind')}: {each.get('text')}"
                         for each in list(self.records))

    def end(self):
        """Ends it as Ctrl-C does. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE_SECONDS)
        self.reader.join(DEADLINE_SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode


class TraceTest(BrokerTest):
    """One broker, traced from a shell."""

    args = ()

    def start(self, *args, **options):
        broker = super().start(*args, **options)
        broker.wait_for_log("running")
        return broker

    def trace(self, *words):
        """A trace that has begun."""
        trace = Trace(self, *words)
        self.assertIn("has begun", trace.first_line)
        return trace


class ClientTraceTest(TraceTest):
    """--client: from CONNECT on, and in the middle of a connection."""

    def test_packets(self):
        """All packets both ways and no others, with the decisions; no password, no log line."""
        trace = self.trace("--client", "s-*")
        other = self.client(MQTT311, "other")
        other.publish("other/topic", b"nothing", 1)
        client = self.client(MQTT5, "s-1", username="ann", password=b"open sesame")
        client.subscribe("a/+", qos=1)
        publisher = self.client(MQTT5, "s-2")
        publisher.publish("a/b", b"top secret", 1)
        client.expect_publish("a/b", "top secret")
        client.disconnect()
        connect = trace.wait_for("in", "CONNECT MQTT 5.0, client 's-1'", "s-1")
        self.assertIn("user 'ann', a password", connect["text"])
        self.assertTrue(connect["address"].startswith("127.0.0.1:"), connect)
        self.assertRegex(connect["connection"], r"^\d+\.\d+\.\d+$")
        trace.wait_for("decision", "begins a new session")
        trace.wait_for("out", "CONNACK 0x00 Success")
        trace.wait_for("in", "SUBSCRIBE id 1, 'a/+' QoS 1")
        trace.wait_for("out", "SUBACK id 1, 0x01 Granted QoS 1")
        trace.wait_for("in", "PUBLISH 'a/b', QoS 1, id 1, 10 bytes of payload", "s-2")
        trace.wait_for("decision", "publishes to 'a/b', QoS 1, 10 bytes; rights: there are no "
                       "rules; it is for ", "s-2")
        trace.wait_for("out", "PUBLISH 'a/b', QoS 1, id 1, 10 bytes of payload", "s-1")
        trace.wait_for("out", "PUBACK id 1, 0x00 Success", "s-2")
        trace.wait_for("in", "PUBACK id 1", "s-1")
        trace.wait_for("in", "DISCONNECT")
        self.assertEqual(trace.end(), 0)
        for absent in ("sesame", "secret", "other"):
            self.assertNotIn(absent, trace.text())
        self.assertEqual([each["number"] for each in trace.records],
                         list(range(1, len(trace.records) + 1)))
        self.assertEqual(self.broker.log_lines("Received|Sending|PUBLISH"), [])

    def test_in_the_middle(self):
        """A trace that begins in the middle of a packet knows version, client and packet."""
        client = self.client(MQTT5, "old")
        packet = wire.publish(MQTT5, "half/topic", b"x" * 20_000)
        client.send(wire.pingreq() + packet[:9])
        client.expect(wire.PINGRESP)
        trace = self.trace("--client", "old", "--payload")
        client.send(packet[9:])
        record = trace.wait_for("in", "PUBLISH 'half/topic', QoS 0, 20000 bytes of payload: 'xxx")
        self.assertLess(len(record["text"]), 1000)
        client.send(b"\x30\xff\xff\xff\xff\xff")
        trace.wait_for("in", "bytes that are no packet: 30 ff")
        trace.wait_for("decision", "refused: Malformed Packet: remaining length has more than four "
                       "bytes [section 1.5.5]")
        trace.wait_for("out", "DISCONNECT 0x81 Malformed Packet")

    def test_clauses(self):
        """A packet that breaks a rule: the clause of the client's own version is named."""
        trace = self.trace("--client", "*")
        for version, clause in ((MQTT5, "MQTT-3.1.0-2"), (MQTT311, "MQTT3-3.1.0-2")):
            client = self.client(version, f"twice-{version}")
            client.send(wire.connect(version, client.client_id))
            trace.wait_for("decision", f"refused: Protocol Error: a second CONNECT [{clause}]",
                           client.client_id)

    def test_refused_logins(self):
        """A CONNECT that is refused, for its login or its form, and a takeover."""
        self.start("per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
                   "listener {port2} 127.0.0.1\nallow_anonymous true\n")
        trace = self.trace("--client", "guest")
        self.refused(MQTT5, NOT_AUTHORIZED, "guest")
        trace.wait_for("decision", "login refused: ")
        trace.wait_for("decision", "CONNECT refused: Not authorized")
        trace.wait_for("out", "CONNACK 0x87 Not authorized")
        first = self.client(MQTT5, "guest", port=self.broker.port2)
        self.client(MQTT5, "guest", port=self.broker.port2)
        first.expect(wire.DISCONNECT)
        trace.wait_for("decision", "taken over by a connection from 127.0.0.1")
        trace.wait_for("out", "DISCONNECT 0x8e Session taken over")

    def test_queues(self):
        """Why messages wait, and why they are lost; wills, and the end of a session."""
        self.start(DEFAULT_CONFIG + "max_queued_messages 2\n", args=("-v",))
        away = self.persistent(MQTT5, "away", will=wire.Will("wills/away", b"gone"))
        away.subscribe("for/away", qos=1)
        self.client(MQTT5, "heir").subscribe("wills/#")
        trace, wills = self.trace("--client", "away"), self.trace("--topic", "wills/#")
        self.drop(away)
        trace.wait_for("decision", "its will is published to 'wills/away'", "away")
        wills.wait_for("decision", "its will is published to 'wills/away'", "away")
        wills.wait_for("decision", "sent: QoS 0", "heir")
        publisher = self.client(MQTT311)
        for number in range(3):
            publisher.publish("for/away", str(number), 1)
        trace.wait_for("decision", "a message is queued: its client is away", "away")
        trace.wait_for("decision", "a message is dropped: queue_full", "away")
        self.persistent(MQTT5, "away").expect_publish("for/away", "0")
        trace.wait_for("decision", "its session goes on")


class AddressTraceTest(TraceTest):
    """--address: from the first byte on."""

    config = (DEFAULT_CONFIG + "listener {port2} 127.0.0.1\n" + server_lines() +
              "listener {ws_port} 127.0.0.1\nprotocol websockets\n")

    def test_before_connect(self):
        """Wrong protocols, handshakes that fail, and a listener's limit."""
        trace = self.trace("--address", "127.0.0.0/8")
        with socket.create_connection(("127.0.0.1", self.broker.port), DEADLINE_SECONDS) as http:
            http.sendall(b"GET / HTTP/1.1\r\n\r\n")
            trace.wait_for("connection", "TCP connection accepted")
            trace.wait_for("in", "refused bytes: 47 45 54 20 2f")
            trace.wait_for("connection", "sent HTTP")
        with socket.create_connection(("127.0.0.1", self.broker.port2), DEADLINE_SECONDS) as tls:
            tls.sendall(b"\x16\x03\x01\x00\x05hello")
            trace.wait_for("connection", "TLS handshake failed: ")
        web = WebSocket(self.broker.ws_port)
        self.addCleanup(web.close)
        web.refused(426, Sec_WebSocket_Version="12")
        trace.wait_for("connection", "refused: 4")
        self.ws_client(MQTT311, "web")
        trace.wait_for("connection", "WebSocket opened")
        trace.wait_for("in", "CONNECT MQTT 3.1.1, client 'web'", "web")
        trace.wait_for("out", "CONNACK 0x00 Success")

    def test_refused_at_once(self):
        """Limits of a listener and of addresses, and bans: before a byte of the client is read."""
        place = "listener {} 127.0.0.1\n"
        self.start("limits_exempt none\nallow_anonymous true\nmax_login_failures 1\n" +
                   place.format("{port}") + "max_connections 1\n" +
                   place.format("{port2}") + "max_connection_rate 1\n" +
                   place.format("{port3}") +
                   "max_connection_rate_per_address 1\n" +
                   place.format("{ws_port}") + "listener_allow_anonymous false\n")
        trace = self.trace("--address", "127.0.0.1")
        held = []
        self.addCleanup(lambda: [each.close() for each in held])

        def is_told(port, why):
            """Connects once more; says whether the trace has the refusal."""
            held.append(socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS))
            return any(f" denied: {why}" in each["text"] for each in list(trace.records))
        for port, why in ((self.broker.port, "max_connections exceeded"),
                          (self.broker.port2, "max_connection_rate exceeded"),
                          (self.broker.port3, "max_connection_rate_per_address exceeded")):
            wait_until(lambda port=port, why=why: is_told(port, why), why)
            record = trace.wait_for("connection", f" denied: {why}.")
            self.assertTrue(record["address"].startswith("127.0.0.1:"), record)
            self.assertEqual(record["client_id"], "")
        self.refused(MQTT5, NOT_AUTHORIZED, port=self.broker.ws_port)
        self.broker.wait_for_log("Address 127.0.0.1 is banned")
        wait_until(lambda: is_told(self.broker.port3, "its address is banned after failed logins"),
                   "the ban")

    def test_other_address(self):
        """Clients of other addresses are not followed, and each faulty filter has a sentence."""
        trace = self.trace("--address", "192.0.2.0/24")
        self.client(MQTT311, "near").ping()
        self.assertEqual(trace.end(), 0)
        self.assertEqual(trace.records, [])
        for words, says in ((("--address", "nonsense"), "is no address"),
                            (("--topic", "a/#/b"), "is no topic filter"), ((), "name one of them"),
                            (("--client", "a", "--topic", "b"), "name one of them")):
            trace = Trace(self, *words)
            self.assertEqual(trace.process.wait(DEADLINE_SECONDS), 1)
            self.assertIn(says, trace.first_line)


class TopicTraceTest(TraceTest):
    """--topic: what becomes of each PUBLISH."""

    config = "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {dir}/acl\n"
    files = {"acl": "topic readwrite home/#\ntopic deny home/secret\n"}

    def test_outcomes(self):
        """Who published, by which right, and what each subscriber got; no other topic."""
        trace = self.trace("--topic", "home/#")
        readers = [self.client(MQTT5, f"reader-{number}") for number in range(3)]
        for reader in readers:
            reader.subscribe("home/+", "out", qos=1)
        publisher = self.client(MQTT5, "writer")
        publisher.publish("home/door", b"open", 1)
        for reader in readers:
            reader.expect_publish("home/door", "open")
        record = trace.wait_for("decision", "publishes to 'home/door', QoS 1, 4 bytes; ", "writer")
        self.assertRegex(record["text"], r"; rights: by .*acl:1; it is for ")
        for reader in readers:
            trace.wait_for("decision", "sent: QoS 1, packet identifier", reader.client_id)
        publisher.publish("home/secret", b"no", 1, finish=False)
        publisher.expect(wire.PUBACK, reason=NOT_AUTHORIZED)
        record = trace.wait_for("decision", "denied: PUBLISH to 'home/secret': by ", "writer")
        self.assertTrue(record["text"].endswith("acl:2"), record)
        publisher.publish("elsewhere", b"", 0)
        publisher.ping()
        trace.end()
        self.assertNotIn("elsewhere", trace.text())


class CommandTest(TraceTest):
    """The command itself: its ends, its output, and how many there may be."""

    def run_trace(self, *words):
        """A trace that ends by itself."""
        return subprocess.run([binary(), "trace", *words, "-c", str(self.broker.config_file)],
                              capture_output=True, text=True, check=False,
                              timeout=DEADLINE_SECONDS)

    def test_ends(self):
        """--for, --count and a reader that goes end it; lines have a time and a direction."""
        self.assertEqual(self.run_trace("--client", "x", "--for", "1").returncode, 0)
        trace = self.trace("--client", "c", "--count", "2")
        self.client(MQTT311, "c")
        self.assertEqual(trace.process.wait(DEADLINE_SECONDS), 0)
        trace.reader.join(DEADLINE_SECONDS)
        self.assertEqual(len(trace.records), 2)
        with subprocess.Popen([binary(), "trace", "--client", "*", "-c",
                               str(self.broker.config_file)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            process.stderr.readline()
            self.client(MQTT311, "d")
            self.assertRegex(process.stdout.readline(),
                             r"^\d\d:\d\d:\d\d\.\d{6} --> d \[127\.0\.0\.1:\d+\] CONNECT MQTT ")
            process.stdout.close()
            self.assertEqual(process.wait(DEADLINE_SECONDS), 1)

    def test_most(self):
        """Eight at a time; one that is ended makes room."""
        traces = [self.trace("--client", f"c{number}") for number in range(8)]
        self.assertIn("There are 8 traces already", self.run_trace("--topic", "#").stderr)
        self.client(MQTT311, "c7").ping()
        traces[7].wait_for("in", "PINGREQ")
        self.assertEqual(traces[0].end(), 0)
        self.trace("--topic", "#").end()


class ApiTraceTest(ApiTest):
    """/api/v1/traces: for administrators only."""

    def test_trace(self):
        """Begun, read in parts, listed, ended; the log says who began it."""
        ann, bob = self.basic() | CHANGE, self.basic("bob", "bob:secret") | CHANGE
        self.ask("POST", "/traces?client=c", bob, status=403)
        self.ask("GET", "/traces", bob, status=403)
        self.ask("POST", "/traces", ann, status=400)
        number = self.ask("POST", "/traces?client=c&payload=true", ann)[0]["id"]
        self.broker.wait_for_log(r"HTTP: 'ann' .* began a trace of client 'c'")
        self.assertEqual(self.get("/traces"), {"traces": [
            {"id": number, "payload": True, "client": "c", "topic": None,
             "follows_address": False}]})
        client = self.client(MQTT311, "c")
        client.publish("t", b"shown", 1)
        page = self.get(f"/traces/{number}")
        self.assertEqual((page["id"], page["lost"], page["more"]), (number, 0, False))
        texts = [each["text"] for each in page["records"]]
        self.assertTrue(any("payload: 'shown'" in each for each in texts), texts)
        last = page["records"][-1]["number"]
        client.ping()
        (ping, pong) = self.get(f"/traces/{number}?after={last}")["records"]
        self.assertEqual((ping["kind"], ping["text"]), ("in", "PINGREQ (2 bytes)"))
        self.assertEqual((pong["kind"], pong["number"]), ("out", last + 2))
        self.ask("GET", f"/traces/{number}", bob, status=403)
        self.ask("DELETE", f"/traces/{number}", ann)
        self.ask("GET", f"/traces/{number}", ann, status=404)
        self.ask("GET", "/traces/nonsense", ann, status=404)
