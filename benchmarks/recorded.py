"""Recorded launches (benchmarks/recordings) as launches of a journal, for what is derived from those."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.store import Launch

RECORDINGS = Path(__file__).resolve().parent / "recordings"


def launch_of(path: Path, variants: Sequence[str]) -> Launch:
    """Read one recording's sides `variants`; what it does not tell (the watch over the machine) is left out."""
    with np.load(path) as stored:
        meta = json.loads(str(stored["meta"]))
        samples = {each: stored[f"d_{each}"] for each in variants}
    headers: dict[str, dict[str, int]] = {each: {} for each in variants}
    return Launch({"n": meta["n"], "rounds": meta["R"], "headers": headers, "outputs": {}}, samples)


def recorded(folder: Path, kind: str, variants: Sequence[str]) -> list[Launch]:
    """Read every launch of a kind ("light-ort"), in order. Raises SystemExit when there is none."""
    paths = sorted(folder.glob(f"{kind}-*.npz"))
    if not paths:
        raise SystemExit(f"no recordings {kind}-*.npz in {folder}")
    return [launch_of(each, variants) for each in paths]
