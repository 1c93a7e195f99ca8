"""Turns the SQL files of both dialects into one C++ file, so that the files are the single source."""
import re
import sys
from pathlib import Path


def literal(text: str) -> str:
    """Raw string literals, cut into pieces that every compiler takes."""
    lines = text.splitlines(keepends=True)
    pieces = ["".join(lines[i:i + 100]) for i in range(0, len(lines), 100)]
    return "\n".join(f'R"sql({piece})sql"' for piece in pieces)


def main() -> None:
    output, *inputs = sys.argv[1:]
    rows = []
    for path in sorted(Path(name) for name in inputs):
        dialect = path.parent.name
        version = int(re.match(r"\d+", path.name)[0])
        rows.append(f'    {{Dialect::{dialect}, {version}, "{path.name}",\n{literal(path.read_text())}}},\n')
    Path(output).write_text('#include "authz/store/schema_files.h"\n\nnamespace gerve {\n\n'
                            "const std::vector<SchemaFile>& schema_files() {\n"
                            "    static const std::vector<SchemaFile> files{\n" + "".join(rows) +
                            "    };\n    return files;\n}\n\n}  // namespace gerve\n")


main()
