"""Processor time: this process's own, and that of the children it waited for."""

import subprocess
import sys
import time

from bench.measure.cpu import cpu_seconds


def busy(until_s: float) -> None:
    while time.process_time() < until_s:
        pass


def test_own_work_is_counted() -> None:
    began, spent = time.process_time(), cpu_seconds()
    busy(began + 0.05)
    assert cpu_seconds() - spent >= 0.05


def test_sleeping_costs_next_to_nothing() -> None:
    spent = cpu_seconds()
    time.sleep(0.2)
    assert cpu_seconds() - spent < 0.1


def test_a_child_that_ended_is_counted() -> None:
    spent, own = cpu_seconds(), time.process_time()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert (cpu_seconds() - spent) - (time.process_time() - own) >= 0.25
