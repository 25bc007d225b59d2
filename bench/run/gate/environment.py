"""The environment of another revision: this one behind a virtual environment of the packages whose pins differ.

Only what differs is installed, so that gating an upgrade of one runtime does not fetch every framework again.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.run.gate.pins import pins_of
from bench.store.cache import key_of
from bench.store.locks import held

PIP_TIMEOUT_S = 1800.0
SHOWN_LINES = 6


@dataclass(frozen=True)
class Environment:
    """An interpreter, and what differs in it from this one: versions by name (empty: it is this one)."""

    python: str
    differs: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The id of what differs, empty where nothing does."""
        return key_of([platform.python_version(), dict(self.differs)])[:12] if self.differs else ""


def differing(theirs: Path, ours: Path) -> dict[str, str]:
    """Return the versions that another checkout pins otherwise than this one, as far as they are not what runs here."""
    before, now = pins_of(theirs), pins_of(ours)
    changed = {name: version for name, version in before.items() if now.get(name) != version}
    found = {}
    for name, version in sorted(changed.items()):
        here = _installed(name)
        if (here is not None and here != version) or (here is None and name not in now):
            found[name] = version
    return found


def environment_of(theirs: Path, ours: Path, cache: Path) -> Environment:
    """Return the environment of a checkout, built once. Raises BenchError, with pip's own words, when it cannot be."""
    versions = differing(theirs, ours)
    wanted = Environment(sys.executable, versions)
    if not versions:
        return wanted
    folder = cache / "envs" / f"gate-{wanted.key}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with held(cache / "envs.lock", patience_s=PIP_TIMEOUT_S):  # two gates build it once
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _build(folder, python, versions)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            (folder / ".ready").touch()
    return Environment(str(python), versions)


def _build(folder: Path, python: Path, versions: Mapping[str, str]) -> None:
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], versions)
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    _run([sys.executable, "-m", "pip", "--python", str(python), "install", *quiet, *wanted], versions)
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    theirs = Path(_run(ask, versions).strip())
    # Behind what was installed here: everything else is the environment that runs, its own path files included.
    ours = sorted({sysconfig.get_paths()[name] for name in ("purelib", "platlib")})
    lines = [f"import site; site.addsitedir({each!r})" for each in ours]
    (theirs / "zz-outer.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(command: list[str], versions: Mapping[str, str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(versions, str(error)) from error
    if ended.returncode:
        raise _failed(versions, "\n".join((ended.stderr or ended.stdout).strip().splitlines()[-SHOWN_LINES:]))
    return ended.stdout


def _failed(versions: Mapping[str, str], said: str) -> BenchError:
    named = ", ".join(f"{name}=={version}" for name, version in versions.items())
    return BenchError(
        f"the baseline's environment cannot be built ({named[:300]}): {said[:1500]}",
        cure="gate against a kept run instead, or make these versions available to pip",
    )


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
