"""An environment of its own for each tool: made once, from pinned requirements, found again by what they say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

TOOLS = Path(__file__).resolve().parent / "peer_tools"
INSTALL_TIMEOUT_S = 1200


class NotInstalled(Exception):
    """A tool that cannot be installed here."""


def interpreter(tool: str, envs: Path) -> Path:
    """Return the tool's interpreter, installing its requirements first if need be. Raises NotInstalled, with why."""
    requirements = TOOLS / f"{tool}.txt"
    version = ".".join(map(str, sys.version_info[:2]))
    name = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:8]
    folder = envs / f"{tool}-{name}"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        print(f"installing {tool}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        _install(tool, python, requirements)
        done.touch()
    return python


def code_digest(*names: str) -> str:
    """Return a digest of files under `peer_tools`."""
    return hashlib.sha256(b"".join((TOOLS / name).read_bytes() for name in names)).hexdigest()[:12]


def _install(tool: str, python: Path, requirements: Path) -> None:
    try:
        found = subprocess.run(
            _command(python, requirements), capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{tool}: pip took more than {INSTALL_TIMEOUT_S} s") from error
    if found.returncode:
        last = [each for each in found.stderr.strip().splitlines() if each] or ["pip failed"]
        raise NotInstalled(f"{tool}: {last[-1]}")


def _command(python: Path, requirements: Path) -> list[str]:
    return [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(requirements)]
