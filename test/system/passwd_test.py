"""darter-passwd: the flags of mosquitto_passwd, on real files and a real terminal."""

import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from harness import wire
from harness.broker import ROOT
from harness.needs import once

DARTER = Path(os.environ.get("DARTER_BIN", ROOT / "build" / "release" / "darter"))
TOOL = DARTER.parent / "darter-passwd"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
DEADLINE_SECONDS = 20


class Terminal:
    """A terminal of its own for one program, and the keys that are typed there."""

    def __enter__(self):
        self.keys, self.screen = pty.openpty()
        self.state_at_start = self.state()
        self.process = None
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.keys)
        os.close(self.screen)

    def run(self, *words):
        """Starts a program that has this terminal as its own."""
        def prepare():
            fcntl.ioctl(self.screen, termios.TIOCSCTTY, 0)
            # A shell ignores them for what it runs in the background, perhaps these tests.
            for number in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)

        self.process = subprocess.Popen([*map(str, words)], stdin=self.screen,
                                        stdout=self.screen, stderr=self.screen,
                                        start_new_session=True, preexec_fn=prepare)
        return self.process

    def type(self, text):
        """Presses keys."""
        os.write(self.keys, text.encode())

    def expect(self, text):
        """Waits until something is shown that ends so, and returns all that came."""
        shown = b""
        while text.encode() not in shown:
            ready, _, _ = select.select([self.keys], [], [], DEADLINE_SECONDS)
            if not ready:
                raise AssertionError(f"waited in vain for {text!r} after {shown!r}")
            shown += os.read(self.keys, 1000)
        return shown.decode()

    def state(self):
        """How the terminal is set."""
        return termios.tcgetattr(self.screen)

    def shows_keys(self):
        """Is what is typed shown?"""
        return bool(self.state()[3] & termios.ECHO)


@once
class PasswdTest(unittest.TestCase):
    """Each test has a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "users"

    def run_tool(self, *words, stdin="", env=None, expect=0):
        """Runs the tool and checks its exit status. Returns what it printed, both streams."""
        done = subprocess.run([TOOL, *map(str, words)], input=stdin.encode(), check=False,
                              capture_output=True, timeout=DEADLINE_SECONDS,
                              env={**os.environ, **(env or {})})
        output = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, expect, output)
        return output

    def add(self, user, password, *options, create=False):
        """Adds a user in batch mode."""
        return self.run_tool(*(["-c"] if create else []), *options, "-b", self.file, user, password)

    def assert_password(self, user, password):
        """The password is right, and another is wrong."""
        self.run_tool("-b", "check", self.file, user, password)
        self.run_tool("-b", "check", self.file, user, password + "x", expect=2)

    def mode(self):
        """The file's mode."""
        return stat.S_IMODE(self.file.stat().st_mode)

    def test_help(self):
        """--help exits with 0 and shows every flag; no word is an error that points to it."""
        text = self.run_tool("--help")
        for flag in ("-c", "-b", "-D", "-U", "-H", "-I", "list", "check", "Examples"):
            self.assertIn(flag, text)
        self.assertIn("--help", self.run_tool(expect=1))
        self.assertRegex(self.run_tool("--version"), r"^darter-passwd \d+\.\d+")

    def test_create_add_change_delete(self):
        """A file's life: created with mode 0600, then a user more, a changed one, a deleted one."""
        self.assertIn("Adding password for user alice", self.add("alice", "secret", create=True))
        self.assertEqual(self.mode(), 0o600)
        self.add("bob", "-starts with a dash")
        self.assertTrue(self.file.read_text().startswith("alice:$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assert_password("alice", "secret")
        self.assert_password("bob", "-starts with a dash")
        self.assertIn("Updating password for user alice", self.add("alice", "other"))
        self.assert_password("alice", "other")
        self.run_tool("-D", self.file, "alice")
        self.assertEqual(self.run_tool("list", self.file), "bob\targon2id\n")
        self.assertEqual("Warning: User alice not found in password file.\n",
                         self.run_tool("-D", self.file, "alice", expect=1))
        self.assertEqual([p.name for p in self.folder.iterdir()], ["users"])

    def test_new_file_of_root(self):
        """The group of its folder may read it, unless that is root's, or this is not root."""
        self.add("alice", "secret", create=True)
        self.assertEqual(self.mode(), 0o600)
        self.file.unlink()
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(self.folder, 0, 65534)
        self.add("alice", "secret", create=True)
        self.assertEqual(self.mode(), 0o640 if is_root else 0o600)
        self.assertEqual(self.file.stat().st_gid, 65534 if is_root else os.getegid())

    def test_create_replaces(self):
        """-c begins anew."""
        self.add("alice", "secret", create=True)
        self.add("bob", "secret", create=True)
        self.assertEqual(self.run_tool("list", self.file), "bob\targon2id\n")

    def test_what_is_not_touched_stays(self):
        """Comments, blank lines, order, mode and owner survive a change."""
        self.file.write_text("# staff\nalice:x\n\nbob:y\r\nnonsense\n")
        self.file.chmod(0o640)
        owner = self.file.stat().st_uid, self.file.stat().st_gid
        self.add("alice", "secret", "-H", "sha512-pbkdf2", "-I", "101")
        lines = self.file.read_text().split("\n")
        self.assertEqual([lines[0], *lines[2:]], ["# staff", "", "bob:y", "nonsense", ""])
        self.assertTrue(lines[1].startswith("alice:$7$101$"))
        self.assertEqual(self.mode(), 0o640)
        self.assertEqual((self.file.stat().st_uid, self.file.stat().st_gid), owner)

    def test_roles_stay(self):
        """The role behind the hash of an administrator stays, and nothing of a plain password."""
        self.add("ann", "secret", create=True)
        hashed = self.file.read_text().rstrip("\n")
        self.file.write_text(hashed + ":admin\nbob:plain:text\n")
        self.add("ann", "other")
        self.add("bob", "other")
        ann, bob = self.file.read_text().splitlines()
        self.assertRegex(ann, r"^ann:\$argon2id\$[^:]+:admin$")
        self.assertRegex(bob, r"^bob:\$argon2id\$[^:]+$")
        self.assertFalse(ann.startswith(hashed))

    def test_open_file_is_warned_about(self):
        """A file that everybody may read is edited, with a warning."""
        self.file.write_text("")
        self.file.chmod(0o644)
        self.assertRegex(self.add("alice", "secret"),
                         rf"Warning: File {self.file} has world readable permissions.*"
                         rf"`chown root:\w+ {self.file} && chmod 640 {self.file}`")
        self.assertEqual(self.mode(), 0o644)

    def test_upgrade(self):
        """-U hashes plain passwords, colons in them too, and leaves hashed ones alone."""
        self.add("carol", "hashed", create=True)
        carol = self.file.read_text()
        self.file.write_text("# plain\nalice:secret\nbob:a:b\r\n" + carol)
        self.assertIn("Hashed 2 passwords", self.run_tool("-U", self.file))
        self.assert_password("alice", "secret")
        self.assert_password("bob", "a:b")
        self.assertTrue(self.file.read_text().endswith(carol))
        self.assertIn("Hashed 0 passwords", self.run_tool("-U", self.file))

    def test_upgrade_changes_all_or_nothing(self):
        """A line that cannot be hashed is named, and the file stays as it was."""
        text = "alice:secret\nbob:\n"
        self.file.write_text(text)
        self.assertRegex(self.run_tool("-U", self.file, expect=1),
                         r"^Error: Corrupt password file at line 2\. .*users:2: there is no pass")
        self.assertEqual(self.file.read_text(), text)

    def test_standard_input(self):
        """Without a terminal: one line, or two equal ones."""
        self.run_tool("-c", self.file, "alice", stdin="secret\n")
        self.run_tool(self.file, "bob", stdin="secret")
        self.run_tool(self.file, "carol", stdin="secret\nsecret\n")
        self.run_tool(self.file, "dave", stdin="secret\r\n")
        for user in ("alice", "bob", "carol", "dave"):
            self.assert_password(user, "secret")
        before = self.file.read_text()
        self.assertEqual("Error: Passwords do not match.\n",
                         self.run_tool(self.file, "eve", stdin="one\ntwo\n", expect=2))
        for nothing in ("\n", ""):
            self.assertEqual("Error: Empty password.\n",
                             self.run_tool(self.file, "eve", stdin=nothing, expect=1))
        self.assertEqual(self.file.read_text(), before)
        self.assertIn("right", self.run_tool("check", self.file, "bob", stdin="secret\n"))
        self.assertIn("wrong", self.run_tool("check", self.file, "bob", stdin="no\n", expect=2))

    def at_terminal(self, *words, keys):
        """Runs the tool at a terminal; types each of `keys` when a question stands there.

        Returns the exit status and all that was shown.
        """
        child, terminal = pty.fork()
        if child == 0:
            os.execv(TOOL, [str(TOOL), *map(str, words)])
        shown = b""
        for text in keys:
            while not shown.endswith(b": "):
                shown += os.read(terminal, 1000)
            os.write(terminal, text.encode())
            shown += b"|"
        try:
            while chunk := os.read(terminal, 1000):
                shown += chunk
        except OSError:
            pass  # Linux says EIO when the other side is gone
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def test_terminal(self):
        """At a terminal the password is asked for twice and never shown."""
        status, shown = self.at_terminal("-c", self.file, "alice", keys=["secret\r", "secret\r"])
        self.assertEqual(status, 0, shown)
        self.assertTrue(shown.startswith("Password: "), shown)
        self.assertIn("Reenter password: ", shown)
        self.assertNotIn("secret", shown)
        self.assert_password("alice", "secret")

    def test_terminal_keys(self):
        """Backspace takes back a letter, of several bytes too; Ctrl-U all."""
        status, shown = self.at_terminal("-c", self.file, "alice",
                                         keys=["junk\x15secx\x7fre\u00e4\x7ft\r", "secret\r"])
        self.assertEqual(status, 0, shown)
        self.assert_password("alice", "secret")
        before = self.file.read_text()
        for keys, expected in ((["one\r", "two\r"], 2), (["\r"], 1), (["\x04"], 1)):
            status, shown = self.at_terminal(self.file, "alice", keys=keys)
            self.assertEqual(status, expected, shown)
        self.assertEqual(self.file.read_text(), before)

    def test_signal_at_the_prompt(self):
        """A signal ends it at either question, and the terminal shows again what is typed."""
        self.add("alice", "secret", create=True)
        before = self.file.read_text()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            for answers in ([], ["abc\r"]):
                with self.subTest(signal=number.name, answers=answers), Terminal() as terminal:
                    process = terminal.run(TOOL, self.file, "alice")
                    for answer in answers:
                        terminal.expect(": ")
                        terminal.type(answer)
                    terminal.expect(": ")
                    self.assertFalse(terminal.shows_keys())
                    terminal.type("ab")
                    process.send_signal(number)
                    self.assertEqual(process.wait(DEADLINE_SECONDS), -number)
                    self.assertEqual(terminal.state(), terminal.state_at_start)
        self.assertEqual(self.file.read_text(), before)

    def test_signal_keys(self):
        """Ctrl-C and Ctrl-\\ are signals at the prompt, too."""
        self.add("alice", "secret", create=True)
        for key, number in (("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT)):
            with self.subTest(signal=number.name), Terminal() as terminal:
                process = terminal.run(TOOL, "check", self.file, "alice")
                terminal.expect(": ")
                terminal.type("ab" + key)
                self.assertEqual(process.wait(DEADLINE_SECONDS), -number)
                self.assertEqual(terminal.state(), terminal.state_at_start)

    def test_ignored_signal(self):
        """Where hangups are ignored, as by nohup, what was typed before one counts."""
        self.add("alice", "secret", create=True)
        with Terminal() as terminal:
            process = terminal.run("sh", "-c", 'trap "" HUP; exec "$@"', "sh",
                                   TOOL, "check", self.file, "alice")
            terminal.expect(": ")
            terminal.type("sec")
            process.send_signal(signal.SIGHUP)
            terminal.type("ret\r")
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)

    def test_stopped_at_the_prompt(self):
        """Ctrl-Z leaves the shell a terminal as it was; after fg the question comes again."""
        self.add("alice", "secret", create=True)
        script = f"{TOOL} check {self.file} alice; stty -a; printf 'go on: '; read; fg"
        with Terminal() as terminal:
            process = terminal.run("bash", "-m", "-c", script)
            terminal.expect("alice: ")
            terminal.type("junk\x1a")
            self.assertRegex(terminal.expect("go on: "), r"[ ;]icanon(.|\n)* echo ")
            terminal.type("\r")
            terminal.expect("alice: ")
            self.assertFalse(terminal.shows_keys())
            terminal.type("secret\r")
            terminal.expect("right")
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
            self.assertEqual(terminal.state(), terminal.state_at_start)

    def test_symbolic_link(self):
        """A link is refused, unless the environment says otherwise; then it stays a link."""
        self.add("alice", "secret", create=True)
        link = self.folder / "link"
        link.symlink_to(self.file)
        self.assertIn("symbolic link", self.run_tool("-b", link, "bob", "pw", expect=1))
        self.run_tool("-b", link, "bob", "pw", env={"MOSQUITTO_UNSAFE_ALLOW_SYMLINKS": "1"})
        self.assertTrue(link.is_symlink())
        self.assert_password("bob", "pw")

    def test_standard_output(self):
        """-c - prints the line of one user, and nothing else."""
        for words, given in ((["-b"], ""), ([], "secret\nsecret\n")):
            password = ["secret"] if words else []
            done = subprocess.run([TOOL, *words, "-H", "sha512-pbkdf2", "-c", "-", "alice",
                                   *password], input=given.encode(), capture_output=True,
                                  cwd=self.folder, check=True, timeout=DEADLINE_SECONDS)
            self.assertEqual(done.stderr, b"")
            self.assertRegex(done.stdout, rb"\Aalice:\$7\$210000\$[^\n]+\n\Z")
            self.file.write_bytes(done.stdout)
            self.assert_password("alice", "secret")
            self.assertEqual([p.name for p in self.folder.iterdir()], ["users"])

    def test_keeps_the_scheme(self):
        """A password is hashed as the others of the file are: Mosquitto 2.0 has no argon2id."""
        for scheme in ("sha512", "sha512-pbkdf2", "argon2id"):
            with self.subTest(scheme=scheme):
                self.add("alice", "secret", "-H", scheme, create=True)
                output = self.add("bob", "hunter2")
                self.assertEqual("sha512-pbkdf2 is better" in output, scheme == "sha512")
                self.add("alice", "other")
                self.assertEqual(self.run_tool("list", self.file),
                                 f"alice\t{scheme}\nbob\t{scheme}\n")
        self.add("alice", "secret", "-H", "sha512", create=True)
        self.add("bob", "secret", "-I", "101")
        self.add("carol", "secret")
        self.file.write_text(self.file.read_text() + "dave:in plain text\n")
        self.run_tool("-U", self.file)
        self.assertEqual(self.run_tool("list", self.file),
                         "alice\tsha512\nbob\tsha512-pbkdf2\ncarol\tsha512-pbkdf2\n"
                         "dave\tsha512-pbkdf2\n")

    def test_byte_order_mark(self):
        """One in front of the file is no part of the first user's name."""
        self.add("alice", "secret", create=True)
        self.file.write_bytes(b"\xef\xbb\xbf" + self.file.read_bytes())
        self.assert_password("alice", "secret")

    def test_words_of_mosquitto_passwd(self):
        """Errors begin as those of mosquitto_passwd 2.1 do, with its exit status."""
        for words, why in (
                (["-H"], "-H argument given but not enough other arguments."),
                (["-H", "nohash"], "Unknown hash type 'nohash'"),
                (["-I"], "-I argument given but not enough other arguments."),
                (["-I", "0"], "Number of iterations must be > 0."),
                (["-c", "-D"], "-c and -D cannot be used together."),
                (["-c", "-U"], "-c and -U cannot be used together."),
                (["-U", "-D"], "-D and -U cannot be used together."),
                (["-b", "-D"], "-b and -D cannot be used together."),
                (["-c", "-b"],
                 "-c argument given but password file, username, or password missing."),
                (["-c"], "-c argument given but password file or username missing."),
                (["-D"], "-D argument given but password file or username missing."),
                (["-U"], "-U argument given but password file missing."),
                (["-D", self.file, "bad:"], "Username must not contain the ':' character."),
                (["-D", self.file, "bad\n"], "Username must not contain control characters."),
                (["-D", self.file, "a" * 65536],
                 "Username must be less than 65536 characters long."),
                (["-b", self.folder / "none", "a", "b"],
                 f"Unable to open password file {self.folder}/none. No such file or directory"),
                (["-c", "-b", self.folder / "none" / "x", "a", "b"],
                 f"Unable to open file {self.folder}/none/x for writing. No such file")):
            with self.subTest(words=words):
                output = self.run_tool(*words, expect=1)
                self.assertTrue(output.startswith("Error: " + why), output)

    def test_bad_words(self):
        """What cannot work is said in one line, and nothing is changed."""
        self.file.write_text("alice:x\n")
        for words, why in (
                (["-b", self.file, "a:b", "pw"], "':'"),
                (["-b", self.file, "#a", "pw"], "'#'"),
                (["-b", self.file, " a", "pw"], "space"),
                (["-b", self.file, "a\nb", "pw"], "control"),
                (["-b", self.file, "", "pw"], "empty"),
                (["-b", self.file, "a", ""], "Empty password."),
                (["-b", self.file, "a"], "missing"),
                ([self.file], "missing"),
                ([self.file, "a", "pw"], "-b"),
                (["-x", self.file, "a"], "unknown option -x"),
                (["-c", "-D", self.file, "a"], "-c and -D"),
                (["-U", "-c", self.file], "-U"),
                (["-U", "-b", self.file], "-b and -U"),
                (["-H", "md5", self.file, "a"], "Unknown hash type 'md5'"),
                (["-H", "sha512", "-I", "5", self.file, "a"], "-H sha512-pbkdf2"),
                (["-H", "sha512-pbkdf2", "-I", "0", self.file, "a"], "iterations"),
                (["-H", "sha512-pbkdf2", "-I", "5x", self.file, "a"], "iterations"),
                (["-b", self.folder / "none", "a", "pw"], "-c makes a new one"),
                (["-b", self.folder / "none" / "none", "a", "pw"], "No such file"),
                (["-c", "-b", self.folder, "a", "pw"], "not a regular file"),
                (["list", self.folder / "none"], "No such file"),
                (["check", self.file, "zed"], "there is no user zed"),
                (["check", self.file, "alice"], "users:1: the password is not hashed")):
            with self.subTest(words=words):
                output = self.run_tool(*words, expect=1)
                self.assertIn(why, output)
                self.assertEqual(output.count("\n"), 1, output)
        self.assertEqual(self.file.read_text(), "alice:x\n")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["users"])

    def test_many_at_once(self):
        """Several of them at one file lose nothing."""
        self.add("first", "pw", "-H", "sha512-pbkdf2", "-I", "1", create=True)
        running = [subprocess.Popen([TOOL, "-H", "sha512-pbkdf2", "-I", "1", "-b", self.file,
                                     f"user{i}", "pw"], stdout=subprocess.DEVNULL)
                   for i in range(20)]
        for process in running:
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
        self.assertEqual(len(self.file.read_text().splitlines()), 21)

    def test_files_of_mosquitto_passwd(self):
        """What mosquitto_passwd writes is understood."""
        subprocess.run(["mosquitto_passwd", "-c", "-b", self.file, "alice", "secret"], check=True)
        subprocess.run(["mosquitto_passwd", "-H", "sha512", "-b", self.file, "bob", "hunter2"],
                       check=True)
        self.assert_password("alice", "secret")
        self.assert_password("bob", "hunter2")
        self.assertEqual(self.run_tool("list", self.file),
                         "alice\tsha512-pbkdf2\nbob\tsha512\n")

    def test_mosquitto_reads_it(self):
        """Mosquitto itself accepts a file written with -H sha512-pbkdf2 and -H sha512."""
        self.add("alice", "secret", "-H", "sha512-pbkdf2", "-I", "1000", create=True)
        self.add("bob", "hunter2", "-H", "sha512")
        self.add("carol", "p\u00e4ss word", "-H", "sha512-pbkdf2")
        self.file.write_text(self.file.read_text() + "dave:in plain text\n")
        self.run_tool("-U", "-H", "sha512", self.file)
        self.assertEqual(self.run_tool("list", self.file),
                         "alice\tsha512-pbkdf2\nbob\tsha512\ncarol\tsha512-pbkdf2\n"
                         "dave\tsha512\n")
        self.folder.chmod(0o755)
        self.file.chmod(0o644)  # Mosquitto may give up root before it reads the file
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        conf = self.folder / "conf"
        conf.write_text(f"listener {port} 127.0.0.1\npassword_file {self.file}\n")
        broker = subprocess.Popen([MOSQUITTO, "-c", conf], stderr=subprocess.DEVNULL)
        self.addCleanup(broker.wait, DEADLINE_SECONDS)
        self.addCleanup(broker.terminate)
        for user, password in (("alice", "secret"), ("bob", "hunter2"),
                               ("carol", "p\u00e4ss word"), ("dave", "in plain text")):
            with self.subTest(user=user):
                self.assert_password(user, password)
                self.assertEqual(self.connack(port, user, password)[3], 0)
                self.assertEqual(self.connack(port, user, password + "x")[3], 5)

    @staticmethod
    def connack(port, user, password):
        """Logs in and returns the CONNACK's bytes; waits until the port is open."""
        packet = wire.connect(wire.MQTT311, "c", username=user, password=password)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as client:
                    client.sendall(packet)
                    return client.recv(4, socket.MSG_WAITALL)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
