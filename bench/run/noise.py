"""The noise of a machine: launches of two byte-identical yardsticks, by the very machinery that measures models.

What differs between the two is luck: memory layout, core, the moment. One number a launch, their log-ratio, and its
standard deviation says what a gate can tell apart here.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.artifact import Artifact
from bench.derive import Derived, Stop, derive_comparison
from bench.derive.launches import Values, floor_ratios, floors, work_ratios
from bench.errors import BenchError
from bench.offer import Offer
from bench.plan import Catalogue, PlannedCell, PlannedComparison
from bench.run.built import Side
from bench.run.launch import Launcher
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.run.settings import Settings, Spawn, spawn_child
from bench.store import Cache, Launch, cache_folder
from bench.suite.cell import Cell, Step

LAUNCHES, LEAST, PATIENCE_S = 8, 4, 12.0
CAREFUL = -0.8416  # normal quantile of 20 %
FORMAT = "yardstick"
BACKEND = Offer("backend", "yardstick", "bench.worker.yardstick:Yardstick", accepts=(FORMAT,))
TASK = Offer("task", "yardstick", "")
WIDTH, BATCH = 192, 16


@dataclass(frozen=True)
class Noise:
    """What a machine's launches scatter by.

    `floor_sd` and `work_sd` are the standard deviations of a launch's log-ratio of block floors and of processor times
    (0.01 is one percent), `launch_s` the seconds a launch takes, `call_s` the yardstick's call; `validity` the verdict
    on the run itself, as on any other.
    """

    launches: int
    floor_sd: float
    work_sd: float
    launch_s: float
    call_s: float
    validity: dict[str, Any]

    @property
    def careful_sd(self) -> float:
        """The floor's standard deviation at the upper end of its one-sided 80 % interval: few launches may flatter.

        Chi-squared quantile by Wilson and Hilferty (1931).
        """
        step = 2 / (9 * self.launches)
        return self.floor_sd / math.pow(max(1 - step + CAREFUL * math.sqrt(step), 0.1), 1.5)

    def affordable(self, seconds: float) -> int:
        """Return how many such launches fit into so many seconds."""
        return int(seconds / self.launch_s)


@dataclass
class Yardsticks:
    """Sides of one comparison that are byte-identical, ready to be launched as often as one likes."""

    launcher: Launcher
    sides: list[Side]
    seed: str

    def launch(self, earlier: list[Launch]) -> Launch:
        """Measure every side once, as a further launch. Raises BenchError with the reason when one fails."""
        n, rounds = (int(earlier[0].meta[key]) for key in ("n", "rounds")) if earlier else (None, None)
        launch = self.launcher.launch(self.sides, random.Random(f"{self.seed}/{len(earlier)}"), n, rounds)
        lost = next((side.failure for side in self.sides if side.failure), None)
        if launch is None or lost:
            raise BenchError(f"the yardstick cannot be measured here: {lost.reason if lost else 'no launch ended'}")
        return launch

    def derived(self, launches: list[Launch]) -> Derived:
        """Return readings and verdict of the first side, as of any cell."""
        first = self.sides[0].id
        found = derive_comparison(launches, first, first, threads=1, batch=1, stop=Stop(None), meter=None)
        return found[first]


@contextmanager
def yardsticks(
    count: int = 2, *, seed: str = "0", layers: int | None = None, spawn: Spawn = spawn_child
) -> Iterator[Yardsticks]:
    """Write `count` byte-identical yardsticks and hand them over, ready to launch; the files go afterwards.

    A call takes about 20 us for each of the `layers` (None: those of a call of a millisecond).
    """
    settings = Settings(Cache(cache_folder()), spawn, timeout_s=60.0)
    options = {} if layers is None else {"layers": layers}
    with TemporaryDirectory(prefix="bench-noise-") as name:
        folder = Path(name)
        planned = [PlannedCell(_cell(index, options), None) for index in range(count)]
        sides = [Side(each, _artifact(folder / f"{index:04d}.npy")) for index, each in enumerate(planned)]
        np.savez(folder / "inputs.npz", x=np.ones((BATCH, WIDTH), np.float32))
        comparison = PlannedComparison(planned[0].cell.id, tuple(planned), TASK, BACKEND)
        metering = Metering(settings, Catalogue.from_offers([]), print)
        launcher = Launcher(comparison, str(folder / "inputs.npz"), settings, Ledger(), metering)
        yield Yardsticks(launcher, sides, seed)


def measure_noise(launches: int = LAUNCHES, *, spawn: Spawn = spawn_child) -> Noise:
    """Launch two byte-identical yardsticks so often, fewer where that takes long, and return their scatter.

    Raises BenchError when they cannot run.
    """
    made: list[Launch] = []
    began = time.perf_counter()
    with yardsticks(spawn=spawn) as pair:
        while len(made) < launches and (len(made) < LEAST or time.perf_counter() - began < PATIENCE_S):
            made.append(pair.launch(made))
        seconds = (time.perf_counter() - began) / len(made)
        validity = dict(pair.derived(made).validity)
        other, base = (side.id for side in pair.sides)
    floor, work = floor_ratios(made, other, base), work_ratios(made, other, base)
    call_s = float(np.median([floors(each, base).min() for each in made]))
    return Noise(len(made), _spread(floor), _spread(work), seconds, call_s, validity)


def _spread(values: Values) -> float:
    """Return the standard deviation about 0: the truth is known to be that nothing differs."""
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def _cell(index: int, options: Mapping[str, int]) -> Cell:
    steps = (Step("copy", {"of": index}),) if index else ()
    return Cell("noise", "yardstick", steps, "yardstick", backend_options=options)


def _artifact(path: Path) -> Artifact:
    weights = np.random.default_rng(0).standard_normal((WIDTH, WIDTH)).astype(np.float32) / np.sqrt(WIDTH)
    np.save(path, weights.astype(np.float32))
    return Artifact.of(path, FORMAT)
