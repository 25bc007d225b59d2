"""What a record must say, and in which shape: checked when one is read and before one is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench import shapes
from bench.audit import VERDICTS as AUDIT_VERDICTS
from bench.reading import CLASSES, OWN, STRENGTH, VALIDITY, Reading, lacking

DEEPEST = 6  # no reading lies deeper in a record
STEP_JOULES = ("energy", "train_energy")  # of a step in the lineage
# A number that has lost its unit, or gained another, is another number. Quality is in its metric's unit.
COUNTS = frozenset({"count", "1", ""})
UNITS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("latency", "startup", "service"), frozenset({"s"})),
    **dict.fromkeys(("throughput", "max_rate"), frozenset({"1/s"})),
    **dict.fromkeys(("energy", "energy_load", "energy_warm_up"), frozenset({"J"})),
    **dict.fromkeys(("memory", "size", "size_compressed", "size_encoded"), frozenset({"B", "byte", "bytes"})),
    **dict.fromkeys(("parameters", "nonzero", "bitops"), COUNTS),
    "flops": frozenset({"FLOP", "FLOPs", "flop", "flops"}),
}
# An estimate by these models owes each of its coefficients.
MODELS: Mapping[str, tuple[str, ...]] = {
    "cpu-seconds": ("watts_per_cpu", "factor", "source"),
    "declared": ("watts", "factor", "source"),
    "utilisation": ("tdp_w", "tdp_of", "tdp_source", "packages", "idle", "full", "factor", "source"),
}
PARTS = ("edges_j", "quantum_j", "ripple_j", "gaps_j", "calibration_j")  # of a window's stated uncertainty
ADDS_UP = 1e-6  # relative; the parts were added in floating point
PROCESSOR_TIME = "paired-cpu-time"
# What is measured has an interval, or says why not. Records of before `no_interval` say it by what they counted: with
# fewer launches than these the median of a sample is not bounded at 95 %.
INTERVALS = frozenset(
    {
        "latency",
        "startup",
        "service",
        "throughput",
        "max_rate",
        "memory",
        "quality",
        *(name for name in UNITS if name.startswith("energy")),
    }
)
BOUNDING = 6
RATIO: Mapping[str, tuple[shapes.Check, str]] = {
    "value": shapes.NUMBER,
    **dict.fromkeys(("low", "high", "wall", "work", "work_low", "work_high"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("against", "method"), shapes.TEXT),
    "n": shapes.COUNT_OR_NULL,
    "class": (lambda value: shapes.is_text(value) and value in CLASSES, f"one of {', '.join(CLASSES)}"),
    **dict.fromkeys(("ci_not_reached", "descheduled"), shapes.FLAG),
}
LIMIT: Mapping[str, tuple[shapes.Check, str]] = {
    "limit": shapes.NUMBER,
    "value": shapes.NUMBER_OR_NULL,
    "ok": (shapes.optional(shapes.is_flag), "true, false or null"),
}
CHECKED = ("same", "changed", "lossy", "unchecked")  # what the check of a conversion finds
STEP: Mapping[str, tuple[shapes.Check, str]] = {
    **dict.fromkeys(("seconds", "cpu_s", "train_s", "train_cpu_s"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("step", "from", "to", "kind", "device", "processor"), shapes.TEXT_OR_NULL),
    **dict.fromkeys(("options", "conversion"), shapes.MAPPING),
    "log": shapes.TEXTS,
    "data": (shapes.listing(shapes.is_mapping), "a list of mappings"),
    "train_samples": shapes.NUMBER_OR_NULL,
}
CONVERSION: Mapping[str, tuple[shapes.Check, str]] = {
    "verdict": (
        lambda value: shapes.is_text(value) and value in CHECKED,
        f"one of {', '.join(CHECKED)}",
    ),
    **dict.fromkeys(("max_abs", "max_rel", "top1", "tolerance"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("reason", "reference", "by"), shapes.TEXT_OR_NULL),
    "examples": shapes.COUNT_OR_NULL,
    "renamed": shapes.MAPPING,
}
AUDIT: Mapping[str, tuple[shapes.Check, str]] = {
    "verdict": (
        shapes.optional(lambda value: shapes.is_text(value) and value in AUDIT_VERDICTS),
        f"null or one of {', '.join(AUDIT_VERDICTS)}",
    ),
    "advice": shapes.TEXT,
    **dict.fromkeys(("stored", "executed", "speed_up"), shapes.MAPPING),
    **dict.fromkeys(("claimed", "findings"), (shapes.listing(shapes.is_mapping), "a list of mappings")),
}
EVIDENCE: Mapping[str, tuple[shapes.Check, str]] = {
    **dict.fromkeys(("launches", "idle", "settings", "metric"), shapes.MAPPING),
    **dict.fromkeys(("data", "reference", "outcomes"), shapes.TEXT),
    "baseline": shapes.TEXTS,
}
SPENT: Mapping[str, tuple[shapes.Check, str]] = {
    **dict.fromkeys(("seconds", "cpu_s", "train_s", "samples"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("energy", "samples_per_joule", "of_original", "quality"), shapes.MAPPING),
}
BREAK_EVEN: Mapping[str, tuple[shapes.Check, str]] = {
    **dict.fromkeys(("inferences", "low", "high", "saves", "cost_s", "saving_s"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("verdict", "class", "basis", "reason", "method"), shapes.TEXT_OR_NULL),
    **dict.fromkeys(("cost", "processor_time", "served_on"), shapes.MAPPING),
    "not_charged": shapes.TEXTS,
    "made_on": (shapes.listing(shapes.is_mapping), "a list of mappings"),
}


def check_whole(data: Mapping[str, Any]) -> None:
    """Raise ValueError unless a record's document says what every record must, in a shape that readers bear."""
    shapes.refuse_unreadable(data)
    _owes(data.get("validity", {}), ("verdict", "reasons"), "its validity")
    shapes.refuse_odd(data["validity"], VALIDITY, "validity.")
    for name, each in data.get("limits", {}).items():
        _mapping(each, f"limits.{name}")
        _owes(each, tuple(LIMIT), f"its limit {name}")
        shapes.refuse_odd(each, LIMIT, f"limits.{name}.")
    for index, each in enumerate(data.get("lineage", ())):
        _mapping(each, f"lineage[{index}]")
        shapes.refuse_odd(each, STEP, f"lineage[{index}].")
        if "conversion" in each:
            _owes(each["conversion"], ("verdict",), f"its lineage[{index}].conversion")
            shapes.refuse_odd(each["conversion"], CONVERSION, f"lineage[{index}].conversion.")
    shapes.refuse_odd(data.get("audit", {}), AUDIT, "audit.")
    _check_cost(data.get("compression", {}))
    shapes.refuse_odd(data.get("evidence", {}), EVIDENCE, "evidence.")


def check_readings(data: Mapping[str, Any]) -> None:
    """Raise ValueError for a reading in another unit than its name's, or for joules that do not say how they came."""
    for name, each in data.items():
        _mapping(each, f"readings.{name}")
        _reading(each, f"its {name} reading")
        if each["class"] != "unavailable" and each["unit"] not in UNITS.get(name, {each["unit"]}):
            raise ValueError(f"its {name} reading is in {each['unit']!r:.20}, not in {min(UNITS[name])!r}")
        if each["unit"] == "J" or name == "energy":
            _check_joules(each, f"its {name} reading")
        if name in UNITS and each["unit"] == "J" and each["class"] != "unavailable":
            _check_interval(each, f"its {name} reading")
        if name in INTERVALS and each["unit"] != "J" and each["class"] in ("measured", "derived"):
            _check_open(each, f"its {name} reading", _explained)


def check_ratios(data: Mapping[str, Any]) -> None:
    """Raise ValueError for a ratio without a class, a value or a side, or of one that its method contradicts."""
    for name, each in data.items():
        _mapping(each, f"ratios.{name}")
        if each.get("class") is None:
            raise ValueError("a ratio lacks class: of what its weaker side is made")
        if each["class"] not in CLASSES:
            raise ValueError(f"the class of a ratio must be one of {', '.join(CLASSES)}")
        _owes(each, ("value", "against", "method"), f"its {name} ratio")
        shapes.refuse_odd(each, RATIO, f"ratios.{name}.")
        _ordered(each, f"its {name} ratio")
        if name == "energy" and each["method"] == PROCESSOR_TIME and each["class"] != "estimated":
            raise ValueError(f"its energy ratio is one of processor time, and says {each['class']}: it is estimated")


def check_joules_elsewhere(data: Mapping[str, Any]) -> None:
    """Raise ValueError for joules of compressing that do not say how they came, wherever they stand."""
    for name, each in _joules_in(data.get("compression"), "compression"):
        _check_joules(each, f"its {name} reading")
    for index, step in enumerate(data.get("lineage", ())):  # what a plugin notes there is its own business
        for key in STEP_JOULES:
            if key in step:
                _mapping(step[key], f"lineage[{index}].{key}")
                _check_joules(step[key], f"its lineage[{index}].{key} reading")


def _check_joules(data: Mapping[str, Any], which: str) -> None:
    reading = _reading(data, which)
    if gone := lacking(reading):
        raise ValueError(f"{which} lacks {', '.join(gone)}")
    if reading.class_ == "unavailable":
        return
    _owes(data, ("low", "high"), which)
    _check_open(data, which, _explained_joules)
    kinds = str(reading.facts["kind"]).split(" + ")
    models = [each for each in kinds if each in MODELS]
    if (models or "coefficients" in reading.facts) and STRENGTH[reading.class_] < STRENGTH["estimated"]:
        why = f"of kind {models[0]}" if models else "computed with coefficients"
        raise ValueError(f"{which} says {reading.class_}, but is {why}: it is estimated")
    for each in models:
        _owes(_joined(reading.facts.get("coefficients")), MODELS[each], f"{which}, in coefficients,")
    _check_uncertainty(reading.facts["uncertainty"], kinds, models, which)


def _joined(coefficients: Any) -> Mapping[str, Any]:
    parts = coefficients if isinstance(coefficients, (list, tuple)) else [coefficients or {}]
    return {key: value for part in parts for key, value in part.items()}


def _check_uncertainty(found: Mapping[str, float], kinds: list[str], models: list[str], which: str) -> None:
    """Refuse a stated uncertainty of which a part is gone: all are there, and they add up."""
    owed = ["total_j", *(["model_j"] if models else []), *(PARTS if len(set(PARTS) & set(found)) > 1 else [])]
    _owes(found, tuple(owed), f"{which}, in uncertainty,")
    parts = {name: each for name, each in found.items() if name != "total_j"}
    scatter = parts.pop("scatter_j", 0.0)
    if not parts or len(kinds) > 1:
        return
    # The total of an estimate holds the scatter of its processor time (at first it did not); a meter's is its own.
    sums = [math.fsum(parts.values()), *([math.fsum(parts.values()) + scatter] if models else [])]
    if not any(math.isclose(found["total_j"], each, rel_tol=ADDS_UP, abs_tol=1e-15) for each in sums):
        raise ValueError(f"{which} lacks a part of its uncertainty: the parts do not add up to total_j")


def _check_interval(data: Mapping[str, Any], which: str) -> None:
    """Refuse joules of a cell that do not say how often, per what and within which bounds they were read."""
    _owes(data, ("n", "per"), which)
    if data["n"] > 1 or data["class"] == "estimated":
        # A single launch leaves them open, as may a meter that states none: null then, never left out.
        _owes(data, ("low", "high"), which, null=data["n"] < 2 or data["class"] != "estimated")
    if data["n"] > 1 and data["class"] != "estimated" and len(data["uncertainty"]) > 1:
        _owes(data["uncertainty"], ("scatter_j",), f"{which}, in uncertainty,")


def _check_open(data: Mapping[str, Any], which: str, explained: Callable[[Mapping[str, Any]], bool]) -> None:
    """Refuse an interval with an open end for which there is no reason: its end was stripped, or never thought of."""
    if data.get("low") is not None and data.get("high") is not None:
        return
    if not data.get("no_interval") and not explained(data):
        raise ValueError(f"{which} has no interval, and does not say why (no_interval)")


def _explained(data: Mapping[str, Any]) -> bool:
    """Whether a reading's own numbers say why it has no interval: too few launches, or outcomes all the same."""
    seen = data.get("launches", data.get("n"))
    few = shapes.is_number(seen) and seen < BOUNDING
    return bool(few or ("metric" in data and data["value"] in (0, 1)))


def _explained_joules(data: Mapping[str, Any]) -> bool:
    """Whether joules say why: a single launch of what is repeated, or a meter that states none of its uncertainty."""
    if data.get("per") is not None and data["n_windows"] - data["n_invalid"] < 2:
        return True
    return data["class"] != "estimated" and not set(PARTS) & set(data["uncertainty"])


def _joules_in(part: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Find the readings of joules in a part of a record, wherever they stand, by name.

    One that has lost its unit or its class is taken for one all the same: losing them must not hide it.
    """
    if isinstance(part, Mapping) and "value" in part and {"unit", "class"} & set(part):
        if part.get("unit", "J") == "J":
            yield name, part
        else:
            _reading(part, f"its {name} reading")
    elif depth < DEEPEST and isinstance(part, Mapping):
        for key, each in part.items():
            yield from _joules_in(each, f"{name}.{key}", depth + 1)
    elif depth < DEEPEST and isinstance(part, (list, tuple)):
        for index, each in enumerate(part):
            yield from _joules_in(each, f"{name}[{index}]", depth + 1)


def _check_cost(cost: Mapping[str, Any]) -> None:
    shapes.refuse_odd(cost, {**SPENT, "phases": shapes.MAPPING, "break_even": shapes.MAPPING}, "compression.")
    for name, each in cost.get("phases", {}).items():
        _mapping(each, f"compression.phases.{name}")
        shapes.refuse_odd(each, SPENT, f"compression.phases.{name}.")
    training = cost.get("training", ())
    if not shapes.listing(shapes.is_mapping)(training):
        raise ValueError("'compression.training' must be a list of mappings")
    for index, each in enumerate(training):
        shapes.refuse_odd(each, SPENT, f"compression.training[{index}].")
    found = cost.get("break_even", {})
    shapes.refuse_odd(found, BREAK_EVEN, "compression.break_even.")
    shapes.refuse_odd(found.get("processor_time", {}), BREAK_EVEN, "compression.break_even.processor_time.")


def _reading(data: Mapping[str, Any], which: str) -> Reading:
    if data.get("unit") is None:
        raise ValueError(f"{which} lacks unit")
    if data.get("class") is None:
        raise ValueError(f"{which} lacks class")
    try:
        found = Reading.from_json(data)
    except ValueError as error:
        raise ValueError(f"{which}: {error}") from error
    _ordered({key: data.get(key) for key in OWN}, which)
    return found


def _ordered(data: Mapping[str, Any], which: str) -> None:
    low, high = data.get("low"), data.get("high")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{which} has its interval upside down")


def _owes(part: Any, names: tuple[str, ...], which: str, *, null: bool | None = None) -> None:
    """Raise ValueError for what is left out; with `null` False also for what is null."""
    if not isinstance(part, Mapping):
        raise ValueError(f"{which} must be a mapping")
    gone = [name for name in names if name not in part or (null is False and part[name] is None)]
    if gone:
        raise ValueError(f"{which} lacks {', '.join(gone)}")


def _mapping(value: Any, name: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"'{name}' must be a mapping")
