"""Int8 for ONNX files by onnxruntime's quantiser."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_dynamic
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
from onnxruntime.quantization.shape_inference import quant_pre_process

import bench
from bench_quantize.onnx_slim import slim
from bench_quantize.packing import pack
from bench_quantize.pooling import pool_means

# Integer matrix products are fastest with signed weights; ConvInteger is with unsigned ones (twice as fast on x86,
# and older onnxruntimes have no other), so a net that has both takes two passes.
PASSES = (
    (("Attention", "EmbedLayerNormalization", "Gather", "LSTM", "MatMul", "Transpose"), QuantType.QInt8),
    (("Conv",), QuantType.QUInt8),
)
WEIGHTED = ("Conv", "ConvTranspose", "EmbedLayerNormalization", "Gather", "Gemm", "MatMul")
# What has int8 kernels with float outputs. Where int8 is not carried on, rounding these outputs gains nothing.
PRODUCTS = ["Gemm", "MatMul"]
# What carries int8 from one convolution to the next. Beside attention or a normalisation at run time these cost far
# more than they save: the sums there meet a mask's -inf and the outliers of a residual stream.
BETWEEN = (
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Pad", "Relu"),
    *("Reshape", "Resize", "Squeeze", "Transpose", "Unsqueeze"),
)
# A normalisation, or the square root that one written out in primitives holds.
NORMALISING = frozenset({"GroupNormalization", "InstanceNormalization", "LayerNormalization", "Sqrt"})
# What may stand between attention's softmax and its product.
PASSING = ("Cast", "Dropout", "Identity", "Mul", "Reshape", "Transpose", "Where")
METHODS: dict[str, tuple[Any, dict[str, Any]]] = {
    "minmax": (CalibrationMethod.MinMax, {}),
    # onnxruntime's default of 128 bins for 128 levels leaves the search a single candidate, the full range.
    "entropy": (CalibrationMethod.Entropy, {"num_bins": 512, "num_quantized_bins": 128}),
    "percentile": (CalibrationMethod.Percentile, {"num_bins": 2048, "percentile": 99.99}),
}
# Activations of this many examples are held at a time: histograms need them whole.
CHUNK = 16


def write_dynamic(source: Path, path: Path, *, per_channel: bool, reduced: bool = False) -> dict[str, Any]:
    """Write int8 weights with activations quantised at run time (MatMulInteger, ConvInteger); return facts.

    `reduced` keeps signed weights to 7 bits; unsigned ones, as of ConvInteger, saturate nowhere.
    """
    with prepared(source) as (ready, scratch):
        kinds = {node.op_type for node in onnx.load(ready).graph.node} | {"MatMul"}  # a Gemm becomes a MatMul
        wanted = [(list(types), weights) for types, weights in PASSES if kinds & set(types)]
        step = ready
        for turn, (types, weights) in enumerate(wanted):
            target = path if turn == len(wanted) - 1 else scratch / f"pass{turn}.onnx"
            quantize_dynamic(
                step,
                target,
                op_types_to_quantize=types,
                weight_type=weights,
                per_channel=per_channel,
                reduce_range=reduced and weights == QuantType.QInt8,
            )
            step = target
    return {"activations": "uint8 at run time", "weights": "int8", "layers": _int8_weights(path)}


def write_static(
    source: Path,
    path: Path,
    inputs: bench.Arrays,
    *,
    method: str,
    per_channel: bool,
    symmetric: bool,
    bits: int = 8,
    trained: bool = False,
    reduced: bool = False,
) -> dict[str, Any]:
    """Write weights of 8 or 4 bits and int8 activations with calibrated ranges in QDQ form; return facts.

    `inputs` are calibration examples by input name, [n, ...] each. `trained` weights lie on the grid already and are
    met exactly. `reduced` keeps int8 weights to 7 bits, -64 to 64.
    """
    with prepared(source) as (ready, scratch):
        model = load_model_with_shape_infer(ready)
        chained = _chains(model.graph)
        kinds = list(WEIGHTED + BETWEEN if chained else WEIGHTED)
        float_outputs = [] if chained else PRODUCTS
        quantizer = QDQQuantizer(
            model,
            per_channel,
            reduced,
            QuantType.QInt8 if bits == 8 else QuantType.QInt4,
            QuantType.QInt8 if symmetric else QuantType.QUInt8,
            _ranges(ready, scratch, inputs, kinds=kinds, method=method, symmetric=symmetric),
            [],  # nodes_to_quantize: all
            _weightless_products(model.graph),
            kinds,
            {
                "ActivationSymmetric": symmetric,
                "OpTypesToExcludeOutputQuantization": float_outputs,
                # onnxruntime rounds them on loading (since 1.21) as it must, to 32 bits: less to store.
                "QuantizeBias": bits < 8,
            },
        )
        quantizer.quantize_model()
        if trained and bits == 4:
            _meet_grid(quantizer.model.model.graph)
        slim(quantizer.model.model, shapes=not chained)
        quantizer.model.save_model_to_file(str(path), False)
    count = len(next(iter(inputs.values())))
    activations = "int8" if symmetric else "uint8"
    weights = f"int{bits}"
    return {"activations": activations, "weights": weights, "calibrated": count, "layers": _int8_weights(path)}


def _meet_grid(graph: Any) -> None:
    """Divide the largest weight by 7, as training did: onnxruntime divides by 7.5, and makes -8 of some -7."""
    tensors = {each.name: each for each in graph.initializer}
    int4 = onnx.TensorProto.INT4
    found = [node.input for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in tensors]
    pairs = {weight: scale for weight, scale, *_ in found if tensors[weight].data_type == int4}
    for weight, scale in pairs.items():
        integers = np.maximum(numpy_helper.to_array(tensors[weight]).astype(np.int8), -7)
        raw = pack((integers & 15).astype(np.uint8).reshape(1, -1), 4).tobytes()
        tensors[weight].CopyFrom(onnx.helper.make_tensor(weight, int4, integers.shape, raw, raw=True))
        widened = numpy_helper.to_array(tensors[scale]) * np.float32(15 / 14)
        tensors[scale].CopyFrom(numpy_helper.from_array(widened.astype(np.float32), scale))


class Examples(CalibrationDataReader):
    """Feeds calibration examples one by one, so that every batch has the same shape."""

    def __init__(self, inputs: bench.Arrays, first: int, last: int) -> None:
        self._feeds = iter([{k: v[i : i + 1] for k, v in inputs.items()} for i in range(first, last)])

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """Return the next feed, or None at the end."""
        return next(self._feeds, None)


def _ranges(ready: Path, scratch: Path, inputs: bench.Arrays, *, kinds: list[str], method: str, symmetric: bool) -> Any:
    calibration, options = METHODS[method]
    calibrator = create_calibrator(
        ready,
        kinds,
        augmented_model_path=str(scratch / "augmented.onnx"),
        calibrate_method=calibration,
        providers=["CPUExecutionProvider"],
        extra_options={**options, "symmetric": symmetric},
    )
    count = len(next(iter(inputs.values())))
    try:
        for first in range(0, count, CHUNK):
            calibrator.collect_data(Examples(inputs, first, min(first + CHUNK, count)))
        return calibrator.compute_data()
    except ValueError as error:  # numpy's histograms refuse infinite activations
        raise bench.Unsupported(
            f"quantize: no {method} calibration of this model ({error})", cure="use method: minmax"
        ) from error


@contextmanager
def prepared(source: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a folded, shape-inferred copy of the model and a folder for what lies in between."""
    with tempfile.TemporaryDirectory(prefix="quantize-") as folder:
        ready = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        proto = onnx.load(ready)
        _flatten_biases(proto.graph)
        pool_means(proto)
        onnx.save(proto, ready)
        yield ready, Path(folder)


def _flatten_biases(graph: Any) -> None:
    """Give every Gemm bias of shape [1, n] the equal shape [n]: per-channel quantisation expects one axis."""
    biases = {node.input[2] for node in graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]


def _chains(graph: Any) -> bool:
    """Whether int8 can be carried from layer to layer: no attention, and no normalisation at run time."""
    return not _has_attention(graph) and not any(node.op_type in NORMALISING for node in graph.node)


def _has_attention(graph: Any) -> bool:
    """Whether some softmax feeds a matrix product, as attention's does."""
    weights: set[str] = set()
    for node in graph.node:  # in topological order
        if node.op_type == "Attention" or (node.op_type == "MatMul" and weights & {*node.input}):
            return True
        if node.op_type == "Softmax" or (node.op_type in PASSING and weights & {*node.input}):
            weights |= {*node.output}
    return False


def _weightless_products(graph: Any) -> list[str]:
    """Return the names of matrix products of two activations: they hold no bytes, only outliers."""
    stored = {each.name for each in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "MatMul" and not stored & {*node.input}]


def _int8_weights(path: Path) -> int:
    integers = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT4)
    return sum(each.data_type in integers and len(each.dims) > 1 for each in onnx.load(path).graph.initializer)
