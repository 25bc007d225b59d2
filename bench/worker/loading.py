"""Loading plugin targets: "package.module:attribute" or "/path/file.py:attribute"."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.offer import Offer
from bench.targets import load_file, load_target

__all__ = ["describe_file", "load_file", "load_target"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without the cycle collector: what a framework makes then stays, and searching it costs a fifth more."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def describe_file(file: str) -> list[Offer]:
    """Return the offers of a one-file plugin, with targets that point into the file."""
    from dataclasses import replace

    from bench.authoring import offers_of

    module = load_file(file)
    path = str(Path(file).resolve())
    local = [each for each in offers_of(module) if each.target.partition(":")[0] == module.__name__]
    return [replace(each, target=f"{path}:{each.target.partition(':')[2]}") for each in local]
