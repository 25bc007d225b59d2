"""Energy out of windows with known joules: what is pooled, what is lost, and what may be said of it."""

import math
from typing import Any

import pytest

from bench.derive import derive_comparison
from bench.derive.energy import UNSTABLE, measured_energy
from bench.derive.ratios import Stop
from bench.reading import Reading, lacking
from bench.record import Record
from bench.store import Launch
from bench.suite.cell import Cell

LOST = Reading("J", "unavailable", meter="powercap", reason="the counter was reset", verdict="invalid").to_json()


def window(value: float, **more: Any) -> dict[str, Any]:
    """Return the reading of a window of 2 s in which 100 inferences took 1.9 s."""
    bound = more.pop("bound", 0.01 * value)
    facts = {
        "kind": "counter",
        "meter_version": "1",
        "domains": ["package"],
        "by_domain": {"package": value},
        "period_s": 0.001,
        "window_s": 2.0,
        "n_windows": 1,
        "n_invalid": 0,
        "share": 0.99,
        "steal": 0.0,
        "uncertainty": {"total_j": bound, "edges_j": bound},
        "per": "inference",
        "busy_s": 1.9,
        "inferences": 100,
    }
    class_ = more.pop("class_", "measured")
    meter = more.pop("meter", "powercap")
    return Reading("J", class_, value, value - bound, value + bound, 1, meter, facts={**facts, **more}).to_json()


def idle(watts: float, when: str = "before") -> dict[str, Any]:
    return {"when": when, "reading": window(watts * 2.0, bound=0.0)}


def launches(make: Any, *sides: dict[str, dict[str, Any]]) -> list[Launch]:
    return [
        Launch({**each.meta, "energy": side}, each.samples) for each, side in zip(make(len(sides)), sides, strict=True)
    ]


def derived(made: list[Launch], *, idles: Any = (), batch: int = 1, meter: Any = None) -> Any:
    return derive_comparison(
        made, "base", "base-record", threads=1, batch=batch, stop=Stop(0.02), meter=meter, idle=idles
    )


def test_joules_are_pooled_over_launches(make: Any) -> None:
    made = launches(make, *({"base": window(v), "small": window(v / 2)} for v in (1.0, 1.02, 0.98, 1.0)))
    found = derived(made)["small"]
    energy, ratio = found.readings["energy"], found.ratios["energy"]
    assert energy.value == pytest.approx(0.5)
    assert (energy.class_, energy.n, energy.verdict) == ("measured", 4, "valid")
    assert energy.low < 0.5 - 0.005 < 0.5 + 0.005 < energy.high, "wider than the stated bound alone"
    assert energy.facts["uncertainty"]["edges_j"] == pytest.approx(0.005)
    assert energy.facts["uncertainty"]["scatter_j"] > 0
    assert energy.facts["inferences"] == 400
    assert lacking(energy) == []
    assert (ratio.value, ratio.method, ratio.n, ratio.class_) == (pytest.approx(0.5), "paired-energy", 4, "measured")
    assert ratio.low <= 0.5 <= ratio.high
    assert Record.from_json(Record("i", "ok", Cell("s", "t", (), "b"), readings=found.readings).to_json())


def test_equal_windows_still_keep_the_stated_bound(make: Any) -> None:
    energy = derived(launches(make, *([{"base": window(1.0)}] * 4)))["base"].readings["energy"]
    assert (energy.low, energy.high) == pytest.approx((0.99, 1.01))


def test_lost_windows_are_counted_and_left_out(make: Any) -> None:
    sides = [{"base": window(1.0), "small": window(0.5)}] * 3 + [{"base": LOST, "small": window(9.0)}]
    found = derived(launches(make, *sides))
    base, ratio = found["base"].readings["energy"], found["small"].ratios["energy"]
    assert (base.value, base.facts["n_windows"], base.facts["n_invalid"]) == (1.0, 4, 1)
    assert (ratio.value, ratio.n) == (pytest.approx(0.5), 3), "a window without its pair says nothing"


def test_when_all_are_lost_there_is_no_number_and_no_substitute(make: Any, meter: Any) -> None:
    found = derived(launches(make, *([{"base": LOST, "small": LOST}] * 3)), meter=meter)["small"]
    energy = found.readings["energy"]
    assert (energy.class_, energy.value, energy.reason) == ("unavailable", None, "the counter was reset")
    assert (energy.facts["n_windows"], energy.facts["n_invalid"]) == (3, 3)
    assert "energy" not in found.ratios
    assert found.validity["verdict"] == "valid", "it costs the number, not the cell"


def test_the_commonest_reason_is_given(make: Any) -> None:
    other = Reading.missing("J", "the machine was suspended").to_json()
    found = derived(launches(make, {"base": other}, {"base": LOST}, {"base": LOST}))["base"].readings["energy"]
    assert found.reason == "the counter was reset (so in 2 of 3 windows)"


def test_reasons_that_differ_in_their_numbers_are_one(make: Any) -> None:
    first, second = (Reading.missing("J", f"others did {each}% of the work").to_json() for each in ("85", "88.5"))
    found = derived(launches(make, {"base": LOST}, {"base": first}, {"base": second}))["base"].readings["energy"]
    assert found.reason == "others did 85% of the work (so in 2 of 3 windows)"


def test_without_windows_the_estimator_speaks(make: Any, meter: Any) -> None:
    assert measured_energy(make(3), "base", [], 1) is None
    assert derived(make(3), meter=meter)["base"].readings["energy"].class_ == "estimated"


def test_the_class_is_that_of_the_weakest_window(make: Any) -> None:
    sides = [{"base": window(1.0), "small": window(0.5)}] * 3
    sides.append({"base": window(1.0), "small": window(0.5, class_="derived", share=0.8)})
    found = derived(launches(make, *sides))
    assert (found["base"].readings["energy"].class_, found["small"].readings["energy"].class_) == (
        "measured",
        "derived",
    )
    assert found["small"].ratios["energy"].class_ == "derived"
    assert found["small"].readings["energy"].facts["share"] == pytest.approx((3 * 0.99 + 0.8) / 4)


@pytest.mark.parametrize("few", [1, 2])
def test_few_windows_are_suspect(make: Any, few: int) -> None:
    found = derived(launches(make, *([{"base": window(1.0)}] * few)))["base"]
    energy = found.readings["energy"]
    assert energy.verdict == found.validity["verdict"] == "suspect"
    assert any("valid windows" in each for each in found.validity["reasons"])
    assert ((energy.low, energy.high) == (None, None)) == (few == 1)


def test_windows_of_another_meter_are_not_averaged_in(make: Any) -> None:
    """A run resumed with another meter: the last one's windows count, and no ratio joins the two."""
    old = {"base": window(50.0, meter="command", domains=["wall"]), "small": window(40.0, domains=["wall"])}
    new = {"base": window(1.0), "small": window(0.5)}
    found = derived(launches(make, old, new, new, new))
    assert found["base"].readings["energy"].value == 1.0
    assert found["small"].readings["energy"].facts["domains"] == ["package"]
    assert (found["small"].ratios["energy"].value, found["small"].ratios["energy"].n) == (pytest.approx(0.5), 3)


def test_no_ratio_across_domains(make: Any) -> None:
    sides = [{"base": window(1.0), "small": window(0.5, domains=["board"])}] * 3
    found = derived(launches(make, *sides))["small"]
    assert found.readings["energy"].value == 0.5
    assert "energy" not in found.ratios


def test_net_is_gross_without_idle_and_has_its_own_interval(make: Any) -> None:
    made = launches(make, *([{"base": window(1.0)}] * 4))
    facts = derived(made, idles=[idle(20.0), idle(20.1, "after")])["base"].readings["energy"].facts
    assert facts["gross"] == 1.0
    assert facts["idle_w"] == pytest.approx(20.05)
    assert facts["net"] == pytest.approx(1.0 - 20.05 * 1.9 / 100)
    assert facts["net_high_j"] - facts["net"] == pytest.approx(0.01 + 0.05 * 1.9 / 100)
    assert facts["idle_drift"] == pytest.approx(0.1 / 20.05)
    assert "flags" not in facts


def test_of_a_share_only_that_share_of_idle_is_taken(make: Any) -> None:
    made = launches(make, *([{"base": window(0.8, class_="derived", share=0.8)}] * 4))
    facts = derived(made, idles=[idle(20.0)])["base"].readings["energy"].facts
    assert facts["net"] == pytest.approx(0.8 - 0.8 * 20.0 * 1.9 / 100)


def test_idle_that_moved_is_flagged(make: Any) -> None:
    made = launches(make, *([{"base": window(1.0)}] * 4))
    facts = derived(made, idles=[idle(20.0), idle(20.5, "after")])["base"].readings["energy"].facts
    assert facts["flags"] == [UNSTABLE] == ["idle-unstable"]


@pytest.mark.parametrize("other", [LOST, window(40.0, domains=["board"]), window(40.0, meter="command")])
def test_without_the_same_meters_idle_there_is_no_net(make: Any, other: Any) -> None:
    made = launches(make, *([{"base": window(1.0)}] * 4))
    facts = derived(made, idles=[{"when": "before", "reading": other}])["base"].readings["energy"].facts
    assert not {"net", "idle_w", "flags"} & set(facts)


def test_a_batch_is_as_many_inferences(make: Any) -> None:
    made = launches(make, *([{"base": window(1.0)}] * 4))
    energy = derived(made, batch=4, idles=[idle(20.0)])["base"].readings["energy"]
    assert energy.value == pytest.approx(0.25)
    assert energy.facts["inferences"] == 1600
    assert energy.facts["by_domain"] == {"package": 0.25}
    assert energy.facts["net"] == pytest.approx((1.0 - 20.0 * 1.9 / 100) / 4)
    assert math.isclose(energy.high - energy.value, 0.0025)
