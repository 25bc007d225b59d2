"""Static int8 by nncf, what OpenVINO executes, counts of IR. Runs where both are installed (`tox -e openvino`)."""

import numpy as np
import pytest

import bench

pytest.importorskip("openvino", reason="openvino is not installed here: tox -e openvino")
pytest.importorskip("nncf", reason="nncf is not installed here: tox -e openvino")
pytest.importorskip("onnx", reason="the files of these tests are ONNX, and plugins install one by one")

from bench_openvino import (
    OpenVinoBackend,
    bitops,
    flops,
    nonzero,
    openvino_ir,
    parameters,
    quantize_openvino,
    size_encoded,
)

# How far outputs of about 0.1 to 1 may move, by network: about three times what was seen.
MOVED = {"cnn": 0.03, "attention": 0.1}


def opened(artifact):
    return OpenVinoBackend().open(artifact, device="cpu", threads=1)


@pytest.fixture
def work(export_context, tmp_path):
    """Return what makes a context with 24 calibration examples of a network."""

    def made(exported, name):
        place = tmp_path / name
        place.mkdir()
        context = export_context(place, exported.make)
        context.calibration = lambda n: {key: value[:n] for key, value in exported.make(24).items()}
        return context

    return made


@pytest.fixture
def quantised(work):
    def made(exported, name="q", source=None, **options):
        context = work(exported, name)
        path = quantize_openvino(source or exported.onnx, context, mode="static", **options)
        return bench.Artifact.of(path, "openvino"), context.facts

    return made


@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_outputs_stay_near_and_weights_are_integers(quantised, name, request):
    exported = request.getfixturevalue(f"exported_{name}")
    small, facts = quantised(exported)
    inputs = exported.make(3)
    want, got = opened(exported.onnx).run(inputs), opened(small).run(inputs)
    assert set(got) == {"output"} and got["output"].dtype == np.float32
    assert 0 < abs(got["output"] - want["output"]).max() < MOVED[name]
    assert facts["layers"] == {"cnn": "all", "attention": "weighted"}[name]
    assert (facts["weights"], facts["activations"], facts["calibrated"]) == ("int8", "int8", 24)
    assert parameters(small).facts["by_dtype"]["int8"] >= 0.7 * parameters(small).value


def test_each_option_does_something(quantised, exported_cnn):
    inputs = exported_cnn.make(3)
    seen = {}
    for options in (
        {},
        {"method": "percentile"},
        {"per_channel": False},
        {"symmetric": False},
        {"calibrate": 1},
        {"layers": "weighted"},
        {"reduce_range": not bench.saturates_int8()},
    ):
        small, facts = quantised(exported_cnn, str(len(seen)), **options)
        assert {name: facts[name] for name in options if name in facts}.items() <= options.items()
        seen[str(options)] = opened(small).run(inputs)["output"].tobytes()
    assert len(set(seen.values())) == len(seen)


def test_seven_bits_where_asked_for(quantised, exported_cnn):
    def most(artifact):
        from bench_openvino.graph import opened as read
        from bench_openvino.graph import weights

        found = weights(read(artifact.path, artifact.digest))
        return max(int(abs(each.values.astype(int)).max()) for each in found if each.kind == "int8")

    narrow, facts = quantised(exported_cnn, "narrow", reduce_range=True)
    assert (most(narrow), facts["reduce_range_by"]) == (64, "option")
    wide, facts = quantised(exported_cnn, "wide", reduce_range=False)
    assert most(wide) == 127
    _, facts = quantised(exported_cnn, "auto")
    assert (facts["reduce_range"], facts["reduce_range_by"]) == (bench.saturates_int8(), "processor")


def test_an_ir_is_quantised_as_its_onnx_file_is_and_nothing_twice(quantised, work, exported_cnn):
    whole = bench.Artifact.of(openvino_ir(exported_cnn.onnx, work(exported_cnn, "ir")), "openvino")
    small, _ = quantised(exported_cnn, source=whole)
    again, _ = quantised(exported_cnn, "direct")
    inputs = exported_cnn.make(3)
    np.testing.assert_array_equal(opened(small).run(inputs)["output"], opened(again).run(inputs)["output"])
    with pytest.raises(bench.Unsupported, match="quantised already"):
        quantised(exported_cnn, "twice", source=small)


def test_what_is_executed_is_told_by_type(quantised, exported_cnn):
    inputs = exported_cnn.make(1)
    whole = opened(exported_cnn.onnx).profile(inputs)
    assert whole["products"] == {"float32": 1.0} and whole["convert_share"] == 0.0
    assert sum(each["calls"] for each in whole["operators"] if each["kind"] == "product") == 3
    small = opened(quantised(exported_cnn)[0]).profile(inputs)
    assert small["products"]["int8"] > 0.5
    assert {each["dtype"] for each in small["operators"] if each["kind"] == "product"} >= {"int8"}
    assert "PERF_COUNT" in small["method"] and small["calls"] >= 1


def test_products_inside_attention_are_seen(exported_attention):
    found = opened(exported_attention.onnx).profile(exported_attention.make(1))
    assert found["products"] == {"float32": 1.0}
    assert sum(each["calls"] for each in found["operators"] if each["kind"] == "product") >= 3


@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_counts_agree_with_those_of_the_onnx_file(work, name, request):
    pytest.importorskip("onnxruntime", reason="the counts to agree with are of its format")
    from bench_onnxruntime import flops as onnx_flops
    from bench_onnxruntime import parameters as onnx_parameters

    exported = request.getfixturevalue(f"exported_{name}")
    whole = bench.Artifact.of(openvino_ir(exported.onnx, work(exported, "ir")), "openvino")
    assert flops(whole).value == onnx_flops(exported.onnx).value
    folded = {"cnn": 0, "attention": 64}[name]  # a norm's scales of 1 and shifts of 0 are not stored
    assert parameters(whole).value == onnx_parameters(exported.onnx).value - folded


def test_counts_follow_the_bits_that_are_stored(quantised, work, exported_cnn):
    whole = bench.Artifact.of(openvino_ir(exported_cnn.onnx, work(exported_cnn, "ir")), "openvino")
    small, _ = quantised(exported_cnn)
    assert flops(small).value == flops(whole).value
    assert bitops(small).value == bitops(whole).value / 16
    assert parameters(small).value == parameters(whole).value
    assert nonzero(small).value <= parameters(small).value
    assert size_encoded(small).value <= small.size_bytes
