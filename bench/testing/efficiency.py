"""The fixture `efficiency`: a model gated inside one's own tests, its numbers in pytest-benchmark's JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.gate.allowed import limits_at
from bench.gate.paired import latency_verdict
from bench.gate.render.words import sentence, word
from bench.gate.verdicts import WORST, MetricVerdict
from bench.testing.clock import Clock
from bench.testing.limits import Limit, judge, parse
from bench.testing.measured import Measured

Subject = Callable[[], Any] | str | os.PathLike[str]
SECONDS_OF_CALLS, SECONDS_OF_FILES = 3.0, 15.0


@dataclass(frozen=True)
class Result:
    """What came out: the callable's own result, what was measured, and the verdict on every limit."""

    value: Any
    measured: Measured
    verdicts: tuple[MetricVerdict, ...]


class Efficiency:
    """Gates one model a test; built on `benchmark`, which keeps and compares the times."""

    def __init__(self, benchmark: Any, clock: Clock) -> None:
        self.benchmark, self.clock = benchmark, clock

    def __call__(
        self,
        subject: Subject,
        *,
        baseline: Subject | None = None,
        limits: str | Mapping[str, str] | None = None,
        seconds: float | None = None,
        backend: str | None = None,
        data: str | os.PathLike[str] | None = None,
    ) -> Result:
        """Measure and judge; a broken limit fails the test, one that stays undecided skips it with its reason.

        `subject` and `baseline` are both callables without arguments (measured in this process), or both model files
        (measured in worker processes, which tells smaller changes). `limits` are absolute or relative to the baseline:
        "latency: +5 %, size: 3 MB"; with a baseline and no limits, "latency: +5 %". `seconds` is how long to measure.
        `backend` and `data` (an .npz of inputs) are for files. With --benchmark-disable nothing is timed: the callable
        is called once, the file's size is judged. Raises BenchError for what cannot be understood or run.
        """
        files = not callable(subject)
        if baseline is not None and files == callable(baseline):
            raise BenchError("a model and its baseline are both callables, or both files")
        asked = parse(limits, against=baseline is not None)
        if files:
            value, measured = None, self._files(subject, baseline, seconds, backend, data, asked)
        else:
            value, measured = self._calls(subject, baseline, seconds)
        self._keep(measured)
        verdicts = tuple(_verdict(each, measured) for each in self._due(asked, measured))
        self.benchmark.extra_info["verdicts"] = {each.metric: [each.outcome, sentence(each)] for each in verdicts}
        _conclude(verdicts, measured.notes)
        return Result(value, measured, verdicts)

    def _calls(self, subject: Any, baseline: Any, seconds: float | None) -> tuple[Any, Measured]:
        value = self.benchmark(subject)
        if self.benchmark.disabled:
            return value, Measured({})
        from bench.testing.calls import measure_calls

        return value, measure_calls(subject, baseline, seconds or SECONDS_OF_CALLS, _estimator(_catalogue()))

    def _files(
        self, subject: Any, baseline: Any, seconds: float | None, backend: str | None, data: Any, asked: list[Limit]
    ) -> Measured:
        from bench.testing.files import Files, counted_size

        model, other = Path(subject), Path(baseline) if baseline is not None else None
        if self.benchmark.disabled:
            self.clock.replay(self.benchmark, [0.0])
            sizes = [{"size": counted_size(each)} if each else {} for each in (model, other)]
            return Measured(sizes[0], sizes[1])
        catalogue = _catalogue()
        files = Files(catalogue, backend, Path(data) if data else None, _estimator(catalogue))
        limit = next((each.value for each in asked if each.relative and each.name == "latency"), None)
        measured = files.measure(model, other, seconds or SECONDS_OF_FILES, limit)
        self.clock.replay(self.benchmark, measured.calls)
        return measured

    def _keep(self, measured: Measured) -> None:
        from bench.publish.export.history import extra_info

        notes = {"notes": list(measured.notes)} if measured.notes else {}
        self.benchmark.extra_info.update({**extra_info(measured.readings, measured.ratios), **notes})

    def _due(self, asked: list[Limit], measured: Measured) -> list[Limit]:
        """Return the limits to be judged: with timing disabled, those of what was read nonetheless."""
        return [each for each in asked if not self.benchmark.disabled or each.name in measured.readings]


def _verdict(limit: Limit, measured: Measured) -> MetricVerdict:
    """Judge a limit: the latency of files beside a baseline by the rule of `bench gate`, all else by its interval."""
    if measured.decision is not None and limit.relative and limit.name == "latency":
        base, mine = (each.get("latency") for each in (measured.baseline, measured.readings))
        seconds = (base.value if base else None, mine.value if mine else None)
        return latency_verdict(measured.decision, limits_at(limit.value), text=limit.text, seconds=seconds)
    return judge(limit, measured.readings, measured.ratios, measured.baseline)


def _conclude(verdicts: tuple[MetricVerdict, ...], notes: tuple[str, ...]) -> None:
    """End the test as its worst verdict asks: not comparable is never a pass."""
    worst = [each for outcome in WORST for each in verdicts if each.outcome == outcome]
    lines = [f"{word(each.outcome)} {each.metric}: {sentence(each)}" for each in worst if each.outcome != "pass"]
    if any(each.outcome in ("fail", "not-comparable") for each in verdicts):
        pytest.fail("\n".join([*lines, *notes]), pytrace=False)
    if lines:
        pytest.skip("; ".join([*lines, *notes]))


def _catalogue() -> Any:
    from bench.plan import Catalogue
    from bench.registry import load_registry

    return Catalogue.from_offers(load_registry().offers)


def _estimator(catalogue: Any) -> Mapping[str, Any] | None:
    """Return the facts of the installed energy estimator, None without one."""
    from bench.run.metering import estimates

    usable = [each for each in catalogue.of("meter") if estimates(each) and catalogue.missing(each) is None]
    return {"meter": usable[0].name, "version": usable[0].version, **usable[0].facts} if usable else None
