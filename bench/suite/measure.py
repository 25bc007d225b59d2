"""Measure: how long, how often and under what limits of time and memory a comparison is measured."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from bench.errors import did_you_mean
from bench.suite.cell import Step
from bench.units import LONGEST, parse_quantity

EnergyClass = Literal["any", "measured", "derived"]
SHORTEST_WINDOW_S = 0.1
MAX_SECONDS = 7 * 24 * 3600.0
REPEAT = "expected 'until ci < 2% or 25s', or a time like '10s'"
_UNTIL = re.compile(r"\s*until\s+ci\s*<\s*(?P<width>.+?)\s+or\s+(?P<budget>.+)")


@dataclass(frozen=True)
class Measure:
    """How one comparison is measured; all times are seconds per comparison.

    `ci_width` is the full width of the 95 % interval of the latency ratio, as a fraction, at which sampling stops
    early (None: never early); `budget_s` ends it in any case. `min_launches` is the fewest process launches per
    artifact and `rounds` the interleaved rounds per launch. For `idle_s` the idle machine is metered before and after;
    `timeout_s` is for a whole comparison; `memory_bytes` is what one worker may use. `energy` is the class that may
    be ranked. `meter` reads joules ("auto": the first that can), in windows of `window_s` (None: as long as it needs).
    """

    ci_width: float | None = 0.02
    budget_s: float = 25.0
    min_launches: int = 5
    rounds: int = 6
    idle_s: float = 5.0
    timeout_s: float = 900.0
    memory_bytes: int | None = None
    energy: EnergyClass = "any"
    meter: Step = field(default_factory=lambda: Step("auto"))
    window_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "meter": self.meter.to_json()}


def parse_repeat(text: str) -> tuple[float | None, float]:
    """Read "until ci < 2% or 25s" or "10s" into (full width of the interval as a fraction or None, seconds).

    Raises ValueError saying what was expected.
    """
    if len(text) > LONGEST:  # also keeps the search for "or" from running wild over thousands of blanks
        raise ValueError(REPEAT)
    match = _UNTIL.fullmatch(text)
    if match is None and text.strip().startswith("until"):
        raise ValueError(REPEAT)
    try:
        width = parse_quantity(match["width"], "fraction") if match else None
        budget = parse_seconds(match["budget"] if match else text)
    except ValueError as error:
        raise ValueError(f"{error}; {REPEAT}") from error
    if width is not None and not 0 < width < 1:
        raise ValueError("the width of the interval lies between 0% and 100%")
    if budget == 0:
        raise ValueError("the time to repeat is longer than 0 s")
    return width, budget


def parse_seconds(text: str) -> float:
    """Read a time of at most a week, in seconds. Raises ValueError for what is longer or negative."""
    value = parse_quantity(text, "time")
    if not 0 <= value <= MAX_SECONDS:
        raise ValueError("a time lies between 0 s and one week (168 h)")
    return value


def parse_window(text: str) -> float:
    """Read the length of a window, in seconds. Raises ValueError for less than a tenth of a second."""
    value = parse_seconds(text)
    if value < SHORTEST_WINDOW_S:
        raise ValueError(f"a window lasts at least {SHORTEST_WINDOW_S:g} s: counters move in steps")
    return value


def parse_memory(text: str) -> int:
    """Read a limit of memory, in bytes. Raises ValueError for less than 1 MB, with which nothing starts."""
    value = parse_quantity(text, "bytes")
    if value < 1e6:
        raise ValueError("a worker needs more than 1 MB of memory")
    return int(value)


def parse_energy(text: str) -> str:
    """Return the class of energy that may be ranked. Raises ValueError with the nearest one."""
    if text not in get_args(EnergyClass):
        raise ValueError(f"unknown class of energy '{text}'.{did_you_mean(text, get_args(EnergyClass))}")
    return text
