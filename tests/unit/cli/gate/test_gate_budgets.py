"""Baseline files, budgets and what is accepted: reviewed like code, with a place for every mistake."""

import json
from typing import Any

import pytest

from bench.errors import ConfigError

ACCEPT = "accept:\n  - {{cell: recipe=work, metric: latency, reason: the new kernel is safer, expires: {date}}}\n"


def test_the_baseline_file_is_small_sorted_and_changes_where_something_did(gated: Any) -> None:
    assert gated.gate("--update").exit_code == 0
    path = gated.base / "bench-baseline.json"
    first = path.read_text()
    assert gated.gate("--update").exit_code == 0
    assert path.read_text() == first
    gated.write(PAD=2)
    result = gated.gate("--update")
    assert "0 new, 1 changed, 0 gone" in result.output
    changed = [a for a, b in zip(first.splitlines(), path.read_text().splitlines(), strict=True) if a != b]
    assert [each.split(":")[0].strip() for each in changed] == ['"artifact"', '"size"', '"size_compressed"']
    data = json.loads(first)
    assert list(data["cells"]) == sorted(data["cells"])
    (outcomes,) = {json.dumps(each["outcomes"]) for each in data["cells"].values()}
    assert len(json.loads(outcomes)["bits"]) < 40  # 200 examples in 25 bytes


def test_a_gate_against_the_file_is_the_default_and_catches_what_is_exact(gated: Any) -> None:
    gated.gate("--update")
    assert gated.gate().exit_code == 0
    gated.write(PAD=5000)
    result = gated.gate()
    assert (result.exit_code, gated.outcomes(result)["size"]) == (1, "fail")
    assert gated.outcomes(result)["latency"] == "pass"  # the cache still has the baseline's artifact


def test_an_update_of_some_cells_keeps_the_others(gated: Any) -> None:
    gated.gate("--update")
    gated.write(PAD=2)
    before = json.loads((gated.base / "bench-baseline.json").read_text())
    assert gated.gate("--update", "--only", "recipe=none").exit_code == 0
    assert json.loads((gated.base / "bench-baseline.json").read_text()) == before


def test_a_failed_cell_keeps_its_old_block_and_is_an_error(gated: Any) -> None:
    gated.gate("--update")
    before = (gated.base / "bench-baseline.json").read_text()
    gated.write(WRONG="'x'")
    assert gated.gate("--update").exit_code == 3
    assert (gated.base / "bench-baseline.json").read_text() == before


def test_a_new_cell_is_a_warning_and_its_budgets_count(gated: Any) -> None:
    gated.gate("--update", "--only", "recipe=none")
    result = gated.gate()
    assert (result.exit_code, gated.outcomes(result)) == (0, {"baseline": "warn"})
    (gated.base / "budget.yaml").write_text("size: 10 B\n")
    assert gated.gate("--budget", "budget.yaml").exit_code == 1


def test_a_baseline_of_nothing_here_is_not_comparable(gated: Any) -> None:
    gated.gate("--update")
    path = gated.base / "bench-baseline.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "cells": {}}))
    assert gated.gate().exit_code == 4


def test_what_is_accepted_warns_until_its_date(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)
    (gated.base / "budget.yaml").write_text(ACCEPT.format(date="2999-01-31"))
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
    found = gated.metric(result, "latency")
    assert (result.exit_code, found["outcome"]) == (0, "warn")
    assert found["accepted"] == "the new kernel is safer (until 2999-01-31)"
    gated.write()
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
    assert any("nothing to accept any more" in each for each in result.report["notes"])


def test_what_was_accepted_is_an_error_afterwards(gated: Any) -> None:
    kept = gated.run()
    (gated.base / "budget.yaml").write_text("size: 3 MB\n" + ACCEPT.format(date="2020-01-31"))
    error = gated.gate("--against", str(kept), "--budget", "budget.yaml").exception
    assert isinstance(error, ConfigError)
    assert (error.line, error.column, error.exit_code) == (3, 5, 2)
    assert "latency of recipe=work (the new kernel is safer)" in str(error)


@pytest.mark.parametrize("words", ["recipe=worc", "id=ffff", "colour=red"])
def test_an_acceptance_that_fits_no_cell_is_a_mistake(gated: Any, words: str) -> None:
    text = ACCEPT.format(date="2999-01-31").replace("recipe=work", words)
    (gated.base / "budget.yaml").write_text(text)
    error = gated.gate("--against", "x", "--budget", "budget.yaml").exception
    assert isinstance(error, ConfigError)
    assert (error.file, error.line) == ("budget.yaml", 2)


def test_a_missing_cell_can_be_accepted(gated: Any) -> None:
    kept = gated.run()
    gated.write((gated.base / "gated.yaml").read_text().replace("[none, work]", "[none]"))
    result = gated.gate("--against", str(kept))
    (missing,) = (each["id"] for each in result.report["cells"] if each["status"] == "missing")
    text = ACCEPT.format(date="2999-01-31").replace("recipe=work", missing).replace("latency", "missing")
    (gated.base / "budget.yaml").write_text(text)
    assert gated.gate("--against", str(kept), "--budget", "budget.yaml").exit_code == 0


def test_a_budget_of_the_suite_and_its_limits_carry_their_places(gated: Any) -> None:
    kept = gated.run()
    suite = (gated.base / "gated.yaml").read_text()
    gated.write(suite + "limits: {quality_drop: 1.0 pp, size: 10 B}\ngate:\n  quality: '>= 99.9 %'\n", WRONG=3)
    result = gated.gate("--against", str(kept))
    (cell,) = (each for each in result.report["cells"] if "· work ·" in each["name"])
    budgets = {each["metric"]: each for each in cell["metrics"] if each["kind"] == "budget"}
    assert {name: each["outcome"] for name, each in budgets.items()} == dict.fromkeys(budgets, "fail")
    lines = {name: each["place"]["line"] for name, each in budgets.items()}
    assert lines == {"quality_drop": 8, "size": 8, "quality": 10}
    assert result.exit_code == 1


def test_a_wider_budget_lets_a_slower_artifact_pass(gated: Any) -> None:
    kept = gated.run()
    gated.write(EXTRA=1)
    (gated.base / "budget.yaml").write_text("latency: +10 %\n")
    result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
    assert (result.exit_code, gated.metric(result, "latency")["limit"]) == (0, "+10 %"), result.output


def test_an_absolute_latency_is_judged_on_a_candidate_alone(gated: Any) -> None:
    kept = gated.run()
    for text, code in (("latency_p50: 10 ms\n", 0), ("latency_p50: 100 us\n", 1)):
        (gated.base / "budget.yaml").write_text(text)
        result = gated.gate("--against", str(kept), "--budget", "budget.yaml")
        assert (result.exit_code, gated.metric(result, "latency_p50")["kind"]) == (code, "budget"), result.output
    assert {len(each) for each in gated.machine.launches} == {1}


@pytest.mark.parametrize("format_", ["md", "junit", "json", "github"])
def test_every_format_is_printed_and_written(gated: Any, format_: str) -> None:
    kept = gated.run()
    result = gated.gate("--against", str(kept), "--format", format_)
    assert result.exit_code == 0
    names = {each.name for each in (gated.base / "gate").glob("[!.]*") if each.is_file()}
    assert names == {"gate.json", "gate.md", "gate.xml", "summary.md"}
