"""A/A beside a busy loop: does the 99 % interval of two identical artifacts hold 1? `python benchmarks/aa.py [--json]`.

Two recipes that give byte-identical artifacts, the baseline and a plugin that changes nothing, are measured live, each
time in a fresh comparison, while another process keeps a core busy.

aa_runs            runs made
aa_covered         runs whose 99 % interval of the latency ratio holds 1
aa_halfwidth_pct   the largest half-width of those intervals, percent (aa_median_halfwidth_pct: the median)
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.cli.setup import open_registry
from bench.derive.launches import floor_ratios
from bench.machine import machine_facts
from bench.plan import make_plan
from bench.run import Settings, run, spawn_child
from bench.stats import Interval, ratio_interval
from bench.store import Cache, open_run
from bench.suite.cell import Cell, Step

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above

BUSY = "while True: pass"


def one(folder: Path, budget_s: float, task: str, backend: str) -> Interval:
    """Measure the pair once, in a folder of its own, and return the 99 % interval of the ratio."""
    _, catalogue = open_registry([str(HERE / "nothing.py")])
    base = Cell("aa", task, (), backend)
    plan = make_plan([base, replace(base, recipe=(Step("change-nothing"),))], catalogue)
    settings = Settings(Cache(folder.parent / "cache"), spawn_child, ci_width=None, budget_s=budget_s)
    with open_run(folder) as place:
        run(plan, catalogue, settings, place, {"machine": machine_facts(), "reproduce": "python benchmarks/aa.py"})
        launches = place.journal.read(base.id)
    return ratio_interval(floor_ratios(launches, plan.cells[1].cell.id, base.id), level=0.99)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--budget", type=float, default=12.0, metavar="SECONDS")
    parser.add_argument("--task", default="mnist-dscnn")
    parser.add_argument("--backend", default="onnxruntime")
    arguments = parser.parse_args()
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        with tempfile.TemporaryDirectory() as name:
            found = []
            for index in range(arguments.runs):
                found.append(one(Path(name) / f"run-{index}", arguments.budget, arguments.task, arguments.backend))
                print(
                    f"{index + 1}: {found[-1].value:.4f} [{found[-1].low:.4f}, {found[-1].high:.4f}] n={found[-1].n}",
                    file=sys.stderr,
                )
    finally:
        busy.kill()
        busy.wait()
    halves = [100 * (each.high - each.low) / 2 / each.value for each in found]
    figures = {"aa_runs": len(found), "aa_covered": sum(each.covers(1.0) for each in found)}
    widths = {"aa_halfwidth_pct": max(halves), "aa_median_halfwidth_pct": statistics.median(halves)}
    show({**figures, **widths}, as_json=arguments.json)


if __name__ == "__main__":
    main()
