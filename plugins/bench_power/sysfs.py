"""Power rails of boards (hwmon, ina3221 and its kin on Jetson) and fuel gauges of batteries, through sysfs.

Sources: Documentation/hwmon/sysfs-interface.rst and Documentation/ABI/testing/sysfs-class-power of Linux; Texas
Instruments' data sheet of the INA3221.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bench
from bench_power.sysfs_files import maybe_number, maybe_text, read_number, read_text

HWMON, SUPPLIES = Path("/sys/class/hwmon"), Path("/sys/class/power_supply")
CHIPS = ("ina3221", "ina226", "ina219", "ina260", "ina238")
# Labels of the rail that feeds the whole board, on the boards that measure one.
TOTALS = ("VDD_IN", "POM_5V_IN", "VIN", "BOARD")
BOARD_LIMIT_W = 100.0
# The INA3221's gain is good to 0.25 %, the resistor it reads usually to 1 %.
RAIL_CALIBRATION = 0.0125
MW, UW, UWH_J, UAH_C = 1e-3, 1e-6, 3600e-6, 3600e-6
# What ACPI gauges usually step by: 10 mWh.
GAUGE_QUANTUM_J = 36.0
GAUGE_WINDOW_S = 600.0
NO_RAILS = "no power rail under {root}: boards with an INA3221 have them (Jetson); the driver is `ina3221`"
NO_BATTERY = "no battery is discharging under {root}: a fuel gauge counts only while the mains are unplugged"


class Rail:
    """One rail: its power input where the chip computes it, else voltage times current."""

    calibration = RAIL_CALIBRATION

    def __init__(self, folder: Path, channel: int, domain: str) -> None:
        self._power = folder / f"power{channel}_input"
        self._volts, self._amps = folder / f"in{channel}_input", folder / f"curr{channel}_input"
        self.name, self.domain = _label(folder, channel), domain
        self.power_limit_w: float | None = self._limit_w(folder / f"curr{channel}_crit") or BOARD_LIMIT_W

    def read_w(self) -> float:
        """Return present power in watts. Raises OSError."""
        if self._power.is_file():
            return read_number(self._power) * UW
        return read_number(self._volts) * MW * read_number(self._amps) * MW

    def _limit_w(self, critical: Path) -> float | None:
        amps, volts = maybe_number(critical), maybe_number(self._volts)
        return amps * MW * volts * MW if amps and volts else None


def _label(folder: Path, channel: int) -> str:
    names = (maybe_text(folder / f"{kind}{channel}_label") for kind in ("power", "in", "curr"))
    return next((each for each in names if each), f"{maybe_text(folder / 'name')} channel {channel}")


def _channels(folder: Path) -> list[int]:
    """Return the channels of a chip that show a power, or a voltage with a current, and are switched on."""
    return [
        each
        for each in range(1, 5)
        if maybe_text(folder / f"in{each}_enable") != "0"
        and ((folder / f"power{each}_input").is_file() or (folder / f"curr{each}_input").is_file())
    ]


def rails(root: Path = HWMON) -> tuple[list[Rail], tuple[bench.Zone, ...]]:
    """Return the rails to sample and all rails with what is made of them.

    Where one rail feeds the whole board the others are parts of it; else all of them are summed.
    """
    chips = [each for each in sorted(root.glob("hwmon*")) if maybe_text(each / "name") in CHIPS]
    every = [(folder, each, _label(folder, each)) for folder in chips for each in _channels(folder)]
    total = next((label for wanted in TOTALS for _, _, label in every if label == wanted), None)
    used, zones = [], []
    for folder, channel, label in every:
        taken = total is None or label == total
        domain = "board" if label == total else "rails"
        why = "feeds the whole board" if label == total else "one of several rails, none of which feeds the others"
        if taken:
            used.append(Rail(folder, channel, domain))
        zones.append(
            bench.Zone(
                label,
                domain,
                f"{folder.name} channel {channel}",
                "summed" if taken else "inside",
                why if taken else f"fed through {total}, which is read",
            )
        )
    return used, tuple(zones)


def hwmon_meter(root: Path = HWMON, *, rate_hz: float = 10.0, clock: Any = None, load: Any = None) -> Any:
    """Return a meter that samples the rails from a process of its own."""
    return bench.SampledMeter(
        rails(root)[0], name="hwmon", version=bench.__version__, rate_hz=rate_hz, clock=clock, load=load
    )


class Battery:
    """A fuel gauge as a counter: what left the battery rises while it discharges.

    Where only charge is counted, each step of charge is taken at the mean of the voltages at its ends.
    """

    domain = "battery"
    wrap_j = None
    quantum_j = GAUGE_QUANTUM_J
    calibration = 0.05  # gauges that learn their capacity are stated to a few per cent

    def __init__(self, folder: Path, peak_w: float) -> None:
        self.name, self.power_limit_w = folder.name, peak_w
        self._folder = folder
        self._drawn_j = 0.0
        self._last: tuple[float, float] | None = None

    def read_j(self) -> float:
        """Return joules drawn, from an arbitrary zero. Raises OSError, also when it does not discharge."""
        status = read_text(self._folder / "status")
        if status != "Discharging":
            raise OSError(f"the battery {self.name} is {status[:20]!r}: it counts only while discharging")
        if (self._folder / "energy_now").is_file():
            return -read_number(self._folder / "energy_now") * UWH_J
        return self._drawn(
            read_number(self._folder / "charge_now") * UAH_C, read_number(self._folder / "voltage_now") * UW
        )

    def _drawn(self, coulombs: float, volts: float) -> float:
        if self._last is not None:
            self._drawn_j += (self._last[0] - coulombs) * (self._last[1] + volts) / 2
        self._last = (coulombs, volts)
        return self._drawn_j


def batteries(root: Path = SUPPLIES, *, peak_w: float = 60.0) -> list[Battery]:
    """Return the batteries of this machine (not of a mouse) that are discharging."""
    return [
        Battery(each, peak_w)
        for each in sorted(root.glob("*"))
        if maybe_text(each / "type") == "Battery"
        and maybe_text(each / "scope") != "Device"
        and maybe_text(each / "status") == "Discharging"
    ]


def battery_meter(root: Path = SUPPLIES, *, peak_w: float = 60.0, clock: Any = None, load: Any = None) -> Any:
    """Return a meter of the discharging batteries: windows of ten minutes or more.

    Gauges move every few seconds to a minute, so they are read four times a second, not without rest.
    """
    engine = bench.Engine(gate_s=0.6, updates=4, budget_s=300.0, pause_s=0.25, least_window_s=GAUGE_WINDOW_S)
    return bench.CounterMeter(
        batteries(root, peak_w=peak_w),
        name="battery",
        version=bench.__version__,
        kind="gauge",
        engine=engine,
        clock=clock,
        load=load,
    )
