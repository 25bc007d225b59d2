"""Are doubtful numbers doubted, and the others not? `python benchmarks/noise.py [--json]`, on a machine left alone.

Live: a fixed model (the yardstick of `bench doctor`) is measured in runs of five launches, in turn alone, beside one
busy process, and beside four on two cores (two for each core that it may use, elsewhere); every other run with calls of
1 ms, which a scheduler mostly lets end, or of 12 ms, which it cuts. The truth is the median over the runs alone of the
median latency, for each length of call. A run is off when its median is not within 10 % of that. About seven minutes.

flagged_of_off_pct      of the runs that are off, alone or not, those not called valid, percent (off_runs: how many are)
false_flags_alone_pct   of the runs alone that are not off, those not called valid, percent
flagged_alone_pct       the same of all runs alone
flagged_busy4_pct       runs beside four busy processes that are not called valid, percent
off_busy4_pct           runs beside four busy processes that are off, percent
flagged_busy1_pct, off_busy1_pct    the same beside one busy process
truth_ms                the truth for calls of 1 ms, truth_long_ms of 12 ms; truth_floor_ms: the fastest call of 1 ms
runs                    runs made

Replay (`--replay` alone, seconds, on any machine): runs of five launches drawn from benchmarks/recordings, where
only what blocks themselves bring is seen (no account of the machine). `light` launches had 85-90 % of a core.

replay_flagged_light_pct, replay_flagged_heavy_pct    runs that are not called valid
replay_flagged_of_off_pct                             of the runs that are off: 10 % from the fastest launches' median
replay_off_light_pct, replay_off_heavy_pct            runs that are off
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.derive.readings import latency
from bench.derive.verdict import doubts, summary
from bench.run.noise import yardsticks
from bench.store import Launch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from recorded import RECORDINGS, recorded  # noqa: E402 - see the line above

BUSY = "while True: pass"
OFF = 0.10
LAYERS = {"short": 48, "long": 576}
LAUNCHES = 5
REGIMES = ("light", "heavy")


@dataclass(frozen=True)
class Run:
    """One run: beside how many busy processes, how long its calls, median and floor in s, and what was said of it."""

    regime: str
    calls: str
    p50: float
    floor: float
    verdict: str
    reasons: tuple[str, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether the number was doubted."""
        return self.verdict != "valid"

    def off(self, truth: float) -> bool:
        """Whether the median latency is not within 10 % of the truth."""
        return abs(self.p50 / truth - 1) > OFF


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes busy."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for each in processes:
            each.kill()
            each.wait()


def live(regime: str, calls: str, seed: str, launches: int = LAUNCHES) -> Run:
    """Measure the yardstick once, by the machinery that measures models."""
    made: list[Launch] = []
    with yardsticks(1, seed=seed, layers=LAYERS[calls]) as single:
        while len(made) < launches:
            made.append(single.launch(made))
        found = single.derived(made)
    reading = found.readings["latency"]
    assert reading.value is not None
    floor = float(reading.facts["floor"])
    return Run(regime, calls, reading.value, floor, found.validity["verdict"], tuple(found.validity["reasons"]))


def live_runs(alone: int, beside_one: int, beside_four: int) -> Iterator[Run]:
    """Yield runs, the regimes interleaved so that a slow quarter of an hour does not fall on one of them."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    four = 2 * max(usable, 2)
    asked = {0: alone, 1: beside_one, four: beside_four}
    order = sorted((at / total, count) for count, total in asked.items() for at in range(total))
    for index, (_, count) in enumerate(order):
        calls = list(LAYERS)[sum(each == count for _, each in order[:index]) % len(LAYERS)]
        with busy(count):
            yield live({0: "alone", 1: "busy1"}.get(count, "busy4"), calls, f"noise/{index}")


def replayed(folder: Path, resamples: int, seed: int) -> tuple[list[Run], float]:
    """Draw runs of launches from the recordings of the small model; return them, and the truth of their median.

    The truth is the tenth percentile of the light launches' medians: what a launch nearly left alone gives.
    """
    rng, runs, truth = np.random.default_rng(seed), [], 0.0
    for regime in REGIMES:
        pool = recorded(folder, f"{regime}-ort", ("A",))
        medians = [float(latency([each], "A", 1).value or 0.0) for each in pool]
        truth = truth or float(np.quantile(medians, 0.1))
        for _ in range(resamples):
            drawn = [pool[at] for at in rng.choice(len(pool), LAUNCHES, replace=False)]
            reading, said = latency(drawn, "A", 1), summary(doubts(drawn, "A", 1))
            value, floor = float(reading.value or 0.0), float(reading.facts["floor"])
            runs.append(Run(regime, "short", value, floor, said["verdict"], tuple(said["reasons"])))
    return runs, truth


def share(runs: Sequence[bool]) -> float:
    """Return the percentage that is true."""
    return 100 * sum(runs) / len(runs)


def live_figures(runs: Sequence[Run]) -> dict[str, float]:
    """Return one number per claim; a claim about runs of which there were none is left out."""
    alone = [each for each in runs if each.regime == "alone"]
    truth = {
        calls: statistics.median(mine)
        for calls in LAYERS
        if (mine := [each.p50 for each in alone if each.calls == calls])
    }
    judged = [(each, each.off(truth[each.calls])) for each in runs if each.calls in truth]
    off = [each for each, is_off in judged if is_off]
    found = {"runs": float(len(runs)), "truth_ms": 1e3 * truth["short"], "off_runs": float(len(off))}
    found["truth_floor_ms"] = 1e3 * statistics.median(each.floor for each in alone if each.calls == "short")
    if "long" in truth:
        found["truth_long_ms"] = 1e3 * truth["long"]
    found["false_flags_alone_pct"] = share([each.flagged for each, is_off in judged if each in alone and not is_off])
    found["flagged_alone_pct"] = share([each.flagged for each in alone])
    if off:
        found["flagged_of_off_pct"] = share([each.flagged for each in off])
    for regime in ("busy1", "busy4"):
        if mine := [(each, is_off) for each, is_off in judged if each.regime == regime]:
            found[f"flagged_{regime}_pct"] = share([each.flagged for each, _ in mine])
            found[f"off_{regime}_pct"] = share([is_off for _, is_off in mine])
    return found


def replay_figures(runs: Sequence[Run], truth: float) -> dict[str, float]:
    """Return one number per claim about the recordings."""
    found = {}
    for regime in REGIMES:
        mine = [each for each in runs if each.regime == regime]
        found[f"replay_flagged_{regime}_pct"] = share([each.flagged for each in mine])
        found[f"replay_off_{regime}_pct"] = share([each.off(truth) for each in mine])
    if off := [each for each in runs if each.off(truth)]:
        found["replay_flagged_of_off_pct"] = share([each.flagged for each in off])
    return found


def told(run: Run) -> str:
    """Return a run on a line."""
    figures = f"p50 {1e3 * run.p50:.3f} ms, floor {1e3 * run.floor:.3f} ms"
    return f"{run.regime:<6}{run.calls:<6}{figures}: {run.verdict} {'; '.join(run.reasons)}"


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--replay", action="store_true", help="replay the recordings only")
    parser.add_argument("--recordings", type=Path, default=RECORDINGS)
    parser.add_argument("--resamples", type=int, default=500, help="runs drawn of each regime")
    parser.add_argument("--alone", type=int, default=40, metavar="RUNS")
    parser.add_argument("--beside-one", type=int, default=6, metavar="RUNS")
    parser.add_argument("--beside-four", type=int, default=20, metavar="RUNS")
    asked = parser.parse_args(argv)
    figures = replay_figures(*replayed(asked.recordings, asked.resamples, 0))
    if not asked.replay:
        runs = []
        for run in live_runs(asked.alone, asked.beside_one, asked.beside_four):
            runs.append(run)
            print(told(run), file=sys.stderr)
        figures = {**live_figures(runs), **figures}
    show(figures, as_json=asked.json)


if __name__ == "__main__":
    main()
