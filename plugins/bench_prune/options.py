"""The options of `prune`: their types and bounds, and which of them contradict one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import bench

Method = Literal[
    "magnitude", "random", "lottery", "snip", "grasp", "taylor", "movement", "fisher", "wanda", "apoz"
]  # fmt: skip
Structured = Literal["none", "channels", "heads"]
Schedule = Literal["one-shot", "iterative", "polynomial", "agp", "gradual"]
Scope = Literal["global", "layer", "row"]

Sparsity = Annotated[
    float | None,
    bench.Bounds(ge=0, lt=1),
    "fraction of weights, channels or heads taken out; 0.5 when neither this, a threshold nor an n:m pattern is given",
]
Threshold = Annotated[float | None, bench.Bounds(ge=0), "keep a weight only if |w| is greater; instead of a sparsity"]
Ranked = Annotated[
    Scope | None,
    "rank weights over all layers together, within each layer, or within each output row; "
    "left out: global, for wanda row",
]
FileScope = Annotated[Literal["global", "layer"], "rank weights over all layers together, or within each layer"]
Criterion = Annotated[Method, "how weights (or channels) are ranked"]
Pattern = Annotated[
    str, "'unstructured'; 'N:M' (2:4) keeps N of every M weights of a row; 'RxC' (4x1) removes whole blocks"
]
Removal = Annotated[Structured, "'channels' or 'heads' removes whole ones: tensors shrink"]
Norm = Annotated[Literal["l1", "l2"], "norm that ranks channels and heads; single weights are ranked by |w|"]
RoundTo = Annotated[
    int, bench.Bounds(ge=1), "channels are kept in multiples of this (rounded down): runtimes are slow at odd widths"
]
Finetune = Annotated[float, bench.Bounds(ge=0), "passes over the training split after (or while) pruning"]
When = Annotated[Schedule, "prune at once, or step by step while fine-tuning"]
Steps = Annotated[int, bench.Bounds(ge=1), "how often a schedule raises the sparsity; rounds of lottery"]
Initial = Annotated[float, bench.Bounds(ge=0, lt=1), "sparsity that a schedule starts from"]
Begin = Annotated[float, bench.Bounds(ge=0, lt=1), "fraction of the fine-tuning steps after which the rise begins"]
End = Annotated[
    float, bench.Bounds(gt=0, le=1), "fraction of the fine-tuning steps after which the sparsity is reached"
]
Frequency = Annotated[int | None, bench.Bounds(ge=1), "optimiser steps between two rises of agp; left out: 10"]
Examples = Annotated[int, bench.Bounds(ge=1), "training or calibration examples that scores are computed from"]
Rate = Annotated[float | None, bench.Bounds(gt=0), "peak rate of fine-tuning; the task's own when left out"]

# Whether something is wrong, what it is, and what to do instead.
Rule = tuple[bool, str, str]
CHANNEL_METHODS = ("magnitude", "random", "taylor", "fisher", "apoz")
HEAD_METHODS = ("magnitude", "random")


@dataclass(frozen=True)
class Options:
    """What a recipe asks of `prune`; `check` before use."""

    sparsity: float | None = None
    threshold: float | None = None
    scope: Scope | None = None
    method: Method = "magnitude"
    pattern: str = "unstructured"
    structured: Structured = "none"
    norm: Literal["l1", "l2"] = "l2"
    round_to: int = 4
    finetune: float = 0.0
    schedule: Schedule = "one-shot"
    steps: int = 10
    initial_sparsity: float = 0.0
    begin: float = 0.0
    end: float = 0.75
    frequency: int | None = None
    examples: int = 256
    learning_rate: float | None = None

    @property
    def target(self) -> float:
        """The sparsity to reach."""
        return 0.5 if self.sparsity is None else self.sparsity

    @property
    def ranked(self) -> Scope:
        """Among which weights one is ranked: Wanda's definition compares those of one output."""
        return self.scope or ("row" if self.method == "wanda" else "global")

    def check(self) -> None:
        """Raise BenchError for options that contradict one another."""
        for wrong, message, cure in (*self._targets(), *self._structures(), *self._trainings()):
            if wrong:
                raise bench.BenchError(f"prune: {message}", cure=cure)

    def _targets(self) -> tuple[Rule, ...]:
        by_threshold, given, n_of_m = self.threshold is not None, self.sparsity is not None, ":" in self.pattern
        sparsity, threshold = f"sparsity {self.sparsity or 0:g}", f"threshold {self.threshold or 0:g}"
        pattern, scope, schedule = f"pattern {self.pattern}", f"scope {self.scope}", f"schedule {self.schedule}"
        plain = self.pattern == "unstructured"
        return (
            (by_threshold and given, f"{sparsity} and {threshold} are two targets", "give one of them"),
            (
                by_threshold and self.method not in ("magnitude", "lottery"),
                f"{threshold} is compared with |w|, and method {self.method} ranks by something else",
                "give sparsity, or method: magnitude",
            ),
            (
                by_threshold and not plain,
                f"{threshold} judges single weights, {pattern} groups of them",
                "give sparsity with the pattern, or leave the pattern out",
            ),
            (n_of_m and given, f"{pattern} says the sparsity, and {sparsity} another", "give one of them"),
            (
                n_of_m and self.scope is not None,
                f"{pattern} ranks within its groups, {scope} does not",
                "give one of them",
            ),
            (
                n_of_m and self.schedule != "one-shot",
                f"{pattern} is one sparsity, {schedule} leads through many",
                "use schedule: one-shot",
            ),
            (
                "x" in self.pattern and self.ranked == "row",
                f"blocks of {self.pattern} span rows; scope row (method {self.method}) ranks within one",
                "use scope: layer or global",
            ),
        )

    def _structures(self) -> tuple[Rule, ...]:
        whole, kind = self.structured != "none", f"structured: {self.structured}"
        able = {"none": (), "channels": CHANNEL_METHODS, "heads": HEAD_METHODS}[self.structured]
        return (
            (
                whole and self.threshold is not None,
                f"{self.structured} are removed to a sparsity, not by a threshold",
                "give sparsity",
            ),
            (
                not whole and self.method == "apoz",
                f"method apoz ranks channels, {kind} removes single weights",
                "give structured: channels",
            ),
            (
                whole and self.method not in able,
                f"{kind} and method {self.method} do not go together",
                f"use method: {', '.join(able)}",
            ),
            (
                whole and self.pattern != "unstructured",
                f"{kind} and pattern {self.pattern} are two ways of choosing",
                "give one of them",
            ),
            (
                whole and self.schedule != "one-shot",
                f"{self.structured} are removed at once, schedule {self.schedule} goes step by step",
                "use schedule: one-shot",
            ),
            (
                whole and self.scope == "row",
                f"{self.structured} are whole rows; scope row ranks within one",
                "use scope: layer or global",
            ),
        )

    def _trainings(self) -> tuple[Rule, ...]:
        gradual, schedule = self.schedule != "one-shot", f"schedule {self.schedule}"
        return (
            (
                gradual and self.threshold is not None,
                f"{schedule} leads to a sparsity, not to threshold {self.threshold or 0:g}",
                "give sparsity, no threshold",
            ),
            (
                gradual and not self.finetune,
                f"{schedule} prunes while it fine-tunes, and finetune is 0",
                "give finetune: 1 (epochs) or more",
            ),
            (
                self.method in ("lottery", "movement") and not self.finetune,
                f"method {self.method} ranks weights by what training does to them, and finetune is 0",
                "give finetune: 1 (epochs) or more",
            ),
            (
                self.method == "movement" and not gradual,
                f"method movement ranks weights while they train, {schedule} prunes before",
                "give schedule: polynomial",
            ),
            (
                self.method == "lottery" and self.schedule not in ("one-shot", "iterative"),
                f"method lottery prunes between trainings, {schedule} during one",
                "use schedule: one-shot, or iterative with steps (rounds)",
            ),
            (
                self.frequency is not None and self.schedule != "agp",
                f"frequency belongs to schedule agp, not to {self.schedule}",
                "leave frequency out, or give schedule: agp",
            ),
            (self.begin >= self.end, f"begin {self.begin:g} is not before end {self.end:g}", "give a smaller begin"),
            (
                self.initial_sparsity > self.target,
                f"initial_sparsity {self.initial_sparsity:g} is above sparsity {self.target:g}",
                "give a smaller initial_sparsity",
            ),
        )
