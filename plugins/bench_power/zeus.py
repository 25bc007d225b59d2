"""AMD cards, Apple chips and Windows' energy meters through `zeus.device`, the device layer of zeus-ml.

Only that layer: importing ZeusMonitor takes 0.9 s and 149 MB. Of processors on Linux it lists every powercap zone at
the top, the platform (psys) among them, as if it were one more; only packages are taken here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import bench
from bench_power.nvml import Nobody

NAME = "zeus"
MILLI = 1e-3
CURE = "zeus is not installed: pip install zeus (on Apple: pip install 'zeus[apple]')"
NOTHING = "zeus finds no device here that counts its energy"
# Parts of an Apple chip that do not hold one another; clusters and cores lie inside cpu_total.
APPLE_DOMAINS = {
    "cpu_total_mj": "cpu",
    "gpu_mj": "gpu:0",
    "gpu_sram_mj": "gpu-sram",
    "dram_mj": "dram",
    "ane_mj": "npu",
}
Devices = Literal["all", "gpu", "cpu", "soc"]


@dataclass(frozen=True)
class ZeusEnergy:
    """One device's counter; zeus itself unwraps what wraps."""

    name: str
    domain: str
    read_mj: Callable[[], float]
    wrap_j: float | None = None
    power_limit_w: float | None = None
    quantum_j: float = MILLI

    def read_j(self) -> float:
        """Return joules. Raises OSError."""
        return _asked(self.read_mj) * MILLI


@dataclass(frozen=True)
class ZeusPower:
    """The instant power of a card without a counter. It travels to the sampler's process by its number."""

    index: int
    name: str
    power_limit_w: float | None = None

    @property
    def domain(self) -> str:
        """One card."""
        return f"gpu:{self.index}"

    def read_w(self) -> float:
        """Return watts. Raises OSError."""
        return _asked(lambda: _manager("gpu").get_instant_power_usage(self.index)) * MILLI


def energy_sources(devices: Devices = "all") -> list[ZeusEnergy]:
    """Return every counter that overlaps no other. Raises OSError when zeus is missing."""
    readers = {"soc": _apple, "cpu": _packages, "gpu": _cards}
    wanted = readers if devices == "all" else {devices: readers[devices]}
    return [source for kind, reader in wanted.items() for source in reader(_manager(kind))]


def power_sources() -> list[ZeusPower]:
    """Return the cards that tell their power but do not count. Raises OSError when zeus is missing."""
    cards = _manager("gpu")
    silent = [i for i in range(len(cards) if cards else 0) if not _counts(cards, i)]
    return [ZeusPower(i, f"{cards.get_name(i)} ({i})") for i in silent]


class ZeusMeter:
    """Joules of what zeus can read: of kind "counter", or "power" where cards tell nothing but power."""

    def __init__(self, devices: Devices = "all", *, clock: Any = None) -> None:
        self._devices, self._clock = devices, clock
        self._meter: Any = None

    def available(self) -> str | None:
        """Return None when there is a device to read, else the reason and the cure."""
        try:
            return self.meter().available()
        except OSError as error:
            return str(error)

    def meter(self) -> Any:
        """Return the engine's meter. Raises OSError with the reason."""
        if self._meter is None:
            energy = energy_sources(self._devices)
            power = power_sources() if self._devices in ("all", "gpu") and not energy else []
            if not (energy or power):
                raise OSError(NOTHING)
            self._meter = self._counter(energy) if energy else self._sampler(power)
        return self._meter

    def period_s(self) -> float:
        """Return the time between updates of the counter, or between samples."""
        return float(self.meter().period_s())

    def window_s(self, precision: float) -> float:
        """Return the seconds a window must last for that relative precision."""
        return float(self.meter().window_s(precision))

    def start(self) -> Any:
        """Open a window."""
        return self.meter().start()

    def guard(self, token: Any) -> Any:
        """Return the token with a guard read where one is due."""
        return self.meter().guard(token)

    def stop(self, token: Any) -> bench.Reading:
        """Close a window and return its joules."""
        return self.meter().stop(token)

    def _counter(self, sources: list[ZeusEnergy]) -> Any:
        cards_only = all(source.domain.startswith("gpu:") for source in sources)
        load = Nobody() if cards_only else None
        return bench.CounterMeter(sources, name=NAME, version=_version(), clock=self._clock, load=load)

    def _sampler(self, sources: list[ZeusPower]) -> Any:
        facts = {"fallback": "these cards have no energy counter: their power was sampled instead"}
        return bench.SampledMeter(sources, name=NAME, version=_version(), clock=self._clock, facts=facts)


def _manager(kind: str) -> Any:
    """Return zeus's manager of one kind of device, None where it has none. Raises OSError when zeus is missing."""
    try:
        from zeus import device, exception
    except ImportError:
        raise OSError(CURE) from None
    get = {"gpu": device.get_gpus, "cpu": device.get_cpus, "soc": device.get_soc}[kind]
    try:
        return get()
    except exception.ZeusBaseError:
        return None


def _asked(question: Callable[[], float]) -> float:
    """Ask zeus; its errors become OSError."""
    from zeus import exception

    try:
        return float(question())
    except (exception.ZeusBaseError, RuntimeError, ValueError) as error:
        raise OSError(f"zeus: {error}") from None


def _cards(cards: Any) -> Iterator[ZeusEnergy]:
    for i in range(len(cards) if cards else 0):
        if _counts(cards, i):
            yield ZeusEnergy(f"{cards.get_name(i)} ({i})", f"gpu:{i}", _reader(cards.get_total_energy_consumption, i))


def _counts(cards: Any, index: int) -> bool:
    """Whether a card counts its energy. Raises OSError where it cannot even say."""
    return bool(_asked(lambda: cards.supports_get_total_energy_consumption(index)))


def _packages(processors: Any) -> Iterator[ZeusEnergy]:
    """Yield packages and their memory. A zone that does not say that it is a package might be the platform."""
    for i, processor in enumerate(processors.cpus if processors else ()):
        zone = getattr(getattr(processor, "rapl_file", None), "name", "")
        if zone.startswith("package") or sys.platform == "win32":
            read = processor.get_total_energy_consumption
            yield ZeusEnergy(zone or f"package-{i}", "package", _part(read, "cpu_mj"))
            if processor.supports_get_dram_energy_consumption():
                yield ZeusEnergy(f"dram of {zone or i}", "dram", _part(read, "dram_mj"))


def _apple(chip: Any) -> Iterator[ZeusEnergy]:
    """Yield the parts of an Apple chip; a Jetson, which zeus only polls, has its own meter here."""
    if type(chip).__name__ == "AppleSilicon":
        known = chip.get_available_metrics()
        for field, domain in APPLE_DOMAINS.items():
            if field in known:
                yield ZeusEnergy(f"Apple {domain}", domain, _part(chip.get_total_energy_consumption, field))


def _reader(read: Callable[[int], float], index: int) -> Callable[[], float]:
    return lambda: read(index)


def _part(read: Callable[[], Any], field: str) -> Callable[[], float]:
    return lambda: float(getattr(read(), field))


def _version() -> str:
    return f"zeus {metadata.version('zeus')}"
