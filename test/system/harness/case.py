"""The base of the test classes: a broker per test, clients that are closed after it."""

import functools
import re
import unittest

from . import wire
from .broker import DEADLINE_SECONDS, DEFAULT_CONFIG, Broker, wait_until
from .client import Client, unique
from .websocket import WebSocket, WebSocketStream

ALL = (wire.MQTT31, wire.MQTT311, wire.MQTT5)


def versions(*numbers):
    """Makes one test of each version out of `test(self, version)`; the name says which."""
    def mark(function):
        function.versions = numbers
        return function
    return mark


class BrokerTest(unittest.TestCase):
    """Starts a broker with `config` and `files` before each test and checks its end after it."""

    config = DEFAULT_CONFIG
    files = {}
    args = ("-v",)
    autostart = True
    broker = None

    def __init_subclass__(cls):
        super().__init_subclass__()
        for name, function in list(vars(cls).items()):
            for version in getattr(function, "versions", ()):
                cls._add_version(name, function, version)
            if hasattr(function, "versions"):
                delattr(cls, name)

    @classmethod
    def _add_version(cls, name, function, version):
        @functools.wraps(function)
        def run(self):
            function(self, version)
        del run.versions
        setattr(cls, f"{name}_{wire.VERSION_NAMES[version]}", run)

    def setUp(self):
        if self.autostart:
            self.start()

    def start(self, config=None, files=None, args=None, wait=True, bare=False, open_files=None):
        """Starts the test's broker."""
        if self.broker:
            self.broker.close()
        self.broker = Broker(self.config if config is None else config,
                             self.files if files is None else files,
                             self.args if args is None else args, wait, bare, open_files)
        self.addCleanup(self.broker.close)
        return self.broker

    # -- clients --

    def raw(self, version=wire.MQTT311, client_id=None, port=None):
        """A client on a new connection that has sent nothing yet."""
        client = Client.tcp(port or self.broker.port, version, client_id)
        self.addCleanup(client.close)
        return client

    def client(self, version=wire.MQTT311, client_id=None, port=None, **options):
        """A client that is connected."""
        client = self.raw(version, client_id, port)
        client.connect(**options)
        return client

    def persistent(self, version, client_id, expiry=3600, **options):
        """A client whose session outlives the connection."""
        if version == wire.MQTT5:
            properties = list(options.pop("properties", ())) + [(wire.SESSION_EXPIRY, expiry)]
            options["properties"] = properties
        return self.client(version, client_id, clean=False, **options)

    def refused(self, version, reason, client_id=None, port=None, **options):
        """Expects CONNACK with this reason and then the end of the connection."""
        client = self.raw(version, client_id, port)
        connack = client.connect(reason, **options)
        client.expect_closed()
        return connack

    def drop(self, client):
        """Closes the client's connection without DISCONNECT, and returns when the broker knows."""
        # With something unread in its socket the kernel resets the connection.
        ends = "closed its connection|connection lost"
        pattern = rf"Client {re.escape(client.client_id)} .*({ends})"
        known = len(self.broker.log_lines(pattern))
        client.close()
        wait_until(lambda: len(self.broker.log_lines(pattern)) > known,
                   f"the broker to see the end of {client.client_id}")

    def let_time_pass(self, seconds):
        """Returns when by the broker's own clock so many seconds passed: a delayed will says so."""
        topic = unique("clock/")
        listener = self.client(wire.MQTT311)
        listener.subscribe(topic)
        will = wire.Will(topic, b"now", properties=[(wire.WILL_DELAY, seconds)])
        self.persistent(wire.MQTT5, unique("clock"), will=will).close()
        listener.expect_publish(topic, "now", deadline=DEADLINE_SECONDS + seconds)
        listener.disconnect()

    def expect_nothing(self, publisher, *receivers):
        """Proves that what `publisher` sent so far reached none of `receivers`."""
        publisher.publish("fence/nobody/listens", b"", 1)
        for receiver in receivers:
            receiver.ping()

    def websocket(self, port=None, **options):
        """A WebSocket that is open."""
        socket = WebSocket(port or self.broker.ws_port, **options)
        self.addCleanup(socket.close)
        return socket.handshake()

    def ws_client(self, version=wire.MQTT311, client_id=None, **options):
        """A client that is connected over WebSocket."""
        client = Client(WebSocketStream(self.websocket()), version, client_id)
        client.connect(**options)
        return client
