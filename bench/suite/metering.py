"""Metering: what a suite writes under `measure.meter`, read into one step: a meter's name and its options."""

from __future__ import annotations

from typing import Any

from bench.suite.cell import Step
from bench.suite.problems import Problems
from bench.suite.recipes import Reader
from bench.suite.tree import Keys
from bench.suite.vocabulary import Vocabulary

AUTO = "auto"
KEYS: Keys = ("measure", "meter")


def read_meter(entry: Any, vocabulary: Vocabulary | None, problems: Problems) -> Step:
    """Return the meter: "auto", or a name with its options. What is wrong is added to `problems`."""
    if entry == AUTO:
        return Step(AUTO)
    if isinstance(entry, dict) and AUTO in entry:
        problems.at_key((*KEYS, AUTO), f"'{AUTO}' has no options: it takes the first meter that can read")
        return Step(AUTO)
    listed = _listed(entry)
    if listed is not None:
        problems.at_value((*KEYS, *listed), "a run has one meter: its options do not fan out over lists")
        return Step(AUTO)
    steps = Reader(problems, vocabulary).steps(entry, KEYS, "meter")
    if not steps:
        return Step(AUTO)
    (step,) = steps
    if vocabulary is not None and any(
        each.facts.get("for") == "display" for each in vocabulary.offers("meter", step.name)
    ):
        keys = (*KEYS, step.name) if isinstance(entry, dict) else KEYS
        problems.at_name(
            keys,
            step.name,
            f"'{step.name}' is an estimate for display, and charges what everybody does: no ground for a rank or a "
            f"saving. Name a meter that measures, 'cpu-seconds', or '{AUTO}'",
        )
    return step


def _listed(entry: Any) -> Keys | None:
    """Return the keys to a list where none may stand."""
    if isinstance(entry, list):
        return ()
    if isinstance(entry, dict) and len(entry) == 1:
        [(name, options)] = entry.items()
        lists = [key for key, value in options.items() if isinstance(value, list)] if isinstance(options, dict) else []
        return (name, lists[0]) if lists else None
    return None
