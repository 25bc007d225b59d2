import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate.rule import CHANNELS, GateLimits, decide, fail_threshold, judge, log_e_paths, smallest_change

LIMITS = GateLimits()
logs = st.lists(st.floats(-0.2, 0.2, allow_nan=False), min_size=1, max_size=14)
ORDER = ("pass", "inconclusive", "fail")


def shares(floor, work, comparisons=1, descheduled=False):
    """Percent of the columns that fail and that pass, looked at after every launch until a verdict."""
    paths = {name: log_e_paths(each, *LIMITS.of(name)) for name, each in zip(CHANNELS, (floor, work), strict=True)}
    log_fail, log_pass = ({name: each[side] for name, each in paths.items()} for side in (0, 1))
    failed, passed = judge(log_fail, log_pass, LIMITS.alpha, comparisons, np.array(descheduled))
    decided = failed | passed
    first = decided.argmax(axis=0), np.arange(decided.shape[1])
    return 100 * float(failed[first].mean()), 100 * float(passed[first].mean())


def noisy(sd, seed, shape=(40, 4000)):
    return sd * np.random.default_rng(seed).standard_normal(shape)


def test_equal_sides_pass_slower_ones_fail_and_few_launches_decide_nothing():
    assert decide([0.0] * 15, [0.0] * 15, LIMITS, 1).outcome == "pass"
    assert decide([0.03] * 15, [0.0] * 15, LIMITS, 1).outcome == "fail"
    assert decide([0.0] * 15, [0.05] * 15, LIMITS, 1).outcome == "fail"
    assert decide([0.03] * 5, [0.03] * 5, LIMITS, 1).outcome == "inconclusive"
    assert decide([-0.3] * 15, [-0.3] * 15, LIMITS, 1).outcome == "pass"


def test_nothing_measured_decides_nothing():
    decision = decide([], [], LIMITS, 1)
    assert decision.outcome == "inconclusive"
    floor = decision.channels["floor"]
    assert (floor.value, floor.low, floor.high, floor.launches, floor.log_e_fail) == (None, None, None, 0, 0.0)
    assert decide([0.0] * 15, [], LIMITS, 1).outcome == "inconclusive"


def test_channels_say_the_ratio_with_its_interval():
    floor = decide([0.0199, 0.0198, 0.0197] * 4, [0.02], LIMITS, 1).channels["floor"]
    assert floor.launches == 12
    assert floor.low < floor.value < floor.high
    assert floor.value == pytest.approx(1.02, abs=1e-3)
    work = decide([0.02], [0.02], LIMITS, 1).channels["work"]
    assert (work.low, work.high) == (0.0, None)  # one launch bounds nothing


@pytest.mark.parametrize("sd", [0.003, 0.006, 0.015])
def test_the_level_at_the_limit_holds_under_peeking(sd):
    floor, work = math.log1p(0.005) + noisy(sd, 1), math.log1p(0.01) + noisy(sd, 2)
    # 1 % claimed over both channels; 1.4 % is what 4,000 sequences exceed once in a hundred times at 1 %.
    assert shares(floor, work)[0] <= 1.4


@pytest.mark.parametrize("sd", [0.003, 0.006, 0.015])
def test_what_is_at_the_pass_limit_hardly_passes(sd):
    assert shares(math.log1p(0.02) + noisy(sd, 1), noisy(sd, 2))[1] <= 1.4
    assert shares(noisy(sd, 1), math.log1p(0.03) + noisy(sd, 2))[1] <= 1.4


def test_power_on_calm_noise():
    calm = (12, 2000)
    assert shares(0.02 + noisy(0.005, 1, calm), 0.02 + noisy(0.01, 2, calm))[0] > 97
    assert shares(noisy(0.005, 1, calm), noisy(0.01, 2, calm))[1] > 93


def test_a_descheduled_floor_leaves_the_pass_to_work_unless_it_leans_towards_failing():
    floor, work = [0.0, 0.03, -0.03, 0.0] * 3, [0.0] * 12
    assert decide(floor, work, LIMITS, 1).outcome == "inconclusive"
    assert decide(floor, work, LIMITS, 1, descheduled=True).outcome == "pass"
    assert decide([0.012] * 6, work, LIMITS, 1, descheduled=True).outcome == "inconclusive"
    assert decide([0.03] * 12, work, LIMITS, 1, descheduled=True).outcome == "fail"
    assert decide([0.0] * 12, [], LIMITS, 1, descheduled=True).outcome == "inconclusive"


@settings(max_examples=30, deadline=None, derandomize=True)
@given(logs, logs, logs, logs)
def test_carried_evidence_is_that_of_both_parts(floor, work, more_floor, more_work):
    first = decide(floor, work, LIMITS, 3)
    carried = json.loads(json.dumps(first.evidence))
    again = decide(more_floor, more_work, LIMITS, 3, carried)
    assert again == decide(floor + more_floor, work + more_work, LIMITS, 3)
    assert decide([], [], LIMITS, 3, carried) == first


@settings(max_examples=30, deadline=None, derandomize=True)
@given(logs, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = decide(values, values, LIMITS, 1), decide(shuffled, shuffled, LIMITS, 1)
    for name in CHANNELS:
        assert one.channels[name].log_e_fail == pytest.approx(other.channels[name].log_e_fail, abs=1e-9)
        assert one.channels[name].log_e_pass == pytest.approx(other.channels[name].log_e_pass, abs=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs, logs, st.floats(0, 0.1), st.integers(1, 60), st.booleans())
def test_slower_is_never_judged_better(floor, work, added, comparisons, descheduled):
    slower = [each + added for each in floor]
    one = decide(floor, work, LIMITS, comparisons, descheduled=descheduled)
    other = decide(slower, work, LIMITS, comparisons, descheduled=descheduled)
    assert ORDER.index(other.outcome) >= ORDER.index(one.outcome)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(logs, logs, st.integers(1, 20), st.integers(0, 80))
def test_more_comparisons_only_make_failing_harder(floor, work, comparisons, more):
    one, other = decide(floor, work, LIMITS, comparisons), decide(floor, work, LIMITS, comparisons + more)
    assert not (other.outcome == "fail" and one.outcome != "fail")
    assert fail_threshold(0.01, comparisons) <= fail_threshold(0.01, comparisons + more)


def test_more_comparisons_need_more_launches():
    values = [0.03] * 10
    assert decide(values, values, LIMITS, 1).outcome == "fail"
    assert decide(values, values, LIMITS, 50).outcome == "inconclusive"


def test_limits_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="floor: expected fail limit < pass limit"):
        GateLimits(floor_fail=0.03)
    with pytest.raises(ValueError, match="alpha"):
        GateLimits(alpha=0)
    with pytest.raises(ValueError, match="comparisons"):
        decide([], [], LIMITS, 0)


def test_the_smallest_change_falls_with_launches_and_grows_with_noise_and_comparisons():
    assert smallest_change(0.005, 0, LIMITS, 1) is None
    assert smallest_change(0.005, 5, LIMITS, 1) is None
    few, many = smallest_change(0.01, 12, LIMITS, 1), smallest_change(0.01, 20, LIMITS, 1)
    assert LIMITS.floor_fail < many < few
    assert smallest_change(0.015, 20, LIMITS, 1) > many
    assert smallest_change(0.01, 20, LIMITS, 50) > many


def test_the_smallest_change_is_what_the_rule_finds():
    change = smallest_change(0.01, 15, LIMITS, 1)
    noise = noisy(0.01, 9, (15, 4000))
    assert 76 <= shares(math.log1p(change) + noise, np.zeros((15, 4000)))[0] <= 84
