"""Write a module as a .pt2 program that loads in another process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import bench

Inputs = Mapping[str, torch.Tensor]
OPSET = 18
EXAMPLE_BATCH = 2  # 0 and 1 are special to the tracer, so a batch of one would be burnt in
DECODING = frozenset({"Cast", "Flatten", "Gather", "Mul", "Reshape", "Slice", "Sub", "Transpose", "Unsqueeze"})
# Where a node comes from: of no use to who runs it, a third of a small file, and different from run to run.
HISTORY = ("from_node", "nn_module_stack", "source_fn_stack", "stack_trace", "torch_fn")


def batch_of(example: Inputs) -> int | None:
    """Return the batch that the task's inputs are fixed at: what was given where `EXAMPLE_BATCH` was asked for."""
    rows = len(next(iter(example.values())))
    return None if rows == EXAMPLE_BATCH else rows


def exported(module: Any, example: Inputs) -> Any:
    """Return the module's program: inputs by keyword, first axis dynamic unless the task fixes the batch.

    Raises Unsupported when it cannot be traced.
    """
    batch = torch.export.Dim("batch", min=1)
    shapes = None if batch_of(example) else {name: {0: batch} for name in example}
    try:
        return torch.export.export(module, (), dict(example), dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises whatever the model's own code does
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise bench.Unsupported(
            f"quantize: the quantised model cannot be exported: {first}",
            cure="try another mode, or the onnxruntime backend, which quantises the ONNX file",
        ) from error


def write_onnx(module: Any, example: Inputs, path: Path) -> Path:
    """Export the module as one ONNX file; return the path.

    What is constant is computed beforehand, but stored weights stay stored: the runtime decodes them on loading.
    """
    from onnxscript import optimizer

    with torch.no_grad():
        program = exported(module, example)
    outputs = len(program.graph_signature.user_outputs)
    names = ["output"] if outputs == 1 else [f"output_{index}" for index in range(outputs)]
    try:
        found = torch.onnx.export(
            program, (), dynamo=True, opset_version=OPSET, external_data=False, output_names=names, optimize=False
        )
        optimizer.optimize_ir(found.model, should_fold=lambda node: False if _decodes(node) else None)
    except Exception as error:  # the exporter raises many kinds of its own
        raise bench.Unsupported(
            f"quantize: no ONNX form of this model: {str(error).strip().splitlines()[0][:300]}",
            cure="use the torch backend",
        ) from error
    model = found.model_proto
    _strip(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def _decodes(node: Any) -> bool:
    """Whether a node decodes packed indices: it works on them, or on what such a node made of them."""
    if node.op_type not in DECODING or len(node.inputs) == 0:
        return False
    value = node.inputs[node.op_type == "Gather"]
    if value is None:
        return False
    maker = value.producer()
    return (value.name or "").endswith(".packed") or (maker is not None and _decodes(maker))


def _strip(model: Any) -> None:
    """Take out where nodes come from and what shapes lie in between: more bytes than a small model's weights."""
    for each in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output, model.graph):
        each.ClearField("metadata_props")
        each.ClearField("doc_string")
    del model.graph.value_info[:]
    model.ClearField("metadata_props")


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
