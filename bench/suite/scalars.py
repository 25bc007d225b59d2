"""Scalars: text to a value by the core schema of YAML 1.2, and `${VAR}` from the mapping handed in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from bench.errors import did_you_mean

Scalar = str | int | float | bool | None

MAX_TEXT = 10_000
# YAML 1.2.2, section 10.3.2, table of the core schema; no timestamps, no yes/no, no sexagesimals.
_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGERS = ((re.compile(r"[-+]?[0-9]+"), 10), (re.compile(r"0o[0-7]+"), 8), (re.compile(r"0x[0-9a-fA-F]+"), 16))
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Whole floats below this are the same number as an int; beyond it a float no longer counts in ones.
_EXACT = 2.0**53
_NUMBER_LENGTH = 400

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)\}?")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>:-(?P<default>.*))?", re.DOTALL)


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar. A whole float is an int, as in JSON Schema: 1.0 and 1 are one number.

    Raises ValueError for numbers that are not finite or absurdly long.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"'{text}' is not a finite number")
    if len(text) > _NUMBER_LENGTH:
        return text
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            return int(text, base)
    return _float(text) if _FLOAT.fullmatch(text) else text


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Replace `${VAR}` and `${VAR:-default}`; `$${` stands for a literal `${`. What comes in is text, never YAML.

    The default is taken when the variable is unset or empty, as in a POSIX shell. Raises ValueError for a variable
    that is not set, for what is not closed or no name, and for a result over 10,000 characters.
    """
    out = _VARIABLE.sub(lambda match: _substitute(match, env), text)
    if len(out) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT:,} characters")
    return out


def _float(text: str) -> Scalar:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"'{text}' is not a finite number")
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _substitute(match: re.Match[str], env: Mapping[str, str]) -> str:
    if match[0] == "$${":
        return "${"
    inside = _INSIDE.fullmatch(match["inside"])
    if inside is None or not match[0].endswith("}"):
        raise ValueError(
            f"'{match[0][:40]}' is no variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ for a plain ${{"
        )
    name, default = inside["name"], inside["default"]
    if default is not None:
        return env.get(name) or default
    if name not in env:
        near = did_you_mean(name, env)
        hint = near if "Did you mean" in near else ""
        raise ValueError(f"the variable '{name}' is not set.{hint} Set it, or write ${{{name}:-default}}")
    return env[name]
