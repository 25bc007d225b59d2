"""JUnit: what each outcome becomes, and the structure that the common schemas ask for."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.render import junit
from bench.gate.verdicts import GateReport, SelfTest

from .conftest import WORSE, cell, hostile

# The strictest of both schemas (windyroad's JUnit.xsd, Jenkins' junit-10.xsd): attributes, and children in their order.
ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {"id", "name", "package", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
    "system-err": set(),
}
CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "properties": r"(property )*",
    "testcase": r"((skipped|failure|error) )?",
}


def check(root: ET.Element) -> None:
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert re.fullmatch(CHILDREN.get(element.tag, ""), "".join(f"{each.tag} " for each in element))
        assert element.get("name") != ""
    for suite in root.iter("testsuite"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, "-1")) == len(list(suite.iter(tag)))
        times = [suite, *suite.iter("testcase")]
        assert all(re.fullmatch(r"\d+\.\d{3}", each.get("time", "")) for each in times)


def outcomes(report: GateReport) -> dict[tuple[str, str], str]:
    root = ET.fromstring(junit(report))
    check(root)
    cases = root.iter("testcase")
    return {(each.get("classname", ""), each.get("name", "")): each[0].tag if len(each) else "" for each in cases}


def test_every_outcome_has_its_element(mixed: GateReport) -> None:
    found = outcomes(mixed)
    toy = "toy · {} cpu single-stream"
    assert found[toy.format("prune(sparsity=0.5) · torch"), "latency"] == "failure"
    assert found[toy.format("prune(sparsity=0.5) · torch"), "size"] == ""
    assert found[toy.format("prune(sparsity=0.8) · torch"), "energy"] == "error"
    assert found[toy.format("none · torch"), "quality"] == "skipped"
    assert found[toy.format("distill(student=half) · torch"), "flops"] == ""
    assert found[toy.format("none · litert"), "cell"] == "skipped"
    assert found[toy.format("none · onnxruntime"), "cell"] == "error"
    assert found[toy.format("quantize(mode=static) · onnxruntime"), "cell"] == "error"
    assert found["gate", "self-test"] == ""


def test_undecided_fails_where_it_was_asked_to() -> None:
    report = GateReport("s", "main", (cell("a", WORSE),), inconclusive="fail")
    assert outcomes(report) == {("a", "quality"): "failure"}


def test_an_unfit_gate_is_an_error(mixed: GateReport) -> None:
    unfit = replace(mixed, self_test=SelfTest(False, reason="the plant was not seen"))
    assert outcomes(unfit)["gate", "self-test"] == "error"
    assert "the plant was not seen" in junit(unfit)


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_no_name_breaks_the_file(name: str) -> None:
    text = junit(hostile(name))
    check(ET.fromstring(text))
    assert "##[" not in text
