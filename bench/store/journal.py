"""The launch journal: one file a launch, written the moment it ends. Statistics are derived from it when read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.store.files import write_atomically

META = "meta"
Samples = Any  # int64[rounds, n + 5]: see bench.measure.recorder


@dataclass(frozen=True)
class Launch:
    """One launch: `meta` (order, machine facts, headers by cell id) and each side's blocks by cell id."""

    meta: Mapping[str, Any]
    samples: Mapping[str, Samples]

    @property
    def sides(self) -> list[str]:
        """Cell ids measured in this launch."""
        return list(self.samples)


@dataclass(frozen=True)
class Journal:
    """The launches of a run, one folder a comparison."""

    folder: Path

    def append(self, comparison: str, launch: Launch) -> Path:
        """Write a launch to disk and return its path; numbers go up, holes are never filled."""
        place = self.folder / comparison
        number = 1 + max((int(each.stem) for each in place.glob("[0-9]*.npz")), default=0)
        path = place / f"{number:05d}.npz"
        write_atomically(path, _pack(launch))
        return path

    def read(self, comparison: str) -> list[Launch]:
        """Read the launches of a comparison in order; unreadable files are passed over."""
        paths = sorted((self.folder / comparison).glob("[0-9]*.npz"))
        return [launch for path in paths for launch in _unpack(path)]

    def drop(self, comparison: str) -> None:
        """Forget the launches of a comparison: it is measured afresh."""
        for path in (self.folder / comparison).glob("*.npz"):
            path.unlink()


def _pack(launch: Launch) -> bytes:
    """Compress: differences of neighbouring calls as int64 need 3-4 bytes a call after deflate."""
    import numpy as np

    stream = io.BytesIO()
    named = {f"s_{cell}": np.asarray(value, dtype=np.int64) for cell, value in launch.samples.items()}
    np.savez_compressed(stream, **{META: np.array(json.dumps(launch.meta))}, **named)
    return stream.getvalue()


def _unpack(path: Path) -> Iterator[Launch]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive[META]))
            yield Launch(meta, {name[2:]: archive[name] for name in archive.files if name.startswith("s_")})
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return
