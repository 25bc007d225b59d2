"""`--only`: key=value, words that all hold, commas for either, baselines always kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError, ConfigError
from bench.suite import Step, select
from bench.suite.cell import Cell

STEADY = settings(deadline=None, derandomize=True)

RECIPES = ((), (Step("prune", {"sparsity": 0.5}),), (Step("quantize"),), (Step("distill"), Step("quantize")))
CELLS = tuple(
    Cell("s", task, recipe, backend, device="cuda:0?" if backend == "torch" else "cpu", batch=batch)
    for task in ("toy", "minilm")
    for backend in ("torch", "onnxruntime")
    for batch in (1, 8)
    for recipe in RECIPES
)


def found(*expressions):
    return {(c.task, c.backend, c.batch, "+".join(s.name for s in c.recipe)) for c in select(CELLS, expressions)}


def test_nothing_chooses_everything():
    assert select(CELLS, []) == select(CELLS, [""]) == CELLS


def test_words_and_expressions_must_all_hold():
    expected = {("toy", "torch", 8, "prune"), ("toy", "torch", 8, "")}
    assert found("task=toy recipe=prune backend=torch batch=8") == expected
    assert found("task=toy recipe=prune", "backend=torch", "batch=8") == expected


def test_commas_hold_for_either():
    assert {each[3] for each in found("recipe=prune,distill")} == {"", "prune", "distill+quantize"}


def test_a_recipe_matches_by_any_step_and_repeated_keys_all_hold():
    assert {each[3] for each in found("recipe=quantize")} == {"", "quantize", "distill+quantize"}
    assert {each[3] for each in found("recipe=quantize recipe=distill")} == {"", "distill+quantize"}
    assert {each[3] for each in found("recipe=none")} == {""}


def test_a_device_matches_with_and_without_its_question_mark():
    assert {each[1] for each in found("device=cuda:0")} == {each[1] for each in found("device=cuda:0?")} == {"torch"}


def test_an_id_matches_by_its_beginning():
    wanted = CELLS[5]
    assert select(CELLS, [f"id={wanted.id[:8]}"]) == (wanted.baseline(), wanted)


@STEADY
@given(st.lists(st.sampled_from(["task=toy", "backend=torch,onnxruntime", "recipe=prune,quantize", "batch=8"])))
def test_the_baseline_of_every_chosen_cell_is_kept_in_order(expressions):
    chosen = select(CELLS, expressions)
    ids = [cell.id for cell in chosen]
    assert ids == [cell.id for cell in CELLS if cell.id in ids]
    assert all(cell.comparison in ids for cell in chosen)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tsak=toy", "unknown key 'tsak' in --only. Did you mean 'task'?"),
        ("task=tyo", "no cell has task=tyo. Did you mean 'toy'?"),
        ("recipe=prunning", "no cell has recipe=prunning. Did you mean 'prune'?"),
        ("toy", "'toy' is not key=value"),
        ("task=", "'task=' is not key=value"),
        ("task=,", "is not key=value"),
        ("id=zzz", "no cell matches 'id=zzz'"),
        ("recipe=none recipe=prune", "no cell matches 'recipe=none recipe=prune'"),
    ],
)
def test_says_what_is_wrong(expression, message):
    with pytest.raises(BenchError) as caught:
        select(CELLS, [expression])
    assert message in caught.value.message
    assert not isinstance(caught.value, ConfigError)


@STEADY
@given(st.text(max_size=60))
def test_any_text_chooses_or_is_explained(text):
    try:
        assert select(CELLS, [text])
    except BenchError as error:
        assert error.message
