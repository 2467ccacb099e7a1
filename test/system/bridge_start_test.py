"""When bridges connect, and where to: start types, waits, and lists of addresses."""

from harness import wire
from harness.broker import free_port
from harness.needs import needs
from harness.remote import Rules
from bridge_wire_test import WireTest


class StartTest(WireTest):
    """Bridges to a remote of the wire harness."""

    @needs("bridges of darter")
    def test_automatic_and_once(self):
        """An automatic bridge comes back after each loss; one that starts once does not."""
        self.start_with(("auto", "start_type automatic"), ("once", "start_type once"),
                        ("plain",))
        for name in ("auto", "once", "plain"):
            self.state("1", name)
            self.remote.peer(name).close()
        for name in ("auto", "plain"):
            self.remote.peer(name, 1).close()
            self.remote.peer(name, 2)
        self.state("1", "auto")
        self.state("0", "once")
        self.assertEqual(len(self.remote.connections("once")), 1)

    @needs("bridges of darter")
    def test_lines_about_the_session(self):
        """The log does not tell of connections between a bridge and its own broker that end."""
        self.start_with(("quiet",))
        self.state("1", "quiet")
        self.remote.peer("quiet").close()
        self.remote.peer("quiet", 1)
        self.state("1", "quiet")
        self.broker.wait_for_log("Lost the connection of bridge quiet")
        self.assertEqual(
            self.broker.log_lines(r"Client local\.quiet.*(lost|closed|disconnected)"), [])

    @needs("bridges of darter")
    def test_lazy(self):
        """A lazy bridge connects when enough messages wait, sends them, and goes when idle."""
        self.start_with(("lazy", "start_type lazy", "threshold 5", "idle_timeout 2"),
                        ("steady",))
        self.remote.peer("steady")
        here = self.here()
        for number in range(4):
            here.publish("t/few", str(number), 1)
        self.remote.expect("steady", wire.PUBLISH, payload=b"3")
        self.assertEqual(self.remote.connections("lazy"), [])
        for number in range(4, 8):
            here.publish("t/few", str(number), 1)
        peer = self.remote.peer("lazy")
        for number in range(8):
            self.remote.expect("lazy", wire.PUBLISH, payload=str(number).encode())
        self.remote.wait_for(lambda: peer.ended, "the end of an idle bridge")
        self.state("0", "lazy")
        for number in range(8, 16):
            here.publish("t/few", str(number), 1)
        self.remote.peer("lazy", 1)
        self.remote.expect("lazy", wire.PUBLISH, payload=b"15")
        sent = [packet.payload for one in self.remote.connections("lazy")
                for packet in one.all(wire.PUBLISH) if packet.topic == "t/few"]
        self.assertEqual(sent, [str(number).encode() for number in range(16)])

    @needs("bridges of darter")
    def test_waits(self):
        """A remote that refuses is asked no more often than restart_timeout says, whether that is
        constant or grows."""
        self.remote = self.wire_remote({None: Rules(reason=5)})
        waits = {"one": "1", "two": "2", "grows": "1 30"}
        self.start_bridging(*(self.to(name, f"restart_timeout {text}", "try_private false",
                                      restart=None) for name, text in waits.items()))
        self.remote.peer("one", 4)
        self.remote.peer("two", 2)
        self.remote.peer("grows", 2)
        for name, least in (("one", 1), ("two", 2), ("grows", 0.9)):
            begins = [peer.begin for peer in self.remote.connections(name)]
            gaps = [after - before for before, after in zip(begins, begins[1:])]
            self.assertGreater(min(gaps), least - 0.2, name)

    @needs("bridges of darter")
    def test_many_do_not_ask_in_step(self):
        """Bridges with the same jitter come back at different instants."""
        names = [f"many{number}" for number in range(12)]
        self.remote = self.wire_remote({name: Rules(reason=3) for name in names})
        self.start_bridging(*(self.to(name, "restart_timeout 1 4", restart=None)
                              for name in names))
        begins = sorted(self.remote.peer(name, 2).begin for name in names)
        self.assertGreater(begins[-1] - begins[0], 0.1)


class AddressTest(WireTest):
    """Bridges with several addresses."""

    def setUp(self):
        self.first, self.second = self.wire_remote(), self.wire_remote()
        self.remote = self.second
        super().setUp()

    def start_addresses(self, *addresses, **names):
        """A broker whose bridges have these addresses; a name stands for whether they are equal."""
        text = " ".join(f"127.0.0.1:{port}" for port in addresses)
        self.start_bridging(*(
            self.bridge(name, 0, f"round_robin {equal}", "topic t/# both 1", probes=False)
            .replace("127.0.0.1:0", text) for name, equal in names.items()))

    def test_next_address(self):
        """An address where nobody listens, and one that refuses, are passed over."""
        self.first.rules[None] = Rules(reason=3)
        self.start_addresses(free_port(), self.first.port, self.second.port, any="true")
        self.second.peer("any")
        self.first.peer("any")
        self.publish_until("t/a", "any")

    def test_round_robin(self):
        """With round_robin a bridge stays where it is until that fails; then the next has its
        turn."""
        self.start_addresses(self.first.port, self.second.port, robin="true")
        self.first.peer("robin").close()
        peer = self.second.peer("robin")
        self.state("1", "robin")
        peer.close()
        self.first.peer("robin", 1).close()
        self.second.peer("robin", 1)

    @needs("bridges of darter")
    def test_back_to_the_first(self):
        """Without it a bridge goes back to the first address as soon as that can be reached."""
        proxy = self.proxy_to(self.first.port)
        proxy.refuse()
        self.start_addresses(proxy.port, self.second.port, main="false", robin="true")
        for name in ("main", "robin"):
            self.second.peer(name)
            self.state("1", name)
        proxy.pass_on()
        self.first.peer("main")
        self.second.wait_for(lambda: self.second.peer("main").ended, "the end at the second")
        self.state("1", "main")
        self.assertFalse(self.second.peer("robin").ended)
