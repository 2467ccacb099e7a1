"""The files below conf/container, as far as they can be tried without a container engine."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.broker import binary, free_port
from harness.case import BrokerTest
from harness.certificates import authority
from staging import ROOT, run

FOLDER = ROOT / "conf" / "container"


class HealthTest(BrokerTest):
    """The script that the engine asks."""

    config = "listener {port} 127.0.0.1\nallow_anonymous true\n"

    def healthy(self, port):
        """Its exit status."""
        path = f"{Path(binary()).parent}:{os.environ['PATH']}"
        return subprocess.run([FOLDER / "healthy"], check=False, timeout=60,
                              env={**os.environ, "PATH": path, "PORT": str(port)}).returncode

    def test_open_closed_gone(self):
        """Well if the broker lets it in, or answers that it does not; not well if none is there."""
        self.assertEqual(self.healthy(self.broker.port), 0)
        self.start("listener {port} 127.0.0.1\nallow_anonymous false\n")
        self.assertEqual(self.healthy(self.broker.port), 0)
        self.assertEqual(self.healthy(free_port()), 1)


class FilesTest(unittest.TestCase):
    """The scripts and configurations."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_start(self):
        """The shell reads it, and ids that are none end it before anything is changed."""
        run("sh", "-n", FOLDER / "start")
        for name, value in (("PUID", "0"), ("PUID", "root"), ("PGID", "-1")):
            done = subprocess.run([FOLDER / "start"], capture_output=True, text=True, check=False,
                                  timeout=60, env={**os.environ, name: value, "PATH": "/nowhere"})
            self.assertEqual((done.returncode, f"not '{value}'" in done.stderr), (3, True))

    def test_configuration(self):
        """darter takes it."""
        text = (FOLDER / "darter.toml").read_text()
        (self.folder / "passwd").touch(mode=0o600)
        text = text.replace("/etc/darter/users/", f"{self.folder}/")
        text = text.replace("/usr/share/darter/demo", str(ROOT / "conf" / "demo"))
        text = text.replace("/var/lib/darter/", f"{self.folder}/").replace('"darter"', '"root"')
        path = self.folder / "darter.toml"
        path.write_text(text)
        run(binary(), "--test-config", "-c", path)

    def test_nginx(self):
        """nginx takes its part."""
        text = (FOLDER / "nginx.conf").read_text()
        for old, new in (("/etc/nginx/certs/fullchain.pem", authority().path("server.crt")),
                         ("/etc/nginx/certs/privkey.pem", authority().path("server.key")),
                         ("listen 443", f"listen 127.0.0.1:{free_port()}"),
                         ("//darter:", "//127.0.0.1:")):
            text = text.replace(old, str(new))
        path = self.folder / "nginx.conf"
        path.write_text(f"pid {self.folder}/pid;\nevents {{ }}\n"
                        f"http {{ access_log off;\n{text} }}\n")
        run("/usr/sbin/nginx", "-t", "-e", self.folder / "error.log", "-p", self.folder, "-c", path)

    def test_names_of_files(self):
        """What the Dockerfile and the compose file name is there."""
        text = (FOLDER / "Dockerfile").read_text() + (FOLDER / "compose.yaml").read_text()
        for name in set(re.findall(r"\bconf/container/[\w.]+", text)):
            self.assertTrue((ROOT / name).exists(), name)
        for name in re.findall(r"(?m)^ +- (\./nginx\.\S+?|\.\./\S+?):", text):
            self.assertTrue((FOLDER / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
