from pathlib import Path

import pytest

from bench.offer import Bounds, Offer, Option
from bench.suite import Vocabulary, load

SPARSITY = Option("sparsity", "float", default=0.5, bounds=Bounds(ge=0, lt=1), help="fraction of weights taken out")
OFFERS = (
    Offer("task", "toy", "t:toy", produces=("module",), summary="A toy."),
    Offer("task", "minilm", "t:minilm", produces=("onnx",)),
    Offer("backend", "torch", "b:t", accepts=("torch",), options=(Option("compile", "bool", default=False),)),
    Offer("backend", "onnxruntime", "b:o", accepts=("onnx",)),
    Offer(
        "compressor",
        "prune",
        "c:prune",
        accepts=("module",),
        options=(
            SPARSITY,
            Option("finetune", "float", default=0.0, bounds=Bounds(ge=0)),
            Option("structured", "str", default="none", choices=("none", "channels")),
            Option("layers", "str", default=None, many=True, nullable=True),
        ),
    ),
    Offer("compressor", "prune", "c:prune_onnx", accepts=("onnx",), options=(SPARSITY, Option("block", "int", 1))),
    Offer(
        "compressor",
        "quantize",
        "c:quantize",
        accepts=("module",),
        options=(
            Option("mode", "str", default="dynamic", choices=("dynamic", "static")),
            Option("bits", "int", default=8, choices=(4, 8)),
            Option("calibrate", "int", default=64, bounds=Bounds(ge=1)),
            Option("per_channel", "bool", default=True),
        ),
    ),
    Offer("compressor", "distill", "c:distill", accepts=("module",), options=(Option("student", "str"),)),
    Offer("meter", "powercap", "m:p"),
)


@pytest.fixture(scope="session")
def offers():
    return OFFERS


@pytest.fixture(scope="session")
def vocabulary():
    return Vocabulary.of(OFFERS)


@pytest.fixture
def write(tmp_path):
    def write(text, name="s.yaml"):
        path: Path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def read(write, vocabulary):
    """Write a suite and load it with the vocabulary above."""

    def read(text, *, env=None, search=(), known=True):
        return load(write(text), vocabulary=vocabulary if known else None, env=env or {}, search=search)

    return read


@pytest.fixture
def read_matrix(read):
    """Load a suite whose matrix is the given lines."""

    def read_matrix(text, **more):
        body = "".join(f"  {line}\n" for line in text.strip().splitlines())
        return read(f"bench: 1\nname: s\nmatrix:\n{body}", **more)

    return read_matrix
