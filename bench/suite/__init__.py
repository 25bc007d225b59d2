"""Suites: YAML read into a frozen Suite and expanded into Cells. Nothing here touches a device or the network.

Names are loaded when first used: records need cells, and must not pay for a YAML parser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.suite.cell import Cell, Recipe, Step, recipe_name
    from bench.suite.editor import json_schema
    from bench.suite.gating import Gating, load_budget
    from bench.suite.limits import Limits, parse_limits
    from bench.suite.measure import Measure
    from bench.suite.only import matches, select
    from bench.suite.own import OwnModel
    from bench.suite.problems import SuiteError
    from bench.suite.source import find
    from bench.suite.suite import Suite, load
    from bench.suite.vocabulary import Complaint, Vocabulary, check_options

__all__ = [
    "Cell",
    "Complaint",
    "Gating",
    "Limits",
    "Measure",
    "OwnModel",
    "Recipe",
    "Step",
    "Suite",
    "SuiteError",
    "Vocabulary",
    "check_options",
    "find",
    "json_schema",
    "load",
    "load_budget",
    "matches",
    "parse_limits",
    "recipe_name",
    "select",
]

_HOMES = {
    "cell": ("Cell", "Recipe", "Step", "recipe_name"),
    "editor": ("json_schema",),
    "gating": ("Gating", "load_budget"),
    "limits": ("Limits", "parse_limits"),
    "measure": ("Measure",),
    "only": ("matches", "select"),
    "own": ("OwnModel",),
    "problems": ("SuiteError",),
    "source": ("find",),
    "suite": ("Suite", "load"),
    "vocabulary": ("Complaint", "Vocabulary", "check_options"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bench.suite' has no attribute {name!r}")
    value = getattr(import_module(f"bench.suite.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
