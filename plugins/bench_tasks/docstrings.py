"""Pairs of texts that belong together: the summary line and the body of the docstrings of numpy and scipy."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import bench
from bench_tasks.packages import CURE

MODULES = (
    "numpy",
    "numpy.fft",
    "numpy.linalg",
    "numpy.ma",
    "scipy.cluster.hierarchy",
    "scipy.fft",
    "scipy.integrate",
    "scipy.interpolate",
    "scipy.linalg",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.special",
    "scipy.stats",
)
MIN_SUMMARY, MIN_BODY, MAX_BODY = 20, 80, 700
# The documentation of numpy's scalar types tells what they are aliases of on the machine at hand.
MACHINE_DEPENDENT = "this platform"
_PARAGRAPHS = re.compile(r"\n\s*\n")
_SIGNATURE = re.compile(r"\w+\(.*\)")


@dataclass(frozen=True)
class Pair:
    """A query (summary line) and the document it should find (body, without the object's name)."""

    name: str
    query: str
    document: str

    @property
    def order(self) -> str:
        """The digest of the name: a fixed shuffle that new names hardly disturb."""
        return hashlib.sha256(self.name.encode()).hexdigest()


def pairs() -> list[Pair]:
    """Return every pair of the installed numpy and scipy, in the order of their names' digests.

    Aliases are all there: texts may repeat. Raises bench.Unsupported when scipy is missing.
    """
    return sorted(_documented(), key=lambda each: each.order)


def split_docstring(name: str, text: str) -> tuple[str, str] | None:
    """Return summary and body of a docstring, or None when it has too little of either.

    A signature in front is dropped, blanks are folded, and the body loses the object's own name: finding it would
    be too easy.
    """
    paragraphs = _PARAGRAPHS.split(text.strip())
    if _SIGNATURE.match(paragraphs[0].replace("\n", " ")):
        paragraphs = paragraphs[1:]
    summary, *rest = [" ".join(each.split()) for each in paragraphs] or [""]
    body = re.sub(rf"\b{re.escape(name)}\b", "it", " ".join(rest))[:MAX_BODY]
    if MACHINE_DEPENDENT in text or len(summary) < MIN_SUMMARY or len(body) < MIN_BODY:
        return None
    return summary, body


def _documented() -> Iterator[Pair]:
    for path in MODULES:
        module = _module(path)
        for name in sorted(module.__all__):
            thing = getattr(module, name, None)
            text = inspect.getdoc(thing) if callable(thing) else None
            if text and (found := split_docstring(name, text)):
                yield Pair(f"{path}.{name}", *found)


def _module(path: str) -> Any:
    try:
        return import_module(path)
    except ImportError as error:
        raise bench.Unsupported(f"the package '{path.partition('.')[0]}' is not installed: {CURE}") from error
