"""Quantising and counting .tflite files. Runs where ai-edge-quantizer is installed (`tox -e litert`)."""

from pathlib import Path

import numpy as np
import pytest

import bench

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed here: tox -e litert")
pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed here: tox -e litert")

from bench_litert import (
    LiteRtBackend,
    bitops,
    flops,
    nonzero,
    parameters,
    quantize_tflite,
    size_encoded,
)

FILES = Path(__file__).parent / "litert_files"
# How far outputs of about 0.1 to 1 may move, by network: about three times what was seen.
MOVED = {"cnn": 0.03, "attention": 0.3}


def file_of(name):
    return bench.Artifact.of(FILES / f"{name}.tflite", "tflite")


def images(batch):
    return {"image": np.random.default_rng(batch).standard_normal((batch, 1, 12, 12)).astype(np.float32)}


def sentences(batch):
    mask = np.ones((batch, 10), np.int64)
    mask[:, 7:] = 0
    return {"input_ids": np.random.default_rng(batch).integers(0, 40, (batch, 10)), "attention_mask": mask}


MAKE = {"cnn": images, "attention": sentences}


@pytest.fixture
def quantised(export_context, tmp_path):
    def make(name, **options):
        context = export_context(tmp_path, MAKE[name])
        context.calibration = lambda n: {key: value[:n] for key, value in MAKE[name](24).items()}
        return bench.Artifact.of(quantize_tflite(file_of(name), context, **options), "tflite"), context

    return make


def session_of(artifact):
    return LiteRtBackend().open(artifact, device="cpu", threads=1)


@pytest.mark.parametrize("name", ["cnn", "attention"])
@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"mode": "dynamic"}, "int8"),
        ({"mode": "static"}, "int8"),
        ({"mode": "static", "per_channel": False}, "int8"),
        ({"mode": "weight-only"}, "int8"),
        ({"mode": "weight-only", "bits": 4}, "int4"),
        ({"mode": "fp16"}, "float16"),
    ],
)
def test_files_shrink_keep_their_ends_and_their_outputs(quantised, name, options, weights):
    small, context = quantised(name, **options)
    inputs = MAKE[name](3)
    want, got = session_of(file_of(name)).run(inputs), session_of(small).run(inputs)
    assert small.size_bytes < file_of(name).size_bytes
    assert set(got) == {"output"} and got["output"].dtype == np.float32
    assert 0 < abs(got["output"] - want["output"]).max() < MOVED[name]
    assert (context.facts["weights"], context.facts["mode"]) == (weights, options["mode"])
    kinds = parameters(small).facts["by_dtype"]
    floats = 1280 if (name, options["mode"]) == ("attention", "static") else 0  # the embedding stays as it is
    assert kinds.get("float32", 0) <= floats + 110
    assert kinds[weights] >= 0.8 * (parameters(small).value - floats)


def test_what_is_executed_tells_integers_from_decoded_floats(quantised):
    seen = {
        mode: session_of(quantised("cnn", mode=mode)[0]).facts()["executed"]["products"]
        for mode in ("dynamic", "static", "weight-only", "fp16")
    }
    assert seen == {
        "dynamic": {"int8": 1.0},
        "static": {"int8": 1.0},
        "weight-only": {"float32": 1.0},
        "fp16": {"float32": 1.0},
    }


def test_weights_that_a_kernel_takes_in_fewer_bits_than_it_computes_in_are_told_apart(quantised):
    products = session_of(quantised("attention", mode="dynamic", bits=4)[0]).facts()["executed"]["products"]
    assert products["int8 on int4 weights"] > 0.8
    assert products["float32"] == pytest.approx(1 - products["int8 on int4 weights"], abs=1e-3)


def test_static_ranges_do_not_depend_on_the_order_of_the_examples(export_context, tmp_path):
    files = []
    for turn, order in enumerate((slice(None), slice(None, None, -1))):
        context = export_context(tmp_path / str(turn), images)
        context.workdir.mkdir()
        context.calibration = lambda n, order=order: {"image": images(16)["image"][order]}
        files.append(quantize_tflite(file_of("cnn"), context, mode="static").read_bytes())
        assert context.facts["calibrated"] == 16
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"mode": "bf16"}, bench.Unsupported, "has no mode bf16"),
        ({"mode": "mixed"}, bench.Unsupported, "has no mode mixed"),
        ({"mode": "static", "bits": 4}, bench.Unsupported, "weights of 8 bits in mode static, not 4"),
        ({"mode": "weight-only", "bits": 3}, bench.Unsupported, "weights of 4 or 8 bits"),
        ({"mode": "static", "method": "entropy"}, bench.Unsupported, "by minmax, not by entropy"),
        ({"mode": "static", "symmetric": True}, bench.Unsupported, "asymmetric int8 activations only"),
        ({"mode": "weight-only", "group_size": 32}, bench.Unsupported, "none per group"),
        ({"mode": "dynamic", "reduce_range": True}, bench.Unsupported, "no 7-bit weights"),
        ({"mode": "dynamic", "group_size": 32}, bench.BenchError, "group_size is an option of mode: weight-only"),
        ({"mode": "fp16", "bits": 4}, bench.BenchError, "mode fp16 has 16-bit floats"),
    ],
)
def test_what_the_quantiser_lacks_or_contradicts_itself_is_named(quantised, options, error, said):
    with pytest.raises(error, match=said):
        quantised("cnn", **options)


def test_a_quantised_file_is_not_quantised_again(quantised, export_context, tmp_path):
    small, _ = quantised("cnn", mode="dynamic")
    with pytest.raises(bench.Unsupported, match="quantised already"):
        quantize_tflite(small, export_context(tmp_path, images), mode="static")


@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_counts_agree_with_those_of_the_onnx_file(name, request):
    pytest.importorskip("onnxruntime", reason="the counts to agree with are of its format")
    from bench_onnxruntime import flops as onnx_flops
    from bench_onnxruntime import parameters as onnx_parameters

    exported = request.getfixturevalue(f"exported_{name}")
    assert flops(file_of(name)).value == onnx_flops(exported.onnx).value
    folded = {"cnn": 0, "attention": 64}[name]  # a norm's scales of 1 and shifts of 0 are not stored
    assert parameters(file_of(name)).value == onnx_parameters(exported.onnx).value - folded


def test_counts_follow_the_bits_that_are_stored(quantised):
    whole = file_of("cnn")
    for mode, factor in (("static", 1 / 16), ("weight-only", 1 / 4), ("fp16", 1 / 2)):
        small, _ = quantised("cnn", mode=mode)
        assert flops(small).value == flops(whole).value
        assert bitops(small).value == factor * bitops(whole).value
        assert parameters(small).value == parameters(whole).value
        assert nonzero(small).value <= parameters(small).value
        assert size_encoded(small).value <= small.size_bytes
