"""log_dest syslog: the lines as a log daemon gets them. The broker has a /dev of its own there."""

import re
import socket
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, binary, wait_until
from harness.case import BrokerTest
from harness.needs import needs
from harness.wire import MQTT311

DAEMON, LOCAL0 = 3, 16  # RFC 5424, section 6.2.1
ERROR, WARNING, NOTICE, INFORMATION, DEBUG = 3, 4, 5, 6, 7
LINE = re.compile(r"<(?P<priority>\d+)>\w{3} [ \d]\d \d\d:\d\d:\d\d darter\[(?P<pid>\d+)\]: "
                  r"(?P<text>[^\n]*)")

# The broker in a mount namespace whose /dev has little more than a log.
WRAPPER = """#!/bin/sh
exec unshare --mount sh -c '
  mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 &&
    ln -s "$1" /dev/log && shift && exec "$@"' sh "{log}" "{broker}" "$@"
"""


class LogDaemon:
    """The socket that a log daemon has, and all that came."""

    def __init__(self, path):
        self.path, self.packets, self._lock = path, [], threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while packet := self._socket.recv(65536):
            with self._lock:
                self.packets.append(packet.decode())

    def lines(self):
        """(facility, severity, process, text) of each line so far; each must be well-formed."""
        with self._lock:
            packets = list(self.packets)
        found = []
        for packet in packets:
            match = LINE.fullmatch(packet)
            if not match:
                raise AssertionError(f"not a line of syslog: {packet!r}")
            priority = int(match["priority"])
            found.append((priority >> 3, priority & 7, int(match["pid"]), match["text"]))
        return found

    def wait_for(self, text):
        """Waits for a line that has this in it, and returns it."""
        return wait_until(lambda: next((line for line in self.lines() if text in line[3]), None),
                          f"{text!r} in syslog")

    def forget(self):
        """As if nothing had come."""
        with self._lock:
            self.packets.clear()

    def close(self):
        """No more lines: an empty packet ends the reader."""
        if not self._reader.is_alive():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.path))
        self._reader.join(DEADLINE_SECONDS)
        self._socket.close()


@needs("a /dev of its own")
class SyslogTest(BrokerTest):
    """Priority, name and text of what is logged."""

    autostart = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        self.log = LogDaemon(self.folder / "log")
        self.addCleanup(self.log.close)
        super().setUp()

    def start_logging(self, options, *of_listener, args=(), **more):
        """Starts the broker where /dev/log is the socket of this test."""
        wrapper = self.folder / "darter"
        wrapper.write_text(WRAPPER.format(log=self.log.path, broker=binary()))
        wrapper.chmod(0o755)
        with mock.patch("harness.broker.binary", return_value=str(wrapper)):
            return self.start(options + DEFAULT_CONFIG + "".join(of_listener), args=args, **more)

    def test_lines(self):
        """Each line once, with name, process id and severity; no time of our own; facility daemon.

        Nothing goes to standard error.
        """
        broker = self.start_logging("log_dest syslog\nlog_type all\n")
        client = self.client(MQTT311, "100%s %n %d")
        client.disconnect()
        self.log.wait_for("disconnect")
        broker.stop()
        self.log.wait_for("terminating")
        lines = self.log.lines()
        self.assertEqual({line[0] for line in lines}, {DAEMON})
        self.assertEqual({line[2] for line in lines}, {broker.process.pid})
        for text, severity in ((r"darter version \S+ starting", INFORMATION),
                               (r"New client connected .* as 100%s %n %d ", NOTICE),
                               (r"Sending CONNACK to 100%s %n %d\b", DEBUG),
                               (r"darter version \S+ terminating", INFORMATION)):
            fitting = [line for line in lines if re.match(text, line[3])]
            self.assertEqual([line[1] for line in fitting], [severity], (text, lines))
        self.assertEqual(broker.lines, [])

    def test_warning(self):
        """A remark on the configuration has its severity."""
        self.start_logging("log_dest syslog\n", "websockets_origin https://a\n")
        self.assertEqual(self.log.wait_for("websockets_origin")[:2], (DAEMON, WARNING))

    def test_error(self):
        """What ends a start has the severity of an error."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            broker = self.start_logging(f"log_dest syslog\nlistener {port} 127.0.0.1\n", wait=False)
            self.assertEqual(broker.process.wait(DEADLINE_SECONDS), 1)
            self.assertEqual(self.log.wait_for(f"port {port}")[:2], (DAEMON, ERROR))
        broker.process = None

    def test_facility(self):
        """log_facility 0 to 7: local0 to local7."""
        for number in (0, 5, 7):
            self.start_logging(f"log_dest syslog\nlog_facility {number}\n").stop()
            self.log.wait_for("terminating")
            self.assertEqual({line[0] for line in self.log.lines()}, {LOCAL0 + number})
            self.log.forget()

    def test_beside_another(self):
        """Several destinations get the same lines."""
        broker = self.start_logging("log_dest syslog\nlog_dest stderr\nlog_type notice\n"
                                    "log_timestamp false\n")
        self.client(MQTT311, "both")
        line = broker.wait_for_log("as both ")
        self.assertEqual(self.log.wait_for("as both ")[3], line)
        broker.stop()
        self.assertEqual([text for *_, text in self.log.lines()], broker.lines)

    def test_types(self):
        """log_type says what is logged there, too."""
        broker = self.start_logging("log_dest syslog\nlog_type notice\n")
        self.client(MQTT311, "seen")
        self.log.wait_for("as seen ")
        broker.stop()
        self.assertEqual({line[1] for line in self.log.lines()}, {NOTICE})

    def test_daemon_that_hangs(self):
        """A daemon that reads nothing stops neither the loops nor the end."""
        self.log.close()
        self.log.path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unread:
            unread.bind(str(self.log.path))
            broker = self.start_logging("log_dest syslog\nlog_type all\n")
            client = self.client(MQTT311)
            for number in range(1500):
                client.publish("unread", str(number), 0)
            client.ping()
            broker.stop()

    def test_quiet(self):
        """-q: nothing."""
        self.start_logging("log_dest syslog\n", args=("-q",)).stop()
        self.assertEqual(self.log.lines(), [])


if __name__ == "__main__":
    unittest.main()
