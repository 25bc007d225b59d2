"""The rule that says whether an offer needs its environment at all, asked without importing anything."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Sequence


def unmet(requirements: Sequence[str], needs: Sequence[str]) -> tuple[str, ...]:
    """Return what keeps an offer from working in this interpreter, in words; empty: it runs here.

    It runs here when every import name of `needs` is found and every requirement of its environment whose marker
    applies is met by an installed distribution: by its version, or by its address where the requirement names one.
    """
    gone = [f"{name} is not installed" for name in needs if not found(name)]
    if gone:
        return tuple(gone)
    return tuple(why for each in requirements if (why := why_unmet(each, installed)))


def why_unmet(requirement: str, installed: Callable[[str], str | None]) -> str | None:
    """Return why what is installed (a version by name, "VERSION @ URL" from an address) does not meet a requirement.

    Raises packaging's InvalidRequirement for what is no requirement (PEP 508).
    """
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    have = installed(wanted.name)
    if have is None:
        return f"{wanted.name} is not installed"
    version, _, address = have.partition(" @ ")
    if wanted.url is not None:
        return None if address == wanted.url else f"{wanted.name} is not the one at {wanted.url}"
    if not wanted.specifier.contains(version, prereleases=True):
        return f"{wanted.name} is {version}, not {wanted.specifier}"
    return None


@functools.cache
def found(name: str) -> bool:
    """Whether an import name is found here; looked for, not imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def installed(name: str) -> str | None:
    """Return the version of a distribution installed here, with " @ URL" where it came from an address, or None."""
    try:
        there = importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    return str(there.version) + _address(there)


def packages_here() -> list[str]:
    """Return the distributions of this interpreter, as `look_into` tells those of another."""
    packages: dict[str, str] = {}
    for each in importlib.metadata.distributions():
        name = each.metadata["Name"]
        if name and name.lower() not in packages:
            address = _address(each)
            packages[name.lower()] = name + (address or f"=={each.version}")
    return sorted(packages.values(), key=str.lower)


def _address(distribution: importlib.metadata.Distribution) -> str:
    try:
        url = json.loads(distribution.read_text("direct_url.json") or "{}").get("url")
    except (ValueError, OSError):
        return ""
    return f" @ {url}" if url else ""
