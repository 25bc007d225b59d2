"""A cell on a card takes the joules of that card: its number goes to the meter, unless the suite chooses one."""

from pathlib import Path
from typing import Any

import pytest

from bench.run import Metering, Settings
from bench.store import Cache
from bench.suite.cell import Step
from bench.worker.local import LocalWorker

from .conftest import FILES

METER = """
import bench

FACTS = {"class": "measured", "kind": "counter", "unit": "J", "serves": "cuda", "card": "cuda", "chosen_by": ["device"]}

@bench.meter("cards", facts=FACTS)
class Cards:
    \"""Reads cards.\"""
    def __init__(self, cuda: int = -1, device: int = -1): pass
    def available(self): return None
    def start(self): return None
    def stop(self, token): return None
"""


@pytest.mark.parametrize(
    ("device", "asked", "given"),
    [
        ("cuda:1", Step("auto"), {"cuda": 1}),
        ("cuda", Step("auto"), {"cuda": 0}),
        ("cuda:1?", Step("cards"), {"cuda": 1}),
        ("cuda:1", Step("cards", {"device": 0}), {"device": 0}),
        ("cuda:1", Step("cards", {"cuda": 0}), {"cuda": 0}),
        ("cpu", Step("cards"), {}),
    ],
)
def test_the_number_of_the_cells_card_goes_to_the_meter(
    house: Any, tmp_path: Path, device: str, asked: Step, given: dict[str, int]
) -> None:
    (tmp_path / "meters.py").write_text(METER)
    house.files = (FILES / "house.py", tmp_path / "meters.py")
    settings = Settings(Cache(tmp_path), lambda *_: LocalWorker(), metering=asked)
    meter = Metering(settings, house.catalogue()).of(device)
    assert meter is not None
    assert dict(meter.options) == given


def test_two_cards_have_two_meters(house: Any, tmp_path: Path) -> None:
    (tmp_path / "meters.py").write_text(METER)
    house.files = (FILES / "house.py", tmp_path / "meters.py")
    metering = Metering(
        Settings(Cache(tmp_path), lambda *_: LocalWorker(), metering=Step("auto")), house.catalogue()
    )  # fmt: skip
    first, second = metering.of("cuda:0"), metering.of("cuda:1")
    assert first is not None and second is not None
    assert (first.options, second.options) == ({"cuda": 0}, {"cuda": 1})
    assert metering.of("cpu") is None
