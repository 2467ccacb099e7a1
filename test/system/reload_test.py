"""SIGHUP and `darter --reload`: the whole configuration changes under live clients, or nothing."""

import os
import pwd
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import wire
from harness.broker import (DEADLINE_SECONDS, answers, binary, open_sockets, passwd_binary,
                            wait_until)
from harness.case import BrokerTest
from harness.client import Client, unique
from harness.needs import needs
from harness.wire import MQTT5, MQTT311, Will

LISTENER = "listener {port} 127.0.0.1\n"
OPEN = "allow_anonymous true\n"
NOT_AUTHORIZED, ADMINISTRATIVE_ACTION = 0x87, 0x98
LINES = {}  # of users, hashed once


def user_line(user, password):
    """A line of a password file, with a cheap hash."""
    if (user, password) not in LINES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "passwd"
            subprocess.run([passwd_binary(), "-H", "sha512-pbkdf2", "-I", "1000", "-c", "-b",
                            str(path), user, password], check=True, capture_output=True)
            LINES[user, password] = path.read_text()
    return LINES[user, password]


class Stream:
    """A publisher and a subscriber whose messages must arrive one by one, none missing."""

    def __init__(self, test, qos, **login):
        self.qos, self.topic, self.sent, self.heard = qos, unique("stream/"), 0, 0
        self.receiver = test.client(MQTT5, **login)
        self.receiver.subscribe(self.topic, qos=qos)
        self.sender = test.client(MQTT5, **login)

    def send(self):
        """One message more."""
        self.sender.publish(self.topic, str(self.sent), self.qos, finish=False)
        self.sent += 1

    def check(self):
        """All that was sent is there, in order."""
        while self.heard < self.sent:
            self.receiver.expect_publish(self.topic, str(self.heard), qos=self.qos)
            self.heard += 1
        answered = [packet for packet in self.sender.drain() if packet.kind == wire.PUBACK]
        assert self.qos == 0 or len(answered) <= self.sent, answered
        self.receiver.ping()


class ReloadTest(BrokerTest):
    """A broker whose files are written anew while it runs."""

    config = OPEN + LISTENER

    def setUp(self):
        super().setUp()
        self.preamble = self.broker.config_file.read_text().partition(
            self.broker.fill_in(self.config))[0]

    def ask(self, file=None):
        """Starts `darter --reload`."""
        return subprocess.Popen([binary(), "--reload", "-c", str(file or self.broker.config_file)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def answer_of(self, process, status=0):
        """What `darter --reload` says, and that its status is right."""
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(process.returncode, status, out + err + self.broker.log_text()[-2000:])
        return out + err

    def configure(self, config):
        """Puts the configuration in place whole: an earlier signal may have it read at any time."""
        self.broker.write("darter.conf.new", self.preamble + config).rename(
            self.broker.config_file)

    def reload(self, config=None, status=0, streams=()):
        """Writes the configuration and has it read, with messages on their way all the while."""
        if config is not None:
            self.configure(config)
        process = self.ask()
        while process.poll() is None:
            for stream in streams:
                stream.send()
            for stream in streams:
                stream.check()
        report = self.answer_of(process, status)
        for stream in streams:
            stream.send()
            stream.check()
        return report

    def assert_closed(self, port, host="127.0.0.1"):
        """Nobody listens there."""
        self.assertFalse(answers(port, host))


class OptionsTest(ReloadTest):
    """Limits and other options."""

    def test_report(self):
        """What changed is said, by name; what needs a restart too; and nothing if nothing did."""
        self.assertIn("Reloaded: nothing changed", self.reload())
        report = self.reload("max_keepalive 60\npid_file {dir}/pid\n" + OPEN + LISTENER)
        self.assertIn("Reloaded: 1 option changed.\n  max_keepalive: 0 -> 60\n", report)
        self.assertIn("This one needs a restart:\n  pid_file: (none) -> ", report)
        self.assertFalse((self.broker.directory / "pid").exists())
        self.broker.wait_for_log("pid_file: ")
        # It still does, whatever else is changed; and not once it is as it was.
        self.assertIn("needs a restart", self.reload("pid_file {dir}/pid\n" + OPEN + LISTENER))
        self.assertNotIn("needs a restart", self.reload(OPEN + LISTENER))
        self.assertEqual(self.reload(OPEN + LISTENER), "Reloaded: nothing changed. "
                         "Log files were opened again.\n")

    def test_promises_stay(self):
        """What CONNACK said holds for as long as the connection; the next one is told otherwise."""
        streams = [Stream(self, 0), Stream(self, 1)]
        old = self.client(MQTT5)
        report = self.reload("max_packet_size 1000\nmax_inflight_messages 2\n"
                             "retain_available false\n" + OPEN + LISTENER +
                             "max_qos 1\nmax_topic_alias 0\n", streams=streams)
        self.assertIn(f"listener 127.0.0.1:{self.broker.port} changed", report)
        self.assertIn(f"  listener 127.0.0.1:{self.broker.port}: max_qos: 2 -> 1", report)
        old.publish("a", b"x" * 2000, 2, retain=True, properties=[(wire.TOPIC_ALIAS, 10)])
        for number in range(10):
            old.publish("", str(number), 2, finish=False, properties=[(wire.TOPIC_ALIAS, 10)])
        self.assertEqual([packet.kind for packet in old.drain()], [wire.PUBREC] * 10)
        new = self.raw(MQTT5)
        told = dict(new.connect().properties)
        self.assertEqual((told.get(wire.MAXIMUM_QOS), told.get(wire.RETAIN_AVAILABLE),
                          told.get(wire.RECEIVE_MAXIMUM), told.get(wire.MAXIMUM_PACKET_SIZE)),
                         (1, 0, 2, 1000))
        new.publish("a", b"x", 2, finish=False)
        new.expect(wire.DISCONNECT, reason=0x9B)

    def test_limits_at_once(self):
        """Limits of queues, messages and connections hold for those who are there."""
        self.persistent(MQTT311, "away").subscribe("q/#", qos=1)
        client = self.client(MQTT5)
        self.reload("message_size_limit 10\n" + OPEN + LISTENER + "max_connections 2\n")
        self.assertEqual(client.publish("a", b"x" * 11, 1).reason, 0x97)
        client.ping()
        self.refused_at_the_door()
        self.reload(OPEN + LISTENER)
        self.client(MQTT311).ping()

    def refused_at_the_door(self):
        """Another connection is one too many."""
        extra = self.raw(MQTT311)
        extra.send(wire.pingreq())
        try:
            self.assertIsNone(extra.receive())
        except ConnectionError:
            pass
        self.broker.wait_for_log("denied: max_connections exceeded")

    def test_sessions_stay(self):
        """Who is away keeps what waits for him, and his subscriptions."""
        self.persistent(MQTT5, "away").subscribe("q/#", qos=1)
        sender = self.client(MQTT5)
        away = self.persistent(MQTT5, "away")
        away.close()
        self.broker.wait_for_log("away .*(closed its connection|lost)")
        sender.publish("q/1", "one", 1)
        self.reload("max_queued_messages 10\n" + OPEN + LISTENER)
        sender.publish("q/2", "two", 1)
        away = self.raw(MQTT5, "away")
        away.connect(clean=False, properties=[(wire.SESSION_EXPIRY, 100)])
        away.expect_publish("q/1", "one")
        away.expect_publish("q/2", "two")
        away.ping()


class RefusalTest(ReloadTest):
    """Anything wrong changes nothing."""

    config = "password_file {dir}/passwd\nacl_file {dir}/acl\n" + LISTENER
    files = {"acl": "user ann\ntopic #\n"}

    def setUp(self):
        self.files = {**self.files, "passwd": user_line("ann", "a")}
        super().setUp()
        self.ann = {"username": "ann", "password": "a"}

    def check_old_state(self):
        """Port, users and limits are those of before."""
        self.client(MQTT5, **self.ann).ping()
        self.refused(MQTT5, NOT_AUTHORIZED, username="new", password="n")
        self.assert_closed(self.broker.port2)

    def refuse(self, config, *errors):
        """The reload is refused with these errors, and all is as it was."""
        streams = [Stream(self, 0, **self.ann), Stream(self, 1, **self.ann)]
        report = self.reload(config, 3, streams)
        self.assertIn("Reload refused, nothing has changed:", report)
        for error in errors:
            self.assertRegex(report, error)
        self.check_old_state()

    def test_every_kind(self):
        """Options, files of users, certificates, logs and ports; all errors at once."""
        good = "max_keepalive 1\nlistener {port2} 127.0.0.1\n" + self.config
        self.broker.write("passwd", user_line("ann", "a") + user_line("new", "n"))
        self.refuse(good + "max_qos 7\nno_such_option 1\n", r"'max_qos'.*darter.conf:\d+\)",
                    r"no_such_option.*darter.conf:\d+\)")
        self.refuse(good + "log_dest file /nowhere/log\n", "/nowhere/log .*No such file")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refuse(good + f"listener {port} 127.0.0.1\n",
                        f"port {port} on 127.0.0.1: Address already in use")
            self.refuse(good + "certfile /nowhere/crt\nkeyfile /nowhere/key\n", "/nowhere/crt")
        self.refuse("listener {port} 127.0.0.1\n" + self.config, "Address already in use")
        self.broker.write("passwd", user_line("new", "n") + "ann:$6$broken\n")
        self.refuse(good, r"passwd:2: ")
        self.broker.write("passwd", user_line("ann", "a") + user_line("new", "n"))
        report = self.reload(good)
        self.assertIn("1 user added", report)
        self.client(MQTT5, username="new", password="n", port=self.broker.port2).ping()


class LimitsTest(ReloadTest):
    """Limits on connections and publishes, under clients that are there already."""

    config = "limits_exempt none\n" + OPEN + "max_connections_per_address 9\n" + LISTENER

    def attempt(self, **options):
        """The answer to a CONNECT, or None if the broker closes at once."""
        client = self.raw(MQTT5)
        try:
            client.send(wire.connect(MQTT5, client.client_id, **options))
            return client.receive()
        except OSError:
            return None

    def test_connections_per_address(self):
        """Below what is there: everybody stays, nobody comes in until enough have left. Above: more
        come in."""
        here = [self.client(MQTT5) for _ in range(4)]
        self.reload(self.config.replace("address 9", "address 2"))
        self.assertEqual(self.attempt().reason, 0x97)
        for client in here:
            client.ping()
        for client in here[1:]:
            client.disconnect()
        wait_until(lambda: self.attempt().reason == 0, "somebody to be let in")
        self.reload(self.config)
        more = [self.client(MQTT5) for _ in range(3)]
        for client in [here[0], *more]:
            client.ping()

    def test_connections_per_address_switched_on(self):
        """Who was there before the limit counts, too."""
        without = self.config.replace("max_connections_per_address 9\n", "")
        self.reload(without)
        here = [self.client(MQTT5) for _ in range(3)]
        self.reload(self.config.replace("address 9", "address 3"))
        self.assertEqual(self.attempt().reason, 0x97)
        here[0].disconnect()
        wait_until(lambda: self.attempt().reason == 0, "somebody to be let in")
        self.reload(without)
        self.client(MQTT5)

    def test_publish_rate(self):
        """A publisher on its way is held to a rate that is new to it."""
        publisher = self.client(MQTT5)
        flow = wire.publish(MQTT5, "t", "x", 0) * 30
        publisher.send(flow)
        publisher.ping()
        self.reload(self.config + "max_publish_rate 5\npublish_rate_policy disconnect\n")
        publisher.send(flow)
        publisher.expect(wire.DISCONNECT, reason=0x96)

    def test_ban(self):
        """Who was there before it is answered that; it ends with the option that brought it."""
        guarded = self.config.replace(OPEN, "")
        early = self.raw(MQTT5)
        self.reload(guarded + "max_login_failures 2\nlogin_ban_time 600\n")
        for _ in range(2):
            self.assertEqual(self.attempt().reason, NOT_AUTHORIZED)
        wait_until(lambda: self.attempt() is None, "the ban")
        early.send(wire.connect(MQTT5, early.client_id))
        self.assertEqual(early.receive().reason, 0x8A)
        early.expect_closed()
        self.reload(guarded)
        self.assertEqual(self.attempt().reason, NOT_AUTHORIZED)

    def test_handshake_timeout(self):
        """Who waits already has no more time than who comes after the reload."""
        web = "listener {ws_port} 127.0.0.1\nprotocol websockets\n"
        self.reload(self.config + web)
        silent = [self.raw(), Client.tcp(self.broker.ws_port)]
        self.addCleanup(silent[1].close)
        self.client().ping()
        self.reload("handshake_timeout 1\n" + self.config + web)
        for client in silent:
            client.expect_closed(deadline=20)


class ListenersTest(ReloadTest):
    """Listeners come, go, change and move."""

    def test_added_and_removed(self):
        """A new one serves at once; the clients of one that is gone stay."""
        streams = [Stream(self, 0), Stream(self, 1)]
        report = self.reload(self.config + "listener {port2} 127.0.0.1\n", streams=streams)
        self.assertIn(f"listener 127.0.0.1:{self.broker.port2} added", report)
        guest = self.client(MQTT5, port=self.broker.port2)
        guest.subscribe("x", qos=1)
        report = self.reload(self.config, streams=streams)
        self.assertIn(f"listener 127.0.0.1:{self.broker.port2} removed", report)
        self.assertIn("stay connected", report)
        self.assert_closed(self.broker.port2)
        streams[0].sender.publish("x", "still there")
        guest.expect_publish("x", "still there")
        # The port comes back, and is the same listener to those who came in by it.
        self.reload(self.config + "listener {port2} 127.0.0.1\n", streams=streams)
        self.client(MQTT5, port=self.broker.port2).ping()
        guest.ping()

    def test_moved(self):
        """The same port on other addresses, there and back: no moment without a listener."""
        streams = [Stream(self, 0), Stream(self, 1)]
        everywhere = OPEN + "listener {port}\n"
        for config in (everywhere, self.config, OPEN + "listener {port} 0.0.0.0\n",
                       everywhere, OPEN + "port {port}\nbind_address 127.0.0.1\n"):
            self.assertRegex(self.reload(config, streams=streams), "added.*removed|nothing")
            self.client(MQTT5).ping()
        self.reload(everywhere)
        self.assertTrue(answers(self.broker.port, "127.0.0.2"))
        # A port that is taken: the old place is as it was.
        with socket.create_server(("127.0.0.3", 0)) as taken:
            port = taken.getsockname()[1]
            self.reload(OPEN + f"listener {port} 127.0.0.3\nlistener {{port}} 127.0.0.1\n", 3,
                        streams)
        self.assertTrue(answers(self.broker.port, "127.0.0.2"))
        self.reload(self.config)
        self.assert_closed(self.broker.port, "127.0.0.2")

    def test_protocol_and_unix(self):
        """The protocol of a port changes for who comes next; a unix socket's file goes with it."""
        old = self.client(MQTT5)
        path = self.broker.directory / "sock"
        self.reload(OPEN + LISTENER + "protocol websockets\nlistener 0 {dir}/sock\n")
        old.ping()
        self.broker.ws_port = self.broker.port
        self.ws_client(MQTT5).ping()
        self.assertTrue(path.is_socket())
        self.reload(OPEN + LISTENER + "listener 0 {dir}/sock\nunix_socket_mode 0700\n")
        self.client(MQTT5).ping()
        self.assertTrue(path.is_socket())
        self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        self.reload(OPEN + LISTENER)
        self.assertFalse(path.exists())
        old.ping()


class UsersTest(ReloadTest):
    """Users and access."""

    config = "password_file {dir}/passwd\nacl_file {dir}/acl\n" + LISTENER
    users = ("ann", "bob", "eve")

    def setUp(self):
        self.passwords = {user: user for user in self.users}
        self.files = {"passwd": self.text(), "acl": "topic #\npattern readwrite #\n"}
        super().setUp()

    def text(self):
        """The password file."""
        return "".join(user_line(*pair) for pair in self.passwords.items())

    def login(self, user, version=MQTT5, **options):
        """A client of a user."""
        return self.client(version, username=user, password=self.passwords[user], **options)

    def test_only_those_concerned(self):
        """Removed and changed users go, and are told why; their wills come; all others stay."""
        stream = Stream(self, 1, username="ann", password="ann")
        stream.receiver.subscribe("will/#")
        old = {name: self.login(name, will=Will(f"will/{name}", b"gone")) for name in self.users}
        older = self.login("eve", MQTT311)
        del self.passwords["eve"]
        self.passwords.update(bob="other", new="new")
        self.broker.write("passwd", self.text())
        report = self.answer_of(self.ask())
        self.assertIn("Reloaded: 1 user added, 1 user removed, 1 password changed, "
                      "3 clients dropped.", report)
        old["eve"].expect(wire.DISCONNECT, reason=NOT_AUTHORIZED)
        old["eve"].expect_closed()
        older.expect_closed()
        old["bob"].expect(wire.DISCONNECT, reason=ADMINISTRATIVE_ACTION)
        old["bob"].expect_closed()
        wills = {packet.topic for packet in stream.receiver.drain()}
        self.assertEqual(wills, {"will/bob", "will/eve"})
        stream.send()
        stream.check()
        old["ann"].ping()
        self.login("new").ping()
        self.login("bob").ping()
        self.refused(MQTT5, NOT_AUTHORIZED, username="eve", password="eve")

    def test_access_in_place(self):
        """Who stays connected may at once what the new file says, and no more."""
        ann, bob = self.login("ann"), self.login("bob")
        ann.subscribe("a/#", "b/#")
        bob.publish("a/1", "x", 1)
        ann.expect_publish("a/1", "x")
        self.broker.write("acl", "user ann\ntopic read a/#\nuser bob\ntopic write a/#\n"
                                 "topic write b/#\n")
        self.assertIn("Reloaded: access rules changed.", self.answer_of(self.ask()))
        for topic in ("b/1", "a/2"):
            self.assertLess(bob.publish(topic, "y", 1).reason, 0x80)
        ann.expect_publish("a/2", "y")
        ann.ping()
        self.assertEqual(ann.publish("a/3", "z", 1).reason, NOT_AUTHORIZED)

    def test_anonymous(self):
        """Anonymous clients go when they are no longer let in; named ones are not asked."""
        self.reload(OPEN + self.config)
        nobody, ann = self.client(MQTT5), self.login("ann")
        self.assertIn("1 client dropped", self.reload(self.config))
        nobody.expect(wire.DISCONNECT, reason=NOT_AUTHORIZED)
        nobody.expect_closed()
        ann.ping()
        self.refused(MQTT5, NOT_AUTHORIZED)

    def test_removed_listener(self):
        """Users of a listener that is gone are judged by the files all the same."""
        self.reload(self.config + "listener {port2} 127.0.0.1\n")
        eve = self.login("eve", port=self.broker.port2)
        ann = self.login("ann", port=self.broker.port2)
        self.reload(self.config)
        del self.passwords["eve"]
        self.broker.write("passwd", self.text())
        self.assertIn("1 client dropped", self.answer_of(self.ask()))
        eve.expect(wire.DISCONNECT, reason=NOT_AUTHORIZED)
        ann.ping()


class SignalTest(ReloadTest):
    """SIGHUP, and clients that come right behind it."""

    config = OPEN + "acl_file {dir}/acl\nacl_refuse_subscribe true\n" + LISTENER
    files = {"acl": "topic read a/#\n"}

    def test_later_clients(self):
        """A client that connects after SIGHUP was sent is judged by the new files."""
        for allowed in ("b/#", "a/#") * 15:
            self.broker.write("acl", f"topic read {allowed}\n")
            self.broker.reload()
            client = self.client(MQTT5)
            client.subscribe("a/#", "b/#", expected=[0 if each == allowed else NOT_AUTHORIZED
                                                     for each in ("a/#", "b/#")])
            client.disconnect()


class LogsTest(ReloadTest):
    """Log files and what goes into them."""

    config = "log_dest stderr\nlog_dest file {dir}/log/a\n" + OPEN + LISTENER

    def setUp(self):
        self.files = {"log/.keep": ""}
        super().setUp()
        self.folder = self.broker.directory / "log"

    def read(self, name):
        """A log file."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def test_rotated_and_moved(self):
        """A file that was renamed is opened again, also if the reload is refused; or another is."""
        (self.folder / "a").rename(self.folder / "a.1")
        self.reload()
        wait_until(lambda: "Reloaded" in self.read("a"), "the line in the new file")
        self.assertNotIn("Reloaded", self.read("a.1"))
        (self.folder / "a").rename(self.folder / "a.2")
        self.reload("log_dest file {dir}/log/b\nnonsense\n" + OPEN + LISTENER, 3)
        wait_until(lambda: "Reload refused" in self.read("a"), "the refusal in the new file")
        self.assertFalse((self.folder / "b").exists())
        report = self.reload("log_dest stderr\nlog_dest file {dir}/log/b\n"
                             "log_timestamp_format T%H\n" + OPEN + LISTENER)
        self.assertIn("log_dest: ", report)
        wait_until(lambda: "Reloaded" in self.read("b"), "the line in another file")
        self.assertRegex(self.read("b"), r"^T\d\d: .*Reloaded")
        self.assertNotIn("log_dest", self.read("a"))

    def test_refused_log_leaves_no_file(self):
        """What was opened for a reload that fails is not left behind."""
        self.reload("log_dest file {dir}/log/c\nlog_dest file {dir}/log/none/d\n" + OPEN +
                    LISTENER, 3)
        self.assertFalse((self.folder / "c").exists())


class AskTest(ReloadTest):
    """`darter --reload` and signals."""

    def test_without_broker(self):
        """Status 1 and a sentence, where no broker has that configuration; or there is no file."""
        other = self.broker.write("other.conf", LISTENER)
        self.assertRegex(self.answer_of(self.ask(other), 1), "^Error: No broker .*other.conf")
        self.assertRegex(self.answer_of(self.ask("/nowhere/x.conf"), 1),
                         "^Error: Unable to find /nowhere/x.conf: No such file")
        self.assertIn("--reload", subprocess.run([binary(), "--reload"], capture_output=True,
                                                 text=True, check=False).stderr)

    def test_by_another_name(self):
        """The file is what counts, not how its path is written."""
        link = self.broker.directory / "link.conf"
        os.symlink(self.broker.config_file, link)
        self.assertIn("nothing changed", self.answer_of(self.ask(link)))

    def test_at_once_and_many(self):
        """Reloads come one after the other, and each is answered; signals are not counted."""
        streams = [Stream(self, 0), Stream(self, 1)]
        asked = []
        for number in range(6):
            self.configure(f"max_keepalive {number + 100}\n" + self.config)
            asked.append(self.ask())
            for _ in range(50):
                self.broker.process.send_signal(signal.SIGHUP)
                streams[number % 2].send()
            streams[number % 2].check()
        for process in asked:
            self.assertIn("Reloaded: ", self.answer_of(process))
        for stream in streams:
            stream.check()

    def test_slow_asker(self):
        """Who connects and asks nothing keeps nobody waiting; nor does one who leaves."""
        # The ports answer a little before.
        name = wait_until(self.control_socket, "the broker to open its control socket")
        mute = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(5)]
        for each in mute:
            self.addCleanup(each.close)
            each.connect("\0" + name[1:])
        mute[0].send(b"nonsense")
        mute[1].close()
        self.assertIn("nothing changed", self.answer_of(self.ask()))
        mute[2].settimeout(DEADLINE_SECONDS)
        self.assertEqual(mute[2].recv(10), b"")  # its second was over

    @needs("root")
    def test_squatter_of_another_user(self):
        """Who took the name as another user is not asked, and both sides name him."""
        name = wait_until(self.control_socket, "the broker to open its control socket")
        self.broker.stop()
        squatter = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(squatter.close)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
        try:
            squatter.bind("\0" + name[1:])
            squatter.listen()
        finally:
            os.seteuid(0)
        holder = f"user nobody, process {os.getpid()}"
        said = self.answer_of(self.ask(), 1)
        self.assertRegex(said, rf"^Error: The process that answers for .* \({holder}\) is neither "
                               r"root's, nor yours, .* run: kill -HUP \d+$")
        connection, _ = squatter.accept()
        with connection:
            self.assertEqual(connection.recv(100), b"")
        self.broker.start()
        self.broker.wait_for_log(rf"cannot reach this broker, SIGHUP can: .* taken by {holder}")
        self.broker.reload()
        self.broker.wait_for_log("Reloaded: nothing changed")

    def control_socket(self):
        """The name where the broker hears who asks for a reload, if it does so yet."""
        lines = Path("/proc/net/unix").read_text(encoding="ascii").splitlines()
        ours = open_sockets(self.broker.process.pid)
        return next((line.split()[-1] for line in lines
                     if "@darter/reload/" in line and line.split()[6] in ours), None)
