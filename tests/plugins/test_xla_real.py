"""The XLA backend with the real torch_xla, in a worker of the interpreter that BENCH_XLA_PYTHON names: tox -e xla."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

import bench
from bench.envs.core import code_paths
from bench.wire import Child, Limits

torch = pytest.importorskip("torch", reason="torch is not installed here, and plugins install one by one")

from bench_torch import TorchBackend  # noqa: E402

PYTHON = os.environ.get("BENCH_XLA_PYTHON")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="BENCH_XLA_PYTHON names no interpreter with torch_xla: tox -e xla"),
    pytest.mark.slow,
]
TARGET = "bench_xla:XlaBackend"
TOLERANCE = 1e-4
PATIENCE_S = 240.0


@pytest.fixture
def worker(tmp_path):
    paths = os.pathsep.join(map(str, code_paths(SimpleNamespace(target=TARGET), tmp_path / "code")))
    variables = {"PYTHONPATH": paths, "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"}
    made = Child(Limits(None, variables), python=PYTHON)
    needs = ["torch", "torch_xla"]
    made.request("import", {"target": TARGET, "options": {}, "needs": needs}, timeout_s=PATIENCE_S)
    yield made
    made.close()


def saved(tmp_path, inputs):
    np.savez(tmp_path / "inputs.npz", **inputs)
    return str(tmp_path / "inputs.npz")


@pytest.mark.parametrize("batch", [1, 4])
def test_a_window_executes_each_call_once_and_compiles_nothing(worker, exported, tmp_path, batch):
    artifact, inputs = exported.torch.to_json(), saved(tmp_path, exported.make(batch))
    place = {"device": "xla:CPU", "threads": 1}
    opened = worker.request("open", {"artifact": artifact, "inputs": inputs, **place}, timeout_s=PATIENCE_S).data
    facts = opened["facts"]
    assert (facts["runtime"], facts["device"], facts["mode"]) == ("torch_xla", "CPU", "lazy")
    assert facts["compiled"] >= 1
    assert facts["compile_s"] > 0
    assert facts["fallbacks"] == {}
    for seed in (0, 1):
        said = worker.request("block", {"n": 7, "core": None, "seed": seed}, timeout_s=PATIENCE_S).data
        assert said["counted"] == {"calls": 7, "executed": 7, "compiled": 0}


def test_outputs_are_those_of_torch(worker, exported, tmp_path):
    inputs, target = exported.make(6), tmp_path / "outputs.npz"
    asked = {"artifact": exported.torch.to_json(), "inputs": saved(tmp_path, inputs), "outputs": str(target)}
    worker.request("predict", {**asked, "device": "xla:CPU", "threads": 1, "batch": 4}, timeout_s=PATIENCE_S)
    wanted = TorchBackend().open(exported.torch, device="cpu", threads=1).run(inputs)["output"]
    with np.load(target) as found:
        np.testing.assert_allclose(found["output"], wanted, atol=TOLERANCE)


def test_a_tpu_that_is_not_there(worker, exported_cnn, tmp_path):
    asked = {"artifact": exported_cnn.torch.to_json(), "inputs": saved(tmp_path, exported_cnn.make(1))}
    with pytest.raises(bench.Unsupported, match="no TPU here"):
        worker.request("open", {**asked, "device": "xla:TPU", "threads": 1}, timeout_s=PATIENCE_S)
