"""From a method, a pattern and a sparsity to masks."""

from __future__ import annotations

from typing import Any

import bench
from bench_prune.masks import magnitude_masks, score_masks
from bench_prune.options import Options
from bench_prune.pattern import NofM, parse
from bench_prune.scores import Scores, scores_of, without
from bench_prune.weights import Masks, array, arrays, tensors


def masks_for(
    model: Any,
    ctx: bench.Context,
    options: Options,
    sparsity: float,
    *,
    gone: Masks | None = None,
    scores: Scores | None = None,
) -> Masks:
    """Return which weights stay at a sparsity; what `gone` (earlier masks) took out stays out.

    `scores` are taken as they are where given, else computed by the method of the options.
    """
    if options.threshold is not None:
        return tensors(model, magnitude_masks(arrays(model), threshold=options.threshold))
    found = scores_of(model, ctx, options) if scores is None else scores
    if gone:
        found = without(found, {name: array(~each) > 0 for name, each in gone.items()})
    pattern = parse(options.pattern)
    if pattern is None:
        return tensors(model, score_masks(found, sparsity, scope=options.ranked))
    masks = pattern.masks(found, sparsity, options.ranked)
    if isinstance(pattern, NofM):
        _say_dense(ctx, pattern, [name for name in found if name not in masks], bool(masks))
    return tensors(model, masks)


def _say_dense(ctx: bench.Context, pattern: NofM, dense: list[str], some: bool) -> None:
    if not some:
        raise bench.Unsupported(
            f"prune: no weight has a multiple of {pattern.m} input channels", cure="use pattern: unstructured"
        )
    if dense:
        ctx.note(dense_weights=dense)
        ctx.log(f"left dense, for their input channels are no multiple of {pattern.m}: {', '.join(dense)}")
