"""Two brokers with a bridge between them that is spoilt in all ways, and the account of what has to
come at either end."""

import collections
import contextlib
import itertools
import random
import selectors
import signal
import time

from . import wire
from .bridging import MosquittoBroker, is_bridged_by_darter
from .broker import DEADLINE_SECONDS, Broker
from .fault_proxy import FaultProxy
from .torture import CONFIG, WINDOW, Actor, Publisher, Sending, difference, twice

MOSQUITTO_CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
persistence true
persistence_location {dir}/
max_queued_messages 0
max_inflight_messages 60000
"""
BRIDGE = """connection torture
address 127.0.0.1:{to}
remote_clientid torture
bridge_protocol_version {version}
restart_timeout 1
keepalive_interval {alive}
topic out/# out 2
topic in/# in 2
topic both/# both 2
topic probe/out out 1
topic probe/in in 1
"""


class Talker(Publisher):
    """Publishes with all QoS to topics that cross the bridge."""

    def __init__(self, side, name, version, roots):
        super().__init__(side, name, version, name)
        self.roots, self.count = roots, itertools.count(1)

    def publish(self):
        """One message more, if the window allows."""
        if not self.accepted or len(self.sending) >= WINDOW:
            return
        chance = self.fleet.random
        topic, qos = f"{chance.choice(self.roots)}/{chance.choice('xy')}", chance.choice((0, 1, 2))
        payload = f"{qos}{self.name}.{topic}.{next(self.count)}"
        filler = " " * (4000 if chance.random() < 0.05 else 20)
        if qos == 0:
            self.send(wire.publish(self.version, topic, payload + filler))
            return
        packet_id = self.next_id()
        sending = self.sending[packet_id] = Sending(topic, payload + filler, qos, False)
        self.fleet.due.append(payload)
        self._transmit(packet_id, sending, False)


class Hearer(Actor):
    """Has all of QoS 2 in a session that never ends, and keeps what came."""

    def __init__(self, side, name, version):
        super().__init__(side, name, version)
        self.seen, self.open_ids, self.ready = [], set(), False

    def resume(self):
        if not self.ready:
            filters = [(f"{root}/#", 2) for root in ("out", "in", "both", "probe")]
            self.send(wire.subscribe(self.version, self.next_id(), filters))

    def got(self, packet):
        if packet.kind == wire.SUBACK:
            self.ready = True
        elif packet.kind == wire.PUBREL:
            self.open_ids.discard(packet.packet_id)
            self.send(wire.acknowledgement(wire.PUBCOMP, packet.packet_id))
        elif packet.kind == wire.PUBLISH:
            if packet.qos < 2 or packet.packet_id not in self.open_ids:
                self.seen.append(packet.payload.decode().rstrip())
            if packet.qos == 2:
                self.open_ids.add(packet.packet_id)
            if packet.qos:
                self.send(wire.acknowledgement(wire.PUBACK if packet.qos == 1 else wire.PUBREC,
                                               packet.packet_id))


class Side:
    """A broker, a talker and a hearer of it."""

    def __init__(self, pair, broker, name, versions, roots):
        self.pair, self.broker, self.due = pair, broker, []
        self.random, self.selector = pair.random, pair.selector
        self.talker = Talker(self, name, versions[0], roots)
        self.hearer = Hearer(self, f"hearer-{name}", versions[1])
        self.actors = (self.talker, self.hearer)

    def close(self):
        """The connections of the clients break."""
        for actor in self.actors:
            actor.close()

    def open(self):
        """Connects whoever is not connected."""
        for actor in self.actors:
            if not actor.socket:
                actor.open()

    def end(self, number):
        """Ends the broker by a signal."""
        self.broker.process.send_signal(number)
        self.broker.process.wait()
        self.close()


class Pair:
    """Both brokers, the proxy between them, and what is done to them."""

    def __init__(self, seed, threads, remote, version):
        self.random, self.threads, self.loops = random.Random(seed), threads, threads[0]
        self.selector, self.version = selectors.DefaultSelector(), version
        self.done, self.alive, self.frozen = collections.Counter(), 60, False
        self.halved = False
        # Mosquitto repeats and reorders what it sends: see bridge_fault_test.py.
        self.trusts_far = remote == "darter"
        far = Broker(CONFIG, args=(), wait=None) if remote == "darter" else \
            MosquittoBroker(MOSQUITTO_CONFIG, wait=None)
        near = Broker(CONFIG, args=(), wait=None) if is_bridged_by_darter() else \
            MosquittoBroker(MOSQUITTO_CONFIG, wait=None)
        self.proxy = FaultProxy(far.port)
        self.text = near.config_file.read_text()
        v4, v5 = wire.MQTT311, wire.MQTT5
        self.near = Side(self, near, "a", (v5, v4), ("out", "both"))
        self.far = Side(self, far, "b", (v4, v5), ("in", "both"))
        self.faults = [self.stall, self.slow, self.proxy.reset, self.half_open, self.proxy.refuse,
                       self.freeze, self.restart_near]
        if self.trusts_far:
            self.faults += [self.restart_far, self.kill_far]
        if is_bridged_by_darter():
            self.faults += [self.kill_near, self.kill_near, self.reload]

    def sides(self):
        """Both."""
        return self.near, self.far

    # -- faults --

    def configure(self):
        """Writes the configuration of the broker with the bridge."""
        text = self.text.replace(self.text.split("\n", maxsplit=1)[0],
                                 f"threads {self.loops}") \
            if is_bridged_by_darter() else self.text
        text += BRIDGE.format(to=self.proxy.port, version=self.version, alive=self.alive)
        if is_bridged_by_darter():
            text += "bridge_reload_type immediate\nbridge_session_expiry_interval 4294967295\n"
        self.near.broker.config_file.write_text(text)

    def stall(self):
        """The network keeps all for itself."""
        self.proxy.stall()

    def slow(self):
        """The network lets little through."""
        self.proxy.slow(200)

    def half_open(self):
        """The remote has lost the connection, and the bridge has not noticed; a reset tells it."""
        self.proxy.half_open()
        self.halved = True

    def freeze(self):
        """The remote stands still."""
        self.far.broker.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def restart_far(self):
        """The remote ends in order."""
        self.far.end(signal.SIGTERM)

    def kill_far(self):
        """The remote is killed."""
        self.far.end(signal.SIGKILL)

    def restart_near(self):
        """The broker with the bridge ends in order."""
        self.near.end(signal.SIGTERM)

    def kill_near(self):
        """The broker with the bridge is killed."""
        self.near.end(signal.SIGKILL)

    def reload(self):
        """The bridge gets other options."""
        self.alive = 60 + self.alive % 7
        self.configure()
        self.near.broker.reload()

    def mend(self):
        """All runs again."""
        if self.frozen:
            self.far.broker.process.send_signal(signal.SIGCONT)
            self.frozen = False
        # Half open it would be until the keep alive ends, longer than anything is waited for here.
        if self.random.random() < 0.5 or self.halved:
            self.proxy.reset()
            self.halved = False
        self.proxy.pass_on()
        for side in self.sides():
            if side.broker.process.poll() is not None:
                self.start(side)

    # -- rounds --

    def start(self, side):
        """Starts a broker that has ended."""
        if side is self.near:
            self.loops = self.random.choice(self.threads)
            self.configure()
        side.broker.start()

    def pump(self, seconds):
        """Lets everybody read what comes for so long."""
        for key, _ in self.selector.select(seconds):
            if key.data.socket is key.fileobj:
                key.data.readable()

    def busy(self, seconds):
        """Traffic for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for side in self.sides():
                if self.random.random() < 0.1 and not (self.frozen and side is self.far):
                    side.open()
                if self.random.random() < 0.3:
                    side.talker.publish()
                if self.random.random() < 0.002:
                    self.random.choice(side.actors).close()
            self.pump(0.001)

    def round(self, seconds):
        """Traffic with a fault in the middle of it, and then without."""
        self.busy(self.random.uniform(0.05, seconds))
        fault = self.random.choice(self.faults)
        self.done[fault.__name__] += 1
        fault()
        self.busy(self.random.uniform(0.05, seconds))
        self.mend()

    def settle(self):
        """Both ends hear of the other before the account begins."""
        self.start(self.far)
        self.start(self.near)
        self._until(lambda: all(side.hearer.ready for side in self.sides()), "the subscriptions")
        end = time.monotonic() + DEADLINE_SECONDS
        while "0probe-a" not in self.far.hearer.seen or "0probe-b" not in self.near.hearer.seen:
            for side, topic in ((self.near, "probe/out"), (self.far, "probe/in")):
                talker = side.talker
                talker.send(wire.publish(talker.version, topic, f"0probe-{talker.name}"))
            self._pump_for(0.05)
            assert time.monotonic() < end, "nothing crosses the bridge:\n" + self.stories()

    def stories(self):
        """The last log lines of both."""
        return "\n".join([*self.near.broker.lines[-20:], "---", *self.far.broker.lines[-20:]])

    def _pump_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for side in self.sides():
                side.open()
            self.pump(0.01)

    def _until(self, condition, what, detail=lambda: ""):
        end = time.monotonic() + 2 * DEADLINE_SECONDS
        while not condition():
            self._pump_for(0.05)
            assert time.monotonic() < end, \
                f"waited in vain for {what}: {detail()}\n{self.stories()}"

    def finish(self):
        """No more faults: all that is due comes."""
        self._until(lambda: not any(side.talker.sending for side in self.sides())
                    and not self.missing(), "all that is due", lambda: self.missing()[:5])
        self._pump_for(0.5)  # what should not come has its chance, too

    # -- the account --

    def due(self):
        """All payloads of QoS 1 and 2."""
        return [payload for side in self.sides() for payload in side.due]

    def missing(self):
        """What has not come, and where."""
        due, seen = self.due(), {side: set(side.hearer.seen) for side in self.sides()}
        return [(side.hearer.name, payload) for side in self.sides()
                for payload in due if payload not in seen[side]]

    def check(self):
        """All faults that were found, as sentences."""
        faults = [f"{who} did not get {payload}" for who, payload in self.missing()]
        for side in self.sides():
            seen = self._told_by_trusted(side)
            faults += twice(side.hearer.name, seen)
            casual = collections.Counter(payload for payload in seen if payload[0] == "0")
            faults += [f"{side.hearer.name} got {payload} {count} times"
                       for payload, count in casual.items() if count > 1 and "probe" not in payload]
            faults += self._order(side.hearer.name, seen)
        return faults

    def _told_by_trusted(self, side):
        """What a subscriber has got, without what a remote that is not trusted has sent to it
        over the bridge."""
        seen = side.hearer.seen
        if self.trusts_far or side is self.far:
            return seen
        return [payload for payload in seen if not payload[1:].startswith(self.far.talker.name)]

    @staticmethod
    def _order(who, seen):
        """First copies have the order of their publisher, for each topic and QoS."""
        streams = collections.defaultdict(list)
        for payload in dict.fromkeys(seen):
            if "probe" not in payload:
                kind, number = payload.rsplit(".", 1)
                streams[kind].append(int(number))
        return [f"{who}, {kind}: {difference(numbers, sorted(numbers))}"
                for kind, numbers in streams.items() if numbers != sorted(numbers)]

    def close(self):
        """Ends both."""
        if self.frozen:
            self.far.broker.process.send_signal(signal.SIGCONT)
        for side in self.sides():
            side.close()
        self.proxy.close()
        self.selector.close()
        with contextlib.ExitStack() as stack:
            for side in self.sides():
                stack.callback(side.broker.close)


def torture(seed, threads, rounds, remote="darter", version="mqttv311", seconds_max=0.5):
    """Spoils a bridge `rounds` times; returns the faults found and the figures."""
    pair = Pair(seed, threads, remote, version)
    try:
        pair.settle()
        for _ in range(rounds):
            pair.round(seconds_max)
        try:
            pair.finish()
            faults = []
        except AssertionError as problem:
            faults = [str(problem)]
        faults += pair.check()
        figures = (", ".join(f"{count} {name}" for name, count in sorted(pair.done.items()))
                   + f"; {len(pair.due())} published with QoS 1 and 2, "
                   f"{[len(side.hearer.seen) for side in pair.sides()]} received")
        return faults, figures
    finally:
        pair.close()
