"""The expected time counts the windows of the meter and of the idle machine, which come on top of the budget."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.plan import make_plan
from bench.run import Metering, Settings, expected_seconds
from bench.run.expected import BUILD_S, LAUNCH_S
from bench.store import Cache
from bench.suite.cell import Step
from bench.worker.local import LocalWorker

from .conftest import FILES

METER = """
import bench

class Any:
    def available(self): return self.lost
    def period_s(self): return 0.5
    def window_s(self, precision): return 4.0
    def start(self): return None
    def stop(self, token): return None
    lost = None

@bench.meter("quick", facts={"class": "measured", "kind": "counter", "unit": "J", "serves": "cpu", "order": 1})
class Quick(Any):
    \"""Reads.\"""
@bench.meter("gone", facts={"class": "measured", "kind": "counter", "unit": "J"})
class Gone(Any):
    \"""Does not.\"""
    lost = "no sensor"
@bench.meter("gauge", facts={"class": "measured", "kind": "gauge", "unit": "J"})
class Gauge(Any):
    \"""Takes for ever.\"""
    def period_s(self): raise AssertionError("a gauge is not asked")
"""
BUDGET_S = 30.0


@pytest.fixture
def expected(house: Any, tmp_path: Path) -> Any:
    (tmp_path / "meters.py").write_text(METER)
    house.files = (FILES / "house.py", tmp_path / "meters.py")
    catalogue = house.catalogue()
    plan = make_plan(house.cells(["same", "cut"]), catalogue)

    def ask(name: str | None, **more: Any) -> float:
        plain = Settings(Cache(tmp_path), lambda *_: LocalWorker(), budget_s=BUDGET_S)
        settings = replace(plain, metering=Step(name) if name else None, **more)
        return expected_seconds(plan, settings, Metering(settings, catalogue))

    return ask


PLAIN = BUDGET_S + 3 * BUILD_S


@pytest.mark.parametrize("name", [None, "gone"])
def test_without_windows_it_is_the_budget_and_the_building(expected: Any, name: str | None) -> None:
    assert expected(name) == PLAIN


@pytest.mark.parametrize("name", ["quick", "auto"])
def test_every_side_of_every_launch_has_a_window(expected: Any, name: str) -> None:
    launches, window_s = BUDGET_S / LAUNCH_S, 4.0 + 16 * 0.5
    assert expected(name) == pytest.approx(PLAIN + launches * 3 * window_s)
    assert expected(name, window_s=10.0) == pytest.approx(PLAIN + launches * 3 * 18.0)
    assert expected(name, min_launches=50) == pytest.approx(PLAIN + 50 * 3 * window_s)


def test_the_idle_machine_is_metered_twice(expected: Any) -> None:
    assert expected("quick", idle_s=60.0) - expected("quick") == 120.0
    assert expected("quick", idle_s=1.0) - expected("quick") == 24.0, "an idle window is at least as long as another"


def test_a_gauge_is_not_asked_beforehand(expected: Any) -> None:
    assert expected("gauge") == pytest.approx(PLAIN + BUDGET_S / LAUNCH_S * 3 * 600.0)
