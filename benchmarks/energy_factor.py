"""Whether the factors that estimates state are honest: `python benchmarks/energy_factor.py --rapl DIR --specpower DIR`.

Both folders hold other people's measurements, which are not part of this repository:

--rapl       codecarbon/data/hardware/cpu_load_profiling of https://github.com/mlco2/codecarbon (RAPL at eleven loads)
--specpower  data of https://github.com/cloud-carbon-footprint/ccf-coefficients (SPECpower ssj2008: watts at the wall of
             whole servers, at full load and idle; the loads between are not in it)

Two estimates are tried: `utilisation` (0.12 to 1.02 of the design power) against RAPL, and against the server at both
ends of its curve; `cpu-seconds` (3.5 W a busy thread) against what RAPL shows above idle, from a tenth of the load on,
and against servers at full load, those published since 2015 and all.

machines                RAPL machines; all that follows about RAPL rests on so few
mape_pct                mean error of `utilisation` against RAPL
coverage_rapl_pct       `utilisation`: how often a machine's power lies within the factor that the *other* machines need
                        to hold 95 % of theirs, mean over machines: what to expect of one that nobody has measured
coverage_specpower_pct  the same of `cpu-seconds` and servers since 2015, leaving one model of processor out at a time
<case>_stated_pct, <case>_left_out_pct, <case>_needs, <case>_worst_pct
                        of each case: held by the stated factor, and by that of the others; the factor that holds 95 %
                        of all; the machine (processor) that the stated factor serves worst
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_power import DISPLAY_FACTOR, FACTOR, WATTS_PER_CPU
from bench_power.utilisation import FULL, IDLE
from energy_factor_data import BadTable, Point, Server, rapl_points, servers
from harness import show

LEVEL = 0.95
LEAST_LOAD = 0.09  # below, what lies above idle is noise
SINCE = 2015


@dataclass(frozen=True)
class Case:
    """One estimate against one truth: logs of true over estimated power, by machine, and the factor it states."""

    name: str
    logs: Mapping[str, Sequence[float]]
    factor: float

    @classmethod
    def of(cls, name: str, factor: float, points: Sequence[tuple[str, float, float]]) -> Case:
        """Make a case of (machine, true watts, estimated watts)."""
        logs: dict[str, list[float]] = {}
        for machine, true_w, guess_w in points:
            logs.setdefault(machine, []).append(math.log(true_w / guess_w))
        if len(logs) < 2:
            raise BadTable(f"{name}: {len(logs)} machine is too few: one is judged by the others")
        return cls(name, logs, factor)

    def needs(self, without: str | None = None) -> float:
        """Return the factor that holds 95 % of all points, or of those of the other machines."""
        every = sorted(abs(each) for machine, logs in self.logs.items() if machine != without for each in logs)
        return math.exp(every[math.ceil(LEVEL * len(every)) - 1])

    def held_pct(self, machine: str, factor: float) -> float:
        """Return how many of a machine's points lie within times or divided by a factor."""
        logs = self.logs[machine]
        return 100 * sum(abs(each) <= math.log(factor) for each in logs) / len(logs)

    def stated_pct(self) -> float:
        """Return how many of all points the stated factor holds."""
        logs = [each for machine in self.logs.values() for each in machine]
        return 100 * sum(abs(each) <= math.log(self.factor) for each in logs) / len(logs)

    def left_out_pct(self) -> float:
        """Return the mean over machines of what the others' factor holds of each."""
        return _mean([self.held_pct(each, self.needs(without=each)) for each in self.logs])

    def mape_pct(self) -> float:
        """Return the mean absolute error relative to the truth."""
        return 100 * _mean([abs(math.exp(-each) - 1) for logs in self.logs.values() for each in logs])

    def figures(self) -> dict[str, float]:
        """Return what is said of each case."""
        worst = min(self.held_pct(each, self.factor) for each in self.logs)
        pct = {"stated_pct": self.stated_pct(), "left_out_pct": self.left_out_pct(), "worst_pct": worst}
        return {
            f"{self.name}_{key}": round(each, 2) for key, each in {**pct, "needs": self.needs()}.items()
        }  # fmt: skip


def cases(points: Sequence[Point], results: Sequence[Server]) -> list[Case]:
    """Return every estimate against every truth there is."""
    busy = [each for each in points if each.load >= LEAST_LOAD and each.watts > each.idle_w]
    curve = [(each.machine, each.watts, each.design_w * (IDLE + (FULL - IDLE) * each.load)) for each in points]
    above = [(each.machine, each.watts - each.idle_w, WATTS_PER_CPU * each.load * each.threads) for each in busy]
    full = [(each, (each.machine, each.full_w, WATTS_PER_CPU * each.threads)) for each in results]
    known = [each for each in results if each.design_w]
    return [
        Case.of("rapl_utilisation", DISPLAY_FACTOR, curve),
        Case.of("rapl_cpu_seconds", FACTOR, above),
        Case.of("spec_cpu_seconds", FACTOR, [triple for each, triple in full if each.year >= SINCE]),
        Case.of("spec_cpu_seconds_all", FACTOR, [triple for _, triple in full]),
        Case.of(
            "spec_utilisation_full", DISPLAY_FACTOR, [(e.machine, e.full_w, FULL * (e.design_w or 0)) for e in known]
        ),
        Case.of(
            "spec_utilisation_idle", DISPLAY_FACTOR, [(e.machine, e.idle_w, IDLE * (e.design_w or 0)) for e in known]
        ),
    ]


def figures(found: Sequence[Case]) -> dict[str, float]:
    """Return the figures, the headline first."""
    by_name = {each.name: each for each in found}
    rapl, spec = by_name["rapl_utilisation"], by_name["spec_cpu_seconds"]
    return {
        "machines": len(rapl.logs),
        "mape_pct": round(rapl.mape_pct(), 2),
        "coverage_rapl_pct": round(rapl.left_out_pct(), 2),
        "coverage_specpower_pct": round(spec.left_out_pct(), 2),
        "specpower_processors": len(spec.logs),
        "specpower_results": sum(map(len, spec.logs.values())),
        **{name: value for each in found for name, value in each.figures().items()},
    }


def table(found: Sequence[Case]) -> str:
    """Lay out the RAPL machines one by one: they are so few that their mean says little."""
    lines = [f"{'estimate':<20}{'machine':<50}{'points':>7}{'held %':>8}{'others need':>13}"]
    for case in found[:2]:
        for machine, logs in case.logs.items():
            held, needs = case.held_pct(machine, case.factor), case.needs(without=machine)
            lines.append(f"{case.name:<20}{machine[:48]:<50}{len(logs):7d}{held:8.1f}{needs:13.2f}")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main(argv: list[str] | None = None) -> int:
    """Read both folders and print what the factors hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rapl", type=Path, required=True, metavar="DIR", help="codecarbon's cpu_load_profiling")
    parser.add_argument("--specpower", type=Path, required=True, metavar="DIR", help="ccf-coefficients' data")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    try:
        points, refused = rapl_points(asked.rapl)
        found = cases(points, servers(asked.specpower))
    except BadTable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for each in refused:
        print(f"refused: {each}", file=sys.stderr)
    if not asked.json:
        print(table(found))
    show(figures(found), as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
