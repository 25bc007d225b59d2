"""What is there: environments that were built whole, and interpreters that were adopted."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.envs.wanted import Wanted
from bench.store import cache_folder
from bench.store.files import read_json, write_json

MARKER = "environment.json"  # written last: a folder without it is no environment
ADOPTED = ".adopted.json"


@dataclass(frozen=True)
class Environment:
    """An interpreter for the offers of one set of requirements.

    `packages` are its distributions, "name==version" or "name @ URL", as they were when it was built or adopted;
    `notes` say where an adopted one differs from what was asked for; `size_bytes` is its size on disk (0: adopted).
    """

    name: str
    key: str
    python: str
    python_version: str
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    adopted: bool = False
    size_bytes: int = 0
    built: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def id(self) -> str:
        """What identifies it in records and cache keys: everything that is installed in it."""
        from bench.store.cache import key_of

        return key_of([self.python_version, sorted(self.packages)])[:12]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Environment:
        """Rebuild one from its marker. Raises TypeError for another version's."""
        many = {name: tuple(data[name]) for name in ("requirements", "packages", "notes")}
        return cls(**{**data, **many})


def environments_folder() -> Path:
    """Return where environments lie: under the cache, untouched by `bench cache clear`."""
    return cache_folder() / "envs"


def python_in(folder: Path) -> Path:
    """Return the interpreter of a virtual environment's folder."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def find(wanted: Wanted, folder: Path | None = None) -> Environment | None:
    """Return the environment of a set of requirements, an adopted one first; None where there is none to be used."""
    place = folder or environments_folder()
    for path in (_adoption(wanted, place), *sorted(place.glob(f"*-{wanted.key}/{MARKER}"))):
        found = _read(path)
        if found is not None and found.key == wanted.key and Path(found.python).exists():
            return found
    return None


def broken_adoption(wanted: Wanted, folder: Path | None = None) -> str | None:
    """Return the interpreter that was adopted and is gone, None where there is no such thing."""
    found = _read(_adoption(wanted, folder or environments_folder()))
    return found.python if found is not None and not Path(found.python).exists() else None


def every(folder: Path | None = None) -> list[Environment]:
    """Return all environments that are there, whoever asks for them, sorted by name."""
    place = folder or environments_folder()
    paths = [*place.glob(f"*/{MARKER}"), *place.glob(f"*{ADOPTED}")]
    return sorted((each for path in paths if (each := _read(path))), key=lambda each: (each.name, each.key))


def keep(environment: Environment, path: Path) -> None:
    """Write the marker that makes an environment one."""
    write_json(path, asdict(environment))


def keep_adopted(environment: Environment, wanted: Wanted, folder: Path | None = None) -> None:
    """Remember an adopted interpreter under its requirements' key."""
    keep(environment, _adoption(wanted, folder or environments_folder()))


def remove(environment: Environment, folder: Path | None = None) -> int:
    """Remove an environment and return the bytes freed; of an adopted interpreter only the adoption goes."""
    place = folder or environments_folder()
    if environment.adopted:
        (place / f"{environment.key}{ADOPTED}").unlink(missing_ok=True)
        return 0
    for marker in place.glob(f"*-{environment.key}/{MARKER}"):
        marker.unlink(missing_ok=True)  # first: what is half removed must not be taken for an environment
        shutil.rmtree(marker.parent)
    return environment.size_bytes


def _adoption(wanted: Wanted, folder: Path) -> Path:
    return folder / f"{wanted.key}{ADOPTED}"


def _read(path: Path) -> Environment | None:
    data = read_json(path)
    with contextlib.suppress(TypeError, KeyError, ValueError):
        return Environment.from_json(data) if isinstance(data, dict) else None
    return None
