"""Counting what a program does: the multiply-accumulates of one inference, by running it once operator by operator.

`torch.utils.flop_counter` knows the formulae (2 x MACs for matrix products, convolutions and attention); it misses the
CPU's attention kernel and integer products, which are added here. An operator that looks like a product and was
counted as nothing makes the whole count unavailable: a number that is too small is worse than none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

import bench
from bench_torch.precision import bits_of
from bench_torch.program import Input

CONVENTION = "2 x MACs"
PRODUCT = re.compile(r"(^|_)q?(mm|bmm|mv|dot|linear|conv\dd|convolution|matmul|attention|lstm|gru|rnn|einsum|fft)(_|$)")
# Places of (activation, weight) among the arguments; an embedding_bag with weights is a sparse matrix product.
OPERANDS = {"addmm": (1, 2), "baddbmm": (1, 2), "embedding_bag": (0, 6)}


@dataclass(frozen=True)
class Work:
    """The products of one operator: multiply-accumulates, bits of its operands, share of weights that are not zero."""

    operator: str
    macs: int
    weight_bits: int
    activation_bits: int
    density: float


def count_flops(artifact: bench.Artifact) -> bench.Reading:
    """Count 2 x MACs; the fact `effective` leaves out products with a zero weight."""
    from bench_torch.analysis import analyse

    found = analyse(artifact)
    if found.problem is not None:
        return bench.Reading.missing("FLOP", found.problem)
    by_operator: Counter[str] = Counter()
    for each in found.work:
        by_operator[each.operator] += 2 * each.macs
    return bench.Reading.counted(
        sum(by_operator.values()),
        "FLOP",
        convention=CONVENTION,
        batch=1,
        effective=round(sum(2 * each.macs * each.density for each in found.work)),
        by_operator=dict(by_operator),
    )


def count_bitops(artifact: bench.Artifact) -> bench.Reading:
    """Count MACs x weight bits x activation bits, by the bits that are stored, not those computed in."""
    from bench_torch.analysis import analyse

    found = analyse(artifact)
    if found.problem is not None:
        return bench.Reading.missing("count", found.problem)
    value = sum(each.macs * each.weight_bits * each.activation_bits for each in found.work)
    return bench.Reading.counted(value, "count", convention="MACs x weight bits x activation bits", batch=1)


def measure_work(
    graph: Any, state: Mapping[str, Any], inputs: Sequence[Input], decoded: Mapping[str, int] = MappingProxyType({})
) -> tuple[tuple[Work, ...], str | None]:
    """Run the graph on zeros at batch 1 and return the products of each operator, or why they cannot be counted.

    `decoded` are the bits of weights that are looked up in a codebook, by the node that ends them.
    """
    values = dict(state)
    for each in inputs:
        if None in each.shape[1:]:
            return (), f"input '{each.name}' has a dynamic axis besides the batch, so there is no one size to count at"
        values[each.placeholder] = torch.zeros([1 if size is None else size for size in each.shape], dtype=each.dtype)
    counting = _Counting(graph, frozenset(state), decoded)
    placeholders = [node.name for node in graph.graph.nodes if node.op == "placeholder"]
    with torch.no_grad():
        counting.run(*(values[name] for name in placeholders))
    if counting.uncounted:
        return (), f"no formula for {', '.join(sorted(counting.uncounted))}"
    return tuple(counting.work), None


class _Counting(torch.fx.Interpreter):
    """Runs a graph and notes the products of every call."""

    def __init__(self, graph: Any, state: frozenset[str], decoded: Mapping[str, int]) -> None:
        super().__init__(graph)
        self.work: list[Work] = []
        self.uncounted: set[str] = set()
        self._constant, self._decoded = set(state), decoded

    def run_node(self, n: Any) -> Any:
        with FlopCounterMode(display=False, custom_mapping=EXTRA) as counter:
            result = super().run_node(n)
        if n.op == "call_function":
            if n.all_input_nodes and all(each.name in self._constant for each in n.all_input_nodes):
                self._constant.add(n.name)
            self._note(n, counter.get_total_flops())
        return result

    def _note(self, node: Any, flops: int) -> None:
        name = _base_name(node.target)
        if flops:
            first, second = (node.args[index] for index in OPERANDS.get(name, (0, 1)))
            if first.name in self._constant and second.name not in self._constant:
                first, second = second, first
            self.work.append(
                Work(
                    name,
                    flops // 2,
                    self._decoded.get(second.name) or bits_of(second),
                    bits_of(first),
                    self._density(second),
                )
            )
        elif PRODUCT.search(name) and "quantize" not in name:
            self.uncounted.add(str(node.target))

    def _density(self, operand: Any) -> float:
        value = self.env.get(operand)
        if operand.name not in self._constant or value is None or not value.numel():
            return 1.0
        return float(torch.count_nonzero(value)) / value.numel()


def _base_name(target: Any) -> str:
    return str(target.name()).partition("::")[2].partition(".")[0] if isinstance(target, torch._ops.OpOverload) else ""


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _integer_product(first: Any, second: Any, *_: Any, **__: Any) -> int:
    return int(2 * first[0] * first[1] * second[1])


def _weighted_bags(table: Any, indices: Any, offsets: Any, *rest: Any, **named: Any) -> int:
    """One multiplication and addition for each entry and column where entries are weighted; plain sums are none."""
    del offsets
    weighted = named.get("per_sample_weights", rest[3] if len(rest) > 3 else None)
    return 0 if weighted is None else int(2 * indices[0] * table[1])


EXTRA = {
    torch.ops.aten._embedding_bag: _weighted_bags,
    torch.ops.aten._embedding_bag_forward_only: _weighted_bags,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._int_mm: _integer_product,
}
