"""What every benchmark script shares: `--json` prints one object with figures and the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bench.machine import machine_facts


def show(figures: Mapping[str, float], *, as_json: bool) -> None:
    """Print the figures, as one JSON object or a line each."""
    if as_json:
        print(json.dumps({"figures": dict(figures), "machine": machine_facts()}))
        return
    for name, value in figures.items():
        print(f"{name:<32}{value:.6g}")
