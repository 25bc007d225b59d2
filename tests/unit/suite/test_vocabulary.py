"""Names and options, checked against what is offered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.offer import Bounds, Offer, Option
from bench.suite import Vocabulary, check_options
from bench.suite.vocabulary import check_value

STEADY = settings(deadline=None, derandomize=True)


def messages(offers, options, **more):
    return [each.message for each in check_options(offers, options, **more)]


def test_sorts_offers_by_kind_and_name(vocabulary):
    assert sorted(vocabulary.tasks) == ["minilm", "toy"]
    assert sorted(vocabulary.backends) == ["onnxruntime", "torch"]
    assert sorted(vocabulary.compressors) == ["distill", "prune", "quantize"]
    assert len(vocabulary.offers("compressor", "prune")) == 2
    assert vocabulary.offers("compressor", "nothing") == ()


def test_names_are_told_apart_by_kind(vocabulary):
    assert vocabulary.unknown("task", "toy") is None
    assert vocabulary.unknown("backend", "toy") == "unknown backend 'toy'. Known: onnxruntime, torch."
    assert "No task is installed" in Vocabulary.of(()).unknown("task", "toy")


def test_an_option_is_accepted_when_one_offer_accepts_it(vocabulary):
    offers = vocabulary.offers("compressor", "prune")
    assert not check_options(offers, {"sparsity": 0.5, "finetune": 1})
    assert not check_options(offers, {"sparsity": 0.5, "block": 4})
    assert messages(offers[:1], {"block": 4}) == [
        "unknown option 'block' of 'prune'. Known: finetune, layers, sparsity, structured."
    ]


def test_the_message_is_that_of_the_nearest_offer():
    wide = Offer(
        "compressor", "q", "q:a", options=(Option("bits", "int", 8, choices=(2, 4, 8)), Option("mode", "str", "x"))
    )
    narrow = Offer("compressor", "q", "q:b", options=(Option("bits", "int", 8, choices=(8,)),))
    assert not check_options((narrow, wide), {"bits": 4})
    assert messages((narrow, wide), {"bits": 3, "mode": "y"}) == ["'bits' cannot be 3. Known: 2, 4, 8."]


def test_required_options_are_missed_only_when_every_offer_misses_them(vocabulary):
    needs = Offer("compressor", "d", "d:a", options=(Option("student", "str"),))
    free = Offer("compressor", "d", "d:b")
    assert messages((needs,), {}) == ["'d' needs the option 'student'"]
    assert [each.option for each in check_options((needs,), {})] == [None]
    assert not check_options((needs, free), {})
    assert not check_options((needs,), {}, partial=True)


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (Option("x", "int"), [1, -3, 2.0], [1.5, "1", True, None, [1], {}]),
        (Option("x", "float"), [1, 0.5], ["0.5", False, None, [0.5]]),
        (Option("x", "str"), ["a", ""], [1, True, None, ["a"]]),
        (Option("x", "bool"), [True, False], [0, 1, "true", None]),
        (Option("x", "any"), [1, "a", None, [1], {"a": 1}], []),
        (Option("x", "str", nullable=True), ["a", None], [1]),
        (Option("x", "int", many=True), [[1, 2], []], [1, ["a"], [1, None], {"a": 1}]),
        (Option("x", "int", choices=(4, 8)), [4, 8.0], [5, True, "4"]),
        (Option("x", "float", bounds=Bounds(gt=0, le=1)), [1, 0.1], [0, -1, 1.1]),
        (Option("x", "float", bounds=Bounds(ge=0), many=True), [[0, 1]], [[0, -1]]),
    ],
)
def test_values(option, good, bad):
    assert [value for value in good if check_value(option, value)] == []
    assert [value for value in bad if not check_value(option, value)] == []


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@STEADY
@given(VALUES, st.sampled_from(["int", "float", "str", "bool", "any"]), st.booleans(), st.booleans())
def test_any_value_is_accepted_or_explained(value, kind, many, nullable):
    option = Option("x", kind, many=many, nullable=nullable, bounds=Bounds(ge=0))
    problem = check_value(option, value)
    assert problem is None or problem.startswith("'x' ")
