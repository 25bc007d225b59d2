"""Joules of a device that has no counter: its watts, declared by whoever runs it, times the seconds of the window."""

from __future__ import annotations

import time
from collections.abc import Callable

import bench

KIND = "declared"
UNDECLARED = "no watts are declared: there is no default. Say `declared: {{watts: …, source: …}}`; {gone} is missing"


class DeclaredMeter:
    """Turns seconds into estimated joules; whatever the device did meanwhile, its watts are the same."""

    def __init__(
        self,
        watts: float | None,
        source: str,
        *,
        factor: float,
        domain: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._watts, self._source, self._factor, self._domain, self._clock = watts, source, factor, domain, clock

    def available(self) -> str | None:
        """Return None when watts and their source are declared, else what is missing."""
        gone = [name for name, each in (("watts", self._watts), ("source", self._source.strip())) if not each]
        return UNDECLARED.format(gone=" and ".join(gone)) if gone else None

    def start(self) -> float:
        """Open a window and return the monotonic seconds when it was."""
        return self._clock()

    def stop(self, token: float) -> bench.Reading:
        """Close a window. The interval is the value times and divided by the stated factor."""
        if why := self.available():
            return bench.Reading.missing("J", why)
        assert self._watts is not None
        window_s = self._clock() - token
        joules = self._watts * window_s
        return bench.Reading(
            unit="J",
            class_="estimated",
            value=joules,
            low=joules / self._factor,
            high=joules * self._factor,
            n=1,
            meter=KIND,
            facts={
                "kind": KIND,
                "meter_version": bench.__version__,
                "domains": [self._domain],
                "period_s": time.get_clock_info("perf_counter").resolution,
                "window_s": window_s,
                "n_windows": 1,
                "n_invalid": 0,
                # The whole device is charged: nobody else is supposed to compute on it.
                "share": 1.0,
                "steal": None,
                "uncertainty": {"total_j": joules * (self._factor - 1), "model_j": joules * (self._factor - 1)},
                "coefficients": {"watts": self._watts, "factor": self._factor, "source": self._source},
            },
        )
