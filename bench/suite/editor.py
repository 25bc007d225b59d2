"""Editor: the JSON Schema of a suite, by which editors complete names and mark mistakes while they are typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from bench.offer import Offer, Option
from bench.suite.axes import LARGEST
from bench.suite.cell import SERVER
from bench.suite.gating import ACCEPT_KEYS, ACCEPTABLE, METRICS, RELATIVE, Level
from bench.suite.limits import DIMENSION_OF
from bench.suite.model import NAME_PATTERN
from bench.suite.recipes import NONE
from bench.suite.scenario import MOST_SAMPLES, OPTIONS
from bench.suite.vocabulary import Slot, Vocabulary
from bench.units import EXAMPLES

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE: Schema = {"$ref": "#/$defs/variable"}
TYPES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}
BUDGETS = dict.fromkeys(RELATIVE, "absolute, or a change like '+2 %'") | {"quality": "'>= 73 %' or '-1 pp'"}
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema(vocabulary: Vocabulary | None) -> Schema:
    """Return the JSON Schema (draft 2020-12) of the suite format, with the names and options of the vocabulary.

    Without a vocabulary any name and any option is valid. A variant that `extends` another need not repeat what is
    required. Editors see the text before `${VAR}` is replaced, so a variable is valid wherever a value is.
    """
    whole = {"required": ["bench", "name", "matrix"], "properties": {"matrix": {"required": ["task", "backend"]}}}
    return {
        "$schema": DIALECT,
        "title": "joulebench suite",
        "type": "object",
        "properties": {
            "bench": {"const": 1, "description": "Format version."},
            "name": {"type": "string", "pattern": NAME_PATTERN, "description": "A slug, like 'mobile'."},
            "about": {"type": "string", "description": "What this suite is for, in one sentence."},
            "extends": {"type": "string", "description": "Path or name of the suite this one is laid over."},
            "matrix": {**_object(_matrix()), "description": "Every combination is one cell."},
            "measure": {**_object(_measure()), "description": "How one comparison is measured."},
            "limits": {**_object(_limits()), "description": "Upper limits; every record says which it keeps."},
            "gate": {**_object(_gate()), "description": "What `bench gate` allows; a budget file has the same keys."},
        },
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "else": whole,
        "$defs": {"variable": {"type": "string", "pattern": r"\$\{"}, **_names(vocabulary)},
    }


def _matrix() -> dict[str, Schema]:
    axes = {
        "task": _ref("task"),
        "backend": _ref("backend"),
        "device": {"type": "string", "description": "cpu, cuda:0; 'cuda:0?' is used when it is present."},
        "scenario": _ref("scenario"),
        **{name: {"type": "integer", "minimum": 1, "maximum": most} for name, most in LARGEST.items()},
    }
    fanned = {axis: _one_or_more(_or_variable(schema)) for axis, schema in axes.items()}
    included = _object({**fanned, "recipe": _ref("recipe")}) | {"minProperties": 1}
    excluded = _object(
        {**fanned, "scenario": _one_or_more(_ref("scenario_pattern")), "recipe": _ref("recipe_pattern")}
    ) | {"minProperties": 1}
    return {
        **fanned,
        "recipe": _one_or_more(_ref("recipe"), one=_ref("compressor")),
        "exclude": {"type": "array", "items": excluded, "description": "Cells to leave out: all that match an entry."},
        "include": {"type": "array", "items": included, "description": "Cells to add; axes left out fan out."},
    }


def _scenarios(*, partial: bool = False) -> list[Schema]:
    """Return the schema of every scenario: its bare name, or a mapping of its name to its options.

    A `partial` one is a pattern, which need not name the options that are required.
    """
    words: dict[str, Schema] = {
        "samples": _or_variable({"type": "integer", "minimum": 1, "maximum": MOST_SAMPLES}),
        "p99": _quantity("'50 ms': the bound that the highest rate is searched for"),
        "rate": _or_variable({"type": ["number", "string"], "description": "Queries a second, like 200."}),
        "confidence": _quantity("'99 %': how sure the p99 is to be"),
        "margin": _quantity("'0.25 pp': how far the share below the p99 may be off"),
        "duration": _quantity("'1 s': how long queries are issued to one side in one launch, at least"),
    }
    options = {name: _object({key: words[key] for key in each}) for name, each in OPTIONS.items() if each}
    if not partial:
        options[SERVER]["anyOf"] = [{"required": [key]} for key in ("p99", "rate")]
    bare = [name for name in OPTIONS if partial or name != SERVER]
    return [{"enum": bare}, *(_object({name: each}) | {"minProperties": 1} for name, each in options.items())]


def _measure() -> dict[str, Schema]:
    seconds = _quantity(EXAMPLES["time"])
    count = _or_variable({"type": "integer", "minimum": 1, "maximum": 1000})
    return {
        "repeat": _quantity("'until ci < 2% or 25s', or a time like '10s'"),
        "min_launches": {**count, "description": "Fewest process launches of each artifact."},
        "rounds": {**count, "description": "Interleaved rounds in a launch."},
        "idle": seconds,
        "timeout": seconds,
        "memory": _quantity(EXAMPLES["bytes"]),
        "energy": _or_variable({"enum": ["any", "measured", "derived"]}),
        "meter": _ref("meter"),
        "window": seconds,
    }


def _limits() -> dict[str, Schema]:
    plain = ("count", "flops", "fraction")
    return {
        name: {"type": ["string", "number"] if dimension in plain else "string", "description": EXAMPLES[dimension]}
        for name, dimension in DIMENSION_OF.items()
    }


def _gate() -> dict[str, Schema]:
    level = _or_variable({"enum": list(get_args(Level))})
    words = {"limit": _scalar(), "level": level, "fail": _scalar(), "pass": _scalar()}
    one: Schema = {"anyOf": [_scalar(), _object(words)]}
    accepted = {name: {"type": "string"} for name in ACCEPT_KEYS} | {"metric": {"enum": list(ACCEPTABLE)}}
    entry = _object(accepted) | {"required": list(ACCEPT_KEYS)}
    return {
        **{name: _one_or_more(one) | {"description": f"Budget: {BUDGETS.get(name, 'absolute')}."} for name in METRICS},
        "alpha": _quantity("the chance of a false alarm of the whole gate, like '1 %'"),
        "time": _quantity(EXAMPLES["time"]),
        "accept": {"type": "array", "items": entry, "description": "Failures that are accepted until a date."},
    }


def _scalar() -> Schema:
    return {"type": ["string", "number"]}


def _names(vocabulary: Vocabulary | None) -> dict[str, Schema]:
    words = vocabulary or Vocabulary()
    meters = {name: each for name, each in words.meters.items() if each[0].facts.get("for") != "display"}
    task = [{"const": name, "description": _about(offers)} for name, offers in sorted(words.tasks.items())]
    pipeline, patterns = ({"type": "array", "items": _ref(each), "minItems": 1} for each in ("step", "pattern"))
    none = {"const": NONE, "description": "The baseline."}
    return {
        "task": {"anyOf": [*(task or [VARIABLE] if vocabulary else [{"type": "string"}]), _own()]},
        "backend": _step(words.backends, vocabulary, "backend"),
        "meter": _meter(meters, vocabulary),
        "scenario": {"anyOf": _scenarios(), "description": "When queries are issued (MLPerf's names)."},
        "scenario_pattern": {"anyOf": _scenarios(partial=True)},
        "step": _step(words.compressors, vocabulary, "compressor"),
        "pattern": _step(words.compressors, vocabulary, "compressor", partial=True),
        "compressor": {"anyOf": [none, _ref("step")]},
        "recipe": {"anyOf": [_ref("compressor"), pipeline]},
        "recipe_pattern": {"anyOf": [none, _ref("pattern"), patterns]},
        **{_options_name("backend", name): _options(offers) for name, offers in sorted(words.backends.items())},
        **{_options_name("meter", name): _options(offers, fan=False) for name, offers in sorted(meters.items())},
        **{_options_name("compressor", name): _options(offers) for name, offers in sorted(words.compressors.items())},
    }


def _own() -> Schema:
    """Return the schema of a task made of a model of one's own."""
    words = {
        "model": "A file, its path relative to this one; timm:, torchvision: or hf:; or package.module:factory.",
        "data": "An .npz: inputs by name, `labels` for accuracy.",
        "metric": "What quality is: a metric's name (bench list metrics), or package.module:function.",
        "name": "What the task is called; the file's name when left out.",
    }
    return _object({key: {"type": "string", "description": each} for key, each in words.items()}) | {
        "required": ["model"],
        "description": "A model of your own.",
    }


def _meter(meters: Mapping[str, Sequence[Offer]], vocabulary: Vocabulary | None) -> Schema:
    """Return the schema of a meter: 'auto', its bare name, or a mapping of its name to its options."""
    auto = {"const": "auto", "description": "The first meter that can read here; else an estimate."}
    return {"anyOf": [auto, *_step(meters, vocabulary, "meter")["anyOf"]], "description": "What reads joules."}


def _step(
    names: Mapping[str, Sequence[Offer]], vocabulary: Vocabulary | None, slot: Slot, *, partial: bool = False
) -> Schema:
    """Return the schema of one step: its bare name, or a mapping of its name to its options.

    A `partial` step is a pattern, which need not name the options that are required.
    """
    if vocabulary is None:
        free = {"type": "object", "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"type": "string"}, free], "description": f"Any {slot}."}
    branches: list[Schema] = [VARIABLE]
    for name, offers in sorted(names.items()):
        required = [] if partial else _required(offers)
        options = _ref(_options_name(slot, name))
        if required:
            options |= {"type": "object", "required": required}
        else:
            branches.append({"const": name, "description": _about(offers)})
        branches.append(_object({name: options}) | {"required": [name], "description": _about(offers)})
    return {"anyOf": branches}


def _options_name(slot: Slot, name: str) -> str:
    return f"{slot}:{name}"


def _required(offers: Sequence[Offer]) -> list[str]:
    """Return the options that no offer of the name does without."""
    return sorted(set.intersection(*({each.name for each in offer.options if each.required} for offer in offers)))


def _options(offers: Sequence[Offer], *, fan: bool = True) -> Schema:
    """Return the schema of a name's options: each as any of its offers takes it; with `fan` a list fans out."""
    merged: dict[str, list[Option]] = {}
    for offer in offers:
        for option in offer.options:
            merged.setdefault(option.name, []).append(option)
    return _object({name: _option(options, fan) for name, options in merged.items()}) | {"type": ["object", "null"]}


def _option(options: Sequence[Option], fan: bool) -> Schema:
    branches: list[Schema] = []
    for each in (_value(option) for option in options):
        if each not in branches:
            branches.append(each)
    value = _or_variable(*branches)
    # A bare list fans out into scalars, so that one for a list-valued option is a slip: only its null stands alone.
    alone = [{"type": "null"}] if any(option.nullable for option in options) else []
    single = alone if all(option.many for option in options) else value["anyOf"]
    listed = [{"type": "array", "items": value, "minItems": 1}] if fan else []
    fanned: Schema = {"anyOf": [*single, *listed]}
    text = next((option.help for option in options if option.help), "")
    default = {"default": options[0].default} if not options[0].required else {}
    return {**fanned, **({"description": text} if text else {}), **default}


def _value(option: Option) -> Schema:
    scalar: Schema = {"enum": list(option.choices)} if option.choices else {}
    if not option.choices and option.type in TYPES:
        scalar["type"] = TYPES[option.type]
    if not option.choices and option.type in ("int", "float", "any"):
        limits = {word: getattr(option.bounds, key) for key, word in BOUNDS.items()}
        scalar |= {word: limit for word, limit in limits.items() if limit is not None}
    value: Schema = {"type": "array", "items": scalar} if option.many else scalar
    return {"anyOf": [value, {"type": "null"}]} if option.nullable else value


def _about(offers: Sequence[Offer]) -> str:
    return next((each.summary for each in offers if each.summary), offers[0].name)


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _one_or_more(schema: Schema, one: Schema | None = None) -> Schema:
    return {"anyOf": [one or schema, {"type": "array", "items": schema, "minItems": 1}]}


def _or_variable(*schemas: Schema) -> Schema:
    return {"anyOf": [*schemas, VARIABLE]}


def _quantity(expected: str) -> Schema:
    return {"type": "string", "pattern": "[0-9$]", "description": expected[0].upper() + expected[1:] + "."}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
