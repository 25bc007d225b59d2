"""Limits: the budgets a compressed model has to keep, in SI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from bench.errors import did_you_mean
from bench.units import EXAMPLES, Dimension, parse_quantity

# What is said of quality is about the baseline's: no budget that a gate or a test could judge without it.
QUALITY = ("quality_drop", "quality_loss")
# A drop of quality is in the metric's own unit, so that it may also be a plain number.
DIMENSION_OF: Mapping[str, Dimension] = MappingProxyType(
    {
        "quality_drop": "fraction",
        "quality_loss": "fraction",
        "latency": "time",
        "latency_p50": "time",
        "latency_p90": "time",
        "latency_p99": "time",
        "energy": "energy",
        "memory": "bytes",
        "size": "bytes",
        "size_compressed": "bytes",
        "parameters": "count",
        "nonzero": "count",
        "flops": "flops",
        "bitops": "flops",
    }
)


@dataclass(frozen=True)
class Limits(Mapping[str, float]):
    """Upper limits in SI, None where there is none: seconds, joules and FLOPs per inference, bytes, counts.

    As a mapping it holds only the limits that are set.
    `quality_drop` is in the unit of the task's metric: 0.01 is one point of a fraction. `quality_loss` is the share of
    the baseline's quality that may be lost, MLPerf's accuracy target: 0.01 asks for 99 % of it, and what misses it is
    not ranked.
    """

    quality_drop: float | None = None
    quality_loss: float | None = None
    latency: float | None = None
    latency_p50: float | None = None
    latency_p90: float | None = None
    latency_p99: float | None = None
    energy: float | None = None
    memory: float | None = None
    size: float | None = None
    size_compressed: float | None = None
    parameters: float | None = None
    nonzero: float | None = None
    flops: float | None = None
    bitops: float | None = None

    def __getitem__(self, name: str) -> float:
        value = getattr(self, name, None) if name in DIMENSION_OF else None
        if value is None:
            raise KeyError(name)
        return float(value)

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in fields(self) if getattr(self, each.name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def to_json(self) -> dict[str, float]:
        """Return the limits that are set."""
        return dict(self)


def parse_limit(name: str, text: str) -> float:
    """Read one limit into SI, "latency_p90" and "30 ms" into 0.03.

    Raises ValueError for an unknown name (with the nearest), a wrong unit, and a limit that nothing can keep.
    """
    if name not in DIMENSION_OF:
        raise ValueError(f"unknown limit '{name}'.{did_you_mean(name, DIMENSION_OF)}")
    value = _drop(text) if name == "quality_drop" else parse_quantity(text, DIMENSION_OF[name])
    if value <= 0 and name not in QUALITY:
        raise ValueError(f"nothing can keep '{name}' at {text}: expected {EXAMPLES[DIMENSION_OF[name]]}")
    return value


def parse_limits(text: str) -> Limits:
    """Read limits from one line, "latency_p90: 30 ms, size: 2 MB". Raises ValueError as `parse_limit` does."""
    found: dict[str, float] = {}
    for part in filter(str.strip, text.split(",")):
        name, colon, value = part.partition(":")
        if not colon:
            raise ValueError(f"expected limits like 'latency_p90: 30 ms, size: 2 MB', not {part.strip()[:40]!r}")
        found[name.strip()] = parse_limit(name.strip(), value)
    return Limits(**found)


def _drop(text: str) -> float:
    try:
        return parse_quantity(text, "count")
    except ValueError:
        return parse_quantity(text, "fraction")
