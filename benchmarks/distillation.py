"""What a teacher is worth to a student: `python benchmarks/distillation.py [--json]`.

The half-width student of a task learns from few labelled examples, or from all, once from labels alone (alpha 0) and
once from the teacher as well; the two share initial weights and the order of examples, both from the seed, and are
graded on the same held-out split, so that the difference is paired by seed. Interval: Student's t over the seeds.

gain_300_pp, gain_300_low_pp, gain_300_high_pp    points of accuracy gained by the teacher, 300 labelled examples
gain_all_pp, gain_all_low_pp, gain_all_high_pp    the same with the whole training split
alone_300_pct, taught_300_pct, alone_all_pct, taught_all_pct    mean accuracies
seeds                                             how many

About ten minutes. Nothing is timed, so other work may run meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench_distill
import bench_tasks
import torch
from bench_tasks.classification import Classification
from scipy import stats

from bench.worker.context import WorkerContext

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above

SEEDS, EPOCHS_OF_ALL = 10, 8.0
FEW = 300
TASKS = {"mnist-dscnn": bench_tasks.mnist_dscnn, "mnist-resnet8": bench_tasks.mnist_resnet8}


class Reseeded(WorkerContext):
    """A context whose students begin from weights of the seed; a task's own begin always from the same."""

    def student(self, name: str) -> Any:
        """Return the student, drawn anew."""
        module = super().student(name)
        torch.manual_seed(self.seed)
        for each in module.modules():
            if hasattr(each, "reset_parameters"):
                each.reset_parameters()
        return module


def accuracy(task: Classification, examples: int | None, seed: int, alpha: float) -> float:
    """Return the accuracy of a student after as many steps whatever the number of examples."""
    total = len(task.inputs("calibration")["x"])
    batch = task.recipe.batch
    steps = EPOCHS_OF_ALL * -(-total // batch)
    epochs = steps / -(-(examples or total) // batch)
    with tempfile.TemporaryDirectory() as folder:
        ctx = Reseeded(task, seed=seed, workdir=Path(folder))
        student = bench_distill.distill(task.module(), ctx, epochs=epochs, alpha=alpha, examples=examples)
    with torch.no_grad():
        outputs = torch.cat([student(each) for each in torch.from_numpy(task.inputs("evaluation")["x"]).split(500)])
    return task.score({"output": outputs.numpy()}).value


def gain(task: Classification, examples: int | None, seeds: int) -> tuple[Sequence[float], Sequence[float]]:
    """Return accuracies alone and taught, seed by seed."""
    alone, taught = [], []
    for seed in range(seeds):
        alone.append(accuracy(task, examples, seed, 0.0))
        taught.append(accuracy(task, examples, seed, 0.7))
        print(
            f"{examples or 'all'} #{seed}: alone {alone[-1]:.4f}, taught {taught[-1]:.4f}", file=sys.stderr, flush=True
        )
    return alone, taught


def figures(name: str, alone: Sequence[float], taught: Sequence[float]) -> dict[str, float]:
    """Return the gain in points with its 95 % interval, and both means in percent."""
    gains = [100 * (with_ - without) for with_, without in zip(taught, alone, strict=True)]
    mean = statistics.mean(gains)
    half = stats.t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    return {
        f"gain_{name}_pp": mean,
        f"gain_{name}_low_pp": mean - half,
        f"gain_{name}_high_pp": mean + half,
        f"alone_{name}_pct": 100 * statistics.mean(alone),
        f"taught_{name}_pct": 100 * statistics.mean(taught),
    }


def main() -> None:
    """Train, grade and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--task", default="mnist-dscnn", choices=sorted(TASKS))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds, 2 or more")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    task = TASKS[asked.task]()
    found: dict[str, float] = {"seeds": asked.seeds}
    for name, examples in (("300", FEW), ("all", None)):
        found |= figures(name, *gain(task, examples, asked.seeds))
    show(found, as_json=asked.json)


if __name__ == "__main__":
    main()
