"""What may be said of one record beside another: metric by metric, with the evidence it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cli.beside import Beside, beside
from bench.cli.table import bounded
from bench.derive.payback import NO_CLAIM
from bench.derive.ratios import exact_ratio, unpaired_ratio
from bench.reading import VERDICTS, Reading, alike, weakest_class
from bench.record import Ratio, Record
from bench.stats import Interval, verdict

NOT = "not comparable"
TIMED = ("latency", "memory", "startup", "energy")
HEADLINE = ("latency", "energy")
METRICS = (*TIMED, "size", "size_compressed", "size_encoded", "flops", "bitops", "parameters", "nonzero")
OTHER_RUN = "measured in different runs: 'bench gate' measures side by side"
SAME = "both are the same artifact: a difference is the machine's"
# An estimate of energy is one of processor time: the verdict says what was seen, and no saving of joules is claimed.
ESTIMATED_WORDS = {
    "better": "less processor time (estimated)",
    "worse": "more processor time (estimated)",
    "tie": "tie (estimated)",
}


@dataclass(frozen=True)
class Line:
    """One metric of one pair."""

    cell: str
    metric: str
    ratio: Ratio | None
    verdict: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON."""
        ratio = self.ratio.to_json() if self.ratio else None
        return {"cell": self.cell, "metric": self.metric, "verdict": self.verdict, "ratio": ratio, "note": self.note}


def compare_records(first: Record, second: Record, folder: Path | None = None) -> list[Line]:
    """Return one line a metric. `folder` is that of the run when both records are of one."""
    name = str(second.cell)
    if first.status != "ok" or second.status != "ok":
        return [Line(name, "all", None, NOT, f"a is {first.status}, b is {second.status}")]
    if first.group != second.group:
        return [Line(name, "all", None, NOT, "another machine, task version, data, scenario, batch or threads")]
    pair = beside(first, second, folder)
    lines = [_quality(first, second, pair), *(_metric(metric, first, second, pair) for metric in METRICS)]
    return [_doubted(_ranked(_audited(each, first, second), first, second), first, second) for each in lines]


def comparable(lines: list[Line]) -> bool:
    """Whether anything can be said of what matters most, latency or energy, in any of the pairs."""
    return any(each.verdict != NOT for each in lines if each.metric in HEADLINE)


def _audited(line: Line, first: Record, second: Record) -> Line:
    """Say beside the latency what an audit found of a compression that is not effective."""
    if line.metric != "latency":
        return line
    found = [
        f"audit of {side}: {record.audit['verdict']}, {record.audit.get('advice', '')}"
        for side, record in (("a", first), ("b", second))
        if record.audit.get("verdict") not in (None, "effective")
    ]
    return replace(line, note=" | ".join([*([line.note] if line.note else []), *found]))


def _ranked(line: Line, first: Record, second: Record) -> Line:
    """Claim nothing of what the suite does not rank: joules of too weak a class."""
    readings = [each.readings.get(line.metric) for each in (first, second)]
    said = [str(each.facts["not_ranked"]) for each in readings if each is not None and "not_ranked" in each.facts]
    return replace(line, verdict=NOT, note=said[0]) if said else line


def _doubted(line: Line, first: Record, second: Record) -> Line:
    """Say beside a comparison that a side's number is doubtful.

    Side by side, other work slows both sides: such a ratio stands beside the doubt. Of an invalid number, or of
    doubtful ones measured apart, nothing is claimed.
    """
    found = [(side, *_doubt(record, line.metric)) for side, record in (("a", first), ("b", second))]
    doubts = [f"{side} is {word}: {'; '.join(reasons)}" for side, word, reasons in found if word != "valid"]
    if not doubts:
        return line
    paired = line.ratio is not None and line.ratio.method.startswith("paired")
    usable = paired and all(word != "invalid" for _, word, _ in found)
    return replace(line, verdict=line.verdict if usable else NOT, note=" | ".join([line.note, *doubts]))


def _doubt(record: Record, metric: str) -> tuple[str, tuple[str, ...]]:
    """Return a number's verdict and reasons; what a record doubts beyond all of its numbers, it doubts of the timed."""
    reading, own = record.readings.get(metric), str(record.validity.get("verdict", "valid"))
    worst = max((each.verdict for each in record.readings.values()), key=VERDICTS.index, default="valid")
    beyond = own in VERDICTS and VERDICTS.index(own) > VERDICTS.index(worst)
    if beyond and metric in TIMED:
        return own, tuple(map(str, record.validity.get("reasons", ())))
    return (reading.verdict, reading.reasons) if reading is not None else ("valid", ())


def _quality(first: Record, second: Record, pair: Beside) -> Line:
    name, mine, theirs = str(second.cell), second.readings.get("quality"), first.readings.get("quality")
    if mine is None or theirs is None or mine.value is None or theirs.value is None:
        return Line(name, "quality", None, NOT, "a quality is missing")
    said = f"{theirs.value:.4g} -> {mine.value:.4g}"
    if pair.drop is not None:
        low, high, how = pair.drop["low"], pair.drop["high"], "paired by example"
    else:
        low, high, how = *_apart(mine, theirs), "by intervals"
    if low is None or high is None:
        return Line(name, "quality", None, NOT, f"{said}, no interval")
    word = "worse" if low > 0 else "better" if high < 0 else "tie"
    return Line(name, "quality", None, word, f"{said}, {how}")


def _apart(mine: Reading, theirs: Reading) -> tuple[float | None, float | None]:
    """Return the ends of the drop between two qualities of which only the intervals are known."""
    if mine.low is None or mine.high is None or theirs.low is None or theirs.high is None:
        return None, None
    low, high = theirs.low - mine.high, theirs.high - mine.low
    return (low, high) if mine.facts.get("higher_is_better", True) else (-high, -low)


def _metric(metric: str, first: Record, second: Record, pair: Beside) -> Line:
    name, mine, theirs = str(second.cell), second.readings.get(metric), first.readings.get(metric)
    if (paired := pair.ratios.get(metric)) is not None:
        classes = [each.class_ for each in (mine, theirs) if each is not None]
        ratio = replace(paired, class_=weakest_class([paired.class_, *classes]))
        return _line(name, metric, ratio)
    if mine is None or theirs is None or mine.value is None or theirs.value is None:
        return Line(name, metric, None, NOT, "not read on both sides")
    if mine.class_ == theirs.class_ == "counted":
        return _counted(name, metric, mine.value, theirs.value, first.id)
    if metric == "energy" and (why := _unlike(mine, theirs)):
        return Line(name, metric, None, NOT, why)
    return _unpaired(metric, first, second, mine, theirs)


def _unlike(mine: Reading, theirs: Reading) -> str:
    """Return why joules that were not measured side by side are no pair, empty when they are."""
    if (mine.class_, mine.facts.get("domains")) != (theirs.class_, theirs.facts.get("domains")):
        return f"{theirs.class_} against {mine.class_} joules"
    try:
        alike([mine, theirs])
    except ValueError as error:
        return str(error)
    return "estimated joules compare only side by side" if mine.class_ == "estimated" else ""


def _counted(name: str, metric: str, mine: float, theirs: float, against: str) -> Line:
    if theirs == 0:
        return Line(name, metric, None, "tie" if mine == 0 else NOT, "counted, 0 in a")
    return _line(name, metric, exact_ratio(mine, theirs, against))


def _unpaired(metric: str, first: Record, second: Record, mine: Reading, theirs: Reading) -> Line:
    """Compare by intervals what was measured apart; between runs nothing noisy is claimed, only shown."""
    name = str(second.cell)
    if mine.value is None or theirs.value is None or mine.value <= 0 or theirs.value <= 0:
        return Line(name, metric, None, NOT, "no usable interval")
    ends = [(each.value, each.low or 0.0, math.inf if each.high is None else each.high) for each in (mine, theirs)]
    ratio = replace(
        unpaired_ratio(ends[0], ends[1], first.id),  # type: ignore[arg-type]  # neither value is None
        method="unpaired" if metric != "latency" else "unpaired-p50",
        class_=weakest_class([mine.class_, theirs.class_]),
    )
    line = _line(name, metric, ratio)
    if first.run != second.run:
        same = first.artifact is not None and first.artifact == second.artifact
        return replace(line, verdict=NOT, note="; ".join([ratio.method, OTHER_RUN, *([SAME] if same else [])]))
    return line


def _line(name: str, metric: str, ratio: Ratio) -> Line:
    flags = list(_flags(ratio))
    if ratio.facts.get("descheduled"):
        judged = _by_work(ratio)
        if judged is None:
            return Line(name, metric, ratio, NOT, "; ".join([ratio.method, *flags]))
    else:
        judged = ratio
    if not bounded(judged) or judged.low is None or judged.high is None:
        return Line(name, metric, ratio, NOT, "; ".join([ratio.method, "no interval yet: too few launches", *flags]))
    word = verdict(Interval(judged.value, judged.low, judged.high, 0.95, judged.n or 0, judged.method))
    if ratio.class_ == "estimated":
        note = "; ".join([f"{ratio.method} (estimated): {NO_CLAIM}", *flags])
        return Line(name, metric, ratio, ESTIMATED_WORDS[word], note)
    return Line(name, metric, ratio, word, "; ".join([ratio.method, *flags]))


def _flags(ratio: Ratio) -> Iterator[str]:
    """Say what else the ratio says of itself."""
    if ratio.facts.get("ci_not_reached"):
        yield "ci-not-reached"
    if ratio.facts.get("descheduled"):
        work = ratio.facts.get("work")
        shown = f" {work:.3f}x" if work is not None else ""
        by_work = _by_work(ratio)
        ends = f" [{by_work.low:.3f}, {by_work.high:.3f}]" if by_work and bounded(by_work) else ""
        yield f"descheduled: judged by processor time{shown}{ends or ', which has no interval'}"


def _by_work(ratio: Ratio) -> Ratio | None:
    """Return the ratio of processor time beside one of wall time, None where nothing bounds it."""
    value, low, high = (ratio.facts.get(name) for name in ("work", "work_low", "work_high"))
    return replace(ratio, value=value, low=low, high=high) if value and low and high else None
