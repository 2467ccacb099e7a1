"""The rules of size and of language: each takes a Tree and returns its complaints."""

import re

PRODUCT = re.compile(r"(broker|transport|auth|persistence|conf|tools)/")

LINES_MAX = 400


def files_are_short(tree):
    """A source of the product fits into one head."""
    return [f"{name}:1: {count} lines, {LINES_MAX} are the limit"
            for name in filter(PRODUCT.match, tree.cpp_files)
            if (count := tree.text(name).count("\n")) > LINES_MAX]


INCLUDES_MAX = 45


def sources_name_few_headers(tree):
    """A source that needs everything does too much."""
    return [f"{name}:1: {count} headers, {INCLUDES_MAX} are the limit"
            for name in filter(PRODUCT.match, tree.cpp_files)
            if (count := len(tree.includes(name))) > INCLUDES_MAX]


def core_sources_have_tests(tree):
    """Each source of the core has a unit test of its own name."""
    names = [name.removeprefix("broker/core/").removesuffix(".cpp") for name in tree.cpp_files
             if name.startswith("broker/core/") and name.endswith(".cpp")]
    return [f"broker/core/{name}.cpp:1: there is no test/core/{name}_test.cpp"
            for name in names if not tree.exists(f"test/core/{name}_test.cpp")]


METHODS_MAX = 40
MEMBERS_MAX = 20
DATA_METHODS_MAX = 5  # a struct with more is no mere data
CLASS = re.compile(r"\b(?P<enum>enum\s+)?(?P<key>class|struct)\s+(?:alignas\([^)]*\)\s*)?"
                   r"(?P<name>[A-Za-z_][\w:]*)\s*(?:final\s*)?(?::[^;{()]*)?\{")
NO_MEMBER = re.compile(r"(using|typedef|friend|static_assert|enum)\b|"
                       r"(template\s*<.*>\s*)?(class|struct|union)\s+[\w:]+\s*($|\{|final|:)",
                       re.DOTALL)


def body_of(code, start):
    """The statements of a class whose body begins at `start`, with {} for inner blocks."""
    depth, text = 1, []
    for place in range(start, len(code)):
        character = code[place]
        if character == "}":
            depth -= 1
            if depth == 0:
                break
            if depth == 1:
                text.append("}")
        elif character == "{":
            depth += 1
            if depth == 2:
                text.append("{")
        elif depth == 1:
            text.append(character)
    lines = [line for line in "".join(text).splitlines() if not line.lstrip().startswith("#")]
    return re.sub(r"\b(public|private|protected)\s*:", "", "\n".join(lines))


def statements_of(body):
    """Splits a body: a statement ends with a semicolon, or with the block of a function."""
    found, current, brackets = [], "", 0
    for character in body:
        brackets += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == ";" and brackets == 0:
            found.append(current.strip())
            current = ""
            continue
        current += character
        is_function = "(" in current and not re.match(r"[^(]*=", current)
        if character == "}" and brackets == 0 and is_function:
            found.append(current.strip())
            current = ""
    return [statement for statement in found if statement]


def without_templates(text):
    """Without the arguments of templates, which may hold brackets and commas."""
    while (shorter := re.sub(r"<[^<>]*>", "", text)) != text:
        text = shorter
    return text


def size_of(body):
    """How many functions and how many data members a class has."""
    methods = members = 0
    for statement in statements_of(body):
        if NO_MEMBER.match(statement) or re.search(r"=\s*(delete|default)\s*$", statement):
            continue
        head = re.sub(r"\[\[.*?\]\]|alignas\s*\([^)]*\)", "", without_templates(statement)).strip()
        if "operator" not in head:
            head = re.split(r"[={]", head)[0]
        if "(" in head and not re.search(r"\(\s*\*", head):
            methods += 1
        elif not re.match(r"(constexpr\s+|inline\s+)*static\b", head):
            members += head.count(",") + 1
    return methods, members


def classes_are_small(tree):
    """No class that everybody edits: few functions, and few members unless it is mere data."""
    complaints = []
    for name in filter(PRODUCT.match, tree.cpp_files):
        code = tree.code(name)
        for found in CLASS.finditer(code):
            if found["enum"]:
                continue
            methods, members = size_of(body_of(code, found.end()))
            place = f"{name}:{code.count(chr(10), 0, found.start()) + 1}: {found['name']} has"
            is_data = found["key"] == "struct" and methods <= DATA_METHODS_MAX
            if methods > METHODS_MAX:
                complaints.append(f"{place} {methods} methods, {METHODS_MAX} are the limit")
            if members > MEMBERS_MAX and not is_data:
                complaints.append(f"{place} {members} members, {MEMBERS_MAX} are the limit")
    return complaints


COMMENT = re.compile(r"(?:^|\s)//[/!<]*(.*)$")
# In a hundred lines of comment. "whose" may be of things.
PRONOUNS = ((re.compile(r"\b(who|whom|whoever)\b", re.IGNORECASE), 0.1),
            (re.compile(r"\b(what|whatever)\b", re.IGNORECASE), 0.8))
LINES_MIN = 100  # of comments; fewer are no measure


def comments_are_plain(tree):
    """Sentences begin with nouns: few say "who" or "what" where a noun can stand."""
    comments = []
    for name in filter(PRODUCT.match, tree.cpp_files):
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            if (found := COMMENT.search(line)) and "NOLINT" not in line:
                comments.append((name, number, found.group(1)))
    complaints = []
    for pronoun, percent_max in PRONOUNS:
        hits = [f"{name}:{number}: a noun is plainer: {text.strip()}"
                for name, number, text in comments if pronoun.search(text)]
        if 100 * len(hits) > percent_max * max(len(comments), LINES_MIN):
            complaints += hits
    return complaints
