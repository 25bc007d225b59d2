"""What making an artifact cost: by phase, by step that trained; what is unknown stays unknown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.derive.cost import NO_METER, NO_ORIGINAL, NOTHING, UNKNOWN, UNSAID, by_phase, cost_of, of_original, per_joule
from bench.reading import Reading, lacking

DISTILL = {"step": "distill", "kind": "compress", "seconds": 10.0, "cpu_s": 9.0, "train_s": 8.0, "train_cpu_s": 7.5}
EXPORT = {"step": "export", "kind": "convert", "seconds": 2.0, "cpu_s": 1.5, "train_s": 0.0, "train_cpu_s": 0.0}
OLD = {"step": "prune", "kind": "compress", "seconds": 3.0, "train_s": 2.0}  # cached before processor time was kept
FACTS = {
    "kind": "counter",
    "meter_version": "1",
    "domains": ["package"],
    "period_s": 0.001,
    "window_s": 10.0,
    "n_windows": 1,
    "n_invalid": 0,
    "share": None,
    "steal": None,
}
QUALITY = Reading("1", "measured", 0.9, 0.88, 0.92, 500, facts={"metric": "accuracy"})


def test_each_phase_has_its_own_time_and_joules(meter: Any) -> None:
    found = cost_of([DISTILL, EXPORT], meter, None, QUALITY)
    assert (found["seconds"], found["train_s"], found["cpu_s"]) == (12.0, 8.0, 10.5)
    spent = {name: (each["seconds"], each["cpu_s"], each["energy"]["value"]) for name, each in found["phases"].items()}
    assert spent == {"train": (8.0, 7.5, 30.0), "compress": (2.0, 1.5, 6.0), "convert": (2.0, 1.5, 6.0)}
    energy = Reading.from_json(found["energy"])
    assert (energy.class_, energy.value, energy.low, energy.high) == ("estimated", 42.0, 21.0, 84.0)
    assert energy.facts["n_windows"] == 2
    assert lacking(energy) == []
    assert energy.facts["coefficients"]["watts_per_cpu"] == 4.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e4), st.floats(0, 1)), min_size=1, max_size=6))
def test_phases_add_up_to_the_whole(steps: list[tuple[bool, float, float]]) -> None:
    lineage = [
        {
            "kind": "convert" if convert else "compress",
            "seconds": seconds,
            "cpu_s": seconds * 0.9,
            "train_s": seconds * share,
            "train_cpu_s": seconds * 0.9 * share,
        }
        for convert, seconds, share in steps
    ]
    phases = by_phase(lineage)
    assert sum(each.seconds for each in phases.values()) == pytest.approx(sum(each["seconds"] for each in lineage))
    assert sum(each.cpu_s or 0.0 for each in phases.values()) == pytest.approx(sum(each["cpu_s"] for each in lineage))


def test_a_lineage_without_processor_time_is_unknown_not_nothing(meter: Any) -> None:
    found = cost_of([OLD, EXPORT], meter, None, None)
    assert (found["seconds"], found["cpu_s"]) == (5.0, None)
    assert found["energy"]["class"] == "unavailable"
    assert found["energy"]["reason"] == UNKNOWN
    assert found["phases"]["train"]["cpu_s"] is None
    assert found["phases"]["convert"]["energy"]["value"] == 6.0
    (training,) = found["training"]
    assert training["samples"] is None
    assert training["samples_per_joule"]["reason"] == UNSAID


@pytest.mark.parametrize(("lineage", "estimator", "reason"), [([], True, NOTHING), ([EXPORT], False, NO_METER)])
def test_why_there_are_no_joules(meter: Any, lineage: Any, estimator: bool, reason: str) -> None:
    energy = cost_of(lineage, meter if estimator else None, None, None)["energy"]
    assert (energy["value"], energy["class"], energy["reason"]) == (None, "unavailable", reason)


def test_what_did_not_train_has_no_training(meter: Any) -> None:
    found = cost_of([EXPORT], meter, {"samples": 100}, QUALITY)
    assert "training" not in found
    assert set(found["phases"]) == {"convert"}


def test_training_says_samples_joules_and_its_share_of_the_original(meter: Any) -> None:
    lineage = [{**DISTILL, "train_samples": 3000}, EXPORT]
    (found,) = cost_of(lineage, meter, {"samples": 12000, "cpu_s": 30.0}, QUALITY)["training"]
    rate = found["samples_per_joule"]
    assert (rate["value"], rate["low"], rate["high"], rate["class"]) == (100.0, 50.0, 200.0, "estimated")
    assert found["of_original"] == {"samples": 0.25, "cpu_s": 0.25}
    assert found["quality"] == {"metric": "accuracy", "value": 0.9, "of": "the finished artifact"}


def test_what_the_task_does_not_say_is_null_with_the_reason() -> None:
    assert of_original(3000, 7.5, None) == {"samples": None, "cpu_s": None, "reason": NO_ORIGINAL}
    found = of_original(3000, 7.5, {"samples": 12000})
    assert (found["samples"], found["cpu_s"]) == (0.25, None)
    assert found["reason"] == "the task does not say its original training's processor time"
    assert of_original(None, None, {"samples": 5, "cpu_s": 5})["reason"].count("this step kept no") == 2


def test_samples_per_joule_without_joules_keeps_their_reason() -> None:
    assert per_joule(10, Reading.missing("J", "no meter")).reason == "no meter"


def joules(value: float, class_: str = "measured", **more: object) -> dict[str, object]:
    facts = {**FACTS, "by_domain": {"package": value}, "uncertainty": {"total_j": 1.0}, **more}
    return Reading("J", class_, value, value - 1, value + 1, 1, "m", facts=facts).to_json()  # type: ignore[arg-type]


LOST = Reading.missing("J", "the counter was reset").to_json()


def test_measured_joules_are_preferred_and_training_is_taken_out_of_the_step(meter: Any) -> None:
    step = {**DISTILL, "energy": joules(200.0), "train_energy": joules(160.0), "train_samples": 3200}
    found = cost_of([step, {**EXPORT, "energy": joules(20.0)}], meter, None, None)
    seen = {name: Reading.from_json(each["energy"]) for name, each in found["phases"].items()}
    assert {name: (each.value, each.class_) for name, each in seen.items()} == {
        "train": (160.0, "measured"),
        "compress": (40.0, "measured"),
        "convert": (20.0, "measured"),
    }
    assert (seen["compress"].low, seen["compress"].high) == (38.0, 42.0), "the bounds of both windows"
    whole = Reading.from_json(found["energy"])
    assert (whole.value, whole.low, whole.high, whole.class_) == (220.0, 218.0, 222.0, "measured")
    assert all(lacking(each) == [] for each in [*seen.values(), whole])
    assert found["training"][0]["samples_per_joule"]["value"] == 20.0
    assert found["training"][0]["samples_per_joule"]["class"] == "measured"


def test_a_sum_with_an_estimate_in_it_is_an_estimate_and_says_why(meter: Any) -> None:
    found = cost_of([{**DISTILL, "energy": joules(200.0)}, {**EXPORT, "energy": LOST}], meter, None, None)
    whole = Reading.from_json(found["energy"])
    assert (whole.value, whole.class_) == (206.0, "estimated")
    assert (whole.low, whole.high) == (199.0 + 3.0, 201.0 + 12.0)
    assert whole.facts["domains"] == ["package", "cpu"]
    assert whole.facts["not_measured"] == "the counter was reset"
    assert lacking(whole) == []
    assert found["phases"]["train"]["energy"]["class"] == "estimated", "the training in it was not metered"
    assert found["phases"]["compress"]["energy"]["class"] == "estimated"


def test_without_an_estimator_a_lost_window_keeps_its_reason() -> None:
    found = cost_of([{**EXPORT, "energy": LOST}], None, None, None)
    assert found["energy"]["reason"] == "the counter was reset"


def test_derived_joules_make_the_sum_derived(meter: Any) -> None:
    lineage = [{**EXPORT, "energy": joules(20.0)}, {**EXPORT, "energy": joules(10.0, "derived", share=0.8)}]
    whole = Reading.from_json(cost_of(lineage, meter, None, None)["energy"])
    assert (whole.value, whole.class_, whole.facts["share"]) == (30.0, "derived", None)


@pytest.mark.parametrize("damaged", [3, {}, {"value": 1.0}, {**joules(5.0), "kind": ""}, {"class": "guess"}])
def test_joules_that_do_not_say_whence_they_come_count_as_not_metered(meter: Any, damaged: Any) -> None:
    found = cost_of([{**EXPORT, "energy": damaged}], meter, None, None)
    assert (found["energy"]["class"], found["energy"]["value"]) == ("estimated", 6.0)


def test_what_may_have_cost_nothing_gives_no_rate() -> None:
    vague = Reading("J", "measured", 1.0, -0.5, 2.5)
    assert "reaches down to 0" in str(per_joule(10, vague).reason)
