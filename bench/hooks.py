"""Hook specifications: one sentence each, free to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy

from bench.offer import Offer

hookspec = pluggy.HookspecMarker("bench")
hookimpl = pluggy.HookimplMarker("bench")


@hookspec
def bench_tasks() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of tasks: a model, its data and its quality metric."""


@hookspec
def bench_compressors() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of compressors."""


@hookspec
def bench_converters() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of converters, the edges of the format graph."""


@hookspec
def bench_backends() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of backends."""


@hookspec
def bench_meters() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of energy meters."""


@hookspec
def bench_counters() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of counters: properties of an artifact."""


@hookspec
def bench_metrics() -> Sequence[Offer]:  # type: ignore[empty-body]
    """Return offers of metrics: what a task of somebody's own model may be graded by."""


@hookspec
def bench_suites() -> Sequence[Path]:  # type: ignore[empty-body]
    """Return folders of suites, searched by `bench run NAME`."""


@hookspec
def bench_machine() -> Mapping[str, Any]:  # type: ignore[empty-body]
    """Return facts about this machine to store with every record."""


@hookspec
def bench_cell_started(cell: Mapping[str, Any]) -> None:
    """Be told that the comparison of this cell begins."""


@hookspec
def bench_cell_finished(cell: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Be told that the record of this cell is written."""


@hookspec
def bench_report_columns(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[Any]]:  # type: ignore[empty-body]
    """Return extra leaderboard columns: title to one value per record."""


@hookspec(firstresult=True)
def bench_carbon_factor(country: str, region: str | None) -> Mapping[str, Any] | None:
    """Return a place's carbon intensity (g_per_kwh, place, gases, source, year), None when it is not known here."""
