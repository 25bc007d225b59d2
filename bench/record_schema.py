"""The JSON Schema of records: every field with what it means. Documentation and checkers read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.reading import CLASSES
from bench.record import SCHEMA, STATUSES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Type = str | Sequence[str]
NUMBER: Type = ("number", "null")

FIELDS: Sequence[tuple[str, Type, str]] = (
    ("schema", "string", "Name and version of this document."),
    ("id", "string", "Id of the record: of this cell in this run."),
    ("status", "string", "How the cell ended."),
    ("reason", ("string", "null"), "Why it is not ok, with what to do."),
    ("detail", ("string", "null"), "A worker's traceback."),
    ("run", "string", "Id of the run; the same when it was resumed."),
    ("started", "string", "When the record was made, UTC."),
    (
        "cell",
        "object",
        "Suite, task, recipe (options, plugins, versions), backend, device, scenario, batch, threads, seed.",
    ),
    (
        "group",
        "string",
        "Ranked only inside it: same task, data, reference, machine, device, scenario, batch, threads.",
    ),
    ("artifact", ("string", "null"), "Digest of the measured file."),
    ("launches", "integer", "Process launches behind the numbers."),
    ("validity", "object", "Verdict valid, suspect or invalid, with reasons."),
    ("readings", "object", "Every number about the cell, by name."),
    ("ratios", "object", "Ratios to another record's numbers, by name."),
    ("limits", "object", "The suite's limits: limit, value read, ok (null: not known)."),
    (
        "audit",
        "object",
        "Claimed, stored and executed compression, the verdict (null: not judged) and one sentence of advice.",
    ),
    ("compression", "object", "What making the artifact cost, by phase, what was trained, and when that is paid back."),
    ("lineage", "array", "Steps and conversions that made the artifact, oldest first."),
    ("evidence", "object", "What its numbers can be derived from again: launches and outcomes by digest, settings."),
    ("machine", "object", "The machine: processor, cores, memory, limits, governor, kernel."),
    ("versions", "object", "joulebench, Python, plugins, and what the runtime says of itself."),
    ("reproduce", "string", "The command that measures this cell again."),
)
READING: Sequence[tuple[str, Type, str]] = (
    ("value", NUMBER, "The number, null when unavailable."),
    ("unit", "string", "SI unit; 1 for a fraction."),
    ("class", "string", "How it was obtained."),
    ("low", NUMBER, "Lower end of the 95 % interval."),
    ("high", NUMBER, "Upper end of the 95 % interval."),
    ("n", ("integer", "null"), "Observations behind it."),
    ("meter", "string", "What read it."),
    ("reason", "string", "Why it is unavailable."),
    ("validity", "object", "Its own verdict, when it is not valid."),
)
RATIO: Sequence[tuple[str, Type, str]] = (
    ("value", "number", "This record's number over the other's; below 1 means less."),
    ("low", NUMBER, "Lower end of the 95 % interval, null where nothing bounds it."),
    ("high", NUMBER, "Upper end of the 95 % interval, null where nothing bounds it."),
    ("against", "string", "Id of the other record."),
    (
        "method",
        "string",
        "How: paired-floor, -launch, -energy, -cpu-time, -queries, -throughput or -rate; unpaired-p50; counted.",
    ),
    ("n", ("integer", "null"), "Launches behind it."),
    ("class", "string", "The class of its weaker side."),
)


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema of `bench.record/1`."""
    whole = _object(FIELDS, ("schema", "id", "status", "cell", "readings", "ratios", "validity"))
    properties = whole["properties"]
    properties["schema"]["const"] = SCHEMA
    properties["status"]["enum"] = list(STATUSES)
    properties["readings"]["additionalProperties"] = _object(READING, ("value", "unit", "class"))
    properties["ratios"]["additionalProperties"] = _object(RATIO, ("value", "against", "method"))
    for name in ("readings", "ratios"):
        properties[name]["additionalProperties"]["properties"]["class"]["enum"] = list(CLASSES)
    about = "One cell's outcome. Times in seconds, sizes in bytes, energy in joules, fractions as 0 to 1."
    return {"$schema": DRAFT, "title": SCHEMA, "description": about, **whole}


def _object(rows: Sequence[tuple[str, Type, str]], required: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": kind if isinstance(kind, str) else list(kind), "description": text} for name, kind, text in rows
    }
    return {"type": "object", "properties": properties, "required": list(required)}
