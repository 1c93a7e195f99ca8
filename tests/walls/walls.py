#!/usr/bin/python3
"""Checks that the walls of rules.py stand: `walls.py [ROOT]`, one line for each thing found, exit status 0 or 1.

self_test.py shows that each check can fail.
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import rules
import unity

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)
LITERAL_OR_COMMENT = re.compile(
    r'(?P<raw>R"(?P<mark>[^()\\ ]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>\'(?:\\.|[^\'\\\n])+\')'
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)", re.DOTALL)


class Tree:
    """The files of a checkout; what a build or a run made is left out."""

    def __init__(self, root: Path):
        self.root = root
        self.texts: dict[str, str] = {}
        self._read(root)

    def _read(self, directory: Path) -> None:
        for entry in sorted(directory.iterdir()):
            if entry.is_symlink():
                continue
            if entry.is_dir() and not _made_by_a_run(entry):
                self._read(entry)
            path = entry.relative_to(self.root).as_posix()
            if entry.is_file() and rules.TEXT.search("/" + path):
                self.texts[path] = entry.read_text(errors="replace")

    def cxx(self, *patterns: str) -> dict[str, str]:
        """C++ files of the product, or those that match a pattern."""
        chosen = patterns or tuple(f"{part}/*" for part in rules.PRODUCT)
        return {path: text for path, text in self.texts.items()
                if rules.CXX.search(path) and matches(path, chosen)}


def _made_by_a_run(directory: Path) -> bool:
    hidden = directory.name.startswith(".") and directory.name != ".ci"
    return (hidden or directory.name in ("__pycache__", "gerve-state") or directory.name.startswith("build")
            or (directory / "build.ninja").exists() or (directory / "meson-private").exists())


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def includes(text: str) -> list[tuple[int, str, bool]]:
    """Line, name, and whether it stands in quotes, of each include."""
    return [(text.count("\n", 0, found.start()) + 1, found[2], found[1] == '"')
            for found in INCLUDE.finditer(text)]


def without(text: str, *kinds: str) -> str:
    """The text with its comments, or literals too, blanked out; lines keep their numbers."""
    def blank(found: re.Match) -> str:
        kind = "comment" if found["comment"] else "literal"
        return re.sub(r"[^\n]", " ", found[0]) if kind in kinds else found[0]
    return LITERAL_OR_COMMENT.sub(blank, text)


def only_literals(text: str) -> str:
    """The text with everything but its literals blanked out; lines keep their numbers."""
    kept = [found.span() for found in LITERAL_OR_COMMENT.finditer(text) if not found["comment"]]
    blanked = list(re.sub(r"[^\n]", " ", text))
    for start, end in kept:
        blanked[start:end] = text[start:end]
    return "".join(blanked)


def find(pattern: str, text: str) -> list[tuple[int, str]]:
    return [(text.count("\n", 0, found.start()) + 1, found[0]) for found in re.finditer(pattern, text)]


# ---- includes

def reached(tree: Tree, path: str) -> dict[str, list[str]]:
    """What a file includes, directly or through the repository's own headers, and the shortest way there."""
    ways: dict[str, list[str]] = {}
    open_ends = [(path, [])]
    while open_ends:
        current, way = open_ends.pop(0)
        for _, name, _ in includes(tree.texts[current]):
            if name in ways:
                continue
            ways[name] = [*way, name]
            if name in tree.texts:
                open_ends.append((name, ways[name]))
    return ways


def check_walls(tree: Tree):
    for wall in rules.WALLS:
        for path in tree.cxx(*wall.inside):
            ways = reached(tree, path)
            breach = next((name for name in ways if re.match(wall.forbidden, name)), None)
            if breach:
                yield f"{path}: includes {' → '.join(ways[breach])}: {wall.name}"


def check_sole_includers(tree: Tree):
    for rule in rules.SOLE_INCLUDERS:
        for path, text in tree.cxx().items():
            for line, name, _ in includes(text):
                if re.match(rule.headers, name) and not matches(path, rule.inside):
                    yield f"{path}:{line}: {rule.name} is included by {' and '.join(rule.inside)} alone"


def check_pure(tree: Tree):
    for path, text in tree.cxx(*rules.PURE).items():
        for line, name, quoted in includes(text):
            known = name if quoted else f"<{name}>"
            if not matches(name, rules.PURE) and name != "tl/expected.hpp" and known not in rules.PURE_INCLUDES:
                yield f"{path}:{line}: model and policy do no I/O: {name} is not on their list"
        for line, name in find(rules.PURE_FORBIDDEN, without(text, "comment", "literal")):
            yield f"{path}:{line}: model and policy read no clock and no environment: {name}"


def check_include_paths(tree: Tree):
    """Quoted includes name a file from the root; headers do not include one another in a circle."""
    for path, text in tree.texts.items():
        if not rules.CXX.search(path):
            continue
        for line, name, quoted in includes(text):
            if quoted and name not in tree.texts:
                yield f'{path}:{line}: "{name}" is no file from the root of the repository'
        if path.endswith(".h") and path in reached(tree, path):
            yield f"{path}: includes itself: {' → '.join(reached(tree, path)[path])}"


# ---- calls

def check_forbidden_calls(tree: Tree):
    for path, text in tree.cxx().items():
        if path in rules.FORBIDDEN_CALL_EXCEPTIONS:
            continue
        for line, call in find(rules.FORBIDDEN_CALLS, without(text, "comment", "literal")):
            yield f"{path}:{line}: {call}…): programs are started by posix_spawn, without a shell"
        for line, word in find(rules.FORBIDDEN_STRINGS, without(text, "comment")):
            yield f"{path}:{line}: {word}: no shell"


def check_proofs(tree: Tree):
    """Counts the places that mint a Proof against the list; one too few is a stale list."""
    for mint, expected in rules.PROOF_MINTS.items():
        found = {}
        for path, text in tree.cxx().items():
            calls = len(find(rf"\b{mint}\b", without(text, "comment", "literal")))
            if calls and path != rules.PROOF_HOME:
                found[path] = calls
        for path in sorted(found.keys() | expected.keys()):
            if found.get(path, 0) != expected.get(path, 0):
                yield (f"{path}: {found.get(path, 0)} calls of Proof::{mint}, {expected.get(path, 0)} listed in"
                       " rules.py: is this place allowed to say who somebody is?")


def check_holders(tree: Tree):
    for path, text in tree.cxx("authz/*", "gerve/*", "sshd-plugin/*").items():
        for line, found in find(rules.HOLDER_BY_ELSE, without(text, "comment", "literal")):
            yield f"{path}:{line}: {found}: match() the holder of a key, so that a third kind does not compile"


# ---- words

def check_dialect(tree: Tree):
    for path, text in tree.texts.items():
        if matches(path, rules.WHAT_USERS_READ):
            searched = text
        elif rules.CXX.search(path) and not path.startswith("tests/"):
            searched = only_literals(text)
        else:
            continue
        for turn, instead in (rules.DIALECT | rules.SYNONYMS).items():
            for line, found in find(turn, searched):
                yield f"{path}:{line}: '{found}': write {instead}"


# ---- form

def check_machine_paths(tree: Tree):
    for path, text in tree.texts.items():
        for line, found in find(rules.MACHINE_PATHS, text):
            if path not in rules.MACHINE_PATH_EXCEPTIONS:
                yield f"{path}:{line}: {found}: a path of one machine"


def check_named_files(tree: Tree):
    """A document, or a comment, that names a file of the tree names one that is there."""
    there = set(tree.texts) | {parent.as_posix() for path in tree.texts for parent in Path(path).parents}
    there |= {path.rsplit(".", 1)[0] for path in tree.texts}
    for path, text in tree.texts.items():
        kind = rules.NAMED_IN_DOCUMENTS if path.endswith(".md") else rules.NAMED_IN_CODE
        if path == "CHANGELOG.md" or not (path.endswith(".md") or rules.CXX.search(path)):
            continue
        for line, found in find(kind, text):
            name = found.strip("`").rstrip("/")
            if name not in there and not (tree.root / name).exists():
                yield f"{path}:{line}: {name}: there is no such file"


def check_conftest_imports(tree: Tree):
    """A folder of end-to-end tests may have a conftest.py of its own, and Python finds either by that name."""
    for path, text in tree.texts.items():
        if matches(path, ("tests/e2e/*.py",)):
            for line, found in find(r"(?m)^(?:from|import) conftest\b", text):
                yield f"{path}:{line}: {found}: more than one file has this name; what tests share is in tests/e2e/harness"


def check_headers(tree: Tree):
    """A header opens with a sentence, in line comments, and then #pragma once."""
    for path, text in tree.texts.items():
        if not path.endswith(".h"):
            continue
        opening = re.match(r"((?:// [^\n]+\n)+)#pragma once\n", text)
        if opening is None:
            yield f"{path}:1: a header opens with a comment of one sentence and #pragma once"
        elif not re.search(r"\w.*\.\)?$", opening[1].strip()):
            yield f"{path}:1: the comment at the top is a sentence: it ends in a full stop"


def check_file_length(tree: Tree):
    for path, text in tree.texts.items():
        if not rules.LENGTH_CHECKED.search("/" + path):
            continue
        lines = text.count("\n")
        if lines > rules.MAX_FILE_LINES and path not in rules.LONG_FILES:
            yield f"{path}: {lines} lines; split it, or list it with a reason"
        if lines <= rules.MAX_FILE_LINES and path in rules.LONG_FILES:
            yield f"{path}: {lines} lines: it needs no exception any more"


def functions(text: str) -> list[tuple[int, str, int]]:
    """First line's number, first line, and count of lines of each function at namespace level.

    Relies on clang-format: such a function starts and ends in column 0, as do only namespaces and types.
    """
    found = []
    start = None
    for number, line in enumerate(without(text, "comment").splitlines(), 1):
        if line.startswith("}"):
            if start and line == "}":
                found.append((*start, number - start[0] + 1))
            start = None
        elif start is None and re.match(r"[A-Za-z_:~\[]", line) and not line.startswith("namespace"):
            start = (number, line)
        if start and start[0] == number and re.search(r"[;}]\s*$", line):
            start = None  # a declaration, or a function on one line
    return found


def check_function_length(tree: Tree):
    for path, text in tree.cxx().items():
        for number, line, count in functions(text):
            if count > rules.MAX_FUNCTION_LINES and f"{path}:{line}" not in rules.LONG_FUNCTIONS:
                yield f"{path}:{number}: a function of {count} lines: {line}"


def check_unity_names(tree: Tree):
    """A name that a file hides may stand neither in another file of its library nor in a header of theirs."""
    product = tuple(f"{part}/*meson.build" for part in rules.PRODUCT)
    build_files = {path: text for path, text in tree.texts.items() if matches(path, product)}
    for path in unity.unread(build_files):
        yield f"{path}: a list of sources that tests/walls/unity.py does not understand"
    for library in unity.libraries(build_files):
        together = [path for path in library if path in tree.texts]
        headers = {name for path in together for name in reached(tree, path) if name in tree.texts}
        places: dict[tuple[str, str], dict[str, unity.Name]] = {}
        for path in [*together, *sorted(headers)]:
            for name in unity.names(without(tree.texts[path], "literal")):
                places.setdefault((name.scope, name.name), {}).setdefault(path, name)
        for (scope, name), there in places.items():
            hidden = next((path for path in there if there[path].hidden), None)
            other = next((path for path in there if path != hidden), None)
            if hidden and other:
                yield f"{hidden}:{there[hidden].line}: {name} is in {other} as well: a release compiles both as one file"


CHECKS = [
    check_walls, check_sole_includers, check_pure, check_include_paths, check_forbidden_calls, check_proofs, check_holders,
    check_dialect,
    check_machine_paths, check_named_files, check_conftest_imports, check_headers, check_file_length,
    check_function_length, check_unity_names,
]


def findings(root: Path) -> list[str]:
    tree = Tree(root)
    return [finding for check in CHECKS for finding in check(tree)]


def main(arguments: list[str]) -> int:
    root = Path(arguments[0] if arguments else Path(__file__).parents[2]).resolve()
    found = findings(root)
    for finding in found:
        print(finding)
    print(f"{len(Tree(root).texts)} files, {len(CHECKS)} checks, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
