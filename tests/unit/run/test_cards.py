"""A cell on a card takes the joules of that card: its number goes to the meter, unless the suite chooses one."""

from pathlib import Path
from typing import Any

import pytest

from bench.run import Metering, Settings
from bench.run.recording import Recorder
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


@pytest.mark.parametrize(
    ("device", "number"), [("cpu", None), ("xla:CPU", None), ("xla:CPU?", None), ("xla:TPU", 0), ("cuda:1", 1)]
)
def test_a_runtime_of_several_kinds_may_be_on_the_processor(
    house: Any, tmp_path: Path, device: str, number: int | None
) -> None:
    """The processor's meters then read it, whatever the runtime calls it; they are no card's."""
    (tmp_path / "meters.py").write_text(METER)
    house.files = (FILES / "house.py", tmp_path / "meters.py")
    settings = Settings(Cache(tmp_path), lambda *_: LocalWorker(), metering=Step("cards"))
    metering = Metering(settings, house.catalogue())
    meter = metering.of(device)
    assert meter is not None
    assert meter.options == ({} if number is None else {"cuda": number})
    assert (meter is metering.of("cpu")) == (number is None)


@pytest.mark.parametrize(("device", "estimated"), [("cpu", True), ("xla:CPU", True), ("xla:TPU", False)])
def test_processor_time_stands_for_no_accelerator(tmp_path: Path, device: str, estimated: bool) -> None:
    facts = {"meter": "m", "watts_per_cpu": 4.0, "blind_to": ["accelerators"]}
    settings = Settings(Cache(tmp_path), lambda *_: LocalWorker(), meter=facts)
    assert (Recorder("r", settings, {}, "").rules.estimator(device) is not None) == estimated


def test_the_idle_machine_says_nothing_of_declared_watts(house: Any, tmp_path: Path) -> None:
    declared = METER.replace('"kind": "counter"', '"kind": "declared"')
    (tmp_path / "meters.py").write_text(declared)
    house.files = (FILES / "house.py", tmp_path / "meters.py")
    settings = Settings(Cache(tmp_path), lambda *_: LocalWorker(), metering=Step("cards"), idle_s=1.0)
    metering = Metering(settings, house.catalogue())
    meter = metering.of("xla:TPU")
    assert meter is not None
    assert not metering.watches_idle(meter)
