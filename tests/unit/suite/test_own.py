"""Models of the suite author's own on the axis `task`."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bench.errors import ConfigError
from bench.offer import Offer
from bench.suite import Vocabulary, json_schema, load
from bench.suite.own import name_of

OFFERS = (Offer("task", "toy", "t:toy"), Offer("backend", "torch", "b:t"), Offer("compressor", "prune", "c:p"))
BAD = {
    "{modle: a.onnx}": (11, "unknown key 'modle' of a task. Did you mean 'model'?"),
    "{data: a.npz}": (10, "a task is a name, or {model: FILE"),
    "{model: }": (11, "'model' expects text"),
    "{model: 3}": (18, "'model' expects text"),
    "{model: [a.onnx]}": (18, "'model' expects text"),
    "{model: a.onnx, name: 'a b'}": (32, "'a b' is no name of a task"),
    "{model: toy.onnx}": (18, "a task is called 'toy' already: add name: NAME"),
    "{model: a.onnx}, {model: b/a.onnx}": (35, "two models are called 'a': add name: NAME"),
    "{model: a.onnx}, {model: a.onnx, data: d.npz}": (35, "two models are called 'a'"),
}


@pytest.fixture
def read(tmp_path):
    def read(task, more=""):
        path = tmp_path / "deep" / "s.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"bench: 1\nname: s\nmatrix:\n  task: [{task}]\n  backend: torch\n{more}")
        return load(path, vocabulary=Vocabulary.of(OFFERS), env={"M": "a.onnx"})

    return read


def test_a_file_is_found_from_the_suite_and_names_the_task(read, tmp_path):
    suite = read("toy, {model: ../My Net_v2.onnx, data: val.npz}")
    (own,) = suite.models()
    assert [each.task for each in suite.cells()] == ["toy", "my-net-v2"]
    assert (own.name, own.is_code) == ("my-net-v2", False)
    assert Path(own.place).resolve() == tmp_path / "My Net_v2.onnx"
    assert own.data_path == tmp_path / "deep" / "val.npz"
    assert suite.where(*own.keys, "model")[1:] == (4, 16)


def test_a_factory_is_code_and_no_path(read):
    (own,) = read("{model: 'package.module:make', name: mine}").models()
    assert (own.name, own.is_code, own.place) == ("mine", True, "package.module:make")


def test_variables_are_replaced_and_the_same_model_counts_once(read):
    suite = read("{model: '${M}'}, {model: a.onnx}")
    assert [each.model for each in suite.models()] == ["a.onnx"]
    assert len(suite.cells()) == 1


def test_its_name_serves_exclude_and_include(read):
    more = (
        "  recipe: [none, prune]\n  exclude: [{task: a, recipe: prune}]\n"
        "  include: [{task: {model: b.onnx}, recipe: prune}]\n"
    )
    suite = read("toy, {model: a.onnx}", more)
    assert [(each.task, len(each.recipe)) for each in suite.cells()] == [
        ("toy", 0), ("toy", 1), ("a", 0), ("b", 0), ("b", 1),
    ]  # fmt: skip
    assert [each.name for each in suite.models()] == ["a", "b"]


@pytest.mark.parametrize("text", BAD)
def test_a_mistake_is_shown_where_it_stands(read, text):
    column, message = BAD[text]
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == (4, column)


def test_editors_know_the_keys():
    validator = Draft202012Validator(json_schema(Vocabulary.of(OFFERS)))
    head = "bench: 1\nname: s\nmatrix: {backend: torch, task: "
    assert validator.is_valid(YAML(typ="safe").load(head + "[toy, {model: a.onnx, data: b.npz, name: c}]}"))
    assert not validator.is_valid(YAML(typ="safe").load(head + "[{modle: a.onnx}]}"))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("a/Net.v1.onnx", "net-v1"),
        ("...", "model"),
        ("模型.onnx", "model"),
        ("x" * 300, "x" * 64),
        ("p.q:make", "p-q-make"),
        ("timm:test_vit.r160_in1k", "test-vit"),
        ("torchvision:resnet18@./w.pth", "resnet18"),
        ("hf:../nets/bert", "bert"),
    ],
)
def test_any_path_gives_a_name(model, name):
    assert name_of(model) == name


@pytest.mark.parametrize(
    ("model", "files", "kept"),
    [
        ("timm:resnet18", [], "timm:resnet18"),
        ("hf:org/name", [], "hf:org/name"),
        ("hf:./net", ["deep/net"], "hf:../deep/net"),
        ("torchvision:resnet18@w.pth", ["deep/w.pth"], "torchvision:resnet18@../deep/w.pth"),
        ("hf:../net", ["net"], "hf:../net"),
    ],
)
def test_what_a_library_loads_is_no_code_and_its_paths_are_those_of_the_suite(read, tmp_path, model, files, kept):
    (own,) = read(f"{{model: '{model}'}}").models()
    assert (own.is_code, own.provider) == (False, model.partition(":")[0])
    assert [each.resolve() for each in own.files] == [tmp_path / each for each in files]
    assert own.kept(tmp_path / "run")["model"] == kept
    assert own.resolved.startswith(model.partition(":")[0])
    assert all(str(tmp_path / each) in own.resolved for each in files)
