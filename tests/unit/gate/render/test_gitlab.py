"""GitLab's report: what did not pass, with a fingerprint that stays."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.render import code_quality
from bench.gate.verdicts import GateReport

from .conftest import hostile


def test_findings_stand_on_their_lines(mixed: GateReport) -> None:
    found = json.loads(code_quality(mixed))
    assert found[0]["location"] == {"path": "suites/mobile.yaml", "lines": {"begin": 31}}
    assert found[0]["severity"] == "major"
    assert {each["check_name"] for each in found} == {
        f"bench-{name}" for name in ("latency", "size", "energy", "quality", "flops", "cell")
    }
    assert not [each for each in found if "litert" in each["description"]]
    assert len({each["fingerprint"] for each in found}) == len(found)
    assert [each["fingerprint"] for each in json.loads(code_quality(mixed))] == [each["fingerprint"] for each in found]


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_any_name_is_data(name: str) -> None:
    text = code_quality(hostile(name))
    assert all("\n" not in each["description"] for each in json.loads(text))
    assert "##[" not in text
