"""`${VAR}`: values only, from the mapping handed in, never read as YAML."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.suite import load
from bench.suite.scalars import interpolate, resolve

STEADY = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "env", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a${A}b${B}c", {"A": "1", "B": "2"}, "a1b2c"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "x"}, "x"),
        ("${A:-}", {}, ""),
        ("${A:-a b:-c}", {}, "a b:-c"),
        ("${A}", {"A": ""}, ""),
        ("$${A}", {}, "${A}"),
        ("$A costs $5", {}, "$A costs $5"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
    ],
)
def test_replaces(text, env, value):
    assert interpolate(text, env) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${A}", "'A' is not set"),
        ("${", "no variable"),
        ("${A", "no variable"),
        ("${}", "no variable"),
        ("${A-b}", "no variable"),
        ("${A:-" + "x" * 10_001 + "}", "longer than 10,000"),
    ],
)
def test_refuses(text, message):
    with pytest.raises(ValueError, match=message):
        interpolate(text, {})


@STEADY
@given(st.text(alphabet=st.characters(exclude_characters="$")), st.text(max_size=50))
def test_text_without_a_dollar_is_left_alone(text, value):
    assert interpolate(text, {"A": value}) == text
    assert interpolate("${A}", {"A": value}) == value


@pytest.mark.parametrize("quoted", ["${N}", "'${N}'", '"${N}"', "${M:-4}"])
def test_a_variable_may_be_a_number(read_matrix, quoted):
    suite = read_matrix(f"task: toy\nbackend: torch\nthreads: {quoted}", env={"N": "4"})
    assert [cell.threads for cell in suite.cells()] == [4]


def test_a_variable_is_never_read_as_yaml(read):
    hostile = "x, y]\nmatrix: !!python/name:os.system"
    text = "bench: 1\nname: s\nabout: ${A}\nmatrix: {task: toy, backend: torch}\n"
    suite = read(text, env={"A": hostile})
    assert suite.about == hostile


def test_only_the_mapping_is_looked_at(write, monkeypatch):
    monkeypatch.setenv("BENCH_TEST_VALUE", "from the process")
    path = write("bench: 1\nname: s\nabout: ${BENCH_TEST_VALUE:-none}\nmatrix: {task: toy, backend: torch}\n")
    assert load(path, vocabulary=None, env={}).about == "none"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("010", 10), ("1.5", 1.5), ("1.0", 1),
        ("1e3", 1000), (".5", 0.5), ("-0.0", 0), ("true", True), ("FALSE", False), ("~", None), ("null", None),
        ("", None), ("yes", "yes"), ("on", "on"), ("no", "no"), ("2026-01-01", "2026-01-01"), ("1_000", "1_000"),
        ("12:30", "12:30"), ("0b1", "0b1"), ("1e", "1e"), ("nan", "nan"), ("none", "none"), ("9" * 500, "9" * 500),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema(text, value):
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))
