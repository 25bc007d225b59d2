"""Progress on stderr: one live line with an ETA on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

import click

from bench.run import Event

MARKS = {"ok": "ok", "unsupported": "unsupported", "failed": "FAILED", "timeout": "TIMEOUT", "oom": "OUT OF MEMORY"}
COLOURS = {"ok": "green", "unsupported": "yellow"}


class Progress:
    """Listens to a run's events. `expected_s` is the plan's estimate, corrected as comparisons end."""

    def __init__(self, expected_s: float, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.live and "NO_COLOR" not in os.environ
        self.expected_s, self.began, self.shown = expected_s, time.monotonic(), False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.kind == "record":
            self._line(f"{self._mark(event.status)} {event.text}")
        elif event.kind in ("comparison", "note"):
            self._line(f"[{min(event.done + 1, event.total)}/{event.total}] {event.text}")
        if self.live and event.kind in ("build", "launch", "quality", "comparison"):
            self._status(f"{event.kind}: {event.text} · {self._eta(event)}")

    def close(self) -> None:
        """Leave the terminal clean."""
        if self.live and self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _mark(self, status: str) -> str:
        text = f"  {MARKS.get(status, status):<12}"
        return click.style(text, fg=COLOURS.get(status, "red")) if self.colour else text

    def _line(self, text: str) -> None:
        self.close()
        self.stream.write(clean(text) + "\n" if not self.colour else text.replace("\n", "\n    ") + "\n")
        self.stream.flush()

    def _status(self, text: str) -> None:
        width = shutil.get_terminal_size().columns
        self.stream.write("\r\x1b[K" + clean(text)[: width - 1])
        self.stream.flush()
        self.shown = True

    def _eta(self, event: Event) -> str:
        elapsed = time.monotonic() - self.began
        share = event.done / event.total if event.total else 0.0
        total = elapsed / share if share else max(self.expected_s, elapsed)
        return f"{minutes(elapsed)} of about {minutes(max(total, elapsed))}"


def minutes(seconds: float) -> str:
    """Return seconds as m:ss."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def clean(text: str) -> str:
    """Neutralise control characters of untrusted text, so that no name can drive the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
