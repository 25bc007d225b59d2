"""Quantisation of torch modules: .pt2 files that shrink, load elsewhere and stay close to the float module."""

import json
import subprocess
import sys
import warnings
import zipfile

import bench_quantize
import numpy as np
import pytest
import torch
from bench_quantize.embedding import Int8Embedding, replace_embeddings
from bench_quantize.export import write_program
from torch import nn

import bench


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.deep, self.head = nn.Conv2d(32, 160, 3, stride=2), nn.Linear(160, 10)

    def forward(self, image):
        x = torch.relu(self.norm(self.stem(image)))
        return self.head(torch.relu(self.deep(x)).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self, width=192):
        super().__init__()
        self.table = nn.Embedding(200, width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, ids, mask):
        x = self.table(ids)
        heads = (each(x).unflatten(-1, (4, -1)).transpose(1, 2) for each in (self.q, self.k, self.v))
        seen = mask[:, None, None, :].bool()
        mixed = nn.functional.scaled_dot_product_attention(*heads, attn_mask=seen).transpose(1, 2).flatten(2)
        x = self.norm(x + self.o(mixed))
        x = x + self.down(nn.functional.gelu(self.up(x)))
        weight = mask[..., None].to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)


class Context:
    """A context without a harness, which remembers how many calibration examples were asked for."""

    seed, device = 0, "cpu"

    def __init__(self, folder, inputs):
        self.workdir, self.inputs, self.facts, self.asked = folder, inputs, {}, []
        folder.mkdir(exist_ok=True)

    def example(self, batch=1):
        return {name: each[:batch] for name, each in self.inputs.items()}

    def calibration(self, n):
        self.asked.append(n)
        return {name: each[:n] for name, each in self.inputs.items()}

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def inputs_of(name, count=40):
    random = np.random.default_rng(0)
    if name == "conv":
        return {"image": random.normal(size=(count, 1, 8, 8)).astype(np.float32)}
    mask = (np.arange(12) < random.integers(4, 13, (count, 1))).astype(np.int64)
    return {"ids": random.integers(0, 200, (count, 12)), "mask": mask}


def model_of(name):
    torch.manual_seed(0)
    return {"conv": Conv, "encoder": Encoder}[name]().eval()


def tensors(inputs, count):
    return {name: torch.from_numpy(each[:count]) for name, each in inputs.items()}


# Bytes of the quantised file against the float one; the graph's own text weighs on files this small.
MODES = [
    ("encoder", {"mode": "dynamic"}, 0.5),
    ("encoder", {"mode": "dynamic", "per_channel": False, "symmetric": False}, 0.5),
    ("encoder", {"mode": "static", "calibrate": 40}, 0.5),
    ("encoder", {"mode": "bf16"}, 0.6),
    ("conv", {"mode": "static", "calibrate": 40}, 0.5),
    ("conv", {"mode": "static", "calibrate": 40, "per_channel": False, "symmetric": True}, 0.5),
    ("conv", {"mode": "fp16"}, 0.6),
]
CHILD = """
import json, sys, torch, torchao
torch.set_num_threads(1)
for path, reference in json.loads(sys.argv[1]):
    known = torch.load(reference, weights_only=True)
    program = torch.export.load(path).module()
    for batch in (1, 3):
        output = program(**{name: each[:batch] for name, each in known["inputs"].items()})
        expected = known["output"][:batch]
        assert output.shape == expected.shape and output.dtype == torch.float32, (path, output.shape)
        print(float(torch.nn.functional.cosine_similarity(output.flatten(), expected.flatten(), dim=0)))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Every mode's file, made once: (path, float file's bytes, context)."""
    root = tmp_path_factory.mktemp("quantised")
    made = []
    for turn, (name, options, _) in enumerate(MODES):
        model, ctx = model_of(name), Context(root / str(turn), inputs_of(name))
        example = tensors(ctx.inputs, 3)
        with torch.no_grad():
            torch.save({"inputs": example, "output": model(**example)}, ctx.workdir / "reference.pt")
            size = write_program(model, tensors(ctx.inputs, 2), ctx.workdir / "float.pt2").stat().st_size
        made.append((bench_quantize.quantize_torch(model, ctx, **options), size, ctx))
    return made


def test_the_files_really_shrink(files):
    for (path, size, ctx), (name, options, ratio) in zip(files, MODES, strict=True):
        assert path.parent == ctx.workdir
        assert path.stat().st_size < ratio * size, (name, options)
        assert ctx.facts["mode"] == options["mode"]
        assert ctx.facts["bits"] == (8 if options["mode"] in ("dynamic", "static") else 16)


def test_a_fresh_process_loads_them_and_they_stay_close(files):
    pairs = [(str(path), str(ctx.workdir / "reference.pt")) for path, _, ctx in files]
    command = [sys.executable, "-W", "ignore", "-c", CHILD, json.dumps(pairs)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    values = [float(line) for line in child.stdout.split()]
    assert len(values) == 2 * len(MODES)
    assert min(values) > 0.99
    assert max(values) < 1 + 1e-6


def test_no_trace_of_the_source_is_left_in_the_files(files):
    for path, _, _ in files:
        with zipfile.ZipFile(path) as archive:
            text = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".json"))
        assert b".py" not in text


@pytest.mark.parametrize(("name", "mode"), [("encoder", "dynamic"), ("conv", "static"), ("conv", "bf16")])
def test_nothing_leaks_and_the_same_model_gives_the_same_bytes(tmp_path, name, mode):
    model = model_of(name).train()
    before, random = {key: each.clone() for key, each in model.state_dict().items()}, torch.get_rng_state()
    digests = []
    for _ in range(2):
        ctx = Context(tmp_path / "work", inputs_of(name))
        path = bench_quantize.quantize_torch(model, ctx, mode=mode, calibrate=20)
        digests.append(bench.Artifact.of(path, "torch-quantized").digest)
    assert digests[0] == digests[1]
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(before[key], each) for key, each in model.state_dict().items())
    assert all(each.training for each in model.modules())
    assert all(each.requires_grad for each in model.parameters())
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_static_calibrates_on_exactly_the_examples_it_was_given(tmp_path):
    """The input's scale follows from the smallest and largest value among the first n, and from nothing else."""
    ctx = Context(tmp_path, inputs_of("conv"))
    images = ctx.inputs["image"]
    images[39, 0, 0, 0], images[34, 0, 0, 0], images[2, 0, 0, 0] = 99.0, 7.0, -6.0
    path = bench_quantize.quantize_torch(model_of("conv"), ctx, mode="static", calibrate=35)
    program = torch.export.load(path)
    first = next(node for node in program.graph.nodes if "quantize_per_tensor" in str(node.target))
    assert ctx.asked == [35]
    assert ctx.facts["calibrated"] == 35
    assert first.args[1] == pytest.approx(13.0 / 255)
    assert first.args[2] == round(6.0 / (13.0 / 255))


def test_static_stores_no_float_weight(files):
    turn = next(i for i, (name, options, _) in enumerate(MODES) if (name, options["mode"]) == ("conv", "static"))
    state = torch.export.load(files[turn][0]).state_dict
    assert [each.dtype for each in state.values() if each.dim() > 1] == [torch.int8] * 3


def test_half_precision_stores_and_computes_in_half(files):
    for (path, _, _), (_, options, _) in zip(files, MODES, strict=True):
        if options["mode"] in ("fp16", "bf16"):
            dtype = torch.float16 if options["mode"] == "fp16" else torch.bfloat16
            state = torch.export.load(path).state_dict
            assert {each.dtype for each in state.values() if each.is_floating_point()} == {dtype}


def test_dynamic_says_how_much_of_a_convolutional_net_it_reaches(tmp_path):
    ctx = Context(tmp_path, inputs_of("conv"))
    bench_quantize.quantize_torch(model_of("conv"), ctx)
    assert ctx.facts["layers"] == 1
    assert ctx.facts["share_of_weights"] == pytest.approx(1600 / sum(each.numel() for each in Conv().parameters()))
    assert ctx.asked == []


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Conv2d(1, 4, 3)

    def forward(self, image):
        return self.only(image).mean((2, 3))


class Plain(nn.Module):
    def forward(self, image):
        return torch.relu(image).mean((2, 3))


class Forking(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 2)

    def forward(self, image):
        return self.head(image if image.sum() > 0 else -image)


@pytest.mark.parametrize(
    ("model", "options", "message", "cure"),
    [
        (Convolution(), {}, "this model has none", "mode: static"),
        (Plain(), {"mode": "static", "calibrate": 4}, "no convolution or linear layer", "onnxruntime"),
        (Forking(), {"mode": "bf16"}, "cannot be exported", "onnxruntime"),
    ],
)
def test_what_cannot_be_done_says_what_to_use(tmp_path, model, options, message, cure):
    with pytest.raises(bench.Unsupported, match=message) as caught:
        bench_quantize.quantize_torch(model, Context(tmp_path, inputs_of("conv")), **options)
    assert cure in str(caught.value)


@pytest.mark.parametrize("options", [{"mode": "bf16"}, {"mode": "static", "calibrate": 7}])
def test_a_task_of_a_fixed_batch_is_calibrated_and_written_at_that_batch(tmp_path, options):
    class Fixed(Conv):
        def forward(self, image):
            return super().forward(image.reshape(3, *image.shape[1:]))

    class Threes(Context):
        def example(self, batch=1):
            del batch
            return super().example(3)

    context = Threes(tmp_path, inputs_of("conv"))
    torch.export.load(bench_quantize.quantize_torch(Fixed().eval(), context, **options))
    assert context.facts.get("calibrated", 6) == 6  # the seventh fills no batch


def test_an_int8_embedding_is_within_half_a_step_per_row():
    torch.manual_seed(0)
    table = torch.randn(50, 16) * torch.logspace(-3, 2, 50)[:, None]
    table[7] = 0
    embedding = Int8Embedding(table)
    step = table.abs().amax(1, keepdim=True) / 127
    assert embedding.rows.dtype == torch.int8
    assert ((embedding.weight - table).abs() <= step / 2 * (1 + 1e-5)).all()
    ids = torch.tensor([[3, 7], [49, 3]])
    assert torch.equal(embedding(ids), embedding.weight[ids])


def test_a_shared_embedding_stays_shared():
    pair = nn.ModuleDict({"a": nn.Sequential(nn.Embedding(5, 2)), "b": nn.Sequential()})
    pair["b"].append(pair["a"][0])
    assert replace_embeddings(pair) == 1
    assert pair["a"][0] is pair["b"][0]


def test_importing_the_plugin_loads_no_framework():
    code = (
        "import sys, bench_quantize, bench_prune, bench_distill\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'numpy'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.strip() == "[]"


def test_the_process_keeps_its_warnings_and_settings(tmp_path):
    import torch._inductor.config as inductor

    saved, filters = inductor.save_config(), list(warnings.filters)
    bench_quantize.quantize_torch(model_of("encoder"), Context(tmp_path, inputs_of("encoder")))
    assert inductor.save_config() == saved
    assert warnings.filters == filters
