"""N:M groups and blocks: in every group, for any weights."""

import bench_prune
import numpy as np
import pytest
import torch
from bench_prune.masks import magnitude_masks
from bench_prune.pattern import Block, NofM, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as reference

import bench

FLOATS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0])


@st.composite
def tensors(draw, multiple=1):
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 4)) * multiple, *draw(st.sampled_from([(), (3,), (2, 3)])))
    return np.array(draw(st.lists(FLOATS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))).reshape(shape)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), pattern=st.sampled_from([NofM(2, 4), NofM(1, 4), NofM(4, 8), NofM(1, 2)]))
def test_n_of_m_holds_in_every_group_of_input_channels(data, pattern):
    scores = data.draw(tensors(pattern.m))
    mask = pattern.masks({"w": scores}, 0.0, "global")["w"]
    groups = np.moveaxis(mask, 1, -1).reshape(-1, pattern.m)
    values = np.moveaxis(scores, 1, -1).reshape(-1, pattern.m)
    assert set(groups.sum(1)) == {pattern.n}
    for kept, value in zip(groups, values, strict=True):
        assert value[kept].min() >= value[~kept].max()


def test_two_of_four_agrees_with_torch():
    library = pytest.importorskip("torch.ao.pruning", reason="this torch no longer has what is compared with")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 8))
    mine = NofM(2, 4).masks({"w": net[0].weight.detach().abs().numpy()}, 0.0, "global")["w"]
    sparsifier = library.WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2)
    sparsifier.prepare(net, config=[{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    sparsifier.squash_mask()
    assert np.array_equal(mine, net[0].weight.detach().numpy() != 0)


@settings(max_examples=80, deadline=None)
@given(
    several=st.lists(tensors(), min_size=1, max_size=3),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    sparsity=st.floats(0, 0.99),
    scope=st.sampled_from(["global", "layer"]),
)
def test_blocks_stay_whole_and_the_sparsity_is_as_near_as_they_allow(several, rows, columns, sparsity, scope):
    scores = {str(i): each for i, each in enumerate(several)}
    masks = Block(rows, columns).masks(scores, sparsity, scope)
    for mask in masks.values():
        flat = mask.reshape(len(mask), -1)
        for top in range(0, flat.shape[0], rows):
            for left in range(0, flat.shape[1], columns):
                assert len(np.unique(flat[top : top + rows, left : left + columns])) == 1
        if scope == "layer":
            assert abs((~mask).sum() - sparsity * mask.size) <= rows * columns
    total = sum(each.size for each in several)
    if scope == "global":
        assert abs(sum((~each).sum() for each in masks.values()) - sparsity * total) <= rows * columns


def test_a_block_of_one_is_a_weight():
    scores = {"w": np.abs(np.random.default_rng(0).normal(size=(7, 5)))}
    assert np.array_equal(Block(1, 1).masks(scores, 0.4, "global")["w"], magnitude_masks(scores, sparsity=0.4)["w"])


@pytest.mark.parametrize("amount", [0.25, 0.5])
def test_whole_rows_agree_bit_for_bit_with_torchs_structured_pruning(amount):
    """A block as wide as the weight is an output: ln_structured by L1 takes the same ones."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 8)
    weight = layer.weight.detach().numpy().copy()
    mask = Block(1, 5).masks({"w": np.abs(weight)}, amount, "layer")["w"]
    reference.ln_structured(layer, "weight", amount=amount, n=1, dim=0)
    assert (weight * mask).tobytes() == layer.weight.detach().numpy().tobytes()


def test_patterns_by_name():
    assert parse("unstructured") is None
    assert parse("2:4") == NofM(2, 4)
    assert parse("4x1") == Block(4, 1)


class Context:
    seed = 0

    def __init__(self):
        self.facts = {}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def test_what_does_not_divide_stays_dense_and_is_named():
    ctx = Context()
    pruned = bench_prune.prune(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2)), ctx, pattern="2:4")
    assert bool((pruned[0].weight != 0).all())
    assert int((pruned[1].weight == 0).sum()) == 8
    assert ctx.facts["dense_weights"] == ["0.weight"]
    with pytest.raises(bench.Unsupported, match="multiple of 4"):
        bench_prune.prune(nn.Linear(3, 8), Context(), pattern="2:4")
