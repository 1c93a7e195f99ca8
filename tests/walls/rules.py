"""The walls of the house as tables: who may include what, which calls are forbidden, and the exceptions."""

import re
from dataclasses import dataclass

PRODUCT = ("authz", "gerve", "sshd-plugin")


@dataclass(frozen=True)
class Wall:
    """Files that match `inside` never reach an include that matches `forbidden`, by no detour of headers either."""

    name: str
    inside: tuple[str, ...]
    forbidden: str


@dataclass(frozen=True)
class SoleIncluder:
    """In the product, only files that match `inside` include what matches `headers`."""

    name: str
    headers: str
    inside: tuple[str, ...]


WALLS = [
    Wall("authz is the floor: it knows neither gateway nor plugin",
         ("authz/*",), r"(gerve|sshd-plugin)/"),
    Wall("the relay knows no SSH", ("gerve/relay/*",), r"(gerve/ssh|libssh)/"),
    Wall("the file server's side knows no SSH", ("gerve/agent/*",), r"(gerve/ssh|libssh)/"),
    Wall("the plugin knows no SSH server", ("sshd-plugin/*",), r"(gerve/ssh|libssh)/"),
    Wall("only authz and the commands open the directory",
         ("gerve/ssh/*", "gerve/relay/*", "gerve/process/*", "gerve/metrics/*", "gerve/worker/*", "gerve/master/*",
          "gerve/agent/*", "sshd-plugin/*"),
         r"authz/(store|audit)/"),
    Wall("the base knows nothing above it", ("authz/base/*",), r"authz/(?!base/)"),
    Wall("what wraps the system knows nothing of Gerve's", ("authz/os/*",), r"authz/(?!base/|os/)"),
    Wall("the messages of authz know neither who decides nor what is stored", ("authz/wire/*",),
         r"authz/(?!base/|os/|model/|wire/)"),
    Wall("what is stored knows neither messages nor who decides", ("authz/store/*",), r"authz/(audit|service|wire)/"),
    Wall("the audit trail does not look up to who decides", ("authz/audit/*",), r"authz/service/"),
    Wall("the master knows neither SSH nor git nor what its children do", ("gerve/master/*",),
         r"(gerve/(ssh|relay|worker|metrics|agent|cli)|authz/(service|wire)|libssh)/"),
    Wall("the children know neither the master nor the commands", ("gerve/worker/*", "gerve/metrics/*", "gerve/process/*"),
         r"gerve/(master|cli|agent)/"),
    Wall("the gateway knows no plugin", ("gerve/*",), r"sshd-plugin/"),
]

SOLE_INCLUDERS = [
    SoleIncluder("libssh", r"libssh/", ("gerve/ssh/*",)),
    SoleIncluder("MySQL Connector/C++", r"(cppconn/|mysql|mariadb)", ("authz/store/mysql/*",)),
    SoleIncluder("hiredis", r"hiredis", ("authz/store/redis/*",)),
    SoleIncluder("prometheus-cpp", r"prometheus/", ("gerve/metrics/page.cc",)),
    SoleIncluder("SQLite", r"sqlite3", ("authz/store/sqlite/*",)),
    SoleIncluder("toml++", r"toml(\+\+|plusplus)?[/.]", ("authz/base/toml.cc",)),
]

# The model and the policy do no I/O: they include their own kind, and of the rest only what stands here.
PURE = ("authz/model/*", "authz/policy.*", "authz/forge_policy.*", "authz/certificate_rules.*", "authz/login_rules.*")
PURE_INCLUDES = {
    "authz/base/address.h",
    "authz/base/big_endian.h",
    "authz/base/clock.h",  # for UnixMillis; PURE_FORBIDDEN keeps its functions out
    "authz/base/curve_points.h",
    "authz/base/digest.h",
    "authz/base/display.h",
    "authz/base/enum_names.h",
    "authz/base/match.h",
    "authz/base/result.h",
    "authz/base/ssh_fields.h",
    "authz/base/ssh_signature.h",
    "authz/base/text.h",
    "authz/base/units.h",
    *(f"<{name}>" for name in (
        "algorithm", "array", "bit", "charconv", "chrono", "compare", "concepts", "cstddef", "cstdint", "cstring",
        "functional", "initializer_list", "iterator", "limits", "map", "optional", "ranges", "set", "span",
        "stdexcept", "string", "string_view", "tuple", "type_traits", "unordered_map", "unordered_set",
        "utility", "variant", "vector", "tl/expected.hpp")),
}
PURE_FORBIDDEN = r"\b(unix_now|monotonic_now|getenv|(?:steady|system|high_resolution)_clock)\b"

# No shell, no copy of a process that holds secrets: posix_spawn is the one way to start a program.
FORBIDDEN_CALLS = r"\b(system|popen|v?fork|exec(?:l|le|lp|v|ve|vp|vpe|veat))\s*\("
FORBIDDEN_CALL_EXCEPTIONS: dict[str, str] = {
    "gerve/agent/lfs/hook_process.cc": "becomes the repository's own hook, whose parent is to be git",
}
FORBIDDEN_STRINGS = r'"(?:/bin/|/usr/bin/)?(?:ba|da)?sh"|"sh -c'

# Whoever can make a Proof can make somebody a principal. Each place that does, and how often.
PROOF_MINTS: dict[str, dict[str, int]] = {
    "from_sealed_handle": {"authz/service/authorizer.cc": 1},
    "from_administrator": {"authz/service/explain.cc": 3},
    "for_comparison": {"authz/service/shadow.cc": 1},
}
PROOF_HOME = "authz/model/principal.h"

# What differs between kinds of key holders is asked by match(), which a new kind does not get past.
HOLDER_BY_ELSE = r"\b(?:get_if|holds_alternative|get)<(?:User|DeployKey|CertifiedUser|SharedDeployKey)>"

# Turns that a reader of the trade has to read twice, in what users meet: texts of the programs, manuals, documents.
# The right hand says what is written in their place.
DIALECT = {
    r"(?i)\b(?:he|his|him|himself)\b": "they, or the noun",
    r"(?i)\bwhoever\b": "anyone who, a client that",
    r"(?i)\b(?:mend|mends|mended)\b": "fix, repair, correct, remedy",
    r"(?i)\bso (?:long|many)\b": "this long, this many, how long",
    r"(?i)\b(?:is none|what is no)\b": "invalid, missing, no limit",
    r"(?i)\blet in\b": "accepted",
    r"(?i)\bturned away\b": "refused",
    r"(?i)\bin vain\b": "without success",
}
# One spelling, and one word, for each thing; see the glossary of docs/architecture.md.
SYNONYMS = {
    r"(?i)\blog-ins?\b": "login",
    r"(?i)(?<!0010-)\blook-ups?\b": "lookup",
    r"(?i)\btime-outs?\b": "timeout",
    r"(?i)\borganizations\b": "organisations",
    r"(?i)\baudit logs?\b": "audit trail",
    r"(?i)\bfile-?servers?\b": "file server",
    r"(?i)\b(?:white|black)lists?\b": "the networks that are served, refused",
    r"\b(?:[Uu]sernames?|[Aa]ccount names?)\b": "login, or user name for SSH's",
    r"(?i)\bunauthorized\b": "denied",
    r"(?i)\bgit servers?\b": "file server, gateway",
    r"(?i)\bkey ?holders?\b": "holder",
    r"(?i)\bhidden repositor(?:y|ies)\b": "private, disabled",
}
WHAT_USERS_READ = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/man/*", "packaging/*.toml",
                   "tests/README.md")

# A path of somebody's machine is right there and nowhere else. (`dir + "/root/x"` is below dir.)
MACHINE_PATHS = r"(?<!\+ \")(?<![\w./~${}-])/(?:work|root|home|Users)/[\w.-]+"
MACHINE_PATH_EXCEPTIONS: dict[str, str] = {}

# What is taken for the name of a file or folder of this tree, without a suffix in documents.
NAMED_IN_DOCUMENTS = r"`(?:authz|gerve|sshd-plugin|packaging|tests)/[\w/.-]+`"
NAMED_IN_CODE = r"\b(?:authz|gerve|sshd-plugin|tests)/[\w/-]+\.(?:h|cc|py)\b"

MAX_FILE_LINES = 350
LONG_FILES: dict[str, str] = {}  # path: why a reader accepts it

MAX_FUNCTION_LINES = 60
LONG_FUNCTIONS: dict[str, str] = {}  # "path:first line of the function": why

CXX = re.compile(r"\.(h|cc)$")
LENGTH_CHECKED = re.compile(r"(\.(h|cc|py|sh)|/quickstart|/run|/format)$")
TEXT = re.compile(r"(\.(h|cc|py|sh|md|txt|toml|ini|build|sql|conf|service|socket|yml|cfg|[1-8])|/[A-Za-z-]+)$")

# Programs, and the libraries that they are never linked with. dummy_gerve has the master's library in it, and all that
# this one depends on.
NEVER_LINKED = {
    "gerve": r"libssh\.",  # libssh.a is in it
    "gerve-agent": r"lib(ssh|sqlite3|mysql|mariadb|hiredis)",
    "dummy_gerve": r"lib(ssh|sqlite3|mysql|mariadb|hiredis|seccomp)",
    "gerve-shell": r"lib(ssh|sqlite3|mysql|mariadb|hiredis)",
    "gerve-authorized-keys": r"lib(ssh|sqlite3|mysql|mariadb|hiredis)",
}

# Programs, and functions that a static library would have brought into them.
NEVER_CONTAINED = {name: r"(ssh_new|sqlite3_open_v2|redisConnect|get_driver_instance)$"
                   for name in ("gerve-agent", "gerve-shell", "gerve-authorized-keys", "dummy_gerve")}
