"""The semantics of a matrix: the product, less what is excluded, plus what is included, each with its baseline."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.suite import load
from bench.suite.cell import Cell, recipe_name

STEADY = settings(deadline=None, derandomize=True)


def names(suite):
    return [f"{cell.task} {recipe_name(cell.recipe)} {cell.backend_name}" for cell in suite.cells()]


def recipes(suite):
    return [recipe_name(cell.recipe) for cell in suite.cells()]


def test_defaults(read_matrix):
    [cell] = read_matrix("task: toy\nbackend: torch").cells()
    assert (cell.device, cell.scenario, cell.batch, cell.threads, cell.seed) == ("cpu", "single-stream", 1, 1, 0)
    assert cell.is_baseline
    assert cell.suite == "s"


def test_every_combination_with_recipes_fastest(read_matrix):
    suite = read_matrix("task: [toy, minilm]\nbackend: [torch, onnxruntime]\nrecipe: [none, prune]\nbatch: [1, 8]")
    cells = suite.cells()
    assert len(cells) == 16
    assert [(c.task, c.backend, c.batch, recipe_name(c.recipe)) for c in cells] == list(
        product(["toy", "minilm"], ["torch", "onnxruntime"], [1, 8], ["none", "prune"])
    )


def test_baseline_is_added_first_when_left_out(read_matrix):
    assert recipes(read_matrix("task: toy\nbackend: torch\nrecipe: [prune, quantize]")) == ["none", "prune", "quantize"]
    assert recipes(read_matrix("task: toy\nbackend: torch\nrecipe: [prune, none]")) == ["none", "prune"]


def test_listed_options_fan_out_in_order(read_matrix):
    suite = read_matrix("task: toy\nbackend: torch\nrecipe:\n  - prune: {sparsity: [0.5, 0.8], finetune: [0, 1]}")
    assert recipes(suite)[1:] == [f"prune(sparsity={s}, finetune={f})" for s in (0.5, 0.8) for f in (0, 1)]


def test_list_valued_option_takes_a_nested_list(read_matrix):
    suite = read_matrix("task: toy\nbackend: torch\nrecipe:\n  - prune: {layers: [[a, b], [c]]}")
    assert [cell.recipe[0].options["layers"] for cell in suite.cells()[1:]] == [["a", "b"], ["c"]]


def test_a_list_of_steps_is_a_pipeline_that_fans_out(read_matrix):
    suite = read_matrix(
        "task: toy\nbackend: torch\nrecipe:\n  - [distill: {student: half}, prune: {sparsity: [0.5, 0.8]}, quantize]"
    )
    assert recipes(suite)[1:] == [f"distill(student=half) + prune(sparsity={s}) + quantize" for s in (0.5, 0.8)]


def test_a_backend_has_options_that_fan_out(read_matrix):
    suite = read_matrix("task: toy\nbackend: [torch, torch: {compile: [true, false]}]")
    assert [dict(cell.backend_options) for cell in suite.cells()] == [{}, {"compile": True}, {"compile": False}]
    assert len({cell.comparison for cell in suite.cells()}) == 3


def test_one_value_counts_as_a_list_of_one(read_matrix):
    suite = read_matrix("task: toy\nbackend: {torch: {compile: true}}\nrecipe: prune\ndevice: cuda:0?")
    assert [(cell.backend_name, cell.device) for cell in suite.cells()] == [("torch(compile=True)", "cuda:0?")] * 2


def test_duplicates_collapse_and_whole_floats_are_ints(read_matrix):
    suite = read_matrix("task: [toy, toy]\nbackend: torch\nrecipe: [prune: {finetune: [1, 1.0]}, none]")
    assert recipes(suite) == ["none", "prune(finetune=1)"]


EXCLUDES = [
    ("recipe: prune", ["none", "quantize"]),
    ("recipe: none", ["none", "prune(sparsity=0.5)", "prune(sparsity=0.8)", "quantize", "quantize + prune"]),
    ("recipe: {prune: {sparsity: 0.5}}", ["none", "prune(sparsity=0.8)", "quantize", "quantize + prune"]),
    ("recipe: {prune: {sparsity: [0.5, 0.8]}}", ["none", "quantize", "quantize + prune"]),
    ("recipe: [quantize, prune]", ["none", "prune(sparsity=0.5)", "prune(sparsity=0.8)", "quantize"]),
    (
        "recipe: [prune, quantize]",
        ["none", "prune(sparsity=0.5)", "prune(sparsity=0.8)", "quantize", "quantize + prune"],
    ),
]


@pytest.mark.parametrize(("pattern", "left"), EXCLUDES)
def test_exclude_by_recipe(read_matrix, pattern, left):
    suite = read_matrix(
        "task: toy\nbackend: torch\nrecipe: [prune: {sparsity: [0.5, 0.8]}, quantize, [quantize, prune]]\n"
        f"exclude: [{{{pattern}}}]"
    )
    assert recipes(suite) == left


def test_exclude_holds_only_where_every_key_matches(read_matrix):
    suite = read_matrix(
        "task: [toy, minilm]\nbackend: [torch, onnxruntime]\nrecipe: [none, prune]\n"
        "exclude: [{task: minilm, backend: torch, recipe: prune}, {task: [toy], backend: [onnxruntime]}]"
    )
    assert names(suite) == [
        "toy none torch",
        "toy prune torch",
        "minilm none torch",
        "minilm none onnxruntime",
        "minilm prune onnxruntime",
    ]


def test_exclude_by_backend_option(read_matrix):
    axes = "task: toy\nbackend: [torch: {compile: [true, false]}, onnxruntime]\n"
    left = [cell.backend_name for cell in read_matrix(axes + "exclude: [{backend: {torch: {compile: true}}}]").cells()]
    assert left == ["torch(compile=False)", "onnxruntime"]
    assert [cell.backend for cell in read_matrix(axes + "exclude: [{backend: torch}]").cells()] == ["onnxruntime"]


def test_a_pattern_tells_true_from_one(read_matrix):
    suite = read_matrix(
        "task: toy\nbackend: torch\nrecipe: [a: {x: 1}, a: {x: true}]\nexclude: [{recipe: {a: {x: true}}}]", known=False
    )
    assert recipes(suite) == ["none", "a(x=1)"]


def test_include_fans_out_over_what_it_leaves_out(read_matrix):
    suite = read_matrix(
        "task: [toy]\nbackend: [torch]\nbatch: [1, 8]\nrecipe: [none]\n"
        "include: [{recipe: prune, backend: onnxruntime}, {recipe: {quantize: {bits: [4, 8]}}, batch: 1}]"
    )
    assert [(c.backend, c.batch, recipe_name(c.recipe)) for c in suite.cells()] == [
        ("torch", 1, "none"),
        ("torch", 1, "quantize(bits=4)"),
        ("torch", 1, "quantize(bits=8)"),
        ("torch", 8, "none"),
        ("onnxruntime", 1, "none"),
        ("onnxruntime", 1, "prune"),
        ("onnxruntime", 8, "none"),
        ("onnxruntime", 8, "prune"),
    ]


def test_include_comes_after_exclude(read_matrix):
    suite = read_matrix(
        "task: [toy, minilm]\nbackend: torch\nrecipe: [none, prune]\nexclude: [{recipe: prune}, {task: minilm}]\n"
        "include: [{task: minilm, recipe: prune}]"
    )
    assert names(suite) == ["toy none torch", "minilm none torch", "minilm prune torch"]


def test_comparisons_hold_their_baseline_first(read_matrix):
    suite = read_matrix("task: [toy, minilm]\nbackend: [torch, onnxruntime]\nrecipe: [prune, none]\nthreads: [1, 2]")
    comparisons = suite.comparisons()
    assert len(comparisons) == 8
    for key, cells in comparisons.items():
        assert cells[0].is_baseline
        assert {cell.comparison for cell in cells} == {key}
    assert sum(comparisons.values(), ()) == suite.cells()


def test_too_many_cells_are_refused_before_they_are_made(read_matrix):
    values = ", ".join(f"0.{n:04}" for n in range(500))
    batches = ", ".join(map(str, range(1, 4003)))
    with pytest.raises(ConfigError, match="makes 2,001,000 cells; the most is 50,000") as caught:
        read_matrix(f"task: toy\nbackend: torch\nbatch: [{batches}]\nrecipe: [prune: {{sparsity: [{values}]}}]")
    assert caught.value.line == 3


@STEADY
@given(st.permutations(["task: [toy, minilm]", "backend: torch", "recipe: [none, prune, quantize]", "batch: [2, 1]"]))
def test_the_order_of_keys_does_not_matter(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("order") / "s.yaml"
    path.write_text("bench: 1\nname: s\nmatrix:\n" + "".join(f"  {line}\n" for line in lines))
    cells = load(path, vocabulary=None, env={}).cells()
    assert len(cells) == 12
    assert [cell.batch for cell in cells] == [2, 2, 2, 1, 1, 1] * 2


def test_ten_thousand_cells(tmp_path, vocabulary, benchmark):
    path: Path = tmp_path / "big.yaml"
    values = ", ".join(str(n / 1000) for n in range(1, 625))
    path.write_text(
        "bench: 1\nname: big\nmatrix:\n  task: [toy, minilm]\n  backend: [torch, onnxruntime]\n  batch: [1, 2, 4, 8]\n"
        f"  recipe: [none, prune: {{sparsity: [{values}]}}]\n"
    )
    suite = benchmark(load, path, vocabulary=vocabulary, env={})
    cells = suite.cells()
    assert len(cells) == len({cell.id for cell in cells}) == 10_000
    assert len(suite.comparisons()) == 16


def test_scenarios_carry_their_options_in_si(read_matrix):
    suite = read_matrix(
        "task: toy\nbackend: torch\n"
        "scenario: [single-stream, multi-stream, {server: {p99: 50 ms, rate: 200/s}}, offline]"
    )
    single, multi, server, offline = suite.cells()
    assert (multi.scenario, multi.scenario_options, multi.query_samples) == ("multi-stream", {"samples": 8}, 8)
    assert (server.scenario, server.scenario_options) == ("server", {"p99": 0.05, "rate": 200.0})
    assert (offline.scenario_options, offline.query_samples) == ({}, 1)
    assert str(server) == "toy · none · torch cpu server(p99=50 ms, rate=200)"
    assert "scenario_options" not in single.to_json()  # ids of what was measured before scenarios had options
    assert Cell.from_json(server.to_json()) == server
    assert len({cell.id for cell in suite.cells()}) == 4


def test_a_scenario_is_excluded_by_name_and_by_option(read_matrix):
    head = "task: toy\nbackend: torch\nscenario: [{server: {rate: 1}}, {server: {rate: 2}}, offline]\nexclude: "
    assert [c.scenario for c in read_matrix(head + "[{scenario: server}]").cells()] == ["offline"]
    left = read_matrix(head + "[{scenario: {server: {rate: 2}}}]").cells()
    assert [c.scenario_options for c in left] == [{"rate": 1.0}, {}]
