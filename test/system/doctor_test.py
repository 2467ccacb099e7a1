"""darter doctor: the deployment as people copy it, healthy, and with one fault at a time."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, ROOT, binary, for_another_user, free_port
from harness.certificates import authority
from harness.needs import needs, once

CONFIGURATION = """allow_anonymous false
password_file {dir}/passwd
acl_file {dir}/acl
user {user}
persistence true
persistence_location {dir}/store
listener {port} 127.0.0.1
listener {ws_port} 127.0.0.1
protocol websockets
max_keepalive 600
"""
# iot_admin:s3cret
PASSWORDS = ("iot_admin:$7$101$1OsLCgqVe2tUjQ2X$iZ1iXMLOtVlpUbrl8mXvYIxlwsHyRYB1A2qEUbWvqPgTDVZAq"
             "3nL7fKTHxJzxdY7sAJyOw5pTwUxqbUjnNvYRQ==\n")

# What is put in place of what, which finding follows, and where it points (a line of the changed
# file). An empty new text takes the old one out.
NGINX_FAULTS = (
    ("proxy_set_header Upgrade $http_upgrade;", "", "error", "Upgrade header is not passed on"),
    ("proxy_set_header Connection $connection_upgrade;", "", "error", "'Connection: close'"),
    ("map $http_upgrade $connection_upgrade { default upgrade; '' close; }", "", "error",
     r"makes the variable \$connection_upgrade"),
    ("proxy_http_version 1.1;", "", "warning", "speaks HTTP 1.0"),
    ("proxy_read_timeout 1h;", "", "error", r"60 s \(nginx's default\)"),
    ("proxy_read_timeout 1h;", "proxy_read_timeout 10m;", "warning", "keepalive of 600 s"),
    ("proxy_pass http://mosquitto_ws;", "proxy_pass http://127.0.0.1:{port};", "error",
     "where the broker speaks MQTT"),
    ("proxy_pass http://mosquitto_ws;", "proxy_pass https://mosquitto_ws;", "error",
     "speaks TLS to"),
    ("server 127.0.0.1:{ws_port}", "server 127.0.0.1:9", "error", "does not listen at 127.0.0.1:9"),
    ("ssl http2;", ";", "warning", "clients without TLS"),
    (" burst=10 nodelay;", ";", "warning", "Without burst"),
    ("limit_conn_zone $binary_remote_addr", "limit_conn_zone $server_name", "warning",
     "All clients together may have 20"),
    ("worker_connections 1024;", "worker_connections 4096;", "warning", "may open 1024 files"),
    ("ssl_certificate     {dir}/fullchain.pem;", "ssl_certificate {dir}/expired.pem;", "error",
     "expired.pem"),
    ("proxy_next_upstream off;", "proxy_next_upstream off; }", "error", "closes no block"),
)
BROKER_FAULTS = (
    ("allow_anonymous false", "allow_anonymous true", "warning", "whoever reaches nginx"),
    ("password_file {dir}/passwd\n", "", "error", "lets nobody in"),
    ("listener {port} 127.0.0.1", "listener {port}", "warning", "without TLS"),
    ("{dir}/store", "{dir}/nowhere", "error", "no such folder"),
    ("protocol websockets", "protocol websockets\nhttp_path /other", "error", "answers 404"),
    ("max_keepalive 600", "max_keepalive 600\nglobal_max_connections 9000", "warning",
     "about 512 clients, but the broker is to have 9000"),
    ("user {user}", "user nobody-of-this-name", "error", "There is no user"),
    ("max_keepalive 600", "max_keepalive 600\ntrusted_proxies 10.0.0.0/8", "warning",
     "nginx comes from 127.0.0.1, which is not among 'trusted_proxies'"),
    ("max_keepalive 600", "max_keepalive 600\nenable_proxy_protocol 1", "error",
     "waits for a PROXY header that nginx"),
    ("max_keepalive 600", "max_keepalive 600\nreal_ip_header Forwarded", "warning",
     "reads Forwarded only, and nginx sets X-Forwarded-For"),
    ("max_keepalive 600", "max_connections_per_address 9\nlimits_exempt 0.0.0.0/0", "warning",
     "'limits_exempt' has every IPv4 address"),
    ("max_keepalive 600", "http_dir {dir}/nowhere", "error", "'http_dir'.*no such folder"),
)


def broker_user():
    """Who the broker is to be: another than root, who runs the tests, or else who does."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@once
class DoctorTest(unittest.TestCase):
    """A folder with both configurations; the ports of the broker belong to somebody else."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="darter-doctor-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.folder.chmod(0o755)
        self.values = {"dir": self.folder, "user": broker_user(), "port": free_port(),
                       "ws_port": free_port()}
        taken = socket.create_server(("127.0.0.1", self.values["ws_port"]))
        self.addCleanup(taken.close)
        self.write("passwd", PASSWORDS, mode=0o600)
        self.write("acl", "topic readwrite #\n")
        (self.folder / "store").mkdir()
        self.own("store")
        for name, kind in (("server", "fullchain"), ("expired", "expired")):
            shutil.copy(authority().path(name + ".crt"), self.folder / (kind + ".pem"))
        shutil.copy(authority().path("server.key"), self.folder / "privkey.pem")
        self.write("darter.conf", self.configuration())
        self.write("nginx.conf", self.nginx())

    def fill_in(self, text):
        """Values in place of their names."""
        for name, value in self.values.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def configuration(self):
        """What the broker is told."""
        return self.fill_in(CONFIGURATION)

    def nginx(self):
        """The configuration of the tests that have browsers, for this folder."""
        text = (ROOT / "test/system/browser/nginx.conf.template").read_text()
        return (text.replace("@FOLDER@", str(self.folder)).replace("@USER@", "")
                .replace("@WS_PORT@", str(self.values["ws_port"]))
                .replace("127.0.0.1:@TLS_PORT@", "443"))

    def own(self, name):
        """Gives a file to the broker's user."""
        if os.geteuid() == 0:
            shutil.chown(self.folder / name, self.values["user"])

    def write(self, name, text, mode=0o644):
        """A file of the broker's user."""
        path = self.folder / name
        path.write_text(self.fill_in(text))
        path.chmod(mode)
        self.own(name)

    def doctor(self, *more, status=None, user=None):
        """The findings about files of this folder, by severity, and the whole text."""
        program, environment = for_another_user(self.folder) if user else (binary(), None)
        done = subprocess.run([program, "doctor", "-c", self.folder / "darter.conf", "--nginx",
                               self.folder / "nginx.conf", *more], capture_output=True, text=True,
                              timeout=DEADLINE_SECONDS, check=False, user=user,
                              env=environment)
        self.assertIn(done.returncode, (0, 1, 2), done.stderr)
        errors, warnings = map(int, re.search(r"(\d+) errors?, (\d+) warnings?", done.stdout)
                               .groups())
        self.assertEqual(done.returncode, 2 if errors else 1 if warnings else 0)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def complaints(self, text):
        """(severity, line) of what is wrong; the limits of the machine that tests aside."""
        lines = re.findall(r"(?m)^  (error|warning): +(.*)$", text)
        return [line for line in lines if not re.search(r"\((net\.\S+|RLIMIT_NOFILE)\)$", line[1])]

    def check_fault(self, name, text, old, fault):
        """One change of a file leads to the finding, and to no other error."""
        new, severity, pattern = fault
        self.assertIn(self.fill_in(old), text)
        self.write(name, text.replace(self.fill_in(old), self.fill_in(new)))
        found = self.complaints(self.doctor())
        self.write(name, text)
        matching = [line for line in found if re.search(pattern, line[1])]
        self.assertTrue(matching, found)
        self.assertTrue(all(each[0] == severity for each in matching), found)
        self.assertRegex(matching[0][1], rf"\({self.folder}/\S+\)$")

    def test_healthy(self):
        """Nothing is wrong, and what was looked at is said; nothing changes."""
        before = [(path, path.stat()) for path in sorted(self.folder.rglob("*"))]
        text = self.doctor()
        self.assertEqual(self.complaints(text), [], text)
        for part in ("Limits of the system", "Files", "Listeners", "nginx"):
            self.assertRegex(text, rf"(?m)^{part}\n  \w+: ")
        self.assertRegex(text, r"good: +'password_file' \S+ is readable by user")
        self.assertRegex(text, r"good: +Certificate and key of nginx fit")
        self.assertRegex(text, r"good: +The Upgrade header is passed on \(\S+nginx.conf:\d+\)")
        self.assertRegex(text, r"\d+ things looked at: 0 errors")
        self.assertNotIn("\x1b", text)
        unchanged = [(path, path.stat()) for path in sorted(self.folder.rglob("*"))]
        self.assertEqual([(path, stat.st_mtime_ns, stat.st_mode) for path, stat in before],
                         [(path, stat.st_mtime_ns, stat.st_mode) for path, stat in unchanged])

    def test_faults_of_nginx(self):
        """Each line that can be missing or wrong."""
        text = self.nginx()
        for old, *fault in NGINX_FAULTS:
            with self.subTest(old=old, new=fault[0]):
                self.check_fault("nginx.conf", text, old, fault)

    def test_the_clients_address(self):
        """Either header will do; without both there is a warning."""
        lost = re.sub(r"proxy_set_header X-Real-IP .*", "", self.nginx())
        self.write("nginx.conf", lost)
        self.assertEqual(self.complaints(self.doctor()), [])
        self.write("nginx.conf", re.sub(r"proxy_set_header X-Forwarded-For .*", "", lost))
        self.assertRegex(str(self.complaints(self.doctor())), "not told the client's address")

    def test_faults_of_the_broker(self):
        """Each option that lets in too many or too few."""
        text = self.configuration()
        for old, *fault in BROKER_FAULTS:
            with self.subTest(old=old, new=fault[0]):
                self.check_fault("darter.conf", text, old, fault)

    def test_proxy_header_of_a_stranger(self):
        """With a PROXY header, too, nginx has to be among the trusted proxies."""
        self.write("nginx.conf", self.nginx() + self.fill_in(
            "stream { server { listen 8883 ssl; proxy_protocol on; proxy_timeout 1h;\n"
            "ssl_certificate {dir}/fullchain.pem; ssl_certificate_key {dir}/privkey.pem;\n"
            "proxy_pass 127.0.0.1:{port}; } }\n"))
        text = self.configuration()
        listener = self.fill_in("listener {port} 127.0.0.1\n")
        for trusted, complaint in (("127.0.0.1", ""), ("10.0.0.0/8", "closes every connection")):
            self.write("darter.conf", text.replace(listener, listener + "enable_proxy_protocol 1\n"
                                                   + f"trusted_proxies {trusted}\n"))
            said = str(self.complaints(self.doctor(status=2 if complaint else 0)))
            self.assertEqual("not among 'trusted_proxies'" in said, bool(complaint), said)
            self.assertIn(complaint, said)

    def test_pings_cure_a_short_timeout(self):
        """With websockets_ping_interval nginx's default timeout does no harm."""
        self.write("nginx.conf", self.nginx().replace("proxy_read_timeout 1h;", ""))
        self.doctor(status=2)
        self.write("darter.conf", self.configuration() + "websockets_ping_interval 30\n")
        self.assertEqual(self.complaints(self.doctor()), [])

    def test_files(self):
        """Secrets that all can read, and files that the broker's user cannot."""
        (self.folder / "passwd").chmod(0o644)
        self.assertRegex(str(self.complaints(self.doctor())), r"everybody on this machine may read")
        (self.folder / "passwd").chmod(0o600)
        self.write("acl", "nonsense\n")
        self.assertRegex(str(self.complaints(self.doctor())), r"acl:1: ")
        self.write("acl", "topic #\n")
        (self.folder / "store").rmdir()
        (self.folder / "store").write_text("")
        self.doctor(status=2)

    def test_includes(self):
        """What is wrong in a file of sites-enabled has its place there."""
        begin = self.nginx().index("    server {")
        sites = self.folder / "sites"
        sites.mkdir()
        (sites / "mqtt.conf").write_text(self.nginx()[begin:].rstrip()[:-1]
                                         .replace("proxy_http_version 1.1;", ""))
        self.write("nginx.conf", self.nginx()[:begin] + "include sites/*.conf; }\n")
        text = self.doctor(status=1)
        self.assertRegex(text, r"speaks HTTP 1.0 .*\(\S+/sites/mqtt.conf:\d+\)")
        self.assertIn("and 1 files that it includes", text)

    @needs("root")
    def test_as_another_user(self):
        """What cannot be looked at is said, and is no error."""
        private = self.folder / "private"
        private.mkdir(mode=0o700)
        self.write("darter.conf", self.configuration().replace(
            f"{self.folder}/passwd", f"{private}/passwd"))
        text = self.doctor(user="daemon")
        self.assertEqual([line for line in self.complaints(text) if "private" in line[1]], [], text)
        self.assertRegex(text, r"unknown: 'password_file' \S+ cannot be looked at")
        self.assertRegex(text, r"unknown: Certificate and key of nginx could not be tried: \S+"
                               r"privkey.pem: Permission denied")

    def test_what_cannot_be_read(self):
        """Status 3, and no report."""
        for arguments in (("-c", "nothing"), (), ("-c", self.folder / "darter.conf", "-d"),
                          ("-c", self.folder / "darter.conf", "--nginx", "nothing")):
            done = subprocess.run([binary(), "doctor", *arguments], capture_output=True, text=True,
                                  timeout=DEADLINE_SECONDS, check=False)
            self.assertEqual((done.returncode, done.stdout), (3, ""), arguments)
            self.assertRegex(done.stderr, "^Error: ")
        self.write("darter.conf", "listener x\n")
        done = subprocess.run([binary(), "doctor", "-c", self.folder / "darter.conf"],
                              capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"darter.conf:1\)\nNothing else was looked at")


if __name__ == "__main__":
    unittest.main()
