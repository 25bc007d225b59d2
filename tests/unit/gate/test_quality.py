import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.quality import judge_quality, outcome_of
from bench.gate.verdicts import CellVerdict, GateReport
from bench.stats import Interval, flip_bounds

ACCURACY = {"name": "accuracy", "unit": "1", "higher_is_better": True}
LOSS = {"name": "loss", "unit": "nat", "higher_is_better": False}


def flipped(n, lost, gained):
    """Return outcomes of which `lost` turn from right to wrong, and `gained` the other way."""
    before = np.r_[np.ones(n - gained), np.zeros(gained)]
    after = before.copy()
    after[:lost] = 0.0
    after[n - gained :] = 1.0
    return before, after


def test_a_clear_loss_fails_and_says_both_kinds_of_flips():
    verdict = judge_quality(*flipped(2000, 80, 20), ACCURACY, 0.01)
    assert verdict.outcome == "fail"
    assert verdict.why.startswith("accuracy lost 3.00 pp on 2000 examples (80 worse, 20 better;")
    drop = verdict.channels["drop"]
    assert (drop["lost"], drop["gained"], drop["examples"], drop["examples_needed"]) == (80, 20, 2000, None)
    assert 0.01 < drop["low"] < drop["value"] < drop["high"]
    assert drop["value"] == pytest.approx(0.03)
    assert (verdict.baseline, verdict.candidate) == (0.99, 0.96)
    assert verdict.limit == "a drop of at most 1.00 pp"


def test_no_loss_on_many_examples_passes():
    assert judge_quality(*flipped(5000, 20, 20), ACCURACY, 0.01).outcome == "pass"
    assert judge_quality(*flipped(5000, 10, 60), ACCURACY, 0.01).outcome == "pass"


@pytest.mark.parametrize("flips", [0, 5, 13])
def test_one_point_on_500_examples_is_inconclusive_and_says_how_many_it_would_take(flips):
    verdict = judge_quality(*flipped(500, flips, flips), ACCURACY, 0.01)
    assert verdict.outcome == "inconclusive"
    needed = verdict.channels["drop"]["examples_needed"]
    assert needed > 500
    assert f"it would take about {needed} examples" in verdict.why
    if flips:
        more = round(needed / 500 * flips)
        assert judge_quality(*flipped(needed, more, more), ACCURACY, 0.01).outcome == "pass"


def test_close_to_the_limit_it_takes_more_than_what_nothing_lost_would():
    far = judge_quality(*flipped(4000, 5, 0), ACCURACY, 0.01)
    near = judge_quality(*flipped(4000, 36, 0), ACCURACY, 0.01)
    assert far.outcome == "pass"
    assert near.outcome == "inconclusive"
    assert near.channels["drop"]["examples_needed"] > 4000
    assert judge_quality(*flipped(100, 1, 0), ACCURACY, 0.01).channels["drop"]["examples_needed"] is not None


def test_a_metric_that_should_fall_is_turned_round():
    rng = np.random.default_rng(0)
    before = rng.exponential(size=400)
    worse = before + 0.5 + 0.1 * rng.standard_normal(400)
    assert judge_quality(before, worse, LOSS, 0.1).outcome == "fail"
    better = judge_quality(worse, before, LOSS, 0.1)
    assert better.outcome == "pass"
    assert better.why.startswith("loss gained 0.498 nat")
    assert better.limit == "a drop of at most 0.100 nat"


def test_outcomes_of_different_length_are_not_comparable():
    verdict = judge_quality([1.0, 0.0], [1.0], ACCURACY, 0.01)
    assert verdict.outcome == "not-comparable"
    assert "2 examples of the baseline, 1 of the candidate" in verdict.why
    assert judge_quality([], [], ACCURACY, 0.01).outcome == "not-comparable"


def test_one_example_is_inconclusive_without_a_number():
    verdict = judge_quality([0.5], [0.4], LOSS, 0.01)
    assert verdict.outcome == "inconclusive"
    assert "unbounded" in verdict.why
    assert verdict.channels["drop"]["high"] is None


def test_a_limit_of_nothing_can_fail_but_never_pass_an_equal_one():
    equal = judge_quality(*flipped(3000, 10, 10), ACCURACY, 0.0)
    assert equal.outcome == "inconclusive"
    assert equal.channels["drop"]["examples_needed"] is None
    assert judge_quality(*flipped(3000, 60, 10), ACCURACY, 0.0).outcome == "fail"


def test_outcomes_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        judge_quality([float("nan")], [1.0], ACCURACY, 0.01)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.integers(0, 60), st.integers(0, 60), st.floats(0, 0.1), st.floats(0, 0.1))
def test_a_wider_limit_is_never_worse_and_the_verdict_can_be_stored(n, lost, gained, limit, more):
    outcomes = flipped(n + lost + gained, lost, gained)
    one, other = (judge_quality(*outcomes, ACCURACY, each) for each in (limit, limit + more))
    order = ("fail", "inconclusive", "pass")
    assert order.index(other.outcome) >= order.index(one.outcome)
    report = GateReport("suite.yaml", "main", (CellVerdict("id", "cell", (one,)),))
    assert GateReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(("n", "flips"), [(200, 0.05), (500, 0.01), (500, 0.05), (1000, 0.02), (2000, 0.02)])
@pytest.mark.parametrize("limit", [0.0, 0.01])
def test_size_at_no_drop_and_at_a_drop_equal_to_the_limit(n, flips, limit):
    """20,000 candidates each; 1.1 % is 1 % and what so many exceed once in ten times."""
    for drop in (0.0, limit):
        chances = [(flips + drop) / 2, (flips - drop) / 2, 1 - flips]
        candidates = np.random.default_rng(3).multinomial(n, chances, 20000)
        drawn, times = np.unique(candidates, axis=0, return_counts=True)
        ends = {"fail": 0, "pass": 0, "inconclusive": 0}
        for (lost, gained, _), count in zip(drawn, times, strict=True):
            bounds = flip_bounds(int(gained), int(lost), n, 0.01)
            mirrored = Interval(-bounds.value, -bounds.high, -bounds.low, bounds.level, n, bounds.method)
            ends[outcome_of(mirrored, limit)] += int(count)
        assert ends["fail"] / 200 <= 1.1
        assert drop < limit or ends["pass"] / 200 <= 1.1
