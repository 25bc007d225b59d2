"""Which layers are matched: choosing them, hearing them, bringing the student's to the teacher's width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

import bench
from bench_distill import features

PROJECTIONS = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh}


class Ear:
    """Hears the outputs of named layers of a module while it runs."""

    def __init__(self, module: nn.Module, names: list[str]) -> None:
        self.heard: dict[str, Tensor] = {}
        layers = dict(module.named_modules())
        self._handles = [layers[each].register_forward_hook(self._hook(each)) for each in names]

    def _hook(self, name: str) -> Any:
        def hook(_layer: Any, _inputs: Any, output: Any) -> None:
            if torch.is_tensor(output):
                self.heard[name] = output

        return hook

    def close(self) -> None:
        """Stop listening."""
        for each in self._handles:
            each.remove()


class Lesson(nn.Module):
    """A student with the projections that are trained beside it; answers as the student does."""

    def __init__(self, student: nn.Module, projections: list[nn.Module]) -> None:
        super().__init__()
        self.student, self.projections = student, nn.ModuleList(projections)

    def forward(self, **inputs: Tensor) -> Any:
        """Return the student's output."""
        return self.student(**inputs)


class Match:
    """One kind of feature loss between pairs of layers; `loss()` is of what both have just put out."""

    def __init__(self, kind: str, pairs: list[tuple[str, str]], projections: list[nn.Module]) -> None:
        self.kind, self.pairs, self.projections = kind, pairs, projections
        self._student: Ear | None = None
        self._teacher: Ear | None = None

    def listen(self, student: nn.Module, teacher: nn.Module) -> None:
        """Begin to hear both."""
        self._student = Ear(student, [mine for mine, _ in self.pairs])
        self._teacher = Ear(teacher, [theirs for _, theirs in self.pairs])

    def close(self) -> None:
        """Stop listening."""
        for ear in (self._student, self._teacher):
            if ear is not None:
                ear.close()

    def loss(self, inputs: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the loss, averaged over the pairs; tokens that `inputs` call padding do not count."""
        assert self._student is not None
        assert self._teacher is not None
        mine = [self._student.heard[name] for name, _ in self.pairs]
        theirs = [self._teacher.heard[name] for _, name in self.pairs]
        if self.kind in features.AS_THEY_COME:
            return _mean(self.kind, mine, theirs)
        shaped = [project(shape(self.kind, each)) for project, each in zip(self.projections, mine, strict=True)]
        wanted = [shape(self.kind, each) for each in theirs]
        mask = token_mask(inputs or {})
        shaped, wanted = ([features.seen(self.kind, each, mask) for each in those] for those in (shaped, wanted))
        if self.kind == "fsp":
            return torch.nn.functional.mse_loss(features.flow(*shaped), features.flow(*wanted))
        return _mean(self.kind, shaped, wanted)


def shape(kind: str, feature: Tensor) -> Tensor:
    """Return a feature as its loss takes it: pkd looks at the first position, of an image at the mean of all."""
    found = features.tokens(feature)
    return found.mean(1, keepdim=True) if kind == "pkd" and feature.dim() == 4 else found


def token_mask(inputs: Mapping[str, Tensor]) -> Tensor | None:
    """Return which tokens count, [n, tokens], 1 or 0, where the inputs say so by one of the usual names."""
    found = next((inputs[name] for name in ("mask", "attention_mask") if name in inputs), None)
    return found if found is not None and found.dim() == 2 else None


def match_of(
    kind: str, layers: tuple[str, ...], student: nn.Module, teacher: nn.Module, inputs: Mapping[str, Tensor], how: str
) -> Match:
    """Return the match of `layers` ("name", or "student's=teacher's"); the last common ones when none are named.

    `how` is the projection: "auto" (linear where widths differ), "none", "linear", "relu" or "tanh". Raises BenchError
    for a layer that is not there, Unsupported for layers that cannot be compared.
    """
    mine, theirs = outputs(student, inputs), outputs(teacher, inputs)
    pairs = [_pair(each, mine, theirs) for each in layers] or _common(kind, mine, theirs)
    if kind in features.AS_THEY_COME:
        for one, other in pairs:
            _same(kind, (one, other), tuple(mine[one].shape), tuple(theirs[other].shape))
        return Match(kind, pairs, [])
    projections = []
    for one, other in pairs:
        own, wanted = shape(kind, mine[one]), shape(kind, theirs[other])
        if kind in features.SAME_POSITIONS:
            _same(kind, (one, other), own.shape[1], wanted.shape[1])
        projections.append(_projection(kind, (one, other), own.shape[2], wanted.shape[2], how))
    return Match(kind, pairs, projections)


@torch.no_grad()
def outputs(module: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the outputs of all named layers that put out one tensor of two axes or more, in the order of their end."""
    training = [(each, each.training) for each in module.modules()]
    ear = Ear(module, [name for name, _ in module.named_modules() if name])
    try:
        module.eval()(**inputs)
    finally:
        ear.close()
        for each, mode in training:
            each.training = mode
    return {name: each for name, each in ear.heard.items() if 2 <= each.dim() <= 4 and each.is_floating_point()}


def _pair(text: str, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> tuple[str, str]:
    one, _, other = text.partition("=")
    pair = (one.strip(), (other or one).strip())
    for name, known, whose in ((pair[0], mine, "student"), (pair[1], theirs, "teacher")):
        if name not in known:
            hint = bench.did_you_mean(name, known)
            raise bench.BenchError(f"distill: the {whose} has no layer '{name}' that puts out a feature.{hint}")
    return pair


def _common(kind: str, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Return the last layer that both have under one name, at as many positions; for fsp also the first beside it."""
    if kind in features.AS_THEY_COME:
        raise bench.BenchError(
            f"distill: match: {kind} compares attention matrices", cure="name 'layers' that give some"
        )
    sizes = {name: features.tokens(each).shape[1] for name, each in mine.items()}
    both = [
        name
        for name in mine
        if name in theirs and mine[name].dim() > 2 and sizes[name] == features.tokens(theirs[name]).shape[1]
    ] or [name for name in [*mine][:-1] if name in theirs]
    if not both:
        raise bench.Unsupported(
            "distill: student and teacher share no layer's name", cure="name 'layers': student=teacher"
        )
    last = both[-1]
    if kind != "fsp":
        return [(last, last)]
    first = next(name for name in both if sizes[name] == sizes[last])
    return [(first, first), (last, last)]


def _projection(kind: str, pair: tuple[str, str], own: int, wanted: int, how: str) -> nn.Module:
    if kind not in features.SAME_WIDTH or (how == "auto" and own == wanted):
        return nn.Identity()
    if how == "none":
        _same(kind, pair, own, wanted)
        return nn.Identity()
    return nn.Sequential(nn.Linear(own, wanted), PROJECTIONS["linear" if how == "auto" else how]())


def _same(kind: str, pair: tuple[str, str], own: Any, wanted: Any) -> None:
    if own != wanted:
        raise bench.Unsupported(
            f"distill: match: {kind} compares equal shapes; the student's '{pair[0]}' has {own}, "
            f"the teacher's '{pair[1]}' {wanted}",
            cure="name other 'layers', or a match that needs no equal shapes: similarity, rkd",
        )


def _mean(kind: str, mine: list[Tensor], theirs: list[Tensor]) -> Tensor:
    return torch.stack([features.LOSSES[kind](*pair) for pair in zip(mine, theirs, strict=True)]).mean()
