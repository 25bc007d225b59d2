"""Looking into another interpreter: its version, what is installed in it, and which imports it lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.envs.installer import run
from bench.errors import BenchError

LEAST_PYTHON = (3, 11)
# Runs in the other interpreter: the standard library only, and no syntax newer than an old Python's.
LOOK = """
import importlib.util, json, platform, sys
import importlib.metadata as metadata
def found(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
packages = {}
for each in metadata.distributions():
    name = each.metadata["Name"]
    if name and name.lower() not in packages:
        try:
            url = json.loads(each.read_text("direct_url.json") or "{}").get("url")
        except ValueError:
            url = None
        packages[name.lower()] = name + " @ " + url if url else name + "==" + each.version
lacks = [name for name in json.loads(sys.argv[1]) if not found(name)]
packages = sorted(packages.values(), key=str.lower)
print(json.dumps({"version": platform.python_version(), "packages": packages, "lacks": lacks}))
"""


@dataclass(frozen=True)
class Seen:
    """What an interpreter says of itself; `lacks` are the import names asked for that it does not find."""

    python_version: str
    packages: tuple[str, ...]
    lacks: tuple[str, ...]


def look_into(python: Path, needs: Sequence[str]) -> Seen:
    """Ask an interpreter, without packages of the user's own: no worker sees them.

    Raises BenchError when it cannot be run, or is older than the core needs.
    """
    printed = run([str(python), "-s", "-P", "-c", LOOK, json.dumps(list(needs))], f"{python} cannot be run")
    try:
        answer = json.loads(printed.strip().splitlines()[-1])
        seen = Seen(str(answer["version"]), tuple(answer["packages"]), tuple(answer["lacks"]))
        version = tuple(int(each) for each in seen.python_version.split(".")[:2])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BenchError(f"{python} answers like no Python interpreter: {printed[:200]!r}") from error
    if version < LEAST_PYTHON:
        raise BenchError(f"{python} is Python {seen.python_version}; joulebench needs 3.11 or later")
    return seen
