"""The virtual clock and counters that the benchmarks use too."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[4] / "benchmarks"


def _load(name: str) -> ModuleType:
    before = list(sys.path)
    sys.path.insert(0, str(SCRIPTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path[:] = before


@pytest.fixture(scope="session")
def sim() -> ModuleType:
    return _load("energy_sim")


@pytest.fixture(scope="session")
def windows() -> ModuleType:
    return _load("energy_windows")


@pytest.fixture(scope="session")
def live() -> ModuleType:
    return _load("energy_live")
