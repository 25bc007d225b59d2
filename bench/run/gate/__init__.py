"""Measuring for a gate: both sides built, every cell's pair launched until it is decided, the gate itself tested."""

from bench.run.gate.building import build_parts
from bench.run.gate.gate import Gate, Judged, Wanted
from bench.run.gate.measuring import Bench
from bench.run.gate.parts import Baseline, Kept, Part
from bench.run.gate.results import kept_parts

__all__ = ["Baseline", "Bench", "Gate", "Judged", "Kept", "Part", "Wanted", "build_parts", "kept_parts"]
