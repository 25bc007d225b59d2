"""The report on a terminal: the verdict, one line a cell, then what was wrong."""

from __future__ import annotations

from bench.gate.render.words import (
    STATES,
    counts,
    failing,
    fate,
    notable,
    plain,
    ratio_text,
    sentence,
    state,
    verdict,
    word,
    worst_first,
)
from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict

WIDTH = max(len(word(each)) for each in STATES)
# SGR codes (ECMA-48, 8.3.117): red, yellow, green; bold for the verdict.
_COLOURS = {"fail": "31", "error": "31", "not-comparable": "31", "inconclusive": "33", "warn": "33", "pass": "32"}
_OF_VERDICT = {"PASS": "32", "INCONCLUSIVE": "33", "NOTHING JUDGED": "33"}


def text(report: GateReport, *, colour: bool = False) -> str:
    """Return the report as text. `colour` is for a terminal whose owner did not set NO_COLOR."""
    cells = worst_first(report)
    blocks = [
        _head(report, colour),
        "\n".join(_line(each, colour) for each in cells),
        "\n\n".join(_details(each, colour) for each in cells if _has_details(each)),
        "\n".join(f"note: {plain(each)}" for each in _notes(report)),
    ]
    return "\n\n".join(each for each in blocks if each) + "\n"


def _head(report: GateReport, colour: bool) -> str:
    name = verdict(report)
    shown = _styled(name, f"1;{_OF_VERDICT.get(name, '31')}", colour)
    about = f"{plain(report.suite)} against {plain(report.against)}: {counts(report)}; {report.seconds:.0f} s"
    more = fate(report)
    return f"{shown}  {about}" + (f"\n  {plain(more)}" if more else "")


def _line(cell: CellVerdict, colour: bool) -> str:
    name = state(cell)
    shown = _styled(word(name).ljust(WIDTH), _COLOURS.get(name), colour)
    why = failing(cell) or ", ".join(_brief(each) for each in cell.metrics)
    return f"{shown}  {plain(cell.name)}" + (f"  {plain(why, 160)}" if why else "")


def _brief(metric: MetricVerdict) -> str:
    """Return a metric in a word or two: "latency 1.042x", "size FAIL"."""
    marked = "" if metric.outcome == "pass" else f" {word(metric.outcome)}"
    numbers = ratio_text(metric).partition(" ")[0]
    return " ".join(each for each in (metric.metric + marked, numbers) if each)


def _has_details(cell: CellVerdict) -> bool:
    return bool(notable(cell)) or (bool(failing(cell)) and state(cell) != "unsupported")


def _details(cell: CellVerdict, colour: bool) -> str:
    place = f" ({plain(cell.place.file)}:{cell.place.line})" if cell.place else ""
    lines = [f"{plain(cell.name)}  {plain(cell.id)}{place}"]
    if why := failing(cell):
        lines.append(f"  {plain(why)}")
    for each in notable(cell):
        shown = _styled(word(each.outcome), _COLOURS.get(each.outcome), colour)
        where = f"  {plain(each.place.file)}:{each.place.line}" if each.place else ""
        lines.append(f"  {plain(each.metric)} {shown}{where}\n    {sentence(each)}")
    return "\n".join(lines)


def _notes(report: GateReport) -> list[str]:
    test = report.self_test
    notes = [] if test is None else [_self_test(report)]
    return [*notes, *report.notes]


def _self_test(report: GateReport) -> str:
    test = report.self_test
    assert test is not None
    sides = {"two identical copies": test.aa, "a planted slow-down": test.planted}
    said = [f"{name}: {word(each.outcome)}" for name, each in sides.items() if each is not None]
    reused = " (an earlier one of this machine)" if test.reused else ""
    return f"self-test{reused} {'fit' if test.fit else 'UNFIT'}" + (f"; {'; '.join(said)}" if said else "")


def _styled(text: str, code: str | None, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
