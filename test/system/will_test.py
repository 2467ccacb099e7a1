"""Wills: when they come, when they do not, and what they carry."""

import signal
import ssl

from harness import wire
from harness.broker import WS_CONFIG, wait_until
from harness.case import ALL, BrokerTest, versions
from harness.certificates import server_lines
from harness.client import Client, unique
from harness.tls import TlsTest, context
from harness.websocket import WebSocket, WebSocketStream
from harness.wire import MQTT5, MQTT311, Will


class WillTest(BrokerTest):
    """Wills without delay."""

    def watcher(self, version, topic, qos=2):
        """A client that waits for wills."""
        client = self.client(version)
        client.subscribe(topic, qos=qos)
        return client

    @versions(*ALL)
    def test_connection_lost(self, version):
        """[MQTT-3.1.2-8] [MQTT-3.1.2-7] [MQTT-3.1.2-14] [MQTT3-3.1.2-16] A lost connection."""
        for qos in (0, 1, 2):
            watcher = self.watcher(version, "w/lost")
            self.client(version, will=Will("w/lost", b"bye\0", qos)).close()
            watcher.expect_publish("w/lost", b"bye\0", qos=qos, retain=False)

    @versions(*ALL)
    def test_disconnect_suppresses(self, version):
        """[MQTT-3.1.2-10] [MQTT-3.14.4-3] After DISCONNECT there is no will."""
        watcher = self.watcher(version, "w/+")
        self.client(version, will=Will("w/never")).disconnect()
        self.client(version, will=Will("w/fence")).close()
        watcher.expect_publish("w/fence")
        watcher.ping()

    @versions(*ALL)
    def test_retained(self, version):
        """[MQTT-3.1.2-15] Will Retain keeps the will as a retained message."""
        watcher = self.watcher(version, "w/kept")
        self.client(version, will=Will("w/kept", b"x", 1, True)).close()
        watcher.expect_publish("w/kept", "x", retain=False)
        self.watcher(version, "w/kept").expect_publish("w/kept", "x", retain=True)

    @versions(*ALL)
    def test_empty_payload(self, version):
        """A will may be empty."""
        watcher = self.watcher(version, "w/empty")
        self.client(version, will=Will("w/empty", b"")).close()
        watcher.expect_publish("w/empty", b"")

    @versions(*ALL)
    def test_protocol_error(self, version):
        """A connection that the broker ends for an error sends its will."""
        watcher = self.watcher(version, "w/error")
        client = self.client(version, will=Will("w/error"))
        client.send(b"\xff\xff\xff\xff\xff\xff")
        watcher.expect_publish("w/error")

    @versions(*ALL)
    def test_keep_alive_timeout(self, version):
        """[MQTT-3.1.2-22] A silent client's will is sent."""
        watcher = self.watcher(version, "w/silent")
        self.client(version, keep_alive=1, will=Will("w/silent"))
        watcher.expect_publish("w/silent")

    @versions(*ALL)
    def test_refused_connect_sends_none(self, version):
        """The will of a connection that was refused is never sent."""
        self.start("clientid_prefixes ok\n" + self.config)
        watcher = self.client(version, "ok")
        watcher.subscribe("w/+", qos=1)
        client = self.raw(version, "bad")
        client.send(wire.connect(version, "bad", will=Will("w/refused")))
        client.expect(wire.CONNACK)
        client.expect_closed()
        self.client(version, "ok2", will=Will("w/fence")).close()
        watcher.expect_publish("w/fence")
        watcher.ping()

    def test_disconnect_with_will(self):
        """[MQTT-3.1.2-8] DISCONNECT 0x04 asks for the will."""
        watcher = self.watcher(MQTT5, "w/wanted")
        self.client(MQTT5, will=Will("w/wanted")).disconnect(0x04)
        watcher.expect_publish("w/wanted")

    def test_disconnect_for_an_error(self):
        """[MQTT-3.1.2-8] Every reason but 0 leaves the will to be sent."""
        watcher = self.watcher(MQTT5, "w/error")
        for reason in (0x80, 0x81, 0x83, 0x93, 0x98):
            client = self.client(MQTT5, will=Will("w/error", f"{reason}".encode()))
            client.disconnect(reason)
            watcher.expect_publish("w/error", f"{reason}")

    def test_takeover(self):
        """[MQTT-3.1.2-8] A clean takeover ends the session, and with it comes the will."""
        watcher = self.watcher(MQTT5, "w/taken")
        for version in ALL:
            old = self.client(version, unique("twin"), will=Will("w/taken"))
            self.client(version, old.client_id)
            watcher.expect_publish("w/taken")

    @versions(*ALL)
    def test_to_oneself(self, version):
        """A persistent session that subscribes to its own will finds it on return."""
        client = self.persistent(version, unique("self"), will=Will("w/self", b"me", 1))
        client.subscribe("w/self", qos=1)
        self.drop(client)
        self.persistent(version, client.client_id).expect_publish("w/self", "me")

    @versions(MQTT311, MQTT5)
    def test_bad_topics(self, version):
        """A will topic with wildcards, NUL or nothing in it is refused."""
        for topic in ("a/#", "+", "", b"a\0b", b"\xff"):
            client = self.raw(version)
            client.send(wire.connect(version, client.client_id, will=Will(topic)))
            client.expect_refusal(0x81, 0x82, 0x90, 0x01, 0x02, 0x03, 0x05)

    @versions(*ALL)
    def test_broker_end(self, version):
        """An orderly end of the broker publishes wills before the sockets close."""
        watchers = [self.watcher(version, "w/#") for _ in range(4)]
        for number in range(8):
            self.client(version, will=Will(f"w/end/{number}", b"bye", 1))
        self.client(version, will=Will("w/never")).disconnect()
        self.broker.end()
        for watcher in watchers:
            topics = sorted(watcher.expect(wire.PUBLISH).topic for _ in range(8))
            self.assertEqual(topics, [f"w/end/{number}" for number in range(8)])
        self.broker.stop()

    def test_reload_is_no_end(self):
        """A reload publishes no will."""
        watcher = self.watcher(MQTT5, "w/#")
        client = self.client(MQTT5, will=Will("w/reload"))
        self.broker.reload()
        self.expect_nothing(client, watcher)


class ReturnTest(TlsTest):
    """A client that disconnects, and is back before the broker has seen either."""

    rounds = 20

    def setUp(self):
        self.start(WS_CONFIG + "listener {port2} 127.0.0.1\n" + server_lines() +
                   "listener {port3} 127.0.0.1\nprotocol websockets\n" + server_lines())

    def secure_websocket(self):
        """A WebSocket over TLS that is open."""
        websocket = WebSocket(self.broker.port3)
        websocket.socket = context().wrap_socket(websocket.socket, server_hostname="localhost")
        self.addCleanup(websocket.close)
        return WebSocketStream(websocket.handshake())

    @versions(MQTT311, MQTT5)
    def test_no_will(self, version):
        """[MQTT-3.14.4-3] [MQTT3-3.14.4-3] DISCONNECT counts however soon CONNECT follows."""
        watcher = self.client(version)
        watcher.subscribe("w/#")
        streams = (lambda: self.raw(version).stream, lambda: WebSocketStream(self.websocket()),
                   lambda: self.tls_raw(version, port=self.broker.port2).stream,
                   self.secure_websocket)
        for number, stream in enumerate(streams):
            will = Will(f"w/{number}", b"gone")
            client = Client(stream(), version, unique("back"))
            client.connect(will=will)
            for _ in range(self.rounds):
                again = Client(stream(), version, client.client_id)
                self.broker.process.send_signal(signal.SIGSTOP)
                client.send(wire.disconnect(version))
                client.close()
                again.send(wire.connect(version, again.client_id, will=will))
                self.broker.process.send_signal(signal.SIGCONT)
                again.expect(wire.CONNACK)
                client = again
            self.expect_nothing(client, watcher)
            client.disconnect()


class WillPropertiesTest(BrokerTest):
    """Wills of 5.0."""

    def watcher(self, topic):
        """A 5.0 client that waits for wills."""
        client = self.client(MQTT5)
        client.subscribe(topic, qos=2)
        return client

    def lost(self, topic, delay, expiry=100, name=None):
        """A client with a delayed will that lost its connection."""
        will = Will(topic, b"late", properties=[(wire.WILL_DELAY, delay)])
        client = self.persistent(MQTT5, name or unique("late"), expiry, will=will)
        client.close()
        return client.client_id

    def test_properties(self):
        """[MQTT-3.1.3-10] The properties of a will come with it, in order."""
        properties = [(wire.PAYLOAD_FORMAT, 1), (wire.MESSAGE_EXPIRY, 500),
                      (wire.CONTENT_TYPE, "text/plain"), (wire.RESPONSE_TOPIC, "re/to"),
                      (wire.CORRELATION_DATA, b"\1\0\2"), (wire.USER_PROPERTY, ("b", "1")),
                      (wire.USER_PROPERTY, ("a", "2")), (wire.USER_PROPERTY, ("b", "1"))]
        watcher = self.watcher("w/props")
        self.client(MQTT5, will=Will("w/props", b"x", 1, properties=properties)).close()
        packet = watcher.expect_publish("w/props", "x", qos=1)
        for identifier, value in properties[:5]:
            self.assertEqual(packet.property(identifier), value)
        self.assertEqual(packet.all(wire.USER_PROPERTY), [("b", "1"), ("a", "2"), ("b", "1")])
        self.assertIsNone(packet.property(wire.WILL_DELAY))

    def test_delay(self):
        """[MQTT-3.1.3-9] Will Delay: later ones come later, all of them come."""
        watcher = self.watcher("d/+")
        self.lost("d/2", 2)
        self.lost("d/0", 0)
        self.lost("d/1", 1)
        for number in (0, 1, 2):
            watcher.expect_publish(f"d/{number}", "late")

    def test_reconnect_within_delay(self):
        """[MQTT-3.1.3-9] Who comes back in time has no will sent."""
        watcher = self.watcher("d/+")
        name = self.lost("d/never", 1)
        again = self.persistent(MQTT5, name)
        self.assertTrue(again.connack.session_present)
        self.lost("d/fence", 2)
        watcher.expect_publish("d/fence")
        watcher.ping()

    def test_session_end_comes_first(self):
        """[MQTT-3.1.2-8] If the session ends before the delay does, the will comes then."""
        watcher = self.watcher("d/+")
        self.lost("d/session", 100, expiry=1)
        watcher.expect_publish("d/session")

    def test_no_session_no_delay(self):
        """A session that ends with its connection sends the will at once."""
        watcher = self.watcher("d/+")
        self.lost("d/now", 100, expiry=0)
        watcher.expect_publish("d/now")

    def test_clean_start_within_delay(self):
        """A clean start ends the old session: the will comes at once."""
        watcher = self.watcher("d/+")
        name = self.lost("d/clean", 100)
        self.client(MQTT5, name)
        watcher.expect_publish("d/clean")

    def test_takeover_within_delay(self):
        """[MQTT-3.1.3-9] A takeover that resumes the session suppresses a delayed will."""
        watcher = self.watcher("d/+")
        will = Will("d/never", properties=[(wire.WILL_DELAY, 1)])
        old = self.persistent(MQTT5, unique("twin"), will=will)
        self.persistent(MQTT5, old.client_id)
        self.lost("d/fence", 2)
        watcher.expect_publish("d/fence")
        watcher.ping()

    def test_takeover_without_delay(self):
        """[MQTT-3.1.2-8] A takeover closes the connection: a will without delay is sent."""
        watcher = self.watcher("d/+")
        old = self.persistent(MQTT5, unique("twin"), will=Will("d/taken"))
        self.persistent(MQTT5, old.client_id)
        watcher.expect_publish("d/taken")

    def test_delayed_retained_will(self):
        """A delayed will with retain is retained when it is sent, not before."""
        will = Will("d/kept", b"x", 1, True, [(wire.WILL_DELAY, 1)])
        watcher = self.watcher("d/kept")
        self.drop(self.persistent(MQTT5, unique("late"), will=will))
        early = self.watcher("d/kept")
        watcher.expect_publish("d/kept", "x")
        early.expect_publish("d/kept", "x", retain=False)
        self.watcher("d/kept").expect_publish("d/kept", "x", retain=True)

    def test_reason_disconnect_0_removes_delayed_will(self):
        """[MQTT-3.14.4-3] DISCONNECT 0 discards a delayed will as well."""
        watcher = self.watcher("d/+")
        will = Will("d/never", properties=[(wire.WILL_DELAY, 1)])
        self.persistent(MQTT5, unique("c"), will=will).disconnect()
        self.lost("d/fence", 2)
        watcher.expect_publish("d/fence")
        watcher.ping()

    def test_bad_will_properties(self):
        """Properties that a will may not carry."""
        for properties in ([(wire.TOPIC_ALIAS, 1)], [(wire.WILL_DELAY, 1)] * 2,
                           [(wire.PAYLOAD_FORMAT, 2)], [(wire.RESPONSE_TOPIC, "a/#")]):
            client = self.raw(MQTT5)
            client.send(wire.connect(MQTT5, "x", will=Will("t", properties=properties)))
            client.expect_refusal(0x81, 0x82, 0x90, 0x99)

    def test_payload_format_is_checked(self):
        """A will that says UTF-8 and is none is refused, or passed on as it is (3.1.3.2.3)."""
        client = self.raw(MQTT5)
        will = Will("t", b"\xff", properties=[(wire.PAYLOAD_FORMAT, 1)])
        client.send(wire.connect(MQTT5, "x", will=will))
        self.assertIn(client.expect(wire.CONNACK).reason, (0, 0x99))

    def test_mqtt311_watcher(self):
        """A 5.0 will reaches an older client without its properties."""
        watcher = self.client(MQTT311)
        watcher.subscribe("w/old", qos=1)
        self.client(MQTT5, will=Will("w/old", b"x", 1,
                                     properties=[(wire.CONTENT_TYPE, "a/b")])).close()
        watcher.expect_publish("w/old", b"x")
