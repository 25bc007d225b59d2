"""From .pt2 to .tflite. The contract is held against a stub of litert-torch; the library itself where it is installed.

It pins what the rest needs newer, so its own test runs in its environment: `tox -e litert-torch`.
"""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import bench

torch = pytest.importorskip("torch", reason="programs are torch's")

from bench_litert import convert as converting  # noqa: E402
from bench_litert import litert_torch  # noqa: E402

INSTALLED = importlib.util.find_spec("litert_torch") is not None


class Stub:
    """Stands for litert_torch: keeps what it is given, prints as MLIR does, and writes a file."""

    def __init__(self, fails=()):
        self.calls, self.fails = [], fails

    def convert(self, module, *, sample_kwargs, dynamic_shapes):
        import os

        os.write(1, b"(00:00) [START] LiteRT-Torch Convert\n")
        print("from Python")
        self.calls.append((module, sample_kwargs, dynamic_shapes))
        if (dynamic_shapes is None) in self.fails:
            raise TypeError("Shapes must be 1D sequences\nof concrete values")
        return types.SimpleNamespace(export=lambda path: Path(path).write_bytes(b"a file"))


@pytest.fixture
def stub(monkeypatch):
    def install(fails=()):
        found = Stub(fails)
        module = types.ModuleType("litert_torch")
        module.convert = found.convert
        monkeypatch.setitem(sys.modules, "litert_torch", module)
        monkeypatch.setattr(converting, "_versions", lambda: "litert-torch of the test")
        return found

    return install


def test_names_shapes_and_the_free_batch_reach_the_converter(stub, exported_attention, export_context, tmp_path):
    found, context = stub(), export_context(tmp_path, exported_attention.make)
    path = litert_torch(exported_attention.torch, context)
    ((module, sample, axes),) = found.calls
    assert path.read_bytes() == b"a file"
    assert {name: (each.dtype, tuple(each.shape)) for name, each in sample.items()} == {
        "input_ids": (torch.int64, (2, 10)),
        "attention_mask": (torch.int64, (2, 10)),
    }
    assert {name: list(each) for name, each in axes.items()} == {"input_ids": [0], "attention_mask": [0]}
    assert context.facts["batch"] == "free"
    inputs = {name: torch.tensor(value) for name, value in exported_attention.make(3).items()}
    want = exported_attention.module(**inputs)
    assert list(module(**inputs)) == ["output"]
    torch.testing.assert_close(module(**inputs)["output"], want)


def test_what_is_wrapped_can_be_traced_with_its_names(stub, exported_cnn, export_context, tmp_path):
    found = stub()
    litert_torch(exported_cnn.torch, export_context(tmp_path, exported_cnn.make))
    ((module, sample, axes),) = found.calls
    program = torch.export.export(module, (), sample, dynamic_shapes=axes)
    got = program.module()(image=torch.tensor(exported_cnn.make(5)["image"]))["output"]
    np.testing.assert_allclose(
        got.detach(), exported_cnn.module(torch.tensor(exported_cnn.make(5)["image"])).detach(), atol=1e-5
    )


def test_a_model_that_needs_a_fixed_batch_is_converted_at_one_and_says_so(stub, exported_cnn, export_context, tmp_path):
    found, context = stub(fails=(False,)), export_context(tmp_path, exported_cnn.make)
    litert_torch(exported_cnn.torch, context)
    assert [(len(each["image"]), axes is None) for _, each, axes in found.calls] == [(2, False), (1, True)]
    assert context.facts["batch"] == 1
    assert "TypeError: Shapes must be 1D sequences of concrete values" in context.lines[0]


def test_what_cannot_be_converted_is_unsupported_with_the_reason(stub, exported_cnn, export_context, tmp_path):
    stub(fails=(True, False))
    with pytest.raises(bench.Unsupported, match="cannot convert this model: TypeError: Shapes must be 1D"):
        litert_torch(exported_cnn.torch, export_context(tmp_path, exported_cnn.make))


def test_a_file_of_another_release_is_unsupported(export_context, tmp_path):
    (tmp_path / "model.pt2").write_bytes(b"no archive")
    with pytest.raises(bench.Unsupported, match=f"does not load in torch {torch.__version__.partition('+')[0]}"):
        litert_torch(bench.Artifact.of(tmp_path / "model.pt2", "torch"), export_context(tmp_path, None))


def test_what_the_converter_prints_reaches_no_terminal(stub, exported_cnn, export_context, tmp_path, capfd):
    stub()
    litert_torch(exported_cnn.torch, export_context(tmp_path, exported_cnn.make))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not INSTALLED, reason="litert-torch is not installed here: tox -e litert-torch")
@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_the_file_computes_what_the_program_computes(name, request, export_context, tmp_path):
    from bench_litert import LiteRtBackend

    exported = request.getfixturevalue(f"exported_{name}")
    context = export_context(tmp_path, exported.make)
    file = bench.Artifact.of(litert_torch(exported.torch, context), "tflite")
    inputs = exported.make(3)
    with torch.no_grad():
        want = exported.module(**{key: torch.tensor(value) for key, value in inputs.items()}).numpy()
    got = LiteRtBackend().open(file, device="cpu", threads=1).run(inputs)["output"]
    np.testing.assert_allclose(got, want, atol=1e-4)
    assert context.facts["batch"] == {"cnn": "free", "attention": 1}[name]
