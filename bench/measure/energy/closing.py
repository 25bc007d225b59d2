"""From closed windows to a reading, with everything a joule must carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench.measure.energy.clock import Clock
from bench.measure.energy.period import Period
from bench.measure.energy.sharing import Load, shares
from bench.measure.energy.sources import EnergySource, Traits
from bench.measure.energy.uncertainty import Uncertainty, stated
from bench.measure.energy.window import Provenance, Span, Window
from bench.reading import Reading

BATCH_S = 1e-3


def closed_reading(
    provenance: Provenance,
    sources: Sequence[EnergySource],
    token: Window,
    spans: Sequence[Span],
    ended_s: float,
    load: Load | None,
) -> Reading:
    """Return the joules of a window: each counter's mean power times one common length.

    Counters have their edges at different moments; the length is that of the first headline counter.
    """
    length = next(span.seconds for span, each in zip(spans, sources, strict=True) if each.domain in provenance.headline)
    by_domain: dict[str, float] = {}
    doubt = Uncertainty()
    for source, span, period in zip(sources, spans, token.periods, strict=True):
        scale = length / span.seconds
        by_domain[source.domain] = by_domain.get(source.domain, 0.0) + span.joules * scale
        if source.domain in provenance.headline:
            doubt += _doubt(source, span, period, token.ready_s, ended_s).scaled(scale)
    value = sum(by_domain[each] for each in provenance.headline)
    tau = max(each.tau_s for each in token.periods)
    facts = _facts(provenance, tau, length, n_invalid=0) | {
        "by_domain": by_domain,
        **shares(token.load, load),
        "uncertainty": doubt.facts(),
    }
    return Reading(
        unit="J",
        class_="measured",
        value=value,
        low=value - doubt.total_j,
        high=value + doubt.total_j,
        n=1,
        meter=provenance.name,
        facts=facts,
    )


def lost_reading(provenance: Provenance, reason: str, periods: Sequence[Period], window_s: float) -> Reading:
    """Return the reading of an invalid window: no value, the reason, and the provenance all the same."""
    tau = max((each.tau_s for each in periods), default=None)
    return Reading(
        unit="J",
        class_="unavailable",
        meter=provenance.name,
        reason=reason,
        verdict="invalid",
        reasons=(reason,),
        facts=_facts(provenance, tau, window_s, n_invalid=1),
    )


def per_inference(reading: Reading, *, busy_s: float, n: int) -> Reading:
    """Return joules per inference: mean power of the window times the busy time of `n` whole inferences, over n.

    A reading without a value is returned as it is. Raises ValueError for no inference or no busy time.
    """
    if n < 1 or busy_s <= 0:
        raise ValueError(f"joules per inference need at least one inference and busy time, not {n} in {busy_s} s")
    return _share_of(reading, busy_s / n, {"per": "inference", "busy_s": busy_s, "inferences": n})


def over_work(reading: Reading, *, busy_s: float, per: str) -> Reading:
    """Return the joules of work that lasted `busy_s`: mean power of the window times that, `per` saying what it was.

    A reading without a value, or without a length of its window, is returned as it is.
    """
    return _share_of(reading, busy_s, {"per": per, "busy_s": busy_s})


def lost(error: Exception) -> Reading:
    """Return the reading of a window that a meter's own failure took."""
    return Reading.missing("J", f"the window was lost: {type(error).__name__}: {error}"[:500])


def _share_of(reading: Reading, seconds: float, more: dict[str, Any]) -> Reading:
    """Return mean power times so many seconds."""
    if reading.value is None or not reading.facts.get("window_s"):
        return reading
    scale = seconds / reading.facts["window_s"]
    low, high = (each if each is None else each * scale for each in (reading.low, reading.high))
    facts = {**reading.facts, **more}
    for name in {"by_domain", "uncertainty"} & set(reading.facts):
        facts[name] = {key: joules * scale for key, joules in reading.facts[name].items()}
    return replace(reading, value=reading.value * scale, low=low, high=high, facts=facts)


def whole_inferences(
    meter: Any,
    call: Callable[[], object],
    *,
    seconds: float,
    clock: Clock,
    synchronize: Callable[[], object] | None = None,
) -> Reading:
    """Run whole inferences for at least that long inside one window and return the joules of one.

    `synchronize` waits for the device before the last read, so that work submitted is work counted. Short inferences
    are run in batches of up to a millisecond, or looking at the clock would be a part of each.
    """
    token = meter.start()
    began, n, size = clock.now_s(), 0, 1
    now_s = began
    while n == 0 or now_s - began < seconds:
        for _ in range(size):
            call()
        n += size
        before_s, now_s = now_s, clock.now_s()
        size *= 2 if now_s - before_s < BATCH_S / 2 else 1
        token = meter.guard(token)
    if synchronize is not None:
        synchronize()
    busy_s = clock.now_s() - began
    return per_inference(meter.stop(token), busy_s=busy_s, n=n)


def _doubt(source: EnergySource, span: Span, period: Period, ready_s: float, ended_s: float) -> Uncertainty:
    stray = max(0.0, ready_s - span.start.before_s) + abs(ended_s - span.stop.at_s) + span.stop.half_s
    return stated(
        Traits.of(source),
        joules=span.joules,
        brackets_s=span.brackets_s,
        period_s=period.tau_s,
        stray_s=stray,
        gaps_j=float(getattr(source, "gaps_w", 0.0)) * span.seconds,
    )


def _facts(provenance: Provenance, tau: float | None, window_s: float, *, n_invalid: int) -> dict[str, Any]:
    return {
        "kind": provenance.kind,
        "meter_version": provenance.version,
        "domains": list(provenance.headline),
        "period_s": tau,
        "window_s": window_s,
        "n_windows": 1,
        "n_invalid": n_invalid,
    }
