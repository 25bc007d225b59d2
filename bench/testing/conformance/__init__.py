"""Conformance: what every backend must keep, as checks that a plugin's tests and `bench check` run.

A check judges outputs, errors and processor time, never wall time: a busy machine changes no verdict.

    from bench.testing.conformance import CHECKS, check_backend, judge
"""

from bench.testing.conformance.kit import CHECKS, check_backend, judge
from bench.testing.conformance.subject import Case, Finding, NotKept, NotTested, Report, Subject, subject_of

__all__ = [
    "CHECKS",
    "Case",
    "Finding",
    "NotKept",
    "NotTested",
    "Report",
    "Subject",
    "check_backend",
    "judge",
    "subject_of",
]
