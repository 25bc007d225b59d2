"""The raw samples: whether they are those that the record was written from, and whether they can be true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.derive.evidence import outcomes_digest
from bench.derive.launches import CPU
from bench.record import Record
from bench.store import Launch
from bench.store.launch import SUPERSEDED
from bench.validate.finding import Finding, of, short
from bench.validate.submission import Submission

# Of all recorded launches (72 comparisons, nine runtimes) the most were 1.12 and 0.995: see docs/rules.md.
MOST_CPU = 1.25  # processor seconds per wall second and thread
MOST_WALL = 1.02  # wall seconds of blocks per second between the blocks' starts
BLOCK_NS = 50_000.0  # reading the clocks and counters around a block belongs to no call


def samples(record: Record, submission: Submission) -> Iterator[Finding]:
    """Yield a finding for every launch or outcome that is not what the record was derived from."""
    journal = submission.journal_of(record.cell)
    yield from _sealed(record, submission)
    yield from _left_out(record, submission)
    for name in record.evidence["launches"]:
        if name in journal:
            yield from _artifact(record, journal[name])
            yield from _possible(record, journal[name])
    yield from _outcomes(record, submission)


def _sealed(record: Record, submission: Submission) -> Iterator[Finding]:
    journal, cells = submission.journal_of(record.cell), (record.cell.id, record.cell.comparison)
    for part, sides in (("launches", cells), ("idle", ())):
        for name, seal in record.evidence.get(part, {}).items():
            if name not in journal:
                yield of(record, "samples", f"launch {name} in its journal", "none that can be read")
            elif journal[name].seal(*sides) != seal:
                now = journal[name].seal(*sides)
                expected = f"launch {name} with the seal {str(seal)[:12]} that the record was derived from"
                yield of(record, "samples", expected, f"one with {now[:12]}: it was changed")


def _left_out(record: Record, submission: Submission) -> Iterator[Finding]:
    """Find launches of the same artifact that the record does not count: the slow ones, say."""
    base = submission.base_of(record)
    wanted = {each.cell.id: each.artifact for each in (record, base) if each is not None}
    for name, launch in submission.journal_of(record.cell).items():
        measured = wanted.items() <= launch.meta["artifacts"].items() and wanted.keys() <= launch.samples.keys()
        gone = record.cell.id in launch.meta.get(SUPERSEDED, ())
        if measured and not gone and name not in record.evidence["launches"]:
            yield of(
                record, "samples", f"launch {name}, which holds its artifact, among those counted", "it is left out"
            )


def _artifact(record: Record, launch: Launch) -> Iterator[Finding]:
    made = launch.meta["artifacts"].get(record.cell.id)
    if made != record.artifact:
        yield of(record, "artifact", f"{short(record.artifact)} in launch {launch.name}", f"{short(made)} was measured")


def _possible(record: Record, launch: Launch) -> Iterator[Finding]:
    """Find times that no processor and no clock allow: samples that were scaled leave the clocks beside them behind."""
    cell = record.cell.id
    if cell not in launch.samples:
        return
    n, blocks = int(launch.meta["n"]), launch.samples[cell]
    walls = blocks[:, :n].sum(axis=1).astype(np.float64)
    cpu, bound = float(blocks[:, n + CPU].sum()), MOST_CPU * record.cell.threads * float(walls.sum())
    if cpu > bound + BLOCK_NS * len(blocks):
        times = record.cell.threads
        expected = f"at most {times} processor second(s) a wall second in launch {launch.name}"
        yield of(record, "samples", expected, f"{cpu / float(walls.sum()):.2f}: calls shorter than the work in them")
    yield from _between(record, launch, walls)


def _between(record: Record, launch: Launch, walls: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Iterator[Finding]:
    """Find blocks that last longer than it took until the next one began."""
    stamps = {side: each[:, -1].astype(np.float64) for side, each in launch.samples.items()}
    began = np.sort(np.concatenate(list(stamps.values())))
    mine = stamps[record.cell.id]
    after = np.searchsorted(began, mine, side="right")
    inside = after < len(began)
    if set(launch.samples) != set(launch.meta["artifacts"]) or not inside.any():
        return  # blocks of others lay between, whose samples were taken out
    gaps, spent = float((began[after[inside]] - mine[inside]).sum()), float(walls[inside].sum())
    if spent > MOST_WALL * gaps + BLOCK_NS * int(inside.sum()):
        expected = f"calls that fit between the starts of blocks of launch {launch.name} ({gaps / 1e9:.4g} s)"
        yield of(record, "samples", expected, f"{spent / 1e9:.4g} s of them")


def _outcomes(record: Record, submission: Submission) -> Iterator[Finding]:
    outcomes, sealed = submission.outcomes(record.cell), str(record.evidence["outcomes"])
    if outcomes is None:
        yield of(record, "quality", f"samples/{record.cell.id}.npz with its outcomes", "none that can be read")
    elif (now := outcomes_digest(outcomes)) != sealed:
        yield of(record, "quality", f"outcomes with the digest {sealed[:12]}", f"others, with {now[:12]}")
