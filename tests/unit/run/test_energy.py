"""Joules end to end: a run whose counter another process feeds with constant watts, and every way to lose a window."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bench_power import powercap

from bench.measure.energy import ProcLoad, counter_meter, discover
from bench.reading import Reading, lacking
from bench.run import Metering, Settings, spawn_child
from bench.run.metering import Meter
from bench.store import Cache, held, read_records
from bench.suite.cell import Step

from .conftest import FILES, House, in_process
from .feeding import WATTS, Fed, fed

POWER = FILES / "power.py"


def ours(patch: pytest.MonkeyPatch, house: Any, made: Fed) -> Any:
    """Let a house take its joules from a tree through our own plugin, in this process, as if it were alone here."""
    patch.setenv("BENCH_PLUGINS", "power")
    patch.setattr(ProcLoad, "read", lambda self: None)
    patch.setattr(counter_meter, "discover", lambda *args, **more: discover(*args, **{**more, "budget_s": 0.5}))
    patch.setattr(powercap, "PowercapMeter", partial(powercap.PowercapMeter, read=made.read))
    house.settings = {"metering": Step("powercap", {"root": str(made.root)}), "window_s": 0.3, "idle_s": 0.2}
    return house


@pytest.fixture
def feeder(tmp_path: Path) -> Iterator[Fed]:
    with fed(tmp_path / "powercap") as made:
        yield made


@pytest.fixture
def metered(house: Any, feeder: Fed, monkeypatch: pytest.MonkeyPatch) -> Any:
    return ours(monkeypatch, house, feeder)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One run at constant watts, and its house."""
    base = tmp_path_factory.mktemp("steady")
    with pytest.MonkeyPatch.context() as patch, fed(base / "powercap") as made:
        in_process(patch)
        house = ours(patch, House(base), made)
        return house, house.run("same", "slower")


def windows(house: Any) -> list[Any]:
    return [each for each in house.launches() if each.samples]


def idles(house: Any) -> list[Any]:
    return [each.meta["idle"] for each in house.launches() if "idle" in each.meta]


def truth_j(house: Any, record: Any) -> float:
    """Return watts times the busy seconds of an inference, over the windows of a record's cell."""
    found = [launch.meta["energy"][record.cell.id] for launch in windows(house)]
    return WATTS * sum(each["busy_s"] / each["inferences"] for each in found) / len(found)


@pytest.mark.parametrize("step", ["none", "same", "slower"])
def test_joules_per_inference_are_watts_times_seconds(steady: Any, named: Any, step: str) -> None:
    record = named(steady[1].records)[step]
    energy, truth = record.readings["energy"], truth_j(steady[0], record)
    assert (energy.class_, energy.meter, energy.unit) == ("measured", "powercap", "J")
    assert energy.low <= truth <= energy.high
    assert energy.value == pytest.approx(truth, rel=0.05)
    assert lacking(energy) == []
    assert [energy.facts[name] for name in ("kind", "domains", "per")] == ["counter", ["package"], "inference"]
    assert (energy.facts["n_windows"], energy.facts["n_invalid"], energy.n) == (2, 0, 2)
    assert energy.facts["gross"] == energy.value
    kept = [launch.meta["energy"][record.cell.id]["window_s"] for launch in windows(steady[0])]
    assert energy.facts["window_s"] == pytest.approx(sum(kept) / len(kept))
    assert read_records(steady[0].folder().records_path, strict=True)


def test_energy_ratios_are_paired_by_launch(steady: Any, named: Any) -> None:
    """320 products instead of 20 at constant watts: joules go as time does."""
    ratio = named(steady[1].records)["slower"].ratios["energy"]
    assert (ratio.method, ratio.class_, ratio.n) == ("paired-energy", "measured", 2)
    assert ratio.value > 2
    assert ratio.low <= ratio.value <= ratio.high


def test_idle_is_watched_before_and_after_and_net_is_what_is_left(steady: Any, named: Any) -> None:
    house, outcome = steady
    assert [each["when"] for each in idles(house)] == ["before", "after"]
    facts = named(outcome.records)["same"].readings["energy"].facts
    assert facts["idle_w"] == pytest.approx(WATTS, rel=0.1)
    assert abs(facts["net"]) < 0.2 * facts["gross"], "the watts are constant: working costs nothing more"
    assert facts["net_low_j"] <= 0 <= facts["net_high_j"]
    assert outcome.ledger["idle"] >= sum(each["reading"]["window_s"] for each in idles(house)) - 0.001
    metered = [each["window_s"] for launch in windows(house) for each in launch.meta["energy"].values()]
    assert len(metered) == 6
    assert outcome.ledger["energy"] >= sum(metered) - 0.001


def test_windows_are_not_charged_to_the_time_for_latency(steady: Any) -> None:
    for launch in windows(steady[0]):
        assert launch.meta["metered_s"] >= sum(each["window_s"] for each in launch.meta["energy"].values())
        assert sorted(launch.meta["energy_order"]) == sorted(launch.sides)


def test_every_window_in_the_journal_says_how_it_was_obtained(steady: Any) -> None:
    for launch in windows(steady[0]):
        assert [lacking(Reading.from_json(each)) for each in launch.meta["energy"].values()] == [[]] * 3


def test_a_step_has_joules_of_its_own(metered: Any, named: Any) -> None:
    """Watts times the seconds of the step, in the lineage with all its provenance, and from there in what it cost."""
    record = named(metered.run("lasts").records)["lasts"]
    (entry,) = record.lineage
    energy = Reading.from_json(entry["energy"])
    assert (energy.class_, energy.meter, energy.facts["per"]) == ("measured", "powercap", "step")
    assert lacking(energy) == []
    assert energy.value == pytest.approx(WATTS * entry["seconds"], rel=0.1)
    assert energy.low <= WATTS * entry["seconds"] <= energy.high
    for part in (record.compression, record.compression["phases"]["compress"], record.compression["break_even"]):
        cost = Reading.from_json(part.get("energy") or part["cost"])
        assert (cost.class_, cost.value, cost.low, cost.high) == ("measured", energy.value, energy.low, energy.high)
    assert record.compression["break_even"]["class"] == "measured"
    assert read_records(metered.folder().records_path, strict=True)


def test_starting_has_joules_measured_where_it_lasts_long_enough(metered: Any, named: Any) -> None:
    """Ten values of the counter here are 0.1 s: a warm-up of 15 calls of 10 ms is longer, an opening is not."""
    metered.backend_options = {"repeats": 30_000}
    record = named(metered.run("same").records)["same"]
    warm, load = (record.readings[name] for name in ("energy_warm_up", "energy_load"))
    seconds = [each.meta["headers"][record.cell.id]["phases"]["warm_up"]["seconds"] for each in windows(metered)]
    assert (warm.class_, warm.meter, warm.facts["per"], warm.n) == ("measured", "powercap", "warm-up", len(seconds))
    assert warm.value == pytest.approx(WATTS * sum(seconds) / len(seconds), rel=0.1)
    assert lacking(warm) == []
    assert (load.class_, lacking(load)) == ("estimated", [])
    assert "less than 10 values of the meter" in load.facts["not_measured"]


def test_a_meter_too_slow_for_an_opening_is_not_asked(metered: Any, named: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("bench.run.metering.OPENING_PERIOD_S", 0.001)
    record = named(metered.run("same").records)["same"]
    assert all(each["meter"] is None for each in metered.spy.of("open"))
    assert record.readings["energy_load"].class_ == "estimated"
    assert "too slow for what is this short" in record.readings["energy_load"].facts["not_measured"]


def test_an_opening_does_not_wait_for_a_meter_that_is_held(metered: Any, monkeypatch: Any) -> None:
    """A launch opens every side: to wait for each would be to stand still for as long as another run trains."""
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"slept for {seconds} s"))
    metering = Metering(Settings(Cache(metered.base / "cache"), metered.spy), metered.catalogue())
    meter = Meter("powercap", "bench_power:Powercap", seconds=30.0, period_s=0.001)
    with held(metered.base / "cache" / "locks" / "powercap.lock", patience_s=0), metering.for_opening(meter) as loan:
        assert loan.meter is None
        assert "in use by process" in str(loan.reason)
    with metering.for_opening(meter) as loan:
        assert (loan.meter, loan.reason) == (meter.to_json(), None)


def test_a_step_whose_meter_is_held_runs_all_the_same(metered: Any, named: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("bench.run.metering.LEAST_PATIENCE_S", 0.1)
    monkeypatch.setattr("bench.run.metering.PATIENCE_WINDOWS", 0.0)
    with held(metered.base / "cache" / "locks" / "powercap.lock", patience_s=0):
        record = named(metered.run("lasts").records)["lasts"]
    assert record.status == "ok"
    assert "in use by process" in record.lineage[0]["energy"]["reason"]
    energy = record.compression["energy"]
    assert (energy["class"], "in use by process" in energy["not_measured"]) == ("estimated", True)
    assert record.compression["break_even"]["class"] in ("estimated", "unavailable")


def test_a_resumed_run_reads_the_idle_entries_and_the_windows_of_before(metered: Any, named: Any) -> None:
    first = named(metered.run("same").records)
    metered.spy.requests.clear()
    metered.run("same")
    assert metered.spy.requests == [], "a finished run opens no window again"
    metered.folder().records_path.unlink()
    again = named(metered.run("same").records)
    assert again["same"].readings["energy"] == first["same"].readings["energy"]


def test_in_child_processes_through_a_one_file_plugin(house: Any, feeder: Fed, named: Any) -> None:
    house.files, house.spy.make = (*house.files, POWER), spawn_child
    house.settings = {"metering": Step("fed", {"path": str(feeder.file)}), "window_s": 0.3, "idle_s": 0.2}
    record = named(house.run("same").records)["same"]
    energy = record.readings["energy"]
    assert energy.class_ == "measured", energy.reason
    assert energy.low <= truth_j(house, record) <= energy.high


PROGRAM = """
import time
began = time.time()
while True:
    now = time.time()
    print(f"{now:.6f} {40.0 * (now - began):.6f}", flush=True)
    time.sleep(0.02)
"""


def test_a_program_is_a_meter_from_end_to_end(
    house: Any, named: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_PLUGINS", "power")
    script = tmp_path / "meter.py"
    script.write_text(PROGRAM)
    options = {"program": f"{sys.executable} {script}", "domain": "bench", "period": 0.2, "limit": 50.0}
    house.settings = {"metering": Step("command", options), "window_s": 0.5}
    record = named(house.run("same").records)["same"]
    energy = record.readings["energy"]
    assert (energy.class_, energy.meter, energy.facts["domains"]) == ("measured", "command", ["bench"]), energy.reason
    assert energy.low <= truth_j(house, record) <= energy.high
    assert energy.value == pytest.approx(truth_j(house, record), rel=0.05)


def test_a_counter_that_stands_still_gives_no_joules(metered: Any, feeder: Fed, named: Any) -> None:
    def stop(event: Any) -> None:
        if event.kind == "launch" and event.text.startswith("launch 1"):
            feeder.stop()

    record = named(metered.run("same", listen=stop).records)["same"]
    energy = record.readings["energy"]
    assert (record.status, energy.class_) == ("ok", "measured")
    assert (energy.facts["n_windows"], energy.facts["n_invalid"]) == (2, 1)
    assert (energy.low, energy.high) == (None, None)
    assert energy.verdict == record.validity["verdict"] == "suspect"


def test_one_that_stands_still_from_the_start_is_unavailable(metered: Any, feeder: Fed, named: Any) -> None:
    feeder.stop()
    record = named(metered.run("same").records)["same"]
    energy = record.readings["energy"]
    assert (record.status, energy.class_, energy.value) == ("ok", "unavailable", None)
    assert "stands still" in energy.reason
    assert "energy" not in record.ratios
    assert idles(metered) == []
    assert metered.spy.of("window") == []


def test_a_counter_that_may_not_be_read_says_how_to_permit_it(
    metered: Any, named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path) -> float:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(powercap, "PowercapMeter", partial(powercap.PowercapMeter, read=locked))
    record = named(metered.run("same").records)["same"]
    energy = record.readings["energy"]
    assert (record.status, energy.class_) == ("ok", "unavailable")
    assert 'SUBSYSTEM=="powercap"' in energy.reason
    assert any("no joules" in each.text for each in metered.events)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("silent", "does not say kind"),
        ("breaks", "the cable fell out"),
        ("fed", "nowhere is gone"),
    ],
)
def test_a_meter_that_fails_costs_the_number_not_the_cell(house: Any, named: Any, name: str, says: str) -> None:
    house.files = (*house.files, POWER)
    house.settings = {"metering": Step(name), "window_s": 0.1}
    record = named(house.run("same").records)["same"]
    assert (record.status, record.launches) == ("ok", 2)
    assert record.readings["energy"].class_ == "unavailable"
    assert says in record.readings["energy"].reason


def test_a_meter_that_takes_its_process_down_costs_the_number(house: Any, named: Any) -> None:
    house.files, house.spy.make = (*house.files, POWER), spawn_child
    house.settings = {"metering": Step("crashes")}
    record = named(house.run("same").records)["same"]
    assert record.status == "ok"
    assert "exited with code 5" in record.readings["energy"].reason


def test_auto_takes_the_estimator_where_nothing_can_read(house: Any, named: Any) -> None:
    house.files = (*house.files, POWER)
    house.settings = {"metering": Step("auto")}
    record = named(house.run("same").records)["same"]
    assert record.readings["energy"].class_ == "estimated"
    assert record.ratios["energy"].method == "paired-cpu-time"
    assert len(house.spy.of("available")) == 1


def test_auto_takes_the_first_meter_that_can_read(metered: Any, feeder: Fed, named: Any, tmp_path: Path) -> None:
    plugin = tmp_path / "power.py"
    plugin.write_text(POWER.read_text().replace('"nowhere"', repr(str(feeder.file))))
    metered.files = (*metered.files, plugin)
    metered.settings = {**metered.settings, "metering": Step("auto")}
    record = named(metered.run("same").records)["same"]
    assert (record.readings["energy"].meter, record.readings["energy"].class_) == ("fed", "measured")


def test_a_meter_that_somebody_holds_is_waited_for_and_given_up(
    metered: Any, named: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.run.metering.LEAST_PATIENCE_S", 0.1)
    monkeypatch.setattr("bench.run.metering.PATIENCE_WINDOWS", 0.0)
    lock = metered.base / "cache" / "locks" / "powercap.lock"
    with held(lock, patience_s=0):
        record = named(metered.run("same").records)["same"]
    assert record.status == "ok"
    assert "in use by process" in record.readings["energy"].reason
    assert any("waiting for the meter powercap" in each.text for each in metered.events)
