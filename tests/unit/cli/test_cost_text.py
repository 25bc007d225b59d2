"""`bench show` on cost: phases, training, break-even, and nothing it cannot stand for."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cli.cost_text import cost_text
from bench.derive.cost import cost_of
from bench.derive.payback import payback
from bench.reading import Reading
from bench.record import Record
from bench.stats.breakeven import Mean
from bench.suite.cell import Cell, Step

METER = {
    "meter": "m",
    "version": "1",
    "kind": "k",
    "domains": ["cpu"],
    "watts_per_cpu": 4.0,
    "factor": 2.0,
    "source": "t",
}
DISTILL = {
    "step": "distill",
    "kind": "compress",
    "seconds": 10.0,
    "cpu_s": 9.0,
    "train_s": 8.0,
    "train_cpu_s": 7.5,
    "train_samples": 3000,
    "device": "cuda:0",
    "processor": "Xeon",
}


def record(compression: Any) -> Record:
    return Record("a", "ok", Cell("s", "toy", (Step("distill"),), "torch"), compression=compression)


def whole() -> dict[str, Any]:
    quality = Reading("1", "measured", 0.9, facts={"metric": "accuracy"})
    energies = (Reading("J", "estimated", 1.0, 0.5, 2.0), Reading("J", "estimated", 0.1, 0.05, 0.2))
    found = cost_of([DISTILL], METER, {"samples": 12000}, quality)
    served = {"device": "cpu", "processor": "Cortex"}
    return {**found, "break_even": payback([DISTILL], [], METER, energies, Mean(0.003, 0.0001, 6, 7), served)}


def test_everything_is_said() -> None:
    text = "\n".join(cost_text(record(whole())))
    for words in (
        "total           10.0 s, processor time 9.00 s, ~36 J [18 J, 72 J] estimated",
        "train           8.00 s, processor time 7.50 s, ~30 J [15 J, 60 J] estimated",
        "3000 samples; 100 samples per joule [50, 200] estimated; 0.25x the original training's samples",
        "to accuracy 0.9 of the finished artifact",
        "energy          estimated only: no demonstrated saving: energy here is estimated",
        "processor time  after 3,000 inferences [",
        "made on         cuda:0, Xeon",
        "served on       cpu, Cortex",
    ):
        assert words in text


def test_what_is_unknown_is_not_zero() -> None:
    text = "\n".join(cost_text(record(cost_of([{"kind": "compress", "seconds": 3.0}], METER, None, None))))
    assert "processor time not known, joules unavailable (its processor time was not kept" in text


def test_a_step_that_was_to_be_metered_says_why_it_was_not() -> None:
    lost = Reading.missing("J", "the counter was reset").to_json()
    text = "\n".join(cost_text(record(cost_of([{**DISTILL, "energy": lost, "train_energy": lost}], METER, None, None))))
    assert "~36 J [18 J, 72 J] estimated (not measured: the counter was reset)" in text


def test_records_of_other_times() -> None:
    assert cost_text(record({})) == []
    assert "joules not recorded" in "\n".join(cost_text(record({"seconds": 1.5, "train_s": 0.5})))
    assert "never" not in "\n".join(cost_text(record(whole())))


@pytest.mark.parametrize("damaged", [{"phases": 3}, {"training": [3]}, {"energy": {"value": 1}}, {"break_even": [1]}])
def test_what_is_damaged_is_said_to_be(damaged: Any) -> None:
    assert "damaged" in "\n".join(cost_text(record(damaged)))
