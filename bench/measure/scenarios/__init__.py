"""MLPerf's scenarios: when queries are issued, and from when their latency counts. Pure: the clock is handed in."""

from bench.measure.scenarios.clock import IssueClock, SteadyClock, VirtualClock
from bench.measure.scenarios.issue import Issued, all_at_once, on_arrival, one_by_one, repeated
from bench.measure.scenarios.schedule import poisson
from bench.measure.scenarios.search import Found, highest_rate

__all__ = [
    "Found",
    "IssueClock",
    "Issued",
    "SteadyClock",
    "VirtualClock",
    "all_at_once",
    "highest_rate",
    "on_arrival",
    "one_by_one",
    "poisson",
    "repeated",
]
