"""Derivation on launches whose ratio is known: channels, directions, stopping, verdicts, provenance."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.derive import Stop, derive_comparison, tight_enough
from bench.derive.launches import calls, floor_ratios, floors, work_ratios
from bench.derive.ratios import exact_ratio, unpaired_ratio
from bench.reading import lacking
from bench.record import Record
from bench.store import Launch
from bench.suite.cell import Cell


@pytest.mark.parametrize("truth", [0.25, 0.5, 0.99, 1.0, 1.02, 3.0])
def test_the_ratio_is_mine_over_the_baselines(make: Any, derive: Any, truth: float) -> None:
    found = derive(make(10, ratio=truth))["small"].ratios["latency"]
    assert found.value == pytest.approx(truth, rel=0.005)
    assert found.low <= truth <= found.high
    assert (found.method, found.against, found.n, found.class_) == ("paired-floor", "base-record", 10, "measured")
    assert found.facts["work"] == pytest.approx(truth, rel=0.005)
    assert found.facts["wall"] == pytest.approx(truth, rel=0.005)
    assert "ci_not_reached" not in found.facts


def test_the_channels_are_told_apart(make: Any, derive: Any) -> None:
    found = derive(make(10, ratio=0.5, cpu_ratio=0.8))["small"].ratios["latency"]
    assert found.value == pytest.approx(0.5, rel=0.01)
    assert found.facts["work"] == pytest.approx(0.8, rel=0.01)
    energy = derive(make(10, ratio=0.5, cpu_ratio=0.8))["small"].ratios["energy"]
    assert (energy.method, energy.class_) == ("paired-cpu-time", "estimated")
    assert energy.value == pytest.approx(0.8, rel=0.01)


def test_cold_calls_are_kept_and_not_counted(make: Any) -> None:
    (launch,) = make(1, ratio=1.0, noise=0.0)
    assert calls(launch, "base").shape == (6, 10)
    assert launch.samples["base"][:, :3].min() > 1.2e6
    assert floors(launch, "base") == pytest.approx([1e-3] * 6)


def test_one_number_a_launch(make: Any) -> None:
    made = make(7)
    assert floor_ratios(made, "small", "base").shape == (7,)
    by_hand = [np.median(np.log(floors(each, "small") / floors(each, "base"))) for each in made]
    assert floor_ratios(made, "small", "base") == pytest.approx(by_hand)


def test_drift_that_both_share_cancels(make: Any, derive: Any) -> None:
    found = derive(make(12, ratio=0.7, drift=1.0))["small"]
    assert found.ratios["latency"].value == pytest.approx(0.7, rel=0.01)
    assert found.validity["verdict"] == "suspect"


@pytest.mark.parametrize("few", [1, 2, 4])
def test_few_launches_do_not_reach_the_interval(make: Any, derive: Any, few: int) -> None:
    found = derive(make(few))["small"].ratios["latency"]
    assert found.facts["ci_not_reached"] is True
    if few == 1:
        assert (found.low, found.high) == (None, None)
    else:
        assert found.low <= found.value <= found.high


def test_noise_does_not_reach_the_interval_and_no_target_needs_none(make: Any, derive: Any) -> None:
    noisy = make(8, noise=0.2)
    assert derive(noisy)["small"].ratios["latency"].facts["ci_not_reached"] is True
    assert "ci_not_reached" not in derive(noisy, stop=Stop(None))["small"].ratios["latency"].facts


def test_stopping(make: Any) -> None:
    cells, made = ["base", "small"], make(12)
    assert tight_enough(made, cells, "base", Stop(0.02))
    assert not tight_enough(made[:4], cells, "base", Stop(0.02))
    assert not tight_enough(made, cells, "base", Stop(None))
    assert not tight_enough(make(12, noise=0.2), cells, "base", Stop(0.02))
    assert tight_enough(made, ["base"], "base", Stop(0.02))
    assert not tight_enough([], cells, "base", Stop(0.02))


def test_the_baseline_pools_launches_of_all_bundles(make: Any, derive: Any) -> None:
    first = make(3)
    second = [
        Launch(each.meta, {"base": each.samples["base"], "other": each.samples["small"]}) for each in make(4, seed=1)
    ]
    headers = [
        Launch({**each.meta, "headers": dict.fromkeys(("base", "other"), each.meta["headers"]["base"])}, each.samples)
        for each in second
    ]
    found = derive([*first, *headers])
    assert {cell: each.launches for cell, each in found.items()} == {"base": 7, "small": 3, "other": 4}
    assert found["base"].ratios == {}


def test_launches_without_the_baseline_say_nothing(make: Any, derive: Any) -> None:
    alone = [Launch(each.meta, {"small": each.samples["small"]}) for each in make(5)]
    assert derive(alone) == {}
    assert derive([]) == {}


def test_calls_below_the_clock_do_not_divide_by_zero(make: Any, derive: Any) -> None:
    made = make(6)
    for each in made:
        each.samples["small"][:, :] = 0
    found = derive(made)["small"]
    assert 0 < found.ratios["latency"].value < 1e-5
    assert found.ratios["latency"].facts["work"] is None
    assert "energy" not in found.ratios
    assert found.readings["energy"].class_ == "unavailable"


def reasons(found: Any) -> str:
    return " ".join(found.validity["reasons"])


@pytest.mark.parametrize(
    ("settings_", "threads", "verdict", "says"),
    [
        ({}, 1, "valid", ""),
        ({"count": 2}, 1, "suspect", "only 2 launches"),
        ({"cpu_share": 0.7}, 1, "suspect", "descheduled"),
        ({"cpu_share": 0.7}, 2, "valid", ""),
        ({"drift": 0.3}, 1, "suspect", "drifted"),
        ({"drift": 0.05}, 1, "valid", ""),
        ({"spikes": 0.05, "cpu_share": 7.0}, 1, "suspect", "something interrupts"),
        ({"outputs": lambda index, cell: [f"{cell}{index}"]}, 1, "invalid", "8 different outputs"),
        ({"outputs": lambda index, cell: ["a", "b"]}, 1, "invalid", "2 different outputs"),
    ],
)
def test_the_verdict_and_its_reasons(
    make: Any, derive: Any, settings_: Any, threads: int, verdict: str, says: str
) -> None:
    found = derive(make(**settings_), threads=threads)["small"]
    assert found.validity["verdict"] == verdict
    assert says in reasons(found)
    assert bool(found.validity["reasons"]) == (verdict != "valid")
    assert ("descheduled" in found.ratios["latency"].facts) == ("descheduled" in reasons(found))


def test_latency_has_the_quantiles_its_sample_supports(make: Any, derive: Any) -> None:
    few = derive(make(2, rounds=2))["base"].readings["latency"]
    assert set(few.facts["quantiles"]) == {"p50", "p90"}
    many = derive(make(10))["base"].readings["latency"]
    assert set(many.facts["quantiles"]) == {"p50", "p90", "p99"}
    assert many.n == 10 * 6 * 10
    assert many.low <= many.value <= many.high
    assert many.facts["floor"] <= many.value
    assert many.value == pytest.approx(1e-3, rel=0.01)
    assert (many.unit, many.facts["launches"], many.facts["per"]) == ("s", 10, "query")


def test_a_batch_is_written_beside_the_latency(make: Any, derive: Any) -> None:
    one, four = (derive(make(6), batch=batch)["base"].readings for batch in (1, 4))
    assert "batch" not in one["latency"].facts
    assert four["latency"].facts["batch"] == 4
    assert four["energy"].value == pytest.approx(one["energy"].value / 4)


def test_energy_is_estimated_and_says_everything(make: Any, derive: Any) -> None:
    energy = derive(make(8))["base"].readings["energy"]
    assert (energy.class_, energy.unit, energy.meter) == ("estimated", "J", "cpu-seconds")
    assert energy.value == pytest.approx(1e-3 * 4.0, rel=0.01)
    _, least_s, most_s = energy.facts["cpu_seconds"]
    assert (energy.low, energy.high) == (pytest.approx(least_s * 4.0 / 2), pytest.approx(most_s * 4.0 * 2))
    assert energy.low < energy.value / 2 < energy.value * 2 < energy.high
    assert lacking(energy) == []
    assert energy.facts["uncertainty"]["total_j"] == pytest.approx(energy.high - energy.value)
    doubt = energy.facts["uncertainty"]
    assert doubt["total_j"] == pytest.approx(doubt["model_j"] + doubt["scatter_j"])
    assert energy.facts["n_windows"] == 8
    assert energy.facts["window_s"] == pytest.approx(8 * 6 * 13 * 1e-3, rel=0.1)
    assert energy.facts["coefficients"] == {"watts_per_cpu": 4.0, "factor": 2.0, "source": "t"}
    record = Record("i", "ok", Cell("s", "t", (), "b"), readings={"energy": energy})
    assert Record.from_json(record.to_json()).class_of_energy == "estimated"


@pytest.mark.parametrize("name", ["meter", "version", "kind", "domains", "watts_per_cpu", "factor", "source"])
def test_an_estimator_that_hides_something_gives_no_energy(make: Any, derive: Any, meter: Any, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        derive(make(3), meter={key: value for key, value in meter.items() if key != name})


def test_memory_and_startup(make: Any, derive: Any) -> None:
    found = derive(make(5))["small"].readings
    memory, startup = found["memory"], found["startup"]
    assert (memory.value, memory.low, memory.high, memory.n) == (502, 0, 502 + 2048, 5)  # a page, at least
    assert (memory.facts["load_peak"], memory.facts["base"]) == (900, 10_000)
    assert startup.value == pytest.approx(0.023)
    assert startup.facts["import"] == 0.5


def test_intervals_over_launches_are_no_ranges(make: Any, derive: Any) -> None:
    def peaks(count: int) -> Any:
        made = make(count)
        for index, each in enumerate(made):
            small = {
                **each.meta["headers"]["small"],
                "inference_peak_bytes": 10**7 + 10**5 * index,
                "load_ns": index + 1,
            }
            each.meta["headers"]["small"] = small  # type: ignore[index]
        return derive(made)["small"]

    for count in (2, 3):
        for name, half in (("memory", 10**5 * (count - 1) / 2), ("startup", (count - 1) / 2e9)):
            found = peaks(count).readings[name]
            assert found.high - found.value > half  # wider than the range, which covers 1 - 2^(1 - launches) only
    many = peaks(8).readings["memory"]
    assert (many.low, many.high) == (10**7, 10**7 + 7 * 10**5)
    alone = peaks(1).readings["startup"]
    assert (alone.low, alone.high) == (None, None)


def test_memory_and_startup_are_compared_launch_by_launch(make: Any, derive: Any) -> None:
    made = make(9)
    for index, each in enumerate(made):
        base, small = ({**each.meta["headers"][side]} for side in ("base", "small"))
        base["inference_peak_bytes"] = 10**8 + 10**7 * index  # what differs between launches is the same on both sides
        small["inference_peak_bytes"] = base["inference_peak_bytes"] // 2 + (-1) ** index * 10**4
        small["load_ns"] = 3 * base["load_ns"]
        each.meta["headers"] |= {"base": base, "small": small}
    ratios = derive(made)["small"].ratios
    memory, startup = ratios["memory"], ratios["startup"]
    assert (memory.method, memory.class_, memory.n, memory.against) == ("paired-launch", "measured", 9, "base-record")
    assert memory.value == pytest.approx(0.5, rel=1e-3)
    assert 0.49 < memory.low < 0.5 < memory.high < 0.51
    assert startup.value == pytest.approx(63 / 23)
    same = derive(make(9))["small"].ratios["memory"]  # 500 bytes or so: within a page of one another
    assert same.low < 0.2
    assert same.high > 5


def test_memory_that_cannot_be_reset_is_unavailable_not_zero(make: Any, derive: Any) -> None:
    made = make(3)
    for each in made:
        for header in each.meta["headers"].values():
            header["inference_peak_bytes"] = None
    memory = derive(made)["small"].readings["memory"]
    assert (memory.class_, memory.value) == ("unavailable", None)
    assert "high-water mark" in memory.reason


def test_exact_and_unpaired_ratios() -> None:
    exact = exact_ratio(50, 200, "b")
    assert (exact.value, exact.low, exact.high, exact.class_) == (0.25, 0.25, 0.25, "counted")
    loose = unpaired_ratio((2.0, 1.8, 2.2), (1.0, 0.95, 1.05), "b")
    assert loose.low < 2.0 < loose.high
    assert loose.high / 2.0 > 2.2 / 2.0 / 1.05
    assert loose.method == "unpaired-p50"


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ((1.0, 0.0, 2.0), (1.0, 0.9, 1.1)),
        ((1.0, 0.9, math.inf), (1.0, 0.9, 1.1)),
        ((1.0, 0.9, 1.1), (1.0, 0.0, math.inf)),
    ],
)
def test_an_open_interval_stays_open_in_a_ratio(mine: Any, other: Any) -> None:
    found = unpaired_ratio(mine, other, "b")
    assert (found.low, found.high) == (None, None)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 12), st.integers(0, 2**31))
def test_any_whole_numbers_derive_to_something(count: int, rounds: int, n: int, seed: int) -> None:
    """Whatever the clock said, no exception and no value that is not a number."""
    rng = np.random.default_rng(seed)
    header = {"import_ns": 1, "load_ns": 0, "first_ns": 0}
    meta = {"n": n, "headers": {"base": header, "small": header}, "outputs": {}, "artifacts": {}}
    made = [
        Launch(meta, {c: rng.integers(0, rng.choice([2, 1000, 2**40]), (rounds, n + 5)) for c in ("base", "small")})
        for _ in range(count)
    ]
    found = derive_comparison(made, "base", "r", threads=1, batch=1, stop=Stop(0.02), meter=None)
    assert found["small"].ratios["latency"].value > 0
    assert work_ratios(made, "small", "base").ndim == 1
