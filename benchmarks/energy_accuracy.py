"""How far off joules are, ours and naive ones: `python benchmarks/energy_accuracy.py [--json] [--quick]`.

In virtual time, four loads seen through counters updated every 1, 20 and 100 ms (give or take 2 %):
aligned_p95_pct      error of our windows under a steady load, 100 periods long, the worst of three periods
coverage_pct         how often the stated uncertainty holds the truth, the worst of four loads, 2,010 windows each
naive_100ms_1s_pct   error of the plain difference of a 100 ms counter over 1 s
poll_100ms_1s_pct    error of polling power every 100 ms over 1 s
In real time, a counter file fed by another process:
live_bound_held_pct  how often the stated uncertainty holds the truth
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from energy_live import Live, live_windows  # noqa: E402 - see the line above
from energy_sim import TRACES  # noqa: E402 - see the line above
from energy_windows import PERIODS_S, Outcome, Simulation  # noqa: E402 - see the line above
from harness import show  # noqa: E402 - see the line above

POLLS_S = (0.01, 0.1, 1.0)
LENGTHS_S = (0.1, 1.0, 10.0)
SHARES = (0.1, 0.7, 3.3)  # length of an inference in update periods


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile in per cent."""
    return 100 * sorted(values)[int(0.95 * (len(values) - 1))]


def aligned_p95_pct(n: int) -> float:
    """Return the error of our windows, steady load, T = 100 periods; the worst of the periods."""
    worst = 0.0
    for tau in PERIODS_S:
        simulation = Simulation("step", tau, 11)
        outcomes = [simulation.window(100 * tau, tau * SHARES[each % len(SHARES)]) for each in range(n)]
        worst = max(worst, p95([each.error(each.ours_j) for each in outcomes]))
    return worst


def coverage_pct(n: int) -> dict[str, float]:
    """Return for each load how often the stated uncertainty holds; n windows of many lengths for each period."""
    return {trace: _covered(trace, n) for trace in TRACES}


def _covered(trace: str, n: int) -> float:
    held = 0
    for tau in PERIODS_S:
        simulation, draw = Simulation(trace, tau, 12), random.Random(13)
        for _ in range(n):
            outcome = simulation.window(10 ** draw.uniform(-0.5, 2) * tau, tau * draw.choice(SHARES))
            held += abs(outcome.ours_j - outcome.truth_j) <= outcome.bound_j
    return 100 * held / (n * len(PERIODS_S))


Column = Callable[[Outcome], float]


def table(n: int) -> dict[tuple[str, str, float], float]:
    """Return the 95th percentile of the error in per cent by load, way and length of the window."""
    found: dict[tuple[str, str, float], float] = {}
    for trace in TRACES:
        for tau in PERIODS_S:
            simulation = Simulation(trace, tau, 14)
            for seconds in LENGTHS_S:
                # Work never lasts a round number of polling intervals.
                lengths = [seconds * simulation.draw.uniform(0.95, 1.05) for _ in range(n)]
                outcomes = [simulation.window(each, each / 101, POLLS_S) for each in lengths]
                found[trace, f"ours {1e3 * tau:g} ms", seconds] = p95([each.error(each.ours_j) for each in outcomes])
                found[trace, f"naive {1e3 * tau:g} ms", seconds] = p95([each.naive_error for each in outcomes])
                for every in POLLS_S:
                    errors = [each.error(each.polled_j[every]) for each in outcomes]
                    found[trace, f"poll {1e3 * every:g} ms", seconds] = p95(errors)
    return found


def print_table(found: dict[tuple[str, str, float], float]) -> None:
    """Print a block for each load: ways down, lengths across."""
    for trace in TRACES:
        lengths = "".join(f"{seconds:>10g} s" for seconds in LENGTHS_S)
        print(f"\n95 % of errors are below, per cent: {trace}\n{'':<18}{lengths}")
        for way in dict.fromkeys(way for name, way, _ in found if name == trace):
            print(f"{way:<18}" + "".join(f"{found[trace, way, seconds]:>12.3g}" for seconds in LENGTHS_S))


def print_live(found: dict[tuple[str, float, float], list[Live]]) -> None:
    """Print what was seen in real time."""
    print(f"\n{'in real time':<28}{'error %':>10}{'bound %':>10}{'held':>10}{'invalid':>9}")
    for (trace, tau, seconds), windows in found.items():
        valid = [each for each in windows if each.error_j is not None and each.bound_j is not None]
        errors = [100 * (each.error_j or 0) / each.truth_j for each in valid]
        bounds = [100 * (each.bound_j or 0) / each.truth_j for each in valid]
        name = f"{trace}, {1e3 * tau:g} ms, {seconds:g} s"
        held = f"{_held(windows)}/{len(valid)}"
        print(f"{name:<28}{max(errors):>10.3g}{max(bounds):>10.3g}{held:>10}{len(windows) - len(valid):>9}")


def _held(windows: Sequence[Live]) -> int:
    return sum(
        each.error_j is not None and each.bound_j is not None and each.error_j <= each.bound_j for each in windows
    )


def live_bound_held_pct(found: dict[tuple[str, float, float], list[Live]]) -> float:
    """Return how often the bound held among the windows that have a value. Raises ValueError when most have none."""
    windows = [each for group in found.values() for each in group]
    valid = [each for each in windows if each.error_j is not None]
    if len(valid) < len(windows) / 2:
        raise ValueError(f"only {len(valid)} of {len(windows)} windows in real time were valid")
    return 100 * _held(valid) / len(valid)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows in virtual time")
    arguments = parser.parse_args()
    share = 10 if arguments.quick else 1
    errors, covered, live = table(40 // share), coverage_pct(670 // share), live_windows()
    if not arguments.json:
        print_table(errors)
        print_live(live)
        print("\ncoverage of the stated uncertainty, per cent:", ", ".join(f"{k} {v:.4g}" for k, v in covered.items()))
    figures = {
        "aligned_p95_pct": aligned_p95_pct(200 // share),
        "coverage_pct": min(covered.values()),
        "naive_100ms_1s_pct": errors["step", "naive 100 ms", 1.0],
        "poll_100ms_1s_pct": errors["step", "poll 100 ms", 1.0],
        "live_bound_held_pct": live_bound_held_pct(live),
    }
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
