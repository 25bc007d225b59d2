"""What a conversion did to a model's outputs: figures on real inputs, and whether they are within tolerance."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Two runtimes add the same float32 products in different orders: 1e-7 to 1e-5 of the largest output, seen over the
# standard tasks. A wrong weight, layout or operator costs percents.
TOLERANCE = 1e-3
# A model whose activations are integers or halves rounds them: another runtime's sums end a step or two beside.
QUANTISED_TOLERANCE = 0.1
CLASS_METRICS = ("accuracy", "agreement", "top-1")
Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]


class Different(ValueError):
    """The outputs cannot be compared number by number: one is gone, renamed or of another shape, or is no number."""


@dataclass(frozen=True)
class Figures:
    """How far outputs moved: absolute in their own unit, relative to the largest reference, share of equal top-1.

    `max_rel` is None where the reference is zero and the outputs are not; `top1` where they are no classes. `renamed`
    tells the one output's new name by its old.
    """

    max_abs: float
    max_rel: float | None
    top1: float | None
    examples: int
    renamed: Mapping[str, str]

    def within(self, tolerance: float) -> bool:
        """Whether the largest error is at most `tolerance` of the largest reference output."""
        return self.max_rel is not None and self.max_rel <= tolerance

    def to_json(self) -> dict[str, Any]:
        """Return the figures as a record keeps them."""
        out = {name: value for name, value in vars(self).items() if name != "renamed"}
        return {**out, "renamed": dict(self.renamed)} if self.renamed else out


def compare(reference: Arrays, outputs: Arrays, *, classes: bool) -> Figures:
    """Compare a converted model's outputs with its source's, each of shape [n, …]; the worst output counts.

    `classes`: outputs of shape [n, k] with k > 1 are scores of classes, whose arg max is compared too.
    Raises Different where the outputs have other names or shapes, or are no numbers where the source's are.
    """
    pairs, renamed = _paired(reference, outputs)
    worst_abs, worst_rel, top1 = 0.0, 0.0, []
    for name, ours, theirs in pairs:
        absolute, relative = _errors(name, ours, theirs)
        worst_abs, worst_rel = max(worst_abs, absolute), max(worst_rel, relative)
        if classes and ours.ndim == 2 and ours.shape[1] > 1 and ours.dtype.kind == "f":
            top1.append(float(np.mean(ours.argmax(1) == theirs.argmax(1))))
    examples = len(pairs[0][1]) if pairs[0][1].ndim else 1
    relative_or_none = worst_rel if math.isfinite(worst_rel) else None
    return Figures(worst_abs, relative_or_none, min(top1, default=None), examples, renamed)


def tolerance_of(facts: Mapping[str, Any], lineage: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the relative error that a conversion may make; None where it is lossy on purpose.

    A converter's offer may state its own (`tolerance`) or that it compresses (`lossy`). `lineage` is what was done
    before: a step that made activations less than float32 widens what rounding explains.
    """
    if facts.get("lossy"):
        return None
    own = facts.get("tolerance")
    if isinstance(own, (int, float)) and not isinstance(own, bool) and own > 0:
        return float(own)
    return QUANTISED_TOLERANCE if any(map(_rounds, lineage)) else TOLERANCE


def conversion_text(said: Mapping[str, Any]) -> str:
    """Return a record's figures of one conversion in a sentence."""
    if said.get("verdict") == "unchecked":
        return f"unchecked: {said.get('reason') or 'no reason is given'}"
    figures = _figures_text(said)
    ran = " and ".join(dict.fromkeys(str(each) for each in (said.get("reference"), said.get("by")) if each))
    limit = said.get("tolerance")
    judged = f"at most {limit:g} relative" if isinstance(limit, (int, float)) else "lossy on purpose, not judged"
    return f"{said.get('verdict')}: {figures} ({judged}; run by {ran})"


def _figures_text(said: Mapping[str, Any]) -> str:
    if said.get("max_abs") is None:
        return str(said.get("reason"))
    relative = said.get("max_rel")
    parts = [f"relative error {'infinite' if relative is None else format(relative, '.2g')}"]
    parts += [f"max |d| {said['max_abs']:.2g}"]
    parts += [f"top-1 agreement {said['top1']:.1%}"] if said.get("top1") is not None else []
    renamed = said.get("renamed")
    parts += [f"output renamed: {old} to {new}" for old, new in renamed.items()] if isinstance(renamed, Mapping) else []
    return f"{', '.join(parts)} on {said.get('examples')} calibration inputs"


def _paired(reference: Arrays, outputs: Arrays) -> tuple[list[tuple[str, Array, Array]], dict[str, str]]:
    """Pair outputs by name; a single output may have another name, since nothing else can be meant."""
    if not reference:
        raise Different("the source gives no output")
    renamed: dict[str, str] = {}
    if len(reference) == len(outputs) == 1:
        (old,), (new,) = reference, outputs
        renamed = {} if old == new else {old: new}
    names = {name: renamed.get(name, name) for name in reference}
    _same_names(reference, outputs, set(names.values()))
    pairs = [(name, np.asarray(reference[name]), np.asarray(outputs[new])) for name, new in names.items()]
    for name, ours, theirs in pairs:
        if ours.shape != theirs.shape:
            raise Different(f"output '{name}' has shape {_shape(theirs)}; the source gives {_shape(ours)}")
    return pairs, renamed


def _same_names(reference: Arrays, outputs: Arrays, wanted: set[str]) -> None:
    if wanted == set(outputs):
        return
    lost, new = sorted(wanted - set(outputs)), sorted(set(outputs) - wanted)
    if len(reference) == len(outputs):
        raise Different(f"outputs are renamed: the source gives {_list(lost)}, the result {_list(new)}")
    said = [f"{_list(lost)} gone" if lost else "", f"{_list(new)} new" if new else ""]
    there = f"the source gives {len(reference)}, the result {len(outputs)}"
    raise Different(f"other outputs than the source's: {', '.join(each for each in said if each)} ({there})")


def _errors(name: str, reference: Array, outputs: Array) -> tuple[float, float]:
    """Return the largest absolute error, and that as a share of the largest reference."""
    ours, theirs = (_numbers(name, each) for each in (reference, outputs))
    finite = np.isfinite(ours)
    if not np.array_equal(finite, np.isfinite(theirs)):
        raise Different(f"output '{name}' has values that are not finite where the source has numbers, or the reverse")
    if not finite.any():
        return 0.0, 0.0
    absolute = float(np.max(np.abs(ours[finite] - theirs[finite])))
    largest = float(np.max(np.abs(ours[finite])))
    return absolute, absolute / largest if largest else (math.inf if absolute else 0.0)


def _numbers(name: str, array: Array) -> Array:
    if array.dtype.kind not in "fiub" or not array.size:
        raise Different(f"output '{name}' holds no numbers ({array.dtype}, {array.size} values)")
    return array.astype(np.float64)


def _rounds(step: Mapping[str, Any]) -> bool:
    """Whether a step says that activations became integers or half-precision numbers."""
    facts = step.get("facts")
    said = facts.get("activations") if isinstance(facts, Mapping) else None
    return isinstance(said, str) and said != "float32"


def _list(names: Collection[str]) -> str:
    return ", ".join(f"'{each}'" for each in names)


def _shape(array: Array) -> str:
    return f"[{', '.join(map(str, array.shape))}]"
