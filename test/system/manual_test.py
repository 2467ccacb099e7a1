"""The manual pages: what groff says of them, and whether they tell all that --help does."""

import re
import subprocess
import unittest
from pathlib import Path

from harness.broker import DEADLINE_SECONDS, ROOT, binary, passwd_binary
from harness.needs import once

PROGRAM = ROOT / "conf" / "darter.8"
CONFIGURATION = ROOT / "conf" / "darter.conf.5"
PASSWD = ROOT / "tools" / "darter-passwd" / "darter-passwd.1"
CLIENTS = [ROOT / "tools" / "darter-client" / f"darter-{tool}.1" for tool in ("pub", "sub", "rr")]


def run(*words):
    """Runs a program to its end and returns what it printed, both streams."""
    done = subprocess.run(words, capture_output=True, text=True, check=True,
                          timeout=DEADLINE_SECONDS * 2)
    return done.stdout + done.stderr


def shown(page):
    """A page as a terminal shows it, without bold and underline, in lines that do not end."""
    return run("groff", "-man", "-Tascii", "-P-cbou", "-rLL=2000n", str(page))


def named(text, pattern):
    """All that stand first on a line (behind blanks) and fit the pattern."""
    return set(re.findall(rf"(?m)^ +(?:-\w, )?({pattern})\b", text))


@once
class ManualTest(unittest.TestCase):
    """Pages of the source tree beside the programs under test."""

    def test_no_warnings(self):
        """groff finds nothing to say about any of them."""
        for page in (PROGRAM, CONFIGURATION, PASSWD, *CLIENTS):
            with self.subTest(page=page.name):
                self.assertEqual(run("groff", "-man", "-ww", "-z", "-Tascii", str(page)), "")

    def test_the_program_prints_its_pages(self):
        """The pages of the tree are those that the program prints."""
        for form, page in (("man", CONFIGURATION), ("man8", PROGRAM)):
            self.assertEqual(run(binary(), "--sample-config", form), page.read_text())

    def test_every_argument(self):
        """darter(8) has exactly the arguments of --help, and of the help of each command there."""
        text = run(binary(), "--help")
        arguments = named(text, r"--[\w-]+")
        self.assertIn("--test-config", arguments)
        commands = text.split("darter COMMAND --help tells more:\n")[1].split("\n\n")[0]
        for command in re.findall(r"(?m)^ {6}(\w+)", commands):
            arguments |= named(run(binary(), command, "--help"), r"--[\w-]+")
        self.assertIn("--sort", arguments)
        self.assertEqual(named(shown(PROGRAM), r"--[\w-]+"), arguments)

    def test_every_option(self):
        """darter.conf(5) has every option that a sample shows."""
        page = shown(CONFIGURATION)
        for form, pattern in (("mosquitto", r"(?m)^#([\w.]+) "), ("toml", r'(?m)^#"?([\w.]+)"? =')):
            names = set(re.findall(pattern, run(binary(), "--sample-config", form)))
            self.assertGreater(len(names), 50)
            for name in names:
                self.assertRegex(page, rf"(?m)^ +{re.escape(name)}\b")

    def test_every_argument_of_the_password_tool(self):
        """darter-passwd(1) has exactly the flags, words and hashes of --help."""
        text = run(passwd_binary(), "--help")
        help_lines = text[text.index("\n  -c "):text.index("\nThe password")]
        flags = set(re.findall(r"(?m)^  (-\w|list|check)\b", help_lines))
        self.assertEqual(flags, {"-c", "-b", "-D", "-U", "-H", "-I", "-h", "list", "check"})
        page = shown(PASSWD)
        entries = page[page.index("\nOPTIONS"):page.index("\nSIGNALS")]
        self.assertEqual(set(re.findall(r"(?m)^ {7}(-\w|list|check)\b", entries)), flags)
        for word in ("--help", "--version", "argon2id", "sha512-pbkdf2", "sha512 "):
            self.assertIn(word, help_lines)
            self.assertIn(word, entries)

    def test_every_argument_of_the_clients(self):
        """darter-pub(1) and its kin have exactly the options of --help, and its examples."""
        for page in CLIENTS:
            with self.subTest(page=page.name):
                program = Path(binary()).parent / page.stem
                text = subprocess.run([program, "--help"], capture_output=True, text=True,
                                      check=False, timeout=DEADLINE_SECONDS).stdout
                manual = shown(page)
                entries = manual[manual.index("\nOPTIONS"):manual.index("\nEXIT STATUS")]
                options = re.findall(r"(?m)^  (-\S+?)(?:,| |$)(?: (--[\w-]+))?", text)
                self.assertGreater(len(options), 50)
                listed = re.findall(r"(?m)^ {7}(-\S+?)(?:,| |$)(?: (--[\w-]+))?", entries)
                self.assertEqual(listed, options)
                for example in text[text.index("\nExamples:\n") + 11:].splitlines():
                    self.assertIn(example.strip(), manual)


if __name__ == "__main__":
    unittest.main()
