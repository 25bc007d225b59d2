"""The ExecuTorch backend against a stand-in for its runtime: what it asks of it, and what it makes of its answers."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import bench

torch = pytest.importorskip("torch", reason="the runtime's values are torch's tensors")

OURS = ("reading", "session", "profile", "own")
FLOAT, LONG = 6, 4


class Info:
    def __init__(self, sizes, dtype=FLOAT):
        self._sizes, self._dtype = sizes, dtype

    def sizes(self):
        return self._sizes

    def dtype(self):
        return self._dtype


class Method:
    """Doubles its first input; keeps what it was called with."""

    def __init__(self, infos, outputs=1):
        self.infos, self.outputs, self.calls = infos, outputs, []

    def __call__(self, inputs, clone_outputs=True):
        self.calls.append(([each.clone() for each in inputs], clone_outputs))
        return [inputs[0] * (2 + index) for index in range(self.outputs)]

    def method_meta(self):
        return SimpleNamespace(
            num_inputs=lambda: len(self.infos),
            num_outputs=lambda: self.outputs,
            input_tensor_meta=lambda index: self.infos[index],
        )


class Program:
    def __init__(self, methods):
        self.methods = methods

    def num_methods(self):
        return len(self.methods)

    def get_method_name(self, index):
        return list(self.methods)[index]

    def load_method(self, name):
        return self.methods[name]


@pytest.fixture
def library(monkeypatch):
    """A runtime that gives `program` for any file, or raises `refuses`."""
    lib = ModuleType("executorch.extension.pybindings.portable_lib")
    lib.program, lib.refuses, lib.pool = Program({"forward": Method([Info((2, 3))])}), None, 0

    def load(path, **options):
        if lib.refuses:
            raise RuntimeError(lib.refuses)
        return lib.program

    def reset(threads):
        lib.pool = threads

    lib._load_program, lib._unsafe_reset_threadpool = load, reset
    lib._threadpool_get_thread_count = lambda: lib.pool
    lib.Verification = SimpleNamespace(InternalConsistency="whole")
    package = ModuleType("executorch.extension.pybindings")
    package.portable_lib = lib
    for name, module in (
        ("executorch", ModuleType("executorch")),
        ("executorch.extension", ModuleType("executorch.extension")),
        ("executorch.extension.pybindings", package),
        ("executorch.extension.pybindings.portable_lib", lib),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    for name in OURS:
        monkeypatch.delitem(sys.modules, f"bench_executorch.{name}", raising=False)
    yield lib
    for name in OURS:
        sys.modules.pop(f"bench_executorch.{name}", None)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.pte"
    path.write_bytes(b"of no matter here")
    return bench.Artifact.of(path, "executorch")


def opened(file, threads=1, device="cpu"):
    from bench_executorch import ExecuTorchBackend

    return ExecuTorchBackend().open(file, device=device, threads=threads)


def rows(n, width=3):
    return {"input": np.arange(n * width, dtype=np.float32).reshape(n, width)}


def test_threads_are_set_before_the_method_is_loaded(library, file):
    library._load_program_before = library._load_program
    seen = []
    library._load_program = lambda *a, **k: seen.append(library.pool) or library._load_program_before(*a, **k)
    opened(file, threads=2)
    assert seen == [2]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_any_number_of_rows_is_run_in_the_programs_own_batches(library, file, n):
    inputs = rows(n)
    found = opened(file).run(inputs)
    np.testing.assert_array_equal(found["output"], 2 * inputs["input"])
    assert all(each[0].shape == (2, 3) for each, _ in library.program.methods["forward"].calls)
    assert len(library.program.methods["forward"].calls) == -(-n // 2)


def test_a_timed_call_runs_each_batch_once_and_takes_no_rest(library, file):
    session, method = opened(file), library.program.methods["forward"]
    call = session.bind(rows(4))
    assert not method.calls, "nothing runs before the call"
    assert [part[0].tolist() for part in call()] == [[[0, 2, 4], [6, 8, 10]], [[12, 14, 16], [18, 20, 22]]]
    assert len(method.calls) == 2
    with pytest.raises(bench.Unsupported, match="takes 2 rows at a time; 3 were given"):
        session.bind(rows(3))


def test_a_single_run_gives_the_programs_own_memory_and_keeps_its_own_inputs(library, file):
    inputs = rows(2)
    call = opened(file).bind(inputs)
    inputs["input"][:] = np.nan
    assert call()[0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert library.program.methods["forward"].calls[-1][1] is False, "no copy of the outputs is timed"


def test_inputs_have_the_names_of_the_notes_else_plain_ones(library, file, monkeypatch):
    from bench_executorch.notes import NOTES, Notes

    method = Method([Info((1, 2), LONG), Info((1, 2), LONG)])
    library.program = Program({"forward": method})
    assert [each.name for each in opened(file).inputs] == ["input_0", "input_1"]
    notes = Notes(("ids", "mask"), {"linear": 2}, {"embedding": 1}).dump()
    library.program = Program({"forward": method, NOTES: lambda _: [notes]})
    session = opened(file)
    monkeypatch.setattr("bench_executorch.session.version", lambda name: "1.5.1")
    assert session.facts()["version"] == "1.5.1"
    assert session.facts()["delegated"] == {"linear": 2}
    assert session.facts()["portable"] == {"embedding": 1}
    given = {"mask": np.ones((1, 2), np.int64), "ids": np.full((1, 2), 7)}
    session.run(given)
    assert [each.tolist() for each in method.calls[-1][0]] == [[[7, 7]], [[1, 1]]], "in the program's own order"
    with pytest.raises(bench.BenchError, match="takes the inputs ids, mask; it was given ids"):
        session.run({"ids": given["ids"]})
    with pytest.raises(bench.BenchError, match="'ids' is int64 in the program; it was given float32"):
        session.run({**given, "ids": np.ones((1, 2), np.float32)})


@pytest.mark.parametrize(
    "text", ["", "[]", '{"inputs": 3}', '{"inputs": ["a"], "delegated": {"x": "y"}, "portable": {}}']
)
def test_notes_of_another_form_count_as_none(text):
    from bench_executorch.notes import Notes

    assert Notes.parse(text) == Notes()


def test_several_outputs_are_numbered(library, file):
    library.program = Program({"forward": Method([Info((1, 3))], outputs=2)})
    assert sorted(opened(file).run(rows(1))) == ["output_0", "output_1"]


def test_rows_of_another_shape_are_named(library, file):
    with pytest.raises(bench.BenchError, match=r"'input' is \[2, 3\] in the program; it was given \[2, 4\]"):
        opened(file).run(rows(2, 4))


def test_what_the_runtime_refuses_is_unsupported(library, file):
    with pytest.raises(bench.Unsupported, match="runs on cpu, not on 'cuda:0'"):
        opened(file, device="cuda:0")
    library.refuses = "error 0x20, missing operators"
    with pytest.raises(bench.Unsupported, match=r"cannot run model\.pte: error 0x20, missing operators"):
        opened(file)
    library.refuses, library.program = None, Program({"encode": None})
    with pytest.raises(bench.Unsupported, match="no method 'forward', but encode"):
        opened(file)
    library.program = Program({"forward": Method([Info((1, 2), 99)])})
    with pytest.raises(bench.Unsupported, match="'input' is of type 99"):
        opened(file)


def test_a_file_of_ones_own_says_what_it_takes(library, file, tmp_path):
    from bench_executorch import own_executorch

    task = own_executorch(str(file.path))
    assert task.evaluation_batch == 2
    assert task.inputs("evaluation")["input"].shape[1:] == (3,)
    (tmp_path / "copy").mkdir()
    assert task.artifact("executorch", tmp_path / "copy").read_bytes() == file.path.read_bytes()


def test_a_trace_tells_types_weights_and_what_lies_between(library):
    from bench_executorch.profile import LOST_S, operations

    us = 1e-6
    events = [
        ("Convert (NC, F32, QS8) #1", True, [9.0, 1 * us]),
        ("Convolution (NHWC, QC8) IGEMM #1", True, [9.0, 10 * us]),
        ("Fully Connected (NC, QD8, F32, QB4W) GEMM #1", True, [9.0, 4 * us]),
        ("DELEGATE_CALL", False, [9.0, 20 * us]),
        ("native_call_mean.out", False, [9.0, 2 * us]),
        ("native_call_bmm.out", False, [9.0, 3 * us]),
        ("OPERATOR_CALL", False, [9.0, 6 * us]),
        ("Method::execute", False, [9.0, 30 * us]),
    ]
    found = {each.name: each for each in operations(events, skip=1)}
    assert {name: (each.kind, each.dtype, each.weights) for name, each in found.items()} == {
        "Convert": ("convert", "float32", None),
        "Convolution": ("product", "int8", None),
        "Fully Connected": ("product", "int8", "int4"),
        "XNNPACK, between operators": ("other", "unknown", None),
        "mean": ("other", "unknown", None),
        "bmm": ("product", "float32", None),
    }
    assert found["Convolution"].seconds == pytest.approx(10 * us + LOST_S)
    assert found["XNNPACK, between operators"].seconds == pytest.approx(5 * us - 3 * LOST_S)
    assert sum(each.seconds for each in found.values()) == pytest.approx(25 * us), "the first run is left out"
