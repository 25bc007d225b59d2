"""Declared watts: no default, estimated, with the source on the reading; the host is not charged."""

import pytest
from bench_power import Declared
from bench_power.declared import DeclaredMeter

import bench
from bench.record_checks import check_readings
from bench.worker.meters import Spans, Watch


def window(seconds: float, **options) -> bench.Reading:
    now = [5.0]
    meter = DeclaredMeter(
        **{"watts": 200.0, "source": "data sheet", "factor": 2.0, "domain": "tpu", **options}, clock=lambda: now[0]
    )
    token = meter.start()
    now[0] += seconds
    return meter.stop(token)


def test_joules_are_declared_watts_times_seconds():
    found = window(3.0)
    assert (found.value, found.low, found.high) == (600.0, 300.0, 1200.0)
    assert (found.class_, found.facts["kind"], found.facts["domains"]) == ("estimated", "declared", ["tpu"])
    assert found.facts["coefficients"] == {"watts": 200.0, "factor": 2.0, "source": "data sheet"}


def test_a_record_refuses_them_as_measured_or_without_their_source():
    good = {**window(3.0).to_json(), "per": "inference"}
    check_readings({"energy": good})
    with pytest.raises(ValueError, match="it is estimated"):
        check_readings({"energy": {**good, "class": "measured"}})
    with pytest.raises(ValueError, match="lacks source"):
        check_readings({"energy": {**good, "coefficients": {"watts": 200.0, "factor": 2.0}}})


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({}, "watts and source"),
        ({"watts": 200.0}, "source"),
        ({"source": "x"}, "watts"),
        ({"watts": 1, "source": " "}, "source"),
    ],
)
def test_there_is_no_default(options, gone):
    meter = Declared(**options)
    assert meter.available().endswith(f"{gone} is missing")
    assert meter.stop(meter.start()).value is None


def test_work_on_the_processor_is_not_charged_with_an_accelerators_watts():
    meter = Declared(watts=200.0, source="data sheet")
    assert meter.available() is None
    on_host = Spans(Watch(meter), "cpu").around(lambda: None, "step")
    on_card = Spans(Watch(meter), "xla:TPU").around(lambda: None, "load")
    assert on_host.energy.value is None
    assert on_card.energy.value > 0
    board = Declared(watts=9.0, source="meter at the wall", domain="board")
    assert Spans(Watch(board), "cpu").around(lambda: None, "step").energy.value > 0
