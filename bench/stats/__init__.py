"""Pure statistics: intervals for ratios, quantiles, means and paired outcomes. numpy and the standard library only."""

from bench.stats.interval import Interval
from bench.stats.median import median_interval
from bench.stats.onesided import log_e_beyond
from bench.stats.paired import examples_needed, flip_bounds, paired_bounds
from bench.stats.prediction import prediction_interval, widened
from bench.stats.proportion import flips, mean_interval, paired_difference, wilson
from bench.stats.quantile import clustered_quantile, quantile_support
from bench.stats.sequence import confidence_sequence, launch_value, log_e_value, ratio_interval
from bench.stats.verdict import Verdict, verdict

__all__ = [
    "Interval",
    "Verdict",
    "clustered_quantile",
    "confidence_sequence",
    "examples_needed",
    "flip_bounds",
    "flips",
    "launch_value",
    "log_e_beyond",
    "log_e_value",
    "mean_interval",
    "median_interval",
    "paired_bounds",
    "paired_difference",
    "prediction_interval",
    "quantile_support",
    "ratio_interval",
    "verdict",
    "widened",
    "wilson",
]
