"""Sessions of bridges at both brokers: what waits for them, who they are, and what they say of
themselves."""

import subprocess
import tempfile
from pathlib import Path

from harness import wire
from harness.bridging import BridgeTest, MosquittoBroker
from harness.broker import DEFAULT_CONFIG, Broker
from harness.needs import needs
from harness.wire import MQTT5

ACL = """user ann
topic readwrite #
user bridge
topic readwrite there/may/#
"""
SECURE = DEFAULT_CONFIG.replace("allow_anonymous true",
                                "allow_anonymous false\npassword_file {dir}/passwd\n"
                                "acl_file {dir}/acl")


class SessionsWithMosquittoTest(BridgeTest):
    """A bridge to Mosquitto whose connections end."""

    remote_program = MosquittoBroker

    def cut(self, proxy, *names):
        """Breaks the connection to the remote."""
        proxy.refuse()
        for name in names:
            self.state("0", name)
            self.state("0", name, self.remote.port)

    def test_sessions_kept_and_clean(self):
        """While the connection is away messages wait at either end, as the options say."""
        self.start_remote()
        proxy = self.proxy_to(self.remote.port)
        kinds = {"keeps": (), "clean": ("cleansession true",),
                 "half": ("cleansession true", "local_cleansession false")}
        waits_here, waits_there = {"keeps", "half"}, {"keeps"}
        self.start_bridging(*(self.bridge(name, proxy.port, *lines, f"topic {name}/# both 1",
                                          "keepalive_interval 5")
                              for name, lines in kinds.items()))
        self.join(*kinds)
        self.cut(proxy, *kinds)
        here, there = self.here(), self.there()
        far, near = self.there(), self.here()
        far.subscribe("+/out")
        near.subscribe("+/in")
        for name in kinds:
            here.publish(f"{name}/out", "waits", 1)
            there.publish(f"{name}/in", "waits", 1)
        proxy.pass_on()
        self.join(*kinds)
        self.assertEqual({packet.topic for packet in far.drain()},
                         {f"{name}/out" for name in waits_here})
        self.assertEqual({packet.topic for packet in near.drain()},
                         {f"{name}/in" for name in waits_there})

    def test_notifications(self):
        """1 while it is connected and 0 while it is not, retained, at both ends or one or none; the
        remote says so by a will."""
        self.start_remote()
        proxy = self.proxy_to(self.remote.port)
        self.start_bridging(
            self.bridge("tells", proxy.port), self.bridge("mine", proxy.port,
                                                          "notifications_local_only true"),
            self.bridge("none", proxy.port, "notifications false"),
            self.bridge("named", proxy.port, "notification_topic where/named"))
        names, ends = ("tells", "mine", "none", "named"), (self.broker.port, self.remote.port)
        self.join(*names)
        self.all_say("1", ends)
        proxy.refuse()
        self.all_say("0", ends)
        proxy.pass_on()
        self.all_say("1", ends)
        for port in ends:
            self.state(None, "none", port)
        self.state(None, "mine", self.remote.port)
        self.broker.stop()
        self.all_say("0", ends[1:])
        self.broker.start()
        self.all_say("1", ends)

    def all_say(self, wanted, ports):
        """Each bridge that tells its state says so, at these brokers."""
        for port in ports:
            self.state(wanted, "tells", port)
            self.retained("where/named", wanted, port)
        if self.broker.port in ports:
            self.state(wanted, "mine")

    @staticmethod
    def password_lines(*users):
        """A password file: each user's password is the name and "-secret"."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "passwd"
            path.touch()
            for user in users:
                subprocess.run(["mosquitto_passwd", "-b", str(path), user, f"{user}-secret"],
                               check=True, capture_output=True)
            return path.read_text()

    @staticmethod
    def topics_up_to(client, last):
        """The topics of the messages that come, up to this one. Those of before may be on their
        way still."""
        topics = []
        while last not in topics:
            topics.append(client.expect(wire.PUBLISH).topic)
        return topics

    def test_users(self):
        """User names and passwords, there and here; the remote's access list holds there, and none
        holds for bridges here."""
        files = {"passwd": self.password_lines("ann", "bridge"), "acl": ACL}
        self.start_remote(SECURE, files=files)
        local = "local_username bridge\nlocal_password bridge-secret"
        self.start_bridging(
            self.bridge("right", self.remote.port, local, "topic # both 1 \"\" there/",
                        "remote_username bridge", "remote_password bridge-secret", probes=False),
            self.bridge("wrong", self.remote.port, local, "topic # both 1 wrong/ there/may/",
                        "remote_username bridge", "remote_password wrong", probes=False),
            config=SECURE, files=files)
        ann = {"username": "ann", "password": "ann-secret"}
        here, there = self.here(**ann), self.there(**ann)
        far, near = self.there(**ann), self.here(**ann)
        far.subscribe("there/#")
        near.subscribe("may/#", "not/#", "wrong/#")
        self.until(lambda: here.publish("may/out", "", 1) and far.drain(), "what goes out")
        self.until(lambda: there.publish("there/may/in", "", 1) and
                   [packet for packet in near.drain() if packet.topic == "may/in"], "what comes in")
        here.publish("not/out", "", 1)
        here.publish("may/after", "", 1)
        self.assertNotIn("there/not/out", self.topics_up_to(far, "there/may/after"))
        there.publish("there/not/in", "", 1)
        there.publish("there/may/after", "", 1)
        self.assertNotIn("not/in", self.topics_up_to(near, "may/after"))
        self.broker.wait_for_log("(?i)bridge wrong .*not authorised|Connection Refused")


class SessionsWithDarterTest(SessionsWithMosquittoTest):
    """The same with a second broker of ours."""

    remote_program = Broker

    @needs("bridges of darter")
    def test_restart_with_store(self):
        """What was acknowledged here waits on disk for a remote that is away, over a restart; the
        remote's session outlives it, too."""
        store = DEFAULT_CONFIG + "persistence true\npersistence_location {dir}\n"
        self.start_remote(store)
        self.start_bridging(self.bridge("keeps", self.remote.port, "topic t/# both 2"),
                            config=store)
        self.join("keeps")
        listener = self.persistent(MQTT5, "far", port=self.remote.port)
        listener.subscribe("t/#", qos=2)
        listener.close()
        self.remote.stop()
        here = self.here()
        for number in range(20):
            here.publish(f"t/{number % 2 + 1}", str(number), number % 2 + 1)
        self.broker.restart()
        self.remote.start()
        self.join("keeps")
        listener = self.persistent(MQTT5, "far", port=self.remote.port)
        got = [listener.expect(wire.PUBLISH) for _ in range(20)]
        for qos in (1, 2):
            self.assertEqual([packet.payload for packet in got if packet.qos == qos],
                             [str(number).encode() for number in range(qos - 1, 20, 2)])
