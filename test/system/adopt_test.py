"""darter adopt: from Mosquitto to darter and back, in a folder that stands for the machine."""

import os
import re
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, binary, for_another_user
from harness.case import BrokerTest
from harness.needs import once
from harness.wire import MQTT311
from import_test import small

CONF = """per_listener_settings false
pid_file /run/mosquitto/mosquitto.pid
persistence true
persistence_location {root}/var/lib/mosquitto/
log_dest file /var/log/mosquitto/mosquitto.log
log_dest topic
include_dir {root}/etc/mosquitto/conf.d
"""
LOCAL = """listener 1883 127.0.0.1
allow_anonymous true
password_file {root}/etc/mosquitto/passwd
acl_file {root}/etc/mosquitto/acl
"""


def user_and_group():
    """The ids of the user darter: any that root may give, or one's own."""
    return (4242, 4343) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def snapshot(root):
    """Every file below a folder, with owner, mode and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            found[str(path.relative_to(root))] = (status.st_uid, status.st_gid,
                                                  stat.S_IMODE(status.st_mode), path.read_bytes())
    return found


class Machine:
    """A folder with what Debian's Mosquitto leaves."""

    def __init__(self, test, more=""):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        os.chmod(self.root, 0o755)
        self.user, self.group = user_and_group()
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n"
                   f"darter:x:{self.user}:{self.group}::/var/lib/darter:/usr/sbin/nologin\n")
        self.write("etc/mosquitto/mosquitto.conf", CONF.format(root=self.root) + more)
        self.write("etc/mosquitto/conf.d/local.conf", LOCAL.format(root=self.root))
        self.write("lib/systemd/system/mosquitto.service", "[Service]\n")
        self.write("etc/mosquitto/passwd", "", 0o600)
        self.write("etc/mosquitto/acl", "topic readwrite #\n", 0o644)
        self.write("var/lib/mosquitto/mosquitto.db", small(), 0o600)

    def write(self, name, content, mode=0o644):
        """A file below the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def adopt(self, *arguments):
        """Runs darter adopt to its end."""
        return subprocess.run([binary(), "adopt", "--root", self.root, *arguments],
                              capture_output=True, text=True, check=False,
                              timeout=DEADLINE_SECONDS * 2)

    def read(self, name):
        """The text of a file."""
        return (self.root / name).read_text()


@once
class AdoptTest(BrokerTest):
    """Nothing is started or stopped, since --root is given."""

    autostart = False

    def test_dry_run(self):
        """It says all that would change, and what is lost, and changes nothing."""
        machine = Machine(self, "autosave_interval 60\n")
        before = snapshot(machine.root)
        done = machine.adopt()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for part in ("What would change:", "systemctl disable --now mosquitto", "darter.toml from",
                     "copy .*/mosquitto.db to .*/var/lib/darter/mosquitto.db",
                     "let the group darter read .*/etc/mosquitto/passwd",
                     "systemctl restart darter",
                     "What is not kept, or means something else:\n .*autosave_interval",
                     "Nothing was changed. To do it: darter adopt --apply"):
            self.assertRegex(done.stdout, part)
        self.assertNotIn("read " + str(machine.root / "etc/mosquitto/acl"), done.stdout)
        self.assertEqual(snapshot(machine.root), before)
        (machine.root / "lib/systemd/system/mosquitto.service").unlink()
        done = machine.adopt("--root", f"{machine.root}/")
        self.assertNotIn("systemctl disable", done.stdout)
        self.assertIn("There is no mosquitto.service here", done.stdout)
        self.assertNotIn("//", done.stdout)

    def test_files_elsewhere(self):
        """A key that darter cannot reach is named with the folder that is in the way, behind a link
        too; a folder beside the configuration is not opened."""
        machine = Machine(self)
        for name in ("etc/letsencrypt/live/key.pem", "etc/mosquitto/certs/key.pem"):
            folder = machine.write(name, "", 0o600).parent
            folder.chmod(0o700)
            if os.geteuid() == 0:
                os.chown(folder, 0, 0)
        machine.write("etc/letsencrypt/open.pem", "")
        (machine.root / "etc/mosquitto/link.pem").symlink_to("../letsencrypt/live/key.pem")
        (machine.root / "etc/mosquitto/good.pem").symlink_to("../letsencrypt/open.pem")
        files = "".join(f"listener {port}\ncertfile {machine.root}/etc/letsencrypt/open.pem\n"
                        f"keyfile {machine.root}/etc/{key}\n"
                        for port, key in ((8883, "letsencrypt/live/key.pem"),
                                          (8884, "mosquitto/certs/key.pem"),
                                          (8885, "mosquitto/link.pem"),
                                          (8886, "mosquitto/good.pem")))
        machine.write("etc/mosquitto/conf.d/tls.conf", files)
        done = machine.adopt()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        closed = re.findall(r"(?m)^  (\S+) cannot be read by darter, because of (\S+):",
                            done.stdout)
        live, certs = (machine.root / name for name in ("etc/letsencrypt/live",
                                                        "etc/mosquitto/certs"))
        if os.geteuid() == 0:
            self.assertEqual(closed, [(str(live / "key.pem"), str(live)),
                                      (str(certs / "key.pem"), str(certs)),
                                      (f"{machine.root}/etc/mosquitto/link.pem", str(live))])
        self.assertNotRegex(done.stdout, r"let the group darter read .*\.pem")

    def test_there_and_back(self):
        """Files, owners and modes as announced; then each byte as it was."""
        machine = Machine(self)
        machine.write("etc/darter/darter.toml", "# the package's\n")
        before = snapshot(machine.root)
        done = machine.adopt("--apply")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Done. To take it back: darter adopt --undo", done.stdout)
        text = machine.read("etc/darter/darter.toml")
        for line in ('user = "darter"', 'persistence_location = "/var/lib/darter/"',
                     'pid_file = "/run/darter/mosquitto.pid"', "persistence = true",
                     f'password_file = "{machine.root}/etc/mosquitto/passwd"', "port = 1883"):
            self.assertRegex(text, rf"(?m)^{re.escape(line)}(  #|$)")
        self.assertIn('"file /var/log/darter/mosquitto.log"', text)
        state = snapshot(machine.root)
        self.assertEqual(state["etc/darter/darter.toml"][1:3], (machine.group, 0o640))
        self.assertEqual(state["var/lib/darter/mosquitto.db"],
                         (machine.user, machine.group, 0o600, small()))
        self.assertEqual(state["etc/mosquitto/passwd"][1:3], (machine.group, 0o640))
        self.assertEqual(state["etc/mosquitto/acl"], before["etc/mosquitto/acl"])

        again = machine.adopt("--apply")
        self.assertEqual(again.returncode, 3)
        self.assertEqual((again.stdout, again.stderr),
                         ("", "Error: It is done already. To take it back: darter adopt --undo\n"))
        self.assertEqual(snapshot(machine.root), state)
        back = machine.adopt("--undo")
        self.assertEqual((back.returncode, back.stderr), (0, ""))
        self.assertEqual(snapshot(machine.root), before)
        self.assertEqual(machine.adopt("--undo").returncode, 3)

    def test_the_broker_has_all_of_it(self):
        """What adopt wrote serves: users, rules and the session that Mosquitto kept."""
        machine = Machine(self)
        self.assertEqual(machine.adopt("--apply").returncode, 0)
        text = machine.read("etc/darter/darter.toml")
        text = text.replace('user = "darter"', 'user = "root"')
        text = re.sub(r"(?m)^(pid_file|log_dest) .*\n", "", text)
        text = text.replace("/var/lib/darter/", f"{machine.root}/var/lib/darter/")
        broker = self.start(re.sub(r"(?m)^port = 1883", "port = {port}", text), bare=True)
        broker.wait_for_log("Imported .*/var/lib/darter/mosquitto.db .* 1 sessions")
        client = self.persistent(MQTT311, "c")
        self.assertTrue(client.connack.session_present)
        client.expect_publish("q/0", b"0", qos=1)

    def test_keep(self):
        """With --keep the unit gets the file, and nothing else is written."""
        machine = Machine(self)
        before = snapshot(machine.root)
        done = machine.adopt("--keep", "--apply")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        after = snapshot(machine.root)
        name = "etc/systemd/system/darter.service.d/adopt.conf"
        self.assertEqual(after.keys() - before.keys(), {name, "etc/darter/adopt.undo"})
        file = machine.root / "etc/mosquitto/mosquitto.conf"
        self.assertEqual(re.findall(r"(?m)^Exec.*$", machine.read(name)),
                         ["ExecStart=", f"ExecStart=/usr/sbin/darter -c {file}", "ExecReload=",
                          f"ExecReload=/usr/sbin/darter --reload -c {file}"])
        self.assertEqual(machine.adopt("--undo").returncode, 0)
        self.assertEqual(snapshot(machine.root), before)

    def test_refusals(self):
        """What darter cannot serve is not adopted; nor is a machine without the user."""
        machine = Machine(self, "plugin /usr/lib/dynamic_security.so\n")
        before = snapshot(machine.root)
        done = machine.adopt("--apply")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("cannot serve this configuration yet:\n  Error: ", done.stderr)
        self.assertRegex(done.stderr, r"plugin.*mosquitto\.conf:8\)")
        machine.write("etc/mosquitto/mosquitto.conf", CONF.format(root=machine.root))
        machine.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        done = machine.adopt("--apply")
        self.assertEqual(done.returncode, 3)
        self.assertIn("There is no user 'darter'", done.stderr)
        self.assertEqual(snapshot(machine.root).keys(), before.keys())
        self.assertEqual(machine.adopt("-v").returncode, 3)
        self.assertEqual(machine.adopt("--apply", "--undo").returncode, 3)

    def test_a_step_that_fails_is_taken_back(self):
        """With all steps before it."""
        machine = Machine(self)
        machine.write("var/lib/darter", "no folder\n")
        before = snapshot(machine.root)
        done = machine.adopt("--apply")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr,
                         r"^Error: .*/var/lib/darter/mosquitto.db.* Nothing has changed")
        self.assertEqual(snapshot(machine.root), before)

    def test_undo_that_cannot_be_read(self):
        """It fails. Another user than root was once told that all is as before."""
        machine = Machine(self)
        (machine.root / "etc/darter/adopt.undo").mkdir(parents=True)
        done = machine.adopt("--undo")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, "^Error: .*adopt.undo")

    def test_obstacles(self):
        """A user that may not change the machine is told what to do, before anything is tried."""
        machine = Machine(self)
        program, environment = for_another_user(machine.root)
        user = "daemon" if os.geteuid() == 0 else None
        for words in ("--apply",), ("--keep", "--apply"), ("--undo",):
            done = subprocess.run([program, "adopt", *words], capture_output=True, text=True,
                                  user=user, env=environment, timeout=DEADLINE_SECONDS * 2,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertEqual(done.stderr,
                             f"Error: This takes root: sudo darter adopt {' '.join(words)}\n")


if __name__ == "__main__":
    unittest.main()
