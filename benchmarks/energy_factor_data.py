"""Measured power of real machines, as others published it: read strictly from folders that the user gives."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_power.carbon import design_power

JOULES_PER_KWH = 3.6e6
RAPL_COLUMNS = ("cpu_name", "cores_used", "cpu_load", "rapl_energy", "duration")
SPEC_COLUMNS = (
    "CPU Description",
    "Chips",
    "Total Threads",
    "avg. watts @ 100%",
    "avg. watts @ active idle",
    "Published",
)
# 24 threads, where Intel states 12 a package; the tables do not say how many packages a machine has.
PACKAGES = {"Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz": 2}
# More than this times the design power, for half a minute: the counters were added up twice (package and core).
TOO_MUCH = 1.2


class BadTable(Exception):
    """A folder or file that does not hold what is read here; the message says what was expected."""


@dataclass(frozen=True)
class Point:
    """A machine at one load for half a minute: `load` 0 to 1, watts of its packages, above idle, and its numbers."""

    machine: str
    load: float
    watts: float
    idle_w: float
    threads: int
    design_w: float


@dataclass(frozen=True)
class Server:
    """One published SPECpower result: watts at the wall, fully loaded and idle; `design_w` is None where unknown."""

    machine: str
    full_w: float
    idle_w: float
    threads: int
    year: int
    design_w: float | None


def rapl_points(folder: Path) -> tuple[list[Point], list[str]]:
    """Return the points of every `compare_cpu_load_and_RAPL*.csv` below a folder, and which files were refused, why.

    Power is `rapl_energy` (kWh) over `duration` (s). The column `rapl_power` is not read: it holds the power before the
    row's load began. `cpu_load` is per cent of all threads; the most `cores_used` of a table are the machine's threads.
    """
    points: list[Point] = []
    refused: list[str] = []
    for file in sorted(folder.rglob("compare_cpu_load_and_RAPL*.csv")):
        found = list(_rapl_table(file))
        if found and max(each.watts for each in found) > TOO_MUCH * found[0].design_w:
            most, design_w = max(each.watts for each in found), found[0].design_w
            refused.append(f"{file.name}: {most:.0f} W of a design power of {design_w:g} W: something is counted twice")
        else:
            points += found
    if not points:
        raise BadTable(f"no compare_cpu_load_and_RAPL*.csv with rows below {folder}: give a checkout of codecarbon's "
                       "codecarbon/data/hardware/cpu_load_profiling")  # fmt: skip
    return points, refused


def _rapl_table(file: Path) -> Iterator[Point]:
    rows = _rows(file, RAPL_COLUMNS)
    if not rows:
        return  # those ending in -tasks.csv are empty
    name = rows[0]["cpu_name"]
    design = design_power(name)
    if design is None:
        raise BadTable(f"{file}: no table has the design power of {name!r}")
    threads = round(max(_number(file, n, row, "cores_used") for n, row in enumerate(rows, 2)))
    watts = [
        _number(file, n, row, "rapl_energy") * JOULES_PER_KWH / _number(file, n, row, "duration")
        for n, row in enumerate(rows, 2)
    ]
    for n, (row, each) in enumerate(zip(rows, watts, strict=True), 2):
        load = _number(file, n, row, "cpu_load") / 100
        yield Point(name, load, each, watts[0], threads, design.watts * PACKAGES.get(name, 1))


def servers(folder: Path) -> list[Server]:
    """Return the results in the newest `SPECpower-<date>.csv` below a folder, leaving out those not complete ("NC")."""
    files = sorted(folder.rglob("SPECpower-*.csv"), key=lambda file: file.name)
    if not files:
        raise BadTable(f"no SPECpower-<date>.csv below {folder}: give the folder `data` of a checkout of "
                       "cloud-carbon-footprint/ccf-coefficients")  # fmt: skip
    found = []
    for row in _rows(files[-1], SPEC_COLUMNS):
        try:
            full, idle, chips = (float(row[name]) for name in (SPEC_COLUMNS[3], SPEC_COLUMNS[4], "Chips"))
            threads, year = int(float(row["Total Threads"])), int(row["Published"][-4:])
        except ValueError:
            continue
        if full > 0 and idle > 0 and threads > 0:
            design = design_power(row["CPU Description"])
            found.append(Server(row["CPU Description"], full, idle, threads, year, design and design.watts * chips))
    if not found:
        raise BadTable(f"{files[-1]}: no row holds numbers in {', '.join(SPEC_COLUMNS)}")
    return found


def _rows(file: Path, wanted: Sequence[str]) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
        lacking = [name for name in wanted if name not in (reader.fieldnames or ())]
    if rows and lacking:
        raise BadTable(f"{file}:1: lacks the columns {', '.join(lacking)}; expected {', '.join(wanted)}")
    return rows


def _number(file: Path, line: int, row: dict[str, str], name: str) -> float:
    try:
        return float(row[name])
    except (TypeError, ValueError):
        raise BadTable(f"{file}:{line}: {name} is {row[name]!r}, expected a number") from None
