"""Gates on this machine, while something else keeps a core busy: `python benchmarks/gate_live.py [--json]`.

Each gate is one cell judged by the very code of `bench gate`, with fresh evidence: a byte copy against its original,
or the same artifact with 3 % of busy work planted in the worker.

live_aa_fails       identical pairs that were failed, of live_aa_gates
live_p3_fails       pairs 3 % apart that were failed, of live_p3_gates
live_seconds        mean seconds of a cell
live_undecided      gates that reached no decision within their time

About 10 minutes; nothing else should be measured meanwhile. `--task` names another task than a small CNN.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from bench.cli.run_command import settings_of
from bench.cli.setup import open_registry, open_suite
from bench.gate.allowed import MEMORY, limits_of
from bench.machine import machine_facts
from bench.plan import make_plan
from bench.run.build import Builder
from bench.run.gate import Bench, Kept, Part, build_parts
from bench.run.gate.gate import EACH_S, TIMED_TESTS
from bench.run.gate.pair import Rules
from bench.run.gate.schedule import spend
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.store import Journal
from bench.suite.gating import Gating

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above

SUITE = """bench: 1
name: live
matrix: {{task: [{task}], backend: [{backend}]}}
measure: {{idle: 0s}}
"""
AA_GATES, PLANTED_GATES, PLANTED = 30, 20, 0.03


def prepared(task: str, backend: str, folder: Path) -> tuple[Bench, Part]:
    """Return a bench and one built cell."""
    file = folder / "live.yaml"
    file.write_text(SUITE.format(task=task, backend=backend), encoding="utf-8")
    registry, catalogue = open_registry()
    suite, catalogue = open_suite(str(file), registry, catalogue)
    plan, settings = make_plan(suite.cells(), catalogue), settings_of(suite, catalogue, in_process=False)
    metering, machine = Metering(settings, catalogue, _nothing), machine_facts()
    builder = Builder(settings, catalogue, Ledger(), metering, plan)
    (part,) = build_parts(plan, builder, metering, machine, _nothing)
    if not part.facts.ok:
        sys.exit(f"{part.facts.name}: {part.facts.status}: {part.facts.reason}")
    return Bench(builder, metering, Journal(folder / "journal"), machine, _nothing), part


def one_gate(bench: Bench, part: Part, share: float, number: int) -> tuple[str, float]:
    """Run one gate of one cell; returns its outcome and its seconds."""
    began = time.monotonic()
    part.side.failure, part.side.burden = None, share
    rules = Rules(limits_of(Gating()), MEMORY.value, TIMED_TESTS)
    bench.seed = f"{share}/{number}"
    pair = bench.pair(part, Kept(part.facts, part.side.artifact), rules, f"-{share:g}-{number}", None)
    pair.memory = False
    spend([pair], EACH_S, None, bench.tell)
    pair.close()
    return pair.decisions[part.side.id].outcome, time.monotonic() - began


def measure(task: str, backend: str, aa: int, planted: int, *, quiet: bool) -> dict[str, float]:
    """Return the figures."""
    outcomes: dict[float, Counter[str]] = {0.0: Counter(), PLANTED: Counter()}
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        bench, part = prepared(task, backend, Path(name))
        if not quiet:
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        for share, number in [*((0.0, i) for i in range(aa)), *((PLANTED, i) for i in range(planted))]:
            outcome, took = one_gate(bench, part, share, number)
            outcomes[share][outcome] += 1
            seconds.append(took)
            print(f"{share:.0%} #{number + 1}: {outcome} in {took:.1f} s", file=sys.stderr, flush=True)
    return {
        "live_aa_gates": aa,
        "live_aa_fails": outcomes[0.0]["fail"],
        "live_p3_gates": planted,
        "live_p3_fails": outcomes[PLANTED]["fail"],
        "live_undecided": sum(each["inconclusive"] for each in outcomes.values()),
        "live_seconds": statistics.mean(seconds),
    }


def _nothing(*words: str) -> None:
    """Listen to nothing."""
    del words


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--task", default="mnist-dscnn")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--aa", type=int, default=AA_GATES, help="gates of identical pairs")
    parser.add_argument("--planted", type=int, default=PLANTED_GATES, help="gates of pairs 3 %% apart")
    parser.add_argument("--quiet", action="store_true", help="no busy loop beside")
    asked = parser.parse_args()
    show(measure(asked.task, asked.backend, asked.aa, asked.planted, quiet=asked.quiet), as_json=asked.json)


if __name__ == "__main__":
    main()
