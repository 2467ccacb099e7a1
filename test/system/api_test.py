"""The API of an http_listener: logins, roles, answers against their document, and changes."""

import base64
import contextlib
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, DEFAULT_CONFIG, passwd_binary, wait_until
from harness.case import BrokerTest
from harness.certificates import authority, server_lines
from harness.client import Client, TcpStream
from harness.needs import once
from harness.scrape import request, samples
from harness.wire import MQTT5, MQTT311

CHANGE = {"X-Darter-Request": "1"}
ADMINISTRATIVE_ACTION = 0x98
NOT_AUTHORIZED = 0x87


def admin_line(name, password, role):
    """A line of an admin_file, with a hash that costs little."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "admins"
        subprocess.run([passwd_binary(), "-c", "-H", "sha512-pbkdf2", "-I", "10", "-b", path, name,
                        password], capture_output=True, check=True, timeout=DEADLINE_SECONDS)
        return path.read_text().strip() + role + "\n"


class ApiTest(BrokerTest):
    """A broker with an http_listener and an admin_file: ann may change things, bob may look."""

    config = DEFAULT_CONFIG + "admin_file {dir}/admins\nhttp_listener {port2}\n"
    bans = ("max_login_failures 1\nlogin_ban_time 300\nlimits_exempt 127.0.0.1\n"
            "password_file {dir}/passwd\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann = admin_line("ann", "ann's secret", ":admin")
        cls.bob = admin_line("bob", "bob:secret", "")
        cls.files = {"admins": cls.ann + cls.bob, "passwd": ""}

    def ask(self, method, path, headers=None, body=None, status=200):
        """The JSON of an answer, and its header fields."""
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.port2,
                                                timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, "/api/v1" + path, body and json.dumps(body), headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            self.assertEqual(answer.status, status, text)
            self.assertEqual(answer.getheader("Content-Type"), "application/json", text)
            self.assertEqual(answer.getheader("Cache-Control"), "no-store")
            self.assertEqual(answer.getheader("X-Content-Type-Options"), "nosniff")
            return json.loads(text), answer

    def log_in(self, name="ann", password="ann's secret"):
        """The header fields of a session."""
        _, answer = self.ask("POST", "/login", CHANGE, {"name": name, "password": password})
        cookie = answer.getheader("Set-Cookie")
        self.assertRegex(cookie, r"^darter_session=[0-9a-f]{64}; .*HttpOnly; SameSite=Strict$")
        return {"Cookie": cookie.split(";")[0]}

    @staticmethod
    def basic(name="ann", password="ann's secret"):
        """The header fields of HTTP's basic authentication."""
        text = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {text}"}

    def be_banned(self):
        """A login from 127.0.0.2 fails, and with `bans` one is enough."""
        stream = TcpStream(("127.0.0.1", self.broker.port), ("127.0.0.2", 0))
        self.addCleanup(stream.close)
        Client(stream, MQTT5, "intruder").connect(NOT_AUTHORIZED, username="eve", password=b"x")
        wait_until(lambda: self.get("/bans")["bans"], "the ban")

    def get(self, path):
        """The JSON that ann gets."""
        return self.ask("GET", path, self.basic())[0]


@once
class LoginTest(ApiTest):
    """Who comes in, and what they may do."""

    def test_sessions(self):
        """A cookie stands for a login until the user logs out; the log says who came."""
        session = self.log_in()
        self.assertEqual(self.ask("GET", "/session", session)[0], {"name": "ann", "role": "admin"})
        self.ask("POST", "/logout", session, status=403)
        self.ask("POST", "/logout", session | CHANGE)
        self.ask("GET", "/session", session, status=401)
        for line in ("logged in as admin", "logged out"):
            self.broker.wait_for_log(rf"HTTP: 'ann' \(127\.0\.0\.1\) {line}")

    def test_tls(self):
        """Where the listener speaks TLS, the cookie is for TLS only."""
        self.start(self.config + "http_listener {port3}\n" + server_lines())
        context = ssl.create_default_context(cafile=authority().path("ca.crt"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.broker.port3, context=context,
                                                 timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", "/api/v1/login", headers=CHANGE,
                               body=json.dumps({"name": "ann", "password": "ann's secret"}))
            cookie = connection.getresponse().getheader("Set-Cookie")
            self.assertTrue(cookie.endswith("; HttpOnly; SameSite=Strict; Secure"), cookie)

    def test_wrong(self):
        """Wrong passwords, unknown users and no login at all are 401, and a session is no guess."""
        for name, password in (("ann", "bob:secret"), ("eve", "x"), ("", "")):
            self.ask("POST", "/login", CHANGE, {"name": name, "password": password}, status=401)
        self.ask("POST", "/login", CHANGE, ["ann"], status=400)
        self.ask("POST", "/login", {}, {"name": "ann", "password": "ann's secret"}, status=403)
        _, answer = self.ask("GET", "/status", status=401)
        self.assertIn("Basic", answer.getheader("WWW-Authenticate"))
        _, answer = self.ask("GET", "/status", CHANGE, status=401)
        self.assertIsNone(answer.getheader("WWW-Authenticate"), "a browser would ask by itself")
        self.ask("GET", "/status", {"Cookie": "darter_session=" + "0" * 64}, status=401)
        for value in ("Basic", "Basic !", "Basic YW5u", "Bearer x"):
            self.ask("GET", "/status", {"Authorization": value}, status=401)

    def test_roles(self):
        """A reader sees everything and changes nothing."""
        self.client(MQTT311, "c")
        for login in (self.basic("bob", "bob:secret"), self.log_in("bob", "bob:secret")):
            self.assertEqual(self.ask("GET", "/session", login)[0]["role"], "read-only")
            self.ask("GET", "/clients/c", login)
            self.ask("DELETE", "/clients/c", login | CHANGE, status=403)
            self.ask("POST", "/backups", login | CHANGE, status=403)
        self.assertTrue(self.get("/clients/c")["connected"])

    def test_other_sites(self):
        """A change without the header field, or from another Origin, is refused."""
        self.client(MQTT311, "c")
        session = self.log_in()
        port = self.broker.port2
        self.ask("DELETE", "/clients/c", session, status=403)
        self.ask("DELETE", "/clients/c", session | CHANGE | {"Origin": "http://example.com"},
                 status=403)
        self.assertTrue(self.get("/clients/c")["connected"])
        self.ask("DELETE", "/clients/c",
                 session | CHANGE | {"Origin": f"http://127.0.0.1:{port}"})

    def test_reload(self):
        """A reload ends the sessions of users that are gone or have another password."""
        ann, bob = self.log_in(), self.log_in("bob", "bob:secret")
        self.broker.write("admins", self.ann.replace(":admin", ":read-only"))
        self.broker.reload()
        wait_until(lambda: self.ask("GET", "/session", ann)[0]["role"] == "read-only", "a role")
        self.ask("GET", "/session", bob, status=401)
        self.ask("GET", "/session", self.basic("bob", "bob:secret"), status=401)
        self.broker.write("admins", "nonsense:hash\n")
        self.broker.reload()
        self.broker.wait_for_log("admins:1: user nonsense")
        self.ask("GET", "/session", ann)
        self.broker.config_file.write_text(
            self.broker.config_file.read_text().replace("admin_file", "#"))
        self.broker.reload()
        wait_until(lambda: self.broker.log_lines("admin_file: .* -> "), "the end of the API")
        self.ask("GET", "/session", ann, status=404)

    def test_metrics(self):
        """Prometheus logs in, too; health checks need not."""
        for path, headers, status in (("/metrics", {}, 401), ("/metrics", self.basic(), 200),
                                      ("/metrics", self.basic("bob", "bob:secret"), 200),
                                      ("/healthz", {}, 200), ("/readyz", {}, 200)):
            connection = http.client.HTTPConnection("127.0.0.1", self.broker.port2,
                                                    timeout=DEADLINE_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                self.assertEqual(answer.status, status, path)
                if path == "/metrics" and status == 200:
                    self.assertIn("darter_clients_connected", samples(answer.read().decode()))

    def test_banned(self):
        """An address with too many failed logins is kept out, also with the right password."""
        self.start(self.config + "max_login_failures 3\nlimits_exempt 192.0.2.1\n")
        for _ in range(3):
            self.ask("POST", "/login", CHANGE, {"name": "ann", "password": "x"}, status=401)
        with self.assertRaises((AssertionError, OSError)):
            self.log_in()
        self.broker.wait_for_log("banned")

    def test_off(self):
        """Without an admin_file there is no API and no page, and the answer says why."""
        self.start(DEFAULT_CONFIG + "http_listener {port2}\n")
        for method, path in (("GET", "/status"), ("POST", "/login"), ("DELETE", "/clients/c")):
            self.assertIn("admin_file", self.ask(method, path, CHANGE, status=404)[0]["error"])

    def test_no_store(self):
        """A broker that stores nothing has no backups, and says why."""
        self.start(self.config + "persistence false\n")
        for method in ("GET", "POST"):
            found, _ = self.ask(method, "/backups", self.basic() | CHANGE, status=404)
            self.assertIn("persistence", found["error"])


class AnswersTest(ApiTest):
    """The answers, against openapi.json and against what clients did."""

    def check(self, value, schema, document, where):
        """A value has the form of its schema: all keys, no others, and their types."""
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if "oneOf" in schema:
            fitting = [each for each in schema["oneOf"] if self.fits(value, each, document)]
            self.assertEqual(len(fitting), 1, f"{where}: {value}")
            return
        if value is None:
            self.assertTrue(schema.get("nullable"), where)
            return
        kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
                 "number": (int, float)}
        kind = schema["type"]
        self.assertIsInstance(value, kinds[kind], where)
        self.assertEqual(isinstance(value, bool), kind == "boolean", where)
        self.assertIn(value, schema.get("enum", [value]), where)
        if kind == "array":
            for each in value:
                self.check(each, schema["items"], document, where + "[]")
        if kind == "object" and "properties" in schema:
            self.assertEqual(set(value), set(schema["required"]), where)
            for key, each in value.items():
                self.check(each, schema["properties"][key], document, f"{where}.{key}")
        elif isinstance(schema.get("additionalProperties"), dict):
            for key, each in value.items():
                self.check(each, schema["additionalProperties"], document, f"{where}.{key}")

    def fits(self, value, schema, document):
        """Whether a value has that form."""
        try:
            self.check(value, schema, document, "")
        except AssertionError:
            return False
        return True

    def test_document(self):
        """Every operation of the document is asked, and answers in the form that it describes."""
        self.start("persistence true\npersistence_location {dir}\n" + self.bans + self.config)
        document, _ = self.ask("GET", "/openapi.json")
        self.be_banned()
        away = self.persistent(MQTT5, "away")
        away.subscribe("a/#", "$share/g/b", qos=1)
        self.drop(away)
        publisher = self.client(MQTT5, "there")
        publisher.publish("r/text", b"one", 1, retain=True)
        publisher.publish("r/bytes", b"\xff\x00", 1, retain=True)
        self.client(MQTT5, "other")
        for client_id in ("there", "other", "away"):
            path = f"/clients/{client_id}"
            self.check(self.get(path), {"$ref": "/ClientDetails"}, document, path)
        begun, _ = self.ask("POST", "/traces?client=*", self.basic() | CHANGE)
        publisher.ping()
        trace = f"/traces/{begun['id']}"
        filled = {("get", "/traces/{id}"): trace, ("delete", "/traces/{id}"): trace,
                  ("post", "/traces"): "/traces?topic=%23",
                  ("delete", "/clients/{id}"): "/clients/other",
                  ("delete", "/sessions/{id}"): "/sessions/away",
                  ("delete", "/retained"): "/retained?topic=r%2Ftext",
                  ("delete", "/bans"): "/bans?address=127.0.0.2",
                  ("get", "/clients/{id}"): "/clients/away"}
        operations = [(method, path, operation) for path, methods in document["paths"].items()
                      for method, operation in methods.items()]
        for method, path, operation in sorted(operations, key=lambda each: each[0] != "get"):
            body = {"name": "ann", "password": "ann's secret"} if path == "/login" else None
            found, _ = self.ask(method.upper(), filled.get((method, path), path),
                                self.basic() | CHANGE, body)
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            self.check(found, schema, document, f"{method} {path}")

    def test_errors(self):
        """Errors are JSON with a sentence."""
        for method, path, status, words in (
                ("GET", "/nothing", 404, "openapi"), ("GET", "/clients/", 404, "no such path"),
                ("GET", "/clients/nobody", 404, "nobody"), ("DELETE", "/status", 405, "GET"),
                ("DELETE", "/clients/nobody", 404, "nobody"), ("GET", "/login", 405, "POST"),
                ("DELETE", "/sessions/nobody", 404, "nobody"),
                ("GET", "/clients?limit=0", 400, "limit"), ("GET", "/clients?after=x", 400, "x"),
                ("GET", "/clients?sort=color", 400, "color"), ("DELETE", "/retained", 400, "topic"),
                ("GET", "/retained?filter=a%23", 400, "a#"),
                ("DELETE", "/retained?topic=a%2F%23", 400, "without"),
                ("DELETE", "/retained?topic=a", 404, "a"), ("DELETE", "/bans", 400, "address"),
                ("DELETE", "/bans?address=192.0.2.1", 404, "No ban")):
            found, _ = self.ask(method, path, self.basic() | CHANGE, status=status)
            self.assertEqual(list(found), ["error"], path)
            self.assertIn(words, found["error"], path)

    def test_clients(self):
        """Lists go on in pages, filters choose, and an id with a slash is one part of a path."""
        ids = [f"c/{number}" for number in range(25)]
        for client_id in ids:
            self.client(MQTT5, client_id)
        self.client(MQTT311, "odd")
        found, after = [], ""
        while True:
            page = self.get(f"/clients?limit=10{after}")
            self.assertLessEqual(len(page["clients"]), 10)
            found += [each["client_id"] for each in page["clients"]]
            if page["next"] is None:
                break
            after = "&after=" + urllib.parse.quote(page["next"])
        self.assertEqual(sorted(found), sorted([*ids, "odd"]))
        for query, wanted in (("id=o*", ["odd"]), ("version=3.1.1", ["odd"]), ("connected=no", []),
                              ("id=c%2F1*&sort=id&limit=2", ["c/1", "c/10"]),
                              ("id=o*&sort=rate", ["odd"])):
            rows = self.get(f"/clients?{query}")["clients"]
            self.assertEqual([each["client_id"] for each in rows], wanted, query)
        self.assertEqual(self.get("/clients/c%2F7")["client_id"], "c/7")

    def test_top(self):
        """Busy topics and publishers come first, from all shards, cut and as text."""
        busy, large = self.client(MQTT5, "busy"), self.client(MQTT5, "large")
        long_topic = "long/" + "x" * 300

        first = {"topics_by_messages": "often", "topics_by_bytes": long_topic[:200],
                 "clients_by_messages": "busy", "clients_by_bytes": "large"}

        def look():
            for _ in range(50):
                busy.publish("often", b"x", 0)
            large.publish(long_topic, b"x" * 5000, 0)
            large.ping()
            answer = self.get("/top?limit=1")
            names = {name: [row["name"] for row in rows] for name, rows in answer.items()}
            return answer if names == {name: [text] for name, text in first.items()} else None

        answer = wait_until(look, "the busiest ones")
        self.assertEqual([answer[name][0]["cut"] for name in first], [False, True, False, False])
        for rows in answer.values():
            self.assertGreater(rows[0]["bytes_per_second"], rows[0]["messages_per_second"])
        self.ask("GET", "/top?limit=65", self.basic(), status=400)

    def test_changes(self):
        """Clients are disconnected, sessions forgotten, messages deleted; the log says by whom."""
        kicked = self.persistent(MQTT5, "kicked")
        kicked.subscribe("a")
        forgotten = self.persistent(MQTT5, "forgotten")
        publisher = self.client(MQTT5, "publisher")
        publisher.publish("r/x", b"1", 1, retain=True)
        by_ann = self.basic() | CHANGE
        self.ask("DELETE", "/clients/kicked", by_ann)
        self.assertEqual(kicked.receive().reason, ADMINISTRATIVE_ACTION)
        kicked.expect_closed()
        wait_until(lambda: not self.get("/clients/kicked")["connected"], "it to be away")
        self.assertEqual(self.get("/clients/kicked")["subscriptions"], 1)
        self.ask("DELETE", "/clients/forgotten?forget=true", by_ann)
        self.assertEqual(forgotten.receive().reason, ADMINISTRATIVE_ACTION)
        forgotten.expect_closed()
        wait_until(lambda: [each["client_id"] for each in self.get("/clients")["clients"]
                            if each["client_id"] == "forgotten"] == [], "the end of a session")
        self.ask("DELETE", "/retained?topic=r%2Fx", by_ann)
        self.assertEqual(self.get("/retained?filter=r%2F%23")["retained"], [])
        for line in ("disconnected client 'kicked'", "forgot the session of client 'forgotten'",
                     "deleted the retained message of 'r/x'"):
            self.broker.wait_for_log(rf"HTTP: 'ann' \(127\.0\.0\.1\) {line}")

    def test_bans(self):
        """A ban is listed, in pages, and lifted by an admin; the log says by whom."""
        self.start(self.bans + self.config)
        self.be_banned()
        page = self.get("/bans?limit=1")
        self.assertEqual([each["address"] for each in page["bans"]], ["127.0.0.2"])
        self.assertIn(page["bans"][0]["seconds_left"], range(1, 301))
        self.assertIsNone(page["next"])
        path = "/bans?address=127.0.0.2"
        self.ask("DELETE", path, self.basic("bob", "bob:secret") | CHANGE, status=403)
        self.assertEqual(self.ask("DELETE", path, self.basic() | CHANGE)[0],
                         {"lifted": "127.0.0.2"})
        self.assertEqual(self.get("/bans")["bans"], [])
        self.ask("DELETE", path, self.basic() | CHANGE, status=404)
        self.broker.wait_for_log(r"HTTP: 'ann' \(127\.0\.0\.1\) lifted the ban of 127\.0\.0\.2")

    def test_status(self):
        """Status, figures and history show what is there."""
        clients = [self.client(MQTT5) for _ in range(3)]
        status = self.get("/status")
        self.assertEqual(status["clients_connected"], len(clients))
        self.assertEqual({each["protocol"] for each in status["listeners"]}, {"mqtt", "http"})
        self.assertEqual([each["connections"] for each in status["listeners"]
                          if each["protocol"] == "mqtt"], [len(clients)])
        self.assertEqual(status["store"] is not None, "DARTER_PERSISTENCE" in os.environ)
        figures = {each["name"]: each for each in self.get("/figures")["figures"]}
        self.assertEqual(figures["clients_connected"]["value"], len(clients))
        self.assertEqual(figures["clients_by_version"]["values"]["5.0"], len(clients))
        self.assertEqual(figures["configuration_generation"]["value"], 1)
        self.assertEqual(self.get("/history")["interval_seconds"], 10)


class MosquittoTest(BrokerTest):
    """protocol http_api, as Mosquitto 2.1 has it."""

    config = DEFAULT_CONFIG + (
        "listener {port2} 127.0.0.1\nprotocol http_api\nhttp_dir {dir}\n")

    def get(self, path, status=200, method="GET", **headers):
        """The text of an answer, and its header fields."""
        found, fields, text = request(self.broker.port2, path, method, headers)
        self.assertEqual(found, status, text)
        return text, fields

    def test_answers(self):
        """Version, listeners and the tree of $SYS by Mosquitto's names; files of http_dir."""
        self.client(MQTT5)
        version, fields = self.get("/api/v1/version")
        self.assertRegex(version, r"^\d+\.\d+\.\d+")
        self.assertEqual(fields["Access-Control-Allow-Origin"], "*")
        terms = {"tls": False, "mtls": False, "allow_anonymous": True}
        self.assertEqual(json.loads(self.get("/api/v1/listeners")[0]), {"listeners": [
            {"port": self.broker.port, "protocol": "mqtt"} | terms,
            {"port": self.broker.port2, "protocol": "httpapi"} | terms]})
        tree = json.loads(self.get("/api/v1/systree")[0])
        self.assertEqual(tree["$SYS/broker/clients/connected"], 1)
        self.assertGreaterEqual(tree["$SYS/broker/uptime"], 0)
        for name in ("clients/total", "clients/maximum", "clients/disconnected", "clients/expired",
                     "messages/stored", "store/messages/bytes", "subscriptions/count",
                     "shared_subscriptions/count", "retained messages/count", "messages/received",
                     "messages/sent", "bytes/received", "bytes/sent", "publish/bytes/received",
                     "publish/bytes/sent", "packet/out/count", "packet/out/bytes",
                     "connections/socket/count", "publish/messages/dropped", "heap/current",
                     "publish/messages/received", "publish/messages/sent", "heap/maximum"):
            self.assertIsInstance(tree[f"$SYS/broker/{name}"], int, name)
        self.broker.write("page.txt", "a page")
        self.assertEqual(self.get("/page.txt")[0], "a page")
        for path in ("/api/v1/status", "/api/missing", "/metrics", "/none.txt"):
            self.get(path, 404)
        self.get("/api/badrequest", 405, "POST")

    def test_logins(self):
        """A request needs the login of the listener's clients, and the right to read its path."""
        self.start("allow_anonymous false\npassword_file {dir}/passwd\nacl_file {dir}/acl\n" +
                   DEFAULT_CONFIG.replace("allow_anonymous true\n", "") +
                   "listener {port2} 127.0.0.1\nprotocol http_api\n",
                   {"passwd": admin_line("ann", "secret", ""),
                    "acl": "user ann\ntopic read /api/v1/version\n"})
        _, fields = self.get("/api/v1/version", 401)
        self.assertIn("Basic", fields["WWW-Authenticate"])
        self.get("/api/v1/version", 401, **ApiTest.basic("ann", "wrong"))
        self.get("/api/v1/version", **ApiTest.basic("ann", "secret"))
        self.get("/api/v1/systree", 401, **ApiTest.basic("ann", "secret"))
