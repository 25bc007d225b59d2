"""A launch, and whether what a file says of one can be used: everything that reads it later may rely on this."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.reading import Reading

Samples = Any  # int64[rounds, n + 5]: see bench.measure.recorder
TAIL = 5
SUPERSEDED = "superseded"  # of the metadata: cells whose samples were taken out, to be measured afresh
# Of a side's header; an older version may not have kept some, and a kernel may not tell peaks.
NEEDED_NS, OPTIONAL = ("import_ns", "load_ns", "first_ns"), ("base_bytes", "load_peak_bytes", "inference_peak_bytes")
NEEDED_PLAN: Mapping[str, tuple[str, ...]] = {
    "offline": ("calls", "samples"),
    "multi-stream": ("queries", "confidence", "asked"),
    "server": ("queries", "confidence", "asked", "rate"),
}


@dataclass(frozen=True)
class Launch:
    """One launch: `meta` (order, machine facts, headers by cell id) and each side's blocks by cell id.

    `queries` are the latencies of those issued as the scenario does: int64[rounds, queries], ns; none in single-stream.
    `name` is that of its file in the journal ("00001"), empty before it has one.
    """

    meta: Mapping[str, Any]
    samples: Mapping[str, Samples]
    queries: Mapping[str, Samples] = field(default_factory=dict)
    name: str = field(default="", compare=False)

    @property
    def sides(self) -> list[str]:
        """Cell ids measured in this launch."""
        return list(self.samples)

    def seal(self, *cells: str) -> str:
        """Return the sha256 of what some cells measured, samples and queries, and of all that is said of the launch.

        It holds for those cells however the file is written, and when others' samples are taken out of it.
        """
        said = {name: each for name, each in self.meta.items() if name != SUPERSEDED}
        state = hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode())
        for part, of in (("", self.samples), ("/queries", self.queries)):
            for cell in sorted({*cells} & of.keys()):
                value = of[cell].astype("<i8")
                state.update(f"\n{cell}{part} {value.shape}\n".encode() + value.tobytes())
        return state.hexdigest()


class Damaged(ValueError):
    """A journal file that is no launch; the message says what is wrong with it."""


def check(launch: Launch) -> Launch:
    """Return a launch whose metadata has what is read from it later, of the right kind. Raises Damaged."""
    try:
        _check(launch)
    except Damaged:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise Damaged(f"its metadata cannot be used ({type(error).__name__}: {error})"[:200]) from error
    return launch


def _check(launch: Launch) -> None:
    meta = _mapping(launch.meta, "meta")
    artifacts = _mapping(meta.get("artifacts"), "artifacts")
    _number(meta.get("seconds"), "seconds")
    _number(meta.get("metered_s", 0.0), "metered_s")
    if "idle" in meta:
        Reading.from_json(_mapping(_mapping(meta["idle"], "idle").get("reading"), "idle.reading"))
    elif not launch.samples:
        raise Damaged("it holds no samples")
    for cell, reading in _mapping(meta.get("energy", {}), "energy").items():
        _reading(reading, f"energy.{cell}")
    watch = _mapping(meta.get("watch") or {}, "watch")
    for name, value in watch.items():
        if value is not None:
            _number(value, f"watch.{name}")
    for cell, windows in _mapping(meta.get("counted") or {}, "counted").items():
        _require(isinstance(windows, list), f"no counts of {cell}")
        for each in windows:
            for name in ("calls", "executed", "compiled"):
                _number(_mapping(each, f"counted.{cell}").get(name), f"counted.{cell}.{name}")
    for cell, samples in launch.samples.items():
        _require(isinstance(artifacts.get(cell), str), f"no artifact of {cell}")
        _check_samples(meta, samples)
        _check_header(_mapping(_mapping(meta.get("headers"), "headers").get(cell), f"headers.{cell}"))
        outputs = _mapping(meta.get("outputs"), "outputs").get(cell)
        _require(isinstance(outputs, list) and all(isinstance(each, str) for each in outputs), f"no outputs of {cell}")
    _check_queries(meta, launch)


def _check_queries(meta: Mapping[str, Any], launch: Launch) -> None:
    """Check what a scenario issued: all sides that have blocks have queries, or none has."""
    if "scenario" not in meta:
        _require(not launch.queries, "queries of no scenario")
        return
    scenario = _mapping(meta["scenario"], "scenario")
    plan = _mapping(scenario.get("plan"), "scenario.plan")
    _number(scenario.get("seconds"), "scenario.seconds")
    _require(plan.get("name") in NEEDED_PLAN, "no scenario.plan.name")
    for name in ("rounds", *NEEDED_PLAN[str(plan["name"])]):
        _number(plan.get(name), f"scenario.plan.{name}")
        _require(plan[name] > 0, f"scenario.plan.{name} is 0")
    _require(set(launch.queries) == set(launch.samples), "queries of other sides than were measured")
    durations = _mapping(scenario.get("durations_ns"), "scenario.durations_ns")
    for cell, latencies in launch.queries.items():
        _require(latencies.shape[0] == plan["rounds"] and bool((latencies >= 0).all()), f"no latencies of {cell}")
        _require(latencies.shape[1] == plan.get("queries", 1), f"other queries of {cell} than were planned")
        each = durations.get(cell)
        _require(isinstance(each, list) and len(each) == plan["rounds"], f"no durations of {cell}")
        for value in each or ():
            _number(value, f"durations_ns.{cell}", least=1.0)
    for cell, found in _mapping(scenario.get("highest") or {}, "scenario.highest").items():
        for name in ("passed", "failed"):
            if _mapping(found, f"highest.{cell}").get(name) is not None:
                _number(found[name], f"highest.{cell}.{name}", least=1e-9)


def _check_samples(meta: Mapping[str, Any], samples: Samples) -> None:
    for name in ("n", "rounds"):
        _require(type(meta.get(name)) is int and meta[name] > 0, f"{name} is no positive number")
    n, rounds = int(meta["n"]), int(meta["rounds"])
    _require(samples.shape == (rounds, n + TAIL), f"samples of the shape {samples.shape}")
    walls = samples[:, :n]
    # A single call may last less than the clock's step; a block of nothing but zeros is a block that was lost.
    _require(bool((walls >= 0).all() and walls.any(axis=1).all()), "wall times that are zero or less")


def _check_header(header: Mapping[str, Any]) -> None:
    _mapping(header.get("facts"), "headers.facts")
    for name in NEEDED_NS:
        _number(header.get(name), f"headers.{name}")
    for name in (*OPTIONAL, "clock_step_ns"):
        if header.get(name) is not None:
            _number(header[name], f"headers.{name}")
    for name, phase in _mapping(header.get("phases", {}), "headers.phases").items():
        for part in ("seconds", "cpu_s"):
            _number(_mapping(phase, f"phases.{name}").get(part), f"phases.{name}.{part}")
        if "energy" in phase:
            _reading(phase["energy"], f"phases.{name}.energy")
    _require("phases" not in header or {"load", "warm_up"} <= set(header["phases"]), "a phase is missing")


def _reading(value: Any, name: str) -> None:
    reading = Reading.from_json(_mapping(value, name))
    _require(reading.unit == "J" and isinstance(reading.class_, str), f"{name} is no reading of joules")
    for each in (reading.value, reading.low, reading.high):
        if each is not None:
            _number(each, name, least=-math.inf)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    _require(isinstance(value, Mapping), f"no {name}")
    found: Mapping[str, Any] = value
    return found


def _number(value: Any, name: str, least: float = 0.0) -> None:
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= least
    _require(fine, f"{name} is no number")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Damaged(otherwise)
