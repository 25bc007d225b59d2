"""A reading: a value with its unit, its interval and how it was obtained. Missing is never 0."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Class = Literal["measured", "derived", "counted", "estimated", "unavailable"]
Verdict = Literal["valid", "suspect", "invalid"]
CLASSES: tuple[Class, ...] = get_args(Class)
# From the strongest to the weakest evidence; a sum takes the weakest class of its parts.
STRENGTH = {name: rank for rank, name in enumerate(CLASSES)}
OWN_KEYS = {"value", "unit", "class", "low", "high", "n", "meter", "reason", "validity"}
ENERGY_PROVENANCE = ("kind", "meter", "meter_version", "domains", "window_s", "n_windows", "n_invalid")


@dataclass(frozen=True)
class Reading:
    """One number about one cell.

    `value`, `low` and `high` are in `unit` (SI; "1" for a fraction or ratio); `low` and `high` bound the 95 %
    interval, equal to `value` for what is counted exactly. `class_` is how it was obtained (serialised as `class`);
    an unavailable reading has no value and gives its reason. `facts` holds whatever else belongs to the number:
    quantiles, domains, coefficients of an estimate, conventions of a count.
    """

    unit: str
    class_: Class
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    meter: str | None = None
    reason: str | None = None
    verdict: Verdict = "valid"
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.class_ not in CLASSES:
            raise ValueError(f"class must be one of {', '.join(CLASSES)}, not {self.class_!r}")
        if self.class_ == "unavailable":
            if self.value is not None or not self.reason:
                raise ValueError("an unavailable reading has a reason and no value")
        elif self.value is None:
            raise ValueError(f"a {self.class_} reading has a value; what is missing is 'unavailable', never 0")
        elif not isinstance(self.value, numbers.Real) or not math.isfinite(self.value):
            raise ValueError(f"the value of a reading is a finite number, not {self.value!r}")
        if not all(each is None or isinstance(each, numbers.Real) for each in (self.low, self.high)):
            raise ValueError(f"the interval of a reading is two numbers, not {self.low!r} and {self.high!r}")
        if taken := OWN_KEYS & set(self.facts):
            raise ValueError(f"facts of a reading cannot be called {', '.join(sorted(taken))}: those keys are its own")

    @classmethod
    def missing(cls, unit: str, reason: str) -> Reading:
        """Return the reading of something that could not be read."""
        return cls(unit=unit, class_="unavailable", reason=reason)

    @classmethod
    def counted(cls, value: float, unit: str, **facts: Any) -> Reading:
        """Return an exact count: its interval is the value itself."""
        return cls(unit=unit, class_="counted", value=value, low=value, high=value, n=1, facts=facts)

    def to_json(self) -> dict[str, Any]:
        """Return the reading as JSON: facts lie beside the other keys, empty ones are left out."""
        out: dict[str, Any] = {"value": self.value, "unit": self.unit, "class": self.class_}
        for name in ("low", "high", "n", "meter", "reason"):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        if self.verdict != "valid" or self.reasons:
            out["validity"] = {"verdict": self.verdict, "reasons": list(self.reasons)}
        return {**out, **self.facts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reading:
        """Rebuild a reading; unknown keys become facts, so that newer records still load."""
        rest = dict(data)
        own = {name: rest.pop(name, None) for name in ("value", "unit", "low", "high", "n", "meter", "reason")}
        validity = rest.pop("validity", {})
        return cls(
            **own,
            class_=rest.pop("class"),
            verdict=validity.get("verdict", "valid"),
            reasons=tuple(validity.get("reasons", ())),
            facts=rest,
        )
