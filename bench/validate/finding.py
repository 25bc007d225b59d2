"""A finding: which record, what was expected, what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.record import Record

About = Literal[
    "record", "samples", "readings", "ratios", "quality", "provenance", "artifact", "data", "machine", "versions",
    "validity", "completeness", "identity", "division", "settings", "cost", "audit",
]  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One reason to reject a submission; `record` is empty where it is about the whole folder."""

    about: About
    record: str
    cell: str
    expected: str
    found: str

    def __str__(self) -> str:
        who = f"record {self.record} ({self.cell})" if self.record else "the submission"
        return f"{self.about}: {who}: expected {self.expected}, found {self.found}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, with the sentence."""
        return {**vars(self), "text": str(self)}


def of(record: Record, about: About, expected: str, found: str) -> Finding:
    """Return a finding about a record."""
    return Finding(about, record.id, str(record.cell), expected, found)


def whole(about: About, expected: str, found: str) -> Finding:
    """Return a finding about the folder."""
    return Finding(about, "", "", expected, found)


def short(value: Any) -> str:
    """Return a value as a finding shows it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping) and len(value) > 6:
        return f"{len(value)} entries"
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
