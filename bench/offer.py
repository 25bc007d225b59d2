"""Offers: what a plugin can do, readable without loading what it needs.

`bench list`, suite checks, routes and error messages are made from offers alone.
"""

from __future__ import annotations

import enum
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

Kind = Literal["task", "compressor", "converter", "backend", "meter", "counter", "metric"]
KINDS: tuple[Kind, ...] = ("task", "compressor", "converter", "backend", "meter", "counter", "metric")
SCALARS: Mapping[Any, str] = {int: "int", float: "float", str: "str", bool: "bool"}


class Required(enum.Enum):
    """The default of an option that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True)
class Bounds:
    """Bounds of a numeric option, used as `Annotated[float, Bounds(ge=0, lt=1)]`."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def breach(self, value: float) -> str | None:
        """Return what the value had to be ("at least 0"), or None when it is inside."""
        if math.isnan(value):
            return "a number"
        for limit, words, kept in (
            (self.ge, "at least", operator.ge),
            (self.gt, "greater than", operator.gt),
            (self.le, "at most", operator.le),
            (self.lt, "less than", operator.lt),
        ):
            if limit is not None and not kept(value, limit):
                return f"{words} {limit:g}"
        return None


@dataclass(frozen=True)
class Option:
    """One option of a plugin: `type` is int, float, str, bool or any; `many` marks a list-valued option."""

    name: str
    type: str = "any"
    default: Any = REQUIRED
    choices: tuple[Any, ...] = ()
    bounds: Bounds = Bounds()
    many: bool = False
    nullable: bool = False
    help: str = ""

    @property
    def required(self) -> bool:
        """Whether the option has no default."""
        return self.default is REQUIRED

    def to_json(self) -> dict[str, Any]:
        """Return the option as JSON; a missing default is left out."""
        out = {each.name: getattr(self, each.name) for each in fields(self)}
        out["bounds"] = {k: v for k, v in vars(self.bounds).items() if v is not None}
        if self.required:
            del out["default"]
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Option:
        """Rebuild an option from `to_json`."""
        values = {**data, "bounds": Bounds(**data.get("bounds", {})), "choices": tuple(data.get("choices", ()))}
        return cls(**values)


@dataclass(frozen=True)
class Offer:
    """What one plugin offers under one name.

    `target` is "package.module:attribute" (or "/path/file.py:attribute" for a one-file plugin); `accepts` and
    `produces` are artifact formats; `needs` are import names checked without importing; `extra` is the extra of
    joulebench that installs them; `environment` are requirements when the plugin needs an environment of its own;
    `facts` carries kind-specific data (a task's metric, its formats …), JSON only.
    """

    kind: Kind
    name: str
    target: str
    accepts: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    needs: tuple[str, ...] = ()
    extra: str | None = None
    environment: tuple[str, ...] = ()
    summary: str = ""
    plugin: str = ""
    version: str = ""
    digest: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
        """What tells it from other offers: kind, name, the formats it takes and, of a compressor, those it makes."""
        return self.kind, self.name, self.accepts, self.produces if self.kind == "compressor" else ()

    def option(self, name: str) -> Option | None:
        """Return the option of that name, or None."""
        return next((each for each in self.options if each.name == name), None)

    @property
    def bare(self) -> bool:
        """Whether its name alone will do: no option has to be given, and no program named (the fact `code`)."""
        return "code" not in self.facts and not any(each.required for each in self.options)

    def to_json(self) -> dict[str, Any]:
        """Return the offer as JSON."""
        out = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**out, "options": [each.to_json() for each in self.options], "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Offer:
        """Rebuild an offer from `to_json`."""
        lists = {key: tuple(data.get(key, ())) for key in ("accepts", "produces", "needs", "environment")}
        options = tuple(Option.from_json(each) for each in data.get("options", ()))
        return cls(**{**data, **lists, "options": options})


def options_of(function: Callable[..., Any], skip: int) -> tuple[Option, ...]:
    """Read a function's options from its signature, leaving out its first `skip` parameters.

    Annotations may be int, float, str, bool, Literal[...], a list of these, a union with None, or Annotated with
    Bounds and a help string. Raises TypeError for *args, **kwargs and for annotations outside these.
    """
    target = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(target, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    return tuple(_option(each, hints.get(each.name, Any)) for each in parameters)


def _option(parameter: inspect.Parameter, hint: Any) -> Option:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise TypeError(f"option '{parameter.name}': *args and **kwargs cannot be described; name every option")
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    if hint is Any and default is not REQUIRED and type(default) in SCALARS:
        hint = type(default)
    hint, outer = _annotated(hint)
    hint, nullable = _without_none(hint)
    hint, inner = _annotated(hint)
    hint, many = (get_args(hint)[0], True) if get_origin(hint) in (list, tuple) else (hint, False)
    hint, each_one = _annotated(hint)
    extras = (*outer, *inner, *each_one)
    kind, choices = _scalar(parameter.name, hint)
    return Option(
        name=parameter.name,
        type=kind,
        default=list(default) if isinstance(default, tuple) else default,
        choices=choices,
        bounds=next((each for each in extras if isinstance(each, Bounds)), Bounds()),
        many=many,
        nullable=nullable or default is None,
        help=next((each for each in extras if isinstance(each, str)), ""),
    )


def _annotated(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split Annotated[...] wherever an author put it: around the whole, inside a union with None, inside a list."""
    if get_origin(hint) is not typing.Annotated:
        return hint, ()
    inside, *rest = get_args(hint)
    return inside, tuple(rest)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (typing.Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        if len(rest) == 1 and len(rest) < len(get_args(hint)):
            return rest[0], True
    return hint, False


def _scalar(name: str, hint: Any) -> tuple[str, tuple[Any, ...]]:
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return SCALARS.get(type(choices[0]), "str"), choices
    if hint in (Any, inspect.Parameter.empty):
        return "any", ()
    if hint in SCALARS:
        return SCALARS[hint], ()
    raise TypeError(f"option '{name}': annotate it as int, float, str, bool, Literal or a list of one, not {hint!r}")
