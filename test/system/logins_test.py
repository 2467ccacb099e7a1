"""Users, passwords and access control."""

import os
import pty
import subprocess
import tempfile
from pathlib import Path

from harness import wire
from harness.broker import DEADLINE_SECONDS, passwd_binary
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT31, MQTT311, Will

CONFIG = "password_file {dir}/passwd\nlistener {port} 127.0.0.1\n"


def mosquitto_password_lines(*pairs, kind="sha512-pbkdf2"):
    """Lines of a password file, made by Mosquitto's own tool."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "passwd"
        path.touch(0o600)
        for user, password in pairs:
            subprocess.run(["mosquitto_passwd", "-H", kind, "-b", str(path), user, password],
                           check=True, capture_output=True)
        return path.read_text()


def darter_passwd(*arguments, **options):
    """Runs darter-passwd."""
    return subprocess.run([passwd_binary(), *map(str, arguments)], capture_output=True, text=True,
                          check=False, timeout=DEADLINE_SECONDS * 3, **options)


class PasswordTest(BrokerTest):
    """CONNECT with user name and password."""

    config = CONFIG

    def setUp(self):
        self.files = {"passwd": mosquitto_password_lines(("ann", "secret"), ("bob", "pässwörd"))}
        super().setUp()

    @versions(*ALL)
    def test_right(self, version):
        """Passwords that mosquitto_passwd hashed are accepted."""
        self.client(version, username="ann", password="secret").ping()
        self.client(version, username="bob", password="pässwörd").ping()

    def test_old_hashes(self):
        """Lines of Mosquitto 1.6 ($6$) are accepted as they are."""
        self.start(files={"passwd": mosquitto_password_lines(("old", "pass"), kind="sha512")})
        self.assertIn("old:$6$", (self.broker.directory / "passwd").read_text())
        self.client(MQTT311, username="old", password="pass").ping()

    @versions(*ALL)
    def test_wrong(self, version):
        """Wrong password, unknown user: the same code, and the end.

        [MQTT-3.1.4-2] [MQTT3-3.2.2-5]
        """
        codes = set()
        for user, password in (("ann", "wrong"), ("nobody", "secret"), ("ann", ""),
                               ("ann", "Secret"), ("ann", "secret ")):
            client = self.raw(version)
            client.send(wire.connect(version, client.client_id, username=user, password=password))
            codes.add(client.expect(wire.CONNACK).reason)
            client.expect_closed()
        self.assertEqual(len(codes), 1, codes)
        self.assertIn(codes.pop(), (0x86, 0x87) if version == MQTT5 else (4, 5))

    @versions(*ALL)
    def test_no_user(self, version):
        """[MQTT-3.2.2-8] [MQTT-3.14.0-1] Without a user name: 5, or 0x87 in 5.0."""
        self.refused(version, 0x87 if version == MQTT5 else 5)

    @versions(MQTT31, MQTT311)
    def test_user_without_password(self, version):
        """A user name without a password is refused."""
        client = self.raw(version)
        client.send(wire.connect(version, client.client_id, username="ann"))
        self.assertIn(client.expect(wire.CONNACK).reason, (4, 5))
        client.expect_closed()

    @versions(*ALL)
    def test_all_bytes_count(self, version):
        """A NUL and what follows it are part of the password."""
        for password in (b"secret\0x", b"secret\0"):
            client = self.raw(version)
            client.send(wire.connect(version, client.client_id, username="ann", password=password))
            client.expect_refusal(4, 5, 0x86, 0x87)

    @versions(*ALL)
    def test_warning(self, version):
        """Each failure is one line with user, client id and address."""
        for user, name in (("ann", unique("wrong")), ("mallory", unique("unknown"))):
            client = self.raw(version, name)
            client.send(wire.connect(version, name, username=user, password="x"))
            client.expect(wire.CONNACK)
            client.expect_closed()
            why = "wrong password" if user == "ann" else "unknown user"
            self.broker.wait_for_log(rf"Client {name} \[127\.0\.0\.1:\d+\] with user '{user}' "
                                     rf"\({why}\) disconnected, not authorised\.$")
            port = client.stream.socket.getsockname()[1]
            lines = self.broker.log_lines(rf"127\.0\.0\.1:{port}\b(?!.* on port )")
            self.assertEqual(len(lines), 1, lines)

    def test_warning_without_user(self):
        """So does a client without a user name."""
        self.refused(MQTT311, 5, "nameless")
        self.broker.wait_for_log(r"nameless.*127\.0\.0\.1|127\.0\.0\.1.*nameless")

    def test_password_is_never_logged(self):
        """No line has a password in it."""
        self.client(MQTT311, username="ann", password="secret")
        client = self.raw()
        client.send(wire.connect(MQTT311, "x", username="ann", password="TypoSecret"))
        client.expect(wire.CONNACK)
        client.expect_closed()
        self.assertEqual(self.broker.log_lines("(?i)secret"), [])

    def test_packets_behind_connect_wait_for_the_answer(self):
        """[MQTT-3.1.4-6] [MQTT3-3.1.4-5] After a refusal nothing more of the client counts."""
        watcher = self.client(MQTT311, username="ann", password="secret")
        watcher.subscribe("early/+", qos=1)
        for password, name in (("wrong", "early/bad"), ("secret", "early/good")):
            client = self.raw()
            client.send(wire.connect(MQTT311, unique(), username="ann", password=password)
                        + wire.publish(MQTT311, name, "x", 1, 1))
            client.expect(wire.CONNACK)
        watcher.expect_publish("early/good")
        watcher.ping()

    def test_many_at_once(self):
        """A crowd that reconnects with one credential is let in quickly."""
        crowd = [self.raw() for _ in range(100)]
        for client in crowd:
            client.send(wire.connect(MQTT311, client.client_id, username="ann", password="secret"))
        for client in crowd:
            client.expect(wire.CONNACK, reason=0)

    def test_takeover_needs_the_password(self):
        """A wrong password does not end the connection that has the client id."""
        good = self.client(MQTT5, "owner", username="ann", password="secret")
        bad = self.raw(MQTT5, "owner")
        bad.send(wire.connect(MQTT5, "owner", username="ann", password="x"))
        bad.expect(wire.CONNACK)
        bad.expect_closed()
        good.ping()

    def test_websocket(self):
        """Logins over WebSocket obey the same file."""
        self.start(CONFIG + "listener {ws_port} 127.0.0.1\nprotocol websockets\n")
        self.ws_client(username="ann", password="secret").ping()
        with self.assertRaises(AssertionError):
            self.ws_client(username="ann", password="wrong")

    def test_figures(self):
        """$SYS/broker/logins tells what became of logins."""
        self.start("sys_interval 1\n" + CONFIG,
                   {"passwd": mosquitto_password_lines(("ann", "secret"))})
        login = {"username": "ann", "password": "secret"}
        watcher = self.client(MQTT311, **login)
        for _ in range(3):
            self.client(MQTT311, **login)
        self.refused(MQTT311, 5, username="ann", password="wrong")
        wanted = {"hashed": "2", "cached": "3", "wrong": "1", "failed": "1", "waiting": "0"}
        watcher.subscribe(*("$SYS/broker/logins/" + name for name in wanted))
        found = {}
        while found != wanted:
            packet = watcher.expect(wire.PUBLISH)
            found[packet.topic.removeprefix("$SYS/broker/logins/")] = packet.payload.decode()


class StopTest(BrokerTest):
    """A broker that ends while passwords are checked."""

    config = CONFIG
    users = [f"user{number}" for number in range(6)]

    def setUp(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "passwd"
            path.write_text("".join(f"{user}:secret\n" for user in self.users))
            self.assertEqual(darter_passwd("-U", path).returncode, 0)
            self.files = {"passwd": path.read_text()}
        super().setUp()

    def test_stopped_while_logins_wait(self):
        """Whose answer comes when the loops have ended does no harm."""
        clients = [self.raw() for _ in self.users]
        for client, user in zip(clients, self.users):
            client.send(wire.connect(MQTT311, unique(), username=user, password="secret"))
        clients[0].expect(wire.CONNACK, reason=0)
        for client in clients:
            client.close()
        self.broker.stop()


class AnonymousTest(BrokerTest):
    """allow_anonymous and listener_allow_anonymous."""

    autostart = False

    def test_off_by_default(self):
        """With a listener and no word on it, anonymous is off."""
        self.start("listener {port} 127.0.0.1\n")
        self.refused(MQTT311, 5)
        self.refused(MQTT5, 0x87)

    def test_listener_allow_anonymous(self):
        """listener_allow_anonymous wins for its listener."""
        self.start("allow_anonymous false\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
                   "listener_allow_anonymous true\n")
        self.refused(MQTT311, 5)
        self.client(MQTT311, port=self.broker.port2).ping()

    def test_anonymous_with_password_file(self):
        """allow_anonymous true lets those in who say nothing, not those who say wrong."""
        self.start("allow_anonymous true\n" + CONFIG,
                   {"passwd": mosquitto_password_lines(("ann", "secret"))})
        self.client(MQTT311).ping()
        client = self.raw()
        client.send(wire.connect(MQTT311, "x", username="ann", password="wrong"))
        self.assertIn(client.expect(wire.CONNACK).reason, (4, 5))

    def test_per_listener_settings(self):
        """per_listener_settings true: each listener has its own users."""
        self.start("per_listener_settings true\nlistener {port} 127.0.0.1\n"
                   "password_file {dir}/one\nlistener {port2} 127.0.0.1\npassword_file {dir}/two\n",
                   {"one": mosquitto_password_lines(("ann", "1")),
                    "two": mosquitto_password_lines(("bob", "2"))})
        ann, bob = {"username": "ann", "password": "1"}, {"username": "bob", "password": "2"}
        self.client(MQTT311, **ann)
        self.client(MQTT311, port=self.broker.port2, **bob)
        self.assertRaises(AssertionError, self.client, MQTT311, **bob)
        self.assertRaises(AssertionError, self.client, MQTT311, port=self.broker.port2, **ann)


class ToolTest(BrokerTest):
    """darter-passwd, and what the broker makes of its files."""

    autostart = False

    def make(self, *steps):
        """A password file after these invocations."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "passwd"
        for step in steps:
            arguments = [path if word == "FILE" else word for word in step]
            done = darter_passwd(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def check_login(self, path, user, password, good=True):
        """Starts a broker on this file and logs in."""
        self.start(CONFIG, {"passwd": path.read_text()})
        client = self.raw()
        client.send(wire.connect(MQTT311, "x", username=user, password=password))
        self.assertEqual(client.expect(wire.CONNACK).reason == 0, good)

    def test_argon2id(self):
        """New passwords are argon2id, 19 MiB, and the file is nobody else's to read."""
        path = self.make(("-c", "-b", "FILE", "ann", "secret"))
        self.assertRegex(path.read_text(), r"^ann:\$argon2id\$v=19\$m=19456,t=2,p=1\$")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.check_login(path, "ann", "secret")
        self.check_login(path, "ann", "wrong", False)

    def test_mosquittos_hashes(self):
        """-H sha512-pbkdf2 and -I make the lines that Mosquitto reads."""
        path = self.make(("-c", "-b", "-H", "sha512-pbkdf2", "-I", "1000", "FILE", "ann", "a"))
        self.assertRegex(path.read_text(), r"^ann:\$7\$1000\$")
        self.check_login(path, "ann", "a")

    def test_change_and_delete(self):
        """A second password replaces the first; -D removes a user."""
        path = self.make(("-c", "-b", "FILE", "ann", "1"), ("-b", "FILE", "bob", "2"),
                         ("-b", "FILE", "ann", "3"), ("-D", "FILE", "bob"))
        self.assertEqual(len(path.read_text().splitlines()), 1)
        self.check_login(path, "ann", "3")

    def test_update_plain_text(self):
        """-U hashes a file of plain passwords."""
        path = self.make(("-c", "-b", "FILE", "ann", "1"))
        path.write_text("ann:secret\nbob:other:with colon\n")
        self.assertEqual(darter_passwd("-U", path).returncode, 0)
        self.assertNotIn("secret", path.read_text())
        self.check_login(path, "ann", "secret")

    def test_errors(self):
        """Wrong use is answered with a status other than 0 and a line of text."""
        for arguments in ((), ("-b", "/nonexistent/passwd", "ann", "x"), ("-D", "/none", "ann"),
                          ("-c", "-D", "/tmp/x", "ann"), ("-b", "/tmp/x", "a:b", "x")):
            done = darter_passwd(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertTrue(done.stderr.strip() + done.stdout.strip(), arguments)

    def test_list_and_check(self):
        """`list` names the users, `check` says whether a password is right."""
        path = self.make(("-c", "-b", "FILE", "ann", "secret"), ("-b", "FILE", "bob", "x"))
        done = darter_passwd("list", path)
        self.assertEqual((done.returncode, done.stdout.split()[0]), (0, "ann"))
        self.assertIn("bob", done.stdout)

    def test_prompt_without_echo(self):
        """Without -b the password is asked for twice and not shown."""
        path = self.make(("-c", "-b", "FILE", "ann", "old"))
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(passwd_binary(), [passwd_binary(), str(path), "ann"])
        shown = b""
        for _ in range(2):
            shown += self.read_prompt(terminal)
            os.write(terminal, b"typed secret\n")
        shown += self.read_rest(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, shown)
        os.close(terminal)
        self.assertNotIn(b"typed secret", shown)
        self.check_login(path, "ann", "typed secret")

    @staticmethod
    def read_prompt(terminal):
        """What is shown up to the next colon."""
        shown = b""
        while b":" not in shown:
            shown += os.read(terminal, 100)
        return shown

    @staticmethod
    def read_rest(terminal):
        """What is shown up to the end."""
        shown = b""
        while True:
            try:
                more = os.read(terminal, 100)
            except OSError:
                return shown
            if not more:
                return shown
            shown += more


ACL = """
topic read public/#

user ann
topic readwrite ann/#
topic read news/+
topic write drop/box
topic deny ann/secret/#

user bob
topic #

pattern readwrite dev/%c/#
pattern read users/%u/inbox
"""


class AclTest(BrokerTest):
    """acl_file: publish, subscribe, delivery, wills."""

    config = ("acl_refuse_subscribe true\nallow_anonymous true\nacl_file {dir}/acl\n" + CONFIG)

    def setUp(self):
        self.files = {"acl": ACL, "passwd": mosquitto_password_lines(("ann", "a"), ("bob", "b"))}
        super().setUp()

    def ann(self, version=MQTT311, client_id=None, **options):
        """A client of ann."""
        return self.client(version, client_id, username="ann", password="a", **options)

    def bob(self, version=MQTT311, client_id=None, **options):
        """A client of bob, who may do everything."""
        return self.client(version, client_id, username="bob", password="b", **options)

    @versions(*ALL)
    def test_publish(self, version):
        """[MQTT3-3.3.5-2] What may not be written is acknowledged and dropped; 5.0 is told 0x87."""
        ann, bob = self.ann(version), self.bob(version)
        bob.subscribe("#", qos=2)
        for topic in ("ann/x", "drop/box"):
            ann.publish(topic, "yes", 1)
            bob.expect_publish(topic, "yes")
        for topic in ("news/x", "other", "ann/secret/x", "public/x"):
            for qos in (1, 2):
                self.expect_denied(ann, version, topic, qos)
            ann.publish(topic, "no", 0)
        self.expect_silence(ann, bob)

    def test_identifier_after_denial(self):
        """[MQTT-4.3.3-9] After a PUBREC of 0x80 or more the identifier is a new message."""
        ann, bob = self.ann(MQTT5), self.bob(MQTT5)
        bob.subscribe("ann/#", qos=1)
        self.assertEqual(ann.publish("other", "no", 2, packet_id=5).reason, 0x87)
        self.assertLess(ann.publish("ann/x", "yes", 2, packet_id=5).reason, 0x80)
        bob.expect_publish("ann/x", "yes")

    def expect_denied(self, client, version, topic, qos):
        """A publish that is answered as denied."""
        if version == MQTT5:
            answer = client.publish(topic, "no", qos)
            self.assertEqual(answer.reason, 0x87, topic)
        else:
            client.publish(topic, "no", qos)

    def expect_silence(self, publisher, receiver):
        """Nothing of what was denied arrived."""
        publisher.publish("ann/fence", "x", 1)
        receiver.expect_publish("ann/fence", "x")

    @versions(*ALL)
    def test_subscribe(self, version):
        """A filter that is denied whole is refused: 0x80, in 5.0 0x87."""
        ann = self.ann(version)
        denied = 0x87 if version == MQTT5 else 0x80
        ann.subscribe("ann/x", "news/+", "#", "ann/#", "public/a", "other", "other/#",
                      "ann/secret/x", "ann/secret/#",
                      expected=[0, 0, 0, 0, denied, denied, denied, denied, denied])
        self.broker.wait_for_log(rf"{ann.client_id} {denied} other$")

    def test_mosquittos_grants(self):
        """A mosquitto.conf grants what brings nothing, and a reload may let it bring something."""
        self.start(self.config.replace("acl_refuse_subscribe true\n", ""))
        ann, bob = self.ann(), self.bob()
        ann.subscribe("other", qos=1)
        self.broker.wait_for_log(r"Denied SUBSCRIBE from .*'other' \(granted, but nothing will come"
                                 r"\): no line of .*/acl grants it")
        bob.publish("other", "no", 1)
        self.assertEqual(ann.drain(), [])
        self.broker.write("acl", ACL.replace("ann/#", "#"))
        self.broker.reload()
        self.broker.wait_for_log("Reloaded: .*access rules changed")
        bob.publish("other", "yes", 1)
        ann.expect_publish("other", "yes")

    def test_queue_of_another_user(self):
        """What waits for a client id leaves only to a user who may read it."""
        name, publisher = unique("two"), self.bob()
        bob = self.bob(client_id=name, clean=False)
        bob.subscribe("#", qos=1)
        bob.disconnect()
        for topic in ("other", "ann/x", "ann/secret/x"):
            publisher.publish(topic, "queued", 1)
        ann = self.ann(client_id=name, clean=False)
        ann.expect_publish("ann/x", "queued")
        self.assertEqual(ann.drain(), [])
        self.broker.wait_for_log(rf"Denied delivery to {name} \[127.0.0.1:\d+\] with user 'ann' of "
                                 r"'other': no line of .*/acl grants it")

    @versions(*ALL)
    def test_shared_subscribe(self, version):
        """The filter of a shared subscription is checked without its share name."""
        ann = self.ann(version)
        denied = 0x87 if version == MQTT5 else 0x80
        ann.subscribe("$share/g/ann/x", "$share/g/other", expected=[0, denied])

    @versions(*ALL)
    def test_delivery(self, version):
        """A wide filter brings only what may be read."""
        ann, bob = self.ann(version), self.bob(version)
        ann.subscribe("#", qos=1)
        for topic in ("other", "ann/secret/x", "drop/box", "news/a/b"):
            bob.publish(topic, "no", 1)
        bob.publish("news/a", "yes", 1)
        ann.expect_publish("news/a", "yes")
        ann.ping()

    @versions(*ALL)
    def test_retained_delivery(self, version):
        """Retained messages are checked as well."""
        bob = self.bob(version)
        bob.publish("ann/secret/r", "no", 1, retain=True)
        bob.publish("ann/open", "yes", 1, retain=True)
        ann = self.ann(version)
        ann.subscribe("ann/#", qos=1)
        ann.expect_publish("ann/open", "yes", retain=True)
        ann.ping()

    def test_check_retain_source(self):
        """A retained message waits in vain once its publisher may not write the topic any more."""
        for option, expected in (("true", []), ("false", ["ann/r"])):
            self.start(f"check_retain_source {option}\n" + self.config)
            ann = self.ann()
            ann.publish("ann/r", "x", 1, retain=True)
            ann.disconnect()
            self.broker.write("acl", "user bob\ntopic #\n")
            self.broker.reload()
            self.broker.wait_for_log("Reloaded: .*access rules changed")
            bob = self.bob()
            bob.subscribe("ann/#")
            self.assertEqual([packet.topic for packet in bob.drain()], expected)

    @versions(*ALL)
    def test_anonymous_lines(self, version):
        """Lines before the first user are for clients without one."""
        nobody = self.client(version)
        denied = 0x87 if version == MQTT5 else 0x80
        nobody.subscribe("public/#", "ann/x", expected=[0, denied])

    @versions(*ALL)
    def test_patterns(self, version):
        """%c is the client id, %u the user."""
        name = unique("dev")
        ann, bob = self.ann(version, name), self.bob(version)
        bob.subscribe("dev/#", qos=1)
        ann.publish(f"dev/{name}/out", "yes", 1)
        ann.publish("dev/other/out", "no", 1)
        bob.expect_publish(f"dev/{name}/out", "yes")
        ann.subscribe("users/ann/inbox", qos=1)
        denied = 0x87 if version == MQTT5 else 0x80
        ann.subscribe("users/bob/inbox", qos=1, expected=[denied])
        bob.publish("users/ann/inbox", "mail", 1)
        ann.expect_publish("users/ann/inbox", "mail")
        bob.ping()

    @versions(*ALL)
    def test_wildcard_client_id(self, version):
        """A client id with wildcards in it opens nothing through a pattern."""
        client = self.raw(version, "#")
        client.send(wire.connect(version, "#", username="ann", password="a"))
        if client.expect(wire.CONNACK).reason == 0:
            denied = 0x87 if version == MQTT5 else 0x80
            client.subscribe("dev/other/x", expected=[denied])

    @versions(*ALL)
    def test_will(self, version):
        """A will that the client may not publish is not sent."""
        bob = self.bob(version)
        bob.subscribe("#", qos=1)
        client = self.raw(version)
        client.send(wire.connect(version, client.client_id, username="ann", password="a",
                                 will=Will("other", b"no", 1)))
        client.receive()
        client.close()
        self.ann(version, will=Will("ann/will", b"yes", 1)).close()
        bob.expect_publish("ann/will", "yes")
        bob.ping()

    def test_denied_publish_is_logged(self):
        """A denied publish leaves a line that says by what."""
        ann = self.ann(MQTT311, "logger")
        ann.publish("ann/secret/x", "x", 1)
        self.broker.wait_for_log(r"Denied PUBLISH from logger \[127.0.0.1:\d+\] with user 'ann' to "
                                 r"'ann/secret/x': by .*/acl:8\.")
