"""Model files, measured as `bench run` measures artifacts: each side its own process, launch after launch."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.artifact import digest_of
from bench.derive import Stop, derive_comparison
from bench.derive.launches import calls, floor_ratios, work_ratios
from bench.derive.verdict import descheduled
from bench.errors import BenchError
from bench.gate.allowed import limits_at
from bench.gate.rule import Decision, decide
from bench.offer import Offer
from bench.plan import Catalogue, PlannedComparison, make_plan
from bench.reading import Reading
from bench.record import Ratio
from bench.run import Settings, spawn_child
from bench.run.build import Builder
from bench.run.built import Side
from bench.run.launch import Launcher
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.run.settings import memory_for_workers
from bench.stats import ratio_interval
from bench.store import Cache, Launch, cache_folder
from bench.suite.cell import Cell, Step
from bench.testing.measured import LEAST_LAUNCHES, LEVEL, Measured, both


def suffixes(catalogue: Catalogue) -> dict[str, Offer]:
    """Return the offers that open a model file, by the file's suffix."""
    return {str(each.facts["opens"]): each for each in catalogue.of("task") if str(each.facts.get("opens", ":")) != ":"}


def counted_size(file: Path) -> Reading:
    """Return a file's size, which needs no process. Raises BenchError when it is not there."""
    if not file.exists():
        raise BenchError(f"no such file: {file}")
    return Reading.counted(float(file.stat().st_size), "B")


class Files:
    """A model file and its baseline on their way to numbers; `close` drops the scratch folder."""

    def __init__(
        self, catalogue: Catalogue, backend: str | None, data: Path | None, meter: Mapping[str, Any] | None
    ) -> None:
        self.catalogue, self.backend, self.data, self.meter = catalogue, backend, data, meter
        cache = Cache(cache_folder())
        self.settings = Settings(
            cache=cache, spawn=spawn_child, memory_bytes=memory_for_workers(), meter=meter, metering=Step("auto")
        )

    def measure(self, model: Path, baseline: Path | None, seconds: float, limit: float | None = None) -> Measured:
        """Measure the model, beside the baseline, until the seconds are over.

        With a relative `limit` of the latency it ends sooner, once the gate's rule has decided: it holds at every look.
        """
        metering = Metering(self.settings, self.catalogue)
        builder = Builder(self.settings, self.catalogue, Ledger(), metering)
        sides = [(name, file) for name, file in (("baseline", baseline), ("model", model)) if file is not None]
        planned = [self._planned(name, file) for name, file in sides]
        built = [self._built(builder, each) for each in planned]
        task = builder.task(planned[-1])
        with builder.scratch() as scratch:
            for index, side in enumerate(built):
                _copy(side, scratch / f"{index:04d}")
            inputs = str(Path(task.folder) / "example-1.npz")
            launcher = Launcher(planned[-1], inputs, self.settings, builder.ledger, metering)
            launches = _launch(launcher, built, seconds, limit)
        return replace(self._derived(built, launches), decision=_decision(launches, built, limit))

    def _planned(self, name: str, file: Path) -> PlannedComparison:
        """Plan one file alone: its task is the file itself, its cell the uncompressed one."""
        offers = suffixes(self.catalogue)
        if file.suffix not in offers:
            raise BenchError(f"no plugin opens '{file}'", cure=f"give a file of type {', '.join(sorted(offers))}")
        counted_size(file)
        arguments = {"model": str(file.resolve()), "data": str(self.data.resolve()) if self.data else None}
        digests = [digest_of(each) for each in (file, self.data) if each is not None]
        offer = offers[file.suffix]
        facts = {**offer.facts, "arguments": arguments}
        task = replace(offer, name=name, facts=facts, digest=" ".join([offer.version, *digests]))
        catalogue = Catalogue.from_offers([*self.catalogue.offers, task])
        backend = self.backend or _direct(task, catalogue)
        (comparison,) = make_plan([Cell("efficiency", name, (), backend)], catalogue).comparisons
        if comparison.cells[0].route is None:
            raise BenchError(f"'{file}' cannot run on '{backend}' here: {comparison.cells[0].reason}")
        return comparison

    def _built(self, builder: Builder, comparison: PlannedComparison) -> Side:
        side = Side(comparison.cells[0])
        builder.build(side, comparison.task)
        return side

    def _derived(self, sides: Sequence[Side], launches: Sequence[Launch]) -> Measured:
        base, mine = sides[0].id, sides[-1].id
        derived = derive_comparison(launches, base, "baseline", threads=1, batch=1, stop=Stop(None), meter=self.meter)
        counts = [_counts(each) for each in sides]
        ratios = dict(derived[mine].ratios)
        if base != mine:
            ratios["latency"] = _ratio(launches, mine, base)
        counted = [each for launch in launches for each in calls(launch, mine).ravel().tolist()]
        validity = derived[mine].validity
        notes = () if validity["verdict"] == "valid" else (f"{validity['verdict']}: {'; '.join(validity['reasons'])}",)
        readings = {**counts[-1], **derived[mine].readings}
        baseline = {**counts[0], **derived[base].readings} if base != mine else {}
        return Measured(readings, baseline, ratios, counted, notes)


def _launch(launcher: Launcher, sides: Sequence[Side], seconds: float, limit: float | None) -> list[Launch]:
    launches: list[Launch] = []
    deadline = time.monotonic() + seconds
    while len(launches) < LEAST_LAUNCHES or (time.monotonic() < deadline and not _decided(launches, sides, limit)):
        n, rounds = (int(launches[0].meta[key]) for key in ("n", "rounds")) if launches else (None, None)
        launch = launcher.launch(sides, random.Random(len(launches)), n, rounds)
        if launch is None:
            failed = next(side for side in sides if not side.alive)
            assert failed.failure is not None
            raise BenchError(f"{failed.planned.cell.task}: {failed.failure.reason}")
        launches.append(launch)
    return launches


def _decided(launches: Sequence[Launch], sides: Sequence[Side], limit: float | None) -> bool:
    found = _decision(launches, sides, limit)
    return found is not None and found.outcome != "inconclusive"


def _decision(launches: Sequence[Launch], sides: Sequence[Side], limit: float | None) -> Decision | None:
    """Judge the latency by the gate's own rule; None without a baseline or a relative limit."""
    if limit is None or len(sides) < 2:
        return None
    base, mine = sides[0].id, sides[-1].id
    floor, work = floor_ratios(launches, mine, base), work_ratios(launches, mine, base)
    busy = any(descheduled(launches, each, 1) for each in (base, mine))
    return decide(floor, work, limits_at(limit), comparisons=1, descheduled=busy)


def _ratio(launches: Sequence[Launch], mine: str, base: str) -> Ratio:
    floor, work = floor_ratios(launches, mine, base), work_ratios(launches, mine, base)
    return both(_bounds(floor), _bounds(work) if work.size else _bounds(floor), len(launches), "paired launches")


def _bounds(values: Any) -> tuple[float, float, float]:
    found = ratio_interval(values, LEVEL)
    return found.value, found.low, found.high


def _direct(task: Offer, catalogue: Catalogue) -> str:
    """Return an installed backend that opens the file as it is, else any that is installed."""
    usable = [each for each in catalogue.of("backend") if each.bare and catalogue.missing(each) is None]
    direct = [each for each in usable if set(task.produces) & set(each.accepts)]
    if not usable:
        raise BenchError("no backend is installed", cure="pip install 'joulebench[mobile]'")
    return (direct or usable)[0].name


def _copy(side: Side, place: Path) -> None:
    """Copy an artifact to a path of equal length: a path's length moves what follows it in memory."""
    assert side.artifact is not None
    target = place.with_suffix(side.artifact.path.suffix)
    copy = shutil.copytree if side.artifact.path.is_dir() else shutil.copyfile
    copy(side.artifact.path, target)
    side.copy = replace(side.artifact, path=target)


def _counts(side: Side) -> dict[str, Reading]:
    assert side.artifact is not None
    found = {name: Reading.from_json(each) for name, each in side.counts.get("readings", {}).items()}
    size = Reading.counted(float(side.artifact.size_bytes), "B")
    return {**found, "size": size, "size_compressed": Reading.counted(float(side.counts["size_compressed"]), "B")}
