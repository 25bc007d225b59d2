"""Where the shipped suites and page templates lie: beside the package when installed, in the checkout otherwise."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shelf(kind: str) -> Path:
    """Return the folder of shipped content of a kind: `suites` or `reports`.

    Raises FileNotFoundError when neither an installed nor a checkout's folder exists.
    """
    package = Path(str(files("bench")))
    for folder in (package / "_shelf" / kind, package.parent / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no shelf of {kind}: joulebench is installed without its content; reinstall it")
