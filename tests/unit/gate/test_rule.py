import json

import pytest

from bench.gate.rule import GateLimits, decide, smallest_change

LIMITS = GateLimits()


def test_equal_sides_pass_slower_ones_fail_and_few_launches_decide_nothing():
    assert decide([0.0] * 15, [0.0] * 15, LIMITS, 1).outcome == "pass"
    assert decide([0.03] * 15, [0.0] * 15, LIMITS, 1).outcome == "fail"
    assert decide([0.0] * 15, [0.05] * 15, LIMITS, 1).outcome == "fail"
    assert decide([0.03], [0.03], LIMITS, 1).outcome == "inconclusive"
    assert decide([], [], LIMITS, 1).channels["floor"].value is None


def test_carried_launches_count_like_new_ones():
    once = decide([0.01, 0.02], [0.0, 0.01], LIMITS, 3)
    again = decide([0.03], [0.02], LIMITS, 3, carried=json.loads(json.dumps(once.evidence)))
    assert again == decide([0.01, 0.02, 0.03], [0.0, 0.01, 0.02], LIMITS, 3)


def test_limits_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="floor: expected fail limit < pass limit"):
        GateLimits(floor_fail=0.03)
    with pytest.raises(ValueError, match="alpha"):
        GateLimits(alpha=0)


def test_the_smallest_change_falls_with_launches():
    assert smallest_change(0.005, 3, LIMITS, 1) is None
    assert smallest_change(0.005, 20, LIMITS, 1) < smallest_change(0.005, 12, LIMITS, 1)
