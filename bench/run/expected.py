"""How long a run will take, roughly: building, measuring, and the windows of the meter."""

from __future__ import annotations

from bench.plan import Plan, PlannedComparison
from bench.run.issuing import expected_issuing_s
from bench.run.metering import Metering
from bench.run.settings import Settings

BUILD_S = 8.0  # building and grading one cell, when nothing is cached
LAUNCH_S = 3.0  # a launch of a bundle: starting, warming up, six rounds; as seen on two busy cores


def expected_seconds(plan: Plan, settings: Settings, metering: Metering) -> float:
    """Return rough wall seconds of a plan.

    The budget of a comparison is for latency: on top come, a side and launch, what a scenario issues and a window of
    the meter, and the idle machine before and after. Which meter will read is asked where there is something to run.
    """
    return sum(_comparison(each, settings, metering) for each in plan.comparisons if each.runnable)


def _comparison(comparison: PlannedComparison, settings: Settings, metering: Metering) -> float:
    plain = settings.budget_s + BUILD_S * len(comparison.runnable)
    cell = comparison.cells[0].cell
    window_s, issued_s = metering.expected_window_s(cell.device), expected_issuing_s(cell)
    bundles = comparison.bundles()
    launches = max(settings.min_launches, settings.budget_s / len(bundles) / LAUNCH_S)
    idle = 2 * max(settings.idle_s, window_s) if window_s is not None and settings.idle_s > 0 else 0.0
    return plain + sum(launches * len(each) for each in bundles) * (issued_s + (window_s or 0.0)) + idle
