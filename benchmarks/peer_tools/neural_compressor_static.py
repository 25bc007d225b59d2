"""Static int8 by neural-compressor's ONNX half: `python FILE model.onnx calibration.npz out.onnx image|text`.

Its defaults, and `reduce_range` where it would otherwise warn that the processor has no VNNI.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import Reader, save_alone
from onnx_neural_compressor.data_reader import CalibrationDataReader
from onnx_neural_compressor.quantization import config, quantize
from onnx_neural_compressor.utility import CpuInfo


class Examples(Reader, CalibrationDataReader):
    """A reader by its own class."""


def main(model: Path, calibration: Path, out: Path) -> None:
    """Quantise; its file keeps weights beside it, which ours then holds."""
    settings = config.StaticQuantConfig(
        calibration_data_reader=Examples(calibration),
        calibration_sampling_size=len(Examples(calibration)._all),
        reduce_range=not CpuInfo().vnni,
    )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.onnx"
        quantize(str(model), str(made), settings)
        save_alone(made, out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
