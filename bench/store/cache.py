"""The artifact cache: files named by the digest of their content, found again by what they were made from."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.artifact import Artifact, digest_of
from bench.store.files import flush_folder, read_json, write_json

CHECKSUM = "checksum"


def cache_folder() -> Path:
    """Return the cache's folder: BENCH_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("BENCH_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "joulebench"


def key_of(value: Any) -> str:
    """Return the key of whatever something was made from."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def checksum(key: str, facts: Mapping[str, Any]) -> str:
    """Return the checksum of facts under a key: one that fits neither other facts nor another key."""
    return key_of([key, {name: each for name, each in facts.items() if name != CHECKSUM}])


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder by its relative name; a file is read again only after it changed."""
    return {
        each.relative_to(folder).as_posix(): _digest(each, ((each.stat().st_mtime_ns, each.stat().st_size),))
        for each in (_files(folder) if folder.is_dir() else [])
    }


@dataclass(frozen=True)
class Cache:
    """Artifacts by content under `objects/`, JSON facts by key under `facts/`."""

    folder: Path

    def put(self, artifact: Artifact) -> Artifact:
        """Copy an artifact in (a file or a folder), flushed to disk; return it at its place in the cache."""
        place = self._place(artifact)
        if place.exists() and not _whole(replace(artifact, path=place)):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            holder = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
            fresh = holder / place.name
            (shutil.copytree if artifact.path.is_dir() else shutil.copyfile)(artifact.path, fresh)
            _flush(fresh)
            try:
                fresh.rename(place)
            except OSError:  # another controller was first with the same content
                if not place.exists():
                    raise
            finally:
                shutil.rmtree(holder, ignore_errors=True)
            flush_folder(place.parent)
        return replace(artifact, path=place)

    def find(self, digest: str, form: str) -> Artifact | None:
        """Return the artifact of a digest, None where it is not here or no longer whole; its format is as said."""
        name = digest.partition(":")[2]
        if not name.isalnum():
            return None
        for path in sorted((self.folder / "objects" / name[:2]).glob(f"{name}*")):
            size = sum(each.stat().st_size for each in _files(path))
            found = Artifact(path, form, digest, size)
            if (path.name == name or path.suffix) and _whole(found):
                return found
        return None

    def remember(self, key: str, facts: Mapping[str, Any]) -> None:
        """Keep JSON facts under a key, with a checksum of both."""
        write_json(self._facts(key), {**facts, CHECKSUM: checksum(key, facts)})

    def recall(self, key: str) -> dict[str, Any] | None:
        """Return the facts under a key, or None.

        Facts that were edited, or kept by a version that wrote no checksum, are none. An artifact they name must still
        be what its digest and its size say.
        """
        facts = read_json(self._facts(key))
        if not isinstance(facts, dict) or facts.pop(CHECKSUM, None) != checksum(key, facts):
            return None
        return facts if "artifact" not in facts or _is_whole(facts["artifact"]) else None

    def outcomes(self, key: str) -> Path:
        """Return where per-example outcomes of a key lie."""
        return self.folder / "outcomes" / key[:2] / f"{key}.npz"

    def clear(self) -> int:
        """Remove everything; return the bytes freed. What cannot be removed raises OSError."""
        freed = 0
        for name in ("objects", "facts", "outcomes", "data", "described", "work"):
            place = self.folder / name
            freed += sum(each.stat().st_size for each in place.rglob("*") if each.is_file())
            if place.exists():
                shutil.rmtree(place)
        return freed

    def _place(self, artifact: Artifact) -> Path:
        name = artifact.digest.partition(":")[2]
        return self.folder / "objects" / name[:2] / (name + artifact.path.suffix)

    def _facts(self, key: str) -> Path:
        return self.folder / "facts" / key[:2] / f"{key}.json"


def _is_whole(named: Any) -> bool:
    """Whether facts describe an artifact that is there as they say, in size too."""
    try:
        artifact = Artifact.from_json(named)
        size_bytes = sum(each.stat().st_size for each in _files(artifact.path))
    except (TypeError, ValueError, KeyError, AttributeError, OSError):
        return False
    return size_bytes == artifact.size_bytes and _whole(artifact)


def _whole(artifact: Artifact) -> bool:
    """Whether an artifact's bytes are still its own; a file is read again only after it changed."""
    try:
        stamps = [(each.stat().st_mtime_ns, each.stat().st_size) for each in _files(artifact.path)]
    except OSError:
        return False
    return bool(stamps) and _digest(artifact.path, tuple(stamps)) == artifact.digest


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, stamps: tuple[tuple[int, int], ...]) -> str:
    del stamps
    return digest_of(path)


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def _flush(path: Path) -> None:
    for each in _files(path):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
