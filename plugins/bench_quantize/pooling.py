"""Write a mean over an image as the pooling that it is: there are int8 kernels for pooling, and none for ReduceMean."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

# What keeps an image one.
PASSING = frozenset({"Add", "BatchNormalization", "Clip", "Dropout", "Identity", "LeakyRelu", "MaxPool", "Mul", "Relu"})
SPATIAL = ([2, 3], [-2, -1], [-1, -2], [3, 2])


def pool_means(model: Any) -> None:
    """Replace, in place, each mean over the last two axes of a convolution's [n, c, h, w] by GlobalAveragePool.

    The value is the same. Without the kept axes a Flatten follows, [n, c].
    """
    graph = model.graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    images: set[str] = set()  # what has four axes, of which the last two are spatial
    nodes = []
    for node in graph.node:  # in topological order
        begins = node.op_type == "Conv" and _weights_of(node, stored).ndim == 4
        if begins or (node.op_type in PASSING and images & {*node.input}):
            images |= {*node.output}
        means = node.op_type == "ReduceMean" and node.input[0] in images and _axes(node, stored) in SPATIAL
        nodes += _pooled(node) if means else [node]
    copies = [_copy(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _weights_of(node: Any, stored: dict[str, Any]) -> Any:
    return stored.get(node.input[1], np.zeros(0))


def _attribute(node: Any, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(each) for each in node.attribute if each.name == name), default)


def _axes(node: Any, stored: dict[str, Any]) -> list[int]:
    """Return the axes, an attribute up to opset 17 and an input since; none where only running tells them."""
    if len(node.input) > 1:
        return [int(each) for each in stored.get(node.input[1], [])]
    return [int(each) for each in _attribute(node, "axes", [])]


def _pooled(node: Any) -> list[Any]:
    source, target = node.input[0], node.output[0]
    if _attribute(node, "keepdims", 1):
        return [helper.make_node("GlobalAveragePool", [source], [target], name=node.name)]
    between = f"{target}_pooled"
    return [
        helper.make_node("GlobalAveragePool", [source], [between], name=node.name),
        helper.make_node("Flatten", [between], [target], name=f"{node.name}_flat", axis=1),
    ]


def _copy(node: Any) -> Any:
    """Return a copy: clearing a repeated field empties the nodes that were in it."""
    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    return copied
