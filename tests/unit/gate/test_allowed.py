"""What is allowed becomes the rule's limits; what is accepted becomes a warning, and no more than that."""

import datetime
import math

import pytest

from bench.errors import BenchError, ConfigError
from bench.gate.allowed import accept, check_cells, check_expired, latency_text, limits_of
from bench.gate.paired import decide_growth, memory_ratio
from bench.gate.rule import GateLimits
from bench.gate.verdicts import MetricVerdict
from bench.suite.gating import Acceptance, Allowance, Gating

DAY = datetime.date(2027, 1, 31)
ACCEPT = Acceptance("all", "latency", "known", DAY, ("b.yaml", 3, 5))


def test_the_house_s_limits_hold_unless_a_budget_says_otherwise() -> None:
    assert limits_of(Gating()) == GateLimits()
    assert limits_of(Gating(alpha=0.05)).alpha == 0.05
    assert latency_text(Gating()) == "fails beyond +0.5%, passes below +2.0%"


def test_a_budget_of_one_number_parts_good_from_bad() -> None:
    limits = limits_of(Gating((Allowance("latency", "growth", 0.02, "+2 %"),)))
    assert limits.floor_fail == 0.02
    assert limits.floor_pass == pytest.approx(0.02, abs=1e-5)
    assert limits.floor_fail < limits.floor_pass
    assert (limits.work_fail, limits.work_pass) == pytest.approx((0.025, 0.03), abs=1e-5)
    band = limits_of(Gating((Allowance("latency", "band", 0.01, "", 0.03),)))
    assert (band.floor_fail, band.floor_pass, band.work_fail, band.work_pass) == pytest.approx(
        (0.01, 0.03, 0.015, 0.04)
    )


@pytest.mark.parametrize(
    ("metric", "outcome", "after"),
    [
        ("latency", "fail", "warn"),
        ("creep:latency", "fail", "warn"),
        ("latency", "not-comparable", "warn"),
        ("latency", "inconclusive", "inconclusive"),
        ("latency", "pass", "pass"),
        ("size", "fail", "fail"),
    ],
)
def test_a_failure_is_accepted_and_nothing_else(metric: str, outcome: str, after: str) -> None:
    verdict = MetricVerdict(metric, "paired", outcome, "")  # type: ignore[arg-type]
    found, by = accept(verdict, [ACCEPT], lambda words: True)
    assert (found.outcome, by) == (after, ACCEPT if after == "warn" else None)
    assert accept(verdict, [ACCEPT], lambda words: False) == (verdict, None)


def test_the_last_day_counts() -> None:
    check_expired([ACCEPT], DAY)
    with pytest.raises(ConfigError, match="known") as caught:
        check_expired([ACCEPT], DAY + datetime.timedelta(days=1))
    assert (caught.value.file, caught.value.line, caught.value.column) == ("b.yaml", 3, 5)


def test_an_acceptance_of_nothing_is_a_mistake_with_its_place() -> None:
    def unknown(words: str) -> bool:
        raise BenchError("unknown key")

    for known in (lambda words: False, unknown):
        with pytest.raises(ConfigError) as caught:
            check_cells([ACCEPT], known)
        assert caught.value.line == 3
    check_cells([ACCEPT], lambda words: True)


def test_peaks_that_are_not_resolved_are_alike() -> None:
    assert memory_ratio(200_000, 1) == 0
    assert memory_ratio(2e6, 10) == pytest.approx(0.6931, abs=1e-3)


@pytest.mark.parametrize(("ratio", "outcome"), [(0.0, "pass"), (0.2, "fail"), (math.log1p(0.05), "inconclusive")])
def test_memory_is_decided_by_launches(ratio: float, outcome: str) -> None:
    assert decide_growth([], 0.05, 0.01, 5) == "inconclusive"
    assert decide_growth([ratio], 0.05, 0.01, 5) == "inconclusive"
    assert decide_growth([ratio] * 15, 0.05, 0.01, 5) == outcome
