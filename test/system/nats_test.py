"""The link to NATS, by nats-probe and real nats-servers: messages, records, and every way to lose
the connection."""

import contextlib
import json
import unittest

from harness.broker import free_port, wait_until
from harness.certificates import authority, stranger
from harness.fault_proxy import FaultProxy
from harness.nats import NatsCluster, NatsProbe, NatsServer
from harness.nats_credentials import make_credentials
from harness.needs import once


class NatsTest(unittest.TestCase):
    """Servers and probes that are ended after the test."""

    def server(self, **options):
        """A server that runs."""
        made = NatsServer(**options)
        self.addCleanup(made.close)
        return made.start()

    def cluster(self):
        """Three servers that run."""
        made = NatsCluster()
        self.addCleanup(made.close)
        return made.start()

    def probe(self, *arguments, connected=True):
        """A probe."""
        made = NatsProbe(*arguments)
        self.addCleanup(made.close)
        if connected:
            made.expect("^connected ")
        return made

    def deliver(self, sender, receiver, subject):
        """Returns when a message has come: nobody says when a subscription holds at other nodes."""
        def arrives():
            sender.do("pub", subject, "hello")
            with contextlib.suppress(AssertionError):
                return receiver.expect(f"^received {subject} hello$", 0.25)
        wait_until(arrives, f"a message of {subject}")

    @staticmethod
    def subscribed(server, count):
        """Waits until a server has so many subscriptions of clients."""
        wait_until(lambda: sum(one["subscriptions"] for one in
                               server.ask("connz").get("connections", ())) == count,
                   f"{count} subscriptions")

    def settle(self, probe, name, value):
        """Waits for a figure."""
        wait_until(lambda: probe.figures()[name] == str(value), f"{name} {value}")


@once
class MessageTest(NatsTest):
    """Publishes and subscriptions."""

    def test_subjects(self):
        """Thousands of subjects, in the order of their messages; no copy of what is one's own."""
        server = self.server(jetstream=False)
        left, right = self.probe(server.url), self.probe(server.url, "--name", "right")
        right.do("subs", "room", 5000)
        left.do("sub", "room.>")
        self.subscribed(server, 5001)
        for number in (4999, 0, 17):
            left.do("pub", f"room.{number}", f"number {number}")
        for number in (4999, 0, 17):
            right.expect(f"^received room.{number} number {number}$")
        right.do("unsub", "room.17")
        right.do("sub", "room.0")
        right.do("sub", "gone.x")
        self.deliver(left, right, "gone.x")
        for number in (17, 0, 1):
            left.do("pub", f"room.{number}", "again")
        right.expect("^received room.1 again$")
        self.assertEqual(len(right.seen("^received room.17 ")), 1)
        self.assertEqual(len(right.seen("^received room.0 again")), 1)
        self.assertFalse(left.seen(r"^received room.\d+ "))
        right.do("sub", "not..a.subject")
        right.expect('^complained No subscription to "not..a.subject" in NATS: invalid subject')
        names = [one["name"] for one in server.ask("connz")["connections"]]
        self.assertEqual(sorted(names), ["probe", "right"])

    def test_order(self):
        """Many messages come in order, all of them; the figures say how many."""
        server = self.server(jetstream=False)
        left, right = self.probe(server.url), self.probe(server.url)
        right.ask("count")
        right.do("sub", "flood")
        self.subscribed(server, 1)
        left.ask("flood", "flood", 200_000, 20)
        wait_until(lambda: right.ask("counted")[1] == "200000", "all messages")
        self.assertEqual(right.ask("counted")[2:], ["in", "order"])
        self.assertEqual(left.figures()["messages_out"], "200000")
        self.assertEqual(left.figures()["bytes_out"], "4000000")
        self.assertEqual(right.figures()["messages_in"], "200000")
        self.assertEqual(right.figures()["bytes_in"], "4000000")

    def test_slow_receiver(self):
        """A user that does not take messages pauses reading, so that memory stays bounded; nothing
        is lost as long as the server has patience."""
        server = self.server(jetstream=False, lines='write_deadline: "60s"\n')
        left = self.probe(server.url)
        right = self.probe("--silence", 60_000, server.url)
        right.ask("count")
        right.do("sub", "flood")
        self.subscribed(server, 1)
        right.do("hold")
        left.ask("flood", "flood", 3000, 20_000)
        wait_until(lambda: right.figures()["reading_pauses"] != "0", "a pause")
        right.do("release")
        wait_until(lambda: right.ask("counted")[1] == "3000", "all messages")
        self.assertEqual(right.ask("counted")[2:], ["in", "order"])
        server.configure('write_deadline: "100ms"\n')
        server.stop()
        server.start()
        for probe in (left, right):
            probe.expect("^disconnected ")
            probe.expect("^connected ")
        self.subscribed(server, 1)
        right.do("hold")
        left.ask("flood", "flood", 5000, 20_000)
        wait_until(lambda: "Slow Consumer" in server.log(), "the server's patience to end")
        right.do("release")
        right.expect("^disconnected .*: messages were not taken as fast as they came")
        right.expect("^connected ")

    def test_too_large(self):
        """The server's limit on payloads holds for what is published to it."""
        server = self.server(jetstream=False, lines="max_payload: 1000\n")
        left, right = self.probe(server.url), self.probe(server.url)
        right.do("sub", "x")
        self.deliver(left, right, "x")
        left.do("pub", "x", "y" * 1001)
        left.expect("^published too_large$")
        left.do("pub", "x", "y" * 1000)
        right.expect("^received x y{1000}$")
        self.assertEqual(left.figures()["dropped"], "1")


@once
class WayTest(NatsTest):
    """Ways to a server, and why there is none."""

    def test_identities(self):
        """User and password, a token, and what is said when they are wrong; then they are right."""
        server = self.server(jetstream=False,
                             lines='authorization { user: ann, password: "old secret" }\n')
        probe = self.probe("--user", "ann", "--password", "secret", server.url, connected=False)
        probe.expect(rf"^disconnected NATS server {server.url} refuses the user, password, token "
                     r"or credentials \(authorization violation\)\.$")
        server.configure('authorization { user: ann, password: "secret" }\n')
        server.reload()
        probe.expect(f"^connected {server.url}$")
        server.configure("authorization { token: open }\n")
        server.reload()
        probe.expect("^disconnected ")
        self.probe("--token", "open", server.url)
        self.probe(f"nats://open@127.0.0.1:{server.port}")
        self.assertNotIn("open@", "".join(probe.lines))

    def test_credentials(self):
        """A file with JWT and NKey, where the server knows the operator and the account."""
        server = NatsServer(jetstream=False)
        self.addCleanup(server.close)
        server.configure(make_credentials(server.folder))
        server.start()
        self.probe("--credentials", server.folder / "user.creds", server.url)
        for options, why in (((), "refuses the user, password, token or credentials"),
                             (("--credentials", server.folder / "nats.conf"),
                              "no nkey user seed found in")):
            self.probe(*options, server.url, connected=False).expect(f"^disconnected .*{why}")

    def test_permissions(self):
        """A subject that the server does not permit is complained about."""
        server = self.server(jetstream=False, lines="""authorization { users: [
            { user: ann, password: a, permissions: { subscribe: "fine.>", publish: "fine.>" } } ] }
            """)
        probe = self.probe("--user", "ann", "--password", "a", server.url)
        probe.do("sub", "secret.x")
        probe.expect('^complained NATS server .* complains: .*Subscription to "secret.x"')
        probe.do("pub", "other.x", "y")
        probe.expect('^complained NATS server .* complains: .*Publish to "other.x"')
        self.assertEqual(probe.figures()["connected"], "1")

    def test_tls(self):
        """Certificates of both ends, and each way in which TLS can fail."""
        made = authority()
        server = self.server(jetstream=False, scheme="tls", lines=f"""tls {{
            cert_file: "{made.path('server.crt')}", key_file: "{made.path('server.key')}"
            ca_file: "{made.path('ca.crt')}", verify: true }}\n""")
        plain = self.server(jetstream=False)
        certificate = ("--cert", made.path("client.crt"), "--key", made.path("client.key"))
        trusted = ("--ca", made.path("ca.crt"))
        left = self.probe(*trusted, *certificate, server.url)
        right = self.probe("--insecure", "yes", *certificate, server.url)
        right.do("sub", "x.*")
        self.deliver(left, right, "x.1")
        right.ask("count")
        left.ask("flood", "x.2", 20_000, 100)
        wait_until(lambda: right.ask("counted")[1] == "20000", "all messages")
        self.assertEqual(right.ask("counted")[2:], ["in", "order"])
        for words, *arguments in (
                ("TLS with NATS server .* fails: ", "--ca", stranger().path("ca.crt"), *certificate,
                 server.url),
                (r"NATS server .* speaks no TLS, and TLS is wanted\.$", *trusted, plain.url),
                (r"^error Unable to use .*/absent.crt for NATS: ", "--ca", "/absent.crt",
                 plain.url),
                ('^error "what" is no URL of a NATS server', "what"),
                ("NATS server nats://no-such-host.invalid:1 does not answer: no such host",
                 "nats://no-such-host.invalid:1")):
            probe = NatsProbe(*arguments)
            probe.expect(words)
            if words.startswith("^error"):
                probe.process.wait()
                probe.process.returncode = 0
            probe.close()


@once
class LossTest(NatsTest):
    """Connections that end, and servers that do not answer."""

    def test_nothing_there(self):
        """Without a server nothing waits: messages are kept up to a limit, each reason is said
        once, and all is made good when one comes."""
        late = NatsServer(jetstream=False)
        self.addCleanup(late.close)
        probe = self.probe("--pending", 1000, f"nats://127.0.0.1:{free_port()}", late.url,
                           connected=False)
        probe.do("sub", "before")
        probe.expect("^disconnected ")
        probe.expect("^disconnected ")
        for text, answer in (("x" * 800, "queued"), ("y" * 800, "full"), ("z", "dropped")):
            probe.do("pub", "kept", text)
            probe.expect(f"^published {answer}$")
        other = self.probe(late.url, connected=False)
        other.do("sub", "kept")
        late.start()
        probe.expect(f"^connected {late.url}$")
        other.expect("^connected ")
        self.deliver(other, probe, "before")
        self.assertEqual(len(probe.seen("^disconnected ")), 2)
        self.settle(probe, "pending_bytes", 0)
        figures = probe.figures()
        self.assertEqual([figures[name] for name in ("messages_out", "dropped", "reconnects")],
                         ["2", "1", "0"])

    def test_broken(self):
        """A connection that breaks is made again with all its subscriptions, to the next server if
        there is one; half-open and stalled ones are found by pings."""
        first, second = self.server(jetstream=False), self.server(jetstream=False, name="two")
        proxies = [FaultProxy(server.port) for server in (first, first)]
        for proxy in proxies:
            self.addCleanup(proxy.close)
        urls = [f"nats://127.0.0.1:{proxy.port}" for proxy in proxies]
        probe = self.probe("--silence", 600, *urls)
        peer = self.probe(first.url)
        probe.do("subs", "many", 2000)
        self.deliver(peer, probe, "many.1999")
        for count, fault in enumerate(("reset", "half_open", "stall"), 1):
            used = proxies[urls.index(probe.figures()["server"])]
            getattr(used, fault)()
            why = "is lost" if fault == "reset" else "does not answer"
            probe.expect(f"^disconnected .*nats://127.0.0.1:{used.port} {why}")
            if fault == "stall":
                other = proxies[1 - proxies.index(used)]
                other.pass_on()
                probe.expect(f"^connected nats://127.0.0.1:{other.port}")
            else:
                probe.expect("^connected ")
            used.pass_on()
            self.deliver(peer, probe, f"many.{count}")
        self.assertEqual(int(probe.figures()["reconnects"]) >= 3, True)
        self.assertEqual(second.ask("connz")["num_connections"], 0)

    @staticmethod
    def clog(probe):
        """Publishes until neither the socket nor the outbox has room."""
        wait_until(lambda: probe.ask("fill", "x", 10_000) and
                   int(probe.figures()["pending_bytes"]) >= 90_000, "a full outbox")

    def test_stalled(self):
        """A server that stops is left for another; what waits for it is bounded, and stop() does
        not wait for it, with TLS and without."""
        made = authority()
        tls = f"""tls {{ cert_file: "{made.path('server.crt')}"
                         key_file: "{made.path('server.key')}" }}\n"""
        for scheme, lines in (("nats", ""), ("tls", tls)):
            with self.subTest(scheme):
                server = self.server(jetstream=False, scheme=scheme, lines=lines)
                options = ("--ca", made.path("ca.crt")) if lines else ()
                probe = self.probe(*options, "--silence", 20_000, "--pending", 100_000, server.url)
                idle = self.probe(*options, "--silence", 300, server.url)
                server.stall()
                self.clog(probe)
                idle.expect("^disconnected NATS server .* does not answer\\.")
                idle.expect("^disconnected NATS server .* does not answer in time")
                self.assertLess(float(idle.ask("stop")[1]), 2.9)
                server.resume()
                self.settle(probe, "pending_bytes", 0)
                server.stall()
                self.clog(probe)
                self.assertLess(float(probe.ask("stop")[1]), 2.9)


@once
class RecordTest(NatsTest):
    """The bucket of records."""

    def bucket(self, *arguments, replicas=1, connected=True):
        """A probe with the bucket."""
        return self.probe("--bucket", "test", "--replicas", replicas, *arguments,
                          connected=connected)

    def test_records(self):
        """Put, compare-and-set, delete; watched by all, by one that comes late too."""
        server = self.server()
        left = self.bucket(server.url)
        left.expect("^current$")
        right = self.bucket(server.url)
        right.expect("^current$")
        left.do("put", "a.alive", "one")
        left.expect("^written a.alive 1$")
        right.expect("^record a.alive 1 one$")
        left.do("put_if", "a.alive", 1, "two")
        left.expect("^written a.alive 2$")
        left.do("put_if", "a.alive", 1, "three")
        left.expect("^refused a.alive conflict ")
        left.do("put_if", "a.alive", 0, "three")
        left.expect("^refused a.alive conflict ")
        left.do("put_if", "b", 0, "new")
        left.expect("^written b 3$")
        left.do("del", "b")
        left.expect("^written b 0$")
        right.expect("^deleted b 4")
        left.do("put_if", "b", 0, "newer")
        left.expect("^written b 5$")
        left.do("put", "bad..key", "x")
        left.expect("^refused bad..key invalid ")
        late = self.bucket(server.url)
        late.expect("^record a.alive 2 two$")
        late.expect("^record b 5 newer$")
        late.expect("^current$")
        three = self.bucket(server.url, replicas=3)
        three.expect("^complained The bucket test of NATS has 1 replicas, not 3: it is used as it")
        three.expect("^current$")
        self.assertEqual(len(left.seen("^complained ")), 0)

    def test_lost_bucket(self):
        """A bucket that is gone is made again, and what vanished is told as deleted. Without
        JetStream its absence is said once."""
        server = NatsServer(jetstream=False)
        self.addCleanup(server.close)
        server.start()
        left = self.bucket(server.url)
        left.expect("^unavailable The bucket test of NATS cannot be used: JetStream does not ans")
        left.do("put", "early", "x")
        left.expect("^refused early unavailable JetStream does not answer")
        server.jetstream = True
        server.configure()
        server.stop()
        server.start()
        left.expect("^current$")
        self.assertEqual(len(left.seen("^unavailable ")), 1)
        for key in ("one", "two"):
            left.do("put", key, "x")
            left.expect(f"^record {key} ")
        server.kill()
        left.expect("^disconnected ")
        left.do("put", "three", "x")
        left.expect("^refused three unavailable there is no connection to NATS$")
        server.start()
        left.expect("^deleted one 0")
        left.expect("^deleted two 0")
        left.expect("^current$")
        left.do("put", "one", "again")
        left.expect("^record one 1 again$")

    def test_other_bucket(self):
        """A bucket that somebody deletes is made again; one that somebody else makes in its place
        is noticed by its revisions."""
        server = self.server()
        left = self.bucket(server.url)
        left.expect("^current$")
        for text in ("a", "b", "c"):
            left.do("put", "beat", text)
            left.expect("^written beat ")
        left.do("put", "lost", "x")
        left.expect("^record lost 4 ")
        made = server.request("$JS.API.STREAM.INFO.KV_test")["config"]
        self.assertTrue(server.request("$JS.API.STREAM.DELETE.KV_test")["success"])
        server.request("$JS.API.STREAM.CREATE.KV_test", json.dumps(made).encode())
        left.do("put", "beat", "again")
        left.expect("^written beat 1$")
        left.expect("^record beat 1 again$")
        left.expect("^deleted lost 0")
        left.expect("^current$")
        self.assertTrue(server.request("$JS.API.STREAM.DELETE.KV_test")["success"])
        left.do("put", "beat", "nowhere")
        left.expect("^refused beat unavailable ")
        left.expect("^deleted beat 0")
        left.expect("^current$")
        left.do("put", "beat", "at last")
        left.expect("^record beat 1 at last$")

    def test_cluster(self):
        """Three servers: one that is killed costs a reconnect, two cost the quorum, which is said;
        when they are back, records can be written again."""
        cluster = self.cluster()
        options = ("--silence", 1500, *cluster.urls)
        left = self.bucket("--name", "left", *options, replicas=3)
        left.expect("^current$")
        right = self.bucket("--name", "right", *options, replicas=3)
        right.expect("^current$")
        right.do("sub", "x")
        self.deliver(left, right, "x")
        left.do("put", "a", "before")
        right.expect("^record a 1 before$")
        first = cluster.at(right.figures()["server"])
        first.kill()
        right.expect(f"^disconnected .*{first.url}")
        right.expect("^connected ")
        right.expect("^record a 1 before$")
        right.expect("^current$")
        self.deliver(left, right, "x")
        self.put(left, "a", "after")
        right.expect("^record a .* after$")
        # As long as two have their memory, nothing is lost.
        self.assertFalse(left.seen("^deleted ") + right.seen("^deleted "))
        second = cluster.at(right.figures()["server"])
        second.kill()
        right.expect(f"^disconnected .*{second.url}")
        wait_until(lambda: self.refused(right), "no quorum")
        for server in (first, second):
            server.launch()
        for server in (first, second):
            server.wait()
        self.put(right, "c", "at last")
        left.expect("^record c .* at last$")

    def put(self, probe, key, text):
        """Puts until that is done."""
        def is_written():
            probe.do("put", key, text)
            return probe.expect(f"^(written|refused) {key} ").group(1) == "written"
        wait_until(is_written, f"{key} to be written")

    @staticmethod
    def refused(probe):
        """Whether a put is refused for want of a quorum."""
        probe.do("put", "q", "x")
        answer = probe.expect("^(written|refused) q .*").group(0)
        return "unavailable" in answer


if __name__ == "__main__":
    unittest.main()
