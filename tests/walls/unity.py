"""Names of a library's files that collide when sixteen of them are compiled as one, as a release is built."""

import posixpath
import re
from typing import Iterator, NamedTuple

TARGET = re.compile(r"(?:static_library|executable)\((?!'version',\s*vcs_tag)")
SOURCES = re.compile(r"(?:static_library|executable)\('[\w-]+',(?:\s*\w+,)*(?P<files>(?:\s*'[\w./-]+\.cc',?)+)(?P<rest>[^)]*)")
OPENS = re.compile(r"(?:inline )?namespace(?P<name> [\w:]+)? \{")
CLOSES = re.compile(r"\}  // namespace")
DECLARED = (
    re.compile(r"(?:(?:inline|static|constexpr|constinit|const|thread_local) )+"
               r"(?:[^()=]+ )?[&*]?(?P<name>\w+)(?:\[\w*\])? ?[={;]"),
    re.compile(r"(?:struct|class|enum class|enum) (?P<name>\w+)[^;()]*\{"),
    re.compile(r"using (?P<name>\w+) = (?!nlohmann::json;)"),  # the same alias may be written twice
    re.compile(r"(?!using |return |friend |typedef )[^()=]+[ &*](?P<name>\w+\([^=]*\)) ?(?:const )?(?:noexcept ?)?[{;]"),
)


class Name(NamedTuple):
    scope: str  # its namespaces, but for the nameless one
    name: str  # of a function with its parameters: overloads do not collide
    hidden: bool  # in a nameless namespace
    line: int


def libraries(build_files: dict[str, str]) -> Iterator[list[str]]:
    """The files of each library and program that meson may compile as one."""
    for path, text in build_files.items():
        for found in SOURCES.finditer(text):
            if "each_by_itself" not in found["rest"] and "unity=off" not in found["rest"]:
                folder = posixpath.dirname(path)
                yield [posixpath.normpath(f"{folder}/{name}") for name in re.findall(r"'([^']+)'", found["files"])]


def unread(build_files: dict[str, str]) -> Iterator[str]:
    """The build files with a library or program whose list of files libraries() does not understand."""
    for path, text in build_files.items():
        if len(TARGET.findall(text)) != len(SOURCES.findall(text)):
            yield path


def names(text: str) -> Iterator[Name]:
    """What is declared at namespace level. Relies on clang-format, which leaves that in column 0."""
    scopes: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if opened := OPENS.match(line):
            scopes.append((opened["name"] or "").strip())
        elif CLOSES.match(line):
            scopes.pop()
        elif scopes and re.match(r"\w", line):
            found = next(filter(None, (kind.match(line) for kind in DECLARED)), None)
            if found:
                bare = re.sub(r" ?\b\w+(?=[,)])", "", found["name"])
                yield Name("::".join(filter(None, scopes)), bare, "" in scopes, number)
