"""The meter of last resort: power sampled by a process of its own, where nothing counts energy."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.measure.energy import polling
from bench.measure.energy.clock import Clock, Instant, SystemClock, jump_s
from bench.measure.energy.closing import lost_reading
from bench.measure.energy.period import Period
from bench.measure.energy.samples import Integral, Samples, integrate
from bench.measure.energy.sharing import Load, LoadProbe, shares
from bench.measure.energy.sources import PowerSource
from bench.measure.energy.uncertainty import Uncertainty
from bench.measure.energy.window import Provenance
from bench.measure.energy.wrap import InvalidWindow
from bench.reading import Reading
from bench.stats.special import normal_quantile

HIGHEST_HZ = 20.0
SHORTEST_S = 30.0  # below it the interval is wide and the scatter itself uncertain: the reading is suspect
ANSWER_S = 20.0  # a loaded machine may take seconds to start Python
USUAL_SCATTER = 0.3  # relative, of power from sample to sample, where a window length is asked for beforehand


@dataclass(frozen=True)
class Sampling:
    """An open window: its sampler process and when it was opened."""

    process: subprocess.Popen[str]
    opened: Instant
    failed: str | None = None
    load: Load | None = None


class SampledMeter:
    """Joules from power samples, at most 20 a second and jittered, taken by one process per window.

    Sources must not overlap: their sum is the reading. They are handed to the sampler pickled, so a source is a small
    object of an importable class which opens its sensor at the first read. The reading has kind "power"; between the
    samples nothing is known, and the uncertainty says how much that may be. `load` reads whose work the processor did,
    for sensors that the whole machine shares.
    """

    def __init__(
        self,
        sources: Sequence[PowerSource],
        *,
        name: str,
        version: str,
        rate_hz: float = 10.0,
        clock: Clock | None = None,
        seed: int | None = None,
        load: LoadProbe | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0 < rate_hz <= HIGHEST_HZ:
            raise BenchError(
                f"rate_hz must lie between 0 and {HIGHEST_HZ:g}, not {rate_hz!r}",
                cure="sensors refresh no faster, and sampling faster costs more of the processor it measures",
            )
        self.sources, self._name, self._version = tuple(sources), name, version
        self._interval_s, self._clock, self._seed = 1 / rate_hz, clock or SystemClock(), seed
        self._load, self._facts = load, dict(facts or {})

    def available(self) -> str | None:
        """Return None when every source can be read here, else the reason."""
        if not self.sources:
            return f"{self._name} has no power sensor here"
        for source in self.sources:
            try:
                source.read_w()
            except OSError as error:
                return f"{source.name} cannot be read: {error}"
        return None

    def period_s(self) -> float:
        """Return the mean time between samples."""
        return self._interval_s

    def window_s(self, precision: float) -> float:
        """Return the window that a relative half-width of `precision` takes, at a scatter of 30 % between samples."""
        samples = (normal_quantile(0.975) * USUAL_SCATTER / precision) ** 2
        return max(SHORTEST_S, samples * self._interval_s)

    def start(self) -> Sampling:
        """Start a sampler, wait until it has its first sample, open the window. Windows may overlap."""
        seed = random.SystemRandom().randrange(2**32) if self._seed is None else self._seed
        asked = polling.orders(self.sources, self._interval_s, seed)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.measure.energy.polling"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the run, which closes the window
        )
        assert process.stdin is not None and process.stdout is not None
        failed = None
        try:
            process.stdin.write(asked)
            process.stdin.flush()
            failed = _not_ready(process.stdout.readline())
        except OSError as error:
            failed = f"the sampler did not start: {error}"
        return Sampling(process, Instant.of(self._clock), failed, self._load.read() if self._load else None)

    def guard(self, token: Sampling) -> Sampling:
        """Return the token: a sampler watches by itself."""
        return token

    def stop(self, token: Sampling) -> Reading:
        """Close the window, end its sampler and return its joules; unavailable, with the reason, when it is invalid."""
        closed = Instant.of(self._clock)
        whose = shares(token.load, self._load.read() if self._load else None)
        answer = _answer(token.process)
        try:
            if token.failed:
                raise InvalidWindow(token.failed)
            if jump := jump_s(token.opened, closed):
                raise InvalidWindow(
                    f"the clocks parted by {jump:.3g} s: the machine was suspended, or its clock was set"
                )
            return self.reading(_samples(answer), token.opened.now_s, closed.now_s, whose)
        except InvalidWindow as error:
            domains = tuple(source.domain for source in self.sources)
            whence = Provenance(self._name, self._version, "power", domains, domains, self._facts)
            period = Period(self._interval_s, self._interval_s / 2, self._interval_s * 1.5)
            return lost_reading(whence, str(error), [period], closed.now_s - token.opened.now_s)

    def reading(
        self, samples: Samples, start_s: float, stop_s: float, whose: Mapping[str, float | None] | None = None
    ) -> Reading:
        """Turn samples into a reading of the window between two times. Raises InvalidWindow."""
        found = [
            integrate(samples, column, source, start_s=start_s, stop_s=stop_s, interval_s=self._interval_s)
            for column, source in enumerate(self.sources)
        ]
        value = math.fsum(each.joules for each in found)
        doubt = sum((each.uncertainty for each in found), Uncertainty())  # as if they erred together: the worst
        window_s = stop_s - start_s
        short = window_s < SHORTEST_S
        return Reading(
            unit="J",
            class_="measured",
            value=value,
            low=value - doubt.total_j,
            high=value + doubt.total_j,
            n=1,
            meter=self._name,
            verdict="suspect" if short else "valid",
            reasons=(f"sampled power over {window_s:.3g} s: at least {SHORTEST_S:g} s are needed",) if short else (),
            facts={
                "kind": "power",
                "meter_version": self._version,
                "domains": [source.domain for source in self.sources],
                "by_domain": _by_domain(self.sources, found),
                "period_s": self._interval_s,
                "window_s": window_s,
                "n_windows": 1,
                "n_invalid": 0,
                **(whose or shares(None, None)),
                "uncertainty": doubt.facts(),
                "sampling": _how_it_went(samples),
                **self._facts,
            },
        )


def _not_ready(line: str) -> str | None:
    if line.strip() == polling.READY:
        return None
    try:
        return str(json.loads(line)["error"])
    except (ValueError, KeyError):
        return "the sampler ended before its first sample"


def _answer(process: subprocess.Popen[str]) -> str:
    """Close the sampler's input and take its last words; one that does not answer is ended."""
    try:
        return process.communicate(timeout=ANSWER_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _samples(answer: str) -> Samples:
    try:
        brought = json.loads(answer)
        return Samples.of(brought["rows"], brought["cpu_s"])
    except (ValueError, KeyError, TypeError):
        raise InvalidWindow("the sampler ended without an answer") from None


def _by_domain(sources: Sequence[PowerSource], found: Sequence[Integral]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for source, integral in zip(sources, found, strict=True):
        sums[source.domain] = sums.get(source.domain, 0.0) + integral.joules
    return sums


def _how_it_went(samples: Samples) -> dict[str, float]:
    """How the sampler itself fared: samples, how late it woke, what it cost in CPU seconds."""
    return {
        "n": float(samples.at_s.size),
        "late_p50_s": float(np.median(samples.late_s)),
        "late_max_s": float(samples.late_s.max()),
        "cpu_s": samples.cpu_s,
    }
