"""A program as one plain function of its state and inputs, without the wrappers of `ExportedProgram.module()`.

Those wrappers (argument trees, guards, attribute look-ups) cost 0.1 ms a call, more than a small model takes. Here the
graph is called with tensors in order; common operators go through the same C bindings that `torch.nn` modules call,
because the generic path of `torch.ops` costs another microsecond each.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from bench_torch.program import constants_of, state_of
from bench_torch.purity import check_pure

# Checks of what the program was traced with; they compute nothing.
ASSERTIONS = frozenset({"aten::_assert_tensor_metadata", "aten::_assert_async", "aten::sym_constrain_range_for_size"})
# Operators whose bindings take exactly the arguments of their schema (each has a test).
DIRECT = frozenset(
    {
        *("linear", "matmul", "bmm", "addmm", "conv1d", "conv2d", "batch_norm", "layer_norm", "embedding"),
        *("scaled_dot_product_attention", "max_pool2d", "avg_pool2d", "dropout", "softmax.int", "log_softmax.int"),
        *("relu", "relu_", "sigmoid", "tanh", "gelu", "clamp", "masked_fill.Scalar", "eq.Scalar"),
        *("add.Tensor", "add_.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor", "sum.dim_IntList", "mean.dim"),
        *("reshape", "view", "transpose.int", "permute", "flatten.using_ints", "unsqueeze", "squeeze.dim", "expand"),
        *("cat", "chunk", "select.int", "contiguous", "to.dtype"),
    }
)


def flatten(program: Any) -> tuple[Any, dict[str, Any]]:
    """Return the program's graph as a module called with every placeholder in order, and the values of its state.

    The module returns a tuple. The state maps placeholder names to tensors (and to constants that are no tensors);
    what is not in it is an input. Raises Unsupported for programs that write to their own state.
    """
    check_pure(program)
    graph = torch.fx.GraphModule(program.graph_module, torch.fx.Graph())
    graph.graph = _copy(program.graph_module.graph)
    for node in reversed(graph.graph.nodes):
        if _schema_name(node.target) in ASSERTIONS:
            graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph, {**state_of(program), **constants_of(program)}


def bind_directly(graph: Any) -> int:
    """Replace common operators by torch's own bindings of them, in place; return how many calls were replaced."""
    replaced = 0
    for node in graph.graph.nodes:
        binding = _binding(node.target) if node.op == "call_function" else None
        if binding is not None:
            node.target, replaced = binding, replaced + 1
    graph.recompile()
    return replaced


def rooted(graph: Any, state: Mapping[str, Any]) -> Any:
    """Return the graph with its state as buffers, called with the inputs alone: what a compiler may specialise on."""
    module = torch.fx.GraphModule(graph, _copy(graph.graph))
    for node in [each for each in module.graph.nodes if each.op == "placeholder" and each.target in state]:
        value = state[node.target]
        if not isinstance(value, torch.Tensor):
            node.replace_all_uses_with(value)
        elif node.users:
            module.register_buffer(node.target, value)
            with module.graph.inserting_before(node):
                node.replace_all_uses_with(module.graph.get_attr(node.target))
        module.graph.erase_node(node)
    module.recompile()
    return module


def _copy(graph: Any) -> Any:
    fresh = torch.fx.Graph()
    fresh.output(fresh.graph_copy(graph, {}))
    return fresh


def _binding(target: Any) -> Any:
    name = _schema_name(target)
    if not name.startswith("aten::") or name.removeprefix("aten::") not in DIRECT:
        return None
    base = name.removeprefix("aten::").partition(".")[0]
    for home in (torch, functional, torch.Tensor):
        found = getattr(home, base, None)
        if isinstance(found, (types.BuiltinFunctionType, types.MethodDescriptorType)):
            return found
    return None


def _schema_name(target: Any) -> str:
    return str(target.name()) if isinstance(target, torch._ops.OpOverload) else ""
