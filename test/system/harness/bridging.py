"""A pair of brokers with a bridge between them."""

import os
import signal

from . import wire
from .broker import DEADLINE_SECONDS, DEFAULT_CONFIG, Broker, wait_until
from .case import BrokerTest
from .client import unique
from .fault_proxy import FaultProxy
from .remote import Remote

MOSQUITTO = "/usr/sbin/mosquitto"


def is_bridged_by_darter():
    """False where the tests are tried on bridges of Debian's Mosquitto."""
    return os.environ.get("DARTER_TEST_BRIDGING", "darter") != "mosquitto"


class MosquittoBroker(Broker):
    """Debian's Mosquitto in place of the broker under test."""

    @staticmethod
    def program():
        return MOSQUITTO

    @staticmethod
    def _preamble(config):
        return "user root\n" if os.geteuid() == 0 else ""

    def stop(self, number=signal.SIGTERM):
        """Ends it, however: after some bridges over TLS 2.0.11 frees memory twice."""
        self.end(number)
        self._reader.join(DEADLINE_SECONDS)
        self.process.stderr.close()


class BridgeTest(BrokerTest):
    """Brokers on both sides of a bridge: `broker` has the bridge, `remote` is the other one.

    Each bridge gets a topic of its own in each direction, by which `join` finds out that messages
    cross.
    """

    autostart = False
    remote_program = Broker
    remote = None

    def start_remote(self, config=DEFAULT_CONFIG, program=None, files=None):
        """Starts a broker to which bridges go; the last one is `remote`."""
        self.remote = (program or self.remote_program)(config, files)
        self.addCleanup(self.remote.close)
        return self.remote

    def proxy_to(self, port):
        """A proxy in front of a port."""
        proxy = FaultProxy(port)
        self.addCleanup(proxy.close)
        return proxy

    def wire_remote(self, rules=None, **options):
        """A remote of the wire harness, with rules by client id."""
        remote = Remote(rules, **options)
        self.addCleanup(remote.close)
        return remote

    @staticmethod
    def bridge(name, port, *lines, host="127.0.0.1", restart=1, probes=True):
        """The lines of a bridge whose client id at the remote is its name."""
        text = f"connection {name}\naddress {host}:{port}\nremote_clientid {name}\n"
        if restart:
            text += f"restart_timeout {restart}\n"
        text += "".join(line + "\n" for line in lines)
        if probes:
            text += f"topic probe/{name}/out out 1\ntopic probe/{name}/in in 1\n"
        return text

    def start_bridging(self, *bridges, config=DEFAULT_CONFIG, files=None, wait=True):
        """Starts the broker with these bridges."""
        program = Broker if is_bridged_by_darter() else MosquittoBroker
        self.broker = program(config + "".join(bridges), files, wait=None)
        self.addCleanup(self.broker.close)
        self.broker.start(wait)
        return self.broker

    # -- clients --

    def there(self, version=wire.MQTT311, client_id=None, **options):
        """A client of the remote broker."""
        return self.client(version, client_id, self.remote.port, **options)

    def here(self, version=wire.MQTT311, client_id=None, **options):
        """A client of the broker that has the bridge."""
        return self.client(version, client_id, self.broker.port, **options)

    # -- when it is there --

    def state(self, wanted, client_id, port=None):
        """Waits until a broker has this notification of a bridge."""
        self.retained(f"$SYS/broker/connection/{client_id}/state", wanted, port)

    def retained(self, topic, wanted, port=None):
        """Waits until a topic says so; None: nothing."""
        listener = self.client(port=port or self.broker.port)
        listener.subscribe(topic)
        told = []

        def says():
            told.extend(packet.payload.decode() for packet in listener.drain())
            return (told[-1] if told and told[-1] else None) == wanted
        self.until(says, f"{topic} to be {wanted}")
        listener.leave()

    def join(self, *names):
        """Waits until messages cross in both directions over each bridge."""
        for name in names:
            self.crosses(self.broker.port, self.remote.port, f"probe/{name}/out")
            self.crosses(self.remote.port, self.broker.port, f"probe/{name}/in")

    def crosses(self, source, target, topic, other=None):
        """Waits until a message of one broker comes to another."""
        publisher, listener = self.client(port=source), self.client(port=target)
        listener.subscribe(other or topic)

        def came():
            publisher.publish(topic, unique("probe"), 1)
            return listener.drain()
        self.until(came, f"{topic} to cross")
        publisher.disconnect()
        listener.close()

    def until(self, condition, what):
        """As wait_until(); what both ends said is told if it does not come about."""
        try:
            return wait_until(condition, what)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.stories()}") from None

    def stories(self):
        """The last that was said at both ends."""
        said = self.remote.story() if isinstance(self.remote, Remote) else \
            self.remote and "\n".join(self.remote.lines[-25:])
        return "\n".join(["the broker:", *self.broker.lines[-25:], "the remote:", str(said)])
