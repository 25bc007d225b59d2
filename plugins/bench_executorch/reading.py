"""Reading .pte files: the runtime's program and method, and what `forward` takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from executorch.extension.pybindings import portable_lib

import bench
from bench_executorch.notes import NOTES, Notes

METHOD = "forward"
# The numbers of c10's ScalarType, which a tensor's description holds.
DTYPES = dict(enumerate((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32)))
DTYPES |= {7: torch.float64, 11: torch.bool, 15: torch.bfloat16}


@dataclass(frozen=True)
class Port:
    """One input of `forward`."""

    name: str
    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class Opened:
    """A loaded method with the program that owns its memory."""

    program: Any
    method: Any
    inputs: tuple[Port, ...]
    outputs: int
    notes: Notes


def open_program(path: Path, *, traced: bool = False) -> Opened:
    """Load a file, `traced` to keep a record of its calls. Raises Unsupported for what this build cannot run."""
    try:
        program = portable_lib._load_program(
            str(path),
            enable_etdump=traced,
            debug_buffer_size=0,
            program_verification=portable_lib.Verification.InternalConsistency,
        )
        methods = {program.get_method_name(index) for index in range(program.num_methods())}
        if METHOD not in methods:
            raise bench.Unsupported(f"{path.name} has no method '{METHOD}', but {', '.join(sorted(methods)) or 'none'}")
        method = program.load_method(METHOD)
        notes = Notes.parse(program.load_method(NOTES)([])[0]) if NOTES in methods else Notes()
    except RuntimeError as error:
        cure = "lower it for XNNPACK and portable operators, with a release that this runtime reads"
        raise bench.Unsupported(f"executorch cannot run {path.name}: {str(error)[:300]}", cure=cure) from error
    meta = method.method_meta()
    return Opened(program, method, _ports(path, meta, notes.inputs), int(meta.num_outputs()), notes)


def _ports(path: Path, meta: Any, names: tuple[str, ...]) -> tuple[Port, ...]:
    count = meta.num_inputs()
    if len(names) != count:  # a stranger's file: inputs have no names there
        names = ("input",) if count == 1 else tuple(f"input_{index}" for index in range(count))
    return tuple(_port(path, name, meta.input_tensor_meta(index)) for index, name in enumerate(names))


def _port(path: Path, name: str, info: Any) -> Port:
    dtype = DTYPES.get(int(info.dtype()))
    if dtype is None:
        raise bench.Unsupported(f"{path.name}: input '{name}' is of type {info.dtype()}, which is not known here")
    return Port(name, tuple(int(each) for each in info.sizes()), dtype)
