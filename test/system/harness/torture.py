"""A fleet of clients around a broker that is killed again and again, and the account of what it
owes them."""

import collections
import contextlib
import random
import selectors
import signal
import socket
import time

from . import wire
from .broker import DEADLINE_SECONDS, Broker

CONFIG = """allow_anonymous true
listener {port} 127.0.0.1
persistence true
persistence_location {dir}
max_queued_messages 0
allow_duplicate_messages false
max_inflight_messages 20
log_type error
log_type warning
sys_interval 1
"""
FOREVER = 0xFFFFFFFF
GROUP = "$share/g/a/#"
WINDOW = 8  # messages that a publisher has on their way


def matches(filter_text, topic):
    """Does one of the filters that the fleet uses match a topic of the fleet?"""
    return filter_text == topic or filter_text == topic.split("/")[0] + "/#"


class Actor:
    """A client with a session that never ends: sends again what was not acknowledged."""

    def __init__(self, fleet, name, version):
        self.fleet, self.name, self.version = fleet, name, version
        self.socket, self.accepted, self.buffer = None, False, b""
        self.anew = False  # begin with an empty session at the next connection
        self.ids = 0

    # -- the connection --

    def open(self):
        """Connects and sends CONNECT, and whatever was not acknowledged before."""
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.fleet.broker.port), 5)
        except OSError:
            return  # it was killed in between
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.accepted = b"", False
        self.fleet.selector.register(self.socket, selectors.EVENT_READ, self)
        options = {"clean": self.anew}
        if self.version == wire.MQTT5:
            options["properties"] = [(wire.SESSION_EXPIRY, FOREVER)]
        self.send(wire.connect(self.version, self.name, **options, **self.connect_options()))

    def connect_options(self):
        """What CONNECT says besides."""
        return {}

    def close(self):
        """The connection breaks, without a goodbye."""
        if self.socket:
            self.fleet.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None
            self.lost()

    def lost(self):
        """What the end of a connection means."""

    def send(self, data):
        """Sends, if there is somebody to send to."""
        if self.socket:
            # The end is seen when reading.
            with contextlib.suppress(OSError):
                self.socket.sendall(data)

    def readable(self):
        """Takes what came."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return self.close()
        self.buffer += data
        while (found := wire.split_frame(self.buffer)) and self.socket:
            self.buffer = self.buffer[found[2]:]
            packet = wire.decode(self.version, found[0], found[1])
            if packet.kind == wire.CONNACK:
                assert packet.reason == 0, f"{self.name}: refused: {packet}"
                self.accepted = True
                self.resume()
            else:
                self.got(packet)
        return None

    def resume(self):
        """The broker has accepted the connection."""

    def got(self, packet):
        """A packet other than CONNACK."""

    def next_id(self):
        """A packet identifier."""
        self.ids = self.ids % 60000 + 1
        return self.ids


class Sending:
    """A message of a publisher, until its last acknowledgement."""

    def __init__(self, topic, payload, qos, retain):
        self.topic, self.payload, self.qos, self.retain = topic, payload, qos, retain
        self.received = False  # PUBREC came


class Publisher(Actor):
    """Publishes to its own topics, QoS 1 and 2, some of it retained."""

    def __init__(self, fleet, name, version, root):
        super().__init__(fleet, name, version)
        self.root, self.sending = root, collections.OrderedDict()
        self.acknowledged = 0

    def resume(self):
        for packet_id, sending in self.sending.items():
            self._transmit(packet_id, sending, True)

    def _transmit(self, packet_id, sending, again):
        if sending.received:
            return self.send(wire.acknowledgement(wire.PUBREL, packet_id))
        return self.send(wire.publish(self.version, sending.topic, sending.payload, sending.qos,
                                      packet_id, retain=sending.retain, dup=again))

    def publish(self):
        """One message more, if the window allows."""
        if not self.accepted or len(self.sending) >= WINDOW:
            return
        chance = self.fleet.random
        topic = f"{self.root}/{chance.choice('xy')}"
        retain = chance.random() < 0.3
        # QoS 1 that is sent again may follow QoS 2 that is not: what is retained has one of them.
        qos = (1 if topic.endswith("x") else 2) if retain else chance.choice((1, 2))
        self.fleet.published += 1
        payload = f"{qos}{self.root}{self.fleet.published}"
        if retain and chance.random() < 0.2:
            payload = ""
        sending = Sending(topic, payload, qos, retain)
        if payload:
            self.fleet.expect(sending)
        if retain:
            self.fleet.retained[topic] = payload
        packet_id = self.next_id()
        self.sending[packet_id] = sending
        self._transmit(packet_id, sending, False)
        # What overtakes it inside the broker, and is in no account.
        self.send(wire.publish(self.version, f"overtaking/{packet_id}", "x", 0, retain=True))

    def got(self, packet):
        sending = self.sending.get(packet.packet_id)
        if packet.kind == wire.PUBREC and sending:
            sending.received = True
            self.send(wire.acknowledgement(wire.PUBREL, packet.packet_id))
        elif packet.kind in (wire.PUBACK, wire.PUBCOMP) and sending:
            del self.sending[packet.packet_id]
            self.acknowledged += 1


class Subscriber(Actor):
    """Receives, acknowledges, subscribes and unsubscribes; keeps what was due and what came."""

    def __init__(self, fleet, name, version, keep=None):
        super().__init__(fleet, name, version)
        self.filters, self.asked, self.leaving = set(), keep, False
        self.keep = keep  # the one filter of a client that asks for no others
        self.expected, self.maybe, self.seen, self.open_ids = [], set(), [], set()
        self.request_id = 0

    def connect_options(self):
        if self.anew:
            self.open_ids.clear()
            self.fleet.doubt_group()
        return {}

    def resume(self):
        if self.anew:
            self.anew, self.asked = False, self.keep
        if self.asked:
            self._request()

    def ask(self):
        """Subscribes to something, or unsubscribes."""
        if not self.accepted or self.asked or self.keep:
            return
        self.asked = self.fleet.random.choice(("a/#", "b/#", "a/x", "b/y"))
        self.leaving = self.asked in self.filters
        # What a publisher may send again finds the subscription or not.
        for publisher in self.fleet.publishers:
            for sending in publisher.sending.values():
                self.doubt(sending)
        self._request()

    def _request(self):
        self.request_id = self.next_id()
        if self.leaving:
            self.send(wire.unsubscribe(self.version, self.request_id, [self.asked]))
        else:
            self.send(wire.subscribe(self.version, self.request_id, [(self.asked, 2)]))

    def doubt(self, sending):
        """A message that may come or not, for the answer to a request is still due."""
        if not matches(self.asked, sending.topic):
            return
        if any(f != self.asked and matches(f, sending.topic) for f in self.filters):
            return
        self.maybe.add(sending.payload)
        if sending.payload in self.expected:
            self.expected.remove(sending.payload)

    def expect(self, sending):
        """Something is published."""
        if any(matches(f, sending.topic) for f in self.filters):
            self.expected.append(sending.payload)
        if self.asked:
            self.doubt(sending)

    def got(self, packet):
        if packet.kind == wire.PUBLISH:
            self._publish(packet)
        elif packet.kind == wire.PUBREL:
            self.open_ids.discard(packet.packet_id)
            self.send(wire.acknowledgement(wire.PUBCOMP, packet.packet_id))
        elif packet.kind in (wire.SUBACK, wire.UNSUBACK) and packet.packet_id == self.request_id:
            (self.filters.discard if self.leaving else self.filters.add)(self.asked)
            self.asked, self.leaving = None, False

    def _publish(self, packet):
        assert packet.qos, f"{self.name}: {packet}"
        news = packet.qos == 1 or packet.packet_id not in self.open_ids
        if packet.qos == 2:
            self.open_ids.add(packet.packet_id)
        payload = packet.payload.decode()
        if news and payload and not packet.retain:
            self.seen.append(payload)
        self.send(wire.acknowledgement(wire.PUBACK if packet.qos == 1 else wire.PUBREC,
                                       packet.packet_id))


class Willing(Actor):
    """Leaves a will with each connection, and never says goodbye."""

    def __init__(self, fleet, name, version):
        super().__init__(fleet, name, version)
        self.count, self.due, self.maybe = 0, set(), set()
        self.patient = False  # does not come back before its wills have come

    def open(self):
        """Comes back. No will is published in the first seconds after a start, and whoever is back
        by then may have none."""
        unseen = self.due.difference(self.fleet.watcher.seen)
        if unseen and (self.patient or self.fleet.random.random() < 0.9):
            return
        self.due -= unseen
        self.maybe |= unseen
        super().open()

    def connect_options(self):
        self.count += 1
        return {"will": wire.Will("w/x", f"2w{self.count}".encode(), 2)}

    def lost(self):
        (self.due if self.accepted else self.maybe).add(f"2w{self.count}")


class Fleet:
    """All clients, the broker they use, and the account."""

    def __init__(self, seed, threads, store_config=""):
        self.random = random.Random(seed)
        self.selector = selectors.DefaultSelector()
        self.threads = threads  # loop counts, one for each start
        self.published, self.kills = 0, 0
        self.retained, self.group_expected, self.group_maybe = {}, [], set()
        self.broker = Broker(CONFIG + store_config, args=(), wait=None)
        v5, v4 = wire.MQTT5, wire.MQTT311
        self.publishers = [Publisher(self, "first", v5, "a"), Publisher(self, "second", v4, "b")]
        self.subscribers = [Subscriber(self, f"client{i}", (v4, v5)[i % 2]) for i in range(5)]
        self.members = [Subscriber(self, f"member{i}", v5, GROUP) for i in range(3)]
        self.watcher = Subscriber(self, "watcher", v5, "w/#")
        self.willing = Willing(self, "willing", v5)

    def actors(self):
        """Everybody."""
        return [*self.publishers, *self.subscribers, *self.members, self.watcher, self.willing]

    def expect(self, sending):
        """Something is published."""
        for subscriber in self.subscribers:
            subscriber.expect(sending)
        if sending.topic.startswith("a/"):
            self.group_expected.append(sending.payload)

    def doubt_group(self):
        """A member begins anew: QoS 2 that it may have been sent goes to nobody else."""
        seen = {payload for member in self.members for payload in member.seen}
        self.group_maybe.update(p for p in self.group_expected if p[0] == "2" and p not in seen)

    # -- rounds --

    def start(self):
        """Starts the broker with the next number of loops."""
        threads = self.random.choice(self.threads)
        text = self.broker.config_file.read_text()
        lines = [line for line in text.splitlines() if not line.startswith("threads ")]
        self.broker.config_file.write_text("\n".join([f"threads {threads}", *lines, ""]))
        self.broker.start()

    def kill(self):
        """kill -9."""
        self.broker.process.send_signal(signal.SIGKILL)
        self.broker.process.wait()
        self.kills += 1
        for actor in self.actors():
            actor.close()

    def pump(self, seconds):
        """Lets everybody read what comes for so long."""
        for key, _ in self.selector.select(seconds):
            if key.data.socket is key.fileobj:
                key.data.readable()

    def open_all(self):
        """Connects whoever is not connected."""
        for actor in self.actors():
            if not actor.socket:
                actor.open()

    def step(self):
        """Something happens."""
        what = self.random.random()
        if what < 0.75:
            self.random.choice(self.publishers).publish()
        elif what < 0.9:
            self.random.choice(self.subscribers).ask()
        elif what < 0.98:
            self.random.choice(self.subscribers + self.members).close()
        elif what < 0.985:
            self.willing.close()
        elif what < 0.995:
            member = self.random.choice(self.members[1:])  # the first one keeps the group
            member.close()
            member.anew = True

    def round(self, seconds):
        """Starts the broker, keeps it busy for so long and kills it wherever it is."""
        self.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.random.random() < 0.1:
                self.open_all()
            self.step()
            self.pump(0)
        self.kill()

    def settle(self):
        """The group and the watcher have to be there before anything is published."""
        self.start()
        self._until(lambda: all(not s.asked and s.accepted for s in [*self.members, self.watcher]),
                    "the first subscriptions")

    def finish(self):
        """A last start without a kill: everything that is due comes."""
        self.willing.patient = True
        self.start()
        self._until(lambda: not any(p.sending for p in self.publishers)
                    and all(a.accepted for a in self.actors())
                    and not any(s.asked for s in self.subscribers) and not self._missing(),
                    "all that is due", lambda: self._missing()[:5])
        # What should not come had its chance, too, when this has gone around.
        mark = time.monotonic() + 0.3
        while time.monotonic() < mark:
            self.pump(0.05)

    def _until(self, condition, what, detail=lambda: ""):
        end = time.monotonic() + 2 * DEADLINE_SECONDS
        while not condition():
            self.open_all()
            self.pump(0.05)
            assert time.monotonic() < end, f"waited in vain for {what}: {detail()}"

    def _missing(self):
        missing = []
        for subscriber in self.subscribers:
            seen = set(subscriber.seen)
            missing += [(subscriber.name, p) for p in subscriber.expected if p not in seen]
        seen = {payload for member in self.members for payload in member.seen}
        missing += [("group", p) for p in self.group_expected
                    if p not in seen and p not in self.group_maybe]
        seen = set(self.watcher.seen)
        return missing + [("will", p) for p in self.willing.due if p not in seen]

    # -- the account --

    def check(self):
        """All faults that were found, as sentences."""
        faults = []
        for subscriber in self.subscribers:
            faults += twice(subscriber.name, subscriber.seen) + self._order(subscriber)
        faults += twice("the group", [p for m in self.members for p in m.seen])
        faults += twice("the wills", self.watcher.seen)
        faults += [f"{who} did not get {payload}" for who, payload in self._missing()]
        faults += [f"a will that nobody left: {payload}" for payload in self.watcher.seen
                   if payload not in self.willing.due | self.willing.maybe]
        return faults + self._retained()

    def _order(self, subscriber):
        """What was certain to come, in the order of its publisher for each QoS."""
        faults = []
        for kind in ("1a", "2a", "1b", "2b"):
            expected = [p for p in subscriber.expected if p.startswith(kind)]
            wanted = set(expected)
            first = dict.fromkeys(p for p in subscriber.seen if p.startswith(kind))
            certain = [p for p in first if p in wanted or p not in subscriber.maybe]
            if certain != expected:
                faults.append(f"{subscriber.name} got {difference(certain, expected)}")
        return faults

    def _retained(self):
        """A late subscriber gets the last state of each topic."""
        late = Subscriber(self, "late", wire.MQTT5)
        found = {}

        def note(packet):
            if packet.kind == wire.PUBLISH:
                found[packet.topic] = packet.payload.decode()
        late.got, late.resume = note, lambda: None
        late.open()
        late.send(wire.subscribe(wire.MQTT5, 1, [("a/#", 0), ("b/#", 0)]))
        wanted = {topic: payload for topic, payload in self.retained.items() if payload}
        end = time.monotonic() + DEADLINE_SECONDS
        while found != wanted and time.monotonic() < end:
            self.pump(0.05)
        late.close()
        return [] if found == wanted else [f"retained: {found}, not {wanted}"]

    def close(self):
        """Ends the broker in peace."""
        for actor in self.actors():
            if actor.socket:
                actor.close()
        self.selector.close()
        self.broker.close()


def twice(who, seen):
    """Sentences on QoS 2 messages that came more than once."""
    counts = collections.Counter(payload for payload in seen if payload[0] == "2")
    return [f"{who} got {payload} {count} times" for payload, count in counts.items() if count > 1]


def difference(got, expected):
    """Two lists from where they differ."""
    place = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b),
                 min(len(got), len(expected)))
    return f"...{got[place:place + 6]} where ...{expected[place:place + 6]} was due"


def torture(seed, threads, rounds, store_config="", seconds_max=0.5, tell=lambda text: None):
    """Kills a broker `rounds` times; returns the faults found and the fleet's figures."""
    fleet = Fleet(seed, threads, store_config)
    try:
        fleet.settle()
        fleet.kill()
        for number in range(1, rounds):
            fleet.round(fleet.random.uniform(0.02, seconds_max))
            tell(f"round {number}: {fleet.published} published")
        try:
            fleet.finish()
            faults = []
        except AssertionError as problem:
            faults = [str(problem)]
        faults += fleet.check()
        faults += [f"log: {line}" for line in fleet.broker.log_lines("(?i)error")]
        figures = (f"{fleet.kills} kills, {fleet.published} published, "
                   f"{sum(p.acknowledged for p in fleet.publishers)} acknowledged, "
                   f"{sum(len(s.seen) for s in fleet.subscribers)} received by subscribers, "
                   f"{sum(len(m.seen) for m in fleet.members)} by the group, "
                   f"{len(fleet.watcher.seen)} wills")
        return faults, figures
    finally:
        fleet.close()
