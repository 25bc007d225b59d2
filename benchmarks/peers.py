"""Static int8 by us and by others, side by side: `python benchmarks/peers.py [--json] [--quick]`.

Each tool works in an environment of its own (made under --envs, from PyPI, with pinned versions), on the same float
file and the same 256 calibration examples of the train split. What it writes is then judged like any of our artifacts:
quality on the full held-out split, bytes of the file, latency in interleaved launches on onnxruntime, one thread.

tasks_on_front           tasks, of `tasks`, where nothing dominates ours: better in quality, bytes or latency beyond
                         its interval, and worse in none beyond it
median_int8_drop_pp      median over tasks of our drop, points, with its interval (_low, _high: examples resampled)
drops_above_1pp          tasks where ours loses more than a point (they bear a flag in the table)
peers_missing            tools that could not be installed, or failed on a task

With --quick quality and bytes alone are compared. About 12 minutes with latency, environments not counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cli.setup import open_registry
from bench.derive.launches import floor_ratios
from bench.machine import machine_facts
from bench.plan import Catalogue, make_plan
from bench.run import Metering, Settings, run, spawn_child
from bench.run.build import Builder
from bench.run.built import Side
from bench.run.gate.building import build_parts
from bench.run.ledger import Ledger
from bench.stats import Interval, paired_difference, ratio_interval
from bench.store import Cache, Launch, cache_folder, open_run
from bench.suite.cell import Cell, Step

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from peer_environments import NotInstalled, code_digest, interpreter  # noqa: E402 - its neighbours stand above
from peer_front import exact, front, median_drop  # noqa: E402 - its neighbours stand above
from peer_table import markdown  # noqa: E402 - its neighbours stand above

TASKS = ("mnist-dscnn", "mnist-resnet8", "minilm")
OURS, BASE = "joulebench", "float"
# Name, environment, child and a word for it.
PEERS = (
    ("nncf", "nncf", "nncf_static.py", ""),
    ("neural-compressor", "neural-compressor", "neural_compressor_static.py", ""),
    ("onnxruntime", "onnxruntime", "onnxruntime_static.py", "plain"),
    ("onnxruntime-advised", "onnxruntime", "onnxruntime_static.py", "advised"),
)
CALIBRATE = 256
FLAG_PP = 1.0


@dataclass(frozen=True)
class Compared:
    """A task's tools: sides by name (the float model under BASE), launches in which all ran, and what failed."""

    task: str
    sides: Mapping[str, Side]
    launches: Sequence[Launch]
    failed: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The tools that made a file."""
        return [name for name in self.sides if name != BASE]

    def drop(self, name: str, than: str = BASE) -> Interval:
        """Return how many points fewer a tool gets than another on the same examples."""
        found = paired_difference(self.sides[name].outcomes, self.sides[than].outcomes)
        return found.mapped(lambda value: 100 * value)

    def latency(self, name: str, than: str = BASE) -> Interval | None:
        """Return the ratio of latencies, None where none were measured."""
        if not self.launches:
            return None
        return ratio_interval(floor_ratios(self.launches, self.sides[name].id, self.sides[than].id))

    def size(self, name: str, than: str = BASE) -> float:
        """Return the ratio of bytes."""
        return self.bytes_of(name) / self.bytes_of(than)

    def bytes_of(self, name: str) -> int:
        """Return the bytes of the file."""
        artifact = self.sides[name].artifact
        assert artifact is not None
        return artifact.size_bytes

    def worse(self, name: str, than: str) -> list[Interval]:
        """Return how much worse a tool is than another, in points, bytes and latency."""
        measures = [self.drop(name, than), exact(self.size(name, than) - 1)]
        ratio = self.latency(name, than)
        return measures if ratio is None else [*measures, ratio.mapped(lambda value: value - 1)]

    def dominators(self) -> dict[str, list[str]]:
        """Return who dominates each tool."""
        return front(self.names, self.worse)


def environments(envs: Path) -> tuple[dict[str, Step], dict[str, str]]:
    """Return a recipe's step for each tool that is or can be installed, and why the others cannot."""
    steps, missing = {}, {}
    for name, environment, script, how in PEERS:
        try:
            python = interpreter(environment, envs)
        except NotInstalled as error:
            missing[name] = str(error)
            continue
        code = code_digest(script, "common.py", f"{environment}.txt")
        options = {"script": script, "python": str(python), "code": code, "how": how, "calibrate": CALIBRATE}
        steps[name] = Step("peer", options)
    return steps, missing


def compare(
    task: str, peers: Mapping[str, Step], catalogue: Catalogue, folder: Path, cache: Cache, budget_s: float | None
) -> Compared:
    """Build and grade all of a task's files; measure them beside one another for `budget_s`, if given."""
    base = Cell("peers", task, (), "onnxruntime")
    steps = {OURS: Step("quantize", {"mode": "static", "calibrate": CALIBRATE}), **peers}
    cells = {BASE: base, **{name: Cell("peers", task, (step,), "onnxruntime") for name, step in steps.items()}}
    plan = make_plan(list(cells.values()), catalogue)
    settings = Settings(cache, spawn_child, ci_width=None, budget_s=budget_s or 0.0, min_launches=6)
    metering = Metering(settings, catalogue, _nothing)
    builder = Builder(settings, catalogue, Ledger(), metering, plan)
    built = {part.side.id: part for part in build_parts(plan, builder, metering, machine_facts(), _nothing)}
    parts = {name: built[cell.id] for name, cell in cells.items()}
    sides = {name: part.side for name, part in parts.items() if part.facts.ok}
    failed = {name: str(part.facts.reason) for name, part in parts.items() if not part.facts.ok}
    if BASE not in sides or OURS not in sides:
        sys.exit(f"{task}: {failed}")
    launches: list[Launch] = []
    if budget_s:
        standing = make_plan([cells[name] for name in sides], catalogue)
        with open_run(folder / task) as place:
            run(standing, catalogue, settings, place, {"machine": machine_facts(), "reproduce": "benchmarks/peers.py"})
            launches = list(place.journal.read(standing.comparisons[0].id))
    return Compared(task, sides, launches, failed)


def figures_of(found: Sequence[Compared], missing: Mapping[str, str]) -> dict[str, float]:
    """Return the figures."""
    tasks = {each.task: (each.sides[BASE].outcomes, each.sides[OURS].outcomes) for each in found}
    median = median_drop(tasks).mapped(lambda value: 100 * value)
    figures: dict[str, float] = {
        "tasks": len(found),
        "tasks_on_front": sum(not each.dominators()[OURS] for each in found),
        "median_int8_drop_pp": median.value,
        "median_int8_drop_pp_low": median.low,
        "median_int8_drop_pp_high": median.high,
        "drops_above_1pp": sum(each.drop(OURS).value > FLAG_PP for each in found),
        "peers_missing": len(missing) + sum(len(each.failed) for each in found),
    }
    for each in found:
        for name in each.names:
            stem = f"{each.task}_{name}".replace("-", "_")
            figures |= {f"{stem}_drop_pp": each.drop(name).value, f"{stem}_size_ratio": each.size(name)}
            ratio = each.latency(name)
            figures |= {} if ratio is None else {f"{stem}_latency_ratio": ratio.value}
    return figures


def _nothing(*words: Any) -> None:
    """Listen to nothing."""
    del words


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="quality and bytes only")
    parser.add_argument("--table", action="store_true", help="print the table as Markdown instead")
    parser.add_argument("--envs", type=Path, default=cache_folder() / "peers", metavar="DIR", help="environments")
    parser.add_argument("--task", action="append", metavar="NAME", help=f"instead of {', '.join(TASKS)}; repeatable")
    parser.add_argument("--budget", type=float, default=120.0, metavar="SECONDS", help="of latency, per task")
    asked = parser.parse_args()
    peers, missing = environments(asked.envs.resolve())
    _, catalogue = open_registry([str(HERE / "peer_plugin.py")])
    budget_s, cache, found = None if asked.quick else asked.budget, Cache(cache_folder()), []
    with tempfile.TemporaryDirectory() as name:
        for task in asked.task or TASKS:
            found.append(compare(task, peers, catalogue, Path(name), cache, budget_s))
            print(markdown(found[-1:], {}), file=sys.stderr, flush=True)
    for tool, why in missing.items():
        print(f"missing: {tool}: {why}", file=sys.stderr)
    if asked.table:
        print(markdown(found, missing))
    else:
        show(figures_of(found, missing), as_json=asked.json)


if __name__ == "__main__":
    main()
