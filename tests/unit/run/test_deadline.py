"""A comparison has one deadline, and one cell that hangs does not take all of it."""

import math
from typing import Any

import pytest

from bench.errors import WorkerError
from bench.run.deadline import Deadline
from bench.wire import Message, Worker
from bench.worker.local import LocalWorker


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_goes_down_and_then_it_is_over() -> None:
    clock = Clock()
    deadline = Deadline.after(60.0, clock)
    assert deadline.left_s() == 60.0
    clock.now += 45.0
    assert deadline.left_s() == 15.0
    assert deadline.half().left_s() == 7.5
    assert deadline.left_s() == 15.0
    clock.now += 15.0
    assert deadline.remaining_s() == 0.0
    for each in (deadline, deadline.half()):
        with pytest.raises(WorkerError, match=r"the 60\.0 s that its comparison may take") as caught:
            each.left_s()
        assert caught.value.status == "timeout"


def test_what_is_no_comparison_has_as_long_for_every_request() -> None:
    deadline = Deadline.each(60.0)
    assert deadline.left_s() == deadline.half().left_s() == 60.0
    assert math.isinf(deadline.end_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Deadline, "after", classmethod(lambda cls, limit_s: cls(limit_s, clock() + limit_s, clock)))
    return clock


class Slow(LocalWorker):
    """A worker that takes a minute of the clock for every compression, and as long as it may for one of them."""

    clock: Clock
    asked: list[tuple[str, float]]

    def request(self, verb: str, arguments: Any, *, timeout_s: float) -> Message:
        self.asked.append((verb, timeout_s))
        if verb == "compress":
            hangs = str(arguments["target"]).endswith("hangs")
            self.clock.now += timeout_s if hangs else 60.0
            if hangs:
                raise WorkerError("no answer", status="timeout")
        return super().request(verb, arguments, timeout_s=timeout_s)


def slow(clock: Clock) -> Any:
    def make(threads: int, memory_bytes: int | None) -> Worker:
        worker = Slow()
        worker.clock, worker.asked = clock, make.asked  # type: ignore[attr-defined]
        return worker

    make.asked = []  # type: ignore[attr-defined]
    return make


def test_one_that_hangs_leaves_time_to_the_others(house: Any, named: Any, clock: Clock) -> None:
    house.settings, house.spy.make = {"timeout_s": 600.0}, slow(clock)
    records = named(house.run("hangs", "same", "cut").records)
    assert {name: each.status for name, each in records.items()} == {
        "none": "ok",
        "hangs": "timeout",
        "same": "ok",
        "cut": "ok",
    }
    steps = [timeout_s for verb, timeout_s in house.spy.make.asked if verb == "compress"]
    assert steps == [300.0, 150.0, 120.0]
    assert all(timeout_s <= 600.0 for _, timeout_s in house.spy.make.asked)


def test_what_comes_after_the_deadline_is_a_timeout(house: Any, named: Any, clock: Clock) -> None:
    house.settings, house.spy.make = {"timeout_s": 110.0}, slow(clock)
    records = named(house.run("same", "cut", "slower").records)
    assert records["none"].status in ("ok", "timeout")
    assert {records[name].status for name in ("cut", "slower")} == {"timeout"}
    assert "(`timeout`) are used up" in records["slower"].reason


def test_a_resumed_comparison_has_a_deadline_of_its_own(house: Any, named: Any, clock: Clock) -> None:
    house.settings, house.spy.make = {"timeout_s": 110.0}, slow(clock)
    house.run("same", "cut")
    house.settings = {"timeout_s": 1000.0}
    assert {each.status for each in house.run("same", "cut").records} == {"ok"}


def test_a_launch_that_would_be_cut_off_is_not_begun(house: Any, named: Any, clock: Clock) -> None:
    house.settings = {"timeout_s": 600.0, "ci_width": 1e-9, "min_launches": 50}

    def late(event: Any) -> None:
        if event.kind == "launch" and event.text.startswith("launch 3"):
            clock.now += 600.0

    record = named(house.run("same", listen=late).records)["same"]
    assert (record.status, record.launches) == ("ok", 3)


def test_a_hang_in_a_process_is_ended(house: Any, named: Any) -> None:
    from bench.run import spawn_child

    house.run("same")
    house.spy.make, house.settings = spawn_child, {"timeout_s": 4.0}
    record = named(house.run("hangs", out="other").records)["hangs"]
    assert record.status == "timeout"
    assert house.spy.open == 0
