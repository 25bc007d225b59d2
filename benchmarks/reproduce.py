"""Do reruns fall where their records say? `python benchmarks/reproduce.py [--json] [--recordings DIR]`.

A suite is run once; then its compressed cells are measured again in turn by `bench reproduce`, each time in a run of
its own, and it is counted how many ratios fell inside the records' 95 % prediction intervals. With recordings the same
is replayed over recorded launches: of two stretches of neighbouring launches, cut anywhere, one predicts the other.

reruns, inside                reruns that gave a ratio, and those inside; scaled to forty: inside_of_40
reruns_without                reruns that gave none: failed, invalid or not comparable
halfwidth_pct                 median half-width of the predictions, percent
confidence_held_pct           of the same reruns, inside the records' confidence intervals, percent
replayed, replayed_pct        pairs of stretches, and the percentage inside
replayed_confidence_pct       of the same, inside the confidence interval of the first stretch
simulated_LAW_least_pct       with --simulate: percentage inside Student's part of the interval, which is never wider
                              than the whole, the least (and most) over lengths of either run
stopped_S_pct                 percentage inside where both runs, of launches that scatter by S %, stop at 2 %
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.derive.launches import floor_ratios
from bench.record import Record
from bench.stats import confidence_sequence, prediction_interval
from bench.stats.prediction import half_width
from bench.store import RunFolder
from bench.validate.reproduced import why_not

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from recorded import recorded  # noqa: E402

REGIMES, PAIRS = ("light-ort", "heavy-ort"), (("A2", "A"), ("p2", "A"), ("p5", "A"))
STRETCH = 7  # launches of a run that stops at an interval of 2 %, typically
FORTY = 40
NARROW = 0.02
Law = Callable[[np.random.Generator, int], np.ndarray[Any, np.dtype[np.float64]]]
LENGTHS = ((3, 3), (5, 5), (8, 8), (20, 20), (5, 20), (20, 5))
LAWS: dict[str, Law] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "student3": lambda rng, n: rng.standard_t(3, n),
    "laplace": lambda rng, n: rng.laplace(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "late": lambda rng, n: rng.normal(0, 0.5, n) + (rng.random(n) < 0.1) * rng.normal(0, 10, n),
}


def bench(*words: str) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run([sys.executable, "-m", "bench", *words], capture_output=True, text=True, check=False)
    return done.stdout


def reruns(suite: str, folder: Path, runs: int, only: Sequence[str]) -> Iterator[tuple[Record, dict[str, Any]]]:
    """Run a suite, then measure its compressed cells again in turn; yield each with what `reproduce` said."""
    bench("run", suite, "-o", str(folder / "first"), *(word for each in only for word in ("--only", each)))
    known = [each for each in RunFolder(folder / "first").records() if why_not(each) is None]
    if not known:
        raise SystemExit("no cell of the suite has a ratio to reproduce")
    for index, record in enumerate(itertools.islice(itertools.cycle(known), runs)):
        place = str(folder / f"again-{index}")
        text = bench("reproduce", record.id, "--results", str(folder / "first"), "-o", place, "--json")
        said = json.loads(text) if text else {"inside": None, "reason": "it could not be run"}
        print(f"{index + 1}: {record.cell}: {said.get('inside')} {said.get('reason', '')}", file=sys.stderr)
        yield record, said


def measured(suite: str, runs: int, only: Sequence[str]) -> dict[str, float]:
    """Measure reruns and return their figures."""
    with tempfile.TemporaryDirectory() as name:
        every = list(reruns(suite, Path(name), runs, only))
    told = [(record, said) for record, said in every if said.get("inside") is not None]
    inside = sum(bool(said["inside"]) for _, said in told)
    halves = [_half(said["predicted"], said["ratio"]) for _, said in told]
    return {
        "reruns": len(told),
        "reruns_without": len(every) - len(told),
        "inside": inside,
        "inside_of_40": FORTY * inside / max(len(told), 1),
        "halfwidth_pct": 100 * statistics.median(halves) if halves else 0.0,
        "confidence_held_pct": 100 * sum(_in_confidence(*each) for each in told) / max(len(told), 1),
    }


def _half(predicted: dict[str, Any], ratio: float) -> float:
    return float((predicted["high"] - predicted["low"]) / 2 / ratio)


def _in_confidence(record: Record, said: dict[str, Any]) -> bool:
    ratio, found = record.ratios["latency"], said["again"]["ratio"]
    if said["channel"] != "fastest calls":
        low, high = ratio.facts.get("work_low"), ratio.facts.get("work_high")
    else:
        low, high = ratio.low, ratio.high
    return bool((low or 0.0) <= found <= (np.inf if high is None else high))


def replayed(folder: Path) -> dict[str, float]:
    """Replay neighbouring stretches of recorded launches; each predicts the other."""
    inside: list[bool] = []
    confident: list[bool] = []
    for regime, (side, base) in itertools.product(REGIMES, PAIRS):
        values = floor_ratios(recorded(folder, regime, (side, base)), side, base)
        for start in range(len(values) - 2 * STRETCH + 1):
            pair = values[start : start + STRETCH], values[start + STRETCH : start + 2 * STRETCH]
            for old, new in (pair, pair[::-1]):
                found = float(np.median(new))
                inside.append(prediction_interval(old, STRETCH).covers(found))
                confident.append(confidence_sequence(old).covers(found))
    count = len(inside)
    return {
        "replayed": count,
        "replayed_pct": 100 * sum(inside) / count,
        "replayed_confidence_pct": 100 * sum(confident) / count,
    }


def simulated(rng: np.random.Generator, tries: int) -> dict[str, float]:
    """Simulate reruns of fixed lengths, by law, and of lengths that the stopping rule sets."""
    out: dict[str, float] = {}
    for name, law in LAWS.items():
        held = [_held(rng, law, n, m, tries) for n, m in LENGTHS]
        out |= {f"simulated_{name}_least_pct": min(held), f"simulated_{name}_most_pct": max(held)}
    for percent in (0.2, 0.5, 1.0, 2.0):
        pairs = [[_stopped(rng, percent / 100) for _ in range(2)] for _ in range(tries // 20)]
        inside = [prediction_interval(old, len(new)).covers(float(np.median(new))) for old, new in pairs]
        out[f"stopped_{percent:g}_pct"] = 100 * sum(inside) / len(inside)
    return out


def _held(rng: np.random.Generator, law: Law, n: int, m: int, tries: int) -> float:
    inside = 0
    for _ in range(tries):
        old = 0.01 * law(rng, n)
        inside += abs(0.01 * float(np.median(law(rng, m))) - float(np.median(old))) <= half_width(old, m, 0.95)
    return 100 * inside / tries


def _stopped(rng: np.random.Generator, scatter: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the launches of a run that stops when its interval is narrower than 2 %, or after 25."""
    values = rng.normal(0, scatter, 25)
    for n in range(5, len(values)):
        if confidence_sequence(values[:n]).width < NARROW:
            return values[:n]
    return values


def main() -> None:
    """Measure, replay and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--suite", default="mobile")
    parser.add_argument("--only", action="append", default=[], metavar="EXPR", help="cells of it, as of bench run")
    parser.add_argument("--runs", type=int, default=FORTY, help="reruns to measure; 0: none (default: 40)")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="replay recorded launches too")
    parser.add_argument("--simulate", action="store_true", help="simulate reruns too")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    if arguments.simulate:
        figures |= simulated(np.random.default_rng(0), 4000)
    if arguments.recordings:
        figures |= replayed(arguments.recordings)
    if arguments.runs:
        figures |= measured(arguments.suite, arguments.runs, arguments.only)
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
