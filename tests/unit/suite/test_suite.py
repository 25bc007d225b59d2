"""A suite as a whole: what is read from each block, and where things stand."""

import dataclasses
import json
import subprocess
import sys

import pytest

from bench.suite import Limits, load, parse_limits
from bench.suite.measure import Measure, parse_repeat

TEXT = """\
bench: 1
name: whole
about: Everything at once.
matrix:
  task: [toy]
  backend: [torch]
  recipe:
    - none
    - &q quantize: {mode: static}
    - [prune: {sparsity: [0.5, 0.8]}, *q]
measure:
  repeat: until ci < 1.5% or 1min
  min_launches: 7
  rounds: 4
  idle: 500ms
  timeout: 1 h
  memory: 8 GB
  energy: measured
limits: {quality_drop: 1.0 pp, latency_p99: 30 ms, energy: 25 mJ, size: 20 MiB, parameters: 3.5 M, flops: 2 GFLOP}
"""


def test_everything_is_in_si(read):
    suite = read(TEXT)
    assert suite.measure == Measure(
        ci_width=0.015, budget_s=60.0, min_launches=7, rounds=4, idle_s=0.5, timeout_s=3600.0,
        memory_bytes=8_000_000_000, energy="measured",
    )  # fmt: skip
    assert dict(suite.limits) == {
        "quality_drop": 0.01, "latency_p99": 0.03, "energy": 0.025, "size": 20 * 2**20, "parameters": 3.5e6,
        "flops": 2e9,
    }  # fmt: skip
    assert suite.limits.latency_p99 == 0.03
    assert suite.limits.memory is None


def test_defaults(read):
    suite = read("bench: 1\nname: s\nmatrix: {task: toy, backend: torch}\n")
    assert suite.measure == Measure()
    assert dict(suite.limits) == {}
    assert suite.about == ""


def test_it_is_frozen(read):
    suite = read(TEXT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        suite.name = "other"
    with pytest.raises(TypeError):
        suite.matrix["task"] = []


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ((), (1, 1)),
        (("name",), (2, 1)),
        (("matrix", "recipe", 0), (8, 7)),
        (("matrix", "recipe", 2, 0, "prune", "sparsity", 1), (10, 32)),
        (("limits", "size"), (19, 67)),
        (("measure", "idle"), (15, 3)),
        (("limits", "memory"), (19, 1)),
        (("nothing", "at", "all"), (1, 1)),
        (("matrix", "task", 99), (5, 9)),
    ],
)
def test_where(read, keys, place):
    suite = read(TEXT)
    file, line, column = suite.where(*keys)
    assert (file, line, column) == (str(suite.source), *place)


def test_every_cell_leads_to_its_recipe(read):
    suite = read(TEXT)
    assert [suite.where_recipe(cell)[1] for cell in suite.cells()] == [8, 9, 10, 10]


def test_to_json_is_json(read):
    data = json.loads(json.dumps(read(TEXT).to_json()))
    assert data["schema"] == "bench.suite/1"
    assert data["limits"]["energy"] == 0.025
    assert data["matrix"]["recipe"][0] == "none"


def test_json_is_yaml(write):
    text = json.dumps({"bench": 1, "name": "s", "matrix": {"task": ["toy"], "backend": ["torch"], "batch": [1, 2]}})
    assert len(load(write(text), vocabulary=None, env={}).cells()) == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_marks(write, vocabulary, ending):
    path = write(b"\xef\xbb\xbf" + TEXT.replace("\n", ending).encode())
    suite = load(path, vocabulary=vocabulary, env={})
    assert suite.where("limits", "size")[1:] == (19, 67)


@pytest.mark.parametrize(
    ("text", "value"),
    [("until ci < 2% or 25s", (0.02, 25.0)), ("until ci<2%  or  1 min", (0.02, 60.0)), (" 10s ", (None, 10.0))],
)
def test_repeat(text, value):
    assert parse_repeat(text) == value


def test_limits_from_one_line():
    limits = parse_limits("latency_p90: 30 ms, size: 2 MB, quality_drop: 0.5")
    assert limits == Limits(latency_p90=0.03, size=2e6, quality_drop=0.5)
    assert len(limits) == 3
    assert "memory" not in limits
    with pytest.raises(ValueError, match=r"unknown limit 'sise'\. Did you mean 'size'"):
        parse_limits("sise: 2 MB")
    with pytest.raises(ValueError, match="expected limits like"):
        parse_limits("2 MB")


def test_cells_cost_neither_yaml_nor_pydantic():
    code = (
        "import sys, bench.suite.cell as c; c.Cell; print([m for m in ('ruamel.yaml', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_names_of_the_room_are_attribute_errors():
    import bench.suite

    assert set(bench.suite.__all__) == {name for name in bench.suite.__all__ if getattr(bench.suite, name)}
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        bench.suite.lod  # noqa: B018 - the access is what is tested
