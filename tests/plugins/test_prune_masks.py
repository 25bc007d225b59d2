"""Masks by magnitude and the sparsity schedule, against their definitions and torch's own pruning."""

import numpy as np
import pytest
import torch
from bench_prune.masks import magnitude_masks, sparsity_of, target_of
from bench_prune.schedule import polynomial, pruning_steps
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn.utils import prune as reference

import bench

SPARSITIES = st.floats(0, 0.99)
# Few distinct values, so that ties abound.
VALUES = st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2])
TENSORS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, max_side=7), elements=VALUES)


@settings(max_examples=150, deadline=None)
@given(tensors=st.lists(TENSORS, min_size=1, max_size=4), sparsity=SPARSITIES)
def test_global_sparsity_is_exact_even_with_ties(tensors, sparsity):
    weights = {str(i): each for i, each in enumerate(tensors)}
    masks = magnitude_masks(weights, sparsity=sparsity)
    total = sum(each.size for each in tensors)
    assert sum(int((~mask).sum()) for mask in masks.values()) == round(sparsity * total)
    kept = [abs(weights[name][mask]) for name, mask in masks.items() if mask.any()]
    gone = [abs(weights[name][~mask]) for name, mask in masks.items() if not mask.all()]
    if kept and gone:
        assert min(each.min() for each in kept) >= max(each.max() for each in gone)


@settings(max_examples=100, deadline=None)
@given(tensors=st.lists(TENSORS, min_size=1, max_size=4), sparsity=SPARSITIES)
def test_layer_sparsity_is_exact_in_every_tensor(tensors, sparsity):
    masks = magnitude_masks({str(i): each for i, each in enumerate(tensors)}, sparsity=sparsity, scope="layer")
    for each, mask in zip(tensors, masks.values(), strict=True):
        assert mask.shape == each.shape
        assert int((~mask).sum()) == round(sparsity * each.size)


def test_a_weight_is_kept_only_if_its_magnitude_exceeds_the_threshold():
    mask = magnitude_masks({"w": np.array([[0.2, 0.5, -0.5, 0.50001, -0.7]])}, threshold=0.5)["w"]
    assert mask.tolist() == [[False, False, False, True, True]]


def test_of_equal_weights_the_earlier_goes():
    masks = magnitude_masks({"a": np.ones((1, 3)), "b": np.ones((1, 3))}, sparsity=0.5)
    assert not masks["a"].any()
    assert masks["b"].all()


def test_zeros_count_towards_the_sparsity():
    weights = {"w": np.array([[0.0, 0.0, 3.0, 4.0]])}
    assert magnitude_masks(weights, sparsity=0.5)["w"].tolist() == [[False, False, True, True]]
    assert sparsity_of(weights) == 0.5


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.83, 0.99])
def test_agrees_bit_for_bit_with_torch(scope, sparsity):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(17, 9), torch.nn.Conv2d(3, 5, 3), torch.nn.Linear(4, 31)]
    weights = {str(i): each.weight.detach().numpy().copy() for i, each in enumerate(layers)}
    masks = magnitude_masks(weights, sparsity=sparsity, scope=scope)
    if scope == "global":
        reference.global_unstructured([(each, "weight") for each in layers], reference.L1Unstructured, amount=sparsity)
    else:
        for each in layers:
            reference.l1_unstructured(each, "weight", amount=sparsity)
    for name, layer in zip(weights, layers, strict=True):
        assert (weights[name] * masks[name]).tobytes() == layer.weight.detach().numpy().tobytes()


def test_two_targets_contradict_one_another():
    with pytest.raises(bench.BenchError, match="give one of them"):
        target_of(0.5, 0.1)
    assert target_of(None, None) == (0.5, None)
    assert target_of(None, 0.0) == (None, 0.0)


@given(step=st.integers(0, 200), end=st.integers(1, 100), final=st.floats(0, 0.99))
def test_the_schedule_is_the_papers_cubic_and_ends_at_the_target(step, end, final):
    value = polynomial(step, end, final)
    assert 0 <= value <= final
    assert polynomial(step + 1, end, final) >= value
    if step >= end:
        assert value == final
    else:
        assert value == pytest.approx(final - final * (1 - step / end) ** 3)


@given(total=st.integers(1, 500), events=st.integers(1, 50))
def test_pruning_happens_on_real_steps_and_leaves_time_to_recover(total, events):
    steps = pruning_steps(total, events)
    assert len(steps) <= events
    assert list(steps) == sorted(set(steps))
    assert steps[0] >= 1
    assert steps[-1] == max(1, round(0.75 * total))
