"""The files of a checkout, as the architecture rules look at them."""

import functools
import pathlib
import re
import subprocess

CPP_SUFFIXES = (".h", ".cpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# One alternative for each thing that may hide another: comments, strings and characters.
HIDDEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def without_comments_and_strings(text):
    """Code only; what is left out leaves its line breaks, so that line numbers stay."""
    return HIDDEN.sub(lambda hidden: "\n" * hidden.group(0).count("\n") + " ", text)


class Tree:
    """A checkout, or a folder of a test that looks like one."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    @functools.cached_property
    def files(self):
        """Paths from the root: what git knows or would add, or all files where there is no git."""
        if (self.root / ".git").exists():
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=self.root, capture_output=True, check=True).stdout.decode()
            names = [name for name in listed.split("\0") if name]
        else:
            names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*")]
        return sorted(name for name in names if (self.root / name).is_file())

    @functools.cached_property
    def cpp_files(self):
        return [name for name in self.files if name.endswith(CPP_SUFFIXES)]

    @functools.lru_cache(maxsize=None)
    def text(self, name):
        """The file's text, or nothing for a file that is not text."""
        data = (self.root / name).read_bytes()
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    @functools.lru_cache(maxsize=None)
    def code(self, name):
        return without_comments_and_strings(self.text(name))

    def code_lines(self, name):
        return enumerate(self.code(name).splitlines(), 1)

    @functools.lru_cache(maxsize=None)
    def includes(self, name):
        """(line, "<" or '"', path) of each include."""
        found = []
        for number, line in enumerate(self.text(name).splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                found.append((number, match.group(1), match.group(2)))
        return found

    def exists(self, name):
        return (self.root / name).exists()

    def closure(self, name):
        """The file and every file of the tree that it includes, directly or not."""
        seen, waiting = set(), [name]
        while waiting:
            current = waiting.pop()
            if current in seen or not (self.root / current).is_file():
                continue
            seen.add(current)
            waiting += [path for _, kind, path in self.includes(current) if kind == '"']
        return sorted(seen)
