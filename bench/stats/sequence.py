"""An anytime-valid interval for the log-ratio of two artifacts, from one number a launch.

The noise of a paired log-ratio is log(noise of B) - log(noise of A), and is symmetric about the true log-ratio when the
two sides' noise may be swapped without a change of law, whatever the law. That symmetry is all that is assumed: no
Gaussian, no known scale, no equal scale across launches. Under it a residual's sign is a fair coin given its size, so

    E = sum over scales c of w_c * product over launches of (1 + b tanh((x - m) / c))

is a test martingale at the true centre m, and a supermartingale for every centre below m; by Ville's inequality it
reaches 1/alpha with probability at most alpha, however often it is looked at. Inverting it towards both sides at
alpha / 2 gives the interval. tanh saturates, so that one launch gone wrong counts like a mild one (robustness) and a
bounded bet can be lost without ruin.

Sources: Efron (1969), Student's t-test under symmetry conditions; de la Pena (1999), exponential inequalities for
self-normalised martingales; Robbins (1970), mixtures; Ramdas, Ruf, Larsson, Koolen (2020), admissible anytime-valid
inference (betting on symmetric laws); Vovk and Wang (2024), nonparametric e-tests of symmetry; Howard et al. (2021),
confidence sequences. Rivals and figures: docs/decisions/0002-confidence-sequence.md.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from bench.stats.interval import Floats, Interval, Numbers, as_floats, check_level
from bench.stats.special import student_quantile

Side = Literal["both", "greater", "less"]

# Fixed before any data are seen, on the natural-log scale: 0.0015 is 0.15 %. The prior leans to small scales, whose
# bets are nearly bets on the sign and close an interval soonest; the large ones gain precision as launches add up.
# The smallest scale is what a clock resolves (23 ns in a millisecond): no interval is sharper than it supports.
SCALES: Floats = np.array([0.0015 * 2.0**k for k in range(-6, 8)])
_WEIGHTS: Floats = np.exp(-0.5 * (np.log(SCALES / 0.0015) / 1.5) ** 2)
LOG_WEIGHTS: Floats = np.log(_WEIGHTS / _WEIGHTS.sum())
MAX_BET = 0.95
RESOLUTION = float(SCALES[0])
# With too few launches even the boldest bet cannot bound the centre: see `_few_launches`.
FEW_SHARE = 0.1


def launch_value(log_ratios: Numbers) -> float:
    """Return one launch's number: the median over its rounds of the natural log-ratio of block statistics.

    `log_ratios` has shape (rounds,). Rounds of one launch share its memory layout and are no independent units.
    """
    return float(np.median(as_floats(log_ratios, "log_ratios")))


def log_e_value(values: Numbers, null: float = 0.0, side: Side = "both") -> float:
    """Return the natural log of the e-value against centre `null` of the launches' log-ratios, shape (n,).

    `greater` tests "the centre is at most null" (evidence that it is greater), `less` the reverse, `both` the point
    null. Each is an e-process over launches: stop when it reaches log(1 / alpha), at any look. E-values of several
    cells may be averaged however the cells depend on one another.
    """
    residuals = as_floats(values, "values") - null
    if side == "both":
        return float(np.logaddexp(_log_mixture(residuals), _log_mixture(-residuals)) - math.log(2))
    return _log_mixture(residuals if side == "greater" else -residuals)


def confidence_sequence(values: Numbers, level: float = 0.95) -> Interval:
    """Return the interval for the centre of the launches' log-ratios, shape (n,), valid at every look.

    The interval does not depend on the order of the launches. It is unbounded with fewer than 2 of them. The value is
    their median. Below `launches_needed(level)` (6 at 95 %) no bounded interval holds for every symmetric noise, and
    a wide one for Gaussian noise stands in, method `few-launches-t`. Identical launches still give an interval about
    as wide as the clock's resolution.
    """
    check_level(level)
    array = as_floats(values, "values")
    if array.size < launches_needed(level):
        return _few_launches(array, level)
    threshold = math.log(2 / (1 - level))
    low, high = _lower_edge(array, threshold), -_lower_edge(-array, threshold)
    value = float(np.median(array))
    if low <= value <= high:
        return Interval(value, low, high, level, array.size, "symmetric-mixture")
    # The median is rejected as a centre of symmetry: the noise is skewed, and the median's own interval joins in.
    bounds = (low, high, *_sign_bounds(array, level))
    return Interval(value, min(bounds), max(bounds), level, array.size, "skewed-hull")


def ratio_interval(log_values: Numbers, level: float = 0.95) -> Interval:
    """Return the interval of the ratio itself: exp of `confidence_sequence`, so [0, inf] where that is unbounded."""
    return confidence_sequence(log_values, level).mapped(_exp)


def launches_needed(level: float) -> int:
    """Return the fewest launches that can bound the centre for every symmetric noise: 6 at 95 %, 9 at 99 %.

    All launches on one side must reach the threshold with some to spare, else the bound would be absurdly far.
    """
    return math.ceil(math.log(1.3 * 2 / (1 - level)) / math.log1p(MAX_BET))


def _log_mixture(residuals: Floats) -> float:
    """Log of the mixture's wealth after betting on positive residuals, shape (n,)."""
    logs = np.log1p(MAX_BET * np.tanh(residuals / SCALES[:, None])).sum(axis=1) + LOG_WEIGHTS
    top = logs.max()
    return float(top + math.log(np.exp(logs - top).sum()))


def _lower_edge(values: Floats, threshold: float) -> float:
    """Return the smallest centre not rejected in favour of greater ones; the wealth falls as the centre rises."""
    margin = 20 * float(SCALES[-1])
    low, high = float(values.min()) - margin, float(values.max()) + margin
    while high - low > 1e-9:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if _log_mixture(values - middle) >= threshold else (low, middle)
    return low


def _few_launches(values: Floats, level: float) -> Interval:
    """Student's interval at a tenth of the error: wide enough to be peeked at up to the launches needed."""
    n = values.size
    if n < 2:
        return Interval(float(values[0]), -math.inf, math.inf, level, n, "unbounded")
    spread = max(float(values.std(ddof=1)), RESOLUTION)
    half = student_quantile(1 - FEW_SHARE * (1 - level), n - 1) * spread / math.sqrt(n)
    centre = float(values.mean())
    value = min(max(float(np.median(values)), centre - half), centre + half)
    return Interval(value, centre - half, centre + half, level, n, "few-launches-t")


def _sign_bounds(values: Floats, level: float) -> tuple[float, float]:
    """Return the interval of the median from signs alone, whatever the noise.

    Inverts the Beta(1, 1) mixture 2^n B(s + 1, n - s + 1), an e-process for any noise with that median.
    """
    n, ordered = values.size, np.sort(values)
    cut = -1
    while 2 * (cut + 1) < n and _log_sign_e(cut + 1, n) >= -math.log(1 - level):
        cut += 1
    return (float(ordered[cut]), float(ordered[n - 1 - cut])) if cut >= 0 else (-math.inf, math.inf)


def _log_sign_e(successes: int, n: int) -> float:
    beta = math.lgamma(successes + 1) + math.lgamma(n - successes + 1) - math.lgamma(n + 2)
    return n * math.log(2) + beta


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf
