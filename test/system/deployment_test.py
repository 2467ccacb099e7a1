"""The configuration that people copy for "Mosquitto behind nginx", as it stands."""

import socket
import subprocess
import tempfile
from pathlib import Path

from harness import wire
from harness.broker import open_sockets, wait_until
from harness.case import BrokerTest
from harness.client import Client
from harness.wire import MQTT5, MQTT311

# Only paths and port numbers differ from what is deployed.
DEPLOYED = """per_listener_settings true

allow_anonymous false
password_file {dir}/passwd

persistence true
persistence_location {dir}/

listener {port} 127.0.0.1

listener {ws_port} 127.0.0.1
protocol websockets

max_keepalive 600
message_size_limit 1048576

log_type error
log_type warning
log_type notice
log_timestamp true
"""
LOGIN = {"username": "iot_admin", "password": "s3cret"}


def password_file():
    """What `mosquitto_passwd -c` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "passwd"
        path.touch(0o600)
        subprocess.run(["mosquitto_passwd", "-b", str(path), *LOGIN.values()], check=True,
                       capture_output=True)
        return path.read_text()


def listening_ports(pid):
    """The (address family, port) pairs on which a process listens."""
    inodes, ports = open_sockets(pid), set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


class DeploymentTest(BrokerTest):
    """Everything that its operators rely on."""

    config = DEPLOYED
    args = ()

    def setUp(self):
        self.files = {"passwd": password_file()}
        super().setUp()

    def test_both_listeners_ask_for_a_password(self):
        """No password, no entry; the right one opens both."""
        self.refused(MQTT311, 5)
        self.refused(MQTT311, 5, username="iot_admin", password="wrong")
        self.client(MQTT311, **LOGIN).ping()
        self.ws_client(MQTT311, **LOGIN).ping()
        with self.assertRaises(AssertionError):
            self.ws_client(MQTT311)

    def test_no_stray_port(self):
        """Only the two listeners of the file are open, and only on the loopback address."""
        ports = listening_ports(self.broker.process.pid)
        self.assertEqual(ports, {self.broker.port, self.broker.ws_port})
        with socket.socket(socket.AF_INET6) as probe:
            self.assertNotEqual(probe.connect_ex(("::1", self.broker.port)), 0)

    def test_notice_on_per_listener_settings(self):
        """A notice says what per_listener_settings was taken to mean."""
        self.broker.wait_for_log("per_listener_settings")

    def test_state_is_kept(self):
        """persistence is true: the folder has a store, and no warning is needed."""
        # Ports answer first: whoever connects while the store is opened and read, waits.
        store = self.broker.directory / "darter.db"
        wait_until(store.exists, "the store")
        self.broker.stop()
        self.assertEqual(self.broker.log_lines("(?i)warning.*persistence"), [])

    def test_max_keepalive(self):
        """600 is the most; 5.0 is told."""
        self.client(MQTT311, keep_alive=600, **LOGIN)
        self.refused(MQTT311, 2, keep_alive=601, **LOGIN)
        connack = self.client(MQTT5, keep_alive=3600, **LOGIN).connack
        self.assertEqual(connack.property(wire.SERVER_KEEP_ALIVE), 600)

    def test_message_size_limit(self):
        """1048576 bytes pass, one more does not."""
        watcher = self.client(MQTT311, **LOGIN)
        watcher.subscribe("agent/data", qos=1)
        over_ws = self.ws_client(MQTT311, **LOGIN)
        over_ws.publish("agent/data", b"x" * 1048576, 1)
        watcher.expect_publish("agent/data", b"x" * 1048576)
        big = self.client(MQTT311, **LOGIN)
        big.send(wire.publish(MQTT311, "agent/data", b"x" * 1048577, 1, 1) + wire.pingreq())
        big.receive()
        watcher.ping()

    def test_browser_and_agent(self):
        """A browser's client and an agent inside talk, and the browser's will reaches the agent."""
        agent = self.client(MQTT311, **LOGIN)
        agent.subscribe("from/browser/#", qos=1)
        browser = self.ws_client(MQTT311, will=wire.Will("from/browser/gone", b"1", 1), **LOGIN)
        browser.subscribe("to/browser", qos=2)
        agent.publish("to/browser", "hello", 2)
        browser.expect_publish("to/browser", "hello")
        browser.close()
        agent.expect_publish("from/browser/gone")

    def test_log(self):
        """Time stamps are Unix times; information lines are not asked for."""
        self.refused(MQTT311, 5, "stranger")
        line = self.broker.wait_for_log("stranger.*127|127.*stranger")
        self.assertRegex(line, r"^\d{10}: ")
        self.assertEqual(self.broker.log_lines("New client connected"), [])

    def test_keeps_serving_after_sighup(self):
        """SIGHUP ends nobody's connection."""
        client = self.client(MQTT311, **LOGIN)
        self.broker.reload()
        client.ping()
        Client.connected(self.broker.port, MQTT311, **LOGIN).close()
