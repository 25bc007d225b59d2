"""What `bench compare` claims: nothing of noisy numbers of different runs, everything that was paired."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench.cli import compare_command
from bench.cli.comparing import Line, compare_records
from bench.cli.show_command import _lines
from bench.reading import Reading
from bench.record import Ratio, Record
from bench.store import append_record, open_run
from bench.suite.cell import Cell, Step

from ..derive.conftest import launches

NOISY = ("latency", "memory", "startup")


def record(name: str, run: str = "one", scale: float = 1.0, **more: Any) -> Record:
    readings = {
        "quality": Reading("1", "measured", 0.9, 0.8, 0.95, 100, "held-out"),
        "latency": Reading("s", "measured", 0.01 * scale, 0.0099 * scale, 0.0101 * scale, 90, "wall"),
        "memory": Reading("B", "measured", 1e6 * scale, 0.99e6 * scale, 1.01e6 * scale, 5, "VmHWM"),
        "startup": Reading("s", "measured", 0.2 * scale, 0.19 * scale, 0.21 * scale, 5, "wall"),
        "size": Reading.counted(1000 * scale, "B"),
        "nonzero": Reading.counted(int(10 * scale), "count"),
    }
    cell = Cell("s", "toy", more.pop("steps", ()), "b")
    return Record(name, "ok", cell, "g", run=run, artifact="sha256:1", readings=readings, **more)


def by_metric(lines: list[Line]) -> dict[str, Line]:
    return {each.metric: each for each in lines}


def test_between_runs_nothing_noisy_is_claimed_though_the_ratio_is_shown() -> None:
    found = by_metric(compare_records(record("a"), record("b", "two", 1.5)))
    for metric in NOISY:
        line = found[metric]
        assert (line.verdict, line.ratio.value) == ("not comparable", pytest.approx(1.5))  # type: ignore[union-attr]
        assert "measured in different runs: 'bench gate' measures side by side" in line.note
        assert "same artifact" in line.note
    assert (
        "same artifact"
        not in by_metric(compare_records(record("a"), replace(record("b", "two"), artifact="sha256:2")))["latency"].note
    )


def test_counts_are_counted_and_nonzero_is_among_them() -> None:
    found = by_metric(compare_records(record("a"), record("b", "two", 0.5)))
    for metric in ("size", "nonzero"):
        line = found[metric]
        assert (line.verdict, line.note, line.ratio.method) == ("better", "counted", "counted")  # type: ignore[union-attr]
        assert line.ratio.class_ == "counted"  # type: ignore[union-attr]
    zero = replace(record("z"), readings={**record("z").readings, "nonzero": Reading.counted(0, "count")})
    assert by_metric(compare_records(zero, record("b")))["nonzero"].verdict == "not comparable"
    assert by_metric(compare_records(zero, zero))["nonzero"].verdict == "tie"


def test_equal_numbers_without_an_interval_are_no_tie() -> None:
    def open_(name: str) -> Record:
        made = record(name)
        latency = Reading("s", "measured", 0.01, n=1, meter="wall")
        return replace(made, cell=replace(made.cell, backend=name), readings={**made.readings, "latency": latency})

    line = by_metric(compare_records(open_("a"), open_("b")))["latency"]
    assert (line.verdict, "no interval yet" in line.note) == ("not comparable", True)


FACTS = {"descheduled": True, "work": 0.8, "work_low": 0.7, "work_high": 0.9}


@pytest.mark.parametrize(
    ("facts", "word", "said"),
    [
        ({}, "tie", "paired-floor"),
        ({"ci_not_reached": True}, "tie", "ci-not-reached"),
        (FACTS, "better", "descheduled: judged by processor time 0.800x [0.700, 0.900]"),
        ({"descheduled": True, "work": 0.8}, "not comparable", "has no interval"),
    ],
)
def test_what_the_ratio_says_of_itself_is_heard(facts: dict[str, Any], word: str, said: str) -> None:
    ratio = Ratio(1.0, 0.9, 1.1, "a", "paired-floor", 5, facts=facts)
    pair = record("a"), record("b", steps=(Step("x"),), ratios={"latency": ratio})
    line = by_metric(compare_records(*pair))["latency"]
    assert (line.verdict, said in line.note) == (word, True)


def test_the_baseline_against_its_cell_is_the_inverse() -> None:
    ratio = Ratio(0.5, 0.4, 0.8, "a", "paired-floor", 5)
    line = by_metric(compare_records(record("b", steps=(Step("x"),), ratios={"latency": ratio}), record("a")))[
        "latency"
    ]
    assert line.ratio is not None
    assert (line.verdict, line.ratio.value, line.ratio.low, line.ratio.high) == ("worse", 2.0, 1.25, 2.5)


def test_a_class_that_contradicts_the_reading_claims_no_saving(tmp_path: Path) -> None:
    energy = Reading("J", "estimated", 1.0, 0.5, 2.0, 5, "m", facts={"domains": ["cpu"], "kind": "k"})
    first, second = (replace(each, readings={**each.readings, "energy": energy}) for each in (record("a"), record("b")))
    second = replace(second, ratios={"energy": Ratio(0.5, 0.4, 0.6, "a", "paired-energy", 5, "measured")})
    line = by_metric(compare_records(first, second))["energy"]
    assert line.verdict == "less processor time (estimated)"
    assert "no demonstrated saving" in "\n".join(_lines(second, tmp_path)).split("ratios")[1]


def test_an_interval_that_bounds_nothing_is_none_yet(tmp_path: Path) -> None:
    ratio = Ratio(1.29, 1e-12, 844997724001791.5, "a", "paired-floor", 2)
    second = record("b", ratios={"latency": ratio})
    line = by_metric(compare_records(record("a"), second))["latency"]
    assert (line.verdict, "no interval yet" in line.note) == ("not comparable", True)
    text = "\n".join(_lines(second, tmp_path))
    assert "1.290x [no interval yet]" in text
    assert "844997" not in text
    wide = record("b", ratios={"energy": Ratio(1.0, 0.001, 61033.432, "a", "paired-cpu-time", 2, "estimated")})
    assert "estimated  paired-cpu-time" in "\n".join(
        _lines(
            replace(
                wide, ratios={"x": Ratio(123456.789, 12345.678, 1234567.891, "a", "paired-cpu-time", 2, "estimated")}
            ),
            tmp_path,
        )
    )


@pytest.mark.parametrize(("runs", "code"), [(("one", "one"), 0), (("one", "two"), 4)])
def test_the_exit_code_goes_by_the_headline(tmp_path: Path, runs: tuple[str, str], code: int) -> None:
    for name, run in zip("ab", runs, strict=True):
        made = record(f"{name}{name}{name}", run)
        append_record(tmp_path / run / "records.jsonl", replace(made, cell=replace(made.cell, backend=name)))
    result = CliRunner().invoke(compare_command.command, ["aaa", "bbb", "--results", str(tmp_path)])
    assert result.exit_code == code, result.output
    assert "size" in result.output


def sides(folder: Path, count: int = 9) -> tuple[Record, Record]:
    """Journal launches of a baseline and of two cells, and return the records of the two."""
    import numpy as np

    names = {"base": Cell("s", "toy", (), "b"), "slow": Cell("s", "toy", (Step("x"),), "b")}
    names["small"] = Cell("s", "toy", (Step("y"),), "b")
    ids = {name: cell.id for name, cell in names.items()}
    with open_run(folder) as run:
        for each, other in zip(launches(count, ratio=0.5), launches(count, ratio=0.8, seed=1), strict=True):
            samples = {ids["base"]: each.samples["base"], ids["small"]: each.samples["small"]}
            samples[ids["slow"]] = other.samples["small"]
            header = each.meta["headers"]["base"]
            more = {"headers": dict.fromkeys(samples, header), "outputs": {cell: ["x"] for cell in samples}}
            meta = {**each.meta, **more, "artifacts": {cell: cell for cell in samples}}
            run.journal.append(names["base"].id, replace(each, meta=meta, samples=samples))
        for name, right in (("slow", 90), ("small", 80)):
            run.write_outcomes(ids[name], np.array([1.0] * right + [0.0] * (100 - right)))
    pair = []
    for name, right in (("slow", 0.9), ("small", 0.8)):
        made = record(name, steps=names[name].recipe)
        quality = Reading("1", "measured", right, right - 0.1, right + 0.1, 100, "held-out")
        energy = Reading("J", "estimated", 1.0, 0.5, 2.0, 5, "m", facts={"domains": ["cpu"], "kind": "k"})
        readings = {**made.readings, "quality": quality, "energy": energy}
        pair.append(replace(made, artifact=ids[name], readings=readings))
    return pair[0], pair[1]


def test_two_cells_of_one_comparison_are_paired_from_the_journal(tmp_path: Path) -> None:
    first, second = sides(tmp_path)
    assert by_metric(compare_records(first, second))["latency"].note == "unpaired-p50"
    found = by_metric(compare_records(first, second, tmp_path))
    latency = found["latency"]
    assert latency.ratio is not None
    assert (latency.ratio.method, latency.ratio.n, latency.verdict) == ("paired-floor", 9, "better")
    assert latency.ratio.value == pytest.approx(0.5 / 0.8, rel=0.02)
    assert {found[name].ratio.method for name in ("memory", "startup")} == {"paired-launch"}  # type: ignore[union-attr]
    assert found["energy"].verdict == "less processor time (estimated)"
    assert (found["quality"].verdict, "paired by example" in found["quality"].note) == ("worse", True)
    moved = replace(second, artifact="sha256:other")  # what was journaled is another artifact than the record's
    assert by_metric(compare_records(first, moved, tmp_path))["latency"].note == "unpaired-p50"
    for each in (tmp_path / "samples").glob("*.npz"):
        each.write_bytes(b"torn")
    assert "by intervals" in by_metric(compare_records(first, second, tmp_path))["quality"].note
