"""Offers: a signature is a schema, and nothing is lost on the way through JSON."""

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench
from bench.offer import REQUIRED, Bounds, Offer, Option, options_of

NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.lists(st.text(max_size=6), max_size=3).map(tuple)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
OPTIONS = st.builds(
    Option,
    name=st.text(max_size=8),
    type=st.sampled_from(["int", "float", "str", "bool", "any"]),
    default=st.just(REQUIRED) | SCALAR | st.lists(SCALAR, max_size=2),
    choices=st.lists(SCALAR, max_size=3).map(tuple),
    bounds=st.builds(Bounds, NUMBER, NUMBER, NUMBER, NUMBER),
    many=st.booleans(),
    nullable=st.booleans(),
    help=st.text(max_size=9),
)
OFFERS = st.builds(
    Offer,
    kind=st.sampled_from(["task", "compressor", "converter", "backend", "meter", "counter"]),
    name=st.text(max_size=8),
    target=st.text(max_size=8),
    accepts=NAMES,
    produces=NAMES,
    options=st.lists(OPTIONS, max_size=3).map(tuple),
    needs=NAMES,
    extra=st.none() | st.text(max_size=4),
    environment=NAMES,
    facts=st.dictionaries(st.text(max_size=4), SCALAR | st.lists(SCALAR, max_size=2), max_size=3),
)


@given(OFFERS)
def test_round_trip(offer: Offer) -> None:
    assert Offer.from_json(json.loads(json.dumps(offer.to_json()))) == offer


def options(function: Any, skip: int = 0) -> dict[str, Option]:
    return {each.name: each for each in options_of(function, skip)}


def test_a_signature_is_a_schema() -> None:
    def step(
        model: Any,
        ctx: Any,
        required: int,
        amount: Annotated[float, Bounds(ge=0, lt=1), "How much."] = 0.5,
        mode: Literal["static", "dynamic"] = "static",
        layers: list[str] | None = None,
        maybe: int | None = None,
        flags: tuple[bool, ...] = (True, False),
        level: Literal[1, 2] = 1,
        untyped=3,
        anything=None,
        *,
        only: str = "x",
    ) -> None: ...

    found = options(step, 2)
    assert list(found) == [
        "required",
        "amount",
        "mode",
        "layers",
        "maybe",
        "flags",
        "level",
        "untyped",
        "anything",
        "only",
    ]
    assert (found["required"].required, found["required"].type) == (True, "int")
    assert found["amount"] == Option("amount", "float", 0.5, bounds=Bounds(ge=0, lt=1), help="How much.")
    assert (found["mode"].type, found["mode"].choices) == ("str", ("static", "dynamic"))
    assert (found["layers"].many, found["layers"].nullable, found["layers"].type) == (True, True, "str")
    assert (found["maybe"].nullable, found["maybe"].type, found["maybe"].default) == (True, "int", None)
    assert (found["flags"].many, found["flags"].default) == (True, [True, False])
    assert (found["level"].type, found["level"].choices) == ("int", (1, 2))
    assert (found["untyped"].type, found["anything"].type) == ("int", "any")


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[float, Bounds(ge=0), "Help."] | None,
        Annotated[float | None, Bounds(ge=0), "Help."],
        Annotated[list[float] | None, Bounds(ge=0), "Help."],
        list[Annotated[float, Bounds(ge=0), "Help."]] | None,
    ],
)
def test_bounds_and_help_are_found_wherever_they_stand(hint: Any) -> None:
    def step(x=None) -> None: ...

    step.__annotations__ = {"x": hint}
    (found,) = options(step).values()
    assert (found.type, found.nullable, found.bounds, found.help) == ("float", True, Bounds(ge=0), "Help.")


def bad_args(*layers: str) -> None: ...
def bad_kwargs(**more: int) -> None: ...
def bad_type(x: dict[str, int]) -> None: ...
def bad_union(x: int | str) -> None: ...
def bad_list(x: list) -> None: ...  # type: ignore[type-arg]


@pytest.mark.parametrize("function", [bad_args, bad_kwargs, bad_type, bad_union, bad_list])
def test_what_cannot_be_described_is_refused_by_name(function: Any) -> None:
    with pytest.raises(TypeError, match=r"option '(layers|more|x)'"):
        options_of(function, 0)


@pytest.mark.parametrize(
    ("bounds", "value", "breach"),
    [
        (Bounds(ge=0), -0.1, "at least 0"),
        (Bounds(ge=0), 0, None),
        (Bounds(gt=0), 0, "greater than 0"),
        (Bounds(le=1), 1, None),
        (Bounds(le=1), 1.5, "at most 1"),
        (Bounds(lt=1), 1, "less than 1"),
        (Bounds(lt=1), float("inf"), "less than 1"),
        (Bounds(), float("nan"), "a number"),
        (Bounds(), 1e300, None),
    ],
)
def test_bounds(bounds: Bounds, value: float, breach: str | None) -> None:
    assert bounds.breach(value) == breach


def test_decorators_keep_the_object_and_its_offers() -> None:
    @bench.compressor("one", accepts=["onnx", "torch"], produces="onnx", needs=["numpy"], extra="torch", facts={"a": 1})
    @bench.compressor("two")
    def step(model: Any, ctx: Any, amount: float = 0.5) -> Any:
        """First line.

        Second.
        """
        return model

    assert step(3, None) == 3
    two, one = bench.offers_of({"step": step})
    assert (one.name, one.accepts, one.produces, one.needs, one.extra) == (
        "one",
        ("onnx", "torch"),
        ("onnx",),
        ("numpy",),
        "torch",
    )
    assert (two.accepts, two.produces) == (("module",), ("module",))
    assert one.summary == "First line."
    assert one.option("amount") == Option("amount", "float", 0.5)
    assert one.option("nothing") is None


def test_classes_are_offers_too() -> None:
    @bench.backend("b", accepts="onnx")
    class Runtime:
        """Run."""

        def __init__(self, level: int = 1) -> None: ...

    @bench.task("t", produces=("module", "onnx"))
    class Task: ...

    backend, task = bench.offers_of({"a": Runtime, "b": Task, "c": 3, "d": None})
    assert [each.name for each in backend.options] == ["level"]
    assert (task.options, task.produces, task.summary) == ((), ("module", "onnx"), "")
    assert bench.offers_of({"a": Runtime, "b": Task}, "task") == [task]


def test_the_door_is_lazy_and_complete() -> None:
    assert all(getattr(bench, name) is not None for name in bench.__all__)
    assert set(bench.__all__) <= set(dir(bench))
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        bench.quantise  # noqa: B018 - the access is the test
