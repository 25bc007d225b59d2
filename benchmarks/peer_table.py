"""The table of `peers.py`, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.stats import Interval

HEAD = (
    "| task | tool | drop, points | bytes | size ratio | latency ratio | dominated by |",
    "|---|---|---|---|---|---|---|",
)
FLAG, FLAG_PP = "⚑ ", 1.0


def markdown(found: Sequence[Any], missing: Mapping[str, str]) -> str:
    """Return a row a task and tool: `found` are comparisons, `missing` why a tool is not there."""
    lines = list(HEAD)
    for each in found:
        dominators = each.dominators()
        for name in each.names:
            drop, ratio = each.drop(name), each.latency(name)
            flag = FLAG if drop.value > FLAG_PP else ""
            cells = [
                each.task,
                name,
                flag + interval(drop),
                f"{each.bytes_of(name):,}",
                f"{each.size(name):.3f}",
                "-" if ratio is None else interval(ratio, 3),
                ", ".join(dominators[name]) or "nobody",
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines += [
            f"| {each.task} | {name} | failed: {plain(why)} | - | - | - | - |" for name, why in each.failed.items()
        ]
    lines += [f"| all | {name} | not installed: {plain(why)} | - | - | - | - |" for name, why in missing.items()]
    return "\n".join(lines)


def interval(found: Interval, digits: int = 2) -> str:
    """Return a value with the ends of its interval."""
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def plain(text: str) -> str:
    """Return text that no cell of a table breaks on."""
    return " ".join(text.replace("|", "/").split())[:120]
