"""What steps saw of the data: calibration inputs come from their split, and nothing that is graded is among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.record import Record
from bench.validate.finding import Finding, of

ALLOWED = ("calibration", "train", "example")
TRACED = 8  # latency inputs, drawn from those held out: enough to trace a graph, too few to calibrate on
REPEATED = 0.05  # share of calibration inputs that a data set may hold again among the graded (silence, empty images)


def data(record: Record) -> Iterator[Finding]:
    """Yield a finding for every step of a lineage that saw what it may not, or does not say what it saw."""
    for index, step in enumerate(record.lineage):
        which = f"lineage[{index}] ({step.get('step')})"
        if not isinstance(step.get("data"), list):
            expected = f"{which} to say which data it saw"
            yield of(record, "data", expected, "nothing: stripped, or cached by an older version (bench cache clear)")
            continue
        for seen in step["data"]:
            yield from _seen(record, which, seen)
        if (step.get("train_s") or 0) > 0 and step.get("train_samples") is None and not _says_training(step):
            yield of(record, "data", f"{which}, which trained, to declare it (train_samples)", "nothing")


def _seen(record: Record, which: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    split, examples, held_out = seen.get("split"), seen.get("examples") or 0, seen.get("held_out") or 0
    if split not in ALLOWED:
        expected = f"{which} to see the calibration and the train split only"
        yield of(record, "data", expected, f"{examples} examples of '{split}'")
    elif split == "example" and examples > TRACED:
        expected = f"{which} to trace with at most {TRACED} latency inputs, which are held out"
        yield of(record, "data", expected, f"{examples} of them")
    elif split != "example" and held_out > REPEATED * examples:
        expected = f"{which} to see no {split} example that quality is graded on"
        yield of(record, "data", expected, f"{held_out} of {examples} are")


def _says_training(step: Mapping[str, Any]) -> bool:
    return any(each.get("split") == "train" for each in step["data"])
