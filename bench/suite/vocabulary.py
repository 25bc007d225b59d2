"""Vocabulary: the names a suite may use and the options behind them, made from offers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bench.errors import did_you_mean
from bench.offer import Offer, Option

Slot = Literal["task", "compressor", "backend", "meter"]
WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}


@dataclass(frozen=True)
class Complaint:
    """A mistake in options: the option's name (None: one is missing) and what was expected."""

    option: str | None
    message: str


@dataclass(frozen=True)
class Vocabulary:
    """Known tasks, compressors, backends and meters; several offers may share a name (one for each format)."""

    tasks: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)
    compressors: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)
    backends: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)
    meters: Mapping[str, tuple[Offer, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, offers: Iterable[Offer]) -> Vocabulary:
        """Sort offers by kind and name; other kinds play no part in a suite."""
        sorted_: dict[str, dict[str, tuple[Offer, ...]]] = {slot: {} for slot in get_args(Slot)}
        for each in offers:
            if each.kind in sorted_:
                names = sorted_[each.kind]
                names[each.name] = (*names.get(each.name, ()), each)
        return cls(*(sorted_[slot] for slot in get_args(Slot)))

    def offers(self, slot: Slot, name: str) -> tuple[Offer, ...]:
        """Return the offers of that name, none when it is unknown."""
        return self._names(slot).get(name, ())

    def unknown(self, slot: Slot, name: str) -> str | None:
        """Return what is wrong with a name, or None when it is known."""
        names = self._names(slot)
        if name in names:
            return None
        hint = did_you_mean(name, names) or f" No {slot} is installed: see 'bench list'."
        hint += " A file of your own is given by -p FILE." if slot == "compressor" else ""
        return f"unknown {slot} '{name}'.{hint}"

    def _names(self, slot: Slot) -> Mapping[str, tuple[Offer, ...]]:
        return {
            "task": self.tasks,
            "compressor": self.compressors,
            "backend": self.backends,
            "meter": self.meters,
        }[slot]


def check_options(offers: Sequence[Offer], options: Mapping[str, Any], *, partial: bool = False) -> list[Complaint]:
    """Return what is wrong with options for a plugin's name; nothing when all is well.

    An option is accepted when at least one of the offers accepts it; otherwise the message is that of the offer
    nearest to the whole set. Required options are not missed when `partial` (a pattern names only some).
    """
    ranked = sorted(offers, key=lambda offer: len(_complaints(offer, options)))
    found = [each for name, value in options.items() if (each := _check_one(ranked, name, value))]
    lacking = [[o.name for o in offer.options if o.required and o.name not in options] for offer in ranked]
    if ranked and all(lacking) and not partial:
        found += [Complaint(None, f"'{ranked[0].name}' needs the option '{name}'") for name in lacking[0]]
    return found


def check_value(option: Option, value: Any) -> str | None:
    """Return what is wrong with a value of an option, or None: type, choices, bounds, and lists where one is wanted."""
    if value is None:
        return None if option.nullable or option.type == "any" else f"'{option.name}' cannot be null"
    if option.many and not isinstance(value, (list, tuple)):
        return f"'{option.name}' takes a list, and a list fans out: nest it, like [[a, b]]"
    if not option.many and isinstance(value, (list, tuple, dict)) and option.type != "any":
        return f"'{option.name}' expects {_expected(option)}, not a {'mapping' if isinstance(value, dict) else 'list'}"
    values = value if option.many else [value]
    return next((problem for each in values if (problem := _check_scalar(option, each))), None)


def _check_one(ranked: Sequence[Offer], name: str, value: Any) -> Complaint | None:
    known = [option for offer in ranked if (option := offer.option(name))]
    problems = [check_value(option, value) for option in known]
    if not known:
        names = {option.name for offer in ranked for option in offer.options}
        plugin = ranked[0].name if ranked else "this plugin"
        hint = did_you_mean(name, names) or f" '{plugin}' has no options."
        return Complaint(name, f"unknown option '{name}' of '{plugin}'.{hint}")
    first = problems[0]
    return None if first is None or None in problems else Complaint(name, first)


def _complaints(offer: Offer, options: Mapping[str, Any]) -> list[str]:
    return [each.message for name, value in options.items() if (each := _check_one([offer], name, value))]


def _check_scalar(option: Option, value: Any) -> str | None:
    if option.choices:
        if any(same(value, choice) for choice in option.choices):
            return None
        hint = did_you_mean(str(value), map(str, option.choices))
        return f"'{option.name}' cannot be {_shown(value)}.{hint}"
    if not _is_a(value, option.type):
        quote = f"; put it in quotes: '{value}'" if option.type == "str" and not isinstance(value, (dict, list)) else ""
        return f"'{option.name}' expects {_expected(option)}, not {_shown(value)}{quote}"
    if _is_a(value, "float") and option.type != "str" and (words := option.bounds.breach(value)):
        return f"'{option.name}' must be {words}, not {_shown(value)}"
    return None


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, true and 1 being different."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_a(value: Any, kind: str) -> bool:
    if kind == "any":
        return True
    if kind in ("int", "float"):
        whole = kind == "float" or (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
        return isinstance(value, (int, float)) and not isinstance(value, bool) and whole
    return isinstance(value, bool if kind == "bool" else str)


def _expected(option: Option) -> str:
    return ", ".join(map(str, option.choices)) if option.choices else WORDS.get(option.type, "one value")


def _shown(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
