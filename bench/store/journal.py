"""The launch journal: one file a launch, written the moment it ends. Statistics are derived from it when read."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.store.files import write_atomically
from bench.store.launch import SUPERSEDED, Damaged, Launch, check

META, SIDES, PLANES, DIGEST = "meta", "sides", "planes", "digest"
QUERIES = "/queries"  # after a side's name: the latencies of the queries issued to it
NAMED = re.compile(r"(\d{5})\.npz")
EVER = re.compile(r"(\d{5})\.npz(\.old.*)?")
Note = Callable[[str], None]


def _silent(text: str) -> None:
    del text


@dataclass(frozen=True)
class Journal:
    """The launches of a run, one folder a comparison."""

    folder: Path

    def append(self, comparison: str, launch: Launch) -> Path:
        """Write a launch to disk and return its path; numbers go up, holes are never filled."""
        place = self.folder / comparison
        number = 1 + max((int(found[1]) for found in _names(place, EVER)), default=0)
        path = place / f"{number:05d}.npz"
        write_atomically(path, _pack(launch))
        return path

    def read(self, comparison: str, note: Note = _silent) -> list[Launch]:
        """Read the launches of a comparison in order.

        A file that is unreadable, was changed since it was written, or lacks what is needed is one launch less: `note`
        is told its name and why.
        """
        return [launch for path in self._paths(comparison) for launch in _unpack(path, note)]

    def set_aside(self, comparison: str, cells: Collection[str]) -> None:
        """Take the samples of cells out: they are measured afresh. What was there is kept as `NNNNN.npz.old`.

        A launch that other cells were measured in stays with their samples and the baseline's, to which theirs are
        paired; `superseded` in it names the cells for which it counts no more.
        """
        for path in self._paths(comparison):
            launch = next(_unpack(path, _silent), None)
            gone = {*cells, *(launch.meta.get(SUPERSEDED, ()) if launch else ())}
            others = [each for each in launch.samples if each not in gone] if launch else []
            if launch is None or not others:
                path.rename(_free(path))
                continue
            if any(each in cells for each in launch.samples):
                _keep_copy(path)
                write_atomically(path, _pack(_without(launch, comparison, others, cells)))

    def _paths(self, comparison: str) -> list[Path]:
        place = self.folder / comparison
        return [place / found[0] for found in _names(place, NAMED)]


def _without(launch: Launch, base: str, others: Collection[str], cells: Collection[str]) -> Launch:
    """Return a launch with the samples of other cells and the baseline's only; cells are named as superseded."""
    kept = {cell: value for cell, value in launch.samples.items() if cell in others or cell == base}
    gone = {*launch.meta.get(SUPERSEDED, ()), *(cell for cell in launch.samples if cell in cells)}
    queries = {cell: value for cell, value in launch.queries.items() if cell in kept}
    return Launch({**launch.meta, SUPERSEDED: sorted(gone)}, kept, queries)


def _names(place: Path, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """Return the names in a folder that fit; whatever else lies there is not the journal's."""
    names = sorted(each.name for each in place.iterdir()) if place.is_dir() else []
    return [found for name in names if (found := pattern.fullmatch(name))]


def _free(path: Path) -> Path:
    """Return the name under which a file is set aside: never one that is taken."""
    tries = (path.with_name(f"{path.name}.old{f'-{number}' if number > 1 else ''}") for number in range(1, 10_000))
    return next(each for each in tries if not each.exists())


def _keep_copy(path: Path) -> None:
    place = _free(path)
    try:
        os.link(path, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, place)


def _pack(launch: Launch) -> bytes:
    """Return a launch as npz: `meta` is JSON (UTF-8), `sides` the shape of each cell's samples, `planes` their bytes.

    The planes are uint8[8, numbers], lowest byte first, all sides one after another: the upper bytes of neighbouring
    calls are alike, and laid side by side a call takes 3.5-5 bytes after deflate (recorded launches). `digest` is the
    sha256 of all three: a file that was changed is no launch.
    """
    import numpy as np

    named = {**launch.samples, **{f"{cell}{QUERIES}": value for cell, value in launch.queries.items()}}
    samples = {cell: np.ascontiguousarray(value, dtype="<i8") for cell, value in named.items()}
    flat = np.concatenate([value.ravel() for value in samples.values()]) if samples else np.empty(0, dtype="<i8")
    shapes = {cell: value.shape for cell, value in samples.items()}
    parts = {META: _bytes_of(launch.meta), SIDES: _bytes_of(shapes)}
    parts[PLANES] = np.ascontiguousarray(flat.view(np.uint8).reshape(-1, 8).T)
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **parts, **{DIGEST: np.frombuffer(_digest(parts), np.uint8)})
    return stream.getvalue()


def _digest(parts: dict[str, Any]) -> bytes:
    state = hashlib.sha256()
    for name in (META, SIDES, PLANES):
        state.update(f"{name} {parts[name].shape}\n".encode() + parts[name].tobytes())
    return state.digest()


def _bytes_of(value: Any) -> Any:
    import numpy as np

    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode(), np.uint8)


def _value_of(array: Any) -> Any:
    """Read JSON back; at first it was written as numpy's text, four bytes a character."""
    return json.loads(str(array) if array.dtype.kind == "U" else array.tobytes())


def _unpack(path: Path, note: Note) -> Iterator[Launch]:
    try:
        launch = check(_read(path))
    except Damaged as error:
        note(f"{path.name} of the journal is left out: {error}")
        return
    except Exception:  # noqa: BLE001 - damaged bytes make numpy, zipfile and zlib raise a dozen kinds; all mean one launch less
        note(f"{path.name} of the journal is left out: it cannot be read")
        return
    yield replace(launch, name=path.stem)


def _read(path: Path) -> Launch:
    import numpy as np

    # Read first: numpy leaves a damaged file open.
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        parts = {name: archive[name] for name in (META, SIDES, PLANES)}
        # Files of the first versions carry none.
        if DIGEST in archive.files and archive[DIGEST].tobytes() != _digest(parts):
            raise Damaged("it was changed after it was written")
    meta, shapes = _value_of(parts[META]), _value_of(parts[SIDES])
    flat = np.ascontiguousarray(parts[PLANES].T).view("<i8").ravel().astype(np.int64)
    samples, start = {}, 0
    for cell, (rounds, columns) in shapes.items():
        samples[cell] = flat[start : start + rounds * columns].reshape(rounds, columns)
        start += rounds * columns
    if start != len(flat):
        raise Damaged("it holds more numbers than its sides say")
    queries = {cell.removesuffix(QUERIES): samples.pop(cell) for cell in list(samples) if cell.endswith(QUERIES)}
    return Launch(meta, samples, queries)
