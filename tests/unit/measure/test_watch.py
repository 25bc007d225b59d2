"""The watch over a launch, on a tree of files like the kernel's."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.measure.watch import Watch, process_ids

TICKS = os.sysconf("SC_CLK_TCK")


class Machine:
    """A proc and a sys that only move when they are told to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def cpu(self, user: float, idle: float, steal: float) -> None:
        user, idle, steal = (round(each * TICKS) for each in (user, idle, steal))
        lines = [f"cpu0 {user} 0 0 {idle} 0 0 0 {steal} 0 0", "cpu1 9 9 9 9 9 9 9 9 9 9", "cpu10 1 2 3", "intr 1"]
        self.write("proc/stat", "\n".join([f"cpu  {time.time_ns()} 0 0 0 0 0 0 0 0 0", *lines, ""]))

    def process(self, seconds: float) -> None:
        self.write(
            "proc/77/stat", f"77 (a name) with (brackets) R 1 1 1 0 -1 0 0 0 0 0 {round(seconds * TICKS)} 0 0 0 20\n"
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr("time.process_time", lambda: 3.0)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 10})
    made = Machine(tmp_path)
    made.cpu(100, 100, 5)
    made.process(10)
    made.write("proc/pressure/cpu", "some avg10=1.00 avg60=0.50 avg300=0.10 total=2000000\nfull avg10=0 total=0\n")
    made.write("sys/fs/cgroup/cpu.stat", "usage_usec 5\nthrottled_usec 1000000\n")
    for core, count in (("cpu0", 4), ("cpu1", 6)):
        made.write(f"sys/devices/system/cpu/{core}/thermal_throttle/core_throttle_count", f"{count}\n")
        made.write(f"sys/devices/system/cpu/{core}/cpufreq/scaling_cur_freq", f"{count}00000\n")
    return made


def test_what_happened_in_between(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(perf_counter=iter([10.0, 12.5]).__next__)
    monkeypatch.setattr("bench.measure.watch.time", clock)
    watch = Watch([77], machine.root)
    machine.cpu(108, 110, 7)
    machine.process(13)
    machine.write("proc/pressure/cpu", "some avg10=1.00 avg60=0.50 avg300=0.10 total=2500000\n")
    machine.write("sys/fs/cgroup/cpu.stat", "usage_usec 5\nthrottled_usec 1250000\n")
    machine.write("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "9\n")
    seen = watch.ended()
    assert seen["total_s"] == pytest.approx(20)
    assert seen["busy_s"] == pytest.approx(8)
    assert seen["others_s"] == pytest.approx(5)
    assert seen["steal_s"] == pytest.approx(2)
    assert seen["pressure_s"] == pytest.approx(0.5)
    assert seen["throttled_s"] == pytest.approx(0.25)
    assert seen["thermal_events"] == 3
    assert seen["frequency_hz"] == 6e8
    assert seen["cores"] == 2
    assert seen["seconds"] == 2.5


def test_ours_is_never_more_than_all(machine: Machine) -> None:
    """Accounts are kept in ticks: a process may seem to have worked longer than the machine."""
    watch = Watch([77], machine.root)
    machine.cpu(101, 102, 5)
    machine.process(12)
    assert watch.ended()["others_s"] == 0


def test_a_process_that_is_gone_takes_nothing_away(machine: Machine) -> None:
    watch = Watch([78], machine.root)
    machine.cpu(108, 110, 5)
    assert watch.ended()["others_s"] == pytest.approx(8)


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    seen = Watch([1], tmp_path).ended()
    assert {"seconds", "cores"} <= set(seen) <= {"seconds", "cores", "quota"}


@pytest.mark.parametrize("text", ["", "nonsense", "some\n", "cpu\n", "cpu0\n", "cpu0 1 2\n"])
def test_odd_files_are_no_numbers(machine: Machine, text: str) -> None:
    for name in ("proc/stat", "proc/77/stat", "proc/pressure/cpu", "sys/fs/cgroup/cpu.stat"):
        machine.write(name, text)
    seen = Watch([77], machine.root).ended()
    assert not {"total_s", "pressure_s", "throttled_s"} & set(seen)


def test_processes_of_workers() -> None:
    class Child:
        pid = 5

    assert process_ids({"a": Child(), "b": object()}) == [5]
