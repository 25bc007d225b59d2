"""Levels and codebooks: the papers' numbers, exact round trips, and the best allocation of bits."""

import contextlib
import itertools
import warnings

import numpy as np
import pytest
from bench_quantize import kmeans, nf4, pot
from bench_quantize.allocate import allocate
from bench_quantize.packing import pack, unpacking
from bench_quantize.stored import encode_codebook, encode_levels, encode_linear, facts_of, nearest, stored_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

WEIGHTS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=9),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)
# QLoRA, appendix E.
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
    *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)


def test_nf4_is_the_papers_table():
    assert nf4.levels() == pytest.approx(NF4, abs=3e-7)


def _nf4_of_torchao():
    import importlib

    for place in ("torchao.quantization.quantize_.workflows.nf4.nf4_tensor", "torchao.dtypes.nf4tensor"):
        with contextlib.suppress(ImportError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(place)
    return pytest.skip("this torchao has no NF4 tensor")


def test_nf4_agrees_with_torchaos_table():
    nf4tensor = _nf4_of_torchao()
    import torch

    torch.manual_seed(0)
    weight = torch.randn(32, 64)
    theirs = nf4tensor.to_nf4(weight, block_size=64, scaler_block_size=32)
    ours = encode_codebook(weight.numpy(), "nf4", bits=4)
    packed = theirs.quantized_data.numpy()
    indices = np.stack([packed >> 4, packed & 15], axis=-1).reshape(ours.indices.shape)
    assert np.mean(indices == ours.indices) > 0.999  # a tie may fall either way: their table is rounded


def test_powers_of_two_are_the_papers():
    assert pot.pot_levels(2).tolist() == [-1, 0, 1]
    assert pot.pot_levels(4).tolist() == sorted([0, *(s * 2.0**-i for i in range(7) for s in (1, -1))])
    assert len(pot.pot_levels(5)) == 31


@pytest.mark.parametrize(
    ("bits", "terms"),
    [
        (2, [[0, 1]]),
        (3, [[0, 1 / 2, 1 / 4, 1 / 8]]),
        (4, [[0, 1 / 2, 1 / 4, 1 / 16], [0, 1 / 8]]),
        (5, [[0, 1 / 2, 1 / 8, 1 / 32], [0, 1 / 4, 1 / 16, 1 / 64]]),
        (6, [[0, 1 / 2, 1 / 8, 1 / 64], [0, 1 / 4, 1 / 16, 1 / 128], [0, 1 / 32]]),
    ],
)
def test_sums_of_powers_are_those_of_the_authors(bits, terms):
    sums = np.unique([sum(each) for each in itertools.product(*terms)])
    expected = np.unique([*sums, *-sums]) / sums.max()
    assert pot.apot_levels(bits) == pytest.approx(expected)
    assert len(expected) == 2**bits - 1


@pytest.mark.parametrize("bits", range(2, 9))
def test_levels_ascend_within_one_hold_zero_and_fit(bits):
    for levels in (pot.pot_levels(bits), pot.apot_levels(bits)):
        assert len(levels) <= 2**bits
        assert (np.diff(levels) > 0).all()
        assert (levels[0], levels[-1], 0 in levels) == (-1, 1, True)
        assert np.array_equal(levels, -levels[::-1])


@given(
    indices=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=17)),
    width=st.sampled_from([2, 4, 8]),
)
def test_packing_is_exact(indices, width):
    indices = indices & ((1 << width) - 1)
    packed = pack(indices, width)
    assert packed.shape == (len(indices), -(-indices.shape[1] * width // 8))
    unpacked = unpacking(width)[packed].reshape(len(indices), -1)[:, : indices.shape[1]]
    assert np.array_equal(unpacked, indices)


@settings(deadline=None, max_examples=50)
@given(WEIGHTS, st.integers(2, 8), st.sampled_from([None, 2, 3, 64]), st.booleans())
def test_linear_weights_are_within_half_a_step(weights, bits, group, symmetric):
    found = encode_linear(weights, bits=bits, group_size=group, symmetric=symmetric)
    values = found.values()
    assert values.shape == weights.shape
    steps = np.broadcast_to(found.scale, found.indices.shape).reshape(-1)[: weights.size].reshape(weights.shape)
    assert (abs(values - weights) <= steps / 2 * (1 + 1e-3) + 1e-6 * abs(weights)).all()
    again = encode_linear(values, bits=bits, group_size=group, symmetric=symmetric).values()
    assert again == pytest.approx(values, abs=float(found.scale.max()) * 1e-3)


@settings(deadline=None, max_examples=50)
@given(WEIGHTS, st.integers(2, 8), st.sampled_from(["kmeans", "pot", "apot", "nf4"]))
def test_a_codebook_takes_the_nearest_level(weights, bits, method):
    found = encode_codebook(weights, method, bits=4 if method == "nf4" else bits)
    assert len(found.table) <= 2**found.bits
    scale = np.ones((len(found.indices), 1)) if found.scale is None else found.scale
    levels = (scale * found.table).repeat(found.indices.shape[1], axis=0)[: weights.size]
    distance = abs(weights.reshape(-1, 1) - levels).min(axis=1)
    assert abs(found.values() - weights).reshape(-1) == pytest.approx(distance, abs=1e-3)


@given(hnp.arrays(np.float32, (6, 7), elements=st.sampled_from([-2.0, -0.5, 0.0, 0.25, 3.0])))
def test_few_distinct_weights_come_back_exactly(weights):
    assert np.array_equal(encode_codebook(weights, "kmeans", bits=3).values(), weights)


def test_kmeans_agrees_with_scipys_from_the_same_start():
    vq = pytest.importorskip("scipy.cluster.vq", reason="scipy is what is compared with, and no dependency")
    weights = np.random.default_rng(0).normal(size=4000)
    start = np.linspace(weights.min(), weights.max(), 16)
    theirs, _ = vq.kmeans2(weights[:, None], start[:, None], iter=kmeans.ITERATIONS, minit="matrix", missing="raise")
    assert kmeans.lloyd(np.sort(weights), start) == pytest.approx(np.sort(theirs[:, 0]), abs=1e-9)


def test_kmeans_is_closer_than_even_steps_and_its_centres_are_means():
    weights = np.random.default_rng(1).laplace(size=(64, 64)).astype(np.float32)
    found = encode_codebook(weights, "kmeans", bits=4)
    even = encode_levels(weights, np.linspace(-1, 1, 15), bits=4, length=weights.size, clip=False)
    assert np.square(found.values() - weights).sum() < 0.5 * np.square(even.values() - weights).sum()
    means = [weights.reshape(1, -1)[found.indices == each].mean() for each in np.unique(found.indices)]
    assert found.table[np.unique(found.indices)] == pytest.approx(means, abs=2e-3)


def test_a_pruned_layer_keeps_its_zeros():
    weights = np.random.default_rng(2).normal(size=(40, 40)).astype(np.float32)
    weights[abs(weights) < 0.5] = 0
    found = encode_codebook(weights, "kmeans", bits=3)
    assert len(found.table) == 8
    assert np.array_equal(found.values() == 0, weights == 0) or (found.values()[weights == 0] == 0).all()


def test_bytes_are_those_of_indices_tables_and_scales():
    weights = np.random.default_rng(3).normal(size=(64, 32)).astype(np.float32)
    assert encode_codebook(weights, "kmeans", bits=4).bytes == 64 * 32 // 2 + 16 * 4
    assert encode_linear(weights, bits=4, group_size=32).bytes == 64 * 32 // 2 + 16 * 4 + 64 * 4
    assert [stored_bits(each) for each in range(2, 9)] == [2, 4, 4, 8, 8, 8, 8]
    facts = facts_of({"a": encode_linear(weights, bits=2)}, 4096)
    assert (facts["layers"], facts["share_of_weights"], facts["stored_bits"]) == (1, 0.5, 2)


def test_the_nearest_of_two_as_near_is_the_lower():
    assert nearest(np.array([-9.0, 0.5, 0.51, 9.0]), np.array([0.0, 1.0])).tolist() == [0, 0, 1, 1]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 9), *[st.floats(0, 1)] * 3), min_size=1, max_size=5),
    st.floats(2, 8),
)
def test_no_allocation_under_the_budget_has_less_error(layers, budget):
    sizes = {str(i): each[0] for i, each in enumerate(layers)}
    errors = {str(i): dict(zip((2, 4, 8), each[1:], strict=True)) for i, each in enumerate(layers)}

    def cost(bits):
        return sum(size * each for size, each in zip(sizes.values(), bits, strict=True))

    def harm(bits):
        return sum(each[width] for each, width in zip(errors.values(), bits, strict=True))

    found = list(allocate(errors, sizes, budget).values())
    affordable = [
        each for each in itertools.product((2, 4, 8), repeat=len(sizes)) if cost(each) <= budget * sum(sizes.values())
    ]
    assert cost(found) <= budget * sum(sizes.values()) + 1e-6
    assert harm(found) <= min(map(harm, affordable)) + 1e-9


def test_large_models_are_allocated_in_coarser_steps_and_keep_the_budget():
    sizes = {"table": 11_720_448, "a": 147_457, "b": 589_823}
    errors = {name: {2: 0.5, 4: 0.02, 8: 0.0} for name in sizes}
    found = allocate(errors, sizes, 4.5)
    assert sum(sizes[name] * bits for name, bits in found.items()) <= 4.5 * sum(sizes.values())
    assert found == {"table": 4, "a": 8, "b": 8}


def test_a_budget_below_the_narrowest_width_is_refused():
    with pytest.raises(ValueError, match="below the narrowest"):
        allocate({"a": {2: 1.0, 8: 0.0}}, {"a": 3}, 1.5)
