"""The shipped JSON Schema is what first-party offers make of it, and every shipped suite keeps it."""

import json

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bench.shelf import shelf
from bench.suite import json_schema

SUITES = sorted(shelf("suites").glob("*.yaml"))
SCHEMA = shelf("suites") / "suite.schema.json"


def test_the_shipped_schema_is_up_to_date(vocabulary):
    made = json.loads(json.dumps(json_schema(vocabulary)))
    assert json.loads(SCHEMA.read_text()) == made, "write it anew: bench schema suite > suites/suite.schema.json"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_shipped_suites_keep_the_schema(path, vocabulary):
    validator = Draft202012Validator(json_schema(vocabulary))
    data = YAML(typ="safe", pure=True).load(path.read_text())
    assert [each.message for each in validator.iter_errors(data)] == []


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_first_line_leads_editors_to_the_schema(path):
    assert path.read_text().splitlines()[0] == f"# yaml-language-server: $schema={SCHEMA.name}"


@pytest.mark.parametrize(
    ("old", "new"),
    [("name:", "nmae:"), ("mode: dynamic", "mode: dynamite"), ("torch, onnx", "torhc, onnx"), ("bench: 1", "bench: 2")],
)
def test_the_schema_marks_a_slip_in_a_shipped_suite(vocabulary, old, new):
    text = (shelf("suites") / "mobile.yaml").read_text()
    assert old in text
    data = YAML(typ="safe", pure=True).load(text.replace(old, new, 1))
    assert not Draft202012Validator(json_schema(vocabulary)).is_valid(data)
