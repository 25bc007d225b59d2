"""The table of `runtimes.py`, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEAD = (
    "| task | runtime | precision | bytes | size ratio | latency ratio | agreement |",
    "|---|---|---|---|---|---|---|",
)


def markdown(rows: Sequence[Any]) -> str:
    """Return a line a cell; one that did not run says why."""
    return "\n".join([*HEAD, *(f"| {' | '.join(_cells(each))} |" for each in rows)])


def _cells(row: Any) -> list[str]:
    first = [row.task, row.runtime, row.precision]
    if row.reason:
        return [*first, plain(row.reason), "-", "-", "-"]
    ratio = row.latency
    latency = "-" if ratio is None else f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
    same = "-" if row.agreement is None else f"{100 * row.agreement:.2f} %"
    return [*first, f"{row.size_bytes:,}", f"{row.size_ratio:.3f}", latency, same]


def plain(text: str) -> str:
    """Return text that no cell of a table breaks on."""
    return " ".join(text.replace("|", "/").split())[:160]
