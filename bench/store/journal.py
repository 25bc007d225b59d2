"""The launch journal: one file a launch, written the moment it ends. Statistics are derived from it when read."""

from __future__ import annotations

import io
import json
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
    """Return a launch as npz: `meta` is JSON (UTF-8), `sides` the shape of each cell's samples, `planes` their bytes.

    The planes are uint8[8, numbers], lowest byte first, all sides one after another: the upper bytes of neighbouring
    calls are alike, and laid side by side a call takes 3.5-5 bytes after deflate (recorded launches).
    """
    import numpy as np

    samples = {cell: np.ascontiguousarray(value, dtype="<i8") for cell, value in launch.samples.items()}
    flat = np.concatenate([value.ravel() for value in samples.values()]) if samples else np.empty(0, dtype="<i8")
    shapes = {cell: value.shape for cell, value in samples.items()}
    planes = np.ascontiguousarray(flat.view(np.uint8).reshape(-1, 8).T)
    stream = io.BytesIO()
    texts = {name: _bytes_of(value) for name, value in ((META, launch.meta), ("sides", shapes))}
    np.savez_compressed(stream, allow_pickle=False, planes=planes, **texts)
    return stream.getvalue()


def _bytes_of(value: Any) -> Any:
    import numpy as np

    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode(), np.uint8)


def _value_of(array: Any) -> Any:
    """Read JSON back; at first it was written as numpy's text, four bytes a character."""
    return json.loads(str(array) if array.dtype.kind == "U" else array.tobytes())


def _unpack(path: Path) -> Iterator[Launch]:
    try:
        launch = _read(path)
    except Exception:  # noqa: BLE001 - damaged bytes make numpy, zipfile and zlib raise a dozen kinds; all mean one launch less
        return
    yield launch


def _read(path: Path) -> Launch:
    import numpy as np

    # Read first: numpy leaves a damaged file open.
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        meta, shapes = (_value_of(archive[name]) for name in (META, "sides"))
        flat = np.ascontiguousarray(archive["planes"].T).view("<i8").ravel().astype(np.int64)
    samples, start = {}, 0
    for cell, (rounds, columns) in shapes.items():
        samples[cell] = flat[start : start + rounds * columns].reshape(rounds, columns)
        start += rounds * columns
    return Launch(meta, samples)
