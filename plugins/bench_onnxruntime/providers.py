"""Execution providers: which one a device means, whether it is here, and whether a graph really runs on it.

ONNX Runtime puts what a provider cannot run on the processor and says so in its log at most. A cell that names a card
would then be a measurement of the processor; so the assignment of every operator is read back, and kept.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import onnxruntime

import bench
from bench_onnxruntime.profile import PRODUCTS

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DEVICE = re.compile(r"cuda(?::(\d+))?")
RECORD = "session.record_ep_graph_assignment_info"
NO_FALLBACK = "session.disable_cpu_ep_fallback"
# 19 bits instead of 32 are the provider's own default; a ratio would then compare precisions.
EXACT = {"use_tf32": "0"}
SHOWN = 3


@dataclass(frozen=True)
class Place:
    """Where a session runs: the processor, or a card by CUDA's number in this process."""

    card: int | None = None

    @property
    def kind(self) -> str:
        """The runtime's word for the device."""
        return "cpu" if self.card is None else "cuda"

    @property
    def number(self) -> int:
        """The device's number; 0 for the processor."""
        return self.card or 0

    @property
    def providers(self) -> list[Any]:
        """The providers with their options, as the runtime takes them."""
        return [CPU] if self.card is None else [(CUDA, {"device_id": str(self.card), **EXACT})]

    def prepare(self, options: Any) -> None:
        """Have the runtime note which provider takes each operator, or else refuse to leave any to the processor."""
        if self.card is not None:
            known = hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")
            options.add_session_config_entry(RECORD if known else NO_FALLBACK, "1")

    def check(self, session: Any, file: str) -> None:
        """Raise Unsupported where the session would not compute on the card."""
        if self.card is None:
            return
        session.disable_fallback()  # an error on the card is an error, not a second try on the processor
        if CUDA not in session.get_providers():
            cure = "the CUDA libraries it was built for are not found: see docs/how-to/cuda.md"
            raise bench.Unsupported(f"onnxruntime {onnxruntime.__version__} cannot start its CUDA provider", cure=cure)
        left = sorted(set((assignment(session) or {}).get(CPU, {})) & PRODUCTS)
        if left:
            names = ", ".join(left[:SHOWN])
            message = f"onnxruntime would run {file}'s {names} on the processor: its CUDA provider has no kernel for it"
            raise bench.Unsupported(message, cure="choose device cpu, or a recipe whose operators the card has")


def place_of(device: str) -> Place:
    """Return the place that a device of a suite means. Raises Unsupported with the reason when it is not here."""
    if device == "cpu":
        return Place()
    found = DEVICE.fullmatch(device)
    if not found:
        cure = "choose device cpu or cuda, or a backend for that device"
        raise bench.Unsupported(f"backend 'onnxruntime' runs on cpu and cuda, not on '{device}'", cure=cure)
    if CUDA not in onnxruntime.get_available_providers():
        cure = "install onnxruntime-gpu in place of onnxruntime (docs/how-to/cuda.md)"
        raise bench.Unsupported(f"onnxruntime has no CUDA provider here, so it cannot run on '{device}'", cure=cure)
    _preload()
    return Place(int(found[1] or 0))


def _preload() -> None:
    """Have newer runtimes find the CUDA and cuDNN libraries that pip installs for torch: no loader looks there."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        with contextlib.suppress(Exception):  # without them the provider does not start, and that is told
            preload()


def assignment(session: Any) -> dict[str, dict[str, int]] | None:
    """Return how many operators of each type a provider was given; None where the runtime does not tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    found: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, Counter()).update(each.op_type for each in part.get_nodes())
    return {name: dict(sorted(each.items())) for name, each in sorted(found.items())}
