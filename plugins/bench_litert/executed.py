"""What an interpreter executes: what a delegate took of the graph, and the types that products run in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import bench
from bench_litert.graph import Graph
from bench_litert.work import Uncountable, executed, measure_work

DELEGATE = "DELEGATE"
SHOWN = 300


def plan_of(interpreter: Any) -> dict[str, Any]:
    """Return the nodes that run: those of the file, less what a delegate replaced by nodes of its own.

    The interpreter appends a delegate's nodes to the file's and does not say which it replaced; those are the ones
    between a delegate's inputs and its outputs.
    """
    nodes = interpreter._get_ops_details()
    delegates = [each for each in nodes if each["op_name"] == DELEGATE]
    own = [each for each in nodes if each["op_name"] != DELEGATE]
    makers = {int(output): each for each in own for output in each["outputs"]}
    taken: set[int] = set()
    for each in delegates:
        _walk([int(output) for output in each["outputs"]], {int(given) for given in each["inputs"]}, makers, taken)
    left = [each for each in own if each["index"] not in taken]
    return {
        "delegate": "xnnpack" if delegates else None,
        "delegated": f"{len(taken)} of {len(own)} operators",
        "operators": dict(sorted(Counter(str(each["op_name"]) for each in [*left, *delegates]).items())),
    }


def executed_by(path: Path) -> dict[str, Any]:
    """Return what products run in, for the audit; empty with the reason where the file cannot be made out.

    The runtime reads files that the flatbuffer's reader stumbles over; that costs the audit, not the cell.
    """
    try:
        graph = Graph(path)
        return executed(measure_work(graph, path))
    except (Uncountable, bench.BenchError, ValueError) as error:
        return {"reason": str(error)}
    except Exception as error:  # noqa: BLE001 - struct.error, KeyError, TypeError: whatever a damaged offset leads to
        return {"reason": f"{path.name} cannot be read: {type(error).__name__}: {error}"[:SHOWN]}


def _walk(ends: list[int], begins: set[int], makers: dict[int, Any], taken: set[int]) -> None:
    while ends:
        at = ends.pop()
        if at in makers and at not in begins and makers[at]["index"] not in taken:
            taken.add(makers[at]["index"])
            ends += [int(each) for each in makers[at]["inputs"]]
