"""Static int8 by onnxruntime's own quantiser: `… model.onnx calibration.npz out.onnx image|text plain|advised`.

plain: `quantize_static` with nothing but its defaults. advised: what its documentation advises for x86: preprocessed,
uint8 activations, int8 weights per channel, and `reduce_range` where the processor has no VNNI.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import Reader
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Examples(Reader, CalibrationDataReader):
    """A reader by its own class."""


def main(model: Path, calibration: Path, out: Path, how: str) -> None:
    """Quantise."""
    if how == "plain":
        quantize_static(model, out, Examples(calibration))
        return
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(model), str(ready), skip_symbolic_shape=True)
        quantize_static(
            ready,
            out,
            Examples(calibration),
            per_channel=True,
            reduce_range=not {"avx512_vnni", "avx_vnni"} & set(flags),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), sys.argv[5])
