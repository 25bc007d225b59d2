"""From a module in memory to a .pt2 file and back."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import bench
from bench_torch.program import inputs_of, load_program, quiet

EXAMPLE_BATCH = 2  # 0 and 1 are special to the tracer, so a batch of one would be burnt in
# Where a node came from in somebody's source tree: machine paths, and more bytes than a small model's weights.
SOURCE_TRACES = ("stack_trace", "from_node", "torch_fn")
TRACED_VALUES = ("val", "example_value", "tensor_meta")


def export(module: Any, ctx: bench.Context) -> Path:
    """Trace a module with the task's example inputs and save the program as `ctx.workdir / "model.pt2"`.

    Axis 0 of every input is dynamic (from 1), unless the task's inputs have a fixed batch. The module is traced in
    evaluation mode and left in the mode it was in.
    Raises BenchError when the batch axis cannot be dynamic or the module cannot be traced.
    """
    inputs = {name: torch.tensor(value) for name, value in ctx.example(EXAMPLE_BATCH).items()}
    was_training = module.training
    module.eval()
    try:
        program = _trace(module, inputs)
    finally:
        module.train(was_training)
    _strip(program)
    path = Path(ctx.workdir) / "model.pt2"
    torch.export.save(program, path)
    return path


def _trace(module: Any, inputs: dict[str, Any]) -> Any:
    batch = torch.export.Dim("batch", min=1)
    fixed = len(next(iter(inputs.values()))) != EXAMPLE_BATCH  # another batch than was asked for
    shapes = None if fixed else {name: {0: batch} for name in inputs}
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(module, (), inputs, dynamic_shapes=shapes)
    except Exception as error:
        message = f"torch.export cannot trace {type(module).__name__}: {_first_lines(error)}"
        cure = "the forward must take the task's inputs by name and keep the batch axis free (no fixed batch size)"
        raise bench.BenchError(message, cure=cure) from error


def _strip(program: Any) -> None:
    program.example_inputs = None
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for key in SOURCE_TRACES:
                node.meta.pop(key, None)


def load_module(artifact: bench.Artifact, ctx: bench.Context) -> Any:
    """Rebuild a module from a program: weights under their layers' names, `forward` taking the program's inputs."""
    program = load_program(artifact.path)
    ctx.log(
        "the module was rebuilt from an exported program: its layers hold weights but are not the classes they were"
    )
    with quiet():
        graph = program.module()
    for node in graph.graph.nodes:
        # The tracer's own tensors, of symbolic size: they serve no run, and deepcopy cannot copy them.
        for key in TRACED_VALUES:
            node.meta.pop(key, None)
    return _named_inputs([each.name for each in inputs_of(program)])(graph)


class Rebuilt(torch.nn.Module):
    """An exported graph as an ordinary module, on which train and eval do nothing: it is what it was traced as."""

    def __init__(self, graph: Any) -> None:
        super().__init__()
        self.program = graph

    def train(self, mode: bool = True) -> Rebuilt:
        """Note the mode; the graph itself refuses to be asked."""
        self.training = mode
        return self


def _named_inputs(names: Sequence[str]) -> type[Rebuilt]:
    """Return the class whose `forward` says these input names, as torch.export binds inputs by its signature."""

    def forward(self: Rebuilt, *args: Any, **kwargs: Any) -> Any:
        return self.program(*args, **kwargs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(each, kind) for each in ("self", *names)])
    forward.__signature__ = signature  # type: ignore[attr-defined]  # functions take it; types do not know
    return type("Rebuilt", (Rebuilt,), {"forward": forward})


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
