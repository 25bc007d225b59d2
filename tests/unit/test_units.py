import math

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bench.units import DIMENSIONS, EXAMPLES, UNITS, format_quantity, format_with_interval, parse_quantity

STEADY = settings(deadline=None, derandomize=True)

SHOWN = {"s": "time", "J": "energy", "W": "power", "B": "bytes", "FLOP": "flops", "count": "count", "%": "fraction"}


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("30 ms", "time", 0.03),
        ("15min", "time", 900.0),
        ("1.5 h", "time", 5400.0),
        ("250 us", "time", 250e-6),
        ("250 µs", "time", 250e-6),
        ("250 μs", "time", 250e-6),
        ("20 MB", "bytes", 2e7),
        ("3 MiB", "bytes", 3 * 2**20),
        ("8 KB", "bytes", 8000.0),
        ("1.0 pp", "fraction", 0.01),
        ("2%", "fraction", 0.02),
        ("-0.5 pp", "fraction", -0.005),
        ("5 mJ", "energy", 0.005),
        ("5 MJ", "energy", 5e6),
        ("1 mWh", "energy", 3.6),
        ("3 W", "power", 3.0),
        ("1.2e3 mW", "power", 1.2),
        (".5 s", "time", 0.5),
        (" 7. s ", "time", 7.0),
        ("3.5 M", "count", 3.5e6),
        ("12", "count", 12.0),
        ("2 GFLOPs", "flops", 2e9),
    ],
)
def test_reads_what_people_write(text, dimension, value):
    assert parse_quantity(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("30", "time", "the unit is missing: expected a time like '30 ms'; units: s, ns"),
        ("30 MB", "time", "'MB' is not a unit of time: expected a time like '30 ms'"),
        ("20 mb", "bytes", "unknown unit 'mb' (did you mean 'MB'?)"),
        ("5 foo", "energy", "unknown unit 'foo': expected an energy like '5 mJ'; units: J"),
        ("5 M", "time", "'M' is only a prefix"),
        ("fast", "time", "expected a time like '30 ms', not 'fast'"),
        ("", "time", "expected a time"),
        ("1,000 ms", "time", "expected a time"),
        ("1 2 s", "time", "expected a time"),
        ("inf s", "time", "expected a time"),
        ("nan s", "time", "expected a time"),
        ("1e999 s", "time", "too large"),
        ("٣ s", "time", "expected a time"),
        ("1" * 200 + " s", "time", "expected a time"),
    ],
)
def test_says_what_was_expected(text, dimension, message):
    with pytest.raises(ValueError) as caught:
        parse_quantity(text, dimension)
    assert message in str(caught.value)


@STEADY
@given(st.text(max_size=200), st.sampled_from(DIMENSIONS))
def test_any_text_is_a_finite_number_or_a_value_error(text, dimension):
    try:
        assert math.isfinite(parse_quantity(text, dimension))
    except ValueError as error:
        assert EXAMPLES[dimension] in str(error)


@STEADY
@given(
    st.floats(-1e6, 1e6), st.sampled_from([(d, u) for d in DIMENSIONS for u in UNITS[d]]), st.sampled_from(["", " "])
)
def test_every_unit_scales_by_its_factor(number, pair, gap):
    dimension, unit = pair
    text = f"{number!r}{gap}{unit}"
    assert parse_quantity(text, dimension) == pytest.approx(number * UNITS[dimension][unit], rel=1e-12)


@STEADY
@given(st.floats(1e-9, 1e15), st.sampled_from(sorted(SHOWN)))
@example(999.96e-6, "s")
@example(119.99, "s")
def test_round_trip_within_three_digits(value, unit):
    again = parse_quantity(format_quantity(value, unit), SHOWN[unit])
    assert again == pytest.approx(value, rel=0.00501, abs=0.005 if unit in ("B", "FLOP", "count") else 0)


@STEADY
@given(st.floats(1e-8, 1e12), st.floats(1e-6, 0.9), st.sampled_from(["s", "J", "W"]))
def test_interval_is_rounded_to_two_digits_of_its_half_width(value, share, unit):
    half = value * share
    shown, width = format_with_interval(value, value - half, value + half, unit).split(" ± ")
    factor = parse_quantity("1 " + shown.split(" ")[1], SHOWN[unit])
    read = float(width) * factor
    assert read == pytest.approx(half, rel=0.051)
    assert parse_quantity(shown, SHOWN[unit]) == pytest.approx(value, abs=half * 0.0501)
    assert len(width.replace(".", "").lstrip("0").rstrip("0")) <= 2
    decimals = [len(each.partition(".")[2]) for each in (shown.split(" ")[0], width)]
    assert decimals[0] == decimals[1]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00321, "s", "3.21 ms"),
        (0.99996e-3, "s", "1.00 ms"),
        (90, "s", "90.0 s"),
        (900, "s", "15.0 min"),
        (0, "s", "0 s"),
        (-0.004, "J", "-4.00 mJ"),
        (12, "B", "12 B"),
        (5_000_000, "B", "5.00 MB"),
        (3.3e6, "count", "3.30 M"),
        (0.5, "1", "0.500"),
        (0.02, "%", "2.00%"),
        (0.01, "pp", "1.00 pp"),
        (1234, "furlong", "1230 furlong"),
    ],
)
def test_shows_a_fitting_prefix(value, unit, text):
    assert format_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (0.00321, 0.00316, 0.00326, "s", "3.21 ms ± 0.05"),
        (0.00321, 0.003199, 0.003221, "s", "3.210 ms ± 0.011"),
        (0.52, 0.51, 0.53, "1", "0.52 ± 0.01"),
        (0.9, 0.85, 0.91, "1", "0.90 ± 0.05"),
        (5, 5, 5, "B", "5 B"),
        (0.01, None, None, "s", "10.0 ms"),
        (3, 1, math.inf, "s", "3.00 s ± ∞"),
        (0, -0.001, 0.001, "%", "0.0% ± 0.1"),
        (1500, 1100, 1900, "1", "1500 ± 400"),
    ],
)
def test_shows_value_and_half_width(value, low, high, unit, text):
    assert format_with_interval(value, low, high, unit) == text


@STEADY
@given(st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_not_finite_is_not_shown_as_a_number(value):
    with pytest.raises(ValueError, match="cannot show"):
        format_quantity(value, "s")


@STEADY
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e300), st.sampled_from(["s", "B", "1", "x"]))
def test_formatting_never_fails_on_finite_numbers(value, half, unit):
    assume(math.isfinite(value + half) and math.isfinite(value - half))
    assert 0 < len(format_quantity(value, unit)) < 40
    assert 0 < len(format_with_interval(value, value - half, value + half, unit)) < 60
