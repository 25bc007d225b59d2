"""From a .pt2 program to a .tflite file, by litert-torch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.export.graph_signature import InputKind

import bench
from bench_litert.quiet import quiet

SHOWN = 400
EXAMPLE_BATCH = 2  # 0 and 1 are special to the tracer, so a batch of one would be burnt in


def convert(artifact: bench.Artifact, ctx: bench.Context) -> Path:
    """Write `ctx.workdir / "model.tflite"` and return its path.

    The batch axis stays free; a model whose operators the converter cannot lower so is converted at the batch of one,
    which the facts say (`batch`). 64-bit integers become 32-bit ones, as the runtime's kernels are. Raises Unsupported
    where neither works, or where the file was written by another torch and does not load.
    """
    program = _load(artifact)
    path = Path(ctx.workdir) / "model.tflite"
    tries = [None, 1] if _free(program) else [_shapes(program)[0][0]]
    reasons = []
    for batch in tries:
        try:
            _write(program, batch, path)
        except Exception as error:  # noqa: BLE001 - the converter raises whatever torch, jax and MLIR do
            reasons.append(_reason(error))
            continue
        ctx.note(converter=_versions(), batch="free" if batch is None else batch)
        if reasons:
            ctx.log(f"converted at batch {batch}: with a free batch axis the converter fails: {reasons[0]}")
        return path
    raise bench.Unsupported(
        f"litert-torch cannot convert this model: {reasons[-1]}",
        cure="replace the operator it names, or choose another backend",
    )


def _load(artifact: bench.Artifact) -> Any:
    try:
        with quiet():
            return torch.export.load(artifact.path)
    except Exception as error:
        raise bench.Unsupported(
            f"{artifact.path.name} does not load in torch {torch.__version__}: {_reason(error)}",
            cure="export it with that release, which is the one beside litert-torch",
        ) from error


def _write(program: Any, batch: int | None, path: Path) -> None:
    with quiet():
        import litert_torch

        module = _wrapped(program)
        found = litert_torch.convert(
            module, sample_kwargs=_sample(program, batch or EXAMPLE_BATCH), dynamic_shapes=_axes(program, batch)
        )
        found.export(str(path))


def _wrapped(program: Any) -> Any:
    """Return a module whose inputs have the program's names and whose outputs are a mapping, as the file names them."""
    names, outputs = _names(program), _outputs(program)

    def forward(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found = self.program(*args, **kwargs)
        flat = torch.utils._pytree.tree_leaves(found)
        return dict(zip(outputs, flat, strict=True))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions take it; types do not know
        [inspect.Parameter(each, kind) for each in ("self", *names)]
    )
    module = type("Wrapped", (torch.nn.Module,), {"forward": forward})()
    module.program, module.training = program.module(), False  # an exported graph has no other mode
    return module


def _placeholders(program: Any) -> list[Any]:
    wanted = [each.arg.name for each in program.graph_signature.input_specs if each.kind == InputKind.USER_INPUT]
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    return [values[each] for each in wanted]


def _names(program: Any) -> list[str]:
    """Return the inputs' names: those of the keywords they were traced with, else of the placeholders."""
    specs = [each.arg.name for each in program.graph_signature.input_specs if each.kind == InputKind.USER_INPUT]
    positional, keywords = program.call_spec.in_spec.children()
    named = positional.num_leaves == 0 and len(keywords.context) == keywords.num_leaves == len(specs)
    return [str(each) for each in keywords.context] if named else specs


def _outputs(program: Any) -> list[str]:
    n = len(program.graph_signature.user_outputs)
    return ["output"] if n == 1 else [f"output_{index}" for index in range(n)]


def _shapes(program: Any) -> list[list[int | None]]:
    return [[each if isinstance(each, int) else None for each in value.shape] for value in _placeholders(program)]


def _free(program: Any) -> bool:
    return any(shape and shape[0] is None for shape in _shapes(program))


def _sample(program: Any, batch: int) -> dict[str, Any]:
    """Return ones to trace with, which any vocabulary and any mask holds. Raises ValueError for a second free axis."""
    sample = {}
    for name, value, shape in zip(_names(program), _placeholders(program), _shapes(program), strict=True):
        if None in shape[1:]:
            raise ValueError(f"input '{name}' has a free axis besides the batch")
        sizes = [batch, *shape[1:]] if shape and shape[0] is None else shape
        sample[name] = torch.ones(sizes, dtype=value.dtype)
    return sample


def _axes(program: Any, batch: int | None) -> Mapping[str, Any] | None:
    if batch is not None:
        return None
    axis = torch.export.Dim("batch", min=1)
    shapes: Sequence[list[int | None]] = _shapes(program)
    return {
        name: {0: axis} if shape and shape[0] is None else {}
        for name, shape in zip(_names(program), shapes, strict=True)
    }


def _versions() -> str:
    from importlib.metadata import version

    return f"litert-torch {version('litert-torch')}, torch {torch.__version__}"


def _reason(error: BaseException) -> str:
    lines = [each.strip() for each in str(error).splitlines() if each.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:SHOWN]}" if lines else type(error).__name__
