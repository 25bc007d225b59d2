"""Errors a user can act on: what was wrong, where, what was expected, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class BenchError(Exception):
    """Base of every error shown to a user without a traceback; `exit_code` is what the command ends with."""

    exit_code = 2

    def __init__(self, message: str, *, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message}\n  {self.cure}" if self.cure else self.message


class ConfigError(BenchError):
    """A mistake in a file: carries file, 1-based line and column, and the offending line for a caret."""

    def __init__(
        self,
        message: str,
        *,
        file: str = "<suite>",
        line: int | None = None,
        column: int | None = None,
        text: str | None = None,
        cure: str | None = None,
    ) -> None:
        super().__init__(message, cure=cure)
        self.file, self.line, self.column, self.text = file, line, column, text

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        lines = [f"{place}: {self.message}"]
        if self.text is not None and self.line is not None:
            margin = " " * len(str(self.line))
            shown, caret = _clip(self.text, self.column or 1)
            lines += [f"  {self.line} | {shown}", f"  {margin} | {' ' * caret}^"]
        if self.cure:
            lines.append(f"  {self.cure}")
        return "\n".join(lines)


class Unsupported(BenchError):
    """This cell cannot run here; the message is the record's reason and names what would help."""

    exit_code = 3


class BadInput(BenchError):
    """A model or data that a task was given are no good; the message says in one sentence why, and is the reason."""


class PluginError(BenchError):
    """A plugin could not be loaded, described or used; names the plugin and the cure."""


class WorkerError(BenchError):
    """A worker process failed. `status` is the record status it leads to: failed, timeout or oom."""

    exit_code = 3

    def __init__(self, message: str, *, status: str = "failed", traceback: str | None = None) -> None:
        super().__init__(message)
        self.status, self.traceback = status, traceback


class ConversionError(BenchError):
    """A conversion changed what a model answers; `lineage` is what was done up to and with it, figures included."""

    def __init__(self, message: str, lineage: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.lineage = tuple(lineage)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?`, or the known names when none is near; empty when nothing is known.

    >>> did_you_mean("quantise", ["quantize", "prune"])
    " Did you mean 'quantize'?"
    """
    names = sorted({str(each) for each in known})
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}." if names else ""


def _clip(text: str, column: int, width: int = 100) -> tuple[str, int]:
    """Cut a long line around the column so that the caret stays on screen; tabs become one space."""
    clean = "".join(char if char.isprintable() else " " for char in text.rstrip("\n"))
    start = max(0, column - 1 - width // 2) if len(clean) > width else 0
    shown = clean[start : start + width]
    return shown, min(max(column - 1 - start, 0), len(shown))
