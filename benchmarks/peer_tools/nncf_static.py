"""Static int8 by nncf, as its documentation says: `python FILE model.onnx calibration.npz out.onnx image|text`.

For text the model type is TRANSFORMER, with SmoothQuant off: on, the file is slower.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nncf
import onnx
from common import feeds


def main(model: Path, calibration: Path, out: Path, kind: str) -> None:
    """Quantise."""
    examples = feeds(calibration)
    options = {}
    if kind == "text":
        advanced = nncf.AdvancedQuantizationParameters(smooth_quant_alpha=-1)
        options = {"model_type": nncf.ModelType.TRANSFORMER, "advanced_parameters": advanced}
    found = nncf.quantize(onnx.load(model), nncf.Dataset(examples), subset_size=len(examples), **options)
    onnx.save(found, out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), sys.argv[4])
