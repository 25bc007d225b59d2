"""Whatever a file holds, reading it ends in a Suite or a ConfigError, and in nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.suite import Suite, load
from bench.suite.extends import merge
from bench.suite.source import Source
from bench.suite.tree import parse

STEADY = settings(deadline=None, derandomize=True)

VALID = """\
bench: 1
name: whole
about: &about "Every ${THING:-part}"
matrix:
  task: [toy, minilm]
  backend: [torch, torch: {compile: [true, false]}]
  recipe:
    - none
    - prune: {sparsity: [0.5, 0.8], layers: [[a, b]]}
    - [distill: {student: half}, quantize: {mode: static}]
  device: [cpu, 'cuda:0?']
  exclude: [{task: minilm, recipe: {prune: {sparsity: 0.5}}}]
  include: [{task: toy, recipe: none, backend: onnxruntime}]
measure: {repeat: until ci < 2% or 25s, idle: 5s, timeout: 15min, memory: 8 GB, energy: any}
limits: {quality_drop: 1.0 pp, latency_p90: 30 ms, size: 20 MB}
"""
SNIPPETS = (
    "[", "]", "{", "}", ":", ": ", "- ", ",", "&a ", "*a", "*about", "!!x ", "<<: ", "? ", "|", ">", "'", '"', "#", "%",
    "---\n", "...\n", "\t", "\n", "  ", "~", "${", "${A}", "$${", "\\", "\0", "\ufeff", "\u2028", "\x85", ".inf",
    "1e999", "0x", "none", "[]", "{}", "-1", "9" * 30, "é", "\U0001f600", "recipe", "extends: smoke\n", "@", "`",
    "null: 1\n",
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), st.sampled_from(SNIPPETS) | st.text(max_size=6)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, vocabulary):
    path = tmp_path_factory.mktemp("fuzz") / "s.yaml"

    def outcome(data, env=None):
        path.write_bytes(data)
        results = []
        for known in (vocabulary, None):
            try:
                results.append(load(path, vocabulary=known, env=env or {}))
            except ConfigError as error:
                assert error.file
                assert str(error)
                results.append(error)
        return results

    return outcome


def test_the_valid_one_is_valid(outcome):
    assert all(isinstance(each, Suite) for each in outcome(VALID.encode()))


@STEADY
@given(st.binary(max_size=200))
def test_any_bytes(outcome, data):
    outcome(data)


@STEADY
@given(st.text(max_size=200) | st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join))
def test_any_text(outcome, text):
    outcome(text.encode("utf-8", "surrogatepass"))


@settings(STEADY, max_examples=300)
@given(EDITS)
def test_any_edit_of_a_valid_suite(outcome, edits):
    text = VALID
    for at, length, snippet in edits:
        text = text[:at] + snippet + text[at + length :]
    for each in outcome(text.encode("utf-8", "surrogatepass")):
        if isinstance(each, Suite):
            assert len({cell.id for cell in each.cells()}) == len(each.cells()) > 0
            assert all(cells[0].is_baseline for cells in each.comparisons().values())
        else:
            lines = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\x85") + 2
            assert each.line is None or 1 <= each.line <= lines + text.count("\u2029")


@STEADY
@given(st.text(max_size=40))
def test_any_value_of_a_variable(outcome, value):
    outcome(b"bench: 1\nname: s\nabout: ${A}\nmatrix: {task: '${A}', backend: torch, batch: '${A}'}\n", {"A": value})


KEYS = st.sampled_from(["a", "b", "c"])
PLAIN = st.recursive(
    st.integers(0, 9), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner), max_leaves=8
)


def laid_over(base, over):
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: laid_over(base[key], value) if key in base else value for key, value in over.items()}}


@STEADY
@given(st.dictionaries(KEYS, PLAIN, min_size=1), st.dictionaries(KEYS, PLAIN, min_size=1))
def test_merging_trees_merges_their_data(base, over):
    trees = [parse(Source(Path("x"), json.dumps(each))) for each in (base, over)]
    problems = []
    assert merge(*trees).data({}, problems) == laid_over(base, over)
    assert problems == []
