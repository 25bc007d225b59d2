"""Decorators that turn a function or class into a plugin: its signature is its schema, its docstring its help."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from bench.offer import KINDS, Kind, Offer, options_of

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
# Parameters the harness passes itself, before the options begin.
OWN_PARAMETERS = {"task": 0, "compressor": 2, "converter": 2, "backend": 0, "meter": 0, "counter": 1, "metric": 2}
MARK = "__bench_offers__"


def _decorator(
    kind: Kind,
    name: str,
    *,
    accepts: str | Iterable[str] = (),
    produces: str | Iterable[str] = (),
    needs: Iterable[str] = (),
    extra: str | None = None,
    environment: Iterable[str] = (),
    summary: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Callable[[Decorated], Decorated]:
    def mark(target: Decorated) -> Decorated:
        offer = Offer(
            kind=kind,
            name=name,
            target=f"{target.__module__}:{target.__qualname__}",
            accepts=_names(accepts),
            produces=_names(produces),
            options=options_of(target, OWN_PARAMETERS[kind]),
            needs=tuple(needs),
            extra=extra,
            environment=tuple(environment),
            summary=summary or _first_line(target),
            facts=dict(facts or {}),
        )
        setattr(target, MARK, (*getattr(target, MARK, ()), offer))
        return target

    return mark


def compressor(
    name: str, *, accepts: str | Iterable[str] = "module", produces: str | Iterable[str] | None = None, **more: Any
) -> Callable[[Decorated], Decorated]:
    """Offer a function `f(model, ctx, **options) -> model` as a compressor.

    With `accepts="module"` (the default) the model is a torch module in memory; with a file format it is an Artifact.
    A function that produces "module" returns the module; one that produces a file format returns the path of the new
    file, written under `ctx.workdir`. `produces` defaults to `accepts`.
    """
    return _decorator("compressor", name, accepts=accepts, produces=accepts if produces is None else produces, **more)


def converter(
    name: str, *, accepts: str | Iterable[str], produces: str, **more: Any
) -> Callable[[Decorated], Decorated]:
    """Offer a function `f(artifact, ctx) -> path` as one edge of the format graph, from each format it accepts."""
    return _decorator("converter", name, accepts=accepts, produces=produces, **more)


def backend(name: str, *, accepts: str | Iterable[str], **more: Any) -> Callable[[Decorated], Decorated]:
    """Offer a class `C(**options)` with `open(artifact, device=, threads=) -> Session` as a backend."""
    return _decorator("backend", name, accepts=accepts, **more)


def task(name: str, *, produces: str | Iterable[str], **more: Any) -> Callable[[Decorated], Decorated]:
    """Offer a class `C()` that is a Task; `produces` are the formats its reference model comes in.

    `facts` carries metric, unit, direction, about, licence and version for what is shown without loading the task.
    """
    return _decorator("task", name, produces=produces, **more)


def meter(name: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """Offer a class `C(**options)` that is a Meter."""
    return _decorator("meter", name, **more)


def counter(name: str, *, accepts: str | Iterable[str], **more: Any) -> Callable[[Decorated], Decorated]:
    """Offer a function `f(artifact) -> Reading` as a counter of a property of an artifact."""
    return _decorator("counter", name, accepts=accepts, **more)


def metric(
    name: str, *, unit: str = "1", higher_is_better: bool = True, **more: Any
) -> Callable[[Decorated], Decorated]:
    """Offer a function `f(outputs, labels)` as a metric of tasks made of models of one's own.

    `outputs` are the model's by name and `labels` the data's array; both have the examples on their first axis. It
    returns one outcome per example, shape (n,), whose mean is the value. Where no example has an outcome of its own it
    returns the value alone, a float, and is asked again for parts of the examples; or a function that, given indices
    of examples, returns their value, where preparing it once is cheaper. A ValueError of it is the cell's reason.
    """
    return _decorator("metric", name, **more, facts={"unit": unit, "higher_is_better": higher_is_better})


def offers_of(module: ModuleType | Mapping[str, Any], kind: Kind | None = None) -> list[Offer]:
    """Return the offers of every decorated object in a module, in order of definition."""
    values = module if isinstance(module, Mapping) else vars(module)
    found: dict[Any, Offer] = {}
    for value in list(values.values()):
        for offer in getattr(value, MARK, ()) if callable(value) else ():
            if offer.kind in KINDS and kind in (None, offer.kind):
                found[offer.place] = offer
    return list(found.values())


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _first_line(target: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(target) or "").strip().splitlines()
    return lines[0] if lines else ""
