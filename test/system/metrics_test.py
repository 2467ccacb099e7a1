"""http_listener: /metrics, /healthz and /readyz, as Prometheus and load balancers ask for them."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import urllib.parse
from pathlib import Path

from harness import wire
from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, ROOT, answers, free_port, wait_until
from harness.case import BrokerTest
from harness.certificates import scratch_folder, server_lines
from harness.client import unique
from harness.needs import once
from harness.scrape import OPENMETRICS, request, request_unix, samples, scrape
from harness.wire import MQTT5, MQTT31, MQTT311

HTTP = "http_listener {port2}\n"
RULES = ROOT / "conf" / "prometheus" / "darter.rules.yml"
RULES_TEST = ROOT / "conf" / "prometheus" / "darter.rules_test.yml"
DASHBOARD = ROOT / "conf" / "grafana" / "darter.json"


class MetricsTest(BrokerTest):
    """A broker with an http_listener on port2."""

    config = DEFAULT_CONFIG + HTTP

    def scrape(self):
        """All samples of the broker."""
        return scrape(self.broker.port2)

    def get(self, path, **options):
        """Status, header fields and body of a request to the broker."""
        return request(self.broker.port2, path, **options)


class ScrapeTest(MetricsTest):
    """What is counted, against what was done."""

    def test_counts_of_traffic(self):
        """Messages and bytes by QoS are those that clients exchanged, while traffic flows."""
        topic = unique("t/")
        receiver = self.client(MQTT5)
        receiver.subscribe(topic, qos=2)
        sender = self.client(MQTT311)
        before = self.scrape()
        sent = {0: 5, 1: 7, 2: 3}
        for qos, count in sent.items():
            for _ in range(count):
                sender.publish(topic, b"x" * 10, qos)
                receiver.expect_publish(topic, b"x" * 10, qos=qos)
        after = self.scrape()
        for way in ("received", "sent"):
            for qos, count in sent.items():
                for name, wanted in ((f"publish_{way}_by_qos_total", count),
                                     (f"payload_{way}_by_qos_bytes_total", 10 * count)):
                    key = f'darter_{name}{{qos="{qos}"}}'
                    self.assertEqual(after[key] - before[key], wanted, key)
            name = f"darter_publish_{way}_total"
            self.assertEqual(after[name] - before[name], sum(sent.values()), name)
        self.assertEqual(after["darter_subscriptions"], 1)
        self.assertGreater(after["darter_resident_bytes"], 1e6)
        self.assertGreater(after["darter_open_files"], 5)

    def test_clients_by_kind(self):
        """Connected clients are counted by transport and by version, and leave the counts."""
        self.start(self.config + "listener {ws_port} 127.0.0.1\nprotocol websockets\n"
                   "listener {port3} 127.0.0.1\n" + server_lines())
        clients = [self.client(MQTT31), self.client(MQTT311), self.client(MQTT5),
                   self.ws_client(MQTT5)]
        found = self.scrape()
        self.assertEqual(found['darter_clients_by_transport{transport="tcp"}'], 3)
        self.assertEqual(found['darter_clients_by_transport{transport="websocket"}'], 1)
        for version, count in (("3.1", 1), ("3.1.1", 1), ("5.0", 2)):
            self.assertEqual(found[f'darter_clients_by_version{{version="{version}"}}'], count)
        self.assertEqual(found["darter_clients_connected"], 4)
        self.assertGreater(found["darter_certificate_end_timestamp_seconds"
                                 f'{{port="{self.broker.port3}"}}'], 1.6e9)
        for client in clients:
            client.disconnect()
        wait_until(lambda: self.scrape()["darter_clients_connected"] == 0, "all to be gone")
        for name, value in self.scrape().items():
            if name.startswith("darter_clients_by_"):
                self.assertEqual(value, 0, name)

    def test_logins(self):
        """Logins are counted by their result, with their time."""
        self.start(self.config + "listener {port3} 127.0.0.1\nlistener_allow_anonymous false\n")
        self.refused(MQTT5, 0x87, port=self.broker.port3)
        found = self.scrape()
        self.assertEqual(found['darter_logins_total{result="wrong"}'], 1)
        self.assertEqual(found["darter_login_seconds_count"], 1)
        self.assertEqual(found["darter_logins_failed_total"], 1)

    def test_tls_failures(self):
        """A handshake that fails is counted by its cause."""
        self.start(self.config + "listener {port3} 127.0.0.1\n" + server_lines())
        with socket.create_connection(("127.0.0.1", self.broker.port3)) as stream:
            stream.sendall(b"\x16\x09\x01 this is no TLS at all, not a single record of it")
            stream.settimeout(DEADLINE_SECONDS)
            with contextlib.suppress(ConnectionError):
                while stream.recv(4096):
                    pass
        wait_until(lambda: self.scrape()['darter_tls_handshakes_failed_total{cause="no_tls"}'] == 1,
                   "the handshake to be counted")

    def test_latencies(self):
        """Histograms fill while messages flow: turns, routes, commits of the store."""
        self.start("persistence true\npersistence_location {dir}\n" + self.config)
        sleeper = self.persistent(MQTT311, unique())
        sleeper.subscribe("t", qos=1)
        sender = self.client(MQTT311)
        names = ("loop_turn", "route", "end_to_end", "store_commit")

        def flows():  # one turn in some is measured: which ones is the loops' business
            sender.publish("t", b"x", 1)
            sleeper.expect_publish("t", b"x", qos=1)
            found = self.scrape()
            return all(found[f"darter_{name}_seconds_sum"] > 0 for name in names)
        wait_until(flows, "each histogram to fill")
        found = self.scrape()
        for name in names:
            count = found[f"darter_{name}_seconds_count"]
            self.assertGreater(count, 0, name)
            self.assertEqual(found[f'darter_{name}_seconds_bucket{{le="+Inf"}}'], count, name)
        self.assertEqual(found["darter_store_failing"], 0)
        self.assertIn("darter_store_lag_seconds", found)

    def test_reload_is_counted(self):
        """The generation of the configuration grows with each reload, and refused ones show."""
        self.assertEqual(self.scrape()["darter_configuration_generation"], 1)
        self.broker.reload()
        wait_until(lambda: self.scrape()["darter_configuration_generation"] == 2, "a reload")
        good = self.broker.config_file.read_text()
        self.broker.config_file.write_text(good + "nonsense\n")
        self.broker.reload()
        wait_until(lambda: self.scrape()["darter_reloads_refused_total"] == 1, "a refused reload")
        self.assertEqual(self.scrape()["darter_configuration_generation"], 2)


class FormTest(MetricsTest):
    """The text, its forms and its names."""

    def test_forms(self):
        """OpenMetrics for clients that ask for it, the older text for all others."""
        _, fields, plain = self.get("/metrics")
        self.assertEqual(fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        _, fields, text = self.get("/metrics", headers={"Accept": OPENMETRICS})
        self.assertEqual(fields["Content-Type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertNotIn("# EOF", plain)
        self.assertEqual(samples(text).keys(), samples(plain).keys())


@once
class PromtoolTest(MetricsTest):
    """Debian's promtool, and what is shipped for Prometheus and Grafana."""

    def test_promtool(self):
        """Debian's promtool finds nothing wrong with names, types and texts."""
        _, _, text = self.get("/metrics")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 capture_output=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_rules_and_dashboard(self):
        """Every metric of the alert rules and of the dashboard is there in a scrape."""
        self.start("persistence true\npersistence_location {dir}\n" + self.config
                   + "listener {port3} 127.0.0.1\n" + server_lines()
                   + "connection b\naddress 127.0.0.1:{ws_port}\ntopic # out\n")
        wait_until(lambda: 'darter_bridge_connected{bridge="b"}' in self.scrape(), "the bridge")
        there = {name.partition("{")[0] for name in self.scrape()}
        for file in (RULES, DASHBOARD):
            used = set(re.findall(r"\bdarter_\w+", file.read_text()))
            self.assertTrue(used)
            self.assertEqual(used - there, set(), file)
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            self.assertIn(panel["type"], ("row", "stat", "timeseries", "heatmap", "table"))

    def test_rules(self):
        """The alert rules are right, and ring when they should."""
        for command in (["check", "rules", str(RULES)], ["test", "rules", str(RULES_TEST)]):
            done = subprocess.run(["promtool", *command], text=True, capture_output=True,
                                  timeout=DEADLINE_SECONDS, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class ListenerTest(MetricsTest):
    """The listener itself."""

    def test_only_http(self):
        """Neither MQTT nor a WebSocket is spoken there, and unknown paths are not found."""
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
                   "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "mqtt"}
        self.assertEqual(self.get("/mqtt", headers=upgrade)[0], 404)
        for path in ("/nothing", "/metrics/more", "/metricsx"):
            self.assertEqual(self.get(path)[0], 404, path)
        with socket.create_connection(("127.0.0.1", self.broker.port2)) as stream:
            stream.settimeout(DEADLINE_SECONDS)
            stream.sendall(wire.connect(MQTT311, unique()))
            self.assertEqual(stream.recv(100), b"")

    def test_methods(self):
        """HEAD has no body, POST is refused."""
        status, fields, body = self.get("/metrics", method="HEAD")
        self.assertEqual((status, body), (200, ""))
        self.assertGreater(int(fields["Content-Length"]), 1000)
        status, fields, _ = self.get("/healthz", method="POST")
        self.assertEqual((status, fields["Allow"]), (405, "GET, HEAD"))

    def test_loopback_only(self):
        """Without an address only this machine reaches it; clients have their listener as ever."""
        listening = subprocess.run(["ss", "-Hltn", f"sport = :{self.broker.port2}"], text=True,
                                   capture_output=True, check=True).stdout.split("\n")
        places = {line.split()[3].rpartition(":")[0] for line in listening if line}
        self.assertLessEqual(places, {"127.0.0.1", "[::1]"})
        self.assertIn("127.0.0.1", places)

    def test_unix_socket(self):
        """http_listener 0 PATH."""
        self.start(DEFAULT_CONFIG + "http_listener 0 {dir}/http\n")
        answer = request_unix(self.broker.directory / "http", "/metrics")
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer[:200])
        self.assertIn("\ndarter_clients_connected 0\n", answer)

    def test_tls(self):
        """TLS as at any listener."""
        self.start(DEFAULT_CONFIG + HTTP + server_lines())
        done = subprocess.run(["curl", "--silent", "--insecure",
                               f"https://127.0.0.1:{self.broker.port2}/healthz"], text=True,
                              capture_output=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.stdout, "ok\n")

    def test_reload(self):
        """A reload adds an http_listener, and takes it away."""
        text = self.broker.config_file.read_text()
        line = self.broker.fill_in(HTTP)
        self.broker.config_file.write_text(text.replace(line, ""))
        self.broker.reload()
        wait_until(lambda: not answers(self.broker.port2), "the listener to close")
        self.broker.config_file.write_text(text)
        self.broker.reload()
        wait_until(lambda: answers(self.broker.port2), "the listener to open")
        self.assertEqual(self.get("/readyz")[::2], (200, "ready\n"))

    def test_test_config(self):
        """--test-config knows it, in both forms, and names its faults."""
        program = self.broker.program()
        for name, text, status in (
                ("a.conf", "http_listener 9100\n", 0), ("b.conf", "http_listener\n", 3),
                ("c.toml", "[[http_listener]]\nport = 9100\n", 0),
                ("d.toml", "[[http_listener]]\nprotocol = 'mqtt'\n", 3)):
            file = self.broker.write(name, text)
            done = subprocess.run([program, "--test-config", "-c", str(file)], text=True,
                                  capture_output=True, timeout=DEADLINE_SECONDS, check=False)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertEqual("http_listener" in done.stdout + done.stderr, status != 0)


class CrowdTest(MetricsTest):
    """Many scrapers, and slow ones."""

    def test_many_scrapers(self):
        """More requests at a time than are answered: the others are told so, and none hangs."""
        streams = []
        for _ in range(400):
            stream = socket.create_connection(("127.0.0.1", self.broker.port2))
            self.addCleanup(stream.close)
            stream.settimeout(DEADLINE_SECONDS)
            streams.append(stream)
        for stream in streams:
            stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        statuses = [self.status_of(stream) for stream in streams]
        self.assertLessEqual(set(statuses), {200, 503})
        self.assertIn(200, statuses)
        self.assertEqual(self.get("/metrics")[0], 200)

    @staticmethod
    def status_of(stream):
        """The status of the answer, read to its end."""
        answer = b""
        while part := stream.recv(65536):
            answer += part
        return int(answer.split()[1])

    def test_slow_reader(self):
        """A client that does not read its answer holds neither clients nor other scrapers."""
        slow = []
        for _ in range(20):
            stream = socket.socket()
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.addCleanup(stream.close)
            stream.connect(("127.0.0.1", self.broker.port2))
            stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            slow.append(stream)
        client = self.client(MQTT5)
        client.subscribe("t")
        for _ in range(20):
            client.publish("t", b"x")
            client.expect_publish("t", b"x")
            self.assertEqual(self.get("/metrics")[0], 200)


class ReadyTest(MetricsTest):
    """/healthz and /readyz; faults_test has them while the store fails."""

    def test_ready(self):
        """A broker that serves its clients is healthy and ready."""
        self.assertEqual(self.get("/healthz")[::2], (200, "ok\n"))
        self.assertEqual(self.get("/readyz")[::2], (200, "ready\n"))

    def test_stopping(self):
        """A broker that stops answers no more: to a load balancer that is not ready."""
        self.assertEqual(self.get("/readyz")[0], 200)
        self.assertEqual(self.broker.end(signal.SIGTERM), 0)
        self.assertFalse(answers(self.broker.port2))


@once
class PrometheusTest(MetricsTest):
    """Debian's Prometheus."""

    def test_prometheus(self):
        """It scrapes the broker, in OpenMetrics, and its answers are the broker's numbers."""
        client = self.client(MQTT5)
        client.publish("t", b"x", 1)
        folder, port = scratch_folder(), free_port()
        config = Path(folder) / "prometheus.yml"
        config.write_text(
            f"global:\n  scrape_interval: 1s\nrule_files: ['{RULES}']\nscrape_configs:\n"
            "- job_name: darter\n  static_configs:\n"
            f"  - targets: ['127.0.0.1:{self.broker.port2}']\n")
        process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: self.value_of(port, "up") == 1, "Prometheus to scrape")
            self.assertEqual(
                self.value_of(port, 'darter_publish_received_by_qos_total{qos="1"}'), 1)
            self.assertEqual(self.value_of(port, "darter_clients_connected"), 1)
            self.assertGreater(self.value_of(port, "darter_loop_turn_seconds_count"), 0)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)

    @staticmethod
    def value_of(port, query):
        """The value of an instant query; None if there is none, or nobody answers."""
        with contextlib.suppress(OSError, ValueError):  # also while it starts
            _, _, body = request(port, "/api/v1/query?query=" + urllib.parse.quote(query))
            for one in json.loads(body)["data"]["result"]:
                return float(one["value"][1])
        return None
