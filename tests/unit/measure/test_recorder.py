"""The recorder and the warm-up, on a clock that only moves when it is told to."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure import recorder


class Clock:
    """Stands in for the module `time`: every call takes the next of the given durations."""

    def __init__(self, durations_ns: Iterator[int]) -> None:
        self.now, self.durations, self.calls = 1_000_000, durations_ns, 0

    def perf_counter_ns(self) -> int:
        return self.now

    def process_time_ns(self) -> int:
        return self.now // 2

    def time_ns(self) -> int:
        return 42

    def call(self) -> int:
        self.calls += 1
        self.now += next(self.durations)
        return self.calls


def clocked(monkeypatch: pytest.MonkeyPatch, *durations_ns: int, then: int | None = None) -> Clock:
    def forever() -> Iterator[int]:
        yield from durations_ns
        while then is not None:
            yield then

    clock = Clock(forever())
    monkeypatch.setattr(recorder, "time", clock)
    return clock


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60))
def test_a_block_is_n_calls_and_five_facts(durations: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = clocked(patch, *durations)
        samples, result = recorder.record_block(clock.call, len(durations))
    assert samples.shape == (len(durations) + len(recorder.TAIL),)
    assert samples.dtype == np.int64
    assert samples[: len(durations)].tolist() == durations
    assert clock.calls == result == len(durations)
    cpu_ns, *_, stamp = samples[len(durations) :].tolist()
    assert abs(cpu_ns - sum(durations) / 2) <= 1
    assert stamp == 42


def test_what_the_system_did_is_what_its_accounts_moved_by(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = iter([(3, 5, 700), (4, 9, 716)])
    monkeypatch.setattr(recorder, "_usage", lambda: next(accounts))
    samples, _ = recorder.record_block(clocked(monkeypatch, 10, 20).call, 2)
    assert samples[3:6].tolist() == [1, 4, 16]


def test_a_real_block_counts_no_more_than_the_process_did() -> None:
    counted: list[bytearray] = []
    before, began = recorder._usage(), time.process_time_ns()
    samples, _ = recorder.record_block(lambda: counted.append(bytearray(1 << 16)), 20)
    most = [time.process_time_ns() - began, *(b - a for a, b in zip(before, recorder._usage(), strict=True))]
    assert len(counted) == 20
    assert (samples[:20] > 0).all()
    assert 0 < samples[20] <= most[0]
    assert all(0 <= each <= limit for each, limit in zip(samples[21:24].tolist(), most[1:], strict=True))
    assert samples[24] > 1_600_000_000 * 10**9


def test_an_exception_in_a_call_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        recorder.record_block(lambda: 1 // 0, 3)


def test_warm_up_makes_fifteen_calls_when_all_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clocked(monkeypatch, then=1_000_000)
    assert len(recorder.warm_up(clock.call)) == clock.calls == 15


def test_warm_up_goes_on_until_the_last_five_reach_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lucky call early on: the last five come within 2 % of it at call 30 only."""
    clock = clocked(monkeypatch, 100_000, *[103_000] * 28, 101_900, then=101_000)
    assert len(recorder.warm_up(clock.call)) == 30


@pytest.mark.parametrize(("best", "calls"), [(10, 15), (9, 16)])
def test_the_last_five_are_five(monkeypatch: pytest.MonkeyPatch, best: int, calls: int) -> None:
    durations = [110_000] * 15
    durations[best] = 100_000
    clock = clocked(monkeypatch, *durations, then=100_000)
    assert len(recorder.warm_up(clock.call)) == calls


def test_warm_up_takes_a_slow_start_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clocked(monkeypatch, *range(400_000, 100_000, -10_000), then=100_000)
    walls = recorder.warm_up(clock.call)
    assert walls.tolist() == list(range(400_000, 250_000, -10_000))


def test_warm_up_is_capped_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clocked(monkeypatch, then=300_000_000)
    walls = recorder.warm_up(clock.call, cap_s=2.0)
    assert len(walls) == 7
    assert int(walls.sum()) == 2_100_000_000


def test_warm_up_makes_two_calls_whatever_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clocked(monkeypatch, then=60 * 10**9)
    assert len(recorder.warm_up(clock.call, cap_s=2.0)) == 2


@pytest.mark.parametrize("n", [1, 7, 100])
def test_nothing_runs_between_start_and_stop_but_the_call(n: int) -> None:
    """The clock is read exactly twice a call."""
    reads: list[str] = []

    class Counting(Clock):
        def perf_counter_ns(self) -> int:
            reads.append("clock")
            return super().perf_counter_ns()

    with pytest.MonkeyPatch.context() as patch:
        clock: Any = Counting(iter([5] * n))
        patch.setattr(recorder, "time", clock)
        recorder.record_block(lambda: (reads.append("call"), clock.call()), n)
    assert reads == ["clock", "call", "clock"] * n
