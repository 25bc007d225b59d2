"""Weights in few bits: files that hold indices, not floats, and compute what the stored values say, on both routes."""

import math
import warnings
from dataclasses import dataclass

import bench_quantize
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from bench_quantize import packed, qat
from bench_quantize.export import write_onnx
from bench_quantize.stored import encode_codebook, encode_linear

import bench


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Wide(torch.nn.Module):
    """Products, a table and a convolution, wide enough that weights outweigh the program's text."""

    def __init__(self):
        super().__init__()
        self.table, self.up = torch.nn.Embedding(64, 96), torch.nn.Linear(96, 384)
        self.norm, self.down = torch.nn.LayerNorm(384), torch.nn.Linear(384, 96)
        self.along, self.head = torch.nn.Conv1d(96, 96, 3, padding=1, groups=3), torch.nn.Linear(96, 7)

    def forward(self, ids):
        x = self.table(ids)
        x = x + self.down(self.norm(torch.relu(self.up(x))))
        return self.head(self.along(x.transpose(1, 2)).mean(2))


@dataclass
class Context:
    """A context without a harness whose training takes a few steps of plain descent."""

    workdir: object
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self):
        self.inputs = {"ids": np.random.default_rng(0).integers(0, 64, (80, 9))}
        self.facts, self.asked, self.trained = {}, [], None
        self.workdir.mkdir(exist_ok=True)

    def example(self, batch=1):
        return {name: each[:batch] for name, each in self.inputs.items()}

    def calibration(self, n):
        self.asked.append(n)
        return {name: each[:n] for name, each in self.inputs.items()}

    def fit(self, model, *, epochs, seed, learning_rate):
        self.trained = (epochs, seed, learning_rate)
        model.train()
        optimiser = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], 0.01)
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.from_numpy(self.inputs["ids"])).square().mean().backward()
            optimiser.step()
        model.eval()
        return {"steps": 3}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def wide():
    torch.manual_seed(0)
    return Wide().eval()


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("float") / "float.onnx"
    example = {"ids": torch.from_numpy(Context(path.parent / "w").inputs["ids"][:2])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bench.Artifact.of(write_onnx(wide(), example, path), "onnx")


def outputs(path, inputs):
    if path.suffix == ".onnx":
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, dict(inputs))[0]
    with torch.no_grad():
        return torch.export.load(path).module()(**{k: torch.from_numpy(v) for k, v in inputs.items()}).numpy()


def expected(encode, inputs):
    """What a float module computes whose weights are the encoded values."""
    model = wide()
    with torch.no_grad():
        for _, module, name in list(packed.weights_of(model)):
            weight = getattr(module, name)
            weight.copy_(torch.from_numpy(encode(weight.numpy()).values()))
        return model(torch.from_numpy(inputs["ids"])).numpy()


def linear(**options):
    return lambda array: encode_linear(array, **options)


def codebook(method, bits):
    return lambda array: encode_codebook(array, method, bits=bits)


CASES = [
    ("quantize", {"mode": "weight-only", "bits": 8, "group_size": 0}, linear(bits=8)),
    ("quantize", {"mode": "weight-only", "bits": 4, "group_size": 24}, linear(bits=4, group_size=24)),
    (
        "quantize",
        {"mode": "weight-only", "bits": 3, "group_size": 0, "symmetric": False},
        linear(bits=3, symmetric=False),
    ),
    ("quantize", {"mode": "weight-only", "bits": 4, "per_channel": False}, linear(bits=4, per_channel=False)),
    ("codebook", {}, codebook("kmeans", 4)),
    ("codebook", {"bits": 2}, codebook("kmeans", 2)),
    ("codebook", {"method": "nf4"}, codebook("nf4", 4)),
    ("codebook", {"method": "apot", "bits": 6}, codebook("apot", 6)),
    ("codebook", {"method": "pot", "bits": 3}, codebook("pot", 3)),
]
RATIO = {2: 0.25, 4: 0.35, 8: 0.55}
IDS = ["-".join(map(str, [name, *options.values()])) for name, options, _ in CASES]


@pytest.mark.parametrize(("name", "options", "encode"), CASES[::2], ids=IDS[::2])
def test_a_torch_program_shrinks_and_computes_the_stored_values(tmp_path, name, options, encode):
    ctx = Context(tmp_path / "w")
    path = getattr(bench_quantize, f"{name}_torch")(wide(), ctx, **options)
    assert outputs(path, ctx.inputs) == pytest.approx(expected(encode, ctx.inputs), abs=1e-5)
    weights = sum(each.numel() * 4 for each in Wide().parameters())
    state = torch.export.load(path).state_dict
    held = sum(each.numel() * each.element_size() for each in state.values())
    assert held < RATIO[round(ctx.facts["stored_bits"])] * weights
    assert not [each for each in state.values() if each.is_floating_point() and each.numel() > 2000]
    assert ctx.facts["weight_bytes"] <= held
    assert ctx.facts["share_of_weights"] > 0.95


@pytest.mark.parametrize(("name", "options", "encode"), CASES, ids=IDS)
def test_an_onnx_file_shrinks_and_computes_the_stored_values(tmp_path, float_file, name, options, encode):
    ctx = Context(tmp_path / "w")
    path = getattr(bench_quantize, f"{name}_onnx")(float_file, ctx, **options)
    assert outputs(path, ctx.inputs) == pytest.approx(expected(encode, ctx.inputs), abs=1e-5)
    assert path.stat().st_size < RATIO[round(ctx.facts["stored_bits"])] * float_file.size_bytes
    assert not [
        each.name for each in onnx.load(path).graph.initializer if each.data_type == 1 and math.prod(each.dims) > 2000
    ]


@pytest.mark.parametrize("options", [{}, {"method": "apot", "epochs": 1.0}])
def test_a_module_becomes_an_onnx_file_of_indices(tmp_path, float_file, options):
    ctx = Context(tmp_path / "w")
    path = bench_quantize.codebook_to_onnx(wide(), ctx, **options)
    kinds = {each.op_type for each in onnx.load(path).graph.node}
    assert path.stat().st_size < 0.35 * float_file.size_bytes
    assert {"Gather", "Cast"} <= kinds
    twin = bench_quantize.codebook_torch(wide(), Context(tmp_path / "w"), **options)
    assert outputs(path, ctx.inputs) == pytest.approx(outputs(twin, ctx.inputs), abs=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
def test_grouped_products_become_the_runtimes_own_operator(tmp_path, float_file, bits):
    ctx = Context(tmp_path / "w")
    path = bench_quantize.quantize_onnx(float_file, ctx, mode="weight-only", bits=bits)
    products = [each for each in onnx.load(path).graph.node if each.op_type == "MatMulNBits"]
    assert len(products) == ctx.facts["matmul_nbits"] == 2
    assert ctx.facts["share_of_weights"] > 0.95
    before, after = outputs(float_file.path, ctx.inputs), outputs(path, ctx.inputs)
    assert np.linalg.norm(after - before) < (0.2 if bits == 4 else 0.02) * np.linalg.norm(before)


def test_four_bits_agree_with_torchaos_weight_only():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.quantization import IntxWeightOnlyConfig, PerGroup, quantize_

        torch.manual_seed(0)
        layer = torch.nn.Sequential(torch.nn.Linear(64, 32))
        weight = layer[0].weight.detach().numpy().copy()
        quantize_(layer, IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(32)))
        theirs = layer[0].weight
    # They divide by 7.5 where the paper divides by 7: with their scales our formula must give their integers.
    scale = theirs.scale.detach().numpy().reshape(-1, 1)
    parts = weight.reshape(-1, 32) / scale
    q = np.clip(np.round(parts), -8, 7).reshape(32, 64)
    # They multiply by 1 / s, which tips what lies within a float's rounding of a half: a group's largest weight does.
    tipping = (abs(parts % 1 - 0.5) < 1e-5).reshape(32, 64)
    assert np.array_equal(q[~tipping], theirs.qdata.numpy()[~tipping])
    assert tipping.sum() <= 64
    assert scale.ravel() * 7.5 == pytest.approx(encode_linear(weight, bits=4, group_size=32).scale.ravel() * 7)


def test_mixed_keeps_its_budget_and_both_routes_choose_the_same(tmp_path, float_file):
    chosen = []
    before = outputs(float_file.path, Context(tmp_path / "w").inputs)
    for step, model in ((bench_quantize.quantize_torch, wide()), (bench_quantize.quantize_onnx, float_file)):
        ctx = Context(tmp_path / "w")
        path = step(model, ctx, mode="mixed", budget=3.5, calibrate=20)
        assert ctx.asked == [20]
        assert 3 < ctx.facts["mean_bits"] <= 3.5
        assert np.linalg.norm(outputs(path, ctx.inputs) - before) < 0.5 * np.linalg.norm(before)
        chosen.append(sorted(ctx.facts["layer_bits"].values()))
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) > 1


def test_tied_weights_are_stored_once(tmp_path):
    model = wide()
    model.head = torch.nn.Linear(96, 64, bias=False)
    model.head.weight = model.table.weight
    ctx = Context(tmp_path / "w")
    bench_quantize.codebook_torch(model, ctx)
    assert ctx.facts["layers"] == 4


def test_nothing_leaks_and_the_same_model_gives_the_same_bytes(tmp_path):
    model = wide().train()
    before, random = {key: each.clone() for key, each in model.state_dict().items()}, torch.get_rng_state()
    digests = [
        bench.Artifact.of(bench_quantize.codebook_torch(model, Context(tmp_path / "w"), epochs=1.0), "torch").digest
        for _ in range(2)
    ]
    assert digests[0] == digests[1]
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(before[key], each) for key, each in model.state_dict().items())
    assert type(model.up) is torch.nn.Linear
    assert all(each.training for each in model.modules())


def test_training_moves_the_levels_and_leaves_the_indices(tmp_path):
    states = [
        torch.export.load(bench_quantize.codebook_torch(wide(), Context(tmp_path / "w"), epochs=epochs)).state_dict
        for epochs in (0.0, 1.0)
    ]
    assert torch.equal(states[0]["up.stored_weight.packed"], states[1]["up.stored_weight.packed"])
    assert not torch.equal(states[0]["up.stored_weight.table"], states[1]["up.stored_weight.table"])


def test_a_level_is_trained_by_the_sum_of_its_weights_gradients():
    model = wide()
    weight = model.up.weight.detach().clone()
    stored = packed.install(model, lambda _, array: encode_codebook(array, "kmeans", bits=2), learn=True)["up.weight"]
    ids = torch.arange(9)[None]
    model(ids).square().sum().backward()
    plain = wide()
    with torch.no_grad():
        for (_, module, name), layer in zip(list(packed.weights_of(plain)), stored_layers(model), strict=True):
            getattr(module, name).copy_(layer())
    plain(ids).square().sum().backward()
    gradient = plain.up.weight.grad.reshape(-1).numpy()
    sums = [gradient[stored.indices.reshape(-1) == each].sum() for each in range(len(stored.table))]
    assert model.up.stored_weight.table.grad[:, 0].numpy() == pytest.approx(sums, rel=1e-3, abs=1e-4)
    assert weight.shape == model.up.weight.shape


def stored_layers(model):
    return [each for each in model.modules() if isinstance(each, packed.Weight)]


def test_fake_weights_lie_on_the_grid_keep_zeros_and_pass_gradients():
    torch.manual_seed(1)
    weight = torch.randn(6, 10)
    weight[2, 3], weight[5] = 0, 0
    fake = qat.FakeWeight(weight, bits=4, per_channel=True)
    free = weight.clone().requires_grad_(True)
    values = fake(free)
    assert values.detach().numpy() == pytest.approx(encode_linear(weight.numpy(), bits=4).values(), abs=1e-6)
    values.sum().backward()
    assert torch.equal(free.grad, (weight != 0).float())
    with torch.no_grad():
        assert fake(torch.ones_like(weight))[2, 3] == 0


def test_fake_inputs_follow_the_range_in_training_only():
    hook, layer = qat.FakeInput(symmetric=False), torch.nn.Linear(2, 2).train()
    hook(layer, (torch.tensor([[-1.0, 1.55]]),))
    assert (hook.low, hook.high) == (-1.0, pytest.approx(1.55))
    hook(layer.eval(), (torch.tensor([[-9.0, 9.0]]),))
    assert hook.low == -1.0
    (rounded,) = hook(layer, (torch.tensor([[0.013, 9.0]]),))
    assert rounded.tolist() == [[pytest.approx(0.01), pytest.approx(1.55)]]
    hook(layer.train(), (torch.tensor([[-2.0, 1.55]]),))
    assert hook.low == pytest.approx(-1.1)


@pytest.mark.parametrize("bits", [8, 4])
def test_training_for_quantisation_ends_on_the_grid_that_is_stored(tmp_path, bits):
    ctx = Context(tmp_path / "w")
    path = bench_quantize.quantize_torch(wide(), ctx, mode="qat", bits=bits, epochs=2, calibrate=16)
    assert ctx.trained == (2, 0, 5e-4)
    integers = [
        each for each in torch.export.load(path).state_dict.values() if each.dtype == torch.int8 and each.dim() > 1
    ]
    limit = 2 ** (bits - 1) - 1
    linear_rows = [each for each in integers if each.shape in {(384, 96), (96, 384)}]
    assert len(linear_rows) == 2
    assert all((each.abs().amax(1) == limit).all() for each in linear_rows)


@pytest.mark.parametrize(("bits", "reduced"), [(8, False), (8, True), (4, None)])
def test_training_for_quantisation_ends_in_an_onnx_file_on_the_same_grid(tmp_path, bits, reduced):
    ctx = Context(tmp_path / "w")
    path = bench_quantize.quantize_to_onnx(
        wide(), ctx, mode="qat", bits=bits, epochs=1, calibrate=16, reduce_range=reduced
    )
    before = onnx.load(tmp_path / "w" / "trained.onnx").graph
    graph = onnx.load(path).graph
    tensors = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    decoded = {each.input[0]: each.input[1] for each in graph.node if each.op_type == "DequantizeLinear"}
    trained = {each.name: onnx.numpy_helper.to_array(each) for each in before.initializer}
    products = [each.input[1] for each in before.node if each.op_type == "MatMul"]
    assert len(products) == 2
    for name in products:
        stored = tensors[name].astype(np.float32) * tensors[decoded[name]]
        assert stored == pytest.approx(trained[name], abs=1e-6)
    assert path.suffix == ".onnx"
    assert ctx.facts["fit"] == {"steps": 3}
    assert {"QuantizeLinear", "DequantizeLinear"} <= {each.op_type for each in onnx.load(path).graph.node}


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        (
            "quantize_torch",
            {"mode": "static", "group_size": 32},
            bench.BenchError,
            ["group_size", "weight-only", "static"],
        ),
        (
            "quantize_torch",
            {"mode": "weight-only", "budget": 4.0},
            bench.BenchError,
            ["budget", "mixed", "weight-only"],
        ),
        ("quantize_torch", {"mode": "static", "epochs": 1.0}, bench.BenchError, ["epochs", "qat", "static"]),
        ("quantize_torch", {"mode": "qat"}, bench.BenchError, ["qat", "epochs is 0"]),
        ("quantize_torch", {"mode": "mixed", "bits": 4}, bench.BenchError, ["bits is 4", "budget"]),
        ("quantize_torch", {"mode": "fp16", "bits": 4}, bench.BenchError, ["bits is 4", "fp16"]),
        (
            "quantize_torch",
            {"mode": "weight-only", "group_size": 32, "per_channel": False},
            bench.BenchError,
            ["group_size", "per_channel"],
        ),
        ("quantize_torch", {"bits": 4}, bench.Unsupported, ["dynamic", "weight-only"]),
        ("quantize_onnx", {"mode": "static", "bits": 5}, bench.Unsupported, ["8 or 4", "weight-only"]),
        ("quantize_onnx", {"mode": "qat"}, bench.BenchError, ["qat", "epochs"]),
        ("codebook_torch", {"method": "nf4", "bits": 3}, bench.BenchError, ["nf4", "bits is 3"]),
        ("codebook_onnx", {"method": "nf4", "bits": 3}, bench.BenchError, ["nf4", "bits is 3"]),
        ("codebook_torch", {"learning_rate": 0.1}, bench.BenchError, ["learning_rate", "epochs is 0"]),
    ],
)
def test_contradictions_name_both_options(tmp_path, float_file, name, options, error, words):
    model = float_file if name.endswith("_onnx") else wide()
    with pytest.raises(error) as caught:
        getattr(bench_quantize, name)(model, Context(tmp_path / "w"), **options)
    assert all(each in str(caught.value) for each in words)


def test_what_has_no_weights_is_unsupported(tmp_path):
    class Bare(torch.nn.Module):
        def forward(self, ids):
            return ids.float()

    for step, options in (("codebook_torch", {}), ("quantize_torch", {"mode": "weight-only"})):
        with pytest.raises(bench.Unsupported, match="no weight of more than one axis"):
            getattr(bench_quantize, step)(Bare(), Context(tmp_path / "w"), **options)
