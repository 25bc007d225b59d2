"""Files from strangers: what torch would run while loading is refused first."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
from bench_torch.archive import Archive, is_plain_size
from bench_torch.program import load_program
from hypothesis import given
from hypothesis import strategies as st

import bench

SYMBOL = "Symbol('s7', positive=True, integer=True)"


class Payload:
    """Pickles to a call that leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def rewrite(source: Path, target: Path, change) -> Path:
    """Copy a .pt2 file, each member passed through `change(name, bytes)`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def with_program(source: Path, target: Path, edit) -> Path:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("/models/model.json"):
            return content
        program = json.loads(content)
        edit(program)
        return json.dumps(program).encode()

    return rewrite(source, target, change)


def test_our_own_files_pass(exported):
    archive = Archive(exported.torch.path)
    archive.vet()
    assert archive.namespaces() == {"aten"}
    assert not archive.has_pickled_tensors


def test_a_pickle_that_runs_code_is_refused_before_it_runs(exported_cnn, tmp_path):
    mark = tmp_path / "ran"

    def change(name, content):
        if name.endswith("model_weights_config.json"):
            config = json.loads(content)
            for entry in config["config"].values():
                entry["use_pickle"] = True
            return json.dumps(config).encode()
        return pickle.dumps(Payload(mark)) if "/weights/weight_" in name else content

    path = rewrite(exported_cnn.torch.path, tmp_path / "bad.pt2", change)
    with pytest.raises(bench.Unsupported, match="pickle of more than tensors"):
        Archive(path).vet()
    assert not mark.exists()


@pytest.mark.parametrize(
    "target", ["torch.hub.load", "torch.os.system", "_operator.methodcaller", "torch.ops.load_library"]
)
def test_an_operator_that_is_none_is_refused(exported_cnn, tmp_path, target):
    def edit(program):
        program["graph_module"]["graph"]["nodes"][0]["target"] = target

    path = with_program(exported_cnn.torch.path, tmp_path / "bad.pt2", edit)
    with pytest.raises(bench.Unsupported, match="no operator or size"):
        Archive(path).vet()


@pytest.mark.parametrize(
    "size", ["__import__('os').system('x')", "eval(chr(49))", "s7.__class__", "(lambda: 0)()", "open"]
)
def test_a_size_that_is_code_is_refused(exported_cnn, tmp_path, size):
    def edit(program):
        sizes = program["graph_module"]["graph"]["tensor_values"]["image"]["sizes"]
        sizes[0]["as_expr"]["expr_str"] = size

    path = with_program(exported_cnn.torch.path, tmp_path / "bad.pt2", edit)
    with pytest.raises(bench.Unsupported, match="no operator or size"):
        Archive(path).vet()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(exported_cnn, tmp_path):
    path = tmp_path / "bad.pt2"
    path.write_bytes(exported_cnn.torch.path.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(archive.namelist()[0], b"again")
    with pytest.raises(bench.Unsupported, match="share a name"):
        Archive(path).vet()


def test_a_truncated_file_is_refused(exported_cnn, tmp_path):
    path = tmp_path / "bad.pt2"
    path.write_bytes(exported_cnn.torch.path.read_bytes()[:2000])
    with pytest.raises(bench.Unsupported):
        Archive(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/models/model.json", "{")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(bench.Unsupported, match="no JSON"):
        Archive(path).vet()


@given(
    st.recursive(
        st.sampled_from([SYMBOL, "s7", "Integer(2)", "3"]),
        lambda inner: (
            st.builds("{}({}, {})".format, st.sampled_from(["FloorDiv", "Max", "Mod"]), inner, inner)
            | st.builds("({} + {})*{}".format, inner, inner, inner)
        ),
        max_leaves=8,
    )
)
def test_sizes_that_torch_writes_are_plain(expression):
    assert is_plain_size(expression)


@given(st.sampled_from(["eval", "exec", "open", "getattr", "compile", "globals", "vars", "input", "breakpoint", "chr"]))
def test_a_function_of_python_is_not_plain(name):
    assert not is_plain_size(f"{SYMBOL} + {name}(3)")


@pytest.mark.parametrize("member", ["data/aotinductor/model/x.wrapper.so", "data/aotinductor/m/x.json", "extra/x.so"])
def test_machine_code_is_refused_before_it_is_loaded(exported_cnn, tmp_path, member):
    """torch.export.load loads what AOTInductor packed into a file, and a library runs code when it is loaded."""
    path = rewrite(exported_cnn.torch.path, tmp_path / "m.pt2", lambda name, content: content)
    with zipfile.ZipFile(path, "a") as archive:
        top = archive.namelist()[0].partition("/")[0]
        archive.writestr(f"{top}/{member}", b"")
    with pytest.raises(bench.Unsupported, match="it holds machine code"):
        load_program(path)
