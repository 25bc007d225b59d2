"""Twelve planted cases: real files, real sessions, and the verdict that each deserves."""

from pathlib import Path
from typing import Any

import bench_onnxruntime
import bench_torch
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import bench
from bench.derive.audit import Evidence, audit
from bench.record import Ratio

WIDTH, HIDDEN = 96, 192
COUNTERS = ("parameters", "nonzero", "flops", "bitops", "size_encoded")
DICE = np.random.default_rng(7)
FIRST = (DICE.standard_normal((WIDTH, HIDDEN)) / 8).astype(np.float32)
SECOND = (DICE.standard_normal((HIDDEN, HIDDEN)) / 8).astype(np.float32)
LAST = (DICE.standard_normal((HIDDEN, 10)) / 8).astype(np.float32)
INPUTS = {"x": DICE.standard_normal((1, WIDTH)).astype(np.float32)}


def save(folder: Path, nodes: list[Any], **constants: Any) -> bench.Artifact:
    """Write a graph from x [batch, 96] to y [batch, 10]."""
    tensors = [numpy_helper.from_array(np.ascontiguousarray(each), name) for name, each in constants.items()]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", size]) for name, size in (("x", WIDTH), ("y", 10))
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializer=tensors)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder / "model.onnx")
    return bench.Artifact.of(folder / "model.onnx", "onnx")


def layers(first: str = "w1", second: str = "w2", last: str = "w3") -> list[Any]:
    """Return three products with rectifiers between; the names are those of their weights."""
    return [
        helper.make_node("MatMul", ["x", first], ["h1"]),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("MatMul", ["r1", second], ["h2"]),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("MatMul", ["r2", last], ["y"]),
    ]


def dense(folder: Path, first: Any = FIRST, second: Any = SECOND, last: Any = LAST) -> bench.Artifact:
    return save(folder, layers(), w1=first, w2=second, w3=last)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bench.Artifact:
    return dense(tmp_path_factory.mktemp("base"))


def evidence(artifact: bench.Artifact, plugin: Any = bench_onnxruntime, *steps: dict[str, Any]) -> Evidence:
    """Count a file and ask the session that it is opened in."""
    backend = bench_torch.TorchBackend() if plugin is bench_torch else bench_onnxruntime.OnnxRuntimeBackend()
    session = backend.open(artifact, device="cpu", threads=1)
    found = {name: getattr(plugin, name)(artifact) for name in COUNTERS}
    found["size"] = bench.Reading.counted(artifact.size_bytes, "B")
    lineage = [{"kind": "compress", "step": "planted", "facts": each} for each in steps]
    executed = session.profile(INPUTS)  # type: ignore[attr-defined]  # both backends have one
    session.close()
    return Evidence(artifact.digest, found, executed, lineage)


def judged(artifact: bench.Artifact, base: bench.Artifact, *steps: dict[str, Any], latency: Any = None) -> Any:
    found = audit(evidence(artifact, bench_onnxruntime, *steps), evidence(base), latency)
    assert found["verdict"] == "effective" or found["advice"].count(".") < 4  # a sentence, figures apart
    return found


def on_grid(weight: Any, levels: int = 127) -> Any:
    """Round each output channel to integers times a scale, as fake quantisation does."""
    scale = np.abs(weight).max(axis=0, keepdims=True) / levels
    return (np.round(weight / scale) * scale).astype(np.float32)


def pruned(weight: Any, share: float) -> Any:
    return np.where(np.abs(weight) > np.quantile(np.abs(weight), share), weight, 0).astype(np.float32)


def two_of_four(weight: Any) -> Any:
    groups = weight.T.reshape(-1, 4)
    order = np.argsort(np.abs(groups), axis=1)
    kept = groups.copy()
    np.put_along_axis(kept, order[:, :2], 0, axis=1)
    return kept.reshape(weight.T.shape).T.copy()


def clustered(weight: Any) -> tuple[Any, Any]:
    """Return 16 levels and an index each."""
    levels = np.quantile(weight, np.linspace(0.01, 0.99, 16)).astype(np.float32)
    return levels, np.abs(weight.reshape(-1, 1) - levels).argmin(axis=1).astype(np.uint8)


def int8_weights(weight: Any) -> tuple[Any, Any]:
    scale = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
    return np.round(weight / scale).astype(np.int8), scale


def test_fake_quantised_floats_are_dequantised(base: bench.Artifact, tmp_path: Path) -> None:
    found = judged(dense(tmp_path, *map(on_grid, (FIRST, SECOND, LAST))), base, {"bits": 8, "weights": "int8"})
    assert found["verdict"] == "dequantised"
    assert found["stored"]["size"] == pytest.approx(base.size_bytes, rel=0.01)
    assert found["stored"]["size_encoded"] < 0.35 * base.size_bytes, "integers would take a quarter"
    assert list(found["executed"]["products"]) == ["float32"]


def test_masked_zeros(base: bench.Artifact, tmp_path: Path) -> None:
    weights = (pruned(each, 0.8) for each in (FIRST, SECOND, LAST))
    found = judged(dense(tmp_path, *weights), base, {"sparsity": 0.8})
    assert found["verdict"] == "masked-only"
    assert "structured pruning, or a runtime with sparse kernels" in found["advice"]
    assert found["stored"]["zeros"] == pytest.approx(0.8, abs=0.001)
    assert found["stored"]["flops_effective"] == pytest.approx(0.2 * found["stored"]["flops"], rel=0.01)


def test_weight_only_int8_is_executed_in_float(base: bench.Artifact, tmp_path: Path) -> None:
    nodes, constants = [], {}
    for name, weight in (("w1", FIRST), ("w2", SECOND), ("w3", LAST)):
        constants[f"{name}.q"], constants[f"{name}.s"] = int8_weights(weight)
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}.q", f"{name}.s"], [name], axis=1))
    found = judged(save(tmp_path, [*nodes, *layers()], **constants), base, {"bits": 8, "weights": "int8"})
    assert found["verdict"] == "not-executed"
    assert found["stored"]["bits_per_weight"] == 8
    assert found["executed"]["products"]["float32"] > 0
    assert found["executed"]["dequantise_share"] > 0.2, "weights become floats again at every call"


def dynamic_int8(folder: Path) -> bench.Artifact:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source = dense(folder / "float")
    quantize_dynamic(source.path, folder / "int8.onnx", weight_type=QuantType.QInt8)
    return bench.Artifact.of(folder / "int8.onnx", "onnx")


def test_true_int8(base: bench.Artifact, tmp_path: Path) -> None:
    found = judged(dynamic_int8(tmp_path), base, {"bits": 8, "weights": "int8", "activations": "int8"})
    assert found["verdict"] == "effective"
    assert found["executed"]["products"] == {"int8": 1.0}
    assert found["stored"]["bitops"] * 16 == evidence(base).readings["bitops"].value


def test_int8_that_is_slower(base: bench.Artifact, tmp_path: Path) -> None:
    slower = Ratio(1.6, 1.5, 1.7, "base", "paired-floor", 5)
    found = judged(dynamic_int8(tmp_path), base, {"bits": 8}, latency=slower)
    assert found["verdict"] == "slower"
    assert "1.60 times as long" in found["advice"]
    assert found["speed_up"]["value"] == pytest.approx(1 / 1.6)
    assert found["speed_up"]["bound"] > 1


def test_structured(base: bench.Artifact, tmp_path: Path) -> None:
    half = HIDDEN // 2
    found = judged(dense(tmp_path, FIRST[:, :half], SECOND[:half, :half], LAST[:half]), base, {"sparsity": 0.5})
    assert found["verdict"] == "effective"
    assert found["stored"]["flops"] == 2 * (WIDTH * half + half * half + half * 10)


def test_two_of_four_without_sparse_kernels(base: bench.Artifact, tmp_path: Path) -> None:
    found = judged(dense(tmp_path, *map(two_of_four, (FIRST, SECOND, LAST))), base, {"sparsity": 0.5})
    assert found["verdict"] == "masked-only"
    assert found["stored"]["zeros"] == pytest.approx(0.5, abs=0.001)


def test_codebook_stored_dense(base: bench.Artifact, tmp_path: Path) -> None:
    weights = []
    for each in (FIRST, SECOND, LAST):
        levels, indices = clustered(each)
        weights.append(levels[indices].reshape(each.shape))
    found = judged(dense(tmp_path, *weights), base, {"bits": 4, "weights": "kmeans codebook"})
    assert found["verdict"] == "dequantised"
    assert found["stored"]["size_encoded"] < 0.2 * base.size_bytes, "four bits an index are an eighth"


def test_codebook_stored_as_indices(base: bench.Artifact, tmp_path: Path) -> None:
    nodes, constants = [], {}
    for name, weight in (("w1", FIRST), ("w2", SECOND), ("w3", LAST)):
        constants[f"{name}.levels"], indices = clustered(weight)
        constants[f"{name}.indices"] = indices.reshape(weight.shape)
        nodes += [
            helper.make_node("Cast", [f"{name}.indices"], [f"{name}.i32"], to=TensorProto.INT32),
            helper.make_node("Gather", [f"{name}.levels", f"{name}.i32"], [name]),
        ]
    artifact = save(tmp_path, [*nodes, *layers()], **constants)
    found = judged(artifact, base, {"bits": 4, "weights": "kmeans codebook"})
    assert found["verdict"] == "effective"
    assert found["stored"]["size"] < 0.3 * base.size_bytes
    assert found["stored"]["by_dtype"] == {"indices": FIRST.size + SECOND.size + LAST.size}
    assert found["stored"]["bits_per_weight"] == 8
    assert "decoded floats" in found["advice"]


def test_half_precision_on_a_processor_that_widens_it(base: bench.Artifact, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["x16"], to=TensorProto.FLOAT16),
        *layers(),
        helper.make_node("Cast", ["y16"], ["y"], to=TensorProto.FLOAT),
    ]
    nodes[1].input[0], nodes[5].output[0] = "x16", "y16"
    half = [each.astype(np.float16) for each in (FIRST, SECOND, LAST)]
    found = judged(save(tmp_path, nodes, w1=half[0], w2=half[1], w3=half[2]), base, {"bits": 16, "weights": "float16"})
    assert found["stored"]["bits_per_weight"] == 16
    assert found["executed"]["products"] == {"float32": 1.0}, "onnxruntime has no float16 products on a CPU"
    assert found["verdict"] == "not-executed"


def test_a_step_that_does_nothing(base: bench.Artifact, tmp_path: Path) -> None:
    assert judged(dense(tmp_path), base, {"sparsity": 0.8})["verdict"] == "no-op"
    trained = dense(tmp_path / "trained", FIRST + np.float32(0.01), SECOND, LAST)
    assert judged(trained, base, {})["verdict"] == "no-op"


def test_duplicated_layers(tmp_path: Path) -> None:
    """Layers that are said to be shared: in a file that holds each copy, and in one that holds one."""
    square = [helper.make_node("MatMul", [f"h{i}", f"s{i}"], [f"h{i + 1}"]) for i in range(1, 4)]
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h1"]),
        *square,
        helper.make_node("MatMul", ["h4", "w3"], ["y"]),
    ]
    own = {f"s{i}": SECOND + np.float32(i) for i in range(1, 4)}
    before = save(tmp_path / "own", nodes, w1=FIRST, w3=LAST, **own)
    copies = save(tmp_path / "copies", nodes, w1=FIRST, w3=LAST, **dict.fromkeys(own, SECOND))
    found = judged(copies, before, {"parameters": FIRST.size + SECOND.size + LAST.size})
    assert found["verdict"] == "no-op"
    assert "stored more than once" in found["advice"]
    assert found["stored"]["duplicate_bytes"] == 2 * SECOND.nbytes
    for node in nodes[1:4]:
        node.input[1] = "s1"
    found = judged(save(tmp_path / "shared", nodes, w1=FIRST, w3=LAST, s1=SECOND), before)
    assert found["verdict"] == "effective"
    assert "bytes are saved" in found["advice"], "there is as much to compute as before"


@pytest.mark.parametrize("plugin", [bench_onnxruntime, bench_torch], ids=["onnxruntime", "torch"])
def test_backends_say_what_they_execute(exported_cnn: Any, plugin: Any) -> None:
    artifact: bench.Artifact = exported_cnn.torch if plugin is bench_torch else exported_cnn.onnx
    backend: Any = plugin.TorchBackend() if plugin is bench_torch else plugin.OnnxRuntimeBackend()
    session = backend.open(artifact, device="cpu", threads=1)
    found = session.profile(exported_cnn.make(1))
    assert found["products"] == {"float32": 1.0}
    assert 0 < found["product_share"] <= 1
    assert found["convert_share"] == 0
    session.close()
