"""NVIDIA cards through nvidia-ml-py: the energy counter where the card has one, sampled instant power where not.

Volta and newer cards count their energy in millijoules (`nvmlDeviceGetTotalEnergyConsumption`), refreshed every 20 to
100 ms. Older ones only tell power, and then the reading is of kind "power" and says so. The scale of the sensors was
found to be up to 5 % off (Yang, Adamek & Armour 2023, "Part-time Power Measurements: nvidia-smi's Lack of Attention",
arXiv 2312.02741), the same way every time: it bounds absolute joules, not ratios on one card.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import Any, Literal

import bench
from bench_power.nvml_cards import check_whole, nvml_number, others
from bench_power.nvml_library import asked, handle, library, text

NAME = "nvml"
CALIBRATION = 0.05
MILLI = 1e-3
UPDATE_S = 0.1  # slowest refresh of power seen on any card
NO_COUNTER = "this card has no energy counter: its power was sampled instead"
Kind = Literal["auto", "counter", "power"]


class Nobody:
    """The load of the processor says nothing about whose work a card did."""

    def read(self) -> None:
        """Return nothing."""


@dataclass(frozen=True)
class NvmlEnergy:
    """A card's energy counter. `index` is NVML's, which follows the PCI bus."""

    index: int
    name: str
    power_limit_w: float | None
    wrap_j: float | None = None  # 64 bits of millijoules last longer than the card
    quantum_j: float = MILLI
    calibration: float = CALIBRATION

    @property
    def domain(self) -> str:
        """One card."""
        return f"gpu:{self.index}"

    def read_j(self) -> float:
        """Return joules since the driver was loaded. Raises OSError."""
        return float(asked(lambda nvml: nvml.nvmlDeviceGetTotalEnergyConsumption(handle(self.index)))) * MILLI


@dataclass(frozen=True)
class NvmlPower:
    """A card's power: instant where the driver tells it, else its average over the last second or less."""

    index: int
    name: str
    power_limit_w: float | None
    instant: bool
    calibration: float = CALIBRATION
    quantum_w: float = MILLI

    @property
    def domain(self) -> str:
        """One card."""
        return f"gpu:{self.index}"

    @property
    def update_s(self) -> float:
        """How old a reading may be: an average over a second is old by as much."""
        return UPDATE_S if self.instant else 1.0

    def read_w(self) -> float:
        """Return watts. Raises OSError."""
        if self.instant:
            return _instant_w(self.index)
        return float(asked(lambda nvml: nvml.nvmlDeviceGetPowerUsage(handle(self.index)))) * MILLI


@dataclass(frozen=True)
class Cards:
    """What the cards of this machine can tell."""

    energy: tuple[NvmlEnergy, ...]
    power: tuple[NvmlPower, ...]
    driver: str

    @property
    def count_all(self) -> bool:
        """Whether every card has an energy counter."""
        return len(self.energy) == len(self.power)


def cards(device: int | None = None) -> Cards:
    """Look at one card, or at all. Raises OSError with the reason when there is nothing to read."""
    found = asked(lambda nvml: nvml.nvmlDeviceGetCount())
    if device is not None and device >= found:
        raise OSError(f"there is no card {device}: NVML shows {found}, numbered from 0 in the order of the PCI bus")
    if not found:
        raise OSError("NVML shows no card")
    indices = range(found) if device is None else (device,)
    check_whole(indices)
    energy = tuple(NvmlEnergy(i, _name(i), _limit_w(i)) for i in indices)
    return Cards(
        energy=tuple(each for each in energy if _works(each.read_j)),
        power=tuple(NvmlPower(i, _name(i), _limit_w(i), _works(partial(_instant_w, i))) for i in indices),
        driver=text(asked(lambda nvml: nvml.nvmlSystemGetDriverVersion())),
    )


@dataclass(frozen=True)
class Window:
    """An open window: the engine's token, and how many others computed on the cards when it was opened."""

    token: Any
    others: int


class NvmlMeter:
    """Joules of NVIDIA cards: of kind "counter" where every card counts, else of kind "power", sampled.

    `device` chooses one card by NVML's number, `cuda` by CUDA's in this process; without either all are summed.
    `clock` is handed in by tests. Who else computes on the cards is looked up when a window opens and when it closes.
    """

    def __init__(
        self, device: int | None = None, kind: Kind = "auto", *, cuda: int | None = None, clock: Any = None
    ) -> None:
        self._device, self._cuda, self._kind, self._clock = device, cuda, kind, clock
        self._meter: Any = None
        self._indices: tuple[int, ...] = ()

    def available(self) -> str | None:
        """Return None when the cards can be read, else the reason and the cure."""
        try:
            return self.meter().available()
        except OSError as error:
            return str(error)

    def meter(self) -> Any:
        """Return the engine's meter of what these cards offer. Raises OSError with the reason."""
        if self._meter is None:
            chosen = self._device if self._cuda is None else nvml_number(self._cuda)
            found = cards(chosen)
            self._indices = tuple(each.index for each in found.power)
            if self._kind == "counter" and not found.count_all:
                raise OSError("not every card has an energy counter; use kind: power, or choose one with device:")
            counts = self._kind != "power" and found.count_all
            self._meter = self._counter(found) if counts else self._sampler(found)
        return self._meter

    def start(self) -> Window:
        """Open a window."""
        token = self.meter().start()
        return Window(token, others(self._indices))

    def guard(self, token: Window) -> Window:
        """Return the token with a guard read where one is due."""
        return replace(token, token=self.meter().guard(token.token))

    def period_s(self) -> float:
        """Return the time between updates of the counter, or between samples."""
        return float(self.meter().period_s())

    def window_s(self, precision: float) -> float:
        """Return the seconds a window must last for that relative precision."""
        return float(self.meter().window_s(precision))

    def stop(self, token: Window) -> bench.Reading:
        """Close a window and return its joules; they are suspect where somebody else computed on the cards."""
        reading: bench.Reading = self.meter().stop(token.token)
        found = max(token.others, others(self._indices))
        if not found or reading.value is None:
            return reading
        why = f"{found} other process{'es' * (found > 1)} on the card: its joules are not this one's alone"
        facts = {**reading.facts, "others": found}
        return replace(reading, verdict="suspect", reasons=(*reading.reasons, why), facts=facts)

    def _counter(self, found: Cards) -> Any:
        return bench.CounterMeter(
            found.energy, name=NAME, version=_version(found), clock=self._clock, load=Nobody()
        )  # fmt: skip

    def _sampler(self, found: Cards) -> Any:
        instant = all(each.instant for each in found.power)
        facts = {"sensor": "instant power" if instant else "average power"}
        if not found.count_all:
            facts["fallback"] = NO_COUNTER
        return bench.SampledMeter(found.power, name=NAME, version=_version(found), clock=self._clock, facts=facts)


def _instant_w(index: int) -> float:
    nvml = library()
    (field,) = asked(lambda nvml: nvml.nvmlDeviceGetFieldValues(handle(index), [nvml.NVML_FI_DEV_POWER_INSTANT]))
    if field.nvmlReturn != nvml.NVML_SUCCESS:
        raise OSError(f"NVML: {nvml.nvmlErrorString(field.nvmlReturn)}")
    return float(field.value.uiVal) * MILLI


def _limit_w(index: int) -> float | None:
    try:
        return float(asked(lambda nvml: nvml.nvmlDeviceGetEnforcedPowerLimit(handle(index)))) * MILLI
    except OSError:
        return None


def _name(index: int) -> str:
    return f"{text(asked(lambda nvml: nvml.nvmlDeviceGetName(handle(index))))} ({index})"


def _works(read: Callable[[], float]) -> bool:
    try:
        read()
    except OSError:
        return False
    return True


def _version(found: Cards) -> str:
    return f"nvidia-ml-py {metadata.version('nvidia-ml-py')}, driver {found.driver}"
