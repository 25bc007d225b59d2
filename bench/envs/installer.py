"""Installers: a virtual environment by the standard library, packages by uv where it is installed, else by pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from bench.envs.found import python_in
from bench.errors import BenchError
from bench.wire.strays import MARK, end_marked, new_mark, start_watchdog

INSTALLERS = ("auto", "uv", "pip")
INSTALL_TIMEOUT_S = 3600.0
SHOWN_LINES = 8
# These send packages elsewhere, or show the controller's own packages as installed already.
MISLEADING = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "PIP_ROOT",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)


def make_venv(folder: Path) -> Path:
    """Make an empty virtual environment of this interpreter's version and return its interpreter."""
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)], "a virtual environment cannot be made")
    return python_in(folder)


def install(python: Path, requirements: Sequence[str], installer: str = "auto") -> None:
    """Install requirements for an interpreter. Raises BenchError with the installer's own last lines."""
    command = _command(python, installer)
    run([*command, *requirements], f"{' '.join(requirements)[:300]} cannot be installed")


def run(command: Sequence[str], what: str) -> str:
    """Run a step and return what it printed; whatever it started ends with it, and with this process at the latest."""
    mark = new_mark()
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    start_watchdog()
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
            env={**environment, MARK: mark},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{what}: {error}") from error
    finally:
        end_marked(mark)
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-SHOWN_LINES:]
        raise BenchError("\n".join([f"{what}:", *(f"| {line[:300]}" for line in said)]))
    return ended.stdout


def _command(python: Path, installer: str) -> list[str]:
    uv = shutil.which("uv") if installer in ("auto", "uv") else None
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", str(python)]
    if installer == "uv":
        raise BenchError("uv is not installed here", cure="leave --installer out: pip will do")
    if not _has_pip():
        raise BenchError("neither uv nor pip is installed here", cure=f"{sys.executable} -m ensurepip")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    return [sys.executable, "-m", "pip", "--python", str(python), "install", *quiet]


def _has_pip() -> bool:
    """Whether pip is installed, by its metadata: setuptools' import hook warns of whoever looks for the module."""
    try:
        return bool(metadata.version("pip"))
    except metadata.PackageNotFoundError:
        return False
