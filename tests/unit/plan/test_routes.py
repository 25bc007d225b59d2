"""Routes: the cheapest way through the formats, or the reason there is none and what would help."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.errors import BenchError, Unsupported
from bench.offer import Offer, Option
from bench.plan import Catalogue, Route, find_route
from bench.suite.cell import Cell, Step


def task(*formats: str) -> Offer:
    return Offer("task", "t", "m:t", produces=formats)


def backend(name: str, *formats: str) -> Offer:
    return Offer("backend", name, f"m:{name}", accepts=formats)


def step(
    name: str, accepts: str, produces: str = "", *, options: Sequence[str] = (), target: str = "", **more: Any
) -> Offer:
    known = tuple(Option(each, default=None) for each in options)
    return Offer("compressor", name, target or f"m:{name}_{accepts}", (accepts,), (produces or accepts,), known, **more)


def converter(accepts: str, produces: str, cost: float | None = None, **more: Any) -> Offer:
    facts = {} if cost is None else {"cost": cost}
    return Offer(
        "converter", f"{accepts}-to-{produces}", f"m:{accepts}_{produces}", (accepts,), (produces,), facts=facts, **more
    )


def route(offers: Sequence[Offer], *recipe: Step | str) -> Route:
    catalogue = Catalogue.from_offers(offers)
    steps = tuple(each if isinstance(each, Step) else Step(each) for each in recipe)
    (target,) = catalogue.of("backend")
    return find_route(catalogue.one("task", "t"), Cell("s", "t", steps, target.name), target, catalogue)


def test_nothing_to_do() -> None:
    found = route([task("onnx"), backend("ort", "onnx")])
    assert (found.start, found.operations, found.end) == ("onnx", (), "onnx")


def test_the_task_starts_in_the_format_that_is_cheapest() -> None:
    offers = [task("module", "onnx"), backend("ort", "onnx"), converter("module", "onnx")]
    assert str(route(offers)) == "onnx"
    assert str(route([*offers, step("q", "module")], "q")) == "module -> q -> module -> module-to-onnx -> onnx"


def test_a_chain_of_converters_is_taken_where_it_is_cheaper() -> None:
    offers = [
        task("a"),
        backend("b", "d"),
        converter("a", "d", 10.0),
        converter("a", "b", 3.0),
        converter("b", "c", 3.0),
        converter("c", "d", 3.0),
    ]
    assert [each.produces for each in route(offers).operations] == ["b", "c", "d"]
    dear = [each if each.name != "c-to-d" else converter("c", "d", 5.0) for each in offers]
    assert [each.produces for each in route(dear).operations] == ["d"]


def test_a_step_on_the_module_comes_before_one_on_the_file() -> None:
    offers = [
        task("module"),
        backend("ort", "onnx"),
        converter("module", "onnx"),
        step("q", "onnx"),
        step("q", "module"),
    ]
    assert str(route(offers, "q")) == "module -> q -> module -> module-to-onnx -> onnx"


def test_a_pipeline_crosses_formats_in_its_order() -> None:
    offers = [
        task("module"),
        backend("ort", "onnx"),
        converter("module", "onnx"),
        step("distill", "module"),
        step("quantize", "onnx"),
    ]
    found = route(offers, "distill", "quantize")
    assert [(each.kind, each.source, each.produces) for each in found.operations] == [
        ("compress", "module", "module"),
        ("convert", "module", "onnx"),
        ("compress", "onnx", "onnx"),
    ]
    with pytest.raises(Unsupported, match=r"'distill' works on none of the formats that task 't' reaches .onnx"):
        route(offers, "quantize", "distill")


def test_going_back_is_possible_where_a_converter_leads_back() -> None:
    offers = [
        task("module"),
        backend("ort", "onnx"),
        converter("module", "onnx"),
        converter("onnx", "module"),
        step("q", "onnx"),
        step("d", "module"),
    ]
    assert [each.offer.name for each in route(offers, "q", "d").operations] == [
        "module-to-onnx",
        "q",
        "onnx-to-module",
        "d",
        "module-to-onnx",
    ]


def test_a_step_that_changes_the_format() -> None:
    offers = [
        task("module"),
        backend("torch", "torch", "torch-quantized"),
        step("q", "module", "torch-quantized"),
        converter("module", "torch"),
    ]
    assert route(offers, "q").end == "torch-quantized"
    assert route(offers).end == "torch"


def test_options_decide_between_implementations() -> None:
    fast = step("q", "onnx", options=["mode"])
    rich = step("q", "module", options=["mode", "epochs"])
    offers = [task("module", "onnx"), backend("ort", "onnx"), converter("module", "onnx"), fast, rich]
    assert route(offers, Step("q", {"mode": "x"})).operations[0].offer == fast
    taken = route(offers, Step("q", {"epochs": 3}))
    assert taken.operations[0].offer == rich
    assert taken.operations[0].options == {"epochs": 3}
    with pytest.raises(Unsupported, match="works on none"):
        route(offers, Step("q", {"nothing": 1}))


def test_an_offer_for_some_values_leaves_the_others_to_the_next() -> None:
    own = replace(step("q", "onnx", "ir", facts={"cost": 1.0}), options=(Option("mode", choices=("static",)),))
    offers = [task("onnx"), backend("b", "onnx", "ir"), step("q", "onnx", options=["mode"]), own]
    assert str(route(offers, Step("q", {"mode": "static"}))) == "onnx -> q -> ir"
    assert str(route(offers, Step("q", {"mode": "dynamic"}))) == "onnx -> q -> onnx"
    assert str(route(offers, "q")) == "onnx -> q -> onnx", "its mode has no default, so it has to be given"


def test_one_step_twice() -> None:
    offers = [task("onnx"), backend("ort", "onnx"), step("p", "onnx", options=["x"])]
    found = route(offers, Step("p", {"x": 1}), Step("p", {"x": 2}))
    assert [each.options for each in found.operations] == [{"x": 1}, {"x": 2}]


def test_no_route_says_how_far_it_went() -> None:
    with pytest.raises(Unsupported, match=r"no route from onnx, torch to lite .it opens tflite or flat."):
        route([task("onnx", "torch"), backend("lite", "tflite", "flat")])


def test_a_converter_that_lacks_a_package_is_named_with_its_cure() -> None:
    lacking = converter("module", "onnx", needs=("no_such_package",), extra="onnxruntime")
    with pytest.raises(Unsupported) as caught:
        route([task("module"), backend("ort", "onnx"), lacking])
    assert "no route from module to ort" in caught.value.message
    assert "needs no_such_package, not installed here: pip install 'joulebench[onnxruntime]'" in caught.value.message


def test_a_detour_around_what_is_missing() -> None:
    lacking = converter("module", "onnx", 1.0, needs=("no_such_package",))
    found = route([task("module"), backend("ort", "onnx"), lacking, converter("module", "x"), converter("x", "onnx")])
    assert [each.produces for each in found.operations] == ["x", "onnx"]


def test_a_step_that_lacks_a_package_on_the_only_format_is_named() -> None:
    lacking = step("q", "onnx", needs=("no_such_package",), extra="torch")
    elsewhere = step("q", "keras")
    with pytest.raises(Unsupported, match=r"works on none.*no_such_package.*joulebench\[torch\]"):
        route([task("onnx"), backend("ort", "onnx"), lacking, elsewhere], "q")


def test_circles_end() -> None:
    offers = [task("a"), backend("x", "z"), converter("a", "b"), converter("b", "a"), step("p", "a"), step("p", "b")]
    with pytest.raises(Unsupported, match="no route from a, b to x"):
        route(offers, "p")


def test_two_that_offer_the_same_for_one_format_are_an_error_that_names_both() -> None:
    first, second = (step("q", "onnx", target=f"m:{name}", plugin=name) for name in ("ours", "theirs"))
    with pytest.raises(BenchError, match="two plugins offer the compressor 'q' for onnx: ours and theirs") as caught:
        Catalogue.from_offers([first, second])
    assert "rename" in str(caught.value)
    Catalogue.from_offers([first, first])
    Catalogue.from_offers([first, step("q", "module")])


def test_a_step_may_have_its_price_and_two_forms_for_one_format() -> None:
    plain = step("q", "onnx")
    at_once = step("q", "module", "onnx", options=["epochs"], target="m:at_once", facts={"cost": 17.0})
    ours = step("q", "module", "pt", options=["epochs"])
    offers = [task("module"), backend("ort", "onnx"), converter("module", "onnx", 15.0), plain, at_once, ours]
    assert str(route(offers, "q")) == "module -> module-to-onnx -> onnx -> q -> onnx"
    assert str(route(offers, Step("q", {"epochs": 1}))) == "module -> q -> onnx"


def test_backends_and_tasks_clash_whatever_their_formats() -> None:
    from dataclasses import replace

    with pytest.raises(BenchError, match="backend 'b'"):
        Catalogue.from_offers([backend("b", "x"), replace(backend("b", "y"), target="n:b")])
    with pytest.raises(BenchError, match="task 't'"):
        Catalogue.from_offers([task("x"), replace(task("y"), target="n:t")])


def test_an_unknown_name_brings_the_nearest() -> None:
    catalogue = Catalogue.from_offers([step("quantize", "onnx"), step("prune", "onnx")])
    with pytest.raises(BenchError, match=r"no compressor is called 'quantise'\. Did you mean 'quantize'\?"):
        catalogue.one("compressor", "quantise")
    with pytest.raises(BenchError, match=r"no task is called 'x'\.$"):
        catalogue.one("task", "x")


def test_needs_are_looked_for_without_importing() -> None:
    import sys

    catalogue = Catalogue()
    assert catalogue.missing(step("q", "onnx", needs=("json", "numpy"))) is None
    assert catalogue.missing(step("q", "onnx", needs=("no.such.thing", "turtledemo"))) is not None
    assert "turtledemo" not in sys.modules


def test_a_format_of_an_option_is_opened_with_that_option_only() -> None:
    offers = [task("a"), converter("a", "b"), replace(backend("x", "a", "b"), facts={"opens_with": {"fast": ["b"]}})]
    catalogue = Catalogue.from_offers(offers)
    ends = {}
    for name, options in (("plain", {}), ("off", {"fast": False}), ("on", {"fast": True})):
        cell = Cell("s", "t", (), "x", backend_options=options)
        ends[name] = find_route(offers[0], cell, offers[2], catalogue).end
    assert ends == {"plain": "a", "off": "a", "on": "b"}
    with pytest.raises(Unsupported, match=r"no route from a to x.*it opens b\)"):
        cell = Cell("s", "t", (), "x", backend_options={"fast": True})
        find_route(offers[0], cell, offers[2], Catalogue.from_offers([offers[0], offers[2]]))
