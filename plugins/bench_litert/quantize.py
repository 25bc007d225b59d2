"""Quantising .tflite files by ai-edge-quantizer: what each mode does, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench_litert.quiet import quiet
from bench_litert.reading import names_of, open_file, version
from bench_litert.session import converted

FLOAT = "fp16"
WIDTHS = {"dynamic": (4, 8), "static": (8,), "weight-only": (4, 8), "fp16": (8,)}
NARROW = {np.int8, np.uint8, np.int16, np.float16}


@dataclass(frozen=True)
class Options:
    """What a `quantize` step asks for, by the names that it has for every runtime."""

    mode: str
    bits: int = 8
    calibrate: int = 256
    method: str = "minmax"
    per_channel: bool = True
    symmetric: bool | None = None
    group_size: int | None = None
    reduce_range: bool | None = None

    def check(self) -> None:
        """Raise BenchError for options that contradict one another, Unsupported for what this quantiser lacks."""
        if self.group_size is not None and self.mode != "weight-only":
            raise bench.BenchError(
                f"quantize: group_size is an option of mode: weight-only, but mode is {self.mode}",
                cure="use mode: weight-only, or leave group_size out",
            )
        if self.mode not in WIDTHS:
            raise bench.Unsupported(
                f"quantize: ai-edge-quantizer has no mode {self.mode}",
                cure="use mode: dynamic, static, fp16 or weight-only here, or another backend",
            )
        if self.mode == FLOAT and self.bits < 8:
            raise bench.BenchError(
                f"quantize: bits is {self.bits}, but mode {self.mode} has 16-bit floats", cure="leave bits out"
            )
        for lacks, what in self._lacking():
            if lacks:
                raise bench.Unsupported(f"quantize: ai-edge-quantizer has {what}", cure="leave the option out")

    def _lacking(self) -> Iterator[tuple[bool, str]]:
        widths = WIDTHS[self.mode]
        yield (
            self.bits not in widths,
            f"weights of {' or '.join(map(str, widths))} bits in mode {self.mode}, not {self.bits}",
        )
        yield self.method != "minmax", f"activation ranges by minmax, not by {self.method}"
        yield bool(self.group_size), "one scale per output channel here, and none per group"
        yield bool(self.reduce_range), "no 7-bit weights: the kernels of LiteRT do not saturate"
        yield self.symmetric is True and self.mode in ("dynamic", "static"), "asymmetric int8 activations only"
        yield self.symmetric is False and self.mode == "weight-only", "symmetric weights only"


def quantized(model: bench.Artifact, ctx: bench.Context, options: Options) -> Path:
    """Write the quantised file into ctx.workdir and return its path; inputs and outputs keep names and float types.

    Raises Unsupported for what the quantiser lacks, and for a file that has nothing to quantise or is quantised.
    """
    from ai_edge_quantizer import quantizer

    options.check()
    _require_floats(model.path)
    path = Path(ctx.workdir) / f"{options.mode}.tflite"
    try:
        with quiet():
            work = quantizer.Quantizer(str(model.path))
            _choose(work, options)
            ranges, count = _calibrated(work, model.path, ctx, options) if options.mode == "static" else (None, 0)
            work.quantize(ranges, enable_progress_report=False).export_model(str(path), overwrite=True)
    except (ValueError, RuntimeError, KeyError, NotImplementedError, AttributeError) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise bench.Unsupported(
            f"quantize: ai-edge-quantizer cannot quantise this file in mode {options.mode}: {said}",
            cure="use another mode, or another backend",
        ) from error
    _note(ctx, options, path, count)
    ctx.log(f"{model.size_bytes} bytes became {path.stat().st_size}")
    return path


def _choose(work: Any, options: Options) -> None:
    """Give the quantiser its recipe."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName

    every = {"regex": ".*", "operation_name": TFLOperationName.ALL_SUPPORTED}
    spread = QuantGranularity.CHANNELWISE if options.per_channel else QuantGranularity.TENSORWISE
    if options.mode == "static":
        work.add_static_config(**every, activation_num_bits=8, weight_num_bits=8, weight_granularity=spread)
    elif options.mode == "dynamic":
        work.add_dynamic_config(**every, num_bits=options.bits, granularity=spread)
    elif options.mode == FLOAT:
        work.add_weight_only_config(**every, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING)
    else:
        work.add_weight_only_config(**every, num_bits=options.bits, granularity=spread)


def _calibrated(work: Any, path: Path, ctx: bench.Context, options: Options) -> tuple[Mapping[str, Any], int]:
    """Return the activations' least and greatest values over the calibration examples, and how many these were.

    The quantiser's own `calibrate` takes a moving average, which depends on the order and forgets the first examples.
    """
    from ai_edge_quantizer import calibrator
    from ai_edge_quantizer.utils import qsv_utils

    interpreter = open_file(path, threads=1, kernels="builtin")
    signatures = interpreter._get_full_signature_list()
    if len(signatures) != 1:
        raise bench.Unsupported(
            f"quantize: calibration needs a file with one signature; this one has {len(signatures)}",
            cure="use mode: dynamic, or write the file with a signature",
        )
    (name,) = signatures
    names, _ = names_of(interpreter)
    details = {each["index"]: each for each in interpreter.get_input_details()}
    given = ctx.calibration(options.calibrate)
    feed = {each: converted(each, given[each], details[index]) for each, index in names.items()}
    found = calibrator.Calibrator(str(path), num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    found.calibrate({name: list(_examples(feed))}, work._recipe_manager)
    return found.get_model_qsvs(), len(next(iter(feed.values())))


def _examples(feed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one example at a time: a file whose batch is fixed at one takes no more, and ranges are the same."""
    for row in range(len(next(iter(feed.values())))):
        yield {name: value[row : row + 1] for name, value in feed.items()}


def _require_floats(path: Path) -> None:
    interpreter = open_file(path, threads=1, kernels="builtin")
    kinds = {each["dtype"] for each in interpreter.get_tensor_details()}
    if kinds & NARROW:
        raise bench.Unsupported("quantize: the file is quantised already", cure="use one quantize step per recipe")


def _note(ctx: bench.Context, options: Options, path: Path, count: int) -> None:
    from importlib.metadata import version as installed

    interpreter = open_file(path, threads=1, kernels="builtin")
    kinds = [each["dtype"] for each in interpreter.get_tensor_details()]
    if not set(kinds) & (NARROW | {np.uint8}) and options.bits >= 8:
        raise bench.Unsupported(
            "quantize: no operator of the file has weights that this mode narrows", cure="leave quantize out"
        )
    weights = {"fp16": "float16"}.get(options.mode, f"int{options.bits}")
    activations = {"dynamic": "int8 at run time", "static": "int8"}.get(options.mode, "float32")
    calibrated = {"calibrated": count, "method": options.method} if options.mode == "static" else {}
    ctx.note(
        mode=options.mode,
        bits=16 if options.mode == FLOAT else options.bits,
        weights=weights,
        activations=activations,
        quantizer=f"ai-edge-quantizer {installed('ai-edge-quantizer')}, litert {version()}",
        **calibrated,
    )
