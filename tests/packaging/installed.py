#!/usr/bin/python3
"""Installs the build into a directory and looks whether what is installed, and the documents, name what is there:
`installed.py SOURCE BUILD`. The documents have the paths of the Debian packages, whose prefix is /usr.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# What an installed file or a document may name; the prefix is taken off.
OURS = r"/(?:s?bin/gerve|lib/gerve|lib/sysusers\.d/gerve|share/doc/gerve)[\w./-]*"


def prefix_of(build: Path) -> str:
    told = subprocess.run(["meson", "introspect", "--buildoptions", str(build)], capture_output=True, check=True)
    return next(option["value"] for option in json.loads(told.stdout) if option["name"] == "prefix")


def paths_in(text: str, prefix: str) -> set[str]:
    """The paths of ours in a text, without the prefix."""
    found = re.findall(rf"(?<![\w.]){re.escape(prefix)}({OURS})", text)
    return {path.rstrip("./") for path in found}


def told_by(root: Path, prefix: str) -> dict[str, str]:
    """What is installed and names paths: files, and what programs print."""
    house = root / prefix.lstrip("/")
    texts = {str(file.relative_to(root)): file.read_text() for pattern in ("**/*.service", "share/doc/gerve/**/*.*")
             for file in house.glob(pattern)}
    texts |= {str(file.relative_to(root)): file.read_text() for file in root.glob("**/system/*.service")}
    with tempfile.TemporaryDirectory() as state:
        setup = [house / "bin/gerve", "--state", state, "sshd-setup"]
        texts["gerve sshd-setup"] = subprocess.run(setup, capture_output=True, text=True, check=True).stdout
    keys = subprocess.run([house / "lib/gerve/gerve-authorized-keys", "--help"], capture_output=True, text=True)
    texts["gerve-authorized-keys --help"] = keys.stdout.replace(str(root), "")
    return texts


def documents(source: Path) -> dict[str, str]:
    files = [source / "README.md", *source.glob("docs/*.md"), *source.glob("docs/man/*")]
    return {str(file.relative_to(source)): file.read_text() for file in files}


def findings(source: Path, root: Path, prefix: str) -> list[str]:
    house = root / prefix.lstrip("/")
    found = [f"docs/{file.name} is not installed" for file in sorted((source / "docs").glob("*.md"))
             if not (house / "share/doc/gerve" / file.name).exists()]
    for texts, under in ((told_by(root, prefix), prefix), (documents(source), "/usr")):
        named = {path: name for name, text in texts.items() for path in paths_in(text, under)}
        found += [f"{name} names {under}{path}, which is not installed" for path, name in sorted(named.items())
                  if not (house / path.lstrip("/")).exists()]
        for program in ("bin/gerve-agent", "lib/gerve/gerve-authorized-keys"):
            if under == prefix and f"/{program}" not in named:
                found.append(f"nothing that is installed names {prefix}/{program}")
    return found


def main(source: Path, build: Path) -> int:
    prefix = prefix_of(build)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        install = ["meson", "install", "-C", str(build), "--no-rebuild", "--quiet", "--destdir", directory]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        found = findings(source, root, prefix)
        print("\n".join(found) or f"all that is named is installed below {prefix}")
        shell = root / prefix.lstrip("/") / "lib/gerve/gerve-shell"
        shell.unlink()
        if not any("gerve-shell" in one for one in findings(source, root, prefix)):
            found.append("taking gerve-shell away goes unnoticed")
            print(found[-1])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
