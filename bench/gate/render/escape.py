"""Untrusted text inside Markdown: shown letter for letter, and never a link, a mention, markup or HTML.

Character references hold off whatever reads Markdown's own syntax (CommonMark 0.31, 2.5: they never stand for
structure). They do not hold off what GitHub and GitLab look for afterwards in the text of the page (mentions,
references to issues, bare addresses): there a WORD JOINER, which has no width, parts the sign from the name.
"""

from __future__ import annotations

import re

from bench.gate.render.words import plain

JOINER = "\N{WORD JOINER}"
EMPTY = "\N{EM DASH}"
# Safe inside backticks wherever they stand: no backtick ends them, no pipe or backslash parts a table's cells.
_SIMPLE = re.compile(r"[^`|\\]+")
_SIGNS = re.compile(r"@|[#!$~%^&:](?=[\w/\[\"'])|(?:\b[Gg][Hh]-)(?=[0-9])|(?:\b[Ww]{3})(?=\.)")
# What begins a list, or draws a line, at the head of a line only.
_FIRST = re.compile(r"^(?:[-=]|\+(?= |$)|(?P<digits>[0-9]{1,9})[.)](?= |$))")
# What is left of ASCII's punctuation means nothing to Markdown within a line that we begin.
_ACTIVE = {ord(char): f"&#{ord(char)};" for char in "&<>`*_[]()|\\~#!{}$^"}


def prose(text: str, longest: int | None = None) -> str:
    """Return text to be read as it stands within a line or a table's cell, cut to `longest` characters."""
    line = _SIGNS.sub(lambda found: found[0] + JOINER, plain(text, longest)).translate(_ACTIVE)
    return _FIRST.sub(lambda found: f"{found['digits'] or ''}&#{ord(found[0][-1])};", line)


def code(text: str, longest: int | None = None) -> str:
    """Return a name as code, nothing in it being read as Markdown; a dash for an empty one."""
    line = plain(text, longest)
    if not line:
        return EMPTY
    return f"`{line}`" if _SIMPLE.fullmatch(line) else f"<code>{prose(line)}</code>"


def marker(name: str) -> str:
    """Return the hidden line by which a later run finds its own comment again."""
    kept = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-")[:64] or "suite"
    return f"<!-- joulebench-gate: {kept} -->"
