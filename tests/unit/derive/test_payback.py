"""Break-even on records: an estimate claims nothing, a measurement only what its interval shows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.derive.payback import (
    COST_ESTIMATED,
    ESTIMATED_ONLY,
    NO_CLAIM,
    charged_steps,
    in_joules,
    in_processor_time,
    payback,
    processor_saving,
)
from bench.reading import Reading
from bench.stats.breakeven import NO_SAVING, Mean

PRUNE = {"step": "prune", "kind": "compress", "from": "module", "to": "module", "seconds": 2.0, "cpu_s": 2.0}
EXPORT = {"step": "export", "kind": "convert", "from": "module", "to": "onnx", "seconds": 9.0, "cpu_s": 9.0}
SERVED = {"device": "cpu", "processor": "Cortex-A76"}


def joules(value: float, error: float, class_: str = "measured", domains: tuple[str, ...] = ("package",)) -> Reading:
    return Reading("J", class_, value, value - error, value + error, 7, "m", facts={"domains": list(domains)})  # type: ignore[arg-type]


def test_estimated_joules_claim_no_saving_however_large_it_looks() -> None:
    found = in_joules(joules(40, 1, "estimated"), joules(1.0, 0.01, "estimated"), joules(0.1, 0.01, "estimated"))
    assert (found["verdict"], found["class"], found["reason"]) == (ESTIMATED_ONLY, "estimated", NO_CLAIM)
    assert (found["inferences"], found["low"], found["high"]) == (None, None, None)
    mixed = in_joules(joules(40, 1, "estimated"), joules(1.0, 0.01), joules(0.1, 0.01))
    assert (mixed["verdict"], mixed["reason"]) == (ESTIMATED_ONLY, COST_ESTIMATED)


def test_measured_on_both_sides_gives_an_interval() -> None:
    found = in_joules(joules(40, 1), joules(0.5, 0.01, domains=("board",)), joules(0.3, 0.01, domains=("board",)))
    assert (found["verdict"], found["class"], found["basis"]) == ("saves", "measured", "energy")
    assert found["inferences"] == pytest.approx(200)
    assert found["low"] < 200 < found["high"]
    assert found["saves"] > 0.999


def test_a_saving_within_the_noise_is_not_demonstrated() -> None:
    found = in_joules(joules(40, 1), joules(0.5, 0.05), joules(0.48, 0.05))
    assert found["verdict"] == NO_SAVING
    assert found["high"] is None
    assert found["saves"] < 0.975
    dearer = in_joules(joules(40, 1), joules(0.3, 0.01), joules(0.5, 0.01))
    assert (dearer["verdict"], dearer["inferences"], dearer["low"]) == (NO_SAVING, None, None)


def test_what_cannot_be_subtracted_has_a_reason() -> None:
    unlike = in_joules(joules(40, 1), joules(0.5, 0.01), joules(0.3, 0.01, domains=("psys",)))
    assert (unlike["verdict"], unlike["inferences"]) == ("unavailable", None)
    assert "unlike" in unlike["reason"]
    lost = in_joules(joules(40, 1), joules(0.5, 0.01), Reading.missing("J", "no counter"))
    assert (lost["class"], lost["reason"]) == ("unavailable", "no counter")
    assert in_joules(joules(40, 1), None, joules(0.3, 0.01))["verdict"] == "unavailable"
    bare = Reading("J", "measured", 0.5, facts={"domains": ["package"]})
    assert "no interval" in in_joules(joules(40, 1), bare, joules(0.3, 0.01))["reason"]


def test_processor_time_is_a_figure_of_its_own() -> None:
    found = in_processor_time(12.0, Mean(0.003, 0.0001, 6, 7))
    assert (found["basis"], found["verdict"], found["class"]) == ("processor time", "saves processor time", "derived")
    assert found["inferences"] == pytest.approx(4000)
    assert (found["cost_s"], found["saving_s"], found["n"]) == (12.0, 0.003, 7)
    assert in_processor_time(12.0, Mean(0.003, 0.01, 6, 7))["verdict"] == NO_SAVING
    assert in_processor_time(None, Mean(0.003, 0.01, 6, 7))["verdict"] == "unavailable"
    assert in_processor_time(12.0, None)["inferences"] is None


def test_conversions_that_the_baseline_needs_too_are_not_charged() -> None:
    charged, shared = charged_steps([PRUNE, EXPORT, EXPORT], [EXPORT])
    assert (charged, shared) == ([PRUNE, EXPORT], ["export"])
    assert charged_steps([EXPORT], [PRUNE]) == ([EXPORT], [])


def test_the_processor_seconds_saved_are_paired_by_launch(make: Callable[..., Any]) -> None:
    launches = make(8, ratio=0.5, base_ns=1e6, drift=0.3)
    saving = processor_saving(launches, "small", "base", 1)
    assert saving is not None
    assert saving.n == 8
    assert saving.value == pytest.approx(0.5e-3 * 1.15, rel=0.02)
    assert processor_saving(launches, "small", "base", 4).value == pytest.approx(saving.value / 4)  # type: ignore[union-attr]
    assert processor_saving(launches[:1], "small", "base", 1) is None
    assert processor_saving(make(4, cpu_share=0.0), "small", "base", 1) is None


def test_the_record_names_where_it_was_made_and_where_it_serves(meter: Any) -> None:
    lineage = [{**PRUNE, "device": "cuda:0", "processor": "Xeon"}, EXPORT]
    energies = (joules(1.0, 0.01, "estimated"), joules(0.5, 0.01, "estimated"))
    found = payback(lineage, [EXPORT], meter, energies, Mean(0.002, 0.0001, 6, 7), SERVED)
    assert found["made_on"] == [{"device": "cuda:0", "processor": "Xeon"}]
    assert found["served_on"] == SERVED
    assert found["not_charged"] == ["export"]
    assert found["cost"]["value"] == pytest.approx(8.0)
    assert found["processor_time"]["inferences"] == pytest.approx(1000)


def test_a_metered_step_and_metered_inferences_give_a_break_even_in_joules(meter: Any) -> None:
    """Made under one meter and served under another: both sides measured is enough."""
    facts = {
        **dict.fromkeys(("kind", "meter_version"), "k"),
        **dict.fromkeys(("period_s", "window_s", "n_windows", "n_invalid"), 1),
        "domains": ["package"],
        "share": None,
        "steal": None,
        "uncertainty": {"total_j": 1.0},
    }
    cost = Reading("J", "measured", 40.0, 39.0, 41.0, 1, "powercap", facts=facts).to_json()
    energies = (joules(0.5, 0.01, domains=("board",)), joules(0.3, 0.01, domains=("board",)))
    found = payback([{**PRUNE, "energy": cost}, EXPORT], [EXPORT], meter, energies, None, SERVED)
    assert (found["verdict"], found["class"], found["cost"]["class"]) == ("saves", "measured", "measured")
    assert found["low"] < 200 < found["high"]


@pytest.mark.parametrize("saving", [0.01, 0.02, 0.10, 0.50])
def test_the_interval_covers_the_truth_and_nothing_is_claimed_where_nothing_is_saved(saving: float) -> None:
    """Five launches a side, paired, 1 % scatter: the figure that stands on records, as it is made there."""
    rng, covered, claimed, runs = np.random.default_rng(7), 0, 0, 600
    for _ in range(runs):
        noise = 1 + 0.01 * rng.standard_normal((3, 5))
        truth = 10.0 / (1e-3 * saving)
        pair = Mean.of(1e-3 * (noise[0] - (1 - saving) * noise[1]))
        found = in_processor_time(10.0, pair)
        low, high = (math.inf if found[end] is None else found[end] for end in ("low", "high"))
        covered += low <= truth <= high
        none = in_processor_time(10.0, Mean.of(1e-3 * (noise[0] - noise[2])))
        claimed += none["verdict"] != NO_SAVING
    assert 0.92 <= covered / runs <= 0.98
    assert claimed / runs <= 0.045


def test_invalid_joules_pay_nothing_back() -> None:
    from bench.derive.payback import in_joules

    def joules(value: float, verdict: Any = "valid") -> Reading:
        facts = {"domains": ["package"]}
        reasons = () if verdict == "valid" else ("the same inputs gave 2 different outputs",)
        return Reading(
            "J", "measured", value, 0.99 * value, 1.01 * value, 7, verdict=verdict, reasons=reasons, facts=facts
        )

    assert in_joules(joules(9.0), joules(2.0), joules(1.0))["inferences"] == pytest.approx(9, rel=0.05)
    for pair in ((joules(2.0), joules(1.0, "invalid")), (joules(2.0, "invalid"), joules(1.0))):
        found = in_joules(joules(9.0), *pair)
        assert (found["verdict"], found["inferences"]) == ("unavailable", None)
        assert "2 different outputs" in found["reason"]
