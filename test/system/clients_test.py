"""Programs and libraries that people use: mosquitto_pub, mosquitto_sub, paho-mqtt for Python."""

import queue
import subprocess
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import wire
from harness.broker import DEADLINE_SECONDS, WS_CONFIG, wait_until
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT31, MQTT311

FLAG = {MQTT31: "31", MQTT311: "311", MQTT5: "5"}
PAHO_VERSION = {MQTT31: paho.MQTTv31, MQTT311: paho.MQTTv311, MQTT5: paho.MQTTv5}


class CommandTest(BrokerTest):
    """mosquitto_pub and mosquitto_sub as Debian ships them."""

    def listen(self, version, *arguments, count=1):
        """A mosquitto_sub that has subscribed; it ends after `count` messages."""
        name = unique("sub")
        process = subprocess.Popen(
            ["mosquitto_sub", "-p", str(self.broker.port), "-V", FLAG[version], "-i", name,
             "-C", str(count), "-W", str(int(DEADLINE_SECONDS * 2)), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        self.broker.wait_for_log(rf": {name} \d ")  # The line of log_type subscribe.
        return process

    @staticmethod
    def end(process):
        """Ends a program that a failing test left behind."""
        process.kill()
        process.communicate()

    def heard(self, process):
        """What a mosquitto_sub printed."""
        output, errors = process.communicate(timeout=DEADLINE_SECONDS * 3)
        self.assertEqual(process.returncode, 0, errors)
        return output

    def publish(self, version, *arguments, stdin=None, status=0):
        """Runs mosquitto_pub."""
        done = subprocess.run(["mosquitto_pub", "-p", str(self.broker.port), "-V", FLAG[version],
                               *arguments], input=stdin, capture_output=True, check=False,
                              timeout=DEADLINE_SECONDS * 3)
        self.assertEqual(done.returncode, status, done.stderr)

    @versions(*ALL)
    def test_round_trip(self, version):
        """Every QoS, to one subscriber of every version."""
        for qos in "012":
            listeners = [self.listen(v, "-t", "cli/+", "-q", qos, "-v") for v in ALL]
            self.publish(version, "-t", "cli/a", "-m", f"text {qos}", "-q", qos)
            for listener in listeners:
                self.assertEqual(self.heard(listener), f"cli/a text {qos}\n".encode())

    @versions(*ALL)
    def test_big_payload(self, version):
        """A megabyte through standard input."""
        payload = bytes(range(256)) * 4096
        listener = self.listen(version, "-t", "cli/big", "-q", "1", "-N")
        self.publish(version, "-t", "cli/big", "-s", "-q", "1", stdin=payload)
        self.assertEqual(self.heard(listener), payload)

    @versions(*ALL)
    def test_many_lines(self, version):
        """A thousand messages from one mosquitto_pub -l."""
        lines = b"".join(f"line {n}\n".encode() for n in range(1000))
        for qos in "012":
            listener = self.listen(version, "-t", "cli/lines", "-q", qos, count=1000)
            self.publish(version, "-t", "cli/lines", "-l", "-q", qos, stdin=lines)
            self.assertEqual(self.heard(listener), lines)

    @versions(*ALL)
    def test_retained(self, version):
        """Retained messages, and --retained-only."""
        self.publish(version, "-t", "cli/kept", "-m", "kept", "-r", "-q", "1")
        listener = self.listen(version, "-t", "cli/kept", "--retained-only")
        self.assertEqual(self.heard(listener), b"kept\n")
        self.publish(version, "-t", "cli/kept", "-n", "-r", "-q", "1")
        watcher = self.client()
        watcher.subscribe("cli/kept")
        watcher.ping()

    @versions(*ALL)
    def test_will(self, version):
        """The will of a mosquitto_sub that is killed."""
        watcher = self.client()
        watcher.subscribe("cli/will", qos=1)
        listener = self.listen(version, "-t", "x", "--will-topic", "cli/will", "--will-payload",
                               "gone", "--will-qos", "1")
        listener.kill()
        watcher.expect_publish("cli/will", "gone")

    @versions(*ALL)
    def test_persistent_session(self, version):
        """mosquitto_sub -c comes back to what it missed."""
        extra = ["-x", "600"] if version == MQTT5 else []
        arguments = ["mosquitto_sub", "-p", str(self.broker.port), "-V", FLAG[version], "-i",
                     "keeper", "-c", "-q", "1", "-t", "cli/keep", *extra]
        subprocess.run([*arguments, "-E"], check=True, timeout=DEADLINE_SECONDS)
        self.publish(version, "-t", "cli/keep", "-m", "missed", "-q", "1")
        done = subprocess.run([*arguments, "-C", "1", "-W", "20"], check=True, capture_output=True,
                              timeout=DEADLINE_SECONDS * 3)
        self.assertEqual(done.stdout, b"missed\n")

    def test_properties(self):
        """Properties of mosquitto_pub reach mosquitto_sub in order."""
        listener = self.listen(MQTT5, "-t", "cli/props", "-F", "%C|%R|%P|%p")
        self.publish(MQTT5, "-t", "cli/props", "-m", "x", "-D", "publish", "content-type", "a/b",
                     "-D", "publish", "response-topic", "re", "-D", "publish", "user-property",
                     "k", "1", "-D", "publish", "user-property", "k", "2")
        self.assertEqual(self.heard(listener), b"a/b|re|k:1 k:2|x\n")

    def test_refused(self):
        """A refused login is an error of the program."""
        self.start("listener {port} 127.0.0.1\n")
        self.publish(MQTT311, "-t", "x", "-m", "y", status=5)
        self.publish(MQTT5, "-t", "x", "-m", "y", status=0x87)


class PahoCTest(BrokerTest):
    """The programs of Paho C: after a packet they wait for the next WebSocket frame."""

    config = WS_CONFIG

    @versions(*ALL)
    def test_websockets(self, version):
        """Retained messages, all handed out in one turn, then one each way."""
        sender = self.client()
        for number in range(20):
            sender.publish(f"rr/{number:02}", f"kept {number}", 1, retain=True)
        url = f"ws://127.0.0.1:{self.broker.ws_port}/mqtt"
        subscriber = subprocess.Popen(
            ["paho_c_sub", "-t", "rr/#", "-q", "1", "-V", FLAG[version], "-i", unique("paho-c"),
             "-c", url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(CommandTest.end, subscriber)
        too_late = threading.Timer(DEADLINE_SECONDS * 2, subscriber.kill)
        self.addCleanup(too_late.cancel)
        too_late.start()
        # "6 rr/00<tab>kept 0", behind lines on what it does.
        messages = (line.strip().split(b"\t")[1] for line in subscriber.stdout if b"\t" in line)
        kept = sorted(next(messages, None) for _ in range(20))
        self.assertEqual(kept, sorted(f"kept {number}".encode() for number in range(20)))
        subprocess.run(["paho_c_pub", "-t", "rr/new", "-q", "1", "-V", FLAG[version], "-m", "new",
                        "-c", url], check=True, timeout=DEADLINE_SECONDS, capture_output=True)
        self.assertEqual(next(messages, None), b"new")


class PahoTest(BrokerTest):
    """paho-mqtt for Python, over TCP and WebSocket."""

    config = WS_CONFIG

    def paho(self, version, transport="tcp", **options):
        """A connected client whose messages arrive in `.inbox`."""
        client = paho.Client(unique("paho"), protocol=PAHO_VERSION[version], transport=transport,
                             **options)
        client.inbox, client.subscribed = queue.Queue(), queue.Queue()
        client.on_message = lambda _c, _u, message: client.inbox.put(message)
        client.on_subscribe = lambda *arguments: client.subscribed.put(arguments)
        port = self.broker.port if transport == "tcp" else self.broker.ws_port
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port, 60)
        client.loop_start()
        self.addCleanup(client.loop_stop)
        self.addCleanup(client.disconnect)
        wait_until(client.is_connected, "paho to connect")
        return client

    @staticmethod
    def subscribe(client, *arguments, **options):
        """Subscribes and waits for the answer."""
        client.subscribe(*arguments, **options)
        return client.subscribed.get(timeout=DEADLINE_SECONDS)

    @staticmethod
    def publish(client, *arguments, **options):
        """Publishes and waits until the handshake is done."""
        client.publish(*arguments, **options).wait_for_publish(DEADLINE_SECONDS)

    def expect(self, client, topic, payload):
        """The next message of the client."""
        message = client.inbox.get(timeout=DEADLINE_SECONDS)
        self.assertEqual((message.topic, message.payload), (topic, wire.as_bytes(payload)))
        return message

    def round_trip(self, version, transport):
        """Every QoS, a big payload and a retained message."""
        client, other = self.paho(version, transport), self.paho(version)
        self.subscribe(client, "paho/#", 2)
        for qos in (0, 1, 2):
            self.publish(other, "paho/a", f"text {qos}", qos)
            self.assertEqual(self.expect(client, "paho/a", f"text {qos}").qos, qos)
        payload = bytes(range(256)) * 3600
        self.publish(client, "paho/big", payload, 1)
        self.expect(client, "paho/big", payload)
        self.publish(other, "paho/kept", "kept", 1, retain=True)
        self.expect(client, "paho/kept", "kept")
        late = self.paho(version, transport)
        self.subscribe(late, "paho/kept", 1)
        self.assertTrue(self.expect(late, "paho/kept", "kept").retain)

    @versions(*ALL)
    def test_tcp(self, version):
        """Over TCP."""
        self.round_trip(version, "tcp")

    @versions(*ALL)
    def test_websockets(self, version):
        """Over WebSocket."""
        self.round_trip(version, "websockets")

    def test_will(self):
        """The will of a client whose socket dies."""
        watcher = self.client()
        watcher.subscribe("paho/will", qos=1)
        client = paho.Client(unique("paho"), transport="websockets")
        client.will_set("paho/will", "gone", 1)
        client.connect("127.0.0.1", self.broker.ws_port)
        client.loop_start()
        wait_until(client.is_connected, "paho to connect")
        client.loop_stop()
        client.socket().close()
        watcher.expect_publish("paho/will", "gone")

    def test_restart(self):
        """Clients come back by themselves when the broker is started again."""
        for transport in ("tcp", "websockets"):
            client = self.paho(MQTT311, transport)
            self.broker.stop()
            wait_until(lambda c=client: not c.is_connected(), "paho to see the end")
            self.broker.start()
            wait_until(client.is_connected, "paho to come back")
            self.subscribe(client, "paho/again", 1)
            self.client().publish("paho/again", "x", 1)
            self.expect(client, "paho/again", "x")

    def test_burst(self):
        """A thousand publishes at once, of QoS 1 and 2, both protocol versions."""
        for version in (MQTT311, MQTT5):
            client, other = self.paho(version, "websockets"), self.paho(version)
            topic = unique("paho/burst")
            self.subscribe(client, topic, 2)
            for number in range(1000):
                other.publish(topic, str(number), 1 + number % 2)
            found = {client.inbox.get(timeout=DEADLINE_SECONDS).payload for _ in range(1000)}
            self.assertEqual(len(found), 1000)

    def test_size_limit_does_not_break_paho(self):
        """A 5.0 publish above message_size_limit leaves the library alive or disconnected."""
        self.start("message_size_limit 1000\n" + self.config)
        client, watcher = self.paho(MQTT5), self.client()
        watcher.subscribe("paho/#", qos=1)
        client.publish("paho/big", "x" * 2000, 1)
        wait_until(client.is_connected, "paho to be connected")
        self.publish(client, "paho/small", "x", 1)
        watcher.expect_publish("paho/small", "x")

    def test_properties_and_options(self):
        """Properties and subscription options of 5.0 through the library."""
        client, other = self.paho(MQTT5), self.paho(MQTT5, "websockets")
        self.subscribe(client, "paho/props", options=SubscribeOptions(1, noLocal=True))
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType, properties.ResponseTopic = "a/b", "re/to"
        properties.UserProperty = [("k", "2"), ("k", "1")]
        self.publish(client, "paho/props", "own", 1)
        self.publish(other, "paho/props", "other", 1, properties=properties)
        message = self.expect(client, "paho/props", "other")
        self.assertEqual(message.properties.UserProperty, [("k", "2"), ("k", "1")])
        self.assertEqual(message.properties.ContentType, "a/b")
        self.assertEqual(message.properties.ResponseTopic, "re/to")
