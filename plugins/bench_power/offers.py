"""Meters that read joules, as they are offered: light classes that load what they need when they are made.

`serves` and `order` in the facts say for which kind of device a meter is tried where a suite leaves the choice open,
and in which order.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import bench

# As far as an estimate from a stated power may be off, unless its author knows better (docs/decisions/0004).
FACTOR = 3.0


class _Meter:
    """What every meter below does: hand on to its implementation."""

    _meter: Any

    def available(self) -> str | None:
        """Return None when it can read here, else the reason and the cure."""
        return self._meter.available()

    def period_s(self) -> float:
        """Return the time between updates, samples or lines."""
        return self._meter.period_s()

    def window_s(self, precision: float) -> float:
        """Return the seconds a window must last for that relative precision."""
        return self._meter.window_s(precision)

    def start(self) -> Any:
        """Open a window."""
        return self._meter.start()

    def guard(self, token: Any) -> Any:
        """Return the token with a guard read where one is due; to be called between inferences."""
        return self._meter.guard(token)

    def stop(self, token: Any) -> bench.Reading:
        """Close the window and return its joules."""
        return self._meter.stop(token)


@bench.meter(
    "powercap",
    facts={"class": "measured", "kind": "counter", "unit": "J", "serves": "cpu", "order": 1},
)
class Powercap(_Meter):
    """Joules of processor packages and memory from Linux's powercap tree (RAPL of Intel and AMD).

    Packages and memory are summed, the platform stands apart, nothing is counted twice. Needs the right to read
    `energy_uj`: see how-to/rapl-permission.
    """

    def __init__(self, root: Annotated[str, "a tree like /sys/class/powercap"] = "/sys/class/powercap") -> None:
        from pathlib import Path

        from bench_power.powercap import PowercapMeter

        self._meter = PowercapMeter(Path(root))

    def describe(self) -> tuple[bench.Zone, ...]:
        """Return every zone, what is made of it and why."""
        return self._meter.describe()


@bench.meter("hwmon", facts={"class": "measured", "kind": "power", "unit": "J", "serves": "cpu", "order": 2})
class Hwmon(_Meter):
    """Joules from a board's power rails (INA3221 and its kin, as on Jetson), sampled by a process of its own."""

    def __init__(
        self,
        root: Annotated[str, "a tree like /sys/class/hwmon"] = "/sys/class/hwmon",
        rate_hz: Annotated[float, bench.Bounds(gt=0, le=20), "samples a second"] = 10.0,
    ) -> None:
        from pathlib import Path

        from bench_power.sysfs import NO_RAILS, hwmon_meter, rails

        self._zones = rails(Path(root))[1]
        self._meter = hwmon_meter(Path(root), rate_hz=rate_hz)
        self._absent = None if self._zones else NO_RAILS.format(root=root)

    def available(self) -> str | None:
        """Return None when there are rails to read, else the reason."""
        return self._absent or self._meter.available()

    def describe(self) -> tuple[bench.Zone, ...]:
        """Return every rail, what is made of it and why."""
        return self._zones


@bench.meter("battery", facts={"class": "measured", "kind": "gauge", "unit": "J", "domains": ["battery"]})
class Battery(_Meter):
    """Joules that left the battery, by its fuel gauge: windows of ten minutes or more, mains unplugged."""

    def __init__(
        self,
        root: Annotated[str, "a tree like /sys/class/power_supply"] = "/sys/class/power_supply",
        peak_w: Annotated[float, bench.Bounds(gt=0, le=1000), "the most the machine can draw, in watts"] = 60.0,
    ) -> None:
        from pathlib import Path

        from bench_power.sysfs import NO_BATTERY, batteries, battery_meter

        self._absent = None if batteries(Path(root)) else NO_BATTERY.format(root=root)
        self._meter = battery_meter(Path(root), peak_w=peak_w)

    def available(self) -> str | None:
        """Return None when a battery is discharging, else the reason."""
        return self._absent or self._meter.available()


@bench.meter(
    "nvml",
    needs=("pynvml",),
    extra="energy",
    facts={
        "class": "measured",
        "kind": "counter",
        "unit": "J",
        "domains": ["gpu:<n>"],
        "source": "NVML, nvidia-ml-py",
        "serves": "cuda",
        "order": 1,
        "card": "cuda",
        "chosen_by": ["device"],
    },
)
class Nvml(_Meter):
    """NVIDIA cards: the energy counter (Volta and newer), or sampled instant power where a card has none.

    A run reads the card that the cell is served on (`cuda:1`), unless `device` chooses one by NVML's number; elsewhere
    all cards are summed. A reading says of which kind it is, and whether others computed on the card; sampled power
    needs windows of 30 s and more. A card that is split (MIG) is refused.
    """

    def __init__(
        self,
        device: Annotated[int | None, bench.Bounds(ge=0, le=63), "NVML's number of one card; none sums all"] = None,
        kind: Annotated[
            Literal["auto", "counter", "power"], "what is read: the counter where every card has one, or one of the two"
        ] = "auto",
        cuda: Annotated[
            int | None, bench.Bounds(ge=0, le=63), "CUDA's number of one card; a run gives that of the cell's device"
        ] = None,
    ) -> None:
        from bench_power.nvml import NvmlMeter

        self._meter = NvmlMeter(device, kind, cuda=cuda)


@bench.meter(
    "zeus",
    needs=("zeus",),
    extra="zeus",
    facts={"class": "measured", "kind": "counter", "unit": "J", "source": "zeus.device of the package zeus"},
)
class Zeus(_Meter):
    """AMD cards, Apple chips and Windows' energy meters, through the device layer of zeus.

    On Linux only processor packages are taken from it, never the platform (psys) that holds them.
    """

    def __init__(
        self,
        devices: Annotated[Literal["all", "gpu", "cpu", "soc"], "which kinds of device are summed"] = "all",
    ) -> None:
        from bench_power.zeus import ZeusMeter

        self._meter = ZeusMeter(devices)


@bench.meter(
    "command",
    facts={
        "class": "measured",
        "kind": "counter",
        "unit": "J",
        "domains": ["wall"],
        "source": "a program of yours",
        "code": "program",
        "nests": False,  # a serial port has one reader
    },
)
class Command(_Meter):
    """A program that prints lines of `<unix seconds> <joules>`: a wall meter, a shunt on the board.

    It is started with each window and ended with it. Another line, a fall, a gap or a late line makes the window
    invalid.
    """

    def __init__(
        self,
        program: Annotated[str, "the command line; no shell reads it"] = "",
        domain: Annotated[str, "what it measures; joules of different domains are never ranked together"] = "wall",
        period: Annotated[float, bench.Bounds(gt=0, le=3600), "seconds between its lines"] = 1.0,
        accuracy: Annotated[float, bench.Bounds(ge=0, le=1), "relative error of its scale, from its data sheet"] = 0.0,
        limit: Annotated[float | None, bench.Bounds(gt=0), "the most watts that can be drawn"] = None,
    ) -> None:
        from bench_power.command import CommandMeter

        self._period_s = period
        self._meter = CommandMeter(program, domain=domain, period_s=period, accuracy=accuracy, limit_w=limit)

    def period_s(self) -> float:
        """Return the seconds between its lines."""
        return self._period_s

    def window_s(self, precision: float) -> float:
        """Return the seconds in which a line's worth of energy at either end is within that share of the whole."""
        return 2 * self._period_s / precision

    def guard(self, token: Any) -> Any:
        """Return the token: the program watches by itself."""
        return token


@bench.meter(
    "declared",
    facts={
        "class": "estimated",
        "kind": "declared",
        "unit": "J",
        "source": "what you declare",
        "blind_to": ["what the device does", "idle power", "the host"],
    },
)
class Declared(_Meter):
    """Estimated joules of a device without a counter (a TPU): watts that you declare, with their source, times seconds.

    There is no default. It tells joules per inference apart by their seconds only, so it is no ground for a saving.
    """

    def __init__(
        self,
        watts: Annotated[
            float | None,
            bench.Bounds(gt=0, le=100_000),
            "watts that the device is taken to draw",
        ] = None,
        source: Annotated[str, "where the watts are from: a data sheet, a meter at the wall"] = "",
        factor: Annotated[
            float, bench.Bounds(ge=1, le=100), "the true watts lie within times or divided by it"
        ] = FACTOR,
        domain: Annotated[str, "whose watts they are"] = "tpu",
    ) -> None:
        from bench_power.declared import DeclaredMeter

        self._meter = DeclaredMeter(watts, source, factor=factor, domain=domain)

    def period_s(self) -> float:
        """Return 0: it has a new value at any moment."""
        return 0.0

    def window_s(self, precision: float) -> float:
        """Return a second: a longer window tells nothing more."""
        del precision
        return 1.0

    def guard(self, token: Any) -> Any:
        """Return the token: there is nothing to watch."""
        return token
