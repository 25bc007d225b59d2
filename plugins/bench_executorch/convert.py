"""From a .pt2 program to a .pte file: edge dialect, XNNPACK's partitions, memory plan."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.exir.lowered_backend_module import get_lowered_submodules

import bench
from bench_executorch.notes import NOTES, Notes
from bench_executorch.program import load, quiet, reason, traced

DELEGATE = "executorch_call_delegate"
# What a lowered graph holds beside operators: results taken apart, memory, sizes.
PLUMBING = frozenset({"getitem", "alloc", "view", "sym_size.int"})


def convert(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "model.pte"` and return its path. Raises Unsupported where something cannot be lowered."""
    source = load(artifact.path)
    names = tuple(each.name for each in source.inputs)
    path = Path(ctx.workdir) / "model.pte"
    ctx.note(**lower(traced(source.program.module(), source), names, path))
    return path


def lower(program: Any, names: tuple[str, ...], path: Path) -> dict[str, Any]:
    """Lower a traced program into a file; return what XNNPACK took of it and what it left.

    A .pte file's inputs have no names, so they, and what was counted here, are kept as a constant method beside
    `forward`.
    """
    try:
        with quiet():
            edge = to_edge_transform_and_lower(
                program, partitioner=[XnnpackPartitioner()], constant_methods={NOTES: ""}
            )
            delegated, portable = _counted(edge.exported_program())
            notes = Notes(names, delegated, portable)
            edge._config_methods[NOTES] = notes.dump()  # known only now; lowering twice would take twice as long
            lowered = edge.to_executorch()
    except Exception as error:  # the passes raise whatever they meet
        cure = "replace the operator it names, or choose another backend"
        raise bench.Unsupported(f"executorch cannot lower the program: {reason(error)}", cure=cure) from error
    path.write_bytes(lowered.buffer)
    return {"converter": f"executorch {version('executorch')}", **notes.facts()}


def _counted(program: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Return the operators inside XNNPACK's partitions, and those that portable kernels run, each with its number."""
    inside: Counter[str] = Counter()
    for _, lowered, _ in get_lowered_submodules(program.graph_module):
        inside.update(_name(each) for each in lowered.original_module.graph.nodes if each.op == "call_function")
    outside = Counter(_name(each) for each in program.graph.nodes if each.op == "call_function")
    del outside[DELEGATE]
    return tuple(  # type: ignore[return-value]  # of two
        {name: each[name] for name in sorted(each) if name not in PLUMBING} for each in (inside, outside)
    )


def _name(node: Any) -> str:
    """Return an operator's name without its namespace: "aten.convolution.default" is "convolution"."""
    name = getattr(node.target, "__name__", str(node.target))
    return str(name).removeprefix("aten.").removesuffix(".default")
