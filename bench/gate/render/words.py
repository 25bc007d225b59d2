"""What every renderer says in the same words: the verdict, the counts, a metric's numbers; and text made harmless."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from bench.gate.verdicts import (
    GATE_FAILED,
    INCONCLUSIVE,
    NOT_COMPARABLE,
    OK,
    SOME_CELLS_FAILED,
    UNFIT,
    CellVerdict,
    GateReport,
    MetricVerdict,
    Outcome,
)
from bench.units import format_quantity

ARROW = "->"
REPLACED = "\N{REPLACEMENT CHARACTER}"
VERDICTS: Mapping[int, str] = {
    OK: "PASS",
    GATE_FAILED: "FAIL",
    SOME_CELLS_FAILED: "ERROR",
    NOT_COMPARABLE: "NOT COMPARABLE",
    INCONCLUSIVE: "INCONCLUSIVE",
    UNFIT: "UNFIT",
}
# States of a cell, worst first: what its record's status says where there is nothing to judge, else its outcome.
STATES = ("fail", "error", "not-comparable", "inconclusive", "warn", "unsupported", "pass")
_COUNTED: Mapping[str, str] = {
    "fail": "failed",
    "error": "could not be run",
    "not-comparable": "not comparable",
    "inconclusive": "inconclusive",
    "warn": "passed with a warning",
    "unsupported": "unsupported here",
    "pass": "passed",
}


def state(cell: CellVerdict) -> str:
    """Return one of STATES for a cell."""
    if cell.status == "ok":
        return cell.outcome
    return "unsupported" if cell.status == "unsupported" else "error"


def word(name: str) -> str:
    """Return a state or an outcome as it is shown."""
    return name.upper().replace("-", " ")


def verdict(report: GateReport) -> str:
    """Return the verdict in one or two words.

    An exit code of 0 is no PASS where nothing was judged, or where something stayed undecided and that was only to
    be warned of.
    """
    states = {state(each) for each in report.cells}
    if report.exit_code != OK:
        return VERDICTS[report.exit_code]
    if not states - {"unsupported"}:
        return "NOTHING JUDGED"
    if "inconclusive" in states and report.inconclusive != "pass":
        return VERDICTS[INCONCLUSIVE]
    return VERDICTS[OK]


def counts(report: GateReport) -> str:
    """Return how many cells ended how, worst first: "1 failed, 1 inconclusive, 10 passed"."""
    found = Counter(state(each) for each in report.cells)
    said = [f"{found[name]} {_COUNTED[name]}" for name in STATES if found[name]]
    return ", ".join(said) if said else "no cells"


def fate(report: GateReport) -> str:
    """Return what the verdict means for whoever waits for it, empty where the verdict says it all."""
    if report.exit_code == UNFIT:
        test = report.self_test
        return f"the self-test failed, so no verdict of this run counts: {(test and test.reason) or 'no reason given'}"
    if report.exit_code == OK and verdict(report) == VERDICTS[INCONCLUSIVE]:
        return "what was not decided does not fail this gate (--inconclusive warn)"
    return ""


def worst_first(report: GateReport) -> list[CellVerdict]:
    """Return the cells, the worst first, otherwise in their order."""
    return sorted(report.cells, key=lambda each: STATES.index(state(each)))


def notable(cell: CellVerdict) -> list[MetricVerdict]:
    """Return the metrics of a cell that did not simply pass, the worst first."""
    rank: list[Outcome] = ["fail", "not-comparable", "inconclusive", "warn", "pass"]
    kept = [each for each in cell.metrics if each.outcome != "pass" or each.accepted]
    return sorted(kept, key=lambda each: rank.index(each.outcome))


def failing(cell: CellVerdict) -> str:
    """Return why nothing was judged of a cell, "failed: worker died"; empty where something was."""
    if cell.status != "ok":
        return f"{cell.status}: {cell.reason or 'no reason given'}"
    return "" if cell.metrics else f"not comparable: {cell.reason or 'nothing was judged'}"


def ratio_text(metric: MetricVerdict) -> str:
    """Return the ratio with its interval, "1.042x [1.031, 1.053]"; empty without one."""
    if metric.ratio is None:
        return ""
    value, low, high = metric.ratio
    bounds = "" if low is None or high is None or low == high else f" [{_number(low)}, {_number(high)}]"
    return f"{_number(value)}x{bounds}"


def change_text(metric: MetricVerdict) -> str:
    """Return "3.21 ms -> 3.34 ms", an exact count with all its digits; empty where neither side is known.

    What is not measured is marked with how it was obtained, so that an estimate never passes for a measurement.
    """
    if metric.baseline is None and metric.candidate is None:
        return ""
    both = [metric.candidate] if metric.baseline is None else [metric.baseline, metric.candidate]
    sides = [_value(each, metric) for each in both]
    marked = "" if metric.class_ in ("measured", "counted") else f" {metric.class_}"
    return f" {ARROW} ".join(sides) + marked


def smallest_text(metric: MetricVerdict) -> str:
    """Return the smallest change that could have been seen, "1.3 %"; empty where that is not known."""
    known = metric.smallest is not None and math.isfinite(metric.smallest)
    return f"{metric.smallest * 100:.2g} %" if known and metric.smallest is not None else ""


def sentence(metric: MetricVerdict) -> str:
    """Return everything about a metric in one line, its reason last."""
    allowed = f"allowed {metric.limit}" if metric.limit else ""
    seen = f"a change of {smallest_text(metric)} could have been seen" if smallest_text(metric) else ""
    accepted = f"accepted: {metric.accepted}" if metric.accepted else ""
    parts = [ratio_text(metric), change_text(metric), allowed, seen, metric.why, accepted]
    return plain("; ".join(each for each in parts if each))


def plain(text: str, longest: int | None = None) -> str:
    """Return untrusted text as one harmless line, cut to `longest` characters.

    Whatever is not printable (control, bidirectional and zero-width characters, lone surrogates) is replaced. The
    old form of a workflow command, `##[`, works anywhere in a line of a GitHub log: it is broken up.
    """
    line = " ".join(str(text).split())
    line = "".join(char if char.isprintable() else REPLACED for char in line).replace("##[", "## [")
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"


def _value(value: float | None, metric: MetricVerdict) -> str:
    if value is None:
        return "?"
    if not math.isfinite(value):
        return "unbounded"
    if metric.class_ == "counted" and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,} {'' if metric.unit in ('count', '1') else plain(metric.unit, 20)}".rstrip()
    digits = 2 if metric.class_ == "estimated" else 4
    return format_quantity(value, plain(metric.unit, 20), digits)


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) and abs(value) < 1000 else f"{value:.3g}"
