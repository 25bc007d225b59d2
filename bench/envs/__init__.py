"""Environments: interpreters for offers whose requirements are not the controller's, built once and found again."""

from bench.envs.adopting import adopt
from bench.envs.building import build
from bench.envs.core import code_paths, core_digest
from bench.envs.found import Environment, broken_adoption, environments_folder, every, find, remove
from bench.envs.here import packages_here, unmet
from bench.envs.installer import INSTALLERS
from bench.envs.serving import serving, why_missing
from bench.envs.state import missing, states
from bench.envs.wanted import Wanted, choose, of_offer, wanted_by

__all__ = [
    "INSTALLERS",
    "Environment",
    "Wanted",
    "adopt",
    "broken_adoption",
    "build",
    "choose",
    "code_paths",
    "core_digest",
    "environments_folder",
    "every",
    "find",
    "missing",
    "of_offer",
    "packages_here",
    "remove",
    "serving",
    "states",
    "unmet",
    "wanted_by",
    "why_missing",
]
