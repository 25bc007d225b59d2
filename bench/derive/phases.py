"""Joules of starting: opening an artifact and warming up, measured where a counter is quick enough, else estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.derive.energy import identity, joules_of_windows
from bench.derive.estimate import estimated
from bench.reading import Reading
from bench.stats import median_interval
from bench.store import Launch

# Readings by the name under which a launch's header keeps a phase.
STARTING = {"energy_load": "load", "energy_warm_up": "warm_up"}
NOT_KEPT = "its processor time was not kept: it was measured by an older version"
NO_METER = "no energy meter can read here and no estimator is installed"
STILL = "the processor clock did not advance"


def starting(launches: Sequence[Launch], cell: str, meter: Mapping[str, Any] | None) -> dict[str, Reading]:
    """Return the joules of opening a cell's artifact and of warming it up, once a launch.

    Warming up begins with the first call. `meter` holds the facts of the estimator that stands in where no window was
    opened or none has a value; `not_measured` then says why not.
    """
    headers = [each.meta["headers"][cell] for each in launches]
    phases = {name: [each["phases"][key] for each in headers if "phases" in each] for name, key in STARTING.items()}
    return {name: _phase(name, found, meter) for name, found in phases.items()}


def _phase(name: str, found: Sequence[Mapping[str, Any]], meter: Mapping[str, Any] | None) -> Reading:
    per = STARTING[name].replace("_", "-")
    windows = [Reading.from_json(each["energy"]) for each in found if "energy" in each]
    valid = [each for each in windows if each.value is not None]
    if valid:  # those of the last meter, where a run was resumed with another
        same = [each for each in valid if identity(each) == identity(valid[-1])]
        return joules_of_windows(same, len(windows) - len(valid), per=per)
    lost = [str(each.reason) for each in windows]
    if not found or meter is None:
        return Reading.missing("J", lost[0] if lost else NO_METER if found else NOT_KEPT)
    cpu = median_interval(np.array([float(each["cpu_s"]) for each in found]))
    if cpu.value <= 0:
        return Reading.missing("J", STILL)
    facts = {"per": per, "cpu_s": cpu.value, **({"not_measured": lost[0]} if lost else {})}
    window_s = sum(float(each["seconds"]) for each in found)
    return estimated(cpu.value, meter, window_s=window_s, n=len(found), between=(cpu.low, cpu.high), **facts)
