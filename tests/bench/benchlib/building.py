"""Finds, or builds, the programs that are measured and the load generator."""

import json
import os
import subprocess

from benchlib.system import BenchError

BUILD_LIMIT_S = 1800


def light_client(source, build):
    """Path of the load generator, after configuring and building what is missing."""
    path = os.path.join(build, "tests", "bench", "light_client")
    if not os.path.exists(path):
        configured = os.path.exists(os.path.join(build, "build.ninja"))
        _run(["meson", "configure", build, "-Dbench=true"] if configured
             else ["meson", "setup", build, source, "-Dbench=true"])
        _run(["ninja", "-C", build, "tests/bench/light_client"])
    return path


def build_product(build):
    """Builds everything when the build directory has no gerve yet."""
    if program(build, "gerve") is None:
        _run(["ninja", "-C", build])


def program(build, name):
    """Path of a built program, or None."""
    for directory, _, files in os.walk(build):
        path = os.path.join(directory, name)
        if name in files and os.access(path, os.X_OK):
            return path
    return None


def warnings(build):
    """What about this build makes its figures unfit for comparison."""
    try:
        with open(os.path.join(build, "meson-info", "intro-buildoptions.json")) as file:
            options = {option["name"]: option["value"] for option in json.load(file)}
    except OSError:
        return []
    found = []
    if options.get("optimization") in ("0", "g", "plain") or options.get("buildtype") == "debug":
        found.append(f"{build} is not an optimized build")
    if options.get("b_sanitize", "none") not in ("none", []):
        found.append(f"{build} is built with sanitizers")
    return found


def _run(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_LIMIT_S)
    if result.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{(result.stdout + result.stderr)[-2000:]}")
