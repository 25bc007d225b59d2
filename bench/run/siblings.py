"""Siblings: routes of one plan that pass through the same module in memory and part at a conversion.

Two runtimes that serve the same pruned and fine-tuned model differ in the file format only. Training once and
converting twice halves what building takes, and both then serve the very same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.offer import Offer
from bench.plan import Operation, Plan, Route

MODULE = "module"
Keys = Callable[[Offer, Route], Sequence[str]]


class Siblings:
    """The conversions that a plan's routes take from each point at which there is a module in memory."""

    def __init__(self, plan: Plan, keys: Keys) -> None:
        self._at: dict[str, dict[str, Operation]] = {}
        for comparison in plan.comparisons:
            for planned in comparison.runnable:
                assert planned.route is not None
                self._add(planned.route, keys(comparison.task, planned.route))

    def at(self, key: str) -> Mapping[str, Operation]:
        """Return the conversions from the point of that key, by the key of what they make."""
        return self._at.get(key, {})

    def forget(self, key: str, made: str) -> None:
        """Leave a conversion to the route that needs it: it failed here."""
        self._at[key].pop(made, None)

    def _add(self, route: Route, keys: Sequence[str]) -> None:
        for index, operation in enumerate(route.operations):
            if operation.kind == "convert" and operation.source == MODULE:
                self._at.setdefault(keys[index], {})[keys[index + 1]] = operation
