"""Looking into a .pt2 file before torch does: which libraries it needs, and whether what it holds is only data.

torch.export.load unpickles tensor subclasses without restriction, evaluates symbolic sizes as Python expressions and
resolves operator names to anything under `torch`. A file from a stranger must not get that far.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import bench

# What AOTInductor packs beside or instead of a program.
CODE = re.compile(r"(^|/)aotinductor/|\.(so|dll|dylib|pyd)$")
TARGET = re.compile(r"torch\.ops\.\w+\.\w+(\.\w+)?|torch\.sym_\w+|_operator\.\w+|math\.\w+")
FORBIDDEN_TARGETS = frozenset({"_operator.attrgetter", "_operator.methodcaller", "_operator.call"})
# Sizes are written as sympy expressions: Symbol('s0', positive=True, integer=True)*Integer(2) and the like.
SYMBOL = re.compile(r"Symbol\('\w+'(, \w+=(True|False))*\)")
EXPRESSION = re.compile(r"[\w\s+\-*/%(),.<>=&|~]*")
# Python's own functions are within reach of such an expression, so every word in it must be one that sizes use.
WORDS = frozenset(
    {
        *("Add", "Mul", "Pow", "PowByNatural", "Mod", "PythonMod", "ModularIndexing", "Abs", "Max", "Min"),
        *("FloorDiv", "CleanDiv", "IntTrueDiv", "FloatTrueDiv", "CeilToInt", "FloorToInt", "RoundToInt"),
        *("TruncToInt", "TruncToFloat", "ToFloat", "ceiling", "floor", "Identity", "Piecewise", "Where"),
        *("Integer", "Float", "Rational", "And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge"),
        *("True", "False", "true", "false", "oo", "int_oo"),
    }
)


class Archive:
    """A .pt2 file as a zip of JSON and raw tensors. Raises Unsupported when it is no such file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._names = archive.namelist()
        except (OSError, zipfile.BadZipFile) as error:
            raise self._refusal("it is no .pt2 file") from error

    def namespaces(self) -> set[str]:
        """Return the namespaces of the operators the program calls (aten, quantized_decomposed, torchao …)."""
        return {match.group(1) for each in self._targets() if (match := re.match(r"torch\.ops\.(\w+)\.", each))}

    @cached_property
    def has_pickled_tensors(self) -> bool:
        """Whether weights are stored as pickled tensor subclasses (torchao's quantised tensors)."""
        return any(True for _ in self._pickles())

    def vet(self) -> None:
        """Raise Unsupported unless the file holds tensors, operators of torch.ops and plain size expressions only."""
        if len(set(self._names)) != len(self._names):
            raise self._refusal("two of its members share a name")
        if any(CODE.search(each) for each in self._names):
            raise self._refusal("it holds machine code, which runs when it is loaded")
        for name in self._pickles():
            self._vet_pickle(name)
        bad = [each for each in self._targets() if not TARGET.fullmatch(each) or each in FORBIDDEN_TARGETS]
        bad += [each for each in self._expressions() if not is_plain_size(each)]
        if bad:
            raise self._refusal(f"it names {bad[0][:80]!r}, which is no operator or size")

    def _pickles(self) -> Iterator[str]:
        for name in self._names:
            if name.endswith("_config.json"):
                folder = name.rpartition("/")[0]
                for entry in self._json(name).get("config", {}).values():
                    if entry.get("use_pickle"):
                        yield f"{folder}/{entry['path_name']}"
            elif name.endswith((".pt", ".pkl")) and self._read(name):
                yield name

    def _vet_pickle(self, name: str) -> None:
        try:
            torch.load(io.BytesIO(self._read(name)), weights_only=True)
        except Exception as error:
            what = name.rpartition("/")[2]
            raise self._refusal(f"its member {what} is a pickle of more than tensors") from error

    @cached_property
    def _programs(self) -> list[Any]:
        return [self._json(name) for name in self._names if re.search(r"/models/[^/]+\.json$", name)]

    def _targets(self) -> Iterator[str]:
        for program in self._programs:
            yield from _values(program, "target")

    def _expressions(self) -> Iterator[str]:
        for program in self._programs:
            yield from _values(program, "expr_str")

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._read(name))
        except ValueError as error:
            raise self._refusal(f"{name.rpartition('/')[2]} is no JSON") from error

    def _read(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name)
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise self._refusal(f"its member {name.rpartition('/')[2]} cannot be read") from error

    def _refusal(self, reason: str) -> bench.Unsupported:
        cure = "export the model again with torch.export.save, weights as plain tensors"
        return bench.Unsupported(f"{self.path.name} is not opened: {reason}", cure=cure)


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


def is_plain_size(expression: str) -> bool:
    """Whether a size is arithmetic over symbols and numbers, with no word in it that Python would run."""
    rest = SYMBOL.sub("0", expression)
    words = re.findall(r"[A-Za-z_]\w*", rest)
    known = all(each in WORDS or re.fullmatch(r"[a-z]{1,4}\d+", each) for each in words)
    return known and EXPRESSION.fullmatch(rest) is not None
