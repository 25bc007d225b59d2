"""Whether a card is here, as NVIDIA's driver says; groups of cells on different cards."""

import ctypes
from dataclasses import replace

import pytest

from bench import cards
from bench.cards import card_number, card_of, why_no_card
from bench.run.recording import group_of
from bench.suite.cell import Cell


class Driver:
    """NVIDIA's driver, showing so many cards, or refusing to start."""

    def __init__(self, count: int, error: int = 0) -> None:
        self.count, self.error = count, error

    def cuInit(self, flags: int) -> int:
        return self.error

    def cuDeviceGetCount(self, place: object) -> int:
        ctypes.cast(place, ctypes.POINTER(ctypes.c_int))[0] = self.count  # type: ignore[arg-type]
        return 0


def absent(name: str) -> Driver:
    raise OSError(name)


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards.sys, "platform", "linux")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1", "cuda:1?", "cpu", "tpu:7"])
def test_a_card_that_is_here_is_nothing_to_say(device: str) -> None:
    assert why_no_card(device, lambda name: Driver(2)) is None


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (absent, r"there is no 'cuda:1' here: NVIDIA's driver \(libcuda.so.1\) is not installed"),
        (lambda name: Driver(0, 100), r"NVIDIA's driver finds no card \(error 100\)"),
        (lambda name: Driver(1), "the driver shows 1 cards"),
    ],
)
def test_a_card_that_is_not_here_is_missed_with_the_reason(load, says: str) -> None:
    import re

    assert re.search(says, str(why_no_card("cuda:1?", load)))


def test_where_the_driver_has_another_name_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards.sys, "platform", "win32")
    assert why_no_card("cuda:0", absent) is None


def test_numbers() -> None:
    assert [card_number(each) for each in ("cuda", "cuda:3", "cuda:3?", "cpu", "cuda:x")] == [0, 3, 3, None, None]


def test_different_cards_are_different_groups_and_processors_do_not_mind() -> None:
    cell = Cell("s", "t", (), "b", device="cuda:0")
    machines = [{"cards": ["A100"]}, {"cards": ["H100"]}, {}]
    assert len({group_of(cell, None, each) for each in machines}) == 3
    assert len({group_of(replace(cell, device="cpu"), None, each) for each in machines}) == 1


@pytest.mark.parametrize("odd", [None, "A100", 3, [], {"0": "A100"}])
def test_odd_facts_name_no_card(odd: object) -> None:
    assert card_of({"cards": odd}, "cuda:0") is None
