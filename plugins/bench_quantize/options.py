"""Options that contradict one another, and the facts that both routes leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bench

GROUP = 32
BUDGET = 4.0
# Peak rate of training: what is trained is good already, and a high rate would first undo that.
RATE = 5e-4
# Modes whose products are of integers.
REDUCIBLE = ("dynamic", "static", "qat")


@dataclass(frozen=True)
class Options:
    """What a `quantize` step asks for; the routes share its meaning and its contradictions."""

    mode: str
    bits: int = 8
    calibrate: int = 256
    method: str = "minmax"
    per_channel: bool = True
    symmetric: bool | None = None
    group_size: int | None = None
    budget: float | None = None
    epochs: float = 0.0
    learning_rate: float | None = None
    reduce_range: bool | None = None

    def check(self) -> None:
        """Raise BenchError for options that contradict one another, naming both."""
        for name, value, mode in (
            ("group_size", self.group_size, "weight-only"),
            ("budget", self.budget, "mixed"),
            ("epochs", self.epochs or None, "qat"),
            ("learning_rate", self.learning_rate, "qat"),
        ):
            if value is not None and self.mode != mode:
                raise bench.BenchError(
                    f"quantize: {name} is an option of mode: {mode}, but mode is {self.mode}",
                    cure=f"use mode: {mode}, or leave {name} out",
                )
        if self.reduce_range is not None and (self.mode not in REDUCIBLE or self.bits < 8):
            instead = f"bits is {self.bits}" if self.mode in REDUCIBLE else f"mode is {self.mode}"
            raise bench.BenchError(
                f"quantize: reduce_range is about weights computed in int8, but {instead}", cure="leave it out"
            )
        if self.mode == "qat" and not self.epochs:
            raise bench.BenchError("quantize: mode qat trains, but epochs is 0", cure="give epochs: 1 or more")
        if self.group_size and not self.per_channel:
            raise bench.BenchError(
                f"quantize: group_size {self.group_size} gives each group a scale, per_channel: false one to them all",
                cure="give one of the two",
            )
        if self.bits < 8 and self.mode in ("fp16", "bf16", "mixed"):
            what = "chooses the bits by its budget" if self.mode == "mixed" else "has 16-bit floats"
            raise bench.BenchError(f"quantize: bits is {self.bits}, but mode {self.mode} {what}", cure="leave bits out")
        if self.bits < 8 and self.mode == "dynamic":
            raise bench.Unsupported(
                f"quantize: the dynamic kernels have 8-bit weights, not {self.bits}",
                cure="use mode: weight-only, which stores them in fewer",
            )

    @property
    def reduced(self) -> bool:
        """Whether int8 weights keep to 7 bits: as asked, or where this processor's sums would saturate."""
        if self.mode not in REDUCIBLE or self.bits < 8:
            return False
        return bench.saturates_int8() if self.reduce_range is None else self.reduce_range

    @property
    def group(self) -> int:
        """Weights that share a scale (weight-only); 0: those of an output channel, or all of them."""
        return (GROUP if self.per_channel else 0) if self.group_size is None else self.group_size

    @property
    def noted_bits(self) -> int | float:
        """Bits for the record."""
        return 16 if self.mode in ("fp16", "bf16") else self.bits


def check_codebook(method: str, bits: int, epochs: float = 0.0, learning_rate: float | None = None) -> None:
    """Raise BenchError for options of `codebook` that contradict one another."""
    if method == "nf4" and bits != 4:
        raise bench.BenchError(f"codebook: method nf4 has 16 levels, but bits is {bits}", cure="use bits: 4")
    if learning_rate is not None and not epochs:
        raise bench.BenchError("codebook: learning_rate is of fine-tuning, but epochs is 0", cure="give epochs: 1")


def note_codebook(ctx: bench.Context, method: str, bits: int, facts: dict[str, Any]) -> None:
    """Leave the facts of a codebook in the lineage."""
    ctx.note(method=method, bits=bits, activations="float32", weights=f"{method} codebook", **facts)
    ctx.log(f"{facts['share_of_weights']:.1%} of the weights became indices of {facts['stored_bits']:.2g} bits")
