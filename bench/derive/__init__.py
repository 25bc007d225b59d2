"""From samples to readings, ratios and verdicts: pure, so that a checker can derive them again."""

from bench.derive.comparison import Derived, derive_comparison
from bench.derive.quality import derive_quality
from bench.derive.ratios import Stop, tight_enough
from bench.derive.size import compressed_bytes

__all__ = ["Derived", "Stop", "compressed_bytes", "derive_comparison", "derive_quality", "tight_enough"]
