"""Quality on real tasks, in bands that a wrong formula misses: the whole held-out split, fixed seeds."""

import copy

import bench_quantize
import numpy as np
import pytest
import torch
from bench_quantize import packed
from bench_quantize.stored import encode_codebook, encode_linear

bench_tasks = pytest.importorskip(
    "bench_tasks", reason="the model of this test is a task's, and plugins install one by one"
)
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tasks():
    from bench_tasks import mnist

    return {"dscnn": mnist.dscnn_task(), "resnet8": mnist.resnet8_task()}


class Context:
    seed, device = 0, "cpu"

    def __init__(self, task, folder):
        self.task, self.workdir, self.facts = task, folder, {}

    def example(self, batch=1):
        return self.task.example(batch, self.seed)

    def calibration(self, n):
        return self.task.inputs("calibration", n)

    def fit(self, model, **options):
        return self.task.fit(model, **options)

    def note(self, **facts):
        self.facts.update(facts)

    def log(self, message):
        pass


def percent(task, module):
    with torch.no_grad():
        logits = [module(x=each) for each in torch.from_numpy(task.inputs("evaluation")["x"]).split(500)]
    return 100 * task.score({"output": torch.cat(logits).numpy()}).value


def percent_of(task, path):
    return percent(task, torch.export.load(path).module())


# What a weight's encoding alone does, training left out: percent, from and to. In float 96.4 and 97.4.
BANDS = [
    ("dscnn", lambda w: encode_linear(w, bits=8), 96.0, 96.8),
    ("dscnn", lambda w: encode_linear(w, bits=4), 93.4, 96.2),
    ("dscnn", lambda w: encode_linear(w, bits=4, symmetric=False), 95.4, 96.8),
    ("dscnn", lambda w: encode_linear(w, bits=3), 87.5, 93.0),
    ("dscnn", lambda w: encode_linear(w, bits=2), 8.0, 25.0),
    ("resnet8", lambda w: encode_linear(w, bits=4), 96.0, 97.4),
    ("resnet8", lambda w: encode_linear(w, bits=3), 91.0, 95.0),
    ("resnet8", lambda w: encode_codebook(w, "kmeans", bits=4), 96.0, 97.6),
    ("resnet8", lambda w: encode_codebook(w, "kmeans", bits=2), 28.0, 55.0),
    ("resnet8", lambda w: encode_codebook(w, "nf4", bits=4), 93.0, 96.8),
    ("resnet8", lambda w: encode_codebook(w, "pot", bits=4), 86.0, 93.0),
    ("resnet8", lambda w: encode_codebook(w, "apot", bits=4), 96.4, 97.8),
    ("dscnn", lambda w: encode_codebook(w, "apot", bits=4), 95.2, 96.8),
    ("dscnn", lambda w: encode_codebook(w, "kmeans", bits=4), 94.0, 96.2),
]


def test_every_encoding_is_in_its_band(tasks):
    found = []
    for name, encode, low, high in BANDS:
        model = copy.deepcopy(tasks[name].module())
        packed.install(model, lambda _, array, encode=encode: encode(array))
        found.append((name, low, percent(tasks[name], model), high))
    assert [each for each in found if not each[1] <= each[2] <= each[3]] == []


def test_training_for_three_bits_wins_back_what_rounding_loses(tasks, tmp_path):
    """Rounded to 3 bits ResNet-8 falls to about 93; one epoch of training for it brings back 97."""
    task = tasks["resnet8"]
    ctx = Context(task, tmp_path)
    trained = percent_of(task, bench_quantize.quantize_torch(task.module(), ctx, mode="qat", bits=3, epochs=1))
    rounded = percent_of(task, bench_quantize.quantize_torch(task.module(), ctx, mode="static", bits=3))
    assert 90.5 <= rounded <= 95.0
    assert 96.0 <= trained <= 98.2


def test_trained_centroids_win_back_what_four_levels_lose(tasks, tmp_path):
    """Four levels a layer leave 40 %; one epoch that moves only the levels, biases and norms brings back 96."""
    task = tasks["resnet8"]
    path = bench_quantize.codebook_torch(task.module(), Context(task, tmp_path), bits=2, epochs=1)
    assert 94.5 <= percent_of(task, path) <= 97.6
    state = torch.export.load(path).state_dict
    assert all(len(each) == 4 for name, each in state.items() if name.endswith(".table"))


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_static_int8_keeps_the_quality_by_every_calibration(tasks, tmp_path, method):
    task = tasks["resnet8"]
    path = bench_quantize.quantize_torch(task.module(), Context(task, tmp_path), mode="static", method=method)
    assert 96.6 <= percent_of(task, path) <= 97.9


def test_mixed_widths_beat_one_width_of_the_same_bytes(tasks, tmp_path):
    """Of DS-CNN at a mean of 3 bits, uniform 2 bits are below 25 % and uniform 3 bits take the room of 4."""
    task = tasks["dscnn"]
    ctx = Context(task, tmp_path)
    found = percent_of(task, bench_quantize.quantize_torch(task.module(), ctx, mode="mixed", budget=5.0))
    assert 95.6 <= found <= 96.9
    assert ctx.facts["mean_bits"] <= 5.0
    assert len(set(ctx.facts["layer_bits"].values())) > 1
    assert np.mean(list(ctx.facts["layer_bits"].values())) > 5.0  # small layers cost little and get more
