"""Remove whole channels, so that tensors really shrink, with torch-pruning's dependency graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

import bench
from bench_prune.importance import importance
from bench_prune.options import Options

LAYERS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd)
Inputs = Mapping[str, torch.Tensor]


def without_channels(model: Any, ctx: bench.Context, options: Options) -> Any:
    """Return a copy of `model` with about the target of its channels removed; the outputs keep their shape.

    Channels are ranked by the options' method, coupled layers together (DepGraph, Fang et al. 2023). Raises
    Unsupported when nothing can be removed or the smaller model does not run.
    """
    example = {name: torch.from_numpy(each) for name, each in ctx.example(2).items()}
    slim = copy.deepcopy(model).eval()
    frozen = {name for name, each in slim.named_parameters() if not each.requires_grad}
    modes = [each.training for each in model.modules()]
    before = _parameters(slim)
    with torch.no_grad():
        shape = slim(**example).shape
    _remove(slim, example, options, importance(slim, ctx, options))
    _check(slim, example, shape, shrunk=options.target == 0 or _parameters(slim) < before)
    for each, training in zip(slim.modules(), modes, strict=True):
        each.training = training
    for name, parameter in slim.named_parameters():
        parameter.requires_grad_(name not in frozen)
    after = _parameters(slim)
    ctx.note(sparsity=1 - after / before, parameters=after, parameters_before=before)
    ctx.log(f"channels removed: {before} parameters became {after}")
    return slim


def output_layers(graph: Any) -> list[Any]:
    """Return the layers of a dependency graph whose channels are the model's outputs: these must keep their width."""
    return [node.module for node in graph.module2node.values() if isinstance(node.module, LAYERS) and _ends(node)]


def _ends(node: Any) -> bool:
    """Whether some path from the node reaches the end of the graph without passing another layer."""
    stack, seen = [node], set()
    while stack:
        each = stack.pop()
        if not each.outputs:
            return True
        fresh = [follower for follower in each.outputs if follower not in seen]
        seen.update(fresh)
        stack += [follower for follower in fresh if not isinstance(follower.module, LAYERS)]
    return False


def _remove(slim: Any, example: Inputs, options: Options, ranking: Any) -> None:
    import torch_pruning as tp

    slim.requires_grad_(True)  # the graph is traced along the gradients
    with torch.enable_grad():
        graph = tp.DependencyGraph().build_dependency(slim, example)
        # Every dict is passed: the library's defaults are shared between calls.
        tp.pruner.BasePruner(
            slim,
            example,
            importance=ranking,
            global_pruning=options.ranked == "global",
            pruning_ratio=options.target,
            round_to=options.round_to,
            ignored_layers=output_layers(graph),
            in_channel_groups={},
            out_channel_groups={},
            num_heads={},
        ).step()


def _check(slim: Any, example: Inputs, shape: torch.Size, *, shrunk: bool) -> None:
    if not shrunk:
        raise bench.Unsupported(
            "prune: every channel of this model leads straight to its output, or is tied to one that does",
            cure="use structured: none",
        )
    try:
        with torch.no_grad():
            fits = slim(**example).shape == shape
    except RuntimeError as error:
        raise bench.Unsupported(
            f"prune: the model does not run without its weakest channels ({str(error).splitlines()[0]}); "
            "its forward pass probably counts on a fixed width",
            cure="use structured: none",
        ) from error
    if not fits:
        raise bench.Unsupported("prune: removing channels changes the shape of the output", cure="use structured: none")


def _parameters(model: Any) -> int:
    return sum(each.numel() for each in model.parameters())
