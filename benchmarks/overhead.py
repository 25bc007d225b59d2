"""What the harness itself costs: `python benchmarks/overhead.py [--json]`.

record_ns       nanoseconds that recording adds to a call (two clock reads and a list store)
recording_share_pct  what it adds to a call of 1 ms, percent, with the call's part of what a block costs besides
sample_bytes    bytes on disk for each call of a launch, the facts of its block included
block_us        microseconds of a block's round trip to a worker and back, 10 calls that do nothing
expand_10000_s  seconds to read a suite and expand it into 10,000 cells
render_5000_s   seconds to render 5,000 records
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.artifact import Artifact
from bench.measure.recorder import record_block
from bench.run import spawn_child
from bench.store import Journal, Launch
from bench.suite import load
from bench.wire import Reply

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from recorded import RECORDINGS, recorded  # noqa: E402 - see the line above
from synthetic import records as synthetic_records  # noqa: E402 - see the line above

CALLS = 20_000
BLOCK_CALLS = 23  # of a call of 1 ms: 20 ms and the 3 calls that do not count


def record_ns(repeats: int = 9) -> float:
    """Return nanoseconds that recording adds to a call, the median of several pairs of loops run side by side."""
    return statistics.median(_recorded() - _bare() for _ in range(repeats))


def recording_share_pct(repeats: int = 200) -> float:
    """Return what recording adds to a call of 1 ms, percent: a block of such calls less the calls themselves."""
    added = statistics.median(_block_ns() - BLOCK_CALLS * _bare(1000) for _ in range(repeats))
    return 100 * added / BLOCK_CALLS / 1e6


def _block_ns() -> float:
    began = time.perf_counter_ns()
    record_block(_nothing, BLOCK_CALLS)
    return time.perf_counter_ns() - began


def sample_bytes() -> float:
    """Return bytes on disk that the samples of a launch take, a call, over the recorded launches of a pair of sides.

    The facts of each block are among them; what a launch says of itself, some 1.2 kB, is not.
    """
    launches = recorded(RECORDINGS, "light-ort", ("A", "A2"))
    calls = sum(each.shape[0] * int(launch.meta["n"]) for launch in launches for each in launch.samples.values())
    bare = [Launch(each.meta, {side: value[:0] for side, value in each.samples.items()}) for each in launches]
    return (_on_disk(launches) - _on_disk(bare)) / calls


def _on_disk(launches: Sequence[Launch]) -> int:
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        return sum(journal.append("pair", each).stat().st_size for each in launches)


def _recorded() -> float:
    began = time.perf_counter_ns()
    record_block(_nothing, CALLS)
    return (time.perf_counter_ns() - began) / CALLS


def _bare(calls: int = CALLS) -> float:
    began = time.perf_counter_ns()
    for _ in range(calls):
        _nothing()
    return (time.perf_counter_ns() - began) / calls


def _nothing() -> float:
    return 0.0


class BlockBench:
    """A worker with a session that does nothing."""

    def __init__(self, folder: Path) -> None:
        (folder / "model.noop").write_bytes(b"nothing")
        np.savez(folder / "inputs.npz", x=np.zeros((1, 4), np.float32))
        self.worker = spawn_child(1, None)
        self.ask("import", target=f"{HERE / 'noop.py'}:Noop", options={}, needs=[])
        artifact = Artifact.of(folder / "model.noop", "noop").to_json()
        self.ask("open", artifact=artifact, inputs=str(folder / "inputs.npz"), device="cpu", threads=1)

    def ask(self, verb: str, **arguments: object) -> Reply:
        """Ask the worker."""
        return self.worker.request(verb, arguments, timeout_s=60)

    def block(self) -> Reply:
        """Run one block of 10 calls."""
        return self.ask("block", n=10, core=None, seed=1)


def block_us(repeats: int = 300) -> float:
    """Return the median round trip of a block, microseconds."""
    with tempfile.TemporaryDirectory() as name:
        bench = BlockBench(Path(name))
        try:
            return statistics.median(_timed(bench.block) for _ in range(repeats)) * 1e6
        finally:
            bench.worker.close()


def write_big_suite(folder: Path, cells: int = 10_000) -> Path:
    """Write a suite of that many cells, baselines included."""
    tasks, recipes = 10, cells // 10
    steps = ", ".join(f"{each / recipes:.6f}" for each in range(1, recipes))
    text = f"bench: 1\nname: big\nmatrix:\n  task: [{', '.join(f't{each}' for each in range(tasks))}]\n"
    text += f"  recipe: [none, prune: {{sparsity: [{steps}]}}]\n  backend: [torch]\n"
    path = folder / "big.yaml"
    path.write_text(text)
    return path


def expand(path: Path) -> int:
    """Read and expand a suite; return how many cells it has."""
    return len(load(path, vocabulary=None, env={}).cells())


def expand_10000_s() -> float:
    """Return seconds to read and expand 10,000 cells, the best of three."""
    with tempfile.TemporaryDirectory() as name:
        path = write_big_suite(Path(name))
        assert expand(path) == 10_000
        return min(_timed(lambda: expand(path)) for _ in range(3))


def render_5000_s() -> float:
    """Return seconds to render 5,000 records, the best of three."""
    from bench.publish import render

    records = synthetic_records(5_000)
    return min(_timed(lambda: render(records, title="big", generated="2026-01-01")) for _ in range(3))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    names = (record_ns, recording_share_pct, sample_bytes, block_us, expand_10000_s, render_5000_s)
    show({each.__name__: each() for each in names}, as_json=arguments.json)


if __name__ == "__main__":
    main()
