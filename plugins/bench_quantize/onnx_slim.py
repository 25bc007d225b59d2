"""Leave out of a quantised ONNX file what says nothing: it computes the same, in fewer bytes.

On models of a few ten thousand weights what a quantiser writes around them is a quarter of the file.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
from onnx import numpy_helper

# Whose zero points onnxruntime fills in when it fuses them into integer kernels; matrix products stay float without.
FUSED = {"Conv"}
# What the quantiser made, by how it names it.
MADE = ("_scale", "_zero_point")
STORED = "_quantized"


def slim(model: Any, *, shapes: bool) -> None:
    """Take from a model in QDQ form, in place, what no runtime reads.

    Zero points of stored integers that are zero (the operator's default), second copies of equal constants, notes
    of the exporter, names of what the quantiser put in and of what lies between layers, operator sets of which it has
    no operator, and inferred shapes unless `shapes` is true: onnxruntime fuses sums and normalisations only where it
    knows them. Inputs, outputs and constants of the model keep their names, integers have that of their floats.
    """
    graph = model.graph
    _drop_zeros(graph)
    _merge_equal(graph)
    _shorten(graph)
    if not shapes:
        del graph.value_info[:]
    for part in (graph, *graph.node, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for node in graph.node:
        if node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            node.ClearField("name")
    used = {node.domain for node in graph.node} | {""}
    kept = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _drop_zeros(graph: Any) -> None:
    """Leave out zero points of constants that are zero everywhere, and then every constant that nothing reads."""
    stored = {each.name: each for each in graph.initializer}
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    for node in graph.node:
        if readers.get(node.output[0]) != FUSED:
            continue
        if node.op_type != "DequantizeLinear" or len(node.input) < 3 or node.input[0] not in stored:
            continue
        zeros = stored.get(node.input[2])
        if zeros is not None and not numpy_helper.to_array(zeros).astype(np.int32).any():
            del node.input[2]
    _keep_used(graph)


def _merge_equal(graph: Any) -> None:
    """Let readers of equal small constants share one; weights stay apart, each under its own name."""
    first: dict[tuple[Any, ...], str] = {}
    renamed: dict[str, str] = {}
    for each in graph.initializer:
        if each.name.endswith(MADE):
            key = (each.data_type, tuple(each.dims), numpy_helper.to_array(each).tobytes())
            renamed[each.name] = first.setdefault(key, each.name)
    _rename(graph, {old: new for old, new in renamed.items() if old != new})
    _keep_used(graph)


def _shorten(graph: Any) -> None:
    """Give numbers to what the quantiser made and what flows between nodes, and to integers their floats' names."""
    outside = {each.name for each in (*graph.input, *graph.output)}
    constants = [each.name for each in graph.initializer]
    flows = [name for node in graph.node for name in node.output if name]
    back = {name: name.removesuffix(STORED) for name in constants if name.endswith(STORED)}
    back = {old: new for old, new in back.items() if new not in {*constants, *flows, *outside}}
    made = [name for name in constants if name.endswith(MADE)] + [name for name in flows if name not in outside]
    taken = {*constants, *back.values(), *outside}
    fresh = (name for name in (f"q{number}" for number in count()) if name not in taken)
    _rename(graph, {**back, **dict(zip(made, fresh, strict=False))})


def _rename(graph: Any, names: dict[str, str]) -> None:
    for each in graph.initializer:
        each.name = names.get(each.name, each.name)
    for info in graph.value_info:
        info.name = names.get(info.name, info.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def _keep_used(graph: Any) -> None:
    """Keep each constant that a node or an output reads, once."""
    used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    kept = {each.name: each for each in graph.initializer if each.name in used}
    copies = list(kept.values())
    del graph.initializer[:]
    graph.initializer.extend(copies)
