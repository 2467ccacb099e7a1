"""Certificates, keys and lists that change while the broker runs, or end."""

import shutil
import ssl
import threading
import time

from harness import wire
from harness.broker import binary, wait_until
from harness.certificates import authority, server_lines
from harness.tls import LISTENER, TlsStream, TlsTest, client_lines, context


class ReloadTest(TlsTest):
    """Certificates, keys, lists and keys of PSK change while the broker runs."""

    def own_files(self, certificate="server", issuer=None):
        """Puts a server's files into the broker's folder, as if they had been renewed."""
        made = issuer or authority()
        for end in ("crt", "key"):
            self.broker.write("own." + end, made.path(f"{certificate}.{end}").read_bytes())

    def start_own(self, above="", lines="", files=None):
        """A broker whose certificate is in its folder, beside `files`."""
        self.start("allow_anonymous true\n" + above + LISTENER +
                   "certfile {dir}/own.crt\nkeyfile {dir}/own.key\n" + lines, files, wait=None)
        self.own_files()
        self.broker.start()

    def peer(self, host):
        """The subject's common name that a new handshake shows."""
        tls = context()
        tls.check_hostname = False
        with TlsStream(self.broker.port, tls, host).socket as secure:
            subject = dict(pair[0] for pair in secure.getpeercert()["subject"])
            return subject["commonName"]

    def wait_for_reload(self, number):
        """Until so many reloads are done."""
        wait_until(lambda: len(self.broker.log_lines("Reloaded: ")) >= number, "the reload")

    def test_new_certificate(self):
        """SIGHUP: new handshakes get the new one, connections stay; bad files change nothing."""
        self.start_own()
        client = self.tls_client()
        self.assertEqual(self.peer("localhost"), "localhost")
        self.own_files("second")
        self.broker.reload()
        self.wait_for_reload(1)
        self.assertEqual(self.peer("localhost"), "second")
        client.ping()
        # The key of another certificate: nothing changes, and the log says why.
        self.broker.write("own.key", authority().path("server.key").read_bytes())
        self.broker.reload()
        self.broker.wait_for_log("Listener .*own.key: "
                                 "is not the key of certificate .*own.crt")
        self.assertEqual(self.peer("localhost"), "second")
        (self.broker.directory / "own.crt").unlink()
        self.broker.reload()
        self.broker.wait_for_log("own.crt: cannot be opened: No such file")
        self.assertEqual(self.peer("localhost"), "second")
        self.own_files()
        self.broker.reload()
        self.wait_for_reload(2)
        self.assertEqual(self.peer("localhost"), "localhost")
        client.ping()

    def test_revoked_meanwhile(self):
        """A list that is renewed refuses who was revoked, also with a session ticket."""
        self.start_own(lines=client_lines("crlfile {dir}/ca.crl"),
                       files={"ca.crl": authority().path("ca.crl").read_bytes()})
        tls = context("other", version=ssl.TLSVersion.TLSv1_2)
        first = self.tls_client(tls=tls)
        session = first.stream.socket.session
        again = self.tls_raw(tls=tls, session=session)
        self.assertTrue(again.stream.socket.session_reused)
        # A list of the same authority in which bob is revoked.
        copy = shutil.copytree(authority().folder, self.broker.directory / "old")
        config = copy / "openssl.conf"
        config.write_text(config.read_text().replace(str(authority().folder), str(copy)))
        for command in (["-revoke", copy / "other.crt"],
                        ["-gencrl", "-out", self.broker.directory / "ca.crl"]):
            self.run_command("openssl", "ca", "-config", config, *command)
        self.broker.reload()
        self.wait_for_reload(1)
        first.ping()
        with self.assertRaises(ssl.SSLError):
            TlsStream(self.broker.port, tls, session=session)
        self.broker.wait_for_log("refused: certificate revoked")

    def test_watched_files(self):
        """tls_reload_interval: files that change are taken over, half of a pair is not."""
        self.start_own(above="tls_reload_interval 1\n")
        self.assertEqual(self.peer("localhost"), "localhost")
        self.broker.write("own.key", authority().path("second.key").read_bytes())
        self.broker.wait_for_log("Changed certificates cannot be used, the old ones stay: ")
        self.assertEqual(self.peer("localhost"), "localhost")
        self.broker.write("own.crt", authority().path("second.crt").read_bytes())
        self.broker.wait_for_log("Certificates and keys changed on disk: taken over")
        self.assertEqual(self.peer("localhost"), "second")

    def test_reload_under_load(self):
        """Clients publish, come and go while certificates change: nobody notices."""
        self.start_own()
        listener = self.tls_client()
        listener.subscribe("load/#", qos=1)
        stop, problems = threading.Event(), []

        def come_and_go():
            """Connects again and again."""
            try:
                while not stop.is_set():
                    self.tls_client().ping()
            except (AssertionError, OSError) as problem:
                problems.append(problem)

        threads = [threading.Thread(target=come_and_go) for _ in range(3)]
        for thread in threads:
            thread.start()
        sender = self.tls_client()
        try:
            for number in range(20):
                self.own_files("soon" if number % 2 else "server")
                self.broker.reload()
                for _ in range(10):
                    sender.publish("load/x", b"z" * 5000, 1)
                    listener.expect_publish("load/x", qos=1, answer=True)
                self.wait_for_reload(number + 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(problems, [])


class EndsTest(TlsTest):
    """What is told about certificates that end, and about files that cannot be used."""

    def check(self, text, status):
        """--test-config of a file."""
        path = self.broker_file(text)
        return self.run_command(binary(), "--test-config", "-c", path, status=status)

    def broker_file(self, text):
        """A configuration file in a folder of its own."""
        self.start("allow_anonymous true\nlistener {port} 127.0.0.1\n")
        return self.broker.write("checked.conf", text)

    def test_check(self):
        """--test-config: a pair that does not match is an error, an end that is near a warning."""
        ca = authority()
        wrong = f"certfile {ca.path('server.crt')}\nkeyfile {ca.path('second.key')}\n"
        text = self.check("listener 8883\n" + wrong, 3)
        self.assertIn(f"Error: Listener 8883: {ca.path('second.key')}: is not the key of", text)
        text = self.check("listener 8883\n" + server_lines("soon"), 0)
        self.assertRegex(text, r"Warning: Listener 8883: certificate \S+soon.crt ends on "
                               r"[\d-]+, in [45] days: then clients refuse it; renew it\.")
        self.assertEqual(self.check("listener 8883\n" + server_lines(), 0), "")

    def test_metrics(self):
        """$SYS says when the first certificate ends, and the log warns."""
        self.start("allow_anonymous true\nsys_interval 1\n" + LISTENER + server_lines("soon"))
        client = self.tls_client()
        client.subscribe("$SYS/broker/certificate/#")
        topic = f"$SYS/broker/certificate/{self.broker.port}"
        found = {}
        while len(found) < 2:
            packet = client.expect(wire.PUBLISH)
            found[packet.topic] = int(packet.payload)
        self.assertIn(found[f"{topic}/days"], (4, 5))
        self.assertAlmostEqual(found[f"{topic}/ends"], time.time() + 5 * 86400, delta=3600)
        self.broker.wait_for_log(r"Warning: Listener \d+: certificate .*soon.crt ends on")

    def test_keylog(self):
        """--tls-keylog writes secrets, and the log warns of it."""
        self.start("allow_anonymous true\n" + LISTENER + server_lines(),
                   args=("-v", "--tls-keylog", "secrets"))
        self.tls_client().ping()
        text = (self.broker.directory / "secrets").read_text()
        self.assertIn("SERVER_TRAFFIC_SECRET_0 ", text)
        self.broker.wait_for_log("Warning: TLS secrets are written to secrets")
