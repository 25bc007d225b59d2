"""The gate's report as people and machines read it: terminal, pull request, JUnit, workflow annotations, JSON.

Everything a report holds but its numbers was named by somebody else: each renderer escapes for where it is read.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from bench.errors import BenchError, did_you_mean
from bench.gate.render.data import json_text
from bench.gate.render.github import workflow_commands
from bench.gate.render.gitlab import code_quality
from bench.gate.render.junit import junit
from bench.gate.render.markdown import COMMENT_BYTES, SUMMARY_BYTES, md_comment, md_summary
from bench.gate.render.text import text
from bench.gate.verdicts import GateReport

Format = Literal["text", "md", "junit", "json", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)

__all__ = [
    "COMMENT_BYTES",
    "FORMATS",
    "SUMMARY_BYTES",
    "Format",
    "code_quality",
    "json_text",
    "junit",
    "md_comment",
    "md_summary",
    "render",
    "text",
    "workflow_commands",
    "write_all",
]

_RENDERERS: Mapping[str, Callable[[GateReport], str]] = {
    "text": text,
    "md": md_comment,
    "junit": junit,
    "json": json_text,
    "github": workflow_commands,
}


def render(report: GateReport, format: str) -> str:  # noqa: A002 - the option's own name
    """Return a report in one of FORMATS. Raises BenchError, naming the nearest, for another.

    `text` comes without colours; ask `text(report, colour=True)` for them.
    """
    if format not in _RENDERERS:
        raise BenchError(f"no gate report is written as '{format}'.{did_you_mean(format, FORMATS)}")
    return _RENDERERS[format](report)


def write_all(report: GateReport, folder: Path, when: datetime.datetime | None = None) -> dict[str, Path]:
    """Write gate.json, gate.md (a comment), gate.xml (JUnit) and summary.md into a folder; returns them by name.

    `when` is the time written into the XML, now when left out. Raises BenchError for a folder that cannot be written.
    """
    from bench.store.files import write_atomically

    files = {
        "gate.json": json_text(report),
        "gate.md": md_comment(report),
        "gate.xml": junit(report, when),
        "summary.md": md_summary(report),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content.encode("utf-8"))
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}", cure="choose another folder with -o") from error
    return {name: folder / name for name in files}
