"""AOTInductor packages: the route to them, what they compute, whose threads they take, and what stands in them."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_torch import (
    FORMATS,
    PACKAGE,
    TorchBackend,
    package_flops,
    package_nonzero,
    package_parameters,
    package_size_encoded,
    torch_package,
)
from bench_torch.compiler import check_compiler
from bench_torch.package import metadata
from bench_torch.packaged import PackagedSession

import bench

WORK_NS = 300_000_000
KNOWN = {"precision": {"float32": 8}, "frozen": False, "torch": "2.13.0", "counts": {}}


class Loader:
    """What a loaded package is to its session: it doubles what it is given."""

    def __init__(self, writes=False):
        self.writes, self.calls = writes, 0

    def get_metadata(self):
        return {"AOTI_CPU_ISA": "AVX2"}

    def run(self, arguments):
        self.calls += 1
        made = [each * 2 for each in arguments]
        if self.writes:
            for each in arguments:
                each.zero_()
        return made


def planted(tmp_path, known):
    """Return a file that looks like a package from outside, and holds no code."""
    path = tmp_path / "package.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/data/x.wrapper_metadata.json", json.dumps({"joulebench": json.dumps(known)}))
    return bench.Artifact.of(path, PACKAGE)


def session(loader, frozen=False):
    inputs = [{"name": name, "dtype": "float32", "shape": [None, 2]} for name in ("b", "a")]
    return PackagedSession(loader, {**KNOWN, "inputs": inputs, "frozen": frozen})


def test_a_session_gives_the_code_its_inputs_in_the_programs_order():
    inputs = {"a": np.ones((1, 2), np.float32), "b": np.zeros((1, 2), np.float32)}
    assert {name: each.tolist() for name, each in session(Loader()).run(inputs).items()} == {
        "output_0": [[0, 0]],
        "output_1": [[2, 2]],
    }
    facts = session(Loader()).facts()
    assert (facts["mode"], facts["instructions"], facts["precision"]) == ("package", "AVX2", {"float32": 8})


def test_a_frozen_package_that_overwrites_its_inputs_gets_fresh_ones():
    inputs = {"a": np.ones((1, 2), np.float32), "b": np.ones((1, 2), np.float32)}
    call = session(Loader(writes=True), frozen=True).bind(inputs)
    assert [call()[0].tolist() for _ in range(3)] == [[[2.0, 2.0]]] * 3


def test_a_package_for_one_example_runs_a_batch_call_by_call():
    loader = Loader(writes=True)
    known = {**KNOWN, "inputs": [{"name": "a", "dtype": "float32", "shape": [None, 2]}], "frozen": True, "rows": 1}
    call = PackagedSession(loader, known).bind({"a": np.arange(6, dtype=np.float32).reshape(3, 2)})
    assert [call()[0].tolist() for _ in range(2)] == [[[0, 2], [4, 6], [8, 10]]] * 2
    assert loader.calls == 6
    one = PackagedSession(loader, known)
    assert one.run({"a": np.ones((1, 2), np.float32)})["output"].tolist() == [[2, 2]]
    assert (loader.calls, one.facts()["rows_per_call"]) == (7, 1)


def test_what_is_known_of_a_package_is_read_without_loading_it(tmp_path):
    count = bench.Reading.counted(7, "1").to_json()
    artifact = planted(tmp_path, {**KNOWN, "counts": {"parameters": count}})
    assert package_parameters(artifact).value == 7


def test_what_a_package_has_beside_its_weights_stays_in_its_encoded_size(tmp_path):
    count = bench.Reading.counted(900, "B").to_json()
    artifact = planted(tmp_path, {**KNOWN, "size": 1000, "counts": {"size_encoded": count}})
    assert package_size_encoded(artifact).value == artifact.size_bytes - 100


def test_nobody_is_told_that_a_package_executes_nothing():
    with pytest.raises(bench.Unsupported, match="machine code of its own"):
        session(Loader()).profile({})


@pytest.mark.parametrize("content", [b"", b"no zip", "a program"])
def test_a_file_that_is_no_package_is_named(tmp_path, exported_cnn, content):
    path = tmp_path / "package.pt2"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(exported_cnn.torch.path, path)
    with pytest.raises(bench.Unsupported, match=r"package\.pt2 is no package of ours"):
        TorchBackend(package=True).open(bench.Artifact.of(path, PACKAGE), device="cpu", threads=1)


def test_a_package_whose_code_does_not_load_is_unsupported(tmp_path):
    with pytest.raises(bench.Unsupported, match=r"package\.pt2 does not load") as caught:
        TorchBackend(package=True).open(planted(tmp_path, {**KNOWN, "inputs": []}), device="cpu", threads=1)
    assert "build it again" in caught.value.cure


def test_compiling_without_a_compiler_is_unsupported_with_the_cure(exported_cnn, export_context, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(bench.Unsupported, match=r"C\+\+ compiler"):
        torch_package(exported_cnn.torch, export_context(tmp_path, exported_cnn.make))


def test_a_model_runs_in_one_way():
    with pytest.raises(bench.Unsupported, match="choose one"):
        TorchBackend(compile=True, package=True)


def test_the_offers_lead_to_a_package_only_where_it_is_asked_for():
    from bench.plan import find_route
    from bench.plan.catalogue import Catalogue
    from bench.registry import load_registry
    from bench.suite.cell import Cell

    catalogue = Catalogue.from_offers(load_registry().offers)
    (task, backend) = catalogue.one("task", "toy"), catalogue.one("backend", "torch")
    routes = {
        option: find_route(task, Cell("s", "toy", (), "torch", backend_options=options), backend, catalogue)
        for option, options in (("eager", {}), ("compile", {"compile": True}), ("package", {"package": True}))
    }
    assert {name: each.end for name, each in routes.items()} == {
        "eager": "torch",
        "compile": "torch",
        "package": PACKAGE,
    }
    assert routes["package"].operations[-1].offer.name == PACKAGE
    assert set(FORMATS) & set(routes["package"].operations[-1].offer.accepts)


def work_by_thread():
    """Return nanoseconds on a processor by thread of this process."""
    return {each.name: int((each / "schedstat").read_text().split()[0]) for each in Path("/proc/self/task").iterdir()}


@pytest.fixture(scope="module")
def packaged(exported_cnn, export_context, tmp_path_factory):
    """The convolutional network, compiled: half a minute."""
    try:
        check_compiler()
    except bench.Unsupported as error:
        pytest.skip(error.message)
    context = export_context(tmp_path_factory.mktemp("package"), exported_cnn.make)
    return bench.Artifact.of(torch_package(exported_cnn.torch, context), PACKAGE)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_package_computes_what_the_module_computes_at_every_batch(packaged, exported_cnn):
    opened = TorchBackend(package=True).open(packaged, device="cpu", threads=1)
    for batch in (1, 2, 7):
        inputs = exported_cnn.make(batch)
        with torch.inference_mode():
            wanted = exported_cnn.module(torch.from_numpy(inputs["image"])).numpy()
        np.testing.assert_allclose(opened.run(inputs)["output"], wanted, atol=1e-5)
    assert opened.facts()["mode"] == "package"
    assert metadata(packaged.path)["inputs"] == [{"name": "image", "dtype": "float32", "shape": [None, 1, 12, 12]}]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_package_counts_as_the_program_it_was_made_from(packaged, exported_cnn):
    weights = sum(each.numel() for each in exported_cnn.module.parameters())
    assert package_parameters(packaged).value == pytest.approx(weights, rel=0.02)
    assert package_nonzero(packaged).value > 0.9 * weights
    assert package_flops(packaged).value > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="a thread's processor time is read from /proc")
def test_whoever_runs_a_package_chooses_its_threads(packaged, exported_cnn):
    for threads in (1, 2):
        call = TorchBackend(package=True).open(packaged, device="cpu", threads=threads).bind(exported_cnn.make(256))
        call()
        before = work_by_thread()
        while sum(work_by_thread().values()) - sum(before.values()) < WORK_NS:
            call()
        spent = [ns - before.get(thread, 0) for thread, ns in work_by_thread().items()]
        assert sum(each > 0.02 * WORK_NS for each in spent) == threads


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_quantised_package_computes_what_the_program_computes_at_every_batch(export_context, exported_cnn, tmp_path):
    bench_quantize = pytest.importorskip("bench_quantize", reason="the program of this test is quantised by it")
    try:
        check_compiler()
    except bench.Unsupported as error:
        pytest.skip(error.message)
    context = export_context(tmp_path, exported_cnn.make)
    context.calibration, context.log = exported_cnn.make, lambda message: None
    program = bench_quantize.quantize_torch(exported_cnn.module, context, mode="static", calibrate=20)
    program = bench.Artifact.of(program, "torch-quantized")
    package = bench.Artifact.of(torch_package(program, context), PACKAGE)
    eager, opened = (
        TorchBackend(package=each.format == PACKAGE).open(each, device="cpu", threads=1) for each in (program, package)
    )
    for batch in (1, 2, 7):
        inputs = exported_cnn.make(batch)
        np.testing.assert_allclose(opened.run(inputs)["output"], eager.run(inputs)["output"], atol=1e-4)
    assert (opened.facts()["frozen"], opened.facts()["rows_per_call"]) == (True, 1)
