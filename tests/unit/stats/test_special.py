import pytest

from bench.stats.special import normal_quantile, student_quantile, student_two_sided


@pytest.mark.parametrize(
    ("level", "df", "t"),
    [  # Abramowitz & Stegun (1964), table 26.10
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 7, 2.365),
        (0.99, 4, 4.604),
        (0.995, 5, 4.773),
        (0.9, 30, 1.697),
        (0.95, 120, 1.980),
    ],
)
def test_student_table(level, df, t):
    assert student_quantile(level, df) == pytest.approx(t, abs=6e-4)
    assert student_two_sided(student_quantile(level, df), df) == pytest.approx(level)


def test_many_degrees_of_freedom_are_normal():
    assert student_quantile(0.95, 999) == pytest.approx(student_quantile(0.95, 2000), rel=2e-3)
    assert student_quantile(0.95, 2000) == pytest.approx(normal_quantile(0.975))
