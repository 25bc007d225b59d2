"""A busy loop against a sleep of equal length: what each number says that the two cost.

The number for comparisons (CPU seconds times watts per vCPU) must tell them apart by far; a number that charges the
machine's share by the clock cannot. Windows alternate, and the median of each side counts. The display number
(utilisation times design power) stands beside it, with codecarbon's tracker under --codecarbon.

    python benchmarks/energy_busy_sleep.py [--seconds S] [--windows N] [--codecarbon] [--json]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from bench_power.cpu_seconds import CpuSecondsMeter
from bench_power.utilisation import UtilisationMeter
from harness import show

TDP_W = 100.0  # cancels in the ratio


def busy(seconds: float) -> None:
    """Compute for so many seconds of wall time."""
    until, x = time.perf_counter() + seconds, 1.0
    while time.perf_counter() < until:
        x = x * 1.0000001 + 1e-9


def joules(meter: Any, work: Callable[[float], None], seconds: float) -> float | None:
    """Return the joules of one window, None when the meter says that it saw nothing."""
    token = meter.start()
    work(seconds)
    value: float | None = meter.stop(token).value
    return value


def ratio(meter: Any, seconds: float, windows: int) -> float:
    """Return median joules of the busy loop over those of the sleep."""
    pairs = [(joules(meter, busy, seconds), joules(meter, time.sleep, seconds)) for _ in range(windows)]
    loops, sleeps = ([each for each in side if each is not None] for side in zip(*pairs, strict=True))
    return statistics.median(loops) / statistics.median(sleeps) if sleeps else float("inf")


class CodecarbonMeter:
    """codecarbon's offline tracker as it is used: start, work, stop."""

    def start(self) -> Any:
        """Start a tracker."""
        from codecarbon import OfflineEmissionsTracker

        tracker = OfflineEmissionsTracker(
            country_iso_code="FRA", save_to_file=False, log_level="critical", allow_multiple_runs=True
        )
        tracker.start()
        return tracker

    def stop(self, tracker: Any) -> Any:
        """Stop it; `value` is its joules."""
        tracker.stop()
        joules = tracker.final_emissions_data.energy_consumed * 3.6e6
        return argparse.Namespace(value=joules)


def measure(seconds: float, windows: int, codecarbon: bool) -> dict[str, float]:
    """Return the ratio of every meter."""
    found = {
        "busy_over_sleep": ratio(CpuSecondsMeter(), seconds, windows),
        "busy_over_sleep_utilisation": ratio(UtilisationMeter(TDP_W), seconds, windows),
    }
    if codecarbon:
        found["busy_over_sleep_codecarbon"] = ratio(CodecarbonMeter(), seconds, windows)
    return {name: round(value, 3) for name, value in found.items()}


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--codecarbon", action="store_true", help="run its tracker too (slow)")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    show(measure(asked.seconds, asked.windows, asked.codecarbon), as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
