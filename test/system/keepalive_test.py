"""Keep alive: who is silent for too long, and who is not."""

import time

from harness import wire
from harness.case import ALL, BrokerTest, versions
from harness.client import unique
from harness.wire import MQTT5, MQTT311


class KeepAliveTest(BrokerTest):
    """Time is measured from the outside; the upper bounds are generous."""

    def seconds_until_closed(self, client):
        """From now on, how long a silent client is left alone."""
        started = time.monotonic()
        packet = client.receive()
        if client.version == MQTT5:
            self.assertEqual((packet.kind, packet.reason), (wire.DISCONNECT, 0x8D))
            packet = client.receive()
        self.assertIsNone(packet)
        return time.monotonic() - started

    @versions(*ALL)
    def test_one_and_a_half_times(self, version):
        """[MQTT-3.1.2-22] After one and a half keep alives, not earlier and not much later."""
        for keep_alive in (1, 2):
            # The broker counts from a moment between these two; whoever is kept from running
            # here sees the end late, never early.
            before = time.monotonic()
            client = self.client(version, unique("silent"), keep_alive=keep_alive)
            after = time.monotonic()
            self.seconds_until_closed(client)
            end = time.monotonic()
            self.assertGreater(end - before, keep_alive * 1.5 - 0.01)
            self.assertLess(end - after, keep_alive * 1.5 + 10)
            self.broker.wait_for_log(rf"Client {client.client_id} .*exceeded timeout")

    @versions(*ALL)
    def test_pings_keep_it(self, version):
        """[MQTT-3.12.4-1] [MQTT-3.2.2-22] PINGREQ, or any other packet, keeps the connection."""
        client, talker = (self.client(version, keep_alive=1) for _ in range(2))
        end = time.monotonic() + 3
        other = self.client(version, keep_alive=60)
        other.subscribe("tick")
        while time.monotonic() < end:
            client.ping()
            talker.publish("tick", "t", 1)
            other.expect_publish("tick")
        client.ping()
        talker.ping()

    def test_receiving_is_not_sending(self):
        """[MQTT-3.1.2-22] What the broker sends does not keep a silent client."""
        client = self.client(MQTT311, keep_alive=1)
        client.subscribe("flow")
        publisher = self.client(MQTT311)
        end = time.monotonic() + 8
        while time.monotonic() < end:
            publisher.publish("flow", "x", 1)
            if client.receive() is None:
                return
        self.fail("the silent client is still connected")

    @versions(*ALL)
    def test_0_is_never(self, version):
        """Keep alive 0 turns the check off."""
        client = self.client(version, keep_alive=0)
        self.let_time_pass(3)
        client.ping()

    def test_server_keep_alive_is_enforced(self):
        """The value that the broker told counts, not the one that was asked for."""
        self.start("max_keepalive 1\n" + self.config)
        client = self.client(MQTT5, keep_alive=60)
        self.assertLess(self.seconds_until_closed(client), 20)

    def test_half_a_packet_is_silence(self):
        """A client that stops within a packet is closed too."""
        client = self.client(MQTT5, keep_alive=1)
        client.send(wire.publish(MQTT5, "t", "x" * 50)[:20])
        self.seconds_until_closed(client)

    def test_connection_that_never_connects(self):
        """A connection that never sends CONNECT is not kept for ever, and hurts nobody."""
        silent = [self.raw() for _ in range(20)]
        silent[0].send(wire.connect(MQTT311, "slow")[:5])
        self.client(MQTT311).ping()
        silent[0].send(wire.connect(MQTT311, "slow")[5:])
        silent[0].expect(wire.CONNACK, reason=0)
