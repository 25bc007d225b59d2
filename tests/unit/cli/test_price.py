"""Carbon and cost columns: only what was asked for, as good as what they are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pluggy
import pytest

from bench import hooks
from bench.cli.price import Terms, carbon_factor, priced_columns
from bench.errors import BenchError
from bench.reading import Reading
from bench.record import Record
from bench.registry import Registry
from bench.suite.cell import Cell

FACTOR = {"g_per_kwh": 36.0, "place": "Elsewhere", "gases": "CO2eq", "source": "a table", "year": 2023}


class Table:
    """A plugin that knows one place."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @hooks.hookimpl
    def bench_carbon_factor(self, country: str, region: str | None) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {**self.answer, "place": f"{country}/{region}"} if self.answer else None


def registry(*answers: Any) -> Registry:
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(hooks)
    for each in answers:
        manager.register(Table(each))
    return Registry(manager, ())


def record(class_: str = "measured", value: float = 2.0) -> Record:
    energy = Reading("J", class_, value, value * 0.9, value * 1.1, 7, "m", facts={"domains": ["package"]})  # type: ignore[arg-type]
    latency = Reading("s", "measured", 0.0036, 0.003, 0.004, 100, "wall")
    return Record("a", "ok", Cell("s", "toy", (), "torch"), readings={"energy": energy, "latency": latency})


def test_nothing_is_added_unless_asked() -> None:
    assert priced_columns([record()], Terms(), registry()) == ({}, ())


def test_carbon_is_an_estimate_whatever_the_joules_are() -> None:
    records = [record("measured"), record("estimated")]
    columns, (note,) = priced_columns(records, Terms("ELS", "north"), registry(FACTOR))
    (readings,) = columns.values()
    assert list(columns) == ["CO2eq per million inferences"]
    assert [each.value for each in readings] == [pytest.approx(20.0)] * 2  # 2 J x 1e6 / 3.6e6 J a kWh x 36 g a kWh
    assert (readings[0].low, readings[0].high) == (pytest.approx(18.0), pytest.approx(22.0))
    assert [(each.class_, each.facts["of"]) for each in readings] == [
        ("estimated", "measured joules"),
        ("estimated", "estimated joules"),
    ]
    for words in ("36 g CO2eq per kWh", "ELS/north", "2023", "a table", "estimated", "never ranked across regions"):
        assert words in note


def test_costs_by_electricity_and_by_the_hour() -> None:
    columns, notes = priced_columns([record("estimated")], Terms(per_kwh=0.9, per_hour=2.0, currency="EUR"), registry())
    power, machine = (each[0] for each in columns.values())
    assert (power.value, power.unit, power.class_) == (pytest.approx(0.5), "EUR", "estimated")
    assert (machine.value, machine.unit, machine.class_) == (pytest.approx(2.0), "EUR", "derived")
    assert len(notes) == 2
    assert (
        priced_columns([record()], Terms(per_kwh=0.9, currency="EUR"), registry())[0].popitem()[1][0].class_
        == "derived"
    )  # type: ignore[attr-defined]


def test_a_batch_shares_its_time() -> None:
    one = record()
    four = replace(one, cell=replace(one.cell, batch=4))
    (readings,) = priced_columns([one, four], Terms(per_hour=2.0, currency="EUR"), registry())[0].values()
    assert readings[0].value == pytest.approx(4 * readings[1].value)


def test_what_is_missing_stays_missing_with_its_reason() -> None:
    lost = replace(record(), readings={"energy": Reading.missing("J", "no counter")})
    terms = Terms("ELS", per_hour=1.0, currency="EUR")
    carbon, machine = (each[0] for each in priced_columns([lost], terms, registry(FACTOR))[0].values())
    assert (carbon.value, carbon.reason) == (None, "no counter")
    assert (machine.value, machine.reason) == (None, "no latency was measured")


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (Terms(region="north"), "--region needs --country"),
        (Terms(per_kwh=1.0), "needs its currency"),
        (Terms(per_hour=1.0), "needs its currency"),
        (Terms(currency="EUR"), "--currency needs a price"),
    ],
)
def test_terms_that_do_not_go_together(terms: Terms, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        priced_columns([record()], terms, registry())


def test_the_first_plugin_that_knows_the_place_answers() -> None:
    assert carbon_factor(registry(FACTOR, None), "ELS", None)["g_per_kwh"] == 36.0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "no plugin here knows"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        ({"g_per_kwh": 1.0}, "KeyError"),
        (BenchError("'FRX' is no country"), "'FRX' is no country"),
    ],
)
def test_no_factor_is_an_error_that_says_why(answer: Any, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        carbon_factor(registry(answer), "FRX", None)
