"""Static int8 by nncf: what each option becomes there, and what it has none of."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version as installed
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import openvino

import bench
from bench_openvino.reading import read_model, simplified, version
from bench_openvino.session import converted, input_name

PLAIN = frozenset({"Constant", "Parameter", "Result"})
# By the port of the weights; a Gather of them is an embedding.
WEIGHTED = {"MatMul": 1, "Convolution": 1, "GroupConvolution": 1, "ConvolutionBackpropData": 1, "Gather": 0}
OUTLIERS = 1e-4  # the share of values left out on both sides together: 99.99 % as on the other routes


@dataclass(frozen=True)
class Options:
    """What a `quantize` step asks nncf for; the names are those that it has for every runtime."""

    calibrate: int = 256
    method: str = "minmax"
    per_channel: bool = True
    symmetric: bool | None = None
    reduce_range: bool | None = None
    layers: str | None = None


def quantized(model: bench.Artifact, ctx: bench.Context, options: Options) -> Path:
    """Write the quantised model as IR, `ctx.workdir / "int8"`, and return the folder; its ends stay as they are.

    Raises Unsupported for a model that is quantised, that holds nothing to quantise, or that nncf refuses.
    """
    network = simplified(read_model(openvino.Core(), model))
    if "FakeQuantize" in _kinds(network) or "QuantizeLinear" in _kinds(network):
        raise bench.Unsupported("quantize: the file is quantised already", cure="use one quantize step per recipe")
    given = ctx.calibration(options.calibrate)
    count = len(next(iter(given.values())))
    seven = bench.saturates_int8() if options.reduce_range is None else options.reduce_range
    chosen = options.layers or ("weighted" if _has_attention(network) else "all")
    with quiet():
        left = _without_weights(network) if chosen == "weighted" else []
        small = _quantise(network, nncf_dataset(network, given), count, options, seven, left)
    found = _kinds(small).count("FakeQuantize")
    if not found:
        raise bench.Unsupported("quantize: nncf found nothing to quantise in the model", cure="leave quantize out")
    folder = Path(ctx.workdir) / "int8"
    folder.mkdir()
    openvino.save_model(small, str(folder / "model.xml"), compress_to_fp16=False)
    ctx.note(
        mode="static",
        bits=8,
        weights="int8",
        activations="int8",
        calibrated=count,
        method=options.method,
        reduce_range=seven,
        reduce_range_by="processor" if options.reduce_range is None else "option",
        quantizers=found,
        layers=chosen,
        quantizer=f"nncf {installed('nncf')}, openvino {version()}",
    )
    return folder


def _quantise(network: Any, examples: Any, count: int, options: Options, seven: bool, left: list[str]) -> Any:
    import nncf

    try:
        return nncf.quantize(
            network,
            examples,
            subset_size=count,
            target_device=nncf.TargetDevice.CPU,
            preset=_preset(options.symmetric),
            ignored_scope=nncf.IgnoredScope(names=left, validate=False) if left else None,
            advanced_parameters=_advanced(options, seven),
        )
    except (nncf.ValidationError, nncf.ParameterNotSupportedError, nncf.InternalError, RuntimeError) as error:
        said = (
            f"quantize: nncf cannot quantise this model: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        )
        raise bench.Unsupported(said, cure="use another mode") from error


def _preset(symmetric: bool | None) -> Any:
    import nncf

    if symmetric is None:
        return None
    return nncf.QuantizationPreset.PERFORMANCE if symmetric else nncf.QuantizationPreset.MIXED


def _advanced(options: Options, seven: bool) -> Any:
    """Return what has no parameter of its own: weights' granularity and bits, and how activations' ranges are found."""
    from nncf.quantization import advanced_parameters, range_estimator

    names, estimator = advanced_parameters, range_estimator
    ranges = estimator.RangeEstimatorParametersSet.MINMAX
    if options.method == "percentile":
        each = {"statistics_type": estimator.StatisticsType.QUANTILE, "quantile_outlier_prob": OUTLIERS / 2}
        ranges = estimator.RangeEstimatorParameters(
            min=estimator.StatisticsCollectorParameters(aggregator_type=estimator.AggregatorType.MEAN, **each),
            max=estimator.StatisticsCollectorParameters(aggregator_type=estimator.AggregatorType.MEAN, **each),
        )
    return names.AdvancedQuantizationParameters(
        overflow_fix=names.OverflowFix.ENABLE if seven else names.OverflowFix.DISABLE,
        weights_quantization_params=names.QuantizationParameters(per_channel=options.per_channel),
        activations_range_estimator_params=ranges,
    )


def nncf_dataset(network: Any, given: Mapping[str, Any]) -> Any:
    """Return one example at a time: a model whose batch is fixed at one takes no more."""
    import nncf

    ports = {input_name(each): each for each in network.inputs}
    if set(given) != set(ports):
        wanted, got = ", ".join(sorted(ports)), ", ".join(sorted(given))
        raise bench.BenchError(f"the model takes the inputs {wanted}; it was given {got}")
    rows = range(len(next(iter(given.values()))))
    return nncf.Dataset(
        [
            {name: converted(name, np.asarray(given[name])[row : row + 1], port) for name, port in ports.items()}
            for row in rows
        ]
    )


def _has_attention(network: Any) -> bool:
    """Whether a softmax's result goes on to be multiplied, or attention is one operator."""
    kinds = _kinds(network)
    last = max((at for at, kind in enumerate(kinds) if kind in ("MatMul", "Convolution")), default=-1)
    return "ScaledDotProductAttention" in kinds or "Softmax" in kinds[: last + 1]


def _without_weights(network: Any) -> list[str]:
    """Return the layers that are no products with stored weights, and no embeddings: their inputs stay floats.

    Left to itself the library quantises scores with the mask added, whose least value is that of the type: a small
    encoder kept a cosine of .976 to its own outputs, and its rules for transformers (with SmoothQuant or without) did
    not change that.
    """
    return [
        str(each.get_friendly_name())
        for each in network.get_ordered_ops()
        if (kind := each.get_type_name()) not in PLAIN
        and not (kind in WEIGHTED and _is_stored(each.input_value(WEIGHTED[kind])))
    ]


def _is_stored(port: Any) -> bool:
    found = port.get_node()
    while found.get_type_name() in ("Convert", "Reshape", "Transpose"):
        found = found.input_value(0).get_node()
    return bool(found.get_type_name() == "Constant")


def _kinds(network: Any) -> list[str]:
    return [str(each.get_type_name()) for each in network.get_ordered_ops()]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's progress off standard output, which speaks the protocol, and its usage reports at home."""
    os.environ["NNCF_CI"] = "1"  # read at its import; else it reports its use to its makers
    logger = logging.getLogger("nncf")
    before = logger.level
    with redirect_stdout(StringIO()):
        import nncf

        nncf.set_log_level(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)
