"""An artifact: what a recipe leaves behind, and the only thing a compressor and a backend share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Artifact:
    """A model file (or folder) in a format, named by the digest of its content.

    `size_bytes` is what lies on disk; `lineage` lists the steps and conversions that made it, oldest first.
    """

    path: Path
    format: str
    digest: str
    size_bytes: int
    lineage: tuple[Mapping[str, Any], ...] = field(default=())

    @classmethod
    def of(cls, path: Path, format: str, lineage: tuple[Mapping[str, Any], ...] = ()) -> Artifact:  # noqa: A002 - the field's name
        """Read an existing file or folder and name it by its content."""
        return cls(path, format, digest_of(path), sum(each.stat().st_size for each in _files(path)), lineage)

    def to_json(self) -> dict[str, Any]:
        """Return the artifact as JSON; the path is a string."""
        return {
            "path": str(self.path),
            "format": self.format,
            "digest": self.digest,
            "size_bytes": self.size_bytes,
            "lineage": [dict(each) for each in self.lineage],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Artifact:
        """Rebuild an artifact from `to_json`."""
        return cls(**{**data, "path": Path(data["path"]), "lineage": tuple(data.get("lineage", ()))})


def digest_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of a folder's relative names and bytes in sorted order."""
    state = hashlib.sha256()
    for each in _files(path):
        if path.is_dir():
            state.update(each.relative_to(path).as_posix().encode() + b"\0")
        with each.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                state.update(chunk)
    return f"sha256:{state.hexdigest()}"


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        yield path
