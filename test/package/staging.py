"""An installation in a folder, made once for all tests."""

import atexit
import functools
import os
import subprocess
import tempfile
from pathlib import Path

from harness.broker import ROOT, binary

PROGRAMS = {"darter": "sbin", "darter-passwd": "bin", "darter-pub": "bin", "darter-sub": "bin",
            "darter-rr": "bin", "darter-bench": "bin"}


def run(*words, **options):
    """Runs a command that has to succeed, and returns what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, timeout=300, **options)
    if done.returncode:
        raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@functools.cache
def staged():
    """The folder that `cmake --install` filled."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    os.chmod(folder.name, 0o755)
    build = Path(binary()).parent
    if "CMAKE_INSTALL_PREFIX:PATH=/usr\n" not in (build / "CMakeCache.txt").read_text():
        run("cmake", "-DCMAKE_INSTALL_PREFIX=/usr", build)  # another default, or a wish
    run("cmake", "--install", build, env={**os.environ, "DESTDIR": folder.name})
    return Path(folder.name)


def help_of(program, *command):
    """What --help of an installed program prints, or of a command of it; mosquitto_pub's kin end
    with 1 then."""
    return subprocess.run([staged() / "usr" / PROGRAMS[program] / program, *command, "--help"],
                          capture_output=True, text=True, check=False, timeout=60).stdout


def page_of(program):
    """Where the manual page of a program is installed."""
    section = "8" if PROGRAMS[program] == "sbin" else "1"
    return f"usr/share/man/man{section}/{program}.{section}"


__all__ = ["PROGRAMS", "ROOT", "help_of", "page_of", "run", "staged"]
