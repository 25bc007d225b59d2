"""Scenarios: MLPerf's names for when queries are issued, with the options that a suite may give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bench.errors import did_you_mean
from bench.suite.cell import MULTI_STREAM, OFFLINE, SAMPLES, SERVER, SINGLE_STREAM, Step
from bench.suite.recipes import Reader
from bench.suite.tree import Keys
from bench.units import parse_quantity

SCENARIOS = (SINGLE_STREAM, MULTI_STREAM, SERVER, OFFLINE)
MOST_SAMPLES, LONGEST_S, FASTEST = 65_536, 600.0, 1e7
SHAPE = "a scenario is a name, or a name with its options: 'offline', or 'server: {p99: 50 ms}'"
NEEDS = "'server' needs a bound or a rate: write {server: {p99: 50 ms}} or {server: {rate: 200}}"
_RATE = re.compile(r"\s*(?P<number>[^/\s]+)\s*(/\s*s)?\s*")


def read_scenario(entry: Any, keys: Keys, reader: Reader) -> Step | None:
    """Return a scenario and its options in SI; what is wrong is added to the problems, and it is then None.

    In a pattern of `exclude` no option is needed: `server` is every server.
    """
    if isinstance(entry, str):
        entry = {entry: None}
    if not isinstance(entry, dict) or len(entry) != 1:
        reader.problems.at_value(keys, SHAPE)
        return None
    [(name, given)] = entry.items()
    place = (*keys, name)
    if name not in SCENARIOS:
        found = str(name)
        reader.problems.at_name(keys, found, f"unknown scenario '{found[:40]}'.{did_you_mean(found, SCENARIOS)}")
        return None
    if given is not None and not isinstance(given, dict):
        reader.problems.at_value(place, f"the options of '{name}' are a mapping, like {{key: value}}")
        return None
    options = _options(name, given or {}, place, reader)
    if options is None or reader.partial:
        return None if options is None else Step(name, options)
    if name == SERVER and not {"p99", "rate"} & set(options):
        reader.problems.at_name(keys, name, NEEDS)
        return None
    return Step(name, {"samples": SAMPLES, **options} if name == MULTI_STREAM else options)


def _options(name: str, given: Mapping[str, Any], keys: Keys, reader: Reader) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    before = len(reader.problems.errors)
    for key, value in given.items():
        if key not in OPTIONS[name]:
            what = f"unknown option '{str(key)[:40]}' of '{name}'.{did_you_mean(str(key), OPTIONS[name])}"
            reader.problems.at_key((*keys, key), what if OPTIONS[name] else f"'{name}' takes no options")
            continue
        try:
            found[key] = OPTIONS[name][key](value)
        except ValueError as error:
            reader.problems.at_value((*keys, key), str(error))
    return found if len(reader.problems.errors) == before else None


def _samples(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SAMPLES:
        return value
    raise ValueError(f"'samples' expects a whole number from 1 to {MOST_SAMPLES:,}, not {str(value)[:40]!r}")


def _seconds(value: Any) -> float:
    found = parse_quantity(str(value), "time")
    if not 0 < found <= LONGEST_S:
        raise ValueError(f"a time above 0 and of at most {LONGEST_S:g} s is expected here, not {str(value)[:40]!r}")
    return found


def _confidence(value: Any) -> float:
    found = parse_quantity(str(value), "fraction")
    if not 0.5 <= found < 1:
        raise ValueError(f"a confidence lies between 50 % and 100 %, not {str(value)[:40]!r}")
    return found


def _margin(value: Any) -> float:
    found = parse_quantity(str(value), "fraction")
    if not 1e-4 <= found <= 0.01:
        raise ValueError(f"the margin of a p99 lies between 0.01 pp and 1 pp, not {str(value)[:40]!r}")
    return found


def _rate(value: Any) -> float:
    match = _RATE.fullmatch(str(value)[:100])
    try:
        found = parse_quantity(match["number"], "count") if match and not isinstance(value, bool) else 0.0
    except ValueError:
        found = 0.0
    if not 0 < found <= FASTEST:
        raise ValueError(f"a rate is a number of queries a second, like 200 or '200/s', not {str(value)[:40]!r}")
    return found


Read = Callable[[Any], Any]
_COUNT: Mapping[str, Read] = {"confidence": _confidence, "margin": _margin, "duration": _seconds}
OPTIONS: Mapping[str, Mapping[str, Read]] = MappingProxyType(
    {
        SINGLE_STREAM: {},
        MULTI_STREAM: {"samples": _samples, **_COUNT},
        SERVER: {"p99": _seconds, "rate": _rate, **_COUNT},
        OFFLINE: {"duration": _seconds},
    }
)
