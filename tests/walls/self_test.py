#!/usr/bin/python3
"""Shows that the wall test can fail: plants each kind of violation in a small tree and looks for its finding."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import linked
import rules
import walls

HEADER = "// A thing that is there for the test.\n#pragma once\n"


def hidden(declarations: str) -> str:
    return f"namespace gerve {{\nnamespace {{\n{declarations}}}  // namespace\n}}  // namespace gerve\n"


GOOD = {
    "authz/base/result.h": HEADER + "#include <tl/expected.hpp>\n",
    "authz/base/clock.h": HEADER,
    "authz/model/login.h": HEADER + '#include <string>\n#include "authz/base/result.h"\n',
    "authz/model/principal.h": HEADER + "static Proof from_sealed_handle();\n",
    "authz/policy.cc": '#include "authz/model/login.h"\n#include "authz/base/clock.h"\n',
    "authz/store/directory.h": HEADER,
    "authz/store/mysql/mysql_pool.cc": "#include <cppconn/driver.h>\n#include <mysql_driver.h>\n",
    "authz/store/redis/redis_routes.cc": "#include <hiredis/hiredis.h>\n",
    "authz/store/sqlite/sqlite.cc": "#include <sqlite3.h>\n",
    "authz/base/toml.cc": "#include <toml++/toml.h>\n",
    "gerve/ssh/connection.h": HEADER + "#include <libssh/libssh.h>\n",
    "gerve/worker/worker.h": HEADER + '#include "gerve/ssh/connection.h"\n',
    "gerve/worker/worker.cc": '#include "gerve/worker/worker.h"\n// system("rm") would be refused\n',
    "authz/audit/trail.h": HEADER,
    "authz/service/server.h": HEADER,
    "gerve/master/crew.h": HEADER,
    "gerve/cli/user.cc": '#include "authz/store/directory.h"\n',
    "gerve/relay/pump.cc": '#include "authz/base/result.h"\n',
    "gerve/relay/meson.build": "relay_lib = static_library('relay',\n  'pump.cc',\n  'tap.cc')\n",
    "gerve/relay/tap.h": HEADER + "namespace gerve {\nconstexpr int most = 1;\n}  // namespace gerve\n",
    "gerve/relay/tap.cc": '#include "gerve/relay/tap.h"\n' + hidden("constexpr int least = 0;\nvoid pour(int cups) {\n}\n"),
    "tests/unit/login_test.cc": '#include "authz/model/login.h"\n#include <libssh/libssh.h>\n',
    "build/generated.cc": '#include "nowhere.h"\n',
    "tests/unit/fd_test.cc": 'auto inside = directory.path + "/root/owner";\n',
    "README.md": "Configuration is in /etc/gerve, state in /var/lib/gerve, or ~/root/x.\n",
}


# Each row: the check, the file that is planted, its text, and what the finding says.
PLANTED = [
    ("check_walls", "authz/base/log.cc", '#include "gerve/worker/worker.h"\n', "authz is the floor"),
    ("check_walls", "authz/base/log.cc", '#include "sshd-plugin/shell.h"\n', "authz is the floor"),
    ("check_walls", "gerve/agent/run.cc", '#include "gerve/ssh/connection.h"\n', "file server's side"),
    ("check_walls", "gerve/agent/run.cc", '#include "gerve/worker/worker.h"\n',
     "gerve/worker/worker.h → gerve/ssh/connection.h: the file server's side"),
    ("check_walls", "sshd-plugin/shell.cc", '#include "gerve/ssh/connection.h"\n', "plugin knows no SSH"),
    ("check_walls", "gerve/relay/pump.cc", '# include "gerve/ssh/connection.h"\n', "relay knows no SSH"),
    ("check_walls", "gerve/master/master.cc", '#include "authz/store/directory.h"\n', "open the directory"),
    ("check_walls", "gerve/cli/setup.cc", '#include "sshd-plugin/shell.h"\n', "gateway knows no plugin"),
    ("check_walls", "authz/base/log.cc", '#include "authz/model/login.h"\n', "the base knows nothing above it"),
    ("check_walls", "authz/os/users.cc", '#include "authz/model/login.h"\n', "what wraps the system"),
    ("check_walls", "authz/wire/replies.cc", '#include "authz/store/directory.h"\n', "the messages of authz"),
    ("check_walls", "authz/store/schema.cc", '#include "authz/audit/trail.h"\n', "what is stored knows"),
    ("check_walls", "authz/audit/table.cc", '#include "authz/service/server.h"\n', "does not look up"),
    ("check_walls", "gerve/master/crew.cc", '#include "gerve/worker/worker.h"\n', "the master knows neither"),
    ("check_walls", "gerve/worker/worker.cc", '#include "gerve/master/crew.h"\n', "the children know neither"),
    ("check_sole_includers", "gerve/worker/limits.cc", "#include <libssh/server.h>\n", "libssh"),
    ("check_sole_includers", "authz/store/sqlite/sqlite.cc", "#include <cppconn/driver.h>\n", "Connector/C++"),
    ("check_sole_includers", "authz/service/pool.cc", "#include <mysql_driver.h>\n", "Connector/C++"),
    ("check_sole_includers", "authz/service/pool.cc", "#include <hiredis/hiredis.h>\n", "hiredis"),
    ("check_sole_includers", "gerve/cli/user.cc", "#include <sqlite3.h>\n", "SQLite"),
    ("check_sole_includers", "authz/config.cc", "#include <toml++/toml.h>\n", "toml++"),
    ("check_sole_includers", "authz/config.cc", "#include <toml.hpp>\n", "toml++"),
    ("check_pure", "authz/model/login.cc", "#include <fstream>\n", "fstream is not on their list"),
    ("check_pure", "authz/policy.cc", '#include "authz/base/fd.h"\n', "authz/base/fd.h is not on their list"),
    ("check_pure", "authz/policy.cc", "auto now = unix_now();\n", "read no clock"),
    ("check_include_paths", "authz/model/login.h", HEADER + '#include "result.h"\n', "no file from the root"),
    ("check_include_paths", "authz/model/circle.h", HEADER + '#include "authz/model/circle.h"\n', "itself"),
    ("check_forbidden_calls", "gerve/agent/run.cc", 'int i = std::system("git gc");\n', "system("),
    ("check_forbidden_calls", "gerve/agent/run.cc", 'auto* p = popen("id", "r");\n', "popen("),
    ("check_forbidden_calls", "gerve/agent/run.cc", "const pid_t pid = ::fork();\n", "fork("),
    ("check_forbidden_calls", "gerve/agent/run.cc", "execvp(argv[0], argv);\n", "execvp("),
    ("check_forbidden_calls", "gerve/agent/run.cc", 'const char* path = "/bin/sh";\n', "no shell"),
    ("check_proofs", "gerve/worker/client_connection.cc", "auto p = Proof::from_sealed_handle(k);\n", "1 calls"),
    ("check_holders", "gerve/cli/keys.cc", "if (std::get_if<User>(&key.holder)) return;\n", "match()"),
    ("check_dialect", "docs/operations.md", "Repeat it for as long as it is away, and mend it then.\n", "write fix"),
    ("check_dialect", "docs/operations.md", "Log-ins are slow.\n", "write login"),
    ("check_dialect", "gerve/cli/keys.cc", 'const char* told = "Whoever holds the key";\n', "write anyone"),
    ("check_machine_paths", "docs/operations.md", "See /" + "home/somebody/gerve.\n", "path of one machine"),
    ("check_machine_paths", "packaging/quickstart", "cd /" + "root/gerve\n", "path of one machine"),
    ("check_named_files", "docs/architecture.md", "See `gerve/worker/gone` there.\n", "there is no such file"),
    ("check_named_files", "gerve/worker/worker.cc", "// As gerve/master/gone.h has it.\n", "there is no such file"),
    ("check_conftest_imports", "tests/e2e/sshd/test_sshd.py", "import re\nfrom conftest import site\n", "more than one file"),
    ("check_headers", "authz/base/fd.h", "#pragma once\n", "opens with a comment"),
    ("check_headers", "authz/base/fd.h", "// Owned descriptors.\n\n#pragma once\n", "opens with a comment"),
    ("check_headers", "authz/base/fd.h", "// Owned descriptors\n#pragma once\n", "full stop"),
    ("check_file_length", "tests/run", "\n" * 351, "351 lines; split it"),
    ("check_function_length", "gerve/agent/run.cc", "int f() {\n" + "    g();\n" * 60 + "}\n", "of 62 lines"),
    ("check_unity_names", "gerve/relay/pump.cc", hidden("constexpr int most = 2;\n"), "most is in gerve/relay/tap.h"),
    ("check_unity_names", "gerve/relay/pump.cc", hidden("const int least = 2;\n"), "least is in gerve/relay/tap.cc"),
    ("check_unity_names", "gerve/relay/pump.cc", hidden("void pour(int mugs) {\n}\n"), "pour(int) is in"),
    ("check_unity_names", "gerve/ssh/meson.build", "ssh_lib = static_library('ssh', sources)\n", "does not understand"),
]


def plant(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found_in(files: dict[str, str], check=None) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        plant(Path(directory), files)
        tree = walls.Tree(Path(directory))
        return [finding for each in ([check] if check else walls.CHECKS) for finding in each(tree)]


@mock.patch.multiple(rules, PROOF_MINTS={"from_sealed_handle": {}}, LONG_FILES={}, LONG_FUNCTIONS={})
class WallsCanFail(unittest.TestCase):
    def test_a_good_tree_has_no_findings(self):
        self.assertEqual(found_in(GOOD), [])

    def test_each_planted_violation_is_found(self):
        for check, path, text, said in PLANTED:
            with self.subTest(check=check, path=path, text=text[:60]):
                found = found_in(GOOD | {path: text}, getattr(walls, check))
                self.assertEqual(len(found), 1, found)
                self.assertIn(path, found[0])
                self.assertIn(said, found[0])

    def test_each_check_has_a_violation_here(self):
        self.assertEqual({check.__name__ for check in walls.CHECKS}, {row[0] for row in PLANTED})

    def test_a_listed_place_may_mint_a_proof_as_often_as_listed(self):
        planted = GOOD | {"authz/service/key.cc": "Proof::from_sealed_handle(a);\n"}
        for listed, count in ((1, 0), (2, 1)):
            mints = {"from_sealed_handle": {"authz/service/key.cc": listed}}
            with mock.patch.object(rules, "PROOF_MINTS", mints):
                self.assertEqual(len(found_in(planted, walls.check_proofs)), count)

    def test_an_exception_that_is_not_needed_is_found(self):
        with mock.patch.object(rules, "LONG_FILES", {"README.md": "was long once", "authz/policy.cc": "too"}):
            self.assertIn("needs no exception", found_in(GOOD, walls.check_file_length)[0])

    def test_the_main_program_tells_by_its_exit_status(self):
        with tempfile.TemporaryDirectory() as directory:
            plant(Path(directory), GOOD)
            self.assertEqual(walls.main([directory]), 0)
            plant(Path(directory), {"authz/model/login.cc": "#include <fstream>\n"})
            self.assertEqual(walls.main([directory]), 1)

    def test_a_library_that_is_kept_out_is_found(self):
        self.assertEqual(linked.findings("gerve-agent", ["libcrypto.so.3", "libc.so.6"], ["main"]), [])
        for library in ("libssh.so.4", "libsqlite3.so.0", "libmysqlcppconn.so.7", "libhiredis.so.0.14"):
            self.assertEqual(linked.findings("gerve-agent", ["libc.so.6", library], []),
                             [f"gerve-agent is linked with {library}"])
        self.assertEqual(linked.findings("gerve", ["libsqlite3.so.0"], ["ssh_new"]), [])
        self.assertEqual(linked.findings("gerve", ["libssh.so.4"], []), ["gerve is linked with libssh.so.4"])
        self.assertEqual(linked.findings("dummy_gerve", [], ["main", "ssh_new"]), ["dummy_gerve has ssh_new() in it"])


if __name__ == "__main__":
    unittest.main()
