"""Quality against latency as a drawing that needs no script, with a text alternative made from the same data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.publish.axis import Axis, axis
from bench.publish.context import Context, higher_is_better, metric_name
from bench.publish.format import Figure, Scale, figure_of, sentence, text_of
from bench.publish.methods import method, styles
from bench.publish.model import Chart, Label, Mark
from bench.publish.placing import place_labels
from bench.publish.rank import front
from bench.publish.rows import name_in, name_of, recipe_lines, unranked
from bench.publish.text import visible
from bench.record import Record
from bench.suite.cell import OFFLINE, SERVER

WIDTH, HEIGHT = 720.0, 360.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 14.0, 14.0, 46.0
NAMED = 6
CROWDED = 60  # with more points than these only the front has bars and words


class Point(NamedTuple):
    """One plotted record: its figures and their scaled values; `gain` is higher for better quality."""

    record: Record
    x: Figure
    y: Figure
    gain: float
    name: str
    ranked: bool


class Frame(NamedTuple):
    """What the drawing functions share."""

    points: Sequence[Point]
    best: Sequence[int]
    across: Axis
    up: Axis
    x_scale: Scale
    y_scale: Scale
    metric: str
    x_name: str
    across_name: str


def chart_of(context: Context, anchors: Mapping[int, str]) -> Chart | None:
    """Return the group's chart of quality against latency, or None when fewer than two records can be plotted.

    What has no rank is drawn hollow and never lies on the front.
    """
    frame = _frame(context)
    if frame is None:
        return None
    line, shade = _front_paths(frame)
    opening = _opening(frame, len(context.records))
    looks = styles(each.record for each in frame.points)
    marks = tuple(_mark(frame, at, looks, anchors) for at in range(len(frame.points)))
    return Chart(
        title=f"{frame.metric.capitalize()} against {frame.across_name}",
        alternative=f"{opening} {_listed(frame)}".rstrip(),
        caption=opening,
        best=tuple((visible(frame.points[at].name, 110), _said(frame, at)) for at in frame.best[:NAMED]),
        x_label=f"{frame.x_name} ({frame.x_scale.label}), faster to the left" + (", logarithmic" * frame.across.log),
        y_label=f"{frame.metric.capitalize()} ({frame.y_scale.label or 'no unit'})",
        x_ticks=_ticks(frame.across, frame.x_scale, level=HEIGHT - BOTTOM),
        y_ticks=_ticks(frame.up, frame.y_scale, level=None),
        front=line,
        dominated=shade,
        marks=marks,
        labels=_labels(frame),
        legend=tuple((css, path, "no compression" if name == "none" else name) for name, (css, path) in looks.items()),
    )


def _frame(context: Context) -> Frame | None:
    sign = 1.0 if higher_is_better(context.records) else -1.0
    points = []
    # Latencies of the other scenarios depend on the load; the time of a call does not.
    timed = "service" if "service" in context.scales else "latency"
    for each in context.records:
        x, y = figure_of(each.readings.get(timed)), figure_of(each.readings.get("quality"))
        if x is not None and y is not None:
            fit = not unranked(context, each) and "not_ranked" not in each.readings["quality"].facts
            points.append(Point(each, x, y, sign * y.value, name_in(context, each), fit))
    if len(points) < 2:
        return None
    across = axis((v for each in points for v in each.x if v is not None), LEFT, WIDTH - RIGHT, log=True)
    ends = (HEIGHT - BOTTOM, TOP) if sign > 0 else (TOP, HEIGHT - BOTTOM)
    up = axis((v for each in points for v in each.y if v is not None), *ends, log=False)
    ranked = [at for at, each in enumerate(points) if each.ranked]
    best = [ranked[at] for at in front([(points[at].x.value, points[at].gain) for at in ranked])]
    scales = context.scale(timed), context.scale("quality")
    call = any(each.cell.scenario in (OFFLINE, SERVER) for each in context.records)
    names = ("Call p50", "the median time of a call") if call else ("Latency p50", "median latency")
    return Frame(points, best, across, up, *scales, metric_name(context.records), *names)


def _mark(frame: Frame, at: int, looks: Mapping[str, tuple[str, str]], anchors: Mapping[int, str]) -> Mark:
    record, x, y, _, name, ranked = frame.points[at]
    css, path = looks[method(record)]
    css += "" if ranked else " doubt"
    across, up = frame.across.at, frame.up.at
    whiskers, best = "", at in frame.best
    plain = len(frame.points) > CROWDED and not best
    place = f"{across(x.value):.1f}", f"{up(y.value):.1f}"
    if plain:
        return Mark(*place, css, path, "", "", anchors[id(record)], on_front=False)
    if x.low is not None and x.high is not None:
        whiskers += f"M{across(x.low):.1f} {up(y.value):.1f}H{across(x.high):.1f}"
    if y.low is not None and y.high is not None:
        whiskers += f"M{across(x.value):.1f} {up(y.low):.1f}V{up(y.high):.1f}"
    words = f"{name}: {_said(frame, at)}{'' if ranked else ' (not ranked)'}"
    return Mark(*place, css, path, whiskers, words, anchors[id(record)], best)


def _front_paths(frame: Frame) -> tuple[str, str]:
    """Return the front as a staircase and the region it dominates: as slow or slower, and no better."""
    places = [(frame.across.at(frame.points[at].x.value), frame.up.at(frame.points[at].y.value)) for at in frame.best]
    if not places:
        return "", ""
    (x, y), rest = places[0], places[1:]
    line = f"M{x:.1f} {y:.1f}" + "".join(f"H{a:.1f}V{b:.1f}" for a, b in rest)
    shade = f"{line}H{WIDTH - RIGHT:.1f}V{HEIGHT - BOTTOM:.1f}H{x:.1f}Z"
    return f"{line}H{WIDTH - RIGHT:.1f}", shade


def _ticks(along: Axis, scale: Scale, level: float | None) -> tuple[Label, ...]:
    values = along.ticks() if level is None else along.ticks(8)
    steps = [b - a for a, b in itertools.pairwise(values)]
    out = []
    for at, value in enumerate(values):
        near = steps[min(at, len(steps) - 1)] if steps else abs(value) or 1.0
        text = text_of(value * scale.factor, _places(min(near, value if along.log else near) * scale.factor))
        place = f"{along.at(value):.1f}"
        out.append(
            Label(place, f"{level + 18:.1f}", text)
            if level is not None
            else Label(f"{LEFT - 8:.1f}", place, text, "end")
        )
    return tuple(out)


def _places(step: float) -> int:
    text = f"{step:.0e}"
    return max(0, -int(text.split("e")[1]))


def _labels(frame: Frame) -> tuple[Label, ...]:
    """Return names for the front and the baseline, where there is room for them."""
    places = [(frame.across.at(each.x.value), frame.up.at(each.y.value)) for each in frame.points]
    named = [*frame.best, *(at for at, each in enumerate(frame.points) if each.record.cell.is_baseline)]
    texts = {at: _short(frame.points[at]) for at in named}
    return place_labels(places, texts, (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM))


def _short(point: Point) -> str:
    record = point.record
    name = name_of(record) if len(record.cell.recipe) == 1 else recipe_lines(record)[0]
    name = point.name.replace("none", "baseline", 1) if record.cell.is_baseline else name
    return name if len(name) <= 34 else name[:33] + "…"


def _opening(frame: Frame, total: int) -> str:
    """Return what the drawing shows, in sentences."""
    bars = "bars are 95 % intervals" + " (drawn for the front only)" * (len(frame.points) > CROWDED)
    start = f"{len(frame.points)} of {total} results plotted: {frame.metric} against {frame.across_name}, {bars}. "
    hollow = sum(not each.ranked for each in frame.points)
    start += f"{hollow} hollow: not ranked, so on no front. " if hollow else ""
    if not frame.best:
        return start.rstrip()
    return (
        f"{start}"
        f"Nothing is both faster and better than the {len(frame.best)} on the front (outlined; what lies in the shaded "
        f"region is dominated), fastest first:"
    )


def _listed(frame: Frame) -> str:
    chosen = [f"{frame.points[at].name} ({_said(frame, at)})" for at in frame.best[:NAMED]]
    if not chosen:
        return ""
    more = len(frame.best) - len(chosen)
    return "; ".join(chosen) + (f"; and {more} more." if more > 0 else ".")


def _said(frame: Frame, at: int) -> str:
    point = frame.points[at]
    return f"{sentence(point.x, frame.x_scale)}, {frame.metric} {sentence(point.y, frame.y_scale)}"
