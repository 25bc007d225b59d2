"""Processor time: this process's own, and that of the children it waited for."""

import os
import subprocess
import sys

import pytest

from bench.measure.cpu import cpu_seconds

TICK_S = 0.01  # ended children are kept to the kernel's clock tick, user and system apart


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Accounts that move when they are told to."""
    told = {"own": 1.5, "children_user": 0.0, "children_system": 0.0}
    monkeypatch.setattr("time.process_time", lambda: told["own"])
    monkeypatch.setattr(
        "os.times",
        lambda: os.times_result((9.0, 9.0, told["children_user"], told["children_system"], 1e6)),
    )
    return told


def test_own_work_is_counted_once(accounts: dict[str, float]) -> None:
    assert cpu_seconds() == 1.5
    accounts["own"] += 0.25
    assert cpu_seconds() == 1.75


def test_children_that_ended_count_with_both_their_accounts(accounts: dict[str, float]) -> None:
    accounts.update(children_user=2.0, children_system=0.5)
    assert cpu_seconds() == 4.0


def test_a_child_that_ended_is_in_the_systems_account() -> None:
    """As much as the child says of itself, however long the machine took to let it run."""
    before = cpu_seconds()
    code = "import time\nwhile time.process_time() < 0.1: pass\nprint(time.process_time())"
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert cpu_seconds() - before >= float(said) - 2 * TICK_S
