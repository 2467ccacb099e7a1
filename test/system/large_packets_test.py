"""Large packets and large sessions of one client: the others are served meanwhile."""

import threading
import time

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, wait_until
from harness.case import BrokerTest
from harness.wire import MQTT311

FILTERS = 100_000
GROUPS = 40_000
SUBSCRIPTIONS = 200_000
RETAINED = 1000
IN_ONE_PACKET = 50_000


class LargePacketsTest(BrokerTest):
    """What they are held to is the broker's own clock of turns, and pings that are answered. Both
    are compared with how long the work takes, for machines differ."""

    config = DEFAULT_CONFIG + "sys_interval 1\n"

    def setUp(self):
        super().setUp()
        # One of them is on the busy loop, more likely than not.
        self.others = [self.client() for _ in range(8)]
        self.longest_work, self.most_pings = 0.0, 0

    def work(self, client, data, *kinds):
        """Sends `data`, and pings with others until all `kinds` of packets have come back."""
        problems = []

        def answers():
            try:
                client.send(data)
                for kind in kinds:
                    while client.receive(DEADLINE_SECONDS * 3).kind != kind:
                        pass
            except (AssertionError, OSError) as problem:
                problems.append(problem)
        thread = threading.Thread(target=answers)
        begin = time.monotonic()
        thread.start()
        pings = 0
        while thread.is_alive():
            for other in self.others:
                other.ping()
            pings += 1
        thread.join()
        self.assertEqual(problems, [])
        self.longest_work = max(self.longest_work, time.monotonic() - begin)
        self.most_pings = max(self.most_pings, pings)

    def subscribe(self, client, filters):
        """In as few packets as may be."""
        for at in range(0, len(filters), IN_ONE_PACKET):
            part = [(each, 0) for each in filters[at:at + IN_ONE_PACKET]]
            self.work(client, wire.subscribe(MQTT311, client.next_id(), part), wire.SUBACK)

    def unsubscribe(self, client, filters):
        """The same."""
        for at in range(0, len(filters), IN_ONE_PACKET):
            self.work(client, wire.unsubscribe(MQTT311, client.next_id(),
                                               filters[at:at + IN_ONE_PACKET]), wire.UNSUBACK)

    def figure(self, name):
        """A number below $SYS, as it is now or was a second ago."""
        reader = self.client()
        reader.subscribe("$SYS/broker/" + name)
        value = int(reader.receive().payload)
        reader.close()
        return value

    def check(self):
        """No turn took as long as the work would in one, and pings were answered in between."""
        self.let_time_pass(2)
        self.assertGreater(self.most_pings, 2)
        self.assertLess(self.figure("loop/turn/maximum"), self.longest_work * 1000 / 2)

    def test_filters_that_match_everything(self):
        """100,000 filters in one SUBSCRIBE, with retained messages for each."""
        publisher = self.client()
        for number in range(RETAINED):
            publisher.publish(f"r/{number}", b"x", 0, retain=True)
        publisher.ping()
        client = self.client()
        filters = [("#", "+/#", "r/#", "r/+", "+/+")[number % 5] for number in range(FILTERS)]
        packet = wire.subscribe(MQTT311, 7, [(each, 0) for each in filters])
        self.work(client, packet + wire.pingreq(), wire.SUBACK, wire.PINGRESP)
        self.unsubscribe(client, filters)
        self.check()

    def test_groups(self):
        """40,000 shared subscriptions, each of a group of its own, and their end."""
        filters = [f"$share/g{number}/x" for number in range(GROUPS)]
        client = self.client()
        self.subscribe(client, filters)
        self.unsubscribe(client, filters)
        self.subscribe(client, filters)
        client.close()
        wait_until(lambda: self.figure("subscriptions/count") < 100, "the session to end",
                   DEADLINE_SECONDS * 3)
        self.check()

    def test_end_of_a_session(self):
        """200,000 subscriptions, and the end of their session."""
        client = self.client()
        self.subscribe(client, [f"f/{number}" for number in range(SUBSCRIPTIONS)])
        wait_until(lambda: self.figure("subscriptions/count") >= SUBSCRIPTIONS, "the figure")
        client.close()
        wait_until(lambda: self.figure("subscriptions/count") < 100, "the session to end",
                   DEADLINE_SECONDS * 3)
        self.check()
