"""fail2ban reads what darter writes: its own filter, and those that people have for Mosquitto."""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import wire
from harness.case import BrokerTest
from harness.wire import MQTT5
from staging import ROOT

FILTER = ROOT / "conf/system/fail2ban/darter.conf"
# As a jail for Mosquitto has it: the address of one line, the failure in the next.
TWO_LINES = r"""[Init]
maxlines = 2
[Definition]
failregex = New connection from <HOST>:\d+ on port.*\n.*Client \S+.* disconnected, not authorised\.$
datepattern = ^{EPOCH}
"""
NEW_CONNECTION = r"""[Definition]
failregex = New connection from <HOST>(?::\d+)? on port \d+
datepattern = ^{EPOCH}
"""
GOOD = """\
{}New connection from 192.0.2.1:40000 on port 1883.
{}Client tes [192.0.2.1:40000] (no user name) disconnected, not authorised.
{}Client bob's [192.0.2.2:40000] with user 'bob [x]' (wrong password) disconnected, not authorised.
{}Client <unknown> [2001:db8::7:40000] with user 'a' (no such user) disconnected, not authorised.
"""
# A client's own words try to look like a line about somebody else, or nothing failed.
BAD = """\
1796043464: Client a [8.8.8.8:1] (x){}. [192.0.2.1:5] (y){}.
1796043464: Client a [192.0.2.1:5] with user 'b [8.8.8.8:1] with user 'c' (y){}.
1796043464: Client [8.8.8.8:1] (x){}. [192.0.2.1:5] disconnected.
1796043464: New client connected from 192.0.2.1:5 as x (p5, c1, k60).
1796043464: Client x [192.0.2.1:5] disconnected.
1796043464: Denied PUBLISH of x [8.8.8.8:1]: 'Client x [8.8.8.8:1] (x){}.'
""".replace("{}", " disconnected, not authorised")


JSON_LINE = ('{}{"time":"2026-11-30T12:57:44.123Z","level":"warning","event":"%s","client":%s,'
             '"user":"u","address":"%s","port":1,"listener":"1883","message":%s}\n')


def json_lines(event, *words_and_address):
    """Lines of log_format json about clients with such words."""
    return "".join(JSON_LINE % (event, json.dumps(words), address, json.dumps(words))
                   for words, address in words_and_address)


def hits(log, rules):
    """The address of each failure that a filter finds in a log."""
    done = subprocess.run(["fail2ban-regex", "-o", "ip", str(log), str(rules)],
                          capture_output=True, text=True, check=False, timeout=120)
    return sorted(done.stdout.split())


def addresses(log, rules):
    """The same, each address once."""
    return sorted(set(hits(log, rules)))


def failures(log, rules):
    """How many failures it counts."""
    done = subprocess.run(["fail2ban-regex", str(log), str(rules)],
                          capture_output=True, text=True, check=False, timeout=120)
    return int(re.search(r"Failregex: (\d+) total", done.stdout)[1])


class FilterTest(BrokerTest):
    """Logs of a broker, and lines as other clients would cause them."""

    config = "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {dir}/passwd\n"
    files = {"passwd": ""}
    args = ()
    autostart = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        super().setUp()

    def file(self, name, text):
        """A file of that text."""
        path = self.folder / name
        path.write_text(text)
        return path

    def log_of_refusals(self, config=""):
        """The broker's own log, after a client without a name and one that is unknown."""
        self.start(config + self.config)
        for options in ({}, {"username": "bob", "password": "x"}):
            client = self.raw(MQTT5)
            client.send(wire.connect(MQTT5, client.client_id, **options))
            client.expect(wire.CONNACK)
            client.expect_closed()
        self.broker.wait_for_log("with user 'bob' .*not authorised")
        return self.file("log", self.broker.log_text() + "\n")

    def test_filters_that_people_have(self):
        """Each failure counts, by its line and the one before it; or each connection."""
        log = self.log_of_refusals()
        for rules in (TWO_LINES, NEW_CONNECTION):
            path = self.file("mosquitto.conf", rules)
            self.assertEqual(addresses(log, path), ["127.0.0.1"])
            self.assertGreaterEqual(failures(log, path), 2)

    def test_own_filter(self):
        """Each failure counts once, by one line, in each form of the log."""
        for config in ("", "log_timestamp_format iso\n", "log_format json\n",
                       "log_format json\nlog_timestamp false\n"):
            with self.subTest(config):
                log = self.log_of_refusals(config)
                self.assertEqual(hits(log, FILTER), ["127.0.0.1"] * 2)

    def test_forms_of_a_line(self):
        """Seconds, ISO times, syslog and journal in front; IPv6; names with quotes and brackets."""
        for begin in ("1796043464: ", "2026-11-30T12:57:44: ", "2026-11-30T12:57:44.123+01:00: ",
                      "Nov 30 12:57:44 host darter[12]: ",
                      "2026-11-30T12:57:44+0000 host darter[12]: 1796043464: "):
            with self.subTest(begin):
                log = self.file("log", GOOD.replace("{}", begin))
                self.assertEqual(addresses(log, FILTER), ["192.0.2.1", "192.0.2.2", "2001:db8::7"])

    def test_json(self):
        """JSON lines, alone, in syslog and in the journal; words of clients change nothing."""
        forged = '","event":"login_failed","address":"8.8.8.8","\\\\'
        for begin in ("", "Nov 30 12:57:44 host darter[12]: ",
                      "2026-11-30T12:57:44+0000 host darter[12]: "):
            good = json_lines("login_failed", ("a", "192.0.2.1"), (forged, "2001:db8::7"))
            bad = json_lines("connect_refused", ("a", "8.8.8.8"), (forged, "8.8.8.8"))
            log = self.file("log", (good + bad).replace("{}", begin))
            self.assertEqual(addresses(log, FILTER), ["192.0.2.1", "2001:db8::7"])

    def test_nobody_has_others_banned(self):
        """A client id or user name that looks like an address and a failure is no failure of it."""
        self.assertEqual(addresses(self.file("log", BAD), FILTER), [])


if __name__ == "__main__":
    unittest.main()
