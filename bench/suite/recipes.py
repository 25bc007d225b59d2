"""Recipes: what a suite writes for a pipeline of steps (or a backend), read and fanned out over listed options."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bench.offer import Offer
from bench.suite.cell import Recipe, Step
from bench.suite.own import OwnModel
from bench.suite.problems import Problems
from bench.suite.tree import Keys
from bench.suite.vocabulary import Slot, Vocabulary, check_options

NONE = "none"
MAX_STEPS = 16
MAX_FAN_OUT = 50_000
NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}")
SHAPES: Mapping[Slot, str] = {
    "task": "a task is a name",
    "compressor": "a step is a name, or a name with its options: 'quantize', or 'quantize: {mode: dynamic}'",
    "backend": "a backend is a name, or a name with its options: 'torch', or 'torch: {compile: true}'",
    "meter": "a meter is 'auto', a name, or a name with its options: 'powercap', or 'nvml: {device: 0}'",
}


@dataclass(frozen=True)
class Reader:
    """Reads steps, adding what is wrong to `problems`; names and options are checked when there is a vocabulary.

    `partial` reads patterns, which need not name every required option. `models` are the models of the author's own
    that were met, by the names of their tasks.
    """

    problems: Problems
    vocabulary: Vocabulary | None
    partial: bool = False
    models: dict[str, OwnModel] = field(default_factory=dict)

    def recipes(self, entry: Any, keys: Keys) -> list[Recipe]:
        """Return the recipes of one entry: the baseline 'none', a step, or a list of steps as a pipeline."""
        if entry == NONE:
            return [()]
        if isinstance(entry, list):
            return self._pipeline(entry, keys)
        if entry is None:
            self.problems.at_value(keys, "nothing stands here; the baseline is written 'none'")
            return []
        return [(step,) for step in self.steps(entry, keys, "compressor")]

    def steps(self, entry: Any, keys: Keys, slot: Slot) -> list[Step]:
        """Return the steps of one entry, one for each combination of its listed options."""
        if isinstance(entry, str):
            return self._named(entry, {}, keys, slot)
        if not isinstance(entry, dict) or len(entry) != 1:
            many = isinstance(entry, dict) and len(entry) > 1
            hint = "; several steps are a list: [prune: {…}, quantize: {…}]" if many and slot == "compressor" else ""
            self.problems.at_value(keys, SHAPES[slot] + hint)
            return []
        [(name, options)] = entry.items()
        if options is not None and not isinstance(options, dict):
            self.problems.at_value((*keys, name), f"the options of '{name}' are a mapping, like {{key: value}}")
            return []
        return self._named(name, options or {}, (*keys, name), slot)

    def _pipeline(self, entries: Sequence[Any], keys: Keys) -> list[Recipe]:
        if not 0 < len(entries) <= MAX_STEPS:
            long = f"a pipeline has at most {MAX_STEPS} steps" if entries else "an empty pipeline is written 'none'"
            self.problems.at_value(keys, long)
            return []
        for index, entry in enumerate(entries):
            if entry == NONE or isinstance(entry, list):
                what = "'none' is no step of a pipeline" if entry == NONE else "a pipeline holds steps, not lists"
                self.problems.at_value((*keys, index), what)
                return []
        choices = [self.steps(entry, (*keys, index), "compressor") for index, entry in enumerate(entries)]
        return list(product(*choices)) if self._fits([len(each) for each in choices], keys) else []

    def _named(self, name: str, options: Mapping[str, Any], keys: Keys, slot: Slot) -> list[Step]:
        if not NAME.fullmatch(name) or (slot != "compressor" and name == NONE):
            self.problems.at_name(keys, name, f"'{name[:40]}' is no name of a {slot}")
            return []
        before = len(self.problems.errors)
        fans = {key: self._fan(value, (*keys, key)) for key, value in options.items()}
        self._check(name, options, fans, keys, slot)
        if len(self.problems.errors) > before or not self._fits(map(len, fans.values()), keys):
            return []
        return [Step(name, dict(zip(fans, values, strict=True))) for values in product(*fans.values())]

    def _fan(self, value: Any, keys: Keys) -> list[Any]:
        if value == []:
            self.problems.at_value(keys, "an empty list leaves nothing to measure")
        return value if isinstance(value, list) else [value]

    def _check(
        self, name: str, options: Mapping[str, Any], fans: Mapping[str, Sequence[Any]], keys: Keys, slot: Slot
    ) -> None:
        strange = [key for key in options if not key.isidentifier()]
        for key in strange:
            self.problems.at_key((*keys, key), f"'{key[:40]}' is no name of an option")
        if strange or self.vocabulary is None:
            return
        if unknown := self.vocabulary.unknown(slot, name):
            self.problems.at_name(keys, name, unknown)
            return
        offers = self.vocabulary.offers(slot, name)
        for key, values in fans.items():
            for index, value in enumerate(values):
                at: Keys = (*keys, key, index) if isinstance(options[key], list) else (*keys, key)
                self._check_option(offers, key, value, at)
        first = {key: values[0] for key, values in fans.items() if values}
        for each in check_options(offers, first, partial=self.partial):
            if each.option is None:
                self.problems.at_name(keys, name, each.message)

    def _check_option(self, offers: Sequence[Offer], key: str, value: Any, keys: Keys) -> None:
        known = [option for offer in offers if (option := offer.option(key))]
        # A scalar for a list-valued option is a mistake in the whole entry: its list fanned out.
        whole = bool(known) and all(option.many for option in known) and not isinstance(value, list)
        option_keys = keys if keys[-1] == key else keys[:-1]
        for each in check_options(offers, {key: value}, partial=True):
            if known:
                self.problems.at_value(option_keys if whole else keys, each.message)
            else:
                self.problems.at_key(option_keys, each.message)

    def _fits(self, counts: Iterable[int], keys: Keys) -> bool:
        if (count := math.prod(counts)) <= MAX_FAN_OUT:
            return True
        self.problems.at_key(keys, f"fans out to {count:,} recipes; the most is {MAX_FAN_OUT:,}")
        return False
