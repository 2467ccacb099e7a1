"""nats-servers for tests, alone or as a cluster, and nats-probe, which talks to them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from .broker import DEADLINE_SECONDS, ROOT, SANITIZER_REPORT, binary, free_port, wait_until

_CONFIG = """server_name: {name}
host: 127.0.0.1
port: {port}
http: "127.0.0.1:{http}"
pid_file: "{folder}/pid"
{more}
"""
_JETSTREAM = """jetstream {{
  store_dir: "{folder}/store"
  max_memory_store: 64MB
  max_file_store: 64MB
}}
"""
_ROUTES = """cluster {{
  name: test
  host: 127.0.0.1
  port: {port}
  no_advertise: true
  routes: [{routes}]
}}
"""


class NatsServer:
    """A nats-server in a folder of its own; `lines` are added to its configuration."""

    def __init__(self, name="one", jetstream=True, lines="", scheme="nats", cluster=""):
        self.name, self.scheme = name, scheme
        self.folder = Path(tempfile.mkdtemp(prefix="darter-nats-"))
        self.port, self.http = free_port(), free_port()
        self.jetstream, self.cluster = jetstream, cluster
        self.process = None
        self.configure(lines)

    @property
    def url(self):
        """Where clients connect to."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def configure(self, lines=""):
        """Writes its configuration; a start or reload() reads it."""
        more = (_JETSTREAM.format(folder=self.folder) if self.jetstream else "") + self.cluster
        (self.folder / "nats.conf").write_text(_CONFIG.format(
            name=self.name, port=self.port, http=self.http, folder=self.folder, more=more + lines))

    def launch(self):
        """Starts it, and does not wait."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["nats-server", "-c", str(self.folder / "nats.conf")], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        return self

    def wait(self):
        """Returns when it serves; JetStream too, if it has that."""
        wait_until(self._is_ready, f"nats-server {self.name}")
        return self

    def start(self):
        """Starts it, and waits until it serves."""
        return self.launch().wait()

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"nats-server ended with {self.process.returncode}: {self.log()}")
        return self.ask("healthz").get("status") == "ok"

    def ask(self, path):
        """What its monitoring says; {} if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/{path}", timeout=5) as reply:
                return json.load(reply)
        except (OSError, ValueError):
            return {}

    def request(self, subject, payload=b""):
        """The answer of JetStream's API, by the protocol of NATS: nothing else here speaks it."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS) as connection:
            lines = connection.makefile("rwb")
            lines.write(b'CONNECT {"verbose":false}\r\nSUB answer 1\r\n')
            lines.write(f"PUB {subject} answer {len(payload)}\r\n".encode() + payload + b"\r\n")
            lines.flush()
            while not (line := lines.readline()).startswith(b"MSG"):
                assert line, "the connection has ended"
            return json.loads(lines.readline())

    def log(self):
        """What it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def stall(self):
        """Stops its process: the system still accepts connections for it."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Lets it go on."""
        self.process.send_signal(signal.SIGCONT)

    def reload(self):
        """Has it read its configuration again."""
        seen = self.log().count("Reloaded server configuration")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count("Reloaded server configuration") > seen, "the reload")

    def kill(self):
        """Ends it without a word to its clients."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Ends it as a service manager does."""
        self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None:
            return
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait()
        self.process = None

    def close(self):
        """Ends it and removes its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class NatsCluster:
    """Servers that know each other; JetStream spans them."""

    def __init__(self, size=3, lines=""):
        ports = [free_port() for _ in range(size)]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        self.servers = [NatsServer(f"n{number}", lines=lines,
                                   cluster=_ROUTES.format(port=port, routes=routes))
                        for number, port in enumerate(ports)]

    def start(self):
        """Starts all, and waits until JetStream has a leader and all servers as its peers."""
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait()
        wait_until(lambda: any(len(self._meta(server).get("replicas") or ()) ==
                               len(self.servers) - 1 for server in self.servers),
                   "the leader of JetStream")
        return self

    @staticmethod
    def _meta(server):
        return server.ask("jsz").get("meta_cluster") or {}

    @property
    def urls(self):
        """Where clients connect to."""
        return [server.url for server in self.servers]

    def at(self, url):
        """The server of a URL."""
        return next(server for server in self.servers if server.url == url)

    def close(self):
        """Ends them and removes their folders."""
        for server in self.servers:
            server.close()


class NatsProbe:
    """nats-probe, and the lines that it has printed."""

    def __init__(self, *arguments):
        self.lines, self._read = [], 0
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [str(Path(binary()).parent / "nats-probe"), *map(str, arguments)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1,
            env={"LSAN_OPTIONS": f"suppressions={ROOT}/test/lsan.suppressions", **os.environ})
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def do(self, *words):
        """Gives it a command."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def expect(self, pattern, deadline=DEADLINE_SECONDS):
        """The match of the next line in which this is found; lines before it are dropped."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                for at in range(self._read, len(self.lines)):
                    if found := re.search(pattern, self.lines[at]):
                        self._read = at + 1
                        return found
                left = end - time.monotonic()
                assert left > 0, f"waited in vain for {pattern!r}: {self.lines[-12:]}"
                self._changed.wait(left)

    def ask(self, *words):
        """Gives it a command, and returns the words of its answer."""
        self.do(*words)
        return self.expect(rf"^{words[0]}.*").group(0).split()

    def figures(self):
        """Its figures, as text by name."""
        words = self.ask("figures")[1:]
        return dict(zip(words[::2], words[1::2]))

    def seen(self, pattern):
        """All lines so far in which this is found."""
        with self._changed:
            return [line for line in self.lines if re.search(pattern, line)]

    def close(self):
        """Ends it; it must have done so cleanly."""
        if self.process.poll() is None:
            self.do("end")
        errors = self.process.stderr.read()
        status = self.process.wait(DEADLINE_SECONDS)
        self._thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        assert status == 0 and not SANITIZER_REPORT.search(errors), (status, errors, self.lines)
