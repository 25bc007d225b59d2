"""Looking into a Keras file before TensorFlow does: whether its description makes layers, and nothing else.

Loading builds what the description names. Keras 2 unmarshals the code of a Lambda layer in an HDF5 file, whatever its
safe mode says, and calls any TensorFlow operation by its name, such as the one that writes a file; both resolve classes
and functions by module. A file from a stranger must not get that far.
"""

from __future__ import annotations

import builtins
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bench

# Operations of TensorFlow that functional models hold as layers: arithmetic, shapes and indexing.
OPERATION = re.compile(
    r"(compat\.v1\.)?((__operators__|math|nn|linalg|image|signal|bitwise)\.\w+"
    r"|argsort|boolean_mask|broadcast_to|cast|clip_by_value|concat|constant|convert_to_tensor|cumsum|einsum|expand_dims"
    r"|eye|fill|gather|gather_nd|identity|meshgrid|norm|one_hot|ones|ones_like|pad|range|repeat|reshape|reverse|roll"
    r"|shape|size|slice|sort|split|squeeze|stack|stop_gradient|strided_slice|tensordot|tile|transpose|unstack|where"
    r"|zeros|zeros_like)"
)
OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
# Code, operations by a serialised graph, methods by name, and models from another place of the disk.
REFUSED = re.compile(
    r"lambda|typespec|tensorflowop|^classmethod$|^instancemethod$|tfsmlayer|torchmodule|jaxlayer|flax", re.I
)
HOMES = ("builtins", "keras", "tf_keras")
# Modules of Keras that hold more than layers and what layers are made of: they download, unpack, read and write.
ELSEWHERE = frozenset(
    {"applications", "backend", "callbacks", "datasets", "distribute", "export", "preprocessing", "saving", "trainers"}
    | {"tools", "utils"}
)


def vet(path: Path) -> None:
    """Raise Unsupported unless a .keras or .h5 file describes layers, plain operations and nothing that acts."""
    try:
        configs = list(_configs(path))
    except Exception as error:
        raise _refusal(path, "its description cannot be read") from error
    if len(configs) > 1:
        raise _refusal(path, "it is two files in one, a zip and an HDF5 file")
    for each in configs:
        if why := reason(each):
            raise _refusal(path, why)


def reason(config: Any) -> str | None:
    """Return what a model's description names that is no layer or plain operation, None where there is nothing."""
    stack = [config]
    while stack:
        each = stack.pop()
        if isinstance(each, Mapping):
            if why := _odd(each):
                return why
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return None


def _odd(node: Mapping[str, Any]) -> str | None:
    name, module, config = node.get("class_name"), node.get("module"), node.get("config")
    if isinstance(node.get("vocabulary"), str):
        return f"a layer reads the file {node['vocabulary'][:80]!r}"
    if not isinstance(name, str):
        return None
    if name in OPERATIONS:
        return _odd_operation(config)
    if REFUSED.search(name):
        return f"it holds a {name[:80]!r}, which may run anything"
    if module is not None and (not isinstance(module, str) or not _at_home(module)):
        return f"it takes {name[:80]!r} from {str(module)[:80]!r}"
    pythons = name == "function" and isinstance(config, str) and hasattr(builtins, config)
    return f"it calls Python's {config!r}" if pythons and module in (None, "builtins") else None


def _odd_operation(config: Any) -> str | None:
    function = config.get("function") if isinstance(config, Mapping) else None
    plain = isinstance(function, str) and OPERATION.fullmatch(function)
    return None if plain else f"it calls {str(function)[:80]!r}, which is no plain operation"


def _at_home(module: str) -> bool:
    parts = module.split(".")
    return parts[0] in HOMES and not ELSEWHERE & set(parts)


def _configs(path: Path) -> Iterator[Any]:
    """Yield the model's description as each of the two formats has it: a file may pretend to be both."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if len(set(archive.namelist())) != len(archive.namelist()):
                raise ValueError("two members share a name")
            yield json.loads(archive.read("config.json"))
    import h5py

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            told = file.attrs["model_config"]
        yield json.loads(told)


def _refusal(path: Path, why: str) -> bench.Unsupported:
    cure = "save the model without layers of code (Lambda), or export it as ONNX, .tflite or .pt2"
    return bench.Unsupported(f"{path.name} is not opened: {why}", cure=cure)
