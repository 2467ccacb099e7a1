"""Several brokers as the nodes of a cluster, on real NATS servers: which messages reach whom."""

import json
import re
import signal
import subprocess
from pathlib import Path

from harness import wire
from harness.broker import ROOT, DEFAULT_CONFIG, WS_CONFIG, Broker, answers, binary, free_port, \
    wait_until
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.nats import NatsCluster, NatsServer
from harness.needs import once
from harness.wire import MQTT5, MQTT311


class ClusterTest(BrokerTest):
    """Nodes on one NATS server, unless a test wants more of them."""

    autostart = False
    nats = None

    def start_nats(self, servers=1, **options):
        """NATS servers for the nodes of this test."""
        self.nats = NatsServer(**options) if servers == 1 else NatsCluster(servers, **options)
        self.addCleanup(self.nats.close)
        return self.nats.start()

    def urls(self):
        """Where nodes connect to."""
        return ",".join(self.nats.urls if isinstance(self.nats, NatsCluster) else [self.nats.url])

    def start_node(self, name, *lines, config=DEFAULT_CONFIG, **options):
        """A node; the broker `name` has it in $SYS and for `darter cluster status`."""
        config += (f"cluster_url {self.urls()}\ncluster_node {name}\n"
                   + "".join(line + "\n" for line in lines))
        if not isinstance(self.nats, NatsCluster):
            config += "cluster_replicas 1\n"
        node = Broker(config, **options)
        node.name = name
        self.addCleanup(node.close)
        return node

    def start_nodes(self, *names, **options):
        """Nodes that know each other."""
        if self.nats is None:
            self.start_nats()
        nodes = [self.start_node(name, **options) for name in names]
        self.join(*nodes)
        return nodes

    def status(self, node):
        """What `darter cluster status` says."""
        done = subprocess.run([binary(), "cluster", "status", "--json", "-c", node.config_file],
                              capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout)

    def join(self, *nodes):
        """Waits until each node sees all others alive."""
        def all_live(node):
            status = self.status(node)
            live = {each["name"] for each in status["nodes"] if each["state"] == "live"}
            return status["connected"] and live == {other.name for other in nodes} - {node.name}
        for node in nodes:
            wait_until(lambda: all_live(node), f"{node.name} to see the others")  # noqa: B023

    def crosses(self, publisher, listener, topic):
        """Waits until messages of a topic come from one client to another."""
        def came():
            publisher.publish(topic, "probe")
            return any(packet.payload == b"probe" for packet in listener.drain())
        wait_until(came, f"messages of {topic} to cross")
        # Those that are still on their way are taken, too.
        publisher.publish(topic, "last probe")
        wait_until(lambda: any(packet.payload == b"last probe" for packet in listener.drain()),
                   "the last probe")


class RoutingTest(ClusterTest):
    """Messages between nodes."""

    @versions(*ALL)
    def test_to_other_nodes(self, version):
        """A message reaches the subscribers of all nodes, once each, and with all of its parts."""
        one, two, three = self.start_nodes("one", "two", "three")
        publisher = self.client(version, port=one.port)
        listeners = [self.client(version, port=node.port) for node in (one, two, three)]
        for listener in listeners:
            # Several filters of a node match: NATS sends it several copies.
            listener.subscribe("a/#", "a/+", "+/b", qos=2)
            self.crosses(publisher, listener, "a/b")
        for qos in (0, 1, 2):
            publisher.publish("a/b", f"qos {qos}", qos)
        for listener in listeners:
            seen = []
            while len(seen) < 3:
                packet = listener.expect(wire.PUBLISH)
                if packet.payload.startswith(b"qos"):
                    listener.acknowledge(packet)
                    if not seen or seen[-1] != (packet.payload, packet.qos):
                        seen.append((packet.payload, packet.qos))
            self.assertEqual(seen, [(b"qos 0", 0), (b"qos 1", 1), (b"qos 2", 2)])

    def test_parts(self):
        """Properties, the RETAIN flag and the expiry cross; so do names with signs of NATS."""
        control = DEFAULT_CONFIG + "allow_control_characters true\n"
        one, two = self.start_nodes("one", "two", config=control)
        publisher = self.client(MQTT5, port=one.port)
        listener = self.client(MQTT5, port=two.port)
        retain_as_published = 8
        topics = ["a.b/c.d", "*/>", ">", "a b/\t", "//", "/", "%/%41", "ä/ö", "$x/y", "l" * 2000,
                  "/".join("deep" for _ in range(150))]
        for topic in topics:
            listener.subscribe((topic, 1 | retain_as_published))
        listener.subscribe(("#", 1 | retain_as_published))
        self.crosses(publisher, listener, topics[0])
        for topic in topics:
            self.crosses(publisher, listener, topic)
            publisher.publish(topic, "x", 1)
            listener.expect_publish(topic, "x", qos=1)
        properties = [(wire.CONTENT_TYPE, "text"), (wire.USER_PROPERTY, ("k", "v")),
                      (wire.MESSAGE_EXPIRY, 1000)]
        publisher.publish("a.b/c.d", "x", 1, retain=True, properties=properties)
        packet = listener.expect_publish("a.b/c.d", "x", qos=1, retain=True)
        got = dict(packet.properties)
        self.assertEqual((got[wire.CONTENT_TYPE], got[wire.USER_PROPERTY]), ("text", ("k", "v")))
        self.assertLessEqual(got[wire.MESSAGE_EXPIRY], 1000)
        self.assertGreater(got[wire.MESSAGE_EXPIRY], 900)
        publisher.publish("a.b/c.d", "", 1, retain=True)

    def test_after_suback(self):
        """A client that has SUBACK gets what is published from then on, on whatever node."""
        nodes = self.start_nodes("one", "two", "three")
        publishers = [self.client(port=node.port) for node in nodes]
        for i in range(30):
            listener = self.client(port=nodes[i % 3].port)
            listener.subscribe(f"new/{i}", f"other/{i}/#")
            for number, publisher in enumerate(publishers):
                publisher.publish(f"new/{i}", str(number))
            got = {listener.expect_publish(f"new/{i}").payload for _ in publishers}
            self.assertEqual(got, {b"0", b"1", b"2"})
            listener.leave()

    def test_only_where_wanted(self):
        """A message leaves a node only if another one has a subscription that matches; $SYS is each
        node's own."""
        one, two = self.start_nodes("one", "two")
        publisher = self.client(port=one.port)
        listener = self.client(port=two.port)
        listener.subscribe("wanted/#")
        self.client(port=two.port).subscribe("$SYS/#")
        self.crosses(publisher, listener, "wanted/a")
        sent = self.status(one)["sent"]
        for _ in range(20):
            publisher.publish("unwanted", "x", 1)
        publisher.publish("wanted/a", "end", 1)
        listener.expect_publish("wanted/a", "end")
        self.assertEqual(self.status(one)["sent"], sent + 1)
        # The last subscription ends: the other node sends no more.
        listener.unsubscribe("wanted/#")
        wait_until(lambda: self.status(one)["filters_of_others"] == 0, "the filter to be forgotten")
        publisher.publish("wanted/a", "nobody", 1)
        self.assertEqual(self.status(one)["sent"], sent + 1)

    def test_thousands_of_filters(self):
        """Above a number of filters a node tells prefixes, and every subscriber gets its own."""
        one, two = self.start_nodes("one", "two")
        publisher = self.client(port=one.port)
        listener = self.client(port=two.port)
        for first in range(0, 3000, 100):
            listener.subscribe(*(f"device/{i}/command" for i in range(first, first + 100)))
        self.crosses(publisher, listener, "device/2999/command")
        wait_until(lambda: 0 < self.status(one)["filters_of_others"] < 2000, "prefixes")
        for i in range(0, 3000, 50):
            publisher.publish(f"device/{i}/command", str(i), 1)
            publisher.publish(f"device/{i}/other", "nobody", 1)
        # Topics are independent of each other: their order is open.
        got = {(packet.topic, packet.payload) for packet in
               (listener.expect(wire.PUBLISH) for _ in range(0, 3000, 50))}
        self.assertEqual(got, {(f"device/{i}/command", str(i).encode())
                               for i in range(0, 3000, 50)})

    def test_order_of_a_publisher(self):
        """Messages of a publisher and a topic stay in order, and none is missing or comes twice."""
        one, two = self.start_nodes("one", "two")
        publisher = self.client(port=one.port)
        listener = self.client(port=two.port)
        listener.subscribe("flow/#", "flow/+", "#", qos=0)
        listener.unsubscribe("flow/#", "#")
        self.crosses(publisher, listener, "flow/a")
        # No queue on the way is full.
        for first in range(0, 5000, 200):
            for i in range(first, first + 200):
                publisher.publish("flow/a", str(i))
            for i in range(first, first + 200):
                self.assertEqual(listener.expect(wire.PUBLISH).payload, str(i).encode())

    def test_over_websocket_with_will(self):
        """A will of a client over WebSocket reaches the other node."""
        one, two = self.start_nodes("one", "two", config=WS_CONFIG)
        listener = self.client(port=two.port)
        listener.subscribe("will/#")
        publisher = self.client(port=one.port)
        self.crosses(publisher, listener, "will/probe")
        self.broker = one
        ill = self.ws_client(MQTT311, unique("ill"), will=wire.Will("will/of", b"gone"))
        ill.close()
        listener.expect_publish("will/of", "gone")


@once
class MembershipTest(ClusterTest):
    """Nodes that come and go."""

    def test_killed(self):
        """A node that is killed counts as dead after some seconds, and its filters as gone; started
        again, it is served as before."""
        one, two = self.start_nodes("one", "two")
        publisher = self.client(port=one.port)
        listener = self.client(port=two.port)
        listener.subscribe("a")
        self.crosses(publisher, listener, "a")
        two.process.kill()
        two.process.wait()
        wait_until(lambda: self.status(one)["filters_of_others"] == 0, "the filter to be forgotten")
        self.assertEqual([node["state"] for node in self.status(one)["nodes"]], ["left"])
        one.wait_for_log("two.*(left|silent|dead)")
        two.start()
        self.join(one, two)
        listener = self.client(port=two.port)
        listener.subscribe("a")
        self.crosses(publisher, listener, "a")

    def test_leaves(self):
        """A node that ends as it should is gone at once, and publishes the wills of its clients."""
        one, two = self.start_nodes("one", "two")
        listener = self.client(port=one.port)
        listener.subscribe("will/#")
        publisher = self.client(port=two.port)
        self.crosses(publisher, listener, "will/probe")
        self.client(port=two.port, will=wire.Will("will/of", b"gone"))
        two.stop()
        listener.expect_publish("will/of", "gone")
        wait_until(lambda: all(node["state"] != "live" for node in self.status(one)["nodes"]),
                   "the node to have left")

    def test_name_taken(self):
        """A second broker with the name of a node says so, and takes nothing from the first."""
        one, two = self.start_nodes("one", "two")
        other = self.start_node("two")
        other.wait_for_log("another broker is in the cluster under the name two")
        publisher = self.client(port=one.port)
        listener = self.client(port=two.port)
        listener.subscribe("a")
        self.crosses(publisher, listener, "a")
        self.assertEqual(self.status(other)["membership"], "name taken")
        self.assertEqual(self.status(two)["membership"], "member")
        two.stop()
        wait_until(lambda: self.status(other)["membership"] == "member", "the name to be free")

    def test_nats_away(self):
        """Without NATS a node serves its own clients, and says so; when NATS is back, messages
        cross again."""
        self.start_nats()
        self.nats.stop()
        one, two = self.start_node("one"), self.start_node("two")
        here = self.client(port=one.port)
        here.subscribe("a", qos=1)
        here.publish("a", "local", 1, finish=False)
        self.assertEqual({here.receive().kind, here.receive().kind}, {wire.PUBACK, wire.PUBLISH})
        one.wait_for_log("NATS|nats")
        self.assertFalse(self.status(one)["connected"])
        listener = self.client(port=two.port)
        listener.subscribe("b/#")
        self.nats.start()
        self.join(one, two)
        self.crosses(here, listener, "b/c")
        # Messages that are published meanwhile wait for NATS.
        self.nats.stop()
        wait_until(lambda: not self.status(one)["connected"], "the loss of NATS")
        for i in range(10):
            here.publish("b/waits", str(i), 1)
        self.nats.start()
        self.join(one, two)
        self.crosses(here, listener, "b/c")

    def test_one_server_of_three(self):
        """One of three NATS servers is killed: messages cross again within seconds."""
        self.start_nats(3)
        one, two, three = self.start_nodes("one", "two", "three")
        publisher = self.client(port=one.port)
        listeners = [self.client(port=node.port) for node in (two, three)]
        for listener in listeners:
            listener.subscribe("a")
            self.crosses(publisher, listener, "a")
        self.nats.servers[0].kill()
        self.join(one, two, three)
        late = self.client(port=two.port)
        late.subscribe("b")
        self.crosses(publisher, late, "b")
        for listener in listeners:
            self.crosses(publisher, listener, "a")


@once
class OptionsTest(ClusterTest):
    """The options, and what a node says about itself."""

    def test_status(self):
        """`darter cluster status` is a table; $SYS and the figures have the same."""
        one, two = self.start_nodes("one", "two")
        listener = self.client(port=two.port)
        listener.subscribe("a")
        self.crosses(self.client(port=one.port), listener, "a")
        done = subprocess.run([binary(), "cluster", "status", "-c", one.config_file],
                              capture_output=True, text=True, check=True, timeout=60)
        self.assertRegex(done.stdout, r"^cluster darter, 2 nodes; NATS is reached")
        self.assertRegex(done.stdout, r"(?m)^one \(this one\) +member +")
        self.assertRegex(done.stdout, r"(?m)^two +live +")
        self.start(DEFAULT_CONFIG)
        done = subprocess.run([binary(), "cluster", "status", "-c", self.broker.config_file],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cluster_url", done.stderr)

    def test_sys(self):
        """$SYS/broker/cluster has the figures of this node."""
        self.start_nats()
        one = self.start_node("one", "sys_interval 1")
        client = self.client(port=one.port)
        client.subscribe("$SYS/broker/cluster/#")
        told = {}

        def says():
            told.update((p.topic, p.payload.decode()) for p in client.drain())
            return told.get("$SYS/broker/cluster/connected") == "1"
        wait_until(says, "$SYS to say that the node is connected")
        self.assertEqual(told["$SYS/broker/cluster/nodes"], "1")
        self.assertTrue(re.fullmatch(r"\d+", told["$SYS/broker/cluster/messages/sent"]))

    def test_wrong_files(self):
        """A file that cannot be used ends the start with a sentence."""
        self.start_nats()
        node = Broker(DEFAULT_CONFIG + f"cluster_url {self.nats.url}\n"
                      "cluster_credentials {dir}/none\n", wait=None)
        self.addCleanup(node.close)
        node.start(wait=False)
        self.assertNotEqual(node.process.wait(60), 0)
        node.process = None


@once
class ToolTest(BrokerTest):
    """tools/cluster."""

    autostart = False

    def launch(self):
        """Starts it on ports that are free; its process and its port, or None if one is taken."""
        port = free_port()
        tool = subprocess.Popen(
            [ROOT / "tools" / "cluster", "2", "--no-install", "--build", Path(binary()).parent,
             "--port", str(port), "--ws-port", str(port + 1), "--node-port", str(port + 10),
             "--nats-port", str(port + 20)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        said = ""
        while "ask one" not in said:
            line = tool.stdout.readline()
            if not line:
                tool.wait(60)
                tool.stdout.close()
                self.assertRegex(said, "Port [0-9]+ is taken|Address already in use")
                return None
            said += line
        self.addCleanup(tool.stdout.close)
        return tool, port, said

    def test_cluster_of_two(self):
        """Two nodes behind nginx serve clients; SIGINT ends all of it."""
        tool, port, said = wait_until(self.launch, "ports that are free")
        try:
            files = re.search(r"their files: (\S+)", said)[1]

            def is_whole():
                done = subprocess.run([binary(), "cluster", "status", "-c", f"{files}/node0.conf"],
                                      capture_output=True, text=True, check=False, timeout=60)
                return "2 nodes; NATS is reached" in done.stdout
            wait_until(is_whole, "the cluster")
            listeners = [self.client(port=port) for _ in range(4)]  # nginx shares them out
            for listener in listeners:
                listener.subscribe("a")
            self.client(port=port).publish("a", "to all")
            for listener in listeners:
                listener.expect_publish("a", "to all")
        finally:
            tool.send_signal(signal.SIGINT)
            self.assertEqual(tool.wait(60), 0)
        self.assertFalse(answers(port))
        self.assertFalse(Path(files).exists())
