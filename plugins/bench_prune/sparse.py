"""Linear layers stored and computed as compressed sparse rows, in a .pt2 program that any torch runs.

torch.export holds no sparse tensors, and its tracer cannot build one. But `embedding_bag` with weights is the same
product: bag o sums values[k] x inputs[columns[k]] over the entries k of row o. It is plain torch's, and skips zeros.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import bench

# Where a node comes from: of no use to who runs it, and different from run to run.
HISTORY = ("from_node", "nn_module_stack", "source_fn_stack", "stack_trace", "torch_fn")


class CsrLinear(torch.nn.Module):
    """A linear layer of [out, in] whose zeros are neither stored nor multiplied; float32.

    `values` [nonzero], `columns` [nonzero] and `starts` [out + 1] (int32) are the rows of its weight, compressed.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        weight = layer.weight.detach()
        rows, columns = weight.nonzero(as_tuple=True)
        starts = functional.pad(torch.bincount(rows, minlength=len(weight)).cumsum(0), (1, 0))
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.values = torch.nn.Parameter(weight[rows, columns], requires_grad=False)
        self.bias = None if layer.bias is None else torch.nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
        self.register_buffer("columns", columns.int())
        self.register_buffer("starts", starts.int())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x W^T + b: [..., in] to [..., out]."""
        inputs = x.reshape(-1, self.in_features).t().contiguous()
        sums = functional.embedding_bag(
            self.columns, inputs, self.starts, mode="sum", per_sample_weights=self.values, include_last_offset=True
        )
        product = sums.t().reshape(*x.shape[:-1], self.out_features)
        return product if self.bias is None else product + self.bias


def sparse_program(model: Any, ctx: bench.Context, *, above: float) -> Path:
    """Write the module, its linear layers with at least `above` zeros as compressed rows, into ctx.workdir.

    Raises Unsupported when there is no such layer or the module cannot be traced.
    """
    clone = copy.deepcopy(model).eval()
    found = {name: each for name, each in clone.named_modules() if type(each) is torch.nn.Linear}
    sparsities = {name: _sparsity(each) for name, each in found.items()}
    chosen = [name for name, each in found.items() if sparsities[name] >= above and each.weight.dtype == torch.float32]
    if not chosen:
        most = max(sparsities.values(), default=0.0)
        raise bench.Unsupported(
            f"sparse-csr: no linear layer in float32 is {above:.0%} zeros (the sparsest of {len(found)}: {most:.0%})",
            cure="put prune with a higher sparsity before it, or lower its option above",
        )
    total = sum(each.numel() for each in clone.parameters())
    stored = sum(found[name].weight.numel() for name in chosen)
    for name in chosen:
        clone = _replaced(clone, name, CsrLinear(found[name]))
    ctx.note(
        layers={name: round(sparsities[name], 4) for name in chosen},
        share_of_weights=stored / total,
        dense_linear_layers=len(found) - len(chosen),
    )
    ctx.log(f"{len(chosen)} of {len(found)} linear layers are stored and computed as compressed sparse rows")
    return _write(clone, ctx)


def _sparsity(layer: Any) -> float:
    return 1 - int(layer.weight.count_nonzero()) / max(1, layer.weight.numel())


def _replaced(model: Any, name: str, layer: torch.nn.Module) -> Any:
    if not name:
        return layer
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
    return model


def _write(model: Any, ctx: bench.Context) -> Path:
    example = {name: torch.from_numpy(each) for name, each in ctx.example(2).items()}
    batch = torch.export.Dim("batch", min=1)
    try:
        with torch.no_grad():
            program = torch.export.export(model, (), example, dynamic_shapes={name: {0: batch} for name in example})
    except Exception as error:  # torch.export raises whatever the model's own code does
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise bench.Unsupported(
            f"sparse-csr: the model cannot be exported: {first}", cure="leave sparse-csr out"
        ) from error
    program.example_inputs = None
    for graph in program.graph_module.modules():
        for node in graph.graph.nodes if isinstance(graph, torch.fx.GraphModule) else ():
            for key in HISTORY:
                node.meta.pop(key, None)
    path = Path(ctx.workdir) / "sparse.pt2"
    torch.export.save(program, path)
    return path
