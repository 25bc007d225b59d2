"""The submission checker: records and folders in, findings out. Nothing here measures, and nothing is believed."""

from bench.validate.check import Report, check
from bench.validate.finding import Finding

__all__ = ["Finding", "Report", "check"]
