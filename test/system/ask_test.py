"""Commands that ask a running broker: darter clients, client, kick, sessions, retained, bans,
acl."""

import base64
import json
import os
import re
import subprocess
import time

from harness import wire
from harness.broker import DEADLINE_SECONDS, binary, for_another_user, wait_until
from harness.case import BrokerTest
from harness.needs import needs
from harness.wire import MQTT5, MQTT311, Will

ADMINISTRATIVE_ACTION = 0x98


class AskTest(BrokerTest):
    """One broker, asked from a shell."""

    def start(self, *args, **options):
        broker = super().start(*args, **options)
        broker.wait_for_log("running")
        return broker

    def ask(self, *words, status=0, **options):
        """What a command prints; its status must be right."""
        done = subprocess.run([binary(), *words, "-c", str(self.broker.config_file)],
                              capture_output=True, text=True, check=False,
                              timeout=DEADLINE_SECONDS, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def rows(self, *words):
        """The list that a command answers with, as JSON."""
        (rows,) = json.loads(self.ask(*words, "--json")).values()
        return rows

    def ids(self, *words):
        """The client ids of a list."""
        return [row["client_id"] for row in self.rows(*words)]


class ClientsTest(AskTest):
    """Lists of clients, and single ones."""

    def test_all_loops(self):
        """Each client is shown once, whichever loop it lives on, with its values."""
        for number in range(12):
            self.client((MQTT311, MQTT5)[number % 2], f"c{number}")
        self.client(MQTT5, "odd", clean=False, keep_alive=77).subscribe("a/#", "$share/g/b")
        self.assertEqual(sorted(self.ids("clients")),
                         sorted(["odd", *(f"c{number}" for number in range(12))]))
        (row,) = self.rows("clients", "--filter", "id=odd")
        self.assertEqual(
            (row["connected"], row["address"], row["version"], row["keep_alive_seconds"],
             row["subscriptions"]), (True, "127.0.0.1", "5.0", 77, 2))
        self.assertTrue(row["listener"].endswith(str(self.broker.port)), row)
        self.assertEqual(len(self.ids("clients", "--filter", "version=3.1.1")), 6)
        self.assertEqual(self.ids("clients", "--filter", "id=c*", "--filter", "version=5.0",
                                  "--sort", "id", "--limit", "2"), ["c1", "c11"])
        table = self.ask("clients")
        self.assertRegex(table.splitlines()[0], r"^CLIENT +USER +ADDRESS .*CONNECTED$")
        self.assertEqual(len(table.splitlines()), 14)
        self.assertRegex(table, r"(?m)^odd .*127\.0\.0\.1:\d+ .* 5\.0 +2 ")

    def test_queues(self):
        """The client with the most waiting is the first of --sort queue; its page says why."""
        for name, count in (("few", 1), ("many", 9)):
            self.persistent(MQTT5, name).subscribe(f"for/{name}", qos=1)
            self.drop(self.client(MQTT5, name, clean=False,
                                  properties=[(wire.SESSION_EXPIRY, 100)]))
            publisher = self.client(MQTT311)
            for number in range(count):
                publisher.publish(f"for/{name}", str(number), 1)
        self.assertEqual(self.ids("clients", "--sort", "queue", "--limit", "2"), ["many", "few"])
        self.assertEqual(sorted(self.ids("sessions")), ["few", "many"])
        text = self.ask("client", "many")
        self.assertRegex(text, r"(?m)^Connected +no$")
        self.assertRegex(text, r"(?m)^Waiting +9 messages, ")
        self.assertRegex(text, r"(?m)^Session +ends in 1 min [34]\d s$")
        self.assertRegex(text, r"(?m)^  for/many +1 ")
        self.assertEqual(json.loads(self.ask("client", "few", "--json"))["queued"], 1)

    def test_rates(self):
        """The client that publishes the most comes first, then the one that gets it."""
        reader = self.client(MQTT311, "reader")
        reader.subscribe("often")
        writer, more = self.client(MQTT5, "writer"), self.client(MQTT5, "more")
        self.client(MQTT5, "quiet")

        def busy_ones():
            for _ in range(20):
                writer.publish("often", b"x", 0)
                for topic in ("often", "elsewhere", "elsewhere"):
                    more.publish(topic, b"x", 0)
            for client in (writer, more, reader):
                client.drain()
            return self.ids("clients", "--sort", "rate") == ["more", "reader", "writer", "quiet"]

        # The rates of one client may be of a second in which another one is not looked at.
        wait_until(busy_ones, "the busiest to be the first")
        sent = {row["client_id"]: row["sent_per_second"] for row in self.rows("clients")}
        self.assertGreater(sent.pop("reader"), 0)
        self.assertEqual(set(sent.values()), {0})
        table = self.ask("clients", "--sort", "rate")
        self.assertRegex(table, r"^CLIENT .* IN/S +OUT/S ")
        self.assertRegex(table, r"(?m)^more .* 5\.0 +0 +\d[\d.]* +0 ")
        self.assertRegex(self.ask("client", "reader"),
                         r"(?m)^Messages +0 a second from it, \d[\d.]* to it$")

    def test_bridges(self):
        """The broker's end of a bridge has no listener: the list says bridges there."""
        self.start("listener {port} 127.0.0.1\nallow_anonymous true\n"
                   "connection cloud\naddress 127.0.0.1:1\ntopic a/# out\n")
        rows = wait_until(lambda: self.rows("clients"), "the bridge's session")
        self.assertEqual([row["listener"] for row in rows], ["bridges"])

    def test_pages(self):
        """More clients than an answer holds come whole, and while they do others are served."""
        with self.client(MQTT311) as probe:
            for number in range(1100):
                client = self.client(MQTT5, f"s{number:04}", clean=False,
                                     properties=[(wire.SESSION_EXPIRY, 100)])
                client.close()
            wait_until(lambda: len(self.ids("sessions")) == 1100, "the clients to be away")
            ids = self.ids("clients")
            probe.ping()
        self.assertEqual(sorted(ids)[1:], [f"s{number:04}" for number in range(1100)])
        self.assertEqual(len(self.ids("clients", "--limit", "1050")), 1050)

    def test_kick(self):
        """A client hears why, its will is published, and its session stays."""
        heir = self.client(MQTT311)
        heir.subscribe("wills/#")
        client = self.persistent(MQTT5, "guest", will=Will("wills/guest", b"gone"))
        self.assertEqual(self.ask("kick", "guest"), "disconnected guest\n")
        self.assertEqual(client.receive().reason, ADMINISTRATIVE_ACTION)
        client.expect_closed()
        heir.expect_publish("wills/guest", "gone")
        self.broker.wait_for_log("Client guest .* disconnected: by the administrator")
        self.assertEqual(self.ids("sessions"), ["guest"])
        self.assertIn("No client 'guest' is connected", self.ask("kick", "guest", status=1))

    def test_forget(self):
        """A session ends with its connection, and with all that waited."""
        client = self.persistent(MQTT5, "old")
        client.subscribe("t")
        self.assertEqual(self.ask("sessions", "--forget", "old"), "forgotten old\n")
        self.assertEqual(client.receive().reason, ADMINISTRATIVE_ACTION)
        client.expect_closed()
        self.assertEqual(self.rows("sessions"), [])
        self.assertIn("No client 'old'", self.ask("sessions", "--forget", "old", status=1))
        back = self.raw(MQTT5, "old")
        self.assertFalse(back.connect(clean=False).session_present)


class RetainedTest(AskTest):
    """Lists of retained messages."""

    def test_list_and_delete(self):
        """Topics, payloads as they are, and one that is removed for everybody."""
        client = self.client(MQTT5, "lamp")
        binary_payload = bytes(range(256))
        for topic, payload in (("home/a", b"on"), ("home/b", b"\x1b[31mred"),
                               ("home/c", binary_payload), ("other", b"x")):
            client.publish(topic, payload, 1, retain=True)
        rows = {row["topic"]: row for row in self.rows("retained", "home/#")}
        self.assertEqual(sorted(rows), ["home/a", "home/b", "home/c"])
        self.assertEqual((rows["home/a"]["payload"], rows["home/a"]["client_id"]), ("on", "lamp"))
        self.assertEqual(base64.b64decode(rows["home/c"]["payload_base64"]), binary_payload)
        self.assertNotIn("\x1b", self.ask("retained"))
        self.assertIn("\\x1B[31mred", self.ask("retained"))
        client.subscribe("home/#")
        for _ in range(3):
            client.expect(wire.PUBLISH, retain=True)
        self.assertEqual(self.ask("retained", "home/a", "--delete"), "deleted home/a\n")
        client.expect_publish("home/a", "")
        self.assertEqual(len(self.rows("retained", "home/#")), 2)
        late = self.client(MQTT311)
        late.subscribe("home/a")
        self.expect_nothing(client, late)

    def test_errors(self):
        """What cannot be is told, and nothing is done."""
        self.client(MQTT311).publish("a", "x", 1, retain=True)
        for words, sentence in (
                (("retained", "a/#/b"), "no topic filter"),
                (("retained", "#", "--delete"), "Only one topic at a time"),
                (("retained", "b", "--delete"), "has no retained message"),
                (("clients", "--filter", "name=x"), "A filter is KEY=PATTERN"),
                (("clients", "--sort", "size"), "sorted by queue, rate, age"),
                (("client", "nobody"), "No client 'nobody'")):
            self.assertIn(sentence, self.ask(*words, status=1))
        self.assertIn("'kick' needs an operand", self.ask("kick", status=3))
        self.assertIn("'--limit' wants a number", self.ask("retained", "--limit", "0", status=3))
        self.assertEqual(len(self.rows("retained", "a")), 1)


class StatusTest(AskTest):
    """The broker at a glance."""

    def test_status(self):
        """A screenful, and the same as JSON."""
        self.client(MQTT5, "one").publish("a", b"x" * 100, 1, retain=True)
        status = json.loads(self.ask("status", "--json"))
        self.assertEqual((status["clients_connected"], status["faults"]), (1, []))
        self.assertGreaterEqual(status["totals"]["publish_received"], 1)
        text = self.ask("status")
        self.assertRegex(text, r"(?m)^clients +1 connected, 1 sessions")
        self.assertRegex(text, rf"(?m)^listeners .*{self.broker.port} \(1\)")
        self.assertNotIn("PROBLEM", text)

    def test_top(self):
        """One look after the other, each with the foremost clients; JSON is a line for each."""
        publisher = self.client(MQTT5, "one")

        def look_at_traffic():
            for _ in range(50):
                publisher.publish("often", b"x", 0)
            publisher.ping()
            (line,) = self.ask("top", "--count", "1", "--interval", "1", "--json").splitlines()
            look = json.loads(line)
            return look if look["top"]["topics_by_messages"] else None

        look = wait_until(look_at_traffic, "a busy topic")
        self.assertEqual([row["name"] for row in look["top"]["topics_by_messages"]], ["often"])
        text = self.ask("top", "--count", "2", "--interval", "1", "--sort", "age")
        self.assertEqual(len(re.findall(r"(?m)^one +.*127\.0\.0\.1:\d+", text)), 2)
        self.assertEqual(len(re.findall(r"(?m)^often +\d+\.\d/s +.*B/s$", text)), 2)
        self.assertEqual([row["client_id"] for row in look["clients"]], ["one"])
        self.assertEqual(look["status"]["clients_connected"], 1)
        self.assertIn("wants a number", self.ask("top", "--interval", "0", status=3))


class AccessTest(AskTest):
    """Bans, and the lines of ACL files that decide."""

    autostart = False

    def connack(self):
        """The answer to a CONNECT; None: closed."""
        client = self.raw(MQTT311)
        client.send(wire.connect(MQTT311, client.client_id))
        return client.receive()

    def test_bans(self):
        """An address with failed logins is listed, and may try again once its ban is lifted."""
        self.start("listener {port}\nallow_anonymous false\nlimits_exempt none\n"
                   "max_login_failures 2\n")
        self.assertEqual(self.rows("bans"), [])
        for _ in range(2):
            self.assertEqual(self.connack().reason, 5)
        self.broker.wait_for_log("is banned")
        self.assertIsNone(self.connack())
        (ban,) = self.rows("bans")
        self.assertEqual(ban["address"], "127.0.0.1")
        self.assertLessEqual(ban["seconds_left"], 300)
        self.assertRegex(self.ask("bans"), r"(?m)^127\.0\.0\.1 +\d")
        self.assertIn("No ban holds for '127.0.0.2'",
                      self.ask("bans", "--lift", "127.0.0.2", status=1))
        self.assertEqual(self.ask("bans", "--lift", "127.0.0.1"), "lifted 127.0.0.1\n")
        self.broker.wait_for_log("The ban of 127.0.0.1 is lifted by an administrator")
        self.assertEqual(self.rows("bans"), [])
        self.assertEqual(self.connack().reason, 5)

    def test_acl(self):
        """The line that decides is named, as the running broker has it."""
        self.start("listener {port}\nallow_anonymous true\nacl_file {dir}/acl\n",
                   {"acl": "user ann\ntopic read home/#\npattern write dev/%c/#\n"})
        acl = self.broker.directory / "acl"
        check = ("acl", "check", "--user", "ann", "--client", "a1")
        self.assertEqual(self.ask(*check, "receive", "home/door"), f"allowed: by {acl}:2\n")
        self.assertEqual(self.ask(*check, "publish", "home/door"),
                         f"denied: no line of {acl} grants it\n")
        self.assertEqual(self.ask(*check, "publish", "dev/a1/x"), f"allowed: by {acl}:3\n")
        self.assertEqual(self.ask(*check, "publish", "$SYS/x"),
                         "denied: clients may not publish there\n")
        self.assertIn("is no topic name", self.ask(*check, "publish", "home/#", status=1))
        self.broker.write("acl", "user ann\ntopic deny home/door\n")
        self.broker.reload()
        self.broker.wait_for_log("Reloaded: ")
        answer = json.loads(self.ask(*check, "receive", "home/door", "--json"))
        self.assertEqual(answer["client_id"], "a1")
        (of_port,) = (each for each in answer["answers"]
                      if each["listener"].endswith(str(self.broker.port)))
        self.assertEqual((of_port["allowed"], of_port["decided"]), (False, f"by {acl}:2"))
        self.assertIn("No listener '7'",
                      self.ask(*check, "--listener", "7", "publish", "a", status=1))


class AskersTest(AskTest):
    """Shells that may ask, and others."""

    @needs("root")
    def test_another_user(self):
        """Only root, the broker's user and the members of a group are answered."""
        os.chmod(self.broker.config_file, 0o644)
        program, environment = for_another_user(self.broker.directory)
        other = {"executable": program, "user": "daemon", "env": environment}
        text = self.ask("clients", status=1, **other)
        self.assertIn("Only root, the user of the broker and the members of its control_group",
                      text)
        with self.broker.config_file.open("a", encoding="utf-8") as file:
            file.write("\ncontrol_group games\n")
        self.ask("clients", status=1, extra_groups=["games"], **other)
        self.broker.reload()
        self.broker.wait_for_log("Reloaded: ")
        self.ask("clients", extra_groups=["games"], **other)
        self.ask("clients", status=1, **other)

    def test_no_broker(self):
        """A broker that has ended answers nothing."""
        self.broker.stop()
        self.assertIn("No broker with the configuration", self.ask("clients", status=1))

    def test_reader_that_sleeps(self):
        """A shell that does not read its answer holds neither clients nor other shells."""
        publisher = self.client(MQTT311)
        for number in range(1000):
            publisher.publish(f"r/{number}", b"x" * 256, retain=True)
        publisher.ping()
        command = [binary(), "retained", "--json", "-c", str(self.broker.config_file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as sleeper:
            self.addCleanup(sleeper.kill)
            start = time.monotonic()
            self.assertEqual(len(self.rows("retained", "r/#")), 1000)
            publisher.ping()
            self.assertLess(time.monotonic() - start, DEADLINE_SECONDS)
            (rows,) = json.loads(sleeper.communicate(timeout=DEADLINE_SECONDS)[0]).values()
            self.assertEqual(len(rows), 1000)


class HelpTest(AskTest):
    """Each command explains itself."""

    autostart = False

    def test_help(self):
        """--help of each command that darter --help names."""
        text = subprocess.run([binary(), "--help"], capture_output=True, text=True,
                              check=True).stdout
        part = text.split("darter COMMAND --help tells more:\n")[1].split("\n\n")[0]
        names = re.findall(r"(?m)^ {6}(\w+)", part)
        self.assertLessEqual({"clients", "client", "kick", "sessions", "retained"}, set(names))
        for name in names:
            done = subprocess.run([binary(), name, "--help"], capture_output=True, text=True,
                                  check=True)
            self.assertIn(f"Usage: darter {name}", done.stdout)
            self.assertIn("Examples:", done.stdout)
