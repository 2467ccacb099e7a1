"""What some tests need of the machine, and why this one does not give it; and what they do not."""

import functools
import os
import subprocess


def needs(*things):
    """Marks a test, or all tests of a class: each of `things` is a key of PROBES."""
    unknown = [thing for thing in things if thing not in PROBES]
    assert not unknown, unknown

    def mark(subject):
        subject.needs = (*getattr(subject, "needs", ()), *things)
        return subject
    return mark


def once(subject):
    """Marks a class whose tests are the same with every count of threads, and with a store: what
    they try is no broker, or has the broker only as its opposite."""
    subject.once = True
    return subject


def is_once(test):
    """Whether this test of unittest is of such a class."""
    return getattr(type(test), "once", False)


def needed_by(test):
    """What a test of unittest needs: of its own, and of its class."""
    function = getattr(type(test), test._testMethodName)  # pylint: disable=protected-access
    return dict.fromkeys((*getattr(type(test), "needs", ()), *getattr(function, "needs", ())))


@functools.cache
def reason_against(thing):
    """Why a machine cannot give this, as a clause; "" where it can."""
    return PROBES[thing]()


def _root():
    return "" if os.geteuid() == 0 else "they need root"


def _said_by(what, *command):
    """`what`, and what this command says of its failure; "" if it succeeds."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else f"{what} ({lines[-1] if lines else command[0]})"


def _mount_namespaces():
    own = () if os.geteuid() == 0 else ("-Ur",)
    return _said_by("this machine allows no mounts in a namespace of their own",
                    "unshare", *own, "-m", "mount", "-t", "tmpfs", "none", "/mnt")


def _own_dev():
    return _root() or _said_by(
        "this machine allows no /dev of its own in a mount namespace", "unshare", "-m", "sh", "-c",
        "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && : >/dev/null")


def _network_namespaces():
    return _root() or _said_by("this machine allows no network namespaces", "unshare", "-n", "sh",
                               "-c", "ip link add darter0 type veth peer name darter1")


def _tracing():
    # The first thing that a tracer does; a container may forbid it.
    return _said_by(
        "this machine lets nobody stop a thread", "python3", "-c",
        "import ctypes, subprocess, sys\n"
        "child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.ptrace.argtypes = [ctypes.c_long] * 4\n"
        "failed = libc.ptrace(0x4206, child.pid, 0, 0)\n"  # PTRACE_SEIZE
        "child.kill()\n"
        "sys.exit('ptrace is not permitted' if failed else 0)")


def _darter_bridges():
    return "" if os.environ.get("DARTER_TEST_BRIDGING", "darter") != "mosquitto" else \
        "Mosquitto's bridges have not what they look at"


PROBES = {
    "root": _root,
    "mount namespaces": _mount_namespaces,
    "a /dev of its own": _own_dev,
    "network namespaces": _network_namespaces,
    "tracing": _tracing,
    "bridges of darter": _darter_bridges,
}
