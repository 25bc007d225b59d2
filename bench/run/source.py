"""The digest of a plugin's code: an edited plugin is noticed, and nothing it made before is taken for its work."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
from pathlib import Path

from bench.envs import serving
from bench.errors import Unsupported
from bench.offer import Offer

SUFFIXES = {".py", ".pt", ".npz", ".json", ".onnx"}


def code_of(offer: Offer) -> dict[str, object]:
    """Return what identifies an offer's code: target, its package's digest, the versions of what it needs.

    Of an offer that works in an environment of its own those are the environment's.
    """
    top = offer.target.partition(":")[0]
    digest = offer.digest or _package_digest(top.partition(".")[0])
    return {
        "name": offer.name,
        "target": offer.target,
        "digest": digest,
        "needs": _needs(offer),
    }


def environment_of(offer: Offer) -> dict[str, object] | None:
    """Return what records keep of the environment that an offer works in; None where that is the controller's."""
    try:
        found = serving(offer)
    except Unsupported:  # it has none: there is nothing to say of it
        return None
    if found is None:
        return None
    return {"name": found.name, "id": found.id, "python": found.python_version, "adopted": found.adopted}


def _needs(offer: Offer) -> dict[str, str]:
    environment = environment_of(offer)
    if environment is not None:
        return {"environment": str(environment["id"])}
    return {name: _version(name) for name in offer.needs}


def runtime_of(offer: Offer) -> str:
    """Return what identifies the runtime behind a backend: its code, the versions of what it needs, the interpreter.

    Where the code lies plays no part, so that two checkouts of one revision are one runtime.
    """
    code = code_of(offer)
    parts = [code["name"], code["digest"], code["needs"], *platform.python_version_tuple()[:2]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


@functools.cache
def _package_digest(name: str) -> str:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    if spec is None or not spec.origin:
        return ""
    roots = [Path(each) for each in spec.submodule_search_locations or ()]
    files = sorted(f for root in roots for f in root.rglob("*") if f.suffix in SUFFIXES) or [Path(spec.origin)]
    state = hashlib.sha256()
    for file in files:
        state.update(file.name.encode() + file.read_bytes())
    return state.hexdigest()


@functools.cache
def _version(name: str) -> str:
    for distribution in _owners().get(name, [name]):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


@functools.lru_cache(maxsize=1)
def _owners() -> dict[str, list[str]]:
    return {name: list(owners) for name, owners in importlib.metadata.packages_distributions().items()}
