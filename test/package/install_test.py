"""cmake --install: each file where Debian expects it, and each of them is good."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.broker import binary, free_port
from harness.certificates import authority
from staging import PROGRAMS, ROOT, help_of, page_of, run, staged

STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
DOC = "usr/share/doc/darter"
MAN5 = "usr/share/man/man5/darter.conf.5"
FILES = {
    "etc/apparmor.d/usr.sbin.darter", "etc/darter/darter.toml",
    "etc/fail2ban/filter.d/darter.conf", "etc/logrotate.d/darter",
    "usr/lib/systemd/system/darter.service", "usr/lib/systemd/system/darter.socket",
    "usr/lib/sysusers.d/darter.conf",
    "usr/share/darter/demo/README.md", "usr/share/darter/demo/demo.css",
    "usr/share/darter/demo/demo.js", "usr/share/darter/demo/index.html",
    f"{DOC}/README.md", f"{DOC}/SYS.md", f"{DOC}/examples/30-darter.conf",
    f"{DOC}/examples/darter.rules.yml", f"{DOC}/examples/darter.toml",
    f"{DOC}/examples/grafana-dashboard.json", f"{DOC}/examples/mosquitto.conf",
    f"{DOC}/examples/nginx/darter-site.conf",
    f"{DOC}/examples/nginx/darter-stream.conf", MAN5,
}
COMPLETIONS = ("usr/share/bash-completion/completions/{}", "usr/share/zsh/vendor-completions/_{}",
               "usr/share/fish/vendor_completions.d/{}.fish")
# Prints the words that bash would offer where the cursor is behind these words.
OFFER = """. "$1"; shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"_${1//-/_}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


class InstallTest(unittest.TestCase):
    """The usual prefix, below a folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_files(self):
        """All of them, no others, and nobody but their owner may change them."""
        expected = set(FILES)
        for program, place in PROGRAMS.items():
            expected |= {f"usr/{place}/{program}", page_of(program)}
            expected |= {pattern.format(program) for pattern in COMPLETIONS}
        found = {str(path.relative_to(staged())) for path in staged().rglob("*")
                 if not path.is_dir()}
        self.assertEqual(found, expected)
        for path in staged().rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    def test_programs(self):
        """Each of them runs from where it is installed."""
        for program in PROGRAMS:
            self.assertIn(program, help_of(program))

    def test_manual_pages(self):
        """groff has nothing to say about any, and each names its program."""
        for name in [page_of(program) for program in PROGRAMS] + [MAN5]:
            with self.subTest(name):
                done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tascii", staged() / name],
                                      capture_output=True, text=True, check=True, timeout=60)
                self.assertEqual(done.stdout + done.stderr, "")
                program = Path(name).name.rpartition(".")[0].replace("-", r"\-")
                self.assertIn(f"\n{program} \\- ", (staged() / name).read_text())

    def test_completions(self):
        """Every option and first word of --help is in the completions of each shell."""
        for program in PROGRAMS:
            text = help_of(program).partition("\nExamples:")[0]
            commands = re.findall(r"(?m)^ {6}([a-z]+)\b", text)
            for command in commands:
                text += help_of(program, command).partition("\nExamples:")[0]
            names = set(re.findall(r"(?m)^ {2,6}(?:-\w, )?(--[\w-]+)", text))
            names |= set(re.findall(r"(?m)^ {2}(-\w)\b", text)) | set(commands)
            self.assertEqual(bool(commands), program == "darter")
            for pattern in COMPLETIONS:
                made = (staged() / pattern.format(program)).read_text()
                for name in names:
                    with self.subTest(program=program, shell=pattern, name=name):
                        word = name if "fish" not in pattern or name in commands else \
                            f"-l {name[2:]}" if name[:2] == "--" else f"-s {name[1:]}"
                        self.assertRegex(made, rf"(?<![\w-]){re.escape(word)}(?![\w-])")

    def test_bash_offers(self):
        """bash takes the files, and offers what fits."""
        for words, offered in ((("darter", "--test"), ["--test-config"]),
                               (("darter", "doc"), ["doctor"]),
                               (("darter", "cl"), ["clients", "client", "cluster"]),
                               (("darter", "clients", "--fi"), ["--filter"]),
                               (("darter", "clients", "--filter", ""), [""]),
                               (("darter", "clients", "--un"), [""]),
                               (("darter", "adopt", "--un"), ["--undo"]),
                               (("darter", "acl", "ch"), ["check"]),
                               (("darter-passwd", "ch"), ["check"]),
                               (("darter-bench", "fan"), ["fanin", "fanout"]),
                               (("darter-pub", "--will-r"), ["--will-retain"]),
                               (("darter", "-p", ""), [""])):
            file = staged() / COMPLETIONS[0].format(words[0])
            self.assertEqual(run("bash", "-c", OFFER, "-", file, *words).splitlines(), offered)
        (self.folder / "mine.toml").touch()
        file = staged() / COMPLETIONS[0].format("darter")
        offered = run("bash", "-c", OFFER, "-", file, "darter", "-c", "mi", cwd=self.folder)
        self.assertEqual(offered, "mine.toml\n")

    def test_configuration(self):
        """The installed darter.toml is good, keeps state and names the package's user."""
        text = (staged() / "etc/darter/darter.toml").read_text()
        chosen = re.findall(r"(?m)^[a-z].*$", text)
        self.assertEqual(chosen, ['user = "darter"', "persistence = true",
                                  'persistence_location = "/var/lib/darter/"'])
        file = self.folder / "darter.toml"
        file.write_text(text.replace("/var/lib/darter/", f"{self.folder}/")
                        .replace('user = "darter"', 'user = "root"'))
        run(binary(), "--test-config", "-c", file)
        # Without a listener it has this one, and a socket that belongs to none ends the start.
        unit = (staged() / "usr/lib/systemd/system/darter.socket").read_text()
        self.assertEqual(re.findall(r"(?m)^Listen.*$", unit), ["ListenStream=127.0.0.1:1883"])

    def test_unit(self):
        """systemd knows each line of the unit and finds it closed well enough."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze here")
        unit = self.folder / "darter.service"
        text = (staged() / "usr/lib/systemd/system/darter.service").read_text()
        self.assertIn("/sbin/darter -c ", text)
        unit.write_text(re.sub(r"(?m)^(Exec\w+=-?)\S+/sbin/darter", r"\1/bin/true", text))
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(said.stdout + said.stderr, "")
        run("systemd-analyze", "security", "--offline=yes", "--threshold=35", unit)

    def test_apparmor(self):
        """The profile grants what the broker opens of the kernel, systemd's socket and its own."""
        rules = (staged() / "etc/apparmor.d/usr.sbin.darter").read_text()
        granted = set()
        for start, words, end in re.findall(r"(?m)^  @\{PROC\}/(\S*?)(?:\{([^}]*)\}(\S*))? r,$",
                                            rules.replace("@{pid}", "self")):
            granted |= {start + word + end for word in words.split(",")}
        opened = set()
        for source in [*ROOT.glob("broker/server/*.cpp"), *ROOT.glob("transport/**/*.cpp")]:
            opened |= set(re.findall(r'"/proc/([^"]+)"', source.read_text()))
        self.assertIn("self/statm", opened)
        self.assertEqual({name for name in opened if not {name, f"{name}/"} & granted}, set())
        for rule in ("network unix seqpacket,", "/{,var/}run/systemd/notify w,"):
            self.assertIn(f"\n  {rule}\n", rules)

    def test_sysctl(self):
        """The example sets what this kernel has, each to one value."""
        text = (staged() / DOC / "examples/30-darter.conf").read_text()
        lines = [line for line in text.splitlines() if line and line[0] != "#"]
        self.assertGreater(len(lines), 5)
        for line in lines:
            self.assertRegex(line, r"^(net|fs)(\.[\w-]+)+ = \d+( \d+)?$")

    def example(self, name, port):
        """An example of nginx, with certificates and a port that a test may have."""
        text = (staged() / DOC / "examples" / "nginx" / name).read_text()
        for old, new in (("certs/mqtt.example.com.pem", "server.crt"),
                         ("private/mqtt.example.com.key", "server.key")):
            text = text.replace(f"/etc/ssl/{old}", str(authority().path(new)))
        text = re.sub(r"listen \[::\]:.*\n", "", text)
        path = self.folder / name
        path.write_text(re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", text))
        return path

    def test_nginx_examples(self):
        """nginx takes both."""
        site = self.example("darter-site.conf", free_port())
        stream = self.example("darter-stream.conf", free_port())
        whole = self.folder / "nginx.conf"
        whole.write_text(f"load_module {STREAM_MODULE};\npid {self.folder}/pid;\nevents {{ }}\n"
                         f"http {{ access_log off; include {site}; }}\ninclude {stream};\n")
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        run(program, "-t", "-e", self.folder / "error.log", "-p", self.folder, "-c", whole)

    def test_doctor_likes_the_site(self):
        """The doctor finds nothing wrong with the site, in front of a listener as it says."""
        site = self.example("darter-site.conf", free_port())
        port = free_port()
        (self.folder / "passwd").touch(mode=0o600)
        conf = self.folder / "darter.toml"
        conf.write_text(f'password_file = "{self.folder}/passwd"\n[[listener]]\nport = {port}\n'
                        'bind_address = "127.0.0.1"\nprotocol = "websockets"\n')
        site.write_text(site.read_text().replace("127.0.0.1:9001", f"127.0.0.1:{port}"))
        said = subprocess.run([binary(), "doctor", "-c", conf, "--nginx", site],
                              capture_output=True, text=True, check=False, timeout=60).stdout
        chapter = said[said.index("\nnginx\n"):]
        self.assertIn("The Upgrade header is passed on", chapter)
        self.assertNotRegex(chapter, r"(?m)^ *(error|warning):")


if __name__ == "__main__":
    unittest.main()
