"""What making an artifact cost: seconds, processor seconds and joules of every phase, and of all that was trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.derive.estimate import estimated
from bench.reading import Reading, add, lacking, weakest

Entry = Mapping[str, Any]
PHASES = ("train", "compress", "convert")
UNKNOWN = "its processor time was not kept: it was made by an older version (`bench cache clear` makes it again)"
NO_METER = "no energy meter can read here and no estimator is installed"
STILL = "the processor clock did not advance"
NOTHING = "nothing was made: the artifact is the task's own file"
UNSAID = "the task does not say how many samples were trained on"
NO_ORIGINAL = "the task does not say what its original training took"


@dataclass(frozen=True)
class Part:
    """One step or a part of it: wall and processor seconds (None: not known), and its joules as a meter read them.

    `energy` is None where no meter was asked, and unavailable, with the reason, where one was and could not say.
    """

    seconds: float
    cpu_s: float | None
    energy: Reading | None = None


@dataclass(frozen=True)
class Spent:
    """What so many parts took together; `cpu_s` is None where a part's processor time is not known."""

    parts: tuple[Part, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall seconds."""
        return sum(each.seconds for each in self.parts)

    @property
    def cpu_s(self) -> float | None:
        """Processor seconds; what is unknown of a part is unknown of the sum."""
        known = [each.cpu_s for each in self.parts if each.cpu_s is not None]
        return sum(known) if len(known) == len(self.parts) else None

    @property
    def steps(self) -> int:
        """How many parts."""
        return len(self.parts)

    @classmethod
    def total(cls, parts: Iterable[Spent]) -> Spent:
        """Add any number."""
        return cls(tuple(part for each in parts for part in each.parts))


def training_of(entry: Entry) -> Spent:
    """Return what a step of a lineage spent on training; nothing for one that did not train."""
    seconds = float(entry.get("train_s") or 0.0)
    part = Part(seconds, _known(entry.get("train_cpu_s")), _read(entry.get("train_energy")))
    return Spent((part,)) if seconds > 0 else Spent()


def rest_of(entry: Entry) -> Spent:
    """Return what a step spent on anything but training."""
    whole, trained = whole_of(entry), training_of(entry)
    if not trained.parts:
        return whole
    (all_,), (train,) = whole.parts, trained.parts
    known = None if all_.cpu_s is None or train.cpu_s is None else max(all_.cpu_s - train.cpu_s, 0.0)
    energy = None if all_.energy is None else less(all_.energy, train.energy)
    return Spent((Part(max(all_.seconds - train.seconds, 0.0), known, energy),))


def whole_of(entry: Entry) -> Spent:
    """Return what a step spent in all."""
    seconds = max(float(entry.get("seconds") or 0.0), float(entry.get("train_s") or 0.0))
    return Spent((Part(seconds, _known(entry.get("cpu_s")), _read(entry.get("energy"))),))


def by_phase(lineage: Sequence[Entry]) -> dict[str, Spent]:
    """Return what each phase spent: training, compressing without it, converting; one that did not occur is absent."""
    parts: dict[str, list[Spent]] = {name: [] for name in PHASES}
    for entry in lineage:
        parts["train"].append(training_of(entry))
        parts["convert" if entry.get("kind") == "convert" else "compress"].append(rest_of(entry))
    sums = {name: Spent.total(each) for name, each in parts.items()}
    return {name: each for name, each in sums.items() if each.steps}


def joules_of(spent: Spent, meter: Mapping[str, Any] | None) -> Reading:
    """Return the joules of what was spent: those that a meter read, and for the other parts processor seconds x watts.

    The sum is as good as its weakest part. `meter` holds the estimator's facts; without them, or where a part's
    processor time is not known, a part that no meter read makes the whole unavailable. `not_measured` says why one
    was estimated although a meter was to be read.
    """
    if not spent.parts:
        return Reading.missing("J", NOTHING)
    read = [each.energy for each in spent.parts if each.energy is not None and each.energy.value is not None]
    rest = Spent(tuple(each for each in spent.parts if each.energy is None or each.energy.value is None))
    if not rest.parts:
        return add(read, mixed=True)
    lost = [str(each.energy.reason) for each in rest.parts if each.energy is not None]
    if meter is None:
        return Reading.missing("J", lost[0] if lost else NO_METER)
    if not rest.cpu_s:
        return Reading.missing("J", UNKNOWN if rest.cpu_s is None else STILL)
    facts: dict[str, Any] = {"cpu_s": round(rest.cpu_s, 6), **({"not_measured": lost[0]} if lost else {})}
    guess = replace(estimated(rest.cpu_s, meter, window_s=round(rest.seconds, 6), n=rest.steps, **facts), n=1)
    if not read:
        return guess
    whole = add([*read, guess], mixed=True)
    kept = {name: guess.facts[name] for name in ("coefficients", "not_measured") if name in guess.facts}
    return replace(whole, facts={**whole.facts, **kept})


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
    whole = Spent.total(whole_of(each) for each in lineage)
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
    if energy.value is None or energy.low is None or energy.high is None:
        return Reading.missing("1/J", energy.reason or "the joules have no interval")
    if energy.low <= 0:
        return Reading.missing("1/J", "the interval of the joules reaches down to 0")
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


def less(whole: Reading, part: Reading | None) -> Reading:
    """Return the joules of a step without those of its part, both read by one meter; the bounds of both count."""
    if part is None or part.value is None:
        return Reading.missing("J", str(part.reason) if part is not None else "the training in it was not metered")
    if whole.value is None:
        return whole
    ends = (whole.low, whole.high, part.low, part.high)
    low, high = None, None
    if None not in ends:
        low, high = max(ends[0] - ends[3], 0.0), max(ends[1] - ends[2], 0.0)  # type: ignore[operator]  # none is None
    value = max(whole.value - part.value, 0.0)
    own, its = whole.facts, part.facts
    domains, doubts = its.get("by_domain", {}), its["uncertainty"]
    facts = {
        **own,
        "by_domain": {name: max(each - domains.get(name, 0.0), 0.0) for name, each in own.get("by_domain", {}).items()},
        "uncertainty": {name: each + doubts.get(name, 0.0) for name, each in own["uncertainty"].items()},
        "window_s": max(own["window_s"] - its["window_s"], 0.0),
    }
    return replace(whole, class_=weakest([whole, part]), value=value, low=low, high=high, facts=facts)


def _read(energy: Any) -> Reading | None:
    """Return the joules that a lineage kept of a step; what cannot be read counts as not metered."""
    if not isinstance(energy, Mapping):
        return None
    try:
        reading = Reading.from_json(energy)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return reading if not lacking(reading) else None


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
