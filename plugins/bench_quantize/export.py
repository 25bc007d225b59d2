"""Write a module as a .pt2 program that loads in another process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import bench

Inputs = Mapping[str, torch.Tensor]
# Where a node comes from: of no use to who runs it, a third of a small file, and different from run to run.
HISTORY = ("from_node", "nn_module_stack", "source_fn_stack", "stack_trace", "torch_fn")


def exported(module: Any, example: Inputs) -> Any:
    """Return the module's program: inputs by keyword, first axis dynamic.

    Raises Unsupported when it cannot be traced.
    """
    batch = torch.export.Dim("batch", min=1)
    shapes = {name: {0: batch} for name in example}
    try:
        return torch.export.export(module, (), dict(example), dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises whatever the model's own code does
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise bench.Unsupported(
            f"quantize: the quantised model cannot be exported: {first}",
            cure="try another mode, or the onnxruntime backend, which quantises the ONNX file",
        ) from error


def write_program(module: Any, example: Inputs, path: Path) -> Path:
    """Export the module and write it without its history; return the path."""
    program = exported(module, example)
    program.example_inputs = None
    for graph_module in program.graph_module.modules():
        for node in graph_module.graph.nodes if isinstance(graph_module, torch.fx.GraphModule) else ():
            for key in HISTORY:
                node.meta.pop(key, None)
    torch.export.save(program, path)
    return path
