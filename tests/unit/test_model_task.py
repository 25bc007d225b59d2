"""A model of somebody's own, and everything that its data may be instead of what it wants."""

import numpy as np
import pytest

import bench
from bench.errors import BadInput, Unsupported
from bench.model_task import ModelTask
from bench.run.built import Failure
from bench.wire.frames import Message
from bench.worker.handler import _report

X = np.linspace(-1, 1, 40 * 4, dtype=np.float32).reshape(40, 4)
Y = np.arange(40) % 3


class Linear:
    """Four numbers in, three scores out."""

    shape = (None, 4)
    scale = 1.0

    def inputs(self):
        return [bench.ModelInput("x", self.shape, np.dtype(np.float32))]

    def write(self, folder):
        return folder

    def answer(self, arrays):
        return {"y": arrays["x"] @ np.ones((4, 3), np.float32) * np.float32(self.scale)}


class Liar(Linear):
    """Declares five and takes four."""

    shape = (None, 5)


@pytest.fixture
def saved(tmp_path):
    def saved(**arrays):
        np.savez(tmp_path / "d.npz", **arrays)
        return str(tmp_path / "d.npz")

    return saved


def says(*parts):
    """Expect one sentence of these words, on one line."""
    return pytest.raises(BadInput, match=r"\A(?!.*\n).*" + ".*".join(parts))


ODD = {
    "no arrays": ({}, "the data hold no inputs; the model wants x"),
    "another name": ({"X": X}, r"the data hold X \(40, 4\); the model wants x"),
    "one too many": ({"x": X, "z": X}, "the data hold x .*, z .*; the model wants x"),
    "none": ({"x": X[:0], "labels": Y[:0]}, r"the data hold x \(0, 4\); the model wants x, 2 examples or more"),
    "one": ({"x": X[:1]}, "2 examples or more"),
    "a number": ({"x": np.float32(1)}, "'x' of the data is a single number"),
    "labels a number": ({"x": X, "labels": np.int64(1)}, "the data hold no labels for 40 examples"),
    "labels too few": ({"x": X, "labels": Y[:3]}, "the data hold 3 labels for 40 examples"),
    "wrong type": ({"x": X.astype(float)}, "'x' of the data is float64, and the model wants float32"),
    "wrong size": ({"x": X[:, :3]}, r"'x' of the data has shape \(40, 3\), and the model wants \(n, 4\)"),
    "wrong rank": ({"x": X[:, :, None]}, r"has shape \(40, 4, 1\), and the model wants \(n, 4\)"),
}


@pytest.mark.parametrize("what", ODD)
def test_data_that_are_not_what_the_model_wants_are_one_sentence(saved, what):
    arrays, words = ODD[what]
    with says(words):
        ModelTask(Linear(), saved(**arrays)).inputs("evaluation")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY"])
def test_what_is_no_npz_is_one_sentence(tmp_path, content):
    (tmp_path / "d.npz").write_bytes(content)
    with says("d.npz is no .npz file of plain arrays"):
        ModelTask(Linear(), str(tmp_path / "d.npz"))


def test_pickled_arrays_are_not_opened(saved):
    with says("d.npz is no .npz file of plain arrays"):
        ModelTask(Linear(), saved(x=np.array([{"a": 1}] * 40, dtype=object), labels=Y))


def test_arrays_that_do_not_fit_the_memory_are_one_sentence(saved, monkeypatch):
    path = saved(x=X)

    def full(*_, **__):
        raise MemoryError("Unable to allocate 200. MiB")

    monkeypatch.setattr(np, "load", full)
    with says("d.npz .* does not fit the memory a worker may use"):
        ModelTask(Linear(), path)


def test_200_mb_are_read_and_told_apart(saved):
    rows = 200 * 2**20 // 16
    task = ModelTask(Linear(), saved(x=np.zeros((rows, 4), np.float32)))
    assert len(task.inputs("evaluation")["x"]) == rows // 2


def test_a_model_that_lies_about_its_shape_is_one_sentence():
    with says(r"the model does not take x \(2, 5\), as it declares: matmul"):
        ModelTask(Liar()).example(1, 0)


def test_answers_that_are_not_numbers_are_one_sentence_with_labels_and_without(saved):
    answers = {"y": np.full((20, 3), np.nan, np.float32)}
    for data in (saved(x=X, labels=Y), None):
        task = ModelTask(Linear(), data)
        n = len(task.inputs("evaluation")["x"])
        with says(f"the model answers NaN in 'y' for {n} of {n} examples"):
            task.score({"y": np.full((n, 3), np.nan, np.float32)})
    with says("20 examples go|64 examples go"):
        task.score({"y": answers["y"][:3]})


@pytest.mark.parametrize(
    ("labels", "words"),
    [(Y + 1, "a label is 3, and the model's classes are 0 to 2"), (Y * 0, "all 20 labels are 0: data of one class")],
)
def test_labels_that_do_not_fit_the_answers_are_one_sentence(saved, labels, words):
    task = ModelTask(Linear(), saved(x=X, labels=labels))
    with says(words):
        task.score(Linear().answer(task.inputs("evaluation")))


def test_a_metric_is_that_of_the_task_and_part_of_its_digest(saved):
    data = saved(x=X, labels=Y)
    plain, top5 = ModelTask(Linear(), data), ModelTask(Linear(), data, "bench_metrics:top5")
    assert (plain.metric.name, top5.metric.name) == ("accuracy", "top-5")
    assert plain.digest() != top5.digest()
    assert top5.score(Linear().answer(top5.inputs("evaluation"))).value == 1.0


def test_a_metric_without_labels_is_one_sentence(saved):
    with says("the metric 'top5' needs `labels` in the data: d.npz holds none"):
        ModelTask(Linear(), saved(x=X), "bench_metrics:top5")


def test_bad_input_is_a_failed_cell_and_what_is_missing_here_an_unsupported_one():
    reply = Message({"error": _report(BadInput("all labels are 3"))})
    assert reply.data["error"]["message"] == "all labels are 3"
    assert reply.data["error"]["status"] == "failed"
    assert Failure.of(BadInput("all labels are 3"), "evaluating quality").status == "failed"
    assert Failure.of(Unsupported("needs jiwer"), "evaluating quality").status == "unsupported"
