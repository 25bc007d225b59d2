"""A reading: a value with its unit, its interval and how it was obtained. Missing is never 0."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from bench import shapes

Class = Literal["measured", "derived", "counted", "estimated", "unavailable"]
Verdict = Literal["valid", "suspect", "invalid"]
CLASSES: tuple[Class, ...] = get_args(Class)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# From the strongest to the weakest evidence; a sum takes the weakest class of its parts.
STRENGTH = {name: rank for rank, name in enumerate(CLASSES)}
OWN_KEYS = {"value", "unit", "class", "low", "high", "n", "meter", "reason", "validity"}
# What stands beside every joule. `share` and `steal` may be null, where nothing tells; they may not be left out.
ENERGY_PROVENANCE = (
    "kind",
    "meter",
    "meter_version",
    "domains",
    "period_s",
    "window_s",
    "n_windows",
    "n_invalid",
    "share",
    "steal",
    "uncertainty",
)
NULLABLE = ("share", "steal")
# Facts that readers calculate with or go through: what a document says there is checked before it becomes a reading.
_END = shapes.listing(shapes.optional(shapes.is_number))
DROP: Mapping[str, tuple[shapes.Check, str]] = {
    "value": shapes.NUMBER,
    **dict.fromkeys(("low", "high"), shapes.NUMBER_OR_NULL),
    **dict.fromkeys(("gained", "lost"), shapes.COUNT),
}
FACTS: Mapping[str, tuple[shapes.Check, str]] = {
    **dict.fromkeys(
        ("share", "steal", "period_s", "window_s", "gross", "net", "net_low_j", "net_high_j", "idle_w", "idle_drift"),
        shapes.NUMBER_OR_NULL,
    ),
    **dict.fromkeys(("n_windows", "n_invalid"), shapes.COUNT_OR_NULL),
    **dict.fromkeys(("by_domain", "uncertainty"), shapes.NUMBERS),
    **dict.fromkeys(("domains", "flags"), shapes.TEXTS),
    "kind": shapes.TEXT_OR_NULL,
    "meter_version": shapes.TEXT_OR_NULL,
    "not_ranked": shapes.TEXT,
    "no_interval": shapes.TEXT,
    "higher_is_better": shapes.FLAG,
    "quantiles": (
        shapes.table(lambda each: _END(each) and len(each) == 3 and each[0] is not None),
        "a mapping of lists [value, low, high]",
    ),
    "coefficients": (
        lambda value: shapes.is_mapping(value) or shapes.listing(shapes.is_mapping)(value),
        "a mapping, or a list of them",
    ),
    "drop": (
        lambda value: shapes.is_mapping(value) and set(DROP) <= set(value) and _fits(value, DROP),
        "a mapping of value, low, high (numbers), gained and lost (whole numbers)",
    ),
}
OWN: Mapping[str, tuple[shapes.Check, str]] = {
    "unit": shapes.TEXT,
    **dict.fromkeys(("value", "low", "high"), shapes.NUMBER_OR_NULL),
    "n": shapes.COUNT_OR_NULL,
    **dict.fromkeys(("meter", "reason"), shapes.TEXT_OR_NULL),
    "validity": shapes.MAPPING,
}
VALIDITY: Mapping[str, tuple[shapes.Check, str]] = {
    "verdict": (lambda value: shapes.is_text(value) and value in VERDICTS, "valid, suspect or invalid"),
    "reasons": shapes.TEXTS,
}


def _fits(part: Mapping[str, Any], expected: Mapping[str, tuple[shapes.Check, str]]) -> bool:
    return all(check(part[name]) for name, (check, _) in expected.items())


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
        elif not isinstance(self.value, bool) and not shapes.is_number(self.value):
            raise ValueError(f"the value of a reading is a finite number, not {self.value!r:.40}")
        if not all(each is None or isinstance(each, numbers.Real) for each in (self.low, self.high)):
            raise ValueError(f"the interval of a reading is two numbers, not {self.low!r:.40} and {self.high!r:.40}")
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

    def explained(self, why: str) -> Reading:
        """Return the reading with the reason why an end of its interval is open, itself where none is."""
        if self.value is None or (self.low is not None and self.high is not None):
            return self
        return replace(self, facts={**self.facts, "no_interval": why})

    def to_json(self) -> dict[str, Any]:
        """Return the reading as JSON: facts lie beside the other keys, empty ones are left out."""
        out: dict[str, Any] = {"value": self.value, "unit": self.unit, "class": self.class_}
        for name in ("low", "high", "n", "meter", "reason"):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        if (
            self.unit == "J" and self.value is not None
        ):  # an open end is said to be open: left out, it is a stripped one
            out = {"low": None, "high": None, **out}
        if self.verdict != "valid" or self.reasons:
            out["validity"] = {"verdict": self.verdict, "reasons": list(self.reasons)}
        return {**out, **self.facts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reading:
        """Rebuild a reading; unknown keys become facts, so that newer records still load.

        Raises ValueError for a field that is not what it must be, a fact that readers calculate with among them.
        """
        if lost := [name for name in ("unit", "class") if data.get(name) is None]:
            raise ValueError(f"a reading lacks {' and '.join(lost)}")
        shapes.refuse_odd(data, {**OWN, **FACTS}, "")
        rest = dict(data)
        own = {name: rest.pop(name, None) for name in ("value", "unit", "low", "high", "n", "meter", "reason")}
        validity = rest.pop("validity", {})
        shapes.refuse_odd(validity, VALIDITY, "validity.")
        return cls(
            **own,
            class_=rest.pop("class"),
            verdict=validity.get("verdict", "valid"),
            reasons=tuple(validity.get("reasons", ())),
            facts=rest,
        )


def lacking(energy: Reading) -> list[str]:
    """Return what an energy reading does not say about how it was obtained, in the order of ENERGY_PROVENANCE.

    An estimate owes its coefficients besides; an unavailable reading owes nothing but its reason.
    """
    if energy.class_ == "unavailable":
        return []
    said = {**energy.facts, "meter": energy.meter}
    owed = [*ENERGY_PROVENANCE, *(["coefficients"] if energy.class_ == "estimated" else [])]
    return [name for name in owed if not _says(said, name)]


def _says(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name)
    if name in NULLABLE:
        return name in said
    return value is not None and value not in ("", [], (), {})


def alike(readings: Iterable[Reading], *, classes: bool = True) -> None:
    """Raise ValueError unless joules are of one unit, one kind of meter, one set of domains and (`classes`) one class.

    Joules of a package and of a whole board, or measured and estimated ones, are different quantities.
    """
    known = [each for each in readings if each.class_ != "unavailable"]
    found = {
        "units": {each.unit for each in known},
        "classes": {str(each.class_) for each in known} if classes else set(),
        "domains": {", ".join(sorted(map(str, each.facts.get("domains") or ()))) for each in known},
        "kinds": {str(each.facts.get("kind")) for each in known},
    }
    for name, values in found.items():
        if len(values) > 1:
            raise ValueError(f"readings of different {name} are not put together: {' and '.join(sorted(values))}")


def weakest(readings: Iterable[Reading]) -> Class:
    """Return the class of the weakest evidence among readings. Raises ValueError for none."""
    return weakest_class(each.class_ for each in readings)


def weakest_class(classes: Iterable[str]) -> Class:
    """Return the weakest of provenance classes; one that nobody knows counts as unavailable. ValueError for none."""
    known: list[Class] = [each if each in CLASSES else "unavailable" for each in classes]
    return max(known, key=STRENGTH.__getitem__)


def add(readings: Sequence[Reading], *, mixed: bool = False) -> Reading:
    """Return the sum of joules, its interval the sum of the bounds.

    Raises ValueError across units, classes, domains or kinds of meter. With `mixed` only the unit must agree: the sum
    takes the weakest class and names every domain. When a part is unavailable so is the sum, for that part's reason.
    """
    if not readings:
        raise ValueError("there is nothing to add up")
    if len({each.unit for each in readings}) > 1 or not mixed:
        alike(readings)
    lost = next((each for each in readings if each.value is None), None)
    if lost is not None:
        return Reading.missing(readings[0].unit, f"a part is unavailable: {lost.reason}")
    bounds = [[getattr(each, end) for each in readings] for end in ("low", "high")]
    low, high = (None if None in each else math.fsum(each) for each in bounds)
    meters = dict.fromkeys(each.meter for each in readings if each.meter)
    return Reading(
        unit=readings[0].unit,
        class_=weakest(readings),
        value=math.fsum(each.value for each in readings if each.value is not None),
        low=low,
        high=high,
        n=sum(each.n or 0 for each in readings),
        meter=" + ".join(meters) or None,
        verdict=max((each.verdict for each in readings), key=VERDICTS.index),
        reasons=tuple(dict.fromkeys(reason for each in readings for reason in each.reasons)),
        facts=_summed([each.facts for each in readings]),
    )


def _summed(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join what readings say of themselves; what one of them does not say, the sum does not either."""
    joined: dict[str, Any] = {}
    for names, join in _JOINS.items():
        for name in names:
            values = [each.get(name) for each in facts]
            if all(name in each for each in facts):
                joined[name] = None if None in values else join(values)
    return joined


def _named(values: Sequence[Any]) -> str:
    return " + ".join(dict.fromkeys(map(str, values)))


def _listed(values: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys(item for each in values for item in each))


def _parts(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in values for name in each)
    return {name: math.fsum(each.get(name, 0.0) for each in values) for name in names}


_JOINS: Mapping[tuple[str, ...], Any] = {
    ("kind", "meter_version", "per"): _named,
    ("domains",): _listed,
    ("by_domain", "uncertainty"): _parts,
    ("coefficients",): list,
    ("window_s", "n_windows", "n_invalid"): sum,
    ("period_s", "steal"): max,
    ("share",): min,
}
