"""Make the reference weights again: `python -m bench_tasks.train NAME...|--all`."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench_tasks import characters, mnist, motion, weights
from bench_tasks.points import Toy
from bench_tasks.trained import Trained

TASKS: dict[str, Callable[[], Trained]] = {
    "toy": Toy,
    "mnist-dscnn": mnist.dscnn_task,
    "mnist-resnet8": mnist.resnet8_task,
    "activity": motion.cnn_task,
    "char-lm": characters.lm_task,
}
BATCH = 100


def train(task: Trained, folder: Path) -> dict[str, Any]:
    """Train a task's reference model from its seed, write weights and facts, and return the facts."""
    model = task.untrained()
    recipe = task.recipe
    fitted = task.fit(model, epochs=recipe.epochs, seed=recipe.seed)
    facts = {
        "task": task.name,
        task.metric.name: quality(task, model),
        "parameters": sum(each.numel() for each in model.parameters()),
        **fitted,
        "data": task.digest(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": version("numpy")},
    }
    weights.save(model, task.name, facts, folder)
    return facts


@torch.no_grad()
def quality(task: Trained, model: torch.nn.Module) -> float:
    """Return the score of a module on the evaluation split."""
    batches = torch.from_numpy(task.inputs("evaluation")[task.feed]).split(BATCH)
    return task.score({"output": torch.cat([model(each) for each in batches]).numpy()}).value


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench_tasks.train", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TASKS)}")
    parser.add_argument("--all", action="store_true", help="train every task that has weights of its own")
    parser.add_argument("-o", "--output", type=Path, default=weights.FOLDER, help="folder (default: the plugin's own)")
    given = parser.parse_args(arguments)
    names = list(TASKS) if given.all else given.names
    unknown = [each for each in names if each not in TASKS]
    if unknown or not names:
        parser.error(
            f"name one or more of {', '.join(TASKS)}, or give --all" + "".join(f"; not {x!r}" for x in unknown)
        )
    for name in names:
        task = TASKS[name]()
        facts = train(task, given.output)
        metric = task.metric.name
        print(f"{name}: {metric} {facts[metric]:.4f}, {facts['parameters']} parameters")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
