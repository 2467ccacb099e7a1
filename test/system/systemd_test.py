"""What systemd asks of a service: sockets that it opened, notifications, a watchdog.

The test takes systemd's place: it makes the sockets and listens to what the broker says of itself.
"""

import contextlib
import ctypes
import os
import queue
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import wire
from harness.broker import (DEADLINE_SECONDS, ROOT, answers, binary, open_sockets,
                            wait_until)
from harness.case import BrokerTest
from harness.client import Client
from harness.needs import needs

# Passed sockets come as descriptor 3 and up, for the process whose id is LISTEN_PID; exec keeps it.
ACTIVATE = """import fcntl, os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
passed = [int(number) for number in os.environ.pop("PASSED").split()]
copies = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 100) for number in passed]
for number in passed:
    os.close(number)
for number, copy in enumerate(copies):
    os.dup2(copy, 3 + number)
os.execv(sys.argv[1], sys.argv[1:])
"""
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: threads, too
EPOLL_CALLS = ("232", "281", "22")  # epoll_wait and epoll_pwait of x86-64, epoll_pwait of others


class Systemd:
    """The socket that NOTIFY_SOCKET names, and who reads it: sd_notify waits for its reader."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self._messages = queue.Queue()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while packet := self._socket.recv(65536):
            self._messages.put(dict(line.split("=", 1) for line in packet.decode().splitlines()))

    def next(self):
        """The next message, as a dictionary."""
        return self._messages.get(timeout=DEADLINE_SECONDS)

    def next_with(self, name):
        """The next message that says this; others are passed over."""
        while name not in (message := self.next()):
            pass
        return message

    def is_silent(self, seconds):
        """Does nothing come for so long?"""
        try:
            self._messages.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def forget(self):
        """Passes over all that came so far."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._messages.get_nowait()

    def close(self):
        """No more messages: an empty packet ends the reader."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.path)
        self._reader.join(DEADLINE_SECONDS)
        self._socket.close()


@contextlib.contextmanager
def stopped_thread(thread):
    """Stops one thread of a process, and no other: what a loop that hangs looks like."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    libc.ptrace.restype = ctypes.c_long

    def ptrace(request):
        if libc.ptrace(request, thread, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, WAIT_ALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def loop_threads(pid):
    """The threads of event loops: those that wait in epoll."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        number = (task / "syscall").read_text().split()[0]
        if int(task.name) != pid and number in EPOLL_CALLS:
            found.append(int(task.name))
    return sorted(found)


class SystemdTest(BrokerTest):
    """A broker that is told where systemd listens."""

    autostart = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        self.systemd = Systemd(self.folder)
        self.addCleanup(self.systemd.close)
        super().setUp()

    def prepare(self, config=None, **environment):
        """A broker that has not started."""
        broker = self.start(config, wait=None)
        broker.environment = {"NOTIFY_SOCKET": self.systemd.path, **environment}
        return broker

    def pass_sockets(self, broker, *sockets, names=None):
        """Has the broker inherit these, as systemd does it."""
        broker.descriptors = tuple(each.fileno() for each in sockets)
        broker.wrapper = [sys.executable, "-c", ACTIVATE]
        broker.environment |= {"LISTEN_FDS": str(len(sockets)),
                               "PASSED": " ".join(map(str, broker.descriptors))}
        if names:
            broker.environment["LISTEN_FDNAMES"] = ":".join(names)

    def listening(self, port, host="127.0.0.1", **options):
        """A socket that systemd would open."""
        made = socket.create_server((host, port), **options)
        self.addCleanup(made.close)
        return made

    # -- notifications --

    def test_ready_reloading_stopping(self):
        """The three states, with words for systemctl status."""
        broker = self.prepare()
        broker.start(wait=False)
        ready = self.systemd.next()
        self.assertEqual((ready["READY"], ready["MAINPID"]), ("1", str(broker.process.pid)))
        self.assertEqual(ready["STATUS"], f"Serving MQTT on port {broker.port}")
        self.assertTrue(answers(broker.port))
        before = time.monotonic_ns() // 1000
        broker.process.send_signal(signal.SIGHUP)
        reloading = self.systemd.next()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertTrue(before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000)
        self.assertEqual(self.systemd.next()["READY"], "1")
        broker.stop()
        self.assertEqual(self.systemd.next()["STOPPING"], "1")

    def test_not_ready(self):
        """A broker that cannot start says nothing."""
        broker = self.prepare()
        with socket.create_server(("127.0.0.1", broker.port)):
            self.refused(broker, "Address already in use")
        self.assertTrue(self.systemd.is_silent(0.01))

    def test_daemon(self):
        """With -d the process that serves names itself."""
        broker = self.prepare()
        broker.args = ["-d"]
        broker.start(wait=False)
        self.assertEqual(broker.process.wait(DEADLINE_SECONDS), 0)
        pid = int(self.systemd.next()["MAINPID"])
        self.assertNotEqual(pid, broker.process.pid)
        self.assertTrue(answers(broker.port))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.systemd.next()["STOPPING"], "1")
        wait_until(lambda: not answers(broker.port), "the background process to end")

    # -- watchdog --

    @needs("tracing")
    def test_watchdog(self):
        """Signs of life come while every loop answers, and only then."""
        broker = self.prepare(WATCHDOG_USEC="400000")
        broker.start()
        for _ in range(2):
            self.systemd.next_with("WATCHDOG")
        threads = wait_until(lambda: loop_threads(broker.process.pid), "a loop that waits")
        with stopped_thread(threads[-1]):
            broker.wait_for_log(r"event loop \d+ has not answered for \d+ ms")
            self.systemd.forget()
            self.assertTrue(self.systemd.is_silent(0.25))
            self.assertIsNone(broker.process.poll())
        self.systemd.next_with("WATCHDOG")

    def test_watchdog_while_a_store_is_written_anew(self):
        """The loops answer meanwhile, and after it."""
        broker = self.prepare("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                              "persistence true\npersistence_location {dir}/\n",
                              WATCHDOG_USEC="400000")
        broker.start()
        client = self.client()
        client.publish("kept", b"x", 1, retain=True)
        (broker.directory / "darter.db").unlink()
        broker.wait_for_log("is being written anew")
        self.systemd.forget()
        self.systemd.next_with("WATCHDOG")
        broker.wait_for_log("was written anew")
        self.systemd.forget()
        self.systemd.next_with("WATCHDOG")
        client.ping()

    def test_no_watchdog(self):
        """Another process's watchdog is not this one's."""
        broker = self.prepare(WATCHDOG_USEC="4000", WATCHDOG_PID="1")
        broker.start()
        self.systemd.next_with("READY")
        self.assertTrue(self.systemd.is_silent(0.05))

    # -- sockets --

    def test_activated(self):
        """A passed socket is the listener's; another listener is opened as usual."""
        broker = self.prepare("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                              "listener {port2} 127.0.0.1\nlistener {port3} 127.0.0.1\n")
        self.pass_sockets(broker, self.listening(broker.port3), self.listening(broker.port))
        waiting = Client.tcp(broker.port)  # who comes before the broker waits in the queue
        self.addCleanup(waiting.close)
        broker.start()
        waiting.connect()
        self.client(port=broker.port2)
        broker.stop()
        self.assertTrue(answers(broker.port))  # the socket is still systemd's
        broker.start()
        self.client()
        self.systemd.next_with("READY")

    def reload(self, text):
        """Another configuration, with what `darter --reload` says of it."""
        self.broker.write("darter.conf", text)
        done = subprocess.run([binary(), "--reload", "-c", str(self.broker.config_file)],
                              capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=True)
        return done.stdout

    def test_removed_and_back(self):
        """A listener that a reload removes has its socket of systemd again when it is back."""
        broker = self.prepare("allow_anonymous true\nlistener {port} 127.0.0.1\n"
                              "listener {port2} 127.0.0.1\n")
        self.pass_sockets(broker, self.listening(broker.port), self.listening(broker.port2))
        both = broker.config_file.read_text()
        place = f"127.0.0.1:{broker.port2}"
        broker.start()
        staying = self.client(port=broker.port2)
        without = both.replace(f"listener {broker.port2} 127.0.0.1\n", "")
        for times, name in enumerate(("once", "again"), 1):
            self.assertIn(f"listener {place} removed", self.reload(without))
            self.reload(without + "max_keepalive 600\n")  # it is gone already: no news
            said = broker.log_lines(rf"systemd keeps the socket of port {broker.port2} open")
            self.assertEqual(len(said), times)
            early = self.raw(port=broker.port2)
            early.send(wire.connect(early.version, name))
            self.client()  # the loops have had their turn: nobody was accepted there
            self.assertEqual(broker.log_lines(f"as {name} "), [])
            self.assertIn(f"listener {place} added", self.reload(both))
            early.expect(wire.CONNACK, reason=0)
            early.close()
        staying.ping()

    def test_both_families(self):
        """One socket for IPv6 and IPv4, and the clients of either have their own address."""
        broker = self.prepare("allow_anonymous true\nlistener {port}\n")
        self.pass_sockets(broker, self.listening(broker.port, "::", family=socket.AF_INET6,
                                                 dualstack_ipv6=True))
        broker.start()
        self.client()
        broker.wait_for_log(r"New connection from 127\.0\.0\.1:\d+ on port")

    def test_unix_socket_stays(self):
        """The file of a passed unix socket is neither made nor removed nor given away."""
        path = self.folder / "mqtt.sock"
        passed = socket.socket(socket.AF_UNIX)
        self.addCleanup(passed.close)
        passed.bind(str(path))
        passed.listen()
        path.chmod(0o600)
        before = path.stat()
        broker = self.prepare(f"allow_anonymous true\nlistener 0 {path}\n")
        self.pass_sockets(broker, passed)
        broker.start(wait=False)
        self.assertEqual(self.systemd.next()["STATUS"], f"Serving MQTT on {path}")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE_SECONDS)
            client.connect(str(path))
            client.sendall(bytes.fromhex("100d00044d5154540402003c000161"))
            self.assertEqual(client.recv(4), bytes.fromhex("20020000"))
        broker.stop()
        after = path.stat()
        self.assertTrue(stat.S_ISSOCK(after.st_mode))
        self.assertEqual((before.st_ino, before.st_mode, before.st_uid),
                         (after.st_ino, after.st_mode, after.st_uid))

    def test_by_name(self):
        """A socket that is bound elsewhere is found by its name, the listener's port."""
        broker = self.prepare("allow_anonymous true\nlistener {port2} 127.0.0.1\n")
        self.pass_sockets(broker, self.listening(broker.port), names=[str(broker.port2)])
        broker.start(wait=False)
        self.assertEqual(self.systemd.next()["STATUS"], f"Serving MQTT on port {broker.port}")
        self.client()
        self.assertFalse(answers(broker.port2))

    def refused(self, broker, pattern):
        """The broker does not start, and says why."""
        broker.start(wait=False)
        self.assertEqual(broker.process.wait(DEADLINE_SECONDS), 1)
        broker.wait_for_log(pattern)
        broker.process = None

    def test_what_fits_nobody(self):
        """A socket of no listener is an error, and so is one that others may share."""
        broker = self.prepare()
        self.pass_sockets(broker, self.listening(broker.port2))
        self.refused(broker, rf"Error: No listener .* 127\.0\.0\.1:{broker.port2}\. ")
        broker = self.prepare()
        self.pass_sockets(broker, self.listening(broker.port, reuse_port=True))
        self.refused(broker, r"ReusePort=yes")
        broker = self.prepare()
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(datagrams.close)
        self.pass_sockets(broker, datagrams)
        self.refused(broker, r"is no listening socket")

    def test_for_another_process(self):
        """Without LISTEN_PID of its own the broker leaves descriptors alone."""
        broker = self.prepare(LISTEN_FDS="1", LISTEN_PID="1")
        broker.start()
        self.client()

    def test_daemon_with_sockets(self):
        """-d keeps what was passed."""
        broker = self.prepare()
        self.pass_sockets(broker, self.listening(broker.port))
        broker.args = ["-d"]
        broker.start(wait=False)
        self.assertEqual(broker.process.wait(DEADLINE_SECONDS), 0)
        pid = int(self.systemd.next()["MAINPID"])
        self.client()
        self.assertTrue(open_sockets(pid))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.systemd.next()["STOPPING"], "1")


class UnitTest(unittest.TestCase):
    """conf/darter.service; systemd_trial runs it."""

    def test_folders_belong_to_the_user(self):
        """systemd gives the folders that it makes to User=, which is root here: whom darter becomes
        could not write there."""
        text = (ROOT / "conf" / "darter.service").read_text(encoding="utf-8")
        self.assertNotRegex(text, r"(?m)^User=")
        self.assertNotRegex(text, r"(?m)^(Runtime|State|Logs|Cache|Configuration)Directory=")
        self.assertRegex(text, r"(?m)^ExecStartPre=-/bin/chown darter: .*/var/lib/darter\b")
