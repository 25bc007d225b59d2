"""Opening .tflite files: the interpreter with its threads and kernels, and the names of what goes in and out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from ai_edge_litert import interpreter as litert

import bench

SHOWN = 300
# How the library calls what the option `kernels` chooses.
RESOLVERS = {
    "xnnpack": "AUTO",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}


def open_file(path: Path, *, threads: int, kernels: str) -> Any:
    """Return an interpreter of a file, not yet allocated. Raises Unsupported for what the runtime cannot read."""
    if not path.is_file():
        raise bench.Unsupported(f"a .tflite model is one file; {path.name} is none")
    resolver = getattr(litert.OpResolverType, RESOLVERS[kernels])
    try:
        return litert.Interpreter(str(path), num_threads=threads, experimental_op_resolver_type=resolver)
    except (ValueError, RuntimeError) as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: Exception) -> bench.Unsupported:
    """Return what is said of a file that the runtime refuses: its reason in one line."""
    message = f"litert {version()} cannot run {path.name}: {' '.join(str(error).split())[:SHOWN]}"
    return bench.Unsupported(message, cure="convert it with other options, or choose another backend")


def version() -> str:
    """Return the release of ai-edge-litert."""
    return installed("ai-edge-litert")


def names_of(interpreter: Any) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return inputs and outputs by name, as tensor indices.

    Names are those of the file's signature, where it has one for its main graph; else those of the tensors.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    ends = {each["index"] for each in (*inputs, *outputs)}
    for signature in interpreter._get_full_signature_list().values():
        given, made = dict(signature["inputs"]), dict(signature["outputs"])
        if {*given.values(), *made.values()} == ends:
            return given, made
    return {each["name"]: each["index"] for each in inputs}, {each["name"]: each["index"] for each in outputs}


def fixed_batch(interpreter: Any) -> int | None:
    """Return the batch that the file is fixed at, None where it is free or there is no batch axis."""
    for each in interpreter.get_input_details():
        shape = each["shape_signature"]
        if len(shape):
            return int(shape[0]) if shape[0] > 0 else None
    return None
