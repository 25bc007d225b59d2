"""What is allowed: limits of the rule from a budget, a suite's limits as budgets, and failures that were accepted."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bench.errors import BenchError, ConfigError
from bench.gate.rule import GateLimits
from bench.gate.verdicts import MetricVerdict, Place
from bench.suite.gating import Acceptance, Allowance, Gating, Where

ALPHA = 0.01
# Beside a budget on the latency the work channel, which is noisier, gets as much more as it has by default.
WORK_FAIL_MORE, WORK_PASS_MORE = 0.005, 0.01
# Where a budget is one number it parts good from bad: what passes is shown to be below it.
EDGE = 1e-6
MEMORY = Allowance("memory", "growth", 0.05, "+5 %")
ENERGY = Allowance("energy", "growth", 0.05, "+5 %")
QUALITY = Allowance("quality", "growth", 0.01, "-1 pp")


def place_of(allowance: Allowance) -> Place | None:
    """Return where a budget is written, None for one of the house."""
    return place(allowance.where)


def place(where: Where) -> Place | None:
    """Return a place, None where there is none."""
    return Place(where[0], where[1]) if where[1] else None


def limits_of(gating: Gating) -> GateLimits:
    """Return the limits of the paired rule: the house's, unless there is a budget for the latency."""
    alpha = gating.alpha or ALPHA
    asked = gating.of("latency", relative=True)
    return GateLimits(alpha=alpha) if asked is None else limits_at(asked.value, asked.passing, alpha)


def limits_at(fail: float, passing: float | None = None, alpha: float = ALPHA) -> GateLimits:
    """Return the rule's limits for a relative slow-down; without `passing`, one number parts good from bad."""
    passing = fail + EDGE if passing is None else passing
    return GateLimits(fail, passing, fail + WORK_FAIL_MORE, passing + WORK_PASS_MORE, alpha)


def latency_text(gating: Gating) -> str:
    """Return what the latency is allowed, in words."""
    asked = gating.of("latency", relative=True)
    limits = limits_of(gating)
    return asked.text if asked else f"fails beyond +{limits.floor_fail:.1%}, passes below +{limits.floor_pass:.1%}"


def suite_limits(limits: Mapping[str, float], texts: Mapping[str, str], where: Callable[[str], Where]) -> Gating:
    """Return a suite's upper limits as budgets, each with its place."""
    found = [
        Allowance(name, "at most", value, texts.get(name, f"{value:g}"), where=where(name))
        for name, value in limits.items()
    ]
    return Gating(tuple(found))


def check_expired(accepts: Iterable[Acceptance], today: datetime.date) -> None:
    """Raise ConfigError for the first acceptance whose time is over: an excuse does not outlive its date."""
    for each in accepts:
        if each.expires < today:
            file, line, column = each.where
            message = f"accepted until {each.expires}, which is over: {each.metric} of {each.cell} ({each.reason})"
            cure = "mend it, or have a new date reviewed"
            raise ConfigError(message, file=file, line=line, column=column, cure=cure)


def accept(
    verdict: MetricVerdict, accepts: Iterable[Acceptance], matches: Callable[[str], bool]
) -> tuple[MetricVerdict, Acceptance | None]:
    """Return a failure as a warning where it is accepted, and by what; `matches` tells an entry of its cell."""
    if verdict.outcome not in ("fail", "not-comparable"):
        return verdict, None
    name = verdict.metric.partition(":")[2] or verdict.metric
    for each in accepts:
        if each.metric in (name, "all") and matches(each.cell):
            return replace(verdict, outcome="warn", accepted=f"{each.reason} (until {each.expires})"), each
    return verdict, None


def check_cells(accepts: Iterable[Acceptance], known: Callable[[str], bool]) -> None:
    """Raise ConfigError, with its place, for an acceptance that fits no cell: it would excuse nothing."""
    for each in accepts:
        try:
            fits = known(each.cell)
        except BenchError as error:
            file, line, column = each.where
            raise ConfigError(error.message, file=file, line=line, column=column, cure=error.cure) from error
        if not fits:
            file, line, column = each.where
            raise ConfigError(f"no cell fits '{each.cell[:60]}'", file=file, line=line, column=column)
