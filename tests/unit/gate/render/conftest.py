"""Reports of the gate to be rendered: one of everything, clean ones, and one whose every name is hostile."""

from __future__ import annotations

import pytest

from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict, Place, SelfTest

CHANNELS = {"floor": {"log_e_fail": 9.1, "log_e_pass": -3.2, "launches": 7, "value": 0.041}}
SLOWER = MetricVerdict(
    "latency", "paired", "fail", "slower beyond the limit in 7 launches", "s", "measured", 0.00321, 0.00334,
    (1.0421, 1.0312, 1.0531), "+2 %", 0.011, CHANNELS, None, Place("suites/mobile.yaml", 31),
)  # fmt: skip
SAME_SIZE = MetricVerdict(
    "size", "exact", "pass", "the same", "B", "counted", 141312.0, 141312.0, (1.0, 1.0, 1.0), "no growth"
)
BIGGER = MetricVerdict("size", "budget", "fail", "one byte over", "B", "counted", None, 3_000_001.0, None, "3 MB")
WORSE = MetricVerdict(
    "quality", "quality", "inconclusive", "lost 9, won 4 of 500 examples; 2,100 would decide", "1", "measured", 0.965,
    0.955, None, "1.0 pp", None,
)  # fmt: skip
JOULES = MetricVerdict(
    "energy", "paired", "not-comparable", "joules of a utilisation model", "J", "estimated", 0.0121, 0.013
)
TAKEN = MetricVerdict(
    "flops", "exact", "warn", "12 more", "FLOP", "counted", 100.0, 112.0, (1.12, 1.12, 1.12), "no growth",
    accepted="the new head, until 2027-01-31",
)  # fmt: skip
FASTER = MetricVerdict(
    "latency", "paired", "pass", "not slower", "s", "measured", 0.0021, 0.0019, (0.91, 0.9, 0.92), "+2 %", 0.004
)


def cell(name: str, *metrics: MetricVerdict, **more) -> CellVerdict:
    return CellVerdict("0123456789ab", name, metrics, launches=7, seconds=8.5, **more)


@pytest.fixture
def mixed() -> GateReport:
    cells = (
        cell("toy · quantize(mode=dynamic) · torch cpu single-stream", FASTER, SAME_SIZE),
        cell("toy · prune(sparsity=0.5) · torch cpu single-stream", SLOWER, SAME_SIZE),
        cell("toy · prune(sparsity=0.8) · torch cpu single-stream", FASTER, BIGGER, JOULES),
        cell("toy · none · torch cpu single-stream", FASTER, WORSE),
        cell("toy · distill(student=half) · torch cpu single-stream", FASTER, TAKEN),
        cell("toy · none · litert cpu single-stream", status="unsupported", reason="run 'bench env build litert'"),
        cell("toy · none · onnxruntime cpu single-stream", status="failed", reason="worker died: signal 11",
             place=Place("suites/mobile.yaml", 12)),
        cell("toy · quantize(mode=static) · onnxruntime cpu single-stream", reason="measured on another machine"),
    )  # fmt: skip
    sides = {"aa": FASTER, "planted": SLOWER}
    return GateReport("mobile", "main", cells, SelfTest(True, **sides), seconds=84.2, notes=("two cores shared",))


@pytest.fixture
def clean() -> GateReport:
    return GateReport("mobile", "main", (cell("toy · none · torch cpu", FASTER, SAME_SIZE),), seconds=9.4)


def hostile(text: str) -> GateReport:
    """Return a report in which everything that can be named is named `text`."""
    place = Place(text or "x", 3)
    metrics = tuple(
        MetricVerdict(
            text, "paired", outcome, text, text, "estimated", 1.0, 2.0, (2.0, 1.9, 2.1), text, 0.1, {}, text, place
        )
        for outcome in ("fail", "inconclusive", "not-comparable", "warn", "pass")
    )
    judged = [CellVerdict(text, text, (each,)) for each in metrics]
    failed = CellVerdict(text, text, (), "failed", text, place=place)
    rest = [CellVerdict(text, text, (), status, text) for status in ("unsupported", "ok")]
    cells = (*judged, failed, *rest)
    return GateReport(text, text, cells, SelfTest(False, *metrics[:2], text), machine={"host": text}, notes=(text,))
