from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.publish.format import Figure
from bench.publish.rank import front, rank_ranges, rank_text

figures = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 5), st.integers(0, 5)).map(
        lambda each: Figure(float(each[0]), float(each[0] - each[1]), float(each[0] + each[2]))
    ),
    max_size=30,
)


def test_rows_apart_have_their_own_rank() -> None:
    assert rank_ranges([Figure(3, 2.9, 3.1), Figure(1, 0.9, 1.1), Figure(2, 1.9, 2.1)]) == [(3, 3), (1, 1), (2, 2)]


def test_rows_whose_intervals_overlap_share_ranks() -> None:
    assert rank_ranges([Figure(1.0, 0.9, 1.2), Figure(1.1, 1.0, 1.3), Figure(2, 1.9, 2.1)]) == [(1, 2), (1, 2), (3, 3)]


def test_without_an_interval_any_rank_is_possible() -> None:
    assert rank_ranges([Figure(1.0, None, None), Figure(1.0, 0.5, 0.9), Figure(3.0, 2.9, 3.1)]) == [
        (1, 3),
        (1, 2),
        (2, 3),
    ]


def test_nobody_no_ranks() -> None:
    assert rank_ranges([]) == []


@given(figures)
def test_ranges_are_what_counting_says(found: list[Figure]) -> None:
    for each, (best, worst) in zip(found, rank_ranges(found), strict=True):
        assert best == 1 + sum(other.high < each.low for other in found)  # type: ignore[operator]
        assert worst == sum(other.low <= each.high for other in found)  # type: ignore[operator]
        assert 1 <= best <= worst <= len(found)


def test_a_range_reads_as_a_range() -> None:
    assert rank_text(2, 2) == "2"
    assert rank_text(1, 3) == "1\N{EN DASH}3"


points = st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), max_size=25)


@given(points)
def test_the_front_holds_exactly_the_points_that_none_beats(found: list[tuple[float, float]]) -> None:
    def beaten(one: tuple[float, float]) -> bool:
        return any(o != one and o[0] <= one[0] and o[1] >= one[1] for o in found)

    kept = {found[at] for at in front(found)}
    assert kept == {each for each in found if not beaten(each)}
