"""The report as JSON, schema `bench.gate/1`: what tools read, and what `GateReport.from_json` reads back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from bench.gate.verdicts import GateReport


def json_text(report: GateReport) -> str:
    """Return the report as strictly valid JSON; what is not finite becomes null.

    `##[`, which can only stand inside a string, is written with an escape: printed in a GitHub log it would otherwise
    be taken for a workflow command.
    """
    text = json.dumps(_finite(report.to_json()), indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("##[", "#\\u0023[") + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
