"""The report as JUnit XML: what GitLab, Jenkins, Azure, Buildkite and CircleCI read.

Valid against the schema most validators carry (windyroad/JUnit-Schema, JUnit.xsd) and against Jenkins' (junit-10.xsd),
so: no attribute that only one of them knows, and at most one of skipped, error and failure in a case.
"""

from __future__ import annotations

import datetime
from xml.etree import ElementTree as ET

from bench.gate.render.words import failing, fate, notable, plain, sentence, state, verdict, word
from bench.gate.verdicts import UNFIT, CellVerdict, GateReport, MetricVerdict

LONGEST = 2000  # characters of a message


def junit(report: GateReport, when: datetime.datetime | None = None) -> str:
    """Return the XML: a case for every metric of every cell, and one for the self-test.

    fail is a `failure`; not comparable, or a cell that did not run, an `error`; inconclusive and unsupported are
    `skipped` with their reason, but inconclusive is a `failure` where the gate was asked to fail on it. A warning
    passes and is told in `system-out`. `when` is the time of the gate, now when left out.
    """
    cases = [case for cell in report.cells for case in _cases(cell, report)]
    cases += [_self_test(report)] if report.self_test is not None else []
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", _attributes(report, cases, when))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ET.SubElement(properties, "property", {"name": name, "value": plain(value, LONGEST)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _told(report)
    ET.SubElement(suite, "system-err")
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.replace("##[", "#&#35;[")


def _attributes(report: GateReport, cases: list[ET.Element], when: datetime.datetime | None) -> dict[str, str]:
    moment = (when or datetime.datetime.now(datetime.UTC)).astimezone(datetime.UTC)
    found = {name: sum(case.find(name) is not None for case in cases) for name in ("failure", "error", "skipped")}
    return {
        "id": "0",
        "name": _named(f"bench gate {report.suite}"),
        "package": "bench",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": _named(str(report.machine.get("host") or "unknown")),
        "tests": str(len(cases)),
        "failures": str(found["failure"]),
        "errors": str(found["error"]),
        "skipped": str(found["skipped"]),
        "time": f"{max(report.seconds, 0.0):.3f}",
    }


def _properties(report: GateReport) -> dict[str, str]:
    return {
        "verdict": verdict(report),
        "against": report.against,
        "exit_code": str(report.exit_code),
        "alpha": f"{report.alpha:g}",
    }


def _cases(cell: CellVerdict, report: GateReport) -> list[ET.Element]:
    if not failing(cell):
        share = cell.seconds / len(cell.metrics)
        return [_of_metric(cell, each, report, share) for each in cell.metrics]
    case = _case(cell.name, "cell", cell.seconds)
    name = state(cell)
    reason = plain(failing(cell), LONGEST)
    if name == "unsupported":
        ET.SubElement(case, "skipped", {"message": reason})
    else:
        ET.SubElement(case, "error", {"message": reason, "type": name}).text = reason
    return [case]


def _of_metric(cell: CellVerdict, metric: MetricVerdict, report: GateReport, seconds: float) -> ET.Element:
    case = _case(cell.name, metric.metric, seconds)
    message = plain(f"{word(metric.outcome)}: {sentence(metric)}", LONGEST)
    strict = metric.outcome == "inconclusive" and report.inconclusive == "fail"
    if metric.outcome == "fail" or strict:
        place = f"\n{plain(metric.place.file)}:{metric.place.line}" if metric.place else ""
        failure = ET.SubElement(case, "failure", {"message": message, "type": metric.outcome})
        failure.text = f"{plain(cell.name)} {plain(cell.id)}\n{message}{place}"
    elif metric.outcome == "not-comparable":
        ET.SubElement(case, "error", {"message": message, "type": metric.outcome}).text = message
    elif metric.outcome == "inconclusive":
        ET.SubElement(case, "skipped", {"message": message})
    return case


def _self_test(report: GateReport) -> ET.Element:
    case = _case("gate", "self-test", 0.0)
    if report.exit_code == UNFIT:
        message = plain(fate(report), LONGEST)
        ET.SubElement(case, "error", {"message": message, "type": "unfit"}).text = message
    return case


def _case(class_name: str, name: str, seconds: float) -> ET.Element:
    attributes = {"classname": _named(class_name), "name": _named(name), "time": f"{max(seconds, 0.0):.3f}"}
    return ET.Element("testcase", attributes)


def _told(report: GateReport) -> str:
    warned = [
        f"{word(each.outcome)} {plain(cell.name)} {plain(each.metric)}: {sentence(each)}"
        for cell in report.cells
        for each in notable(cell)
        if each.outcome in ("warn", "pass")
    ]
    return "\n".join([*warned, *(plain(each) for each in report.notes)])


def _named(text: str) -> str:
    """Return a name that is never empty: the schema asks for at least one character."""
    return plain(text, 300) or "unnamed"
