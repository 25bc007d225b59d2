"""Two tables of codecarbon, read offline: carbon intensity of electricity, and design power of processors.

Only the files are read: codecarbon itself is never imported, so nothing tracks, asks the network or guesses a place.
An unknown place is an error here, never a silent world average. Whatever is computed with a table is an estimate.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

import bench

JOULES_PER_KWH = 3.6e6
G_PER_LB = 453.59237  # exact: the international pound (1959)
KWH_PER_MWH = 1000.0
COUNTRIES = "data/private_infra/global_energy_mix.json"
STATES = "data/private_infra/2023/usa_emissions.json"
PROVINCES = "data/private_infra/2023/china_provincial_emissions.json"
NORDIC = "data/private_infra/nordic_emissions.json"
PROCESSORS = "data/hardware/cpu_power.csv"
LETTERS = 3
NORDIC_ZONES = {"SWE": "SE", "NOR": "NO", "FIN": "FI"}
# What the processor's own name carries and the table's does not.
DECORATION = re.compile(r"\((?:r|tm|c)\)|\bcpu\b|\bprocessor\b|\b\d+-core\b|@.*$|\bwith .*$", re.IGNORECASE)


@dataclass(frozen=True)
class CarbonFactor:
    """Grams of carbon dioxide (equivalent, or alone: see `gases`) per kWh of a place's electricity, and whence."""

    g_per_kwh: float
    place: str
    gases: str
    source: str
    year: int

    def kg(self, joules: float) -> float:
        """Return kilograms for so many joules."""
        return joules / JOULES_PER_KWH * self.g_per_kwh / 1000

    def facts(self) -> Mapping[str, Any]:
        """Return what must stand beside a number of kilograms."""
        return {
            "class": "estimated",
            "g_per_kwh": self.g_per_kwh,
            "place": self.place,
            "gases": self.gases,
            "source": self.source,
            "year": self.year,
        }


@dataclass(frozen=True)
class DesignPower:
    """Thermal design power of one processor package in watts, the table's name of it, and the table."""

    watts: float
    name: str
    source: str


def carbon_factor(country: str, region: str | None = None) -> CarbonFactor:
    """Return the factor of a country (ISO 3166-1 alpha-3, "FRA"), or of a region of it where the tables have one.

    Regions: states of the USA, provinces of China (names), bidding zones of Sweden, Norway and Finland. Raises
    BenchError, naming the nearest known place, for any other, and when codecarbon is not installed.
    """
    countries = _table(COUNTRIES)
    code = country.strip().upper()
    if code not in countries:
        if len(code) == LETTERS - 1:  # the two-letter code of the same standard, which these tables do not use
            raise _two_letters(code, countries)
        names = {str(entry["country_name"]).lower(): known for known, entry in countries.items()}
        raise _unknown("country", country, countries, names.get(country.strip().lower()))
    if region is not None:
        return _regional(code, region)
    entry = countries[code]
    return CarbonFactor(
        g_per_kwh=float(entry["carbon_intensity"]),
        place=str(entry["country_name"]),
        gases="CO2eq",
        source=f"Our World in Data, carbon intensity of electricity, in {_version()}",
        year=int(entry["year"]),
    )


def _two_letters(code: str, countries: Mapping[str, Any]) -> bench.BenchError:
    near = ", ".join(f"{each} ({countries[each]['country_name']})" for each in countries if each.startswith(code))
    return bench.BenchError(f"'{code}' is no country of three letters", cure=f"known: {near}" if near else None)


def design_power(processor: str) -> DesignPower | None:
    """Return the design power of a processor by the name the system gives it, None when the table does not have it.

    Only the same name counts, apart from decoration ("(R)", "CPU", "16-Core Processor", "@ 2.40GHz"): a near name may
    be another processor with twice the power. A name that stands there with two powers counts as missing.
    """
    table = _processors()
    found = table.get(_plain(processor))
    return found and DesignPower(found[1], found[0], f"{PROCESSORS.rsplit('/', 1)[1]} of {_version()}")


def _regional(code: str, region: str) -> CarbonFactor:
    if code == "USA":
        return _state(region)
    if code == "CHN":
        return _province(region)
    if code in NORDIC_ZONES:
        return _zone(code, region)
    raise bench.BenchError(
        f"the tables have no regions of {code}", cure="leave the region out, or give the factor yourself"
    )


def _state(region: str) -> CarbonFactor:
    states = _table(STATES)
    known = {name for name in states if not name.startswith("_")}
    name = region.strip().lower()
    name = next((each for each in known if states[each]["regionCode"].lower() == name), name)
    if name not in known:
        raise _unknown("state of the USA", region, known)
    grams = float(states[name]["emissions"]) * G_PER_LB / KWH_PER_MWH
    source = states["_source"]
    return CarbonFactor(grams, name.title(), "CO2eq", f"{source['name']}, in {_version()}", int(source["year"]))


def _province(region: str) -> CarbonFactor:
    table = _table(PROVINCES)
    names = {name: entry for entry in table["data"].values() for name in entry["names"]}
    entry = names.get(region.strip().lower())
    if entry is None:
        raise _unknown("province of China", region, names)
    source = f"{str(table['metadata']['source']).split(',', 1)[0]}, in {_version()}"
    return CarbonFactor(float(entry["emission_factor"]), entry["description"], "CO2", source, int(entry["year"]))


def _zone(code: str, region: str) -> CarbonFactor:
    table = _table(NORDIC)
    zones = {name: entry for name, entry in table["data"].items() if name.startswith(NORDIC_ZONES[code])}
    entry = zones.get(region.strip().upper())
    if entry is None:
        raise _unknown(f"bidding zone of {code}", region, zones)
    source = f"ENTSO-E generation by type, per zone, in {_version()}"
    return CarbonFactor(float(entry["emission_factor"]), entry["description"], "CO2eq", source, int(entry["year"]))


def _unknown(what: str, asked: str, known: Iterable[str], better: str | None = None) -> bench.BenchError:
    names = sorted(known)
    shown = asked[:40]
    fold = {name.lower(): name for name in names}
    near = [better] if better else [fold[each] for each in difflib.get_close_matches(shown.lower(), fold, n=1)]
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
    return bench.BenchError(f"{shown!r} is no {what} of the tables", cure=hint)


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Find codecarbon's files without importing it."""
    found = util.find_spec("codecarbon")
    if found is None or not found.submodule_search_locations:
        raise bench.BenchError("codecarbon's tables are not installed", cure="pip install codecarbon")
    return Path(found.submodule_search_locations[0])


@lru_cache(maxsize=8)
def _table(name: str) -> Any:
    try:
        return json.loads((_folder() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise bench.BenchError(f"{_version()} has no readable {name}: {error}", cure="install codecarbon 3.3") from None


@lru_cache(maxsize=1)
def _processors() -> Mapping[str, tuple[str, float]]:
    found: dict[str, set[tuple[str, float]]] = {}
    with (_folder() / PROCESSORS).open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            with contextlib.suppress(ValueError):  # a few powers are misspelt there: "27.29.5"
                found.setdefault(_plain(row["Name"]), set()).add((row["Name"], float(row["TDP"])))
    return {plain: min(rows) for plain, rows in found.items() if len({watts for _, watts in rows}) == 1}


def _plain(name: str) -> str:
    return " ".join(DECORATION.sub(" ", name).lower().split())


def _version() -> str:
    return f"codecarbon {metadata.version('codecarbon')}"
