"""What a run's settings say of its numbers, beside the samples: needed to derive them, and to derive them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.derive.comparison import Derived
from bench.derive.ratios import Stop, exact_ratio
from bench.derive.verdict import ALL, Doubt, judged
from bench.machine import on_processor
from bench.reading import STRENGTH, Reading
from bench.record import Ratio

EXACT = ("size", "size_compressed", "size_encoded", "parameters", "nonzero", "flops", "bitops")
IN_PROCESS = "measured in one process: nothing keeps the sides apart from one another or from the controller"


@dataclass(frozen=True)
class Rules:
    """The settings that numbers depend on: see `bench.run.settings.Settings` for what each is."""

    ci_width: float | None = 0.02
    min_launches: int = 5
    limits: Mapping[str, float] = field(default_factory=dict)
    meter: Mapping[str, Any] | None = None
    energy: str = "any"
    in_process: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return them as they stand in a record's evidence."""
        meter = None if self.meter is None else dict(self.meter)
        return {**vars(self), "limits": dict(self.limits), "meter": meter}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rules:
        """Rebuild them; keys of newer versions are left out."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})

    @property
    def stop(self) -> Stop:
        """When the interval was narrow enough."""
        return Stop(self.ci_width, self.min_launches)

    def estimator(self, device: str) -> Mapping[str, Any] | None:
        """Return the facts of the estimator from processor time; None for a device whose work it does not see."""
        seen = on_processor(device) or "accelerators" not in (self.meter or {}).get("blind_to", ())
        return self.meter if seen else None

    def settle(self, derived: Derived) -> Derived:
        """Return what was derived with what the settings say of it: how it was measured, and which joules may rank."""
        readings, validity = dict(derived.readings), derived.validity
        if self.in_process:
            readings = judged(readings, [Doubt("invalid", IN_PROCESS, ALL)])
            validity = {"verdict": "invalid", "reasons": [IN_PROCESS, *validity["reasons"]]}
        energy = readings.get("energy")
        if self.energy != "any" and energy is not None and STRENGTH[energy.class_] > STRENGTH[self.energy]:  # type: ignore[index]
            why = f"the suite ranks {self.energy} joules only, and these are {energy.class_}"
            readings["energy"] = replace(energy, facts={**energy.facts, "not_ranked": why})
        return replace(derived, readings=readings, validity=validity)


def exact_ratios(mine: Mapping[str, Reading], base: Mapping[str, Reading], against: str) -> dict[str, Ratio]:
    """Return the ratios of what is counted in both artifacts."""
    out = {}
    for name in EXACT:
        ours, theirs = mine.get(name), base.get(name)
        if ours and theirs and ours.value is not None and theirs.value:
            out[name] = exact_ratio(ours.value, theirs.value, against)
    return out
