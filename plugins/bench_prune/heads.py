"""Remove attention heads, so that the projections around them really shrink."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import bench
from bench_prune.masks import score_masks
from bench_prune.options import Options

# Attributes under which attention modules keep their projections: (query, key, value), and the one after the heads.
PROJECTIONS = (("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("q", "k", "v"), ("q_lin", "k_lin", "v_lin"))
OUTPUTS = ("output", "out_proj", "o_proj", "out", "o", "out_lin")
COUNTS = ("heads", "num_heads", "n_heads", "num_attention_heads")


@dataclass(frozen=True)
class Attention:
    """One attention module: its projections by attribute, and its number of heads."""

    name: str
    module: Any
    projections: tuple[str, ...]
    output: str
    count: str

    @property
    def heads(self) -> int:
        """How many heads it has."""
        return int(getattr(self.module, self.count))

    def scores(self, norm: str) -> np.ndarray[Any, Any]:
        """Return the norm of each head's weights in all four projections, [heads]."""
        power = 1 if norm == "l1" else 2
        rows = [getattr(self.module, each).weight.detach() for each in self.projections]
        rows.append(getattr(self.module, self.output).weight.detach().t())
        sums = sum(each.float().abs().pow(power).reshape(self.heads, -1).sum(1) for each in rows)
        found: np.ndarray[Any, Any] = torch.as_tensor(sums).pow(1 / power).cpu().numpy()
        return found


def without_heads(model: Any, ctx: bench.Context, options: Options) -> Any:
    """Return a copy of `model` with about the target of its attention heads removed; every layer keeps one.

    The result must answer as the model does with those heads' outputs set to zero. Raises Unsupported where no
    attention is found or the forward pass counts on all heads.
    """
    slim, zeroed = copy.deepcopy(model), copy.deepcopy(model)
    found = [*attentions(slim)]
    if not found:
        raise bench.Unsupported(
            "prune: no attention was found: a module with query, key, value and output projections and its number "
            f"of heads as one of {', '.join(COUNTS)}",
            cure="use structured: channels or none",
        )
    kept = _kept(found, ctx, options)
    for mine, theirs in zip(found, attentions(zeroed), strict=True):
        _silence(theirs, kept[mine.name])
        _cut(mine, kept[mine.name])
    _check(slim, zeroed, ctx)
    before, after = (sum(each.numel() for each in net.parameters()) for net in (model, slim))
    heads = {name: int(mask.sum()) for name, mask in kept.items()}
    ctx.note(sparsity=1 - after / before, parameters=after, parameters_before=before, heads=heads)
    ctx.log(f"heads left: {sum(heads.values())} of {sum(mask.size for mask in kept.values())}")
    return slim


def attentions(model: Any) -> Iterator[Attention]:
    """Yield the attention modules whose projections are separate linear layers, in the model's order."""
    for name, module in model.named_modules():
        for names in PROJECTIONS:
            output = next((each for each in OUTPUTS if _is_linear(module, each)), None)
            count = next((each for each in COUNTS if isinstance(getattr(module, each, None), int)), None)
            if output and count and all(_is_linear(module, each) for each in names):
                yield Attention(name, module, names, output, count)
                break


def _is_linear(module: Any, name: str) -> bool:
    return isinstance(getattr(module, name, None), torch.nn.Linear)


def _kept(found: list[Attention], ctx: bench.Context, options: Options) -> Mapping[str, np.ndarray[Any, Any]]:
    if options.method == "random":
        dice = np.random.default_rng(ctx.seed)
        scores = {each.name: dice.random(each.heads) for each in found}
    else:
        scores = {each.name: each.scores(options.norm) for each in found}
    masks = score_masks(scores, options.target, scope=options.ranked)
    for name, mask in masks.items():
        if not mask.any():  # a layer without any head would be no attention
            mask[int(scores[name].argmax())] = True
    return masks


def _places(attention: Attention, kept: np.ndarray[Any, Any], width: int) -> torch.Tensor:
    """Return which of `width` features belong to heads that stay."""
    return torch.from_numpy(np.repeat(kept, width // attention.heads))


def _silence(attention: Attention, kept: np.ndarray[Any, Any]) -> None:
    output = getattr(attention.module, attention.output)
    with torch.no_grad():
        output.weight[:, ~_places(attention, kept, output.in_features)] = 0


def _cut(attention: Attention, kept: np.ndarray[Any, Any]) -> None:
    for name in attention.projections:
        layer = getattr(attention.module, name)
        rows = _places(attention, kept, layer.out_features)
        layer.weight = _parameter(layer.weight, layer.weight[rows])
        if layer.bias is not None:
            layer.bias = _parameter(layer.bias, layer.bias[rows])
        layer.out_features = len(layer.weight)
    output = getattr(attention.module, attention.output)
    output.weight = _parameter(output.weight, output.weight[:, _places(attention, kept, output.in_features)])
    output.in_features = output.weight.shape[1]
    setattr(attention.module, attention.count, int(kept.sum()))


def _parameter(old: torch.nn.Parameter, values: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(values.detach().clone(), requires_grad=old.requires_grad)


def _check(slim: Any, zeroed: Any, ctx: bench.Context) -> None:
    example = {name: torch.from_numpy(each) for name, each in ctx.example(2).items()}
    cure = "let the forward pass take the number of heads from the module"
    modes = [each.training for each in slim.modules()]
    try:
        with torch.no_grad():
            same = torch.allclose(slim.eval()(**example), zeroed.eval()(**example), rtol=1e-3, atol=1e-4)
    except RuntimeError as error:
        raise bench.Unsupported(
            f"prune: the model does not run without its weakest heads ({str(error).splitlines()[0]})", cure=cure
        ) from error
    finally:
        for each, training in zip(slim.modules(), modes, strict=True):
            each.training = training
    if not same:
        raise bench.Unsupported("prune: the model answers differently than with those heads at zero", cure=cure)
