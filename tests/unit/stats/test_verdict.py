import pytest

from bench.stats import Interval, verdict


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "said"),
    [
        (0.5, 0.6, True, "better"),
        (0.5, 0.6, False, "worse"),
        (1.1, 1.2, True, "worse"),
        (1.1, 1.2, False, "better"),
        (0.9, 1.1, True, "tie"),
        (1.0, 1.1, True, "tie"),
        (0.9, 1.0, False, "tie"),
        (0.0, float("inf"), True, "tie"),
    ],
)
def test_verdict(low, high, lower_is_better, said):
    assert verdict(Interval((low + high) / 2, low, high, 0.95, 8, "t"), lower_is_better) == said
