"""A meter's lines: read strictly, and energy between two moments that is never outside what the lines allow."""

import math

import pytest
from bench_power.lines import BadLines, Line, energy_between, parse
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 1e6)), max_size=20), st.binary(max_size=20))
def test_what_is_printed_is_what_is_read(steps, unfinished):
    at, joules, text, said = 1.7e9, 0.0, "", []
    for step_s, step_j in steps:
        at, joules = round(at + step_s, 6), round(joules + step_j, 6)
        text += f"{at:.6f} {joules:.6f}\n"
        said.append((at, joules))
    read = parse(text.encode() + unfinished.replace(b"\n", b""))
    assert [(line.at_s, line.joules) for line in read] == said
    assert all(line.step_j == pytest.approx(1e-6) for line in read)


@given(st.binary(max_size=60))
def test_anything_else_is_refused_or_read_never_guessed(output):
    try:
        lines = parse(output + b"\n")
    except BadLines:
        return
    for line, raw in zip(lines, (output + b"\n").split(b"\n"), strict=False):
        assert [line.at_s, line.joules] == [float(word) for word in raw.split()]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ready\n", "line 1 is 'ready': expected <unix seconds> <joules>"),
        ("\n", "line 1 is ''"),
        ("1 2\n2 nan\n", "line 2 is '2 nan'"),
        ("1 inf\n", "expected"),
        ("1 -2\n", "expected"),
        ("1 2 3\n", "expected"),
        ("1,5 2\n", "expected"),
        ("1 1_000\n", "expected"),
        ("1 1e999\n", "too large"),
        ("2 5\n1 6\n", r"line 2: time went from 2\.0 to 1\.0"),
        ("1 5\n1 6\n", "time went"),
        ("1 5\n2 4\n", "joules fell from 5 to 4"),
        ("1 " + "9" * 200 + "\n", "expected"),
        ("\u0661 \u0662\n", "expected"),
    ],
)
def test_a_broken_line_says_which_and_how(text, reason):
    with pytest.raises(BadLines, match=reason):
        parse(text.encode())


@pytest.mark.parametrize(("text", "step_j"), [("1 5\n", 1), ("1 5.25\n", 0.01), ("1 5.2e3\n", 100), ("1 5e-2\n", 0.01)])
def test_the_meters_step_is_its_last_digit(text, step_j):
    assert parse(text.encode())[0].step_j == pytest.approx(step_j)


def meter(power, seconds, period_s=1.0, begin_s=1000.0):
    """Lines of a load given as watts by second; between them the energy is known here."""
    lines, joules = [Line(begin_s, 0.0)], 0.0
    for i in range(round(seconds / period_s)):
        joules += power(i * period_s) * period_s
        lines.append(Line(begin_s + (i + 1) * period_s, joules))
    return lines


@given(st.floats(0, 3), st.floats(10, 50), st.floats(1, 300))
def test_constant_power_is_exact(start, length, watts):
    found = energy_between(meter(lambda t: watts, 60), 1000 + start, 1000 + start + length, period_s=1.0)
    assert found.joules == pytest.approx(watts * length, rel=1e-6)
    assert found.period_s == pytest.approx(1.0)
    assert found.edges_j <= 2 * watts * 1.001


@given(st.lists(st.floats(0, 100), min_size=12, max_size=12), st.floats(0.01, 2), st.floats(4, 9), st.booleans())
def test_the_truth_is_within_what_is_stated(powers, start, length, limited):
    """A load that changes every half a second, metered every second."""
    lines = meter(lambda t: (powers[round(2 * t) % 12] + powers[(round(2 * t) + 1) % 12]) / 2, 12)
    spread = [powers[i % 12] for i in range(24)]

    def energy(t):
        whole = int(t * 2)
        return sum(spread[:whole]) / 2 + (t - whole / 2) * spread[whole]

    found = energy_between(lines, 1000 + start, 1000 + start + length, period_s=1.0, limit_w=100 if limited else None)
    assert abs(found.joules - (energy(start + length) - energy(start))) <= found.edges_j + 1e-6


def test_a_stated_limit_narrows_the_edges():
    lines = meter(lambda t: 50.0, 60)
    wide, narrow = (energy_between(lines, 1000.01, 1059.99, period_s=1.0, limit_w=limit) for limit in (None, 100.0))
    assert wide.joules == narrow.joules
    assert narrow.edges_j < 0.05 * wide.edges_j


@pytest.mark.parametrize(
    ("lines", "options", "reason"),
    [
        ([], {}, "no line came before"),
        (meter(lambda t: 5.0, 10, begin_s=1002.0), {}, "no line came before"),
        (meter(lambda t: 5.0, 8), {}, "late lines"),
        (meter(lambda t: 5.0, 12, period_s=4.0), {}, "nothing was printed for 4 s"),
        (meter(lambda t: 5.0, 12), {"limit_w": 4.0}, "above 1.2 times the limit"),
    ],
)
def test_a_broken_promise_makes_no_value(lines, options, reason):
    with pytest.raises(BadLines, match=reason):
        energy_between(lines, 1001.0, 1010.0, period_s=1.0, **options)


def test_a_moment_on_a_line_is_known_exactly():
    found = energy_between(meter(lambda t: 5.0, 12), 1001.0, 1010.0, period_s=1.0, limit_w=math.inf)
    assert (found.joules, found.edges_j) == (45.0, 0.0)


@pytest.mark.parametrize(
    ("start_s", "limit_w", "edges_j"), [(0.1, None, 9.0), (0.9, None, 9.0), (0.5, None, 5.0), (0.1, 10.0, 1.0)]
)
def test_between_two_lines_all_may_come_first_or_last(start_s, limit_w, edges_j):
    lines = [Line(0, 0), Line(1, 10), Line(2, 20)]
    found = energy_between(lines, start_s, 2.0, period_s=1.0, limit_w=limit_w)
    assert found.edges_j == pytest.approx(edges_j)
