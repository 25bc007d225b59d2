"""Reading model files: an .onnx file, or an IR as a folder of an .xml and its .bin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino

import bench

SHOWN = 300


def read_model(core: Any, artifact: bench.Artifact) -> Any:
    """Return the model of an artifact. Raises Unsupported for what the runtime cannot read."""
    path = _file(artifact.path)
    try:
        return core.read_model(str(path))
    except RuntimeError as error:
        raise refusal(path, error) from error


def simplified(model: Any) -> Any:
    """Fold constants and fuse what can be, in place, as the library's own converter does; return the model.

    The ONNX reader writes shapes and weights as computations: a quantiser would not take such weights for weights.
    """
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(model, cf=False, smart_reshape=False)
    return model


def refusal(path: Path, error: Exception) -> bench.Unsupported:
    """Return what is said of a file that the runtime refuses: its reason in one line, without its source files."""
    lines = [each.strip() for each in str(error).splitlines() if each.strip()]
    told = [each for each in lines if not each.startswith(("Exception from", "Check '"))] or lines
    message = f"openvino {version()} cannot run {path.name}: {' '.join(told)[:SHOWN]}"
    return bench.Unsupported(message, cure="export it in another precision or opset, or choose another backend")


def version() -> str:
    """Return the release, without the build's number and branch."""
    return str(openvino.__version__).partition("-")[0]


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.xml"))
    if len(found) != 1:
        raise bench.Unsupported(f"an IR is a folder with one .xml file; {path.name} holds {len(found)}")
    return found[0]
