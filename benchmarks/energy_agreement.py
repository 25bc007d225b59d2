"""One fake powercap tree, read at the same time by this project, by codecarbon and, where installed, by zeus.

Another process feeds the tree in real time with 50 W of package, 7 W of memory and 80 W of platform. zeus's list of
processors holds the platform; it is removed, as our meter of zeus's devices removes it. Figures are percent between
the package powers; zeus is read through its device layer (never ZeusMonitor).

    python benchmarks/energy_agreement.py [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import show

ZONES = {
    "intel-rapl:0": ("package-0", 50.0),
    "intel-rapl:0/intel-rapl:0:0": ("dram", 7.0),
    "intel-rapl:1": ("psys", 80.0),
}
PACKAGE_W = ZONES["intel-rapl:0"][1]
STEP_S = 1e-3


def feed(root: str, ended: Any) -> None:
    """Write every zone's counter once a millisecond, each file replaced whole."""
    began = time.perf_counter()
    while not ended.is_set():
        elapsed = 1.0 + time.perf_counter() - began
        for place, (_, watts) in ZONES.items():
            fresh = Path(root) / place / "fresh"
            fresh.write_text(f"{int(watts * elapsed * 1e6)}\n", encoding="ascii")
            fresh.replace(fresh.with_name("energy_uj"))
        time.sleep(STEP_S)


@contextmanager
def tree() -> Iterator[Path]:
    """Lay out a powercap tree and keep it moving; yield its root."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "intel-rapl"
        for place, (name, _) in ZONES.items():
            (root / place).mkdir(parents=True)
            for file, text in (("name", name), ("max_energy_range_uj", "262143328850"), ("energy_uj", "0")):
                (root / place / file).write_text(f"{text}\n", encoding="ascii")
        context = multiprocessing.get_context("spawn")
        ended = context.Event()
        feeder = context.Process(target=feed, args=(str(root), ended))
        feeder.start()
        time.sleep(1.0)
        try:
            yield root
        finally:
            ended.set()
            feeder.join()


def ours(reading: Any) -> float:
    """Return the package's watts of a reading."""
    if reading.value is None:
        raise SystemExit(f"the window is invalid: {reading.reason}")
    return float(reading.facts["by_domain"]["package"] / reading.facts["window_s"])


def zeus_meter(root: Path) -> Any:
    """Return our meter of zeus's devices on this tree, None where zeus is not installed."""
    try:
        from zeus.device.cpu import rapl
    except ImportError:
        return None
    from bench_power.zeus import ZeusMeter

    rapl.RAPL_DIR = str(root)
    return ZeusMeter("cpu")


def watts(root: Path, seconds: float) -> dict[str, float]:
    """Return the package's power as each reader has it, over windows that nearly coincide."""
    from bench_power.powercap import PowercapMeter
    from codecarbon.core.rapl import RAPLFile
    from codecarbon.core.units import Time

    zone = root / "intel-rapl:0"
    meter, zeus = PowercapMeter(root.parent), zeus_meter(root)
    theirs = RAPLFile("package-0", str(zone / "energy_uj"), str(zone / "max_energy_range_uj"))
    meter.period_s()
    zeus_token = zeus.start() if zeus else None
    token = meter.start()
    theirs.start()
    began = time.perf_counter()
    time.sleep(seconds)
    elapsed = time.perf_counter() - began
    theirs.delta(Time.from_seconds(elapsed))
    found = {"ours": ours(meter.stop(token)), "codecarbon": theirs.energy_delta.kWh * 3.6e6 / elapsed}
    return found | ({"zeus": ours(zeus.stop(zeus_token))} if zeus else {})


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    with tree() as root:
        found = watts(root, asked.seconds)
    figures = {"truth_error_pct": 100 * abs(found["ours"] / PACKAGE_W - 1)}
    figures |= {f"agreement_{name}_pct": 100 * abs(found["ours"] / found[name] - 1) for name in found if name != "ours"}
    show({name: round(value, 4) for name, value in figures.items()}, as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
