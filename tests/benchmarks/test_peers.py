"""The pure parts of benchmarks/peers.py: who is on the front, the median drop, the table."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from peer_environments import NotInstalled, interpreter
from peer_front import dominates, exact, front, median_drop
from peer_table import markdown


def around(value: float, half: float = 0.1) -> Interval:
    return Interval(value, value - half, value + half, 0.95, 9, "test")


def test_better_in_one_and_worse_in_none_dominates():
    assert dominates([exact(0), exact(-1), exact(0)])
    assert not dominates([exact(0.1), exact(-1), exact(0)])
    assert not dominates([exact(0), exact(0), exact(0)])


def test_what_lies_within_its_interval_counts_neither_way():
    assert not dominates([around(-0.05), exact(0), around(0.05)])
    assert dominates([around(0.05), exact(-1), around(0.05)])
    assert not dominates([around(0.05), exact(-1), around(0.2)])


NUMBERS = st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=8)


@given(NUMBERS)
def test_without_doubt_it_is_the_pareto_front(points):
    names = [str(each) for each in range(len(points))]
    worse = lambda a, b: [exact(x - y) for x, y in zip(points[int(a)], points[int(b)], strict=True)]  # noqa: E731
    found = front(names, worse)
    assert any(not each for each in found.values())
    for name, dominators in found.items():
        mine = points[int(name)]
        truth = {o for o in names if points[int(o)] != mine and all(np.less_equal(points[int(o)], mine))}
        assert set(dominators) == truth


def test_the_median_drop_is_of_tasks_and_its_interval_of_examples():
    rng = np.random.default_rng(1)
    ones = np.ones(1000)
    lost = {str(drop): (ones, (rng.permutation(1000) >= drop).astype(float)) for drop in (0, 20, 300)}
    found = median_drop(lost)
    assert found.value == pytest.approx(0.02)
    assert 0.01 < found.low < 0.02 < found.high < 0.032
    assert median_drop(lost) == found


def test_nothing_lost_is_a_drop_of_nothing():
    same = {"a": (np.array([1.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]))}
    assert (median_drop(same).value, median_drop(same).low, median_drop(same).high) == (0.0, 0.0, 0.0)


class Found:
    task, names, failed = "digits", ["ours", "theirs"], {"third": "it | broke"}

    def dominators(self):
        return {"ours": [], "theirs": ["ours"]}

    def drop(self, name):
        return around(0.2 if name == "ours" else 1.4)

    def latency(self, name):
        return None if name == "theirs" else around(0.7)

    def size(self, name):
        return 0.25

    def bytes_of(self, name):
        return 12345


def test_a_row_a_tool_and_none_left_out():
    assert markdown([Found()], {"fourth": "no wheel"}).splitlines()[2:] == [
        "| digits | ours | 0.20 [0.10, 0.30] | 12,345 | 0.250 | 0.700 [0.600, 0.800] | nobody |",
        "| digits | theirs | ⚑ 1.40 [1.30, 1.50] | 12,345 | 0.250 | - | ours |",
        "| digits | third | failed: it / broke | - | - | - | - |",
        "| all | fourth | not installed: no wheel | - | - | - | - |",
    ]


def test_what_cannot_be_installed_says_why(tmp_path, monkeypatch):
    import peer_environments

    (tmp_path / "odd.txt").write_text("./no-such-folder\n")
    monkeypatch.setattr(peer_environments, "TOOLS", tmp_path)
    monkeypatch.setattr(peer_environments.venv, "create", lambda folder, **_: folder.mkdir(parents=True))
    command = [sys.executable, "-c", "import sys; sys.exit('no wheel for this machine')"]
    monkeypatch.setattr(peer_environments, "_command", lambda *_: command)
    with pytest.raises(NotInstalled, match="no wheel for this machine"):
        interpreter("odd", tmp_path / "envs")
