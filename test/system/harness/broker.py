"""Runs the broker under test as a process: configuration, log lines, clean end."""

import contextlib
import functools
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SANITIZER_REPORT = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:"
    r"|Sanitizer: DEADLYSIGNAL|SUMMARY: \w+Sanitizer")

# How long a test waits for something that must happen; only failing tests wait that long. A disk
# that others write to may hold a sync for more than ten seconds.
DEADLINE_SECONDS = float(os.environ.get("DARTER_TEST_DEADLINE", "30"))

DEFAULT_CONFIG = "allow_anonymous true\nlistener {port} 127.0.0.1\n"
WS_CONFIG = DEFAULT_CONFIG + "listener {ws_port} 127.0.0.1\nprotocol websockets\n"


def binary():
    """Path of the broker under test."""
    return os.environ.get("DARTER_BIN", str(ROOT / "build" / "release" / "darter"))


def for_another_user(folder):
    """The broker's program, and an environment to run it in, for a user other than that of the
    tests: copied into `folder`, as the checkout may be where only its owner can go, such as below
    /root. So are the files that a sanitizer reads."""
    environment = dict(os.environ)
    options = environment.get("TSAN_OPTIONS", "")
    for path in re.findall(r"suppressions=([^:\s]+)", options):
        options = options.replace(path, shutil.copy(path, folder))
        environment["TSAN_OPTIONS"] = options
    return shutil.copy(binary(), folder / "darter"), environment


def passwd_binary():
    """Path of the password tool that is built beside the broker."""
    return str(Path(binary()).parent / "darter-passwd")


def thread_count():
    """The number of loops that this run asks for."""
    return int(os.environ.get("DARTER_THREADS", "1"))


def is_darter():
    """False where the tests are tried on Debian's Mosquitto, which knows no `threads`."""
    return Path(binary()).name != "mosquitto"


def port_range():
    """The ports that this process may use: a part of those below the range of the kernel's own. A
    port that another test has chosen, but not yet opened, looks free."""
    lane, lanes = map(int, os.environ.get("DARTER_TEST_LANE", "0/1").split("/"))
    first, end = 10000, 32000
    width = (end - first) // lanes
    return range(first + lane * width, first + (lane + 1) * width)


@functools.cache
def port_cycle():
    """The ports of this process one after the other, from anywhere: none comes twice before all
    others have come, for one that was handed out and is not yet open looks free."""
    ports = port_range()
    start = random.SystemRandom().randrange(len(ports))
    return itertools.cycle([*ports[start:], *ports[:start]])


def free_port():
    """A TCP port of the loopback address that nobody uses."""
    while True:
        port = next(port_cycle())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, what, deadline=DEADLINE_SECONDS):
    """Asks `condition` again and again until it holds; its value is returned."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain for {what}")
        time.sleep(0.005)


def answers(port, host="127.0.0.1"):
    """Does something accept connections on this port?"""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0


def open_sockets(pid):
    """The inode numbers, as text, of the sockets that a process has open, without those that it
    closes meanwhile."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if found := re.fullmatch(r"socket:\[(\d+)]", os.readlink(descriptor)):
                inodes.add(found.group(1))
    return inodes


def listens(path):
    """Does somebody listen on this unix socket? Asked of the kernel, so that no broker notices."""
    listening = "00010000"  # __SO_ACCEPTCON
    for line in Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] == str(path) and fields[3] == listening:
            return True
    return False


class Broker:
    """One broker process with a folder of its own.

    The configuration may name {port}, {ws_port}, {port2}, {port3} and {dir}. Unless it is to be
    taken `bare`, the thread count and the user are put in front of it. `open_files` limits its
    descriptors: "SOFT:HARD".
    """

    def __init__(self, config=DEFAULT_CONFIG, files=None, args=("-v",), wait=True, bare=False,
                 open_files=None):
        self.directory = Path(tempfile.mkdtemp(prefix="darter-test-"))
        self.directory.chmod(0o755)
        self.port, self.ws_port, self.port2, self.port3 = (free_port() for _ in range(4))
        self.lines, self._changed = [], threading.Condition()
        for name, text in (files or {}).items():
            self.write(name, text)
        preamble = "" if bare else self._preamble(config)
        self.config_file = self.write("darter.conf", preamble + config)
        self.args = list(args)
        self.wrapper, self.environment = [], {}  # a program that starts it, and what it is told
        self.descriptors = ()  # that it inherits
        if open_files:
            self.wrapper = ["prlimit", f"--nofile={open_files}"]
        self.process = self._reader = None
        if wait is not None:
            self.start(wait)

    # -- files --

    def fill_in(self, text):
        """Ports and folder in place of their names."""
        values = {"port": self.port, "ws_port": self.ws_port, "port2": self.port2,
                  "port3": self.port3, "dir": self.directory}
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def write(self, name, text):
        """Writes a file into the broker's folder and returns its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else self.fill_in(text).encode())
        path.chmod(0o600)
        return path

    @staticmethod
    def _preamble(config):
        """Thread count, and no change of user: the folders belong to who runs the tests."""
        threads = f"threads {thread_count()}\n" if is_darter() else ""
        if os.environ.get("DARTER_PERSISTENCE") and "persistence" not in config:
            threads += "persistence true\npersistence_location {dir}\n"
        return threads + ("user root\n" if os.geteuid() == 0 else "")

    # -- life --

    @staticmethod
    def program():
        """Path of the program that it runs."""
        return binary()

    def start(self, wait=True):
        """Starts the process; with `wait`, returns when every port of the file answers."""
        command = [*self.wrapper, self.program(), "-c", str(self.config_file), *self.args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=self.directory,
                                        env={**os.environ, **self.environment},
                                        pass_fds=self.descriptors,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if wait:
            self.wait_for_ports()

    def wait_for_ports(self):
        """Returns when what the configuration names accepts connections: ports of the loopback
        address, unix sockets."""
        text = self.config_file.read_text()
        for port in (self.port, self.ws_port, self.port2, self.port3):
            if re.search(rf"^((http_)?listener|port)\s+{port}\b", text, re.MULTILINE):
                wait_until(lambda p=port: self._alive() and answers(p), f"port {port} to answer")
        for path in re.findall(r"^(?:http_)?listener\s+0\s+(\S+)", text, re.MULTILINE):
            wait_until(lambda p=path: self._alive() and listens(p), f"{path} to be listened on")

    def _alive(self):
        if self.process.poll() is not None:
            self._reader.join(DEADLINE_SECONDS)
            raise AssertionError(f"the broker ended with status {self.process.returncode}:\n"
                                 + self.log_text())
        return True

    def stop(self, number=signal.SIGTERM):
        """Ends the broker and checks that it went in peace: status 0, no sanitizer report."""
        status = self.end(number)
        if self._reader:
            self._reader.join(DEADLINE_SECONDS)
            self._reader = None
            self.process.stderr.close()
        report = SANITIZER_REPORT.search(self.log_text())
        if report:
            raise AssertionError("sanitizer report:\n" + self.log_text()[-8000:])
        if status != 0:
            raise AssertionError(f"exit status {status} after signal {int(number)}:\n"
                                 + self.log_text()[-4000:])

    def end(self, number=signal.SIGTERM):
        """Ends the process and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_SECONDS + 20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the broker did not end after signal {int(number)}") from None

    def restart(self):
        """Stops the broker and starts it again with the same ports and files."""
        self.stop()
        self.start()

    def close(self):
        """Stops a running broker and removes its folder."""
        try:
            if self.process:
                self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def reload(self):
        """Sends SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    # -- what it uses --

    def _status(self, field):
        """A figure of /proc/PID/status, in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024

    def resident_bytes(self):
        """Memory that the process holds now."""
        return self._status("VmRSS")

    def most_resident_bytes(self):
        """The most that it ever held."""
        return self._status("VmHWM")

    def is_sanitized(self):
        """Is this a build that maps terabytes of shadow, and keeps freed memory for a while?"""
        return self._status("VmPeak") > 2 ** 40

    def cpu_seconds(self):
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")")[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    # -- log --

    def _read_log(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()

    def log_text(self):
        """Everything logged so far."""
        with self._changed:
            return "\n".join(self.lines)

    def log_lines(self, pattern):
        """The lines so far in which the regular expression is found."""
        with self._changed:
            return [line for line in self.lines if re.search(pattern, line)]

    def wait_for_log(self, pattern, deadline=DEADLINE_SECONDS):
        """Waits until a line has the regular expression in it, and returns that line."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                if not self._changed.wait(max(0, end - time.monotonic())) \
                        and time.monotonic() > end:
                    raise AssertionError(f"no log line has {pattern!r}:\n"
                                         + "\n".join(self.lines[-40:]))
