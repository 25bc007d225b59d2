"""The JSON Schema of records: every field with what it means. Documentation and checkers read it."""

from __future__ import annotations

from typing import Any

from bench.reading import CLASSES
from bench.record import SCHEMA, STATUSES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEXT = {"type": "string"}
OBJECT = {"type": "object"}
NUMBER = {"type": ["number", "null"]}


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema of `bench.record/1`."""
    fields = _fields()
    return {
        "$schema": DRAFT,
        "title": SCHEMA,
        "description": "One cell's outcome. Times in seconds, sizes in bytes, energy in joules, fractions as 0 to 1.",
        "type": "object",
        "properties": fields,
        "required": ["schema", "id", "status", "cell", "readings", "ratios", "validity"],
    }


def _fields() -> dict[str, Any]:
    return {
        "schema": {"const": SCHEMA, "description": "Name and version of this document."},
        "id": {**TEXT, "description": "Id of the record: of this cell in this run."},
        "status": {"enum": list(STATUSES), "description": "How the cell ended."},
        "reason": {"type": ["string", "null"], "description": "Why it is not ok, with what to do."},
        "detail": {"type": ["string", "null"], "description": "A worker's traceback."},
        "run": {**TEXT, "description": "Id of the run; the same when it was resumed."},
        "started": {**TEXT, "description": "When the record was made, UTC."},
        "cell": {**OBJECT, "description": "Suite, task, recipe with options, plugins and versions, backend, device, scenario, batch, threads, seed."},
        "group": {**TEXT, "description": "Records are ranked only inside a group: same task, data, reference model, machine, device, scenario, batch, threads."},
        "artifact": {"type": ["string", "null"], "description": "Digest of the measured file."},
        "launches": {"type": "integer", "description": "Process launches behind the numbers."},
        "validity": {**OBJECT, "description": "Verdict valid, suspect or invalid, with reasons."},
        "readings": {"type": "object", "additionalProperties": _reading(), "description": "Every number about the cell, by name."},
        "ratios": {"type": "object", "additionalProperties": _ratio(), "description": "Ratios to another record's numbers."},
        "limits": {**OBJECT, "description": "The suite's limits: limit, value read, ok (null: not known)."},
        "audit": {**OBJECT, "description": "Claimed, stored and executed compression; empty until an audit ran."},
        "compression": {**OBJECT, "description": "Seconds that compressing took, training told apart."},
        "lineage": {"type": "array", "description": "Steps and conversions that made the artifact, oldest first."},
        "machine": {**OBJECT, "description": "The machine: processor, cores, memory, limits, governor, kernel."},
        "versions": {**OBJECT, "description": "joulebench, Python, plugins, and what the runtime says of itself."},
        "reproduce": {**TEXT, "description": "The command that measures this cell again."},
    }  # fmt: skip


def _reading() -> dict[str, Any]:
    properties = {
        "value": {**NUMBER, "description": "The number, null when unavailable."},
        "unit": {**TEXT, "description": "SI unit; 1 for a fraction or a count."},
        "class": {"enum": list(CLASSES), "description": "How it was obtained."},
        "low": {**NUMBER, "description": "Lower end of the 95 % interval."},
        "high": {**NUMBER, "description": "Upper end of the 95 % interval."},
        "n": {"type": ["integer", "null"], "description": "Observations behind it."},
        "meter": {**TEXT, "description": "What read it."},
        "reason": {**TEXT, "description": "Why it is unavailable."},
        "validity": {**OBJECT, "description": "Its own verdict, when it is not valid."},
    }
    return {"type": "object", "properties": properties, "required": ["value", "unit", "class"]}


def _ratio() -> dict[str, Any]:
    properties = {
        "value": {**NUMBER, "description": "This record's number over the other's; below 1 means less."},
        "low": {**NUMBER, "description": "Lower end of the 95 % interval."},
        "high": {**NUMBER, "description": "Upper end of the 95 % interval."},
        "against": {**TEXT, "description": "Id of the other record."},
        "method": {**TEXT, "description": "How it was obtained: paired-floor, paired-cpu-time, unpaired-p50, counted."},
        "n": {"type": ["integer", "null"], "description": "Launches behind it."},
        "class": {"enum": list(CLASSES), "description": "The class of its weaker side."},
    }
    return {"type": "object", "properties": properties, "required": ["value", "against", "method"]}
