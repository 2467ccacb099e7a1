"""The Debian package: what lintian says, what is in it, and whether it is the same each time.

Installing it takes a root of its own and minutes: tools/package --test.
"""

import os
import tempfile
import time
import unittest
from pathlib import Path

from harness.broker import binary
from staging import ROOT, run, staged


def pack(folder, *more, **environment):
    """Packs the build under test and returns the package's path."""
    said = run(ROOT / "tools" / "package", "--no-install", "--build", Path(binary()).parent,
               "--output", folder, *more, env={**os.environ, **environment})
    return Path(next(line for line in said.splitlines() if line.endswith(".deb")))


class PackageTest(unittest.TestCase):
    """One package, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        staged()  # the build has the right prefix
        cls.package = pack(cls.folder / "first", "--lint")  # fails if lintian does

    def test_two_builds_have_the_same_bytes(self):
        """At another time, in another folder, with another mask and language."""
        time.sleep(1.1 - time.time() % 1)  # nothing may have the second in which it was made
        mask = os.umask(0o077)
        try:
            other = pack(self.folder / "second", LC_ALL="de_DE.UTF-8", TZ="Asia/Tokyo", HOME="/")
        finally:
            os.umask(mask)
        self.assertEqual(other.name, self.package.name)
        self.assertEqual(other.read_bytes(), self.package.read_bytes())

    def test_files(self):
        """Root owns all, what is below /etc is the administrator's to change, and the rest is as
        cmake --install has it."""
        listed = run("dpkg-deb", "-c", self.package).splitlines()
        self.assertEqual({line.split()[1] for line in listed}, {"root/root"})
        names = {line.split()[5][2:].removesuffix(".gz") for line in listed if line[0] == "-"}
        doc = "usr/share/doc/darter"
        installed = {str(path.relative_to(staged())) for path in staged().rglob("*")
                     if path.is_file()}
        names.discard("usr/share/darter/demo/paho-mqtt-min.js")  # if npm brought it
        self.assertEqual(names, installed | {f"{doc}/changelog", f"{doc}/copyright"})
        kept = run("dpkg-deb", "-I", self.package, "conffiles").split()
        self.assertEqual(sorted(kept), sorted("/" + name for name in names if name[:4] == "etc/"))

    def test_fields(self):
        """It depends on the libraries that the programs link; its version has the commit's time."""
        fields = run("dpkg-deb", "-f", self.package)
        for library in ("libssl3", "libuv1", "libsqlite3-0", "libsodium23", "libargon2-1",
                        "libsystemd0", "libnats3.4", "adduser"):
            self.assertIn(library, fields)
        self.assertRegex(fields, r"(?m)^Version: \d+\.\d+\.\d+\+20\d{12}$")

    def test_scripts(self):
        """The shell reads each maintainer script, and none fails where it has nothing to do."""
        for name in ("postinst", "prerm", "postrm"):
            script = ROOT / "conf" / "debian" / name
            run("sh", "-n", script)
            run("sh", script, "failed-upgrade")


if __name__ == "__main__":
    unittest.main()
