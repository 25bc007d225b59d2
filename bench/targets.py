"""Loading what a target names: "package.module:attribute" or "/path/file.py:attribute"."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.errors import PluginError

LOCAL_PREFIX = "bench_local_"


def load_target(target: str) -> Any:
    """Import what a target names. Raises PluginError when it is not there."""
    place, _, attribute = target.rpartition(":")
    module = load_file(place) if place.endswith(".py") else importlib.import_module(place)
    value: Any = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            raise PluginError(f"'{place}' has no '{attribute}'", cure="the plugin changed; list it again: bench list")
        value = getattr(value, name)
    return value


def load_file(file: str) -> ModuleType:
    """Import a one-file plugin under a name of its own, once."""
    path = Path(file).resolve()
    name = LOCAL_PREFIX + path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
