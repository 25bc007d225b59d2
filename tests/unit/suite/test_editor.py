"""The JSON Schema for editors: what `load` takes it takes, what is misspelt it marks."""

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bench.offer import Offer, Option
from bench.suite import Vocabulary, json_schema

HEAD = "bench: 1\nname: s\n"
GOOD = {
    "the least": "matrix: {task: toy, backend: torch}",
    "lists": "matrix: {task: [toy, minilm], backend: [torch, onnxruntime], recipe: [none, prune], batch: [1, 8]}",
    "options": "matrix: {task: toy, backend: [torch: {compile: true}], recipe: [quantize: {mode: static, bits: 4}]}",
    "a fan": "matrix: {task: toy, backend: [torch: {compile: [true, false]}], recipe: [prune: {sparsity: [0.5, 0.8]}]}",
    "a nested list": "matrix: {task: toy, backend: torch, recipe: [prune: {layers: [[a, b], [c]]}]}",
    "a null in a fan": "matrix: {task: toy, backend: torch, recipe: [prune: {layers: ~}]}",
    "the other offer": "matrix: {task: toy, backend: torch, recipe: [prune: {block: 2}]}",
    "a pipeline": "matrix: {task: toy, backend: torch, recipe: [[distill: {student: half}, quantize]]}",
    "no options": "matrix: {task: toy, backend: torch, recipe: [{prune: }, prune: {}]}",
    "exclude": "matrix: {task: toy, backend: torch, exclude: [{task: [toy], recipe: {distill: {}}, batch: 1}]}",
    "include": "matrix: {task: toy, backend: torch, include: [{recipe: [prune, quantize], device: 'cuda:0?'}]}",
    "variables": "matrix: {task: '${T}', backend: torch, batch: '${B:-1}', recipe: [prune: {sparsity: '${S}'}]}",
    "measure": "matrix: {task: toy, backend: torch}\nmeasure: {repeat: until ci < 2% or 25s, rounds: 3, energy: any}",
    "limits": "matrix: {task: toy, backend: torch}\nlimits: {quality_drop: 0.5, latency_p90: 30 ms}",
    "scenarios": "matrix: {task: toy, backend: torch, scenario: [offline, multi-stream, {server: {p99: 50 ms}}]}",
    "options of scenarios": "matrix: {task: toy, backend: torch, scenario: [{multi-stream: {samples: 4}}, {server: "
    "{rate: 20/s, confidence: 95 %}}], exclude: [{scenario: server, recipe: prune}]}",
    "a variant": "extends: mobile",
    "a variant's axis": "extends: mobile\nmatrix: {batch: 8}",
}
BAD = {
    "no matrix": "about: x",
    "no backend": "matrix: {task: toy}",
    "unknown key": "matrix: {task: toy, backend: torch}\nmesure: {}",
    "unknown key of a variant": "extends: mobile\nmesure: {}",
    "unknown axis": "matrix: {task: toy, backend: torch, recipes: [none]}",
    "unknown task": "matrix: {task: tyo, backend: torch}",
    "unknown backend": "matrix: {task: toy, backend: [torhc]}",
    "unknown compressor": "matrix: {task: toy, backend: torch, recipe: [quantise]}",
    "unknown option": "matrix: {task: toy, backend: torch, recipe: [prune: {sparsty: 0.5}]}",
    "out of bounds": "matrix: {task: toy, backend: torch, recipe: [prune: {sparsity: 1}]}",
    "out of bounds in a fan": "matrix: {task: toy, backend: torch, recipe: [prune: {sparsity: [0.5, 1]}]}",
    "wrong choice": "matrix: {task: toy, backend: torch, recipe: [quantize: {mode: sttic}]}",
    "wrong type": "matrix: {task: toy, backend: torch, recipe: [quantize: {calibrate: many}]}",
    "bare list for a list": "matrix: {task: toy, backend: torch, recipe: [prune: {layers: [a, b]}]}",
    "missing option": "matrix: {task: toy, backend: torch, recipe: [distill]}",
    "missing option of a mapping": "matrix: {task: toy, backend: torch, recipe: [distill: {}]}",
    "two steps": "matrix: {task: toy, backend: torch, recipe: [{prune: {}, quantize: {}}]}",
    "empty list": "matrix: {task: toy, backend: torch, device: []}",
    "unknown scenario": "matrix: {task: toy, backend: torch, scenario: ofline}",
    "server without a bound": "matrix: {task: toy, backend: torch, scenario: server}",
    "server of options that are no bound": "matrix: {task: toy, backend: torch, scenario: [server: {confidence: 9 %}]}",
    "unknown option of a scenario": "matrix: {task: toy, backend: torch, scenario: {offline: {samples: 8}}}",
    "empty exclude": "matrix: {task: toy, backend: torch, exclude: [{}]}",
    "batch of zero": "matrix: {task: toy, backend: torch, batch: 0}",
    "time without a unit": "matrix: {task: toy, backend: torch}\nmeasure: {idle: 5}",
    "unknown limit": "matrix: {task: toy, backend: torch}\nlimits: {latency_p95: 3 ms}",
    "energy": "matrix: {task: toy, backend: torch}\nmeasure: {energy: some}",
}


@pytest.fixture(scope="module")
def validator(vocabulary):
    schema = json_schema(vocabulary)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def plain(text):
    return YAML(typ="safe", pure=True).load(HEAD + text)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_takes_what_load_takes(validator, read, text):
    assert [each.message for each in validator.iter_errors(plain(text))] == []
    if "extends" not in text:
        assert read(HEAD + text, env={"T": "toy", "S": "0.5"}).cells()


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_marks_what_load_refuses(validator, read, text):
    from bench.errors import ConfigError

    assert not validator.is_valid(plain(text))
    with pytest.raises(ConfigError):
        read(HEAD + text)


def test_without_a_vocabulary_any_name_goes():
    schema = json_schema(None)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(plain("matrix: {task: x, backend: [y: {z: 1}], recipe: [none, a: {b: [1]}, [c, d]]}"))
    assert not validator.is_valid(plain("matrix: {task: x, backend: y, recipes: []}"))


def test_tells_editors_what_options_mean(validator):
    text = str(validator.schema)
    assert "fraction of weights taken out" in text
    assert "A toy." in text


def test_a_kind_with_nothing_installed_takes_variables_only():
    schema = json_schema(Vocabulary.of((Offer("task", "toy", "t:t"), Offer("backend", "torch", "b:b"))))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(plain("matrix: {task: toy, backend: torch, recipe: [none]}"))
    assert not validator.is_valid(plain("matrix: {task: toy, backend: torch, recipe: [prune]}"))


def test_a_default_and_a_nullable_choice_are_in_the_schema():
    option = Option("algo", "str", default=None, choices=("a", "b"), nullable=True)
    offers = (
        Offer("task", "t", "t:t"),
        Offer("backend", "b", "b:b"),
        Offer("compressor", "c", "c:c", options=(option,)),
    )
    validator = Draft202012Validator(json_schema(Vocabulary.of(offers)))
    for value, good in (("a", True), ("~", True), ("z", False), ("[a, ~]", True), ("[[a]]", False)):
        assert validator.is_valid(plain(f"matrix: {{task: t, backend: b, recipe: [c: {{algo: {value}}}]}}")) is good


def test_it_is_a_schema_with_nothing_installed_at_all():
    schema = json_schema(Vocabulary())
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid(plain("matrix: {task: toy, backend: torch}"))
