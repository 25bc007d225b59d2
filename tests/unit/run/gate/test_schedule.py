"""Time goes where it helps, and never beyond what there is."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.run.gate.schedule import LONGER, spend


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Cell:
    """Settles after so many launches of a second each."""

    name: str
    needs: int
    clock: Clock
    order: list[str]
    seconds: float = 0.0
    cost_s: float = 1.0
    done: int = field(default=0)

    @property
    def settled(self) -> bool:
        return self.done >= self.needs

    @property
    def distance(self) -> float:
        return 1 - self.done / self.needs

    def step(self, tell: object) -> None:
        self.done += 1
        self.clock.now += self.cost_s
        self.seconds += self.cost_s
        self.order.append(self.name)


def cells(*needs: int) -> tuple[list[Cell], Clock, list[str]]:
    clock, order = Clock(), []
    return [Cell(f"c{i}", n, clock, order) for i, n in enumerate(needs)], clock, order


def test_what_is_nearest_a_decision_goes_first() -> None:
    made, clock, order = cells(10, 2, 5)
    assert spend(made, 30.0, None, lambda *words: None, clock)
    assert order[:6] == ["c0", "c1", "c2", "c1", "c2", "c0"]
    assert order.count("c0") == 10


def test_a_cell_that_cannot_be_decided_takes_twice_its_time_at_most() -> None:
    made, clock, _ = cells(1000, 2, 2, 2)
    assert not spend(made, 5.0, None, lambda *words: None, clock)
    assert made[0].seconds == LONGER * 5.0
    assert all(each.settled for each in made[1:])


def test_alone_it_takes_what_there_is_for_all() -> None:
    made, clock, _ = cells(1000)
    spend(made, 5.0, None, lambda *words: None, clock)
    assert clock.now == 5.0


def test_the_cap_holds_and_may_go_to_one() -> None:
    made, clock, _ = cells(1000, 1)
    spend(made, 5.0, 40.0, lambda *words: None, clock)
    assert (clock.now, made[0].done) == (40.0, 39)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(1.0, 20.0), st.none() | st.floats(0.0, 100.0))
def test_never_much_longer_than_there_is(needs: list[int], each_s: float, total_s: float | None) -> None:
    made, clock, _ = cells(*needs)
    settled = spend(made, each_s, total_s, lambda *words: None, clock)
    assert clock.now <= (total_s if total_s is not None else each_s * len(needs)) + 1.0
    assert settled == all(each.settled for each in made)


def test_nothing_to_do_takes_no_time() -> None:
    assert spend([], 5.0, None, lambda *words: pytest.fail("nothing is told"), Clock())
