"""Joules are put together only where that means something, and a mixed sum is as good as its worst part."""

from dataclasses import replace
from typing import Any

import pytest

from bench.reading import ENERGY_PROVENANCE, Reading, add, alike, lacking


def joules(value: float, class_: str = "measured", domains: tuple[str, ...] = ("package",), **facts: Any) -> Reading:
    known = {
        "kind": "counter",
        "meter_version": "1",
        "domains": list(domains),
        "by_domain": {each: value / len(domains) for each in domains},
        "period_s": 0.001,
        "window_s": 2.0,
        "n_windows": 3,
        "n_invalid": 1,
        "share": 0.9,
        "steal": 0.0,
        "uncertainty": {"total_j": 0.1, "edges_j": 0.1},
    }
    more = {"coefficients": {"factor": 2.3}} if class_ == "estimated" else {}
    return Reading("J", class_, value, value - 0.1, value + 0.2, 3, "powercap", facts={**known, **more, **facts})  # type: ignore[arg-type]


def test_a_sum_of_one_kind() -> None:
    found = add([joules(1.0), joules(2.0, share=0.5, period_s=0.1)])
    assert (found.value, found.class_, found.meter, found.n) == (3.0, "measured", "powercap", 6)
    assert (found.low, found.high) == pytest.approx((2.8, 3.4))
    assert found.facts["by_domain"] == {"package": 3.0}
    assert found.facts["uncertainty"] == {"total_j": 0.2, "edges_j": 0.2}
    assert [found.facts[name] for name in ("window_s", "n_windows", "n_invalid")] == [4.0, 6, 2]
    assert (found.facts["share"], found.facts["period_s"], found.facts["domains"]) == (0.5, 0.1, ["package"])
    assert lacking(found) == []


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (joules(2.0, "derived"), "classes.*derived and measured"),
        (joules(2.0, "estimated"), "classes"),
        (joules(2.0, domains=("package", "dram")), "domains"),
        (joules(2.0, kind="power"), "kinds"),
        (Reading("s", "measured", 2.0), "units"),
    ],
)
def test_what_does_not_belong_together_is_refused(other: Reading, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        add([joules(1.0), other])
    with pytest.raises(ValueError, match=says):
        alike([joules(1.0), other])


def test_seconds_and_joules_are_never_added() -> None:
    with pytest.raises(ValueError, match="units"):
        add([joules(1.0), Reading("s", "measured", 2.0)], mixed=True)


@pytest.mark.parametrize(
    ("classes", "worst"),
    [
        (("measured", "derived"), "derived"),
        (("measured", "estimated"), "estimated"),
        (("estimated", "derived"), "estimated"),
    ],
)
def test_a_mixed_sum_takes_the_worst_class(classes: tuple[str, str], worst: str) -> None:
    found = add([joules(1.0, classes[0]), joules(2.0, classes[1], ("gpu:0",), kind="power")], mixed=True)
    assert (found.class_, found.value) == (worst, 3.0)
    assert found.facts["domains"] == ["package", "gpu:0"]
    assert found.facts["kind"] == "counter + power"
    assert found.facts["by_domain"] == {"package": 1.0, "gpu:0": 2.0}


def test_a_missing_part_makes_the_sum_missing() -> None:
    for mixed in (False, True):
        found = add([joules(1.0), Reading.missing("J", "the counter was reset")], mixed=mixed)
        assert (found.class_, found.value) == ("unavailable", None)
        assert "the counter was reset" in found.reason


def test_what_one_part_does_not_say_the_sum_does_not_either() -> None:
    silent = joules(1.0)
    facts = {name: value for name, value in silent.facts.items() if name != "share"}
    other = Reading("J", "measured", 1.0, 0.9, 1.1, 1, "powercap", facts=facts)
    assert lacking(add([silent, other])) == ["share"]
    assert add([joules(1.0), joules(1.0, share=None)]).facts["share"] is None


def test_the_doubt_of_a_part_is_the_sums() -> None:
    doubtful = Reading("J", "measured", 1.0, verdict="suspect", reasons=("short",), facts=joules(1.0).facts)
    found = add([joules(1.0), doubtful])
    assert (found.verdict, found.reasons, found.low, found.high) == ("suspect", ("short",), None, None)
    with pytest.raises(ValueError, match="nothing to add"):
        add([])


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_nothing_said_is_not_said(empty: Any) -> None:
    for name in ENERGY_PROVENANCE:
        if name == "meter":
            continue
        full = joules(1.0)
        found = lacking(replace(full, facts={**full.facts, name: empty}))
        assert found == ([] if name in ("share", "steal") else [name])
