"""From a program to a package: machine code and weights, compiled ahead of time by AOTInductor.

A package is code. It is made here from a program that was vetted, and never taken from a stranger.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import bench
from bench_torch.compiler import check_compiler
from bench_torch.export import EXAMPLE_BATCH
from bench_torch.flat import flatten
from bench_torch.program import inputs_of, load_program, quiet
from bench_torch.session import has_integer_weights, precision_of
from bench_torch.weights import count_encoded, count_nonzero, count_parameters
from bench_torch.work import count_bitops, count_flops

KEY = "joulebench"
COUNTERS: dict[str, Callable[[bench.Artifact], bench.Reading]] = {
    "parameters": count_parameters,
    "nonzero": count_nonzero,
    "flops": count_flops,
    "bitops": count_bitops,
    "size_encoded": count_encoded,
}


def package(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Compile a program and write `ctx.workdir / "package.pt2"`; what is known of it goes along as its metadata.

    Threads are those of whoever runs it, not of whoever compiled it. Raises Unsupported where it cannot be compiled.
    """
    check_compiler()
    program = load_program(artifact.path)
    inputs = inputs_of(program)
    _, state = flatten(program)
    frozen = has_integer_weights(state)
    known = {
        "inputs": [{"name": each.name, "dtype": _name(each.dtype), "shape": each.shape} for each in inputs],
        "precision": precision_of(state),
        "frozen": frozen,
        "torch": torch.__version__,
        "size": artifact.size_bytes,
        "counts": {name: _count(counter, artifact) for name, counter in COUNTERS.items()},
    }
    path = Path(ctx.workdir) / "package.pt2"
    if frozen and any(each.shape and each.shape[0] is None for each in inputs):
        program, known["rows"] = _one_example(program, inputs, ctx), 1
    else:
        program.example_inputs = _examples(program, inputs, ctx, EXAMPLE_BATCH)
    settings = {
        "cpp.dynamic_threads": True,
        "freezing": frozen,
        "aot_inductor.metadata": {KEY: json.dumps(known)},
    }
    _compile(program, path, settings)
    ctx.note(compiler="AOTInductor", torch=torch.__version__, frozen=frozen)
    return path


def _compile(program: Any, path: Path, settings: dict[str, Any]) -> None:
    from torch._inductor import aoti_compile_and_package

    try:
        with quiet(), torch.no_grad(), _all_threads():
            aoti_compile_and_package(program, package_path=str(path), inductor_configs=settings)
    except Exception as error:
        message = f"AOTInductor failed: {' '.join(str(error).split())[:300]}"
        cure = "install g++ and Python's headers, or use the eager backend"
        raise bench.Unsupported(message, cure=cure) from error


@contextmanager
def _all_threads() -> Iterator[None]:
    """Compile for all processors: with one, loops would be written that no other number can share."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _one_example(program: Any, inputs: Any, ctx: bench.Context) -> Any:
    """Return the program for a batch of one: AOTInductor of torch 2.13 freezes a variable batch into wrong numbers.

    Seen on both standard CNNs in static int8: errors as large as the outputs, at every batch; of one fixed shape 1e-6.
    """
    positional, named = _examples(program, inputs, ctx, 1)
    try:
        with quiet(), torch.no_grad():
            return torch.export.export(program.module(), positional, named)
    except Exception as error:
        message = f"the program does not export for a batch of one: {' '.join(str(error).split())[:300]}"
        raise bench.Unsupported(message, cure="use `compile: true` or the eager backend") from error


def _examples(program: Any, inputs: Any, ctx: bench.Context, batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the program's example inputs, which its file leaves out, as it takes them: in order or by name."""
    arrays = ctx.example(batch)
    named = {each.name: torch.tensor(arrays[each.name]).to(each.dtype) for each in inputs}
    positional, keywords = program.call_spec.in_spec.children()
    values = list(named.values())
    in_order = positional.num_leaves
    return tuple(values[:in_order]), dict(zip(keywords.context or (), values[in_order:], strict=True))


def metadata(path: Path) -> dict[str, Any]:
    """Return what was written of a package, without loading its code. Raises Unsupported for any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("wrapper_metadata.json"):
                    found: dict[str, Any] = json.loads(json.loads(archive.read(name))[KEY])
                    return found
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise _refusal(path) from error
    raise _refusal(path)


def counted(artifact: bench.Artifact, name: str) -> bench.Reading:
    """Return a count of the program that a package was compiled from."""
    return bench.Reading.from_json(metadata(artifact.path)["counts"][name])


def encoded(artifact: bench.Artifact) -> bench.Reading:
    """Return the bytes of the package if its weights were stored as small as those of its program can be.

    What the package has beside them, machine code above all, stays as it is.
    """
    found, beside = counted(artifact, "size_encoded"), artifact.size_bytes - int(metadata(artifact.path)["size"])
    if found.value is None:
        return found
    return bench.Reading.counted(found.value + beside, found.unit, **found.facts)


def _count(counter: Callable[[bench.Artifact], bench.Reading], artifact: bench.Artifact) -> dict[str, Any]:
    try:
        return dict(counter(artifact).to_json())
    except Exception as error:  # noqa: BLE001 - a count that fails costs its number, not the package
        return dict(bench.Reading.missing("1", f"{type(error).__name__}: {error}"[:500]).to_json())


def _refusal(path: Path) -> bench.Unsupported:
    cure = "build the artifact again: packages are made by the converter 'torch-package'"
    return bench.Unsupported(f"{path.name} is no package of ours", cure=cure)


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
