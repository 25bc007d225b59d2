"""Carbon and cost: columns of the leaderboard made of the records' joules and seconds and of what the user states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from bench.reading import STRENGTH, Class, Reading
from bench.record import Record
from bench.registry import Registry

MILLION = 1e6  # inferences; what one costs is too small to read
JOULES_PER_KWH, SECONDS_PER_HOUR = 3.6e6, 3600.0
Columns = Mapping[str, Sequence[Reading]]


@dataclass(frozen=True)
class Terms:
    """What the user states: a place, prices of a kWh and of a machine-hour, and the currency they are in."""

    country: str | None = None
    region: str | None = None
    per_kwh: float | None = None
    per_hour: float | None = None
    currency: str | None = None

    def check(self) -> None:
        """Raise BenchError for terms that do not go together."""
        priced = self.per_kwh is not None or self.per_hour is not None
        if self.region is not None and self.country is None:
            raise BenchError("--region needs --country", cure="give the country's three letters, as in --country FRA")
        if priced and self.currency is None:
            raise BenchError("a price needs its currency", cure="add --currency, as in --currency EUR")
        if self.currency is not None and not priced:
            raise BenchError("--currency needs a price", cure="add --price-kwh or --price-hour")


def priced_columns(records: Sequence[Record], terms: Terms, registry: Registry) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns that the terms ask for, a reading a record, and what must be said beside them."""
    terms.check()
    columns: dict[str, Sequence[Reading]] = {}
    notes = []
    if terms.country is not None:
        factor = carbon_factor(registry, terms.country, terms.region)
        grams = factor["g_per_kwh"] / JOULES_PER_KWH * MILLION
        title = f"{factor['gases']} per million inferences"
        columns[title] = [_of_energy(each, grams, "g", "estimated", factor) for each in records]
        notes.append(_carbon_note(factor))
    unit = terms.currency or ""
    if terms.per_kwh is not None:
        price = terms.per_kwh / JOULES_PER_KWH * MILLION
        columns["Electricity per million inferences"] = [
            _of_energy(each, price, unit, "derived", {}) for each in records
        ]
        notes.append(f"Electricity: {terms.per_kwh:g} {unit} per kWh, as stated; as good as the joules are.")
    if terms.per_hour is not None:
        price = terms.per_hour / SECONDS_PER_HOUR * MILLION
        columns["Machine per million inferences"] = [_of_latency(each, price, unit) for each in records]
        notes.append(
            f"Machine: {terms.per_hour:g} {unit} per hour, as stated; one query after another at the median latency."
        )
    return columns, tuple(notes)


def carbon_factor(registry: Registry, country: str, region: str | None) -> Mapping[str, Any]:
    """Ask the plugins for a place's factor. Raises BenchError when none knows it, or one fails."""
    try:
        found: Any = registry.manager.hook.bench_carbon_factor(country=country, region=region)
        if found is not None:
            named = {key: str(found[key]) for key in ("place", "gases", "source", "year")}
            return {**named, "g_per_kwh": float(found["g_per_kwh"])}
    except BenchError:
        raise
    except Exception as error:  # a plugin may fail in any way; it is said in its own words
        raise BenchError(f"a plugin's bench_carbon_factor failed: {type(error).__name__}: {error}") from error
    raise BenchError("no plugin here knows carbon factors", cure="install joulebench's plugin bench_power")


def _carbon_note(factor: Mapping[str, Any]) -> str:
    return (
        f"Carbon: {factor['g_per_kwh']:.4g} g {factor['gases']} per kWh, {factor['place']}, {factor['year']} "
        f"({factor['source']}). An average of the grid, so ○ estimated at best, and no better than the joules it "
        "is made of; never ranked across regions."
    )


def _of_energy(record: Record, per_joule: float, unit: str, best: Class, facts: Mapping[str, Any]) -> Reading:
    energy = record.readings.get("energy")
    if energy is None or energy.value is None:
        return Reading.missing(unit, (energy.reason if energy else None) or "the joules of an inference are not known")
    own = {"of": f"{energy.class_} joules", "domains": energy.facts.get("domains"), "factor": dict(facts)}
    return _scaled(energy, per_joule, unit, best, own)


def _of_latency(record: Record, per_second: float, unit: str) -> Reading:
    latency = record.readings.get("service", record.readings.get("latency"))  # of a server: waiting costs nothing
    if latency is None or latency.value is None:
        return Reading.missing(unit, "no latency was measured")
    return _scaled(
        latency, per_second / max(record.cell.query_samples, 1), unit, "derived", {"of": f"{latency.class_} latency"}
    )


def _scaled(reading: Reading, factor: float, unit: str, best: Class, facts: Mapping[str, Any]) -> Reading:
    """Return a reading times a factor, of the weaker of its own class and of the best that the factor allows."""
    assert reading.value is not None
    low, high = (None if end is None else end * factor for end in (reading.low, reading.high))
    class_ = max((reading.class_, best), key=STRENGTH.__getitem__)
    doubt = {"verdict": reading.verdict, "reasons": reading.reasons}
    return Reading(unit, class_, reading.value * factor, low, high, reading.n, facts=facts, **doubt)  # type: ignore[arg-type]
