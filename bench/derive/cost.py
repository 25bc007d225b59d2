"""What making an artifact cost: seconds, processor seconds and joules of every phase, and of all that was trained."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.reading import Reading

Entry = Mapping[str, Any]
PHASES = ("train", "compress", "convert")
UNKNOWN = "its processor time was not kept: it was made by an older version (`bench cache clear` makes it again)"
NO_METER = "no energy meter can read here and no estimator is installed"
STILL = "the processor clock did not advance"
NOTHING = "nothing was made: the artifact is the task's own file"
UNSAID = "the task does not say how many samples were trained on"
NO_ORIGINAL = "the task does not say what its original training took"


@dataclass(frozen=True)
class Spent:
    """Wall and processor seconds of so many steps; `cpu_s` is None where a step's processor time is not known."""

    seconds: float = 0.0
    cpu_s: float | None = 0.0
    steps: int = 0

    def plus(self, other: Spent) -> Spent:
        """Add; what is unknown in a part is unknown in the sum."""
        known = None if self.cpu_s is None or other.cpu_s is None else self.cpu_s + other.cpu_s
        return Spent(self.seconds + other.seconds, known, self.steps + other.steps)

    @classmethod
    def total(cls, parts: Iterable[Spent]) -> Spent:
        """Add any number."""
        out = cls()
        for each in parts:
            out = out.plus(each)
        return out


def training_of(entry: Entry) -> Spent:
    """Return what a step of a lineage spent on training; nothing for one that did not train."""
    seconds = float(entry.get("train_s") or 0.0)
    return Spent(seconds, _known(entry.get("train_cpu_s")), 1) if seconds > 0 else Spent()


def rest_of(entry: Entry) -> Spent:
    """Return what a step spent on anything but training."""
    trained, whole = training_of(entry), _known(entry.get("cpu_s"))
    seconds = max(float(entry.get("seconds") or 0.0) - trained.seconds, 0.0)
    known = None if whole is None or trained.cpu_s is None else max(whole - trained.cpu_s, 0.0)
    return Spent(seconds, known, 1)


def by_phase(lineage: Sequence[Entry]) -> dict[str, Spent]:
    """Return what each phase spent: training, compressing without it, converting; one that did not occur is absent."""
    parts: dict[str, list[Spent]] = {name: [] for name in PHASES}
    for entry in lineage:
        parts["train"].append(training_of(entry))
        parts["convert" if entry.get("kind") == "convert" else "compress"].append(rest_of(entry))
    sums = {name: Spent.total(each) for name, each in parts.items()}
    return {name: each for name, each in sums.items() if each.steps}


def joules_of(spent: Spent, meter: Mapping[str, Any] | None) -> Reading:
    """Return the joules of what was spent, estimated as processor seconds x watts, or why there are none.

    The interval is the estimator's factor. `meter` holds the estimator's facts (watts_per_cpu, factor, …).
    """
    if not spent.steps:
        return Reading.missing("J", NOTHING)
    if meter is None:
        return Reading.missing("J", NO_METER)
    if not spent.cpu_s:
        return Reading.missing("J", UNKNOWN if spent.cpu_s is None else STILL)
    watts, factor = float(meter["watts_per_cpu"]), float(meter["factor"])
    value = spent.cpu_s * watts
    facts = {
        "kind": meter["kind"],
        "meter_version": meter["version"],
        "domains": list(meter["domains"]),
        "period_s": time.get_clock_info("process_time").resolution,
        "window_s": round(spent.seconds, 6),
        "n_windows": spent.steps,
        "n_invalid": 0,
        # Only the worker's own time is charged, whatever else the machine or its host did.
        "share": 1.0,
        "steal": None,
        "uncertainty": {"total_j": value * (factor - 1), "model_j": value * (factor - 1)},
        "cpu_s": round(spent.cpu_s, 6),
        "coefficients": {"watts_per_cpu": watts, "factor": factor, "source": meter["source"]},
    }
    return Reading("J", "estimated", value, value / factor, value * factor, 1, str(meter["meter"]), facts=facts)


def cost_of(
    lineage: Sequence[Entry],
    meter: Mapping[str, Any] | None,
    original: Mapping[str, Any] | None,
    quality: Reading | None,
) -> dict[str, Any]:
    """Return a record's `compression` but for its break-even.

    `original` is what the task says its own training took (`samples`, `cpu_s`); `quality` is the finished artifact's.
    """
    phases = by_phase(lineage)
    whole = Spent.total(phases.values())
    # A step that trained and compressed stands in both phases; in the whole it is one step.
    whole = Spent(whole.seconds, whole.cpu_s, len(lineage))
    trained = phases.get("train", Spent())
    out: dict[str, Any] = {
        "seconds": round(whole.seconds, 3),
        "train_s": round(trained.seconds, 3),
        "cpu_s": _rounded(whole.cpu_s),
        "energy": joules_of(whole, meter).to_json(),
        "phases": {name: _phase(each, meter) for name, each in phases.items()},
    }
    training = [_trained(each, meter, original, quality) for each in lineage if training_of(each).steps]
    return {**out, "training": training} if training else out


def _phase(spent: Spent, meter: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "seconds": round(spent.seconds, 3),
        "cpu_s": _rounded(spent.cpu_s),
        "energy": joules_of(spent, meter).to_json(),
    }


def _trained(
    entry: Entry, meter: Mapping[str, Any] | None, original: Mapping[str, Any] | None, quality: Reading | None
) -> dict[str, Any]:
    """Describe one step's training: what it took, what came of it, and its share of the original training."""
    spent = training_of(entry)
    samples = entry.get("train_samples")
    out = {"step": entry.get("step"), **_phase(spent, meter), "samples": samples}
    out["samples_per_joule"] = per_joule(samples, joules_of(spent, meter)).to_json()
    out["of_original"] = of_original(samples, spent.cpu_s, original)
    if quality is not None and quality.value is not None:
        # One step's own quality is not graded; the pipeline's is, when the artifact is finished.
        out["quality"] = {"metric": quality.facts.get("metric"), "value": quality.value, "of": "the finished artifact"}
    return out


def per_joule(samples: int | None, energy: Reading) -> Reading:
    """Return samples trained on per joule, as good as the joules are."""
    if not samples:
        return Reading.missing("1/J", UNSAID)
    if energy.value is None or not energy.low or energy.high is None:
        return Reading.missing("1/J", energy.reason or "the joules have no interval")
    ends = samples / energy.high, samples / energy.low
    return Reading("1/J", energy.class_, samples / energy.value, *ends, energy.n, energy.meter)


def of_original(samples: int | None, cpu_s: float | None, original: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return this training over the original training, by samples and by processor time; null with a reason."""
    if not original:
        return {"samples": None, "cpu_s": None, "reason": NO_ORIGINAL}
    out: dict[str, Any] = {"samples": None, "cpu_s": None}
    lacking = []
    for name, value in (("samples", samples), ("cpu_s", cpu_s)):
        told = _known(original.get(name))
        if value is not None and told:
            out[name] = round(value / told, 6)
        else:
            whose = "the task does not say its original training's" if not told else "this step kept no"
            lacking.append(f"{whose} {'processor time' if name == 'cpu_s' else name}")
    return {**out, "reason": "; ".join(lacking)} if lacking else out


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
