"""What sampled power costs: CPU seconds of the sampler's process by rate, and how late it wakes.

The sensor is a file, as sysfs's are. The cost is that of the whole sampler while its window is open, read by itself;
what starting Python takes comes before the window and is printed apart.

    python benchmarks/energy_sampler.py [--seconds S] [--rates HZ ...] [--json]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import show


@dataclass(frozen=True)
class FileSensor:
    """A sensor in the manner of hwmon: microwatts in a file."""

    path: str
    name: str = "file"
    domain: str = "board"
    power_limit_w: float | None = 100.0

    def read_w(self) -> float:
        """Return watts."""
        return int(Path(self.path).read_text(encoding="ascii")) / 1e6


def window(sensor: FileSensor, rate_hz: float, seconds: float) -> dict[str, float]:
    """Return one window's cost and lateness."""
    # By its module's name the sampler's process can find the class; as part of __main__ it could not.
    from energy_sampler import FileSensor as Travelling

    from bench.measure.energy.sampler import SampledMeter

    meter = SampledMeter([Travelling(sensor.path)], name="file", version="1", rate_hz=rate_hz)
    began = time.perf_counter()
    token = meter.start()
    started_s = time.perf_counter() - began
    time.sleep(seconds)
    reading = meter.stop(token)
    if reading.value is None:
        raise SystemExit(f"the window is invalid: {reading.reason}")
    facts: dict[str, Any] = dict(reading.facts)
    return {
        "core_pct": 100 * facts["sampling"]["cpu_s"] / facts["window_s"],
        "late_p50_ms": 1e3 * facts["sampling"]["late_p50_s"],
        "late_max_ms": 1e3 * facts["sampling"]["late_max_s"],
        "start_s": started_s,
    }


def figures(rows: dict[float, dict[str, float]]) -> dict[str, float]:
    """Return one number per claim."""
    found = {f"sampler_core_pct_{rate:g}hz": round(row["core_pct"], 4) for rate, row in rows.items()}
    return found | {f"sampler_late_p50_ms_{rate:g}hz": round(row["late_p50_ms"], 3) for rate, row in rows.items()}


def table(rows: dict[float, dict[str, float]]) -> str:
    """Lay the rows out for reading."""
    widths = {"core_pct": 14, "late_p50_ms": 14, "late_max_ms": 14, "start_s": 10}
    lines = [
        f"{rate:6g}" + "".join(f"{row[name]:{width}.3f}" for name, width in widths.items())
        for rate, row in rows.items()
    ]
    return "\n".join(["    Hz   % of a core   late p50 ms   late max ms   start s", *lines])


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 20.0])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "power1_input"
        file.write_text("7000000\n", encoding="ascii")
        rows = {rate: window(FileSensor(str(file)), rate, asked.seconds) for rate in asked.rates}
    if not asked.json:
        print(table(rows))
    show(figures(rows), as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
