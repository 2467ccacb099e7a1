"""The rules of the architecture: each takes a Tree and returns its complaints, "file:line: why"."""

import concurrent.futures
import hashlib
import os
import re
import subprocess

STANDARD = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono
cinttypes climits clocale cmath codecvt compare complex concepts condition_variable coroutine
csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype deque
exception execution expected filesystem format forward_list fstream functional future generator
initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map mdspan
memory memory_resource mutex new numbers numeric optional ostream print queue random ranges ratio
regex scoped_allocator semaphore set shared_mutex source_location span spanstream sstream stack
stacktrace stdexcept stdfloat stop_token streambuf string string_view strstream syncstream
system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility
valarray variant vector version
""".split())

POSIX = re.compile(r"^(sys|net|netinet|arpa|linux|asm|bits)/|^(unistd|fcntl|errno|poll|signal|time|"
                   r"dirent|fnmatch|glob|grp|malloc|pwd|syslog|termios|limits|ifaddrs|netdb|"
                   r"resolv|crypt|spawn|"
                   r"string|stdio|stdlib|stdint|stddef|sched|pthread|endian|getopt|locale)\.h$")


class Layer:
    """Which files may include what.

    `files` matches the layer's own files; `project` what they may include of this repository;
    `third` which headers of others. Anything standard is for everybody, other rules aside.
    """

    def __init__(self, name, files, project, third=None, posix=False):
        self.name, self.files = name, re.compile(files)
        self.project = re.compile(project)
        self.third = re.compile(third) if third else None
        self.posix = posix

    def allows(self, kind, path):
        if kind == '"':
            return bool(self.project.match(path))
        if path in STANDARD or (self.posix and POSIX.match(path)):
            return True
        return bool(self.third and self.third.match(path))


# The order counts: the first layer that a file belongs to holds.
LAYERS = [
    Layer("broker/wire", r"broker/wire/", r"broker/wire/"),
    Layer("broker/core", r"broker/core/", r"broker/(core|wire)/"),
    # Of the core only names: a point in time.
    Layer("broker/client", r"broker/client/", r"broker/(client|wire)/|broker/core/ids\.h$"),
    # Packets as text, for traces.
    Layer("broker/trace", r"broker/trace/", r"broker/(trace|wire)/"),
    # A client at either end: of the core a point in time, and log lines.
    Layer("broker/bridge", r"broker/bridge/",
          r"broker/(bridge|client|wire)/|broker/core/(ids|log|text)\.h$"),
    # The policy of a node among others: of the shard only the form of fields.
    Layer("broker/cluster", r"broker/cluster/",
          r"broker/(cluster|core|wire)/|broker/field_wire\.h$"),
    Layer("broker/server", r"broker/(server|main)/", r"(broker|transport|auth|conf|persistence)/",
          r"uv\.h$|openssl/|sodium\.h$|systemd/|nlohmann/", posix=True),
    Layer("broker", r"broker/[^/]+$", r"broker/((core|wire)/|[^/]+$)"),
    # Connections that darter opens: of the loops it needs nothing.
    Layer("transport/link", r"transport/link/",
          r"transport/(link/|(address_race|connector|descriptor|http|http_head|openssl|"
          r"peer_address|text|tls_files|tls_bytes|tls_setup|trusted_path|websocket|"
          r"websocket_handshake)\.h$)|"
          r"broker/(client|wire)/|broker/core/ids\.h$",
          r"uv\.h$|openssl/|wslay/|http_parser\.h$", posix=True),
    # Bridges on a loop: between its shard and a link.
    Layer("transport/bridge", r"transport/bridge/",
          r"transport/((bridge|link)/|[^/]+$)|broker/(bridge|client|wire)/|broker/[^/]+$|"
          r"broker/core/(outbox|ids|log|topic_share)\.h$"),
    # The connection of a node to NATS: of the loops it needs nothing.
    Layer("transport/nats", r"transport/nats/",
          r"transport/(nats/|descriptor\.h$)|broker/wire/bytes\.h$", r"nats/nats\.h$", posix=True),
    # What the loops share with the shard: its door, what its outbox and its log are made of.
    Layer("transport", r"transport/",
          r"transport/|broker/[^/]+$|broker/core/(outbox|figure|histogram|ids|journal|log|access|"
          r"login_done|limits|metrics|message|peer_id|peer_set|shared_bytes|refusals|line_rates?|"
          r"token_bucket|trace_sink)\.h$|broker/trace/|"
          r"broker/wire/(reason|bytes|connect|framer|protocol|topic|utf8)\.h$",
          r"uv\.h$|openssl/|wslay/|http_parser\.h$", posix=True),
    Layer("auth", r"auth/",
          r"auth/|broker/core/(access|login_done|figure|secret|ids|log|result)\.h$|"
          r"broker/wire/(topic|reason|bytes)\.h$", r"sodium\.h$|argon2\.h$|openssl/",
          posix=True),
    Layer("persistence", r"persistence/",
          r"persistence/|broker/core/(figure|journal|ids|key_table|message|result|log|"
          r"shared_bytes|text)\.h$|"
          r"broker/wire/(bytes|cursor|properties|protocol|publish|topic|utf8)\.h$",
          r"sqlite3\.h$", posix=True),
    # The manual page lists the events.
    Layer("conf", r"conf/",
          r"conf/|broker/core/(events|limits|log)\.h$|broker/wire/(topic|protocol)\.h$",
          r"toml\+\+/", posix=True),
    Layer("tools", r"tools/",
          r"tools/|broker/(client|wire)/|auth/|conf/|transport/link/|"
          r"broker/core/(access|secret|ids|log)\.h$",
          r"CLI/|sodium\.h$|openssl/|uv\.h$", posix=True),
    Layer("test", r"test/", r".", r".", posix=True),
]


def layer_of(name):
    return next((layer for layer in LAYERS if layer.files.match(name)), None)


def includes_follow_the_table(tree):
    """Who may include whom; the link graph says the same to the linker."""
    complaints = []
    for name in tree.cpp_files:
        layer = layer_of(name)
        if layer is None:
            complaints.append(f"{name}:1: no layer of the architecture holds this file")
            continue
        for number, kind, path in tree.includes(name):
            if kind == '"' and not tree.exists(path):
                complaints.append(f"{name}:{number}: \"{path}\" is not a path from the root")
            elif not layer.allows(kind, path):
                complaints.append(f"{name}:{number}: {layer.name} may not include {path}")
    return complaints


# Headers and words that give the core a sense it must not have. Its host tells it the time, its
# host's loop is its thread, and chance comes in as bytes.
PURE = re.compile(r"broker/(bridge|client|cluster|core|trace|wire)/")
SENSES = {
    "a clock": (r"chrono|ctime",
                r"\b(clock_gettime|gettimeofday|std::time|steady_clock|system_clock)\b"),
    "a thread": (r"thread|stop_token|future|coroutine", r"\bstd::(j?thread|async|this_thread)\b|"
                                                        r"\bthread_local\b"),
    "a lock": (r"mutex|shared_mutex|condition_variable|semaphore|latch|barrier",
               r"\bstd::\w*(mutex|lock|condition_variable|semaphore|latch|barrier)\b"),
    "chance": (r"random", r"\b(std::rand|rand|srand|getrandom|arc4random)\s*\("),
    "input or output": (r"fstream|iostream|filesystem|syncstream|csignal",
                        r"\b(fopen|printf|fprintf|puts|getenv)\s*\(|\bstd::(cout|cerr|clog)\b"),
}
ATOMIC = re.compile(r"\bstd::(atomic\w*|memory_order\w*)\b")
MAY_BE_ATOMIC = "broker/core/shared_bytes.h"


def core_has_no_senses(tree):
    """wire, core, client, bridge, cluster: no clock, thread, lock, chance or I/O; one file has
    atomics."""
    complaints = []
    for name in filter(PURE.match, tree.cpp_files):
        for number, kind, path in tree.includes(name):
            for sense, (headers, _) in SENSES.items():
                if kind == "<" and re.fullmatch(headers, path):
                    complaints.append(f"{name}:{number}: <{path}> gives the core {sense}")
            if kind == "<" and path == "atomic" and name != MAY_BE_ATOMIC:
                complaints.append(f"{name}:{number}: atomics live in {MAY_BE_ATOMIC} alone")
        for number, line in tree.code_lines(name):
            for sense, (_, words) in SENSES.items():
                if re.search(words, line):
                    complaints.append(f"{name}:{number}: this gives the core {sense}")
            if ATOMIC.search(line) and name != MAY_BE_ATOMIC:
                complaints.append(f"{name}:{number}: atomics live in {MAY_BE_ATOMIC} alone")
    return complaints


CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|elifdef)\b")


def conditions_live_in_transport(tree):
    """Conditional compilation makes two programs of one: only transport, beside the system, may."""
    return [f"{name}:{number}: conditional compilation outside transport/"
            for name in tree.cpp_files if not name.startswith("transport/")
            for number, line in tree.code_lines(name) if CONDITION.match(line)]


def headers_open_once(tree):
    """Every header starts with #pragma once, after nothing but comments."""
    return [f"{name}:1: no #pragma once before the first line of code"
            for name in tree.cpp_files if name.endswith(".h")
            and not tree.code(name).lstrip().startswith("#pragma once")]


UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")


def nothing_is_unfinished(tree):
    """Finish it or leave it out."""
    return [f"{name}:{number}: an unfinished mark"
            for name in tree.files
            for number, line in enumerate(tree.text(name).splitlines(), 1)
            if UNFINISHED.search(line)]


TOP = set("CMakeLists.txt CMakePresets.json LICENSE README.md "
          "broker transport auth persistence conf test tools".split())


def top_level_is_fixed(tree):
    """Nothing else lives beside the folders of the architecture; files with a dot may."""
    tops = sorted({name.split("/")[0] for name in tree.files})
    return [f"{top}:1: nothing of this name belongs on the top level"
            for top in tops if top not in TOP and not top.startswith(".")]


WIDE = 100
NARROW = re.compile(r"(\.(h|cpp|py|js|mjs|sh|cmake|txt)|(^|/)(tools|\.ci|test)/([\w-]+/)*[\w-]+)$")


def lines_fit(tree):
    """Code of any language keeps to 100 columns."""
    return [f"{name}:{number}: {len(line)} columns, {WIDE} are the limit"
            for name in tree.files if NARROW.search(name)
            for number, line in enumerate(tree.text(name).splitlines(), 1)
            if len(line) > WIDE and "://" not in line]


# A checkout is complete: it leans on no folder of one machine, no tracker and no download host.
ELSEWHERE = re.compile(r"(?<![\w.])/(work|home|Users)/\w|(?<![\w./])\.\./shared\b|"
                       r"\bissue #?\d|"
                       r"\b(deb|security|snapshot|registry|packages|pypi|files|repo)\."
                       r"[a-z]+\.(org|com|io)\b",
                       re.IGNORECASE)


def nothing_points_elsewhere(tree):
    return [f"{name}:{number}: this names a place outside the repository"
            for name in tree.files
            for number, line in enumerate(tree.text(name).splitlines(), 1)
            if ELSEWHERE.search(line)]


STORY = "broker/README.md"
STORIES = (STORY, "broker/cluster/README.md", "transport/README.md", "auth/README.md",
           "conf/README.md")
QUOTED = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"^[A-Za-z_][\w:]*(\(.*\))?$")


def file_named(tree, words):
    """The files that a path of the story means: itself, or the header and source of that name."""
    candidates = [words, words + ".h", words + ".cpp"]
    return [name for name in candidates if tree.exists(name)]


def defines(tree, names, identifier):
    word = re.compile(rf"\b{re.escape(identifier)}\b")
    return any(word.search(tree.code(name)) for name in names)


def story_row(tree, place_of_row, quoted):
    """A row with a file and functions: each function has to be in that file."""
    complaints, files, whole_tree = [], [], [n for n in tree.cpp_files if not n.startswith("test/")]
    for words in quoted:
        if "/" in words:
            found = file_named(tree, words)
            files += [name for name in found if name.endswith((".h", ".cpp"))]
            if not found:
                complaints.append(f"{place_of_row}: there is no {words}")
    for words in quoted:
        if "/" not in words and NAME.match(words):
            identifier = words.split("(")[0].split("::")[-1]
            if not defines(tree, files or whole_tree, identifier):
                place = " or ".join(files) if files else "the tree"
                complaints.append(f"{place_of_row}: there is no {words} in {place}")
    return complaints


def story_is_true(tree):
    """Every file and function that the documents of the folders name exists; in a row of a table
    the functions have to be in the file that the row names."""
    if not tree.exists(STORY):
        return [f"{STORY}:1: the story of a PUBLISH is missing"]
    complaints = []
    for name in filter(tree.exists, STORIES):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            quoted = QUOTED.findall(line)
            rows = [quoted] if line.startswith("|") else [[words] for words in quoted]
            for row in rows:
                complaints += story_row(tree, f"{name}:{number}", row)
    return complaints


EVENTS = "broker/core/event.h"
EVENT_SOURCES = re.compile(r"(broker|transport|persistence|auth)/.*\.(cpp|h)$")
EVENT_TABLE = re.compile(r"broker/core/events?\.(cpp|h)$")
PLAIN_LINE = re.compile(r"\b(?:write\(\s*(?:broker::)?"
                        r"LogType::(?:error|warning|notice|information)\b"
                        r"|note\(\s*LogType::(?:error|warning|notice|information)\s*,\s*"
                        r"\{(?!\s*\.event\b))")


def events_are_written(tree):
    """Each event is named by a source that writes lines."""
    found = re.search(r"enum class Event\b[^{]*\{(.*?)\}", tree.code(EVENTS), re.DOTALL)
    events = [name for name in re.findall(r"\w+", found[1] if found else "")
              if name not in ("message", "count")]
    sources = [name for name in tree.cpp_files
               if EVENT_SOURCES.match(name) and not EVENT_TABLE.match(name)]
    written = {event for name in sources
               for event in re.findall(r"\bEvent::(\w+)", tree.code(name))}
    return [f"{EVENTS}:1: no source writes a line with {event}"
            for event in events if event not in written]


def lines_name_their_event(tree):
    """A line of error, warning, notice or information has an event: those that refuse, drop, ban or
    disconnect are among them."""
    complaints = []
    for name in filter(EVENT_SOURCES.match, tree.cpp_files):
        code = tree.code(name)
        complaints += [f"{name}:{code.count(chr(10), 0, found.start()) + 1}: the line has no event"
                       for found in PLAIN_LINE.finditer(code)]
    return complaints


DOCUMENTS = ("README.md", "test/README.md", "test/bench/README.md")
COMMAND = re.compile(r"(?:^|\s|\./)((?:tools|test)/[\w./-]*\w)((?:\s+[\w.,=/-]+)*)")


def code_of(line):
    """What of a line of Markdown is code."""
    return [line] if line.startswith("    ") else QUOTED.findall(line)


def commands_exist(tree):
    """A script that a README tells to run is there, and has the options it is given."""
    complaints = []
    for name in filter(tree.exists, DOCUMENTS):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for path, words in (found for code in code_of(line) for found in COMMAND.findall(code)):
                if not any(known == path or known.startswith(path + "/") for known in tree.files):
                    complaints.append(f"{name}:{number}: there is no {path}")
                    continue
                text = tree.text(path) if path in tree.files else ""
                complaints += [f"{name}:{number}: {path} has no {option}"
                               for option in re.findall(r"--[\w-]+", words) if option not in text]
    return complaints


def compiles_alone(tree, header, cache):
    """Why `header` does not compile on its own, or nothing. A good answer is kept by content."""
    digest = hashlib.sha256(b"g++ -std=c++23 1\0")
    for name in tree.closure(header):
        digest.update(name.encode() + b"\0" + tree.text(name).encode() + b"\0")
    stamp = os.path.join(cache, digest.hexdigest()) if cache else None
    if stamp and os.path.exists(stamp):
        return None
    twice = f'#include "{header}"\n#include "{header}"\n'
    result = subprocess.run(
        ["g++", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", str(tree.root),
         "-x", "c++", "-"], input=twice.encode(), capture_output=True, check=False)
    if result.returncode:
        errors = [l for l in result.stderr.decode("utf-8", "replace").splitlines() if "error" in l]
        return f"{header}:1: does not compile alone: {(errors or ['?'])[0]}"
    if stamp:
        open(stamp, "w", encoding="utf-8").close()
    return None


FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def shown_by_its_source(tree, header):
    """Whether the build compiles a source that includes this header before anything else. What
    tests include comes behind their precompiled headers, so it shows nothing."""
    source = header.removesuffix(".h") + ".cpp"
    if header.startswith("test/") or not tree.exists(source):
        return False
    first = FIRST_INCLUDE.search(tree.text(source))
    return first is not None and first.group(1) == header


def headers_compile_alone(tree, cache=None):
    """Each header brings what it needs."""
    if cache:
        os.makedirs(cache, exist_ok=True)
    headers = [name for name in tree.cpp_files
               if name.endswith(".h") and not shown_by_its_source(tree, name)]
    for header in headers:
        tree.closure(header)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda header: compiles_alone(tree, header, cache), headers)
    return [result for result in results if result]
