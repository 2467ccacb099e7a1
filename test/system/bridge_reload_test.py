"""Bridges and SIGHUP: added, changed and removed ones, and those that stay as they are."""

from harness import wire
from harness.broker import DEFAULT_CONFIG, Broker, wait_until
from harness.needs import needs
from bridge_wire_test import V5, WireTest


@needs("bridges of darter")
class BridgeReloadTest(WireTest):
    """A broker whose bridges change, and a remote of the wire harness."""

    def setUp(self):
        super().setUp()
        self.remote = self.wire_remote()

    def reload(self, *bridges):
        """Reloads with these bridges."""
        old = self.broker.config_file.read_text()
        self.broker.config_file.write_text(old.split("connection ")[0] + "".join(bridges))
        done = len(self.broker.log_lines("Reloaded"))
        self.broker.reload()
        wait_until(lambda: len(self.broker.log_lines("Reloaded")) > done, "the reload")

    def ended(self, name, number=0):
        """Waits for the end of a connection."""
        peer = self.remote.peer(name, number)
        self.remote.wait_for(lambda: peer.ended, f"the end of {name}")
        return peer

    def test_all_kinds(self):
        """A new bridge connects, one that is gone disconnects, a changed one connects anew at once
        or later, and one without changes keeps its connection."""
        same, gone = self.to("same", V5), self.to("gone")
        self.start_bridging(same, gone, self.to("lazy"),
                            self.to("now", "bridge_reload_type immediate"))
        for name in ("same", "gone", "lazy", "now"):
            self.state("1", name)
        alive = "keepalive_interval 91"
        self.reload(same, self.to("lazy", alive), self.to("new"),
                    self.to("now", "bridge_reload_type immediate", alive))
        self.remote.peer("new")
        self.ended("gone")
        self.state("0", "gone")
        self.ended("now")
        self.assertEqual(self.remote.peer("now", 1).connect.keep_alive, 91)
        self.assertEqual(len(self.remote.connections("lazy")), 1)
        self.remote.peer("lazy").close()
        self.assertEqual(self.remote.peer("lazy", 1).connect.keep_alive, 91)
        for name in ("same", "lazy", "new", "now"):
            self.publish_until(f"t/{name}", name)
        self.assertEqual(len(self.remote.connections("same")), 1)
        self.assertEqual(len(self.remote.connections("gone")), 1)
        self.reload(same, gone)
        self.remote.peer("gone", 1)
        self.assertEqual(len(self.remote.connections("same")), 1)

    def test_topics_change(self):
        """Other topics cross after a reload, the old ones no more; nothing that waited is lost."""
        now = "bridge_reload_type immediate"
        self.start_bridging(self.to("moves", now, topics=("topic old/# out 1", "topic t/# out 1")))
        self.state("1", "moves")
        self.publish_until("old/a", "moves")
        self.remote.rules[None] = self.remote.rules_of("moves")
        self.remote.rules[None].acknowledges = False
        here = self.here()
        here.publish("t/waits", "1", 1)
        self.remote.expect("moves", wire.PUBLISH, topic="t/waits")
        self.reload(self.to("moves", now, topics=("topic new/# out 1", "topic t/# out 1")))
        self.remote.rules[None].acknowledges = True
        self.remote.wait_for(lambda: [packet for packet in self.remote.peer("moves", 1).all(
            wire.PUBLISH) if packet.topic == "t/waits"], "what was not acknowledged, again")
        self.publish_until("new/a", "moves")
        before = len(self.remote.peer("moves", 1).all(wire.PUBLISH))
        here.publish("old/a", "late", 1)
        here.publish("t/after", "", 1)
        self.remote.expect("moves", wire.PUBLISH, topic="t/after")
        names = [packet.topic for packet in
                 self.remote.peer("moves", 1).all(wire.PUBLISH)[before:]]
        self.assertNotIn("old/a", names)

    def test_errors_change_nothing(self):
        """A configuration with a fault in a bridge is refused as a whole."""
        self.start_bridging(self.to("stays"))
        self.state("1", "stays")
        text = self.broker.config_file.read_text()
        self.broker.config_file.write_text(text + "connection broken\ntopic a out 0\n")
        self.broker.reload()
        self.broker.wait_for_log("has no 'address'")
        self.publish_until("t/a", "stays")
        self.assertEqual(len(self.remote.connections("stays")), 1)

    def test_toml(self):
        """The same bridge from a darter.toml."""
        self.broker = Broker(DEFAULT_CONFIG, wait=None)
        self.addCleanup(self.broker.close)
        written = self.broker.config_file.read_text().split("listener")[0].splitlines()
        lines = (line.split() for line in written)
        options = "".join(f"{name} = {value}\n" if value.isdigit() or value == "true" else
                          f"{name} = '{value}'\n" for name, value in lines)
        self.broker.config_file = self.broker.write("darter.toml", f"""{options}
[[listener]]
port = {self.broker.port}
bind_address = "127.0.0.1"
[[connection]]
name = "toml"
address = "127.0.0.1:{self.remote.port}"
remote_clientid = "toml"
keepalive_interval = 77
topic = ['t/# both 1', '"" out 1 here there']
""")
        self.broker.start()
        self.assertEqual(self.connect_of("toml").keep_alive, 77)
        self.publish_until("t/a", "toml")
        self.here().publish("here", "x", 1)
        self.remote.expect("toml", wire.PUBLISH, topic="there", qos=1)
