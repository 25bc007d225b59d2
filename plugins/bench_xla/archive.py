"""Looking into a .pt2 file before torch does: whether what it holds is tensors, operators and plain sizes.

torch.export.load unpickles tensor subclasses without restriction, evaluates symbolic sizes as Python expressions and
resolves operator names to anything under `torch`. A file from a stranger must not get that far. This is stricter than
what the backend `torch` opens: no tensor subclasses, and no operators but ATen's and those of quantisation.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import bench

QUANTISED = "quantized_decomposed"
TARGET = re.compile(rf"torch\.ops\.(aten|{QUANTISED})\.\w+(\.\w+)?|torch\.sym_\w+|_operator\.\w+|math\.\w+")
FORBIDDEN = frozenset({"_operator.attrgetter", "_operator.methodcaller", "_operator.call"})
SYMBOL = re.compile(r"Symbol\('\w+'(, \w+=(True|False))*\)")
EXPRESSION = re.compile(r"[\w\s+\-*/%(),.<>=&|~]*")
WORDS = frozenset(
    {
        "Add",
        "Mul",
        "Pow",
        "Mod",
        "Max",
        "Min",
        "FloorDiv",
        "Integer",
        "Eq",
        "Ne",
        "Lt",
        "Le",
        "Gt",
        "Ge",
        "oo",
        "int_oo",
    }
)


def vet(path: Path) -> frozenset[str]:
    """Return the namespaces of a file's operators. Raises Unsupported for a file that is, or may be, more than data."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names):
                raise _refusal(path, "two of its members share a name")
            for name in _pickles(archive, names):
                _vet_pickle(path, archive.read(name))
            programs = [json.loads(archive.read(each)) for each in names if re.search(r"/models/[^/]+\.json$", each)]
    except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise _refusal(path, "it is no .pt2 file") from error
    targets = [each for program in programs for each in _values(program, "target")]
    odd = [each for each in targets if not TARGET.fullmatch(each) or each in FORBIDDEN]
    odd += [each for program in programs for each in _values(program, "expr_str") if not is_plain_size(each)]
    if odd:
        raise _refusal(path, f"it names {odd[0][:80]!r}, which this backend does not run")
    return frozenset(found.group(1) for each in targets if (found := TARGET.fullmatch(each)) and found.group(1))


def is_plain_size(expression: str) -> bool:
    """Whether a size is arithmetic over symbols and numbers, with no word in it that Python would run."""
    rest = SYMBOL.sub("0", expression)
    words = re.findall(r"[A-Za-z_]\w*", rest)
    known = all(each in WORDS or re.fullmatch(r"[a-z]{1,4}\d+", each) for each in words)
    return known and EXPRESSION.fullmatch(rest) is not None


def _pickles(archive: zipfile.ZipFile, names: list[str]) -> Iterator[str]:
    for name in names:
        if name.endswith("_config.json"):
            entries = json.loads(archive.read(name)).get("config", {}).values()
            yield from (f"{name.rpartition('/')[0]}/{each['path_name']}" for each in entries if each.get("use_pickle"))
        elif name.endswith((".pt", ".pkl")) and archive.getinfo(name).file_size:
            yield name


def _vet_pickle(path: Path, data: bytes) -> None:
    """Refuse a pickle of anything but plain tensors."""
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except Exception as error:
        raise _refusal(path, "it holds a pickle of more than plain tensors") from error


def _values(tree: Any, key: str) -> Iterator[str]:
    """Yield every string that stands under a key, at any depth."""
    stack = [tree]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack += each.values()
            if isinstance(each.get(key), str):
                yield each[key]
        elif isinstance(each, list):
            stack += each


def _refusal(path: Path, reason: str) -> bench.Unsupported:
    cure = "export the model again with torch.export.save, weights as plain tensors"
    return bench.Unsupported(f"{path.name} is not opened: {reason}", cure=cure)
