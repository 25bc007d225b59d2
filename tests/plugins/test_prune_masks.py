"""Masks by magnitude and the sparsity schedule, against their definitions and torch's own pruning."""

import numpy as np
import pytest
import torch
from bench_prune.masks import magnitude_masks, score_masks, sparsity_of, target_of
from bench_prune.options import Options
from bench_prune.schedule import agp_steps, geometric, linear, polynomial, pruning_steps, rises
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


@settings(max_examples=100, deadline=None)
@given(tensor=TENSORS, sparsity=SPARSITIES)
def test_row_sparsity_is_exact_in_every_row(tensor, sparsity):
    mask = score_masks({"w": tensor}, sparsity, scope="row")["w"].reshape(len(tensor), -1)
    rows = tensor.reshape(len(tensor), -1)
    assert set((~mask).sum(1)) == {round(sparsity * rows.shape[1])}
    for row, kept in zip(rows, mask, strict=True):
        if kept.any() and not kept.all():
            assert row[kept].min() >= row[~kept].max()


def test_the_rises_in_numbers():
    assert linear(0.25, 0.8) == pytest.approx(0.2)
    assert linear(0.5, 0.8, 0.4) == pytest.approx(0.6)
    assert [round(1 - geometric(each / 3, 1 - 0.5**3), 6) for each in range(4)] == [1, 0.5, 0.25, 0.125]
    # Zhu and Gupta's equation by hand: 0.9 + (0.1 - 0.9)(1 - 1/2)^3 = 0.8
    assert polynomial(1, 2, 0.9, 0.1) == pytest.approx(0.8)


@given(
    total=st.integers(1, 300),
    kind=st.sampled_from(["iterative", "polynomial", "agp", "gradual"]),
    steps=st.integers(1, 30),
    span=st.tuples(st.floats(0, 0.99), st.floats(0.01, 1)).map(sorted).filter(lambda each: each[0] < each[1]),
    sparsities=st.tuples(st.floats(0, 0.98), st.floats(0, 0.98)).map(sorted),
)
def test_every_schedule_rises_from_its_start_to_its_target_inside_its_span(total, kind, steps, span, sparsities):
    options = Options(
        sparsity=sparsities[1], initial_sparsity=sparsities[0], schedule=kind, begin=span[0], end=span[1], steps=steps,
        frequency=steps if kind == "agp" else None, finetune=1,
    )  # fmt: skip
    options.check()
    found = rises(options, total)
    moments = sorted(found)
    values = [found[each] for each in moments]
    assert moments[0] >= 1 and moments[-1] == max(1, round(span[1] * total)) <= total
    assert values == sorted(values) or values == pytest.approx(sorted(values), abs=1e-12)
    assert values[-1] == sparsities[1]
    assert values[0] >= sparsities[0] - 1e-12
    assert kind == "agp" or len(found) <= steps + 1


def test_agp_prunes_every_so_many_steps():
    assert agp_steps(100, 20, begin=0.1, end=0.6) == (30, 50, 60)
    options = Options(sparsity=0.9, schedule="agp", frequency=25, end=1.0, finetune=1)
    assert rises(options, 100) == pytest.approx({t: 0.9 - 0.9 * (1 - t / 100) ** 3 for t in (25, 50, 75, 100)})
