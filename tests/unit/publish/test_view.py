from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bench.publish.model import Cell, GroupView, Row, View
from bench.publish.view import build_view
from bench.reading import Reading
from bench.record import BadRecord, Ratio, Record
from bench.suite.cell import Step

Make = Callable[..., Record]
Joules = Callable[..., Reading]


def view_of(*records: Record, **more: Any) -> View:
    return build_view(records, title="Board", generated="now", **more)


def cell(group: GroupView, row: Row, key: str) -> Cell:
    return row.cells[[column.key for column in group.columns].index(key)]


def by_name(group: GroupView) -> dict[str, Row]:
    return {each.cells[1].text: each for each in group.rows}


def test_rows_are_ranked_by_latency_as_ranges(make: Make) -> None:
    records = (
        make("base", latency=(0.010, 0.0099, 0.0101)),
        make("a", "prune", latency=(0.0100, 0.0099, 0.0102)),
        make("b", "quantize", latency=(0.005, 0.0049, 0.0051)),
    )
    group = view_of(*records).groups[0]
    assert [(each.cells[0].text, each.cells[1].text) for each in group.rows] == [
        ("1", "quantize"),
        ("2\N{EN DASH}3", "none"),
        ("2\N{EN DASH}3", "prune"),
    ]


def test_ranks_never_cross_groups(make: Make) -> None:
    view = view_of(make("a", group="one"), make("b", group="two", latency=(1.0, 0.9, 1.1)))
    assert [group.rows[0].cells[0].text for group in view.groups] == ["1", "1"]


@pytest.mark.parametrize("verdict", ["suspect", "invalid", "<script>"])
def test_doubtful_rows_are_unranked_with_their_reason(make: Make, verdict: str) -> None:
    doubtful = make(
        "a", "prune", latency=(0.001, 0.0009, 0.0011), validity={"verdict": verdict, "reasons": ["drifted"]}
    )
    group = view_of(make("base"), doubtful).groups[0]
    row = by_name(group)["prune"]
    assert row.cells[0].text == "—"
    assert "drifted" in row.unranked
    assert by_name(group)["none"].cells[0].text == "1"
    assert cell(group, row, "validity").badge == ("suspect" if verdict == "suspect" else "invalid")


def test_an_estimated_latency_is_never_ranked_beside_a_measured_one(make: Make) -> None:
    guess = make("a", "prune", latency=None, readings={"latency": Reading("s", "estimated", 0.001, 0.0009, 0.0011)})
    group = view_of(make("base"), guess).groups[0]
    assert "estimated" in by_name(group)["prune"].unranked
    assert cell(group, by_name(group)["prune"], "latency").badge == "estimated"


@pytest.mark.parametrize(
    ("ratio", "word"), [((0.52, 0.51, 0.53), "better"), ((1.1, 1.05, 1.2), "worse"), ((0.99, 0.97, 1.01), "tie")]
)
def test_the_ratio_says_better_worse_or_tie_by_its_interval(make: Make, ratio: Any, word: str) -> None:
    group = view_of(make("base"), make("a", "prune", ratio=ratio)).groups[0]
    assert cell(group, by_name(group)["prune"], "ratio").badge == word
    assert cell(group, by_name(group)["none"], "ratio").note == "the baseline"


def test_a_ratio_without_interval_claims_nothing(make: Make) -> None:
    group = view_of(make("base"), make("a", "prune", ratio=(0.5, math.nan, math.nan))).groups[0]
    found = cell(group, by_name(group)["prune"], "ratio")
    assert (found.text, found.badge) == ("0.5000\N{MULTIPLICATION SIGN}", "")


@pytest.mark.parametrize("class_", ["measured", "derived", "estimated"])
def test_every_energy_figure_carries_its_class(make: Make, joules: Joules, class_: str) -> None:
    ratios = {"energy": Ratio(0.5, 0.4, 0.6, "base", "paired", class_="measured")}
    record = make("a", "prune", energy=joules(0.004, class_), ratios=ratios)
    view = view_of(make("base", energy=joules(0.008, class_)), record)
    group = view.groups[0]
    for row in group.rows:
        assert cell(group, row, "energy").badge == class_
        assert cell(group, row, "energy_ratio").badge == class_
    assert f"{class_}" in " ".join(view.summary)
    lines = [line for part in view.sheets[1].sections for line in part.rows if line[0].startswith("energy")]
    assert len(lines) >= 2
    assert all(class_ in " ".join(line) for line in lines if "domains" not in line[0])


def test_unavailable_energy_shows_its_reason_and_never_a_zero(make: Make) -> None:
    group = view_of(make("base", energy=Reading.missing("J", "no meter can read here"))).groups[0]
    found = cell(group, group.rows[0], "energy")
    assert (found.text, found.note, found.badge, found.sort) == ("—", "no meter can read here", "unavailable", None)


def test_energy_is_sorted_inside_one_class_and_set_of_domains(make: Make, joules: Joules) -> None:
    group = view_of(
        make("base", energy=joules(0.9)),
        make("a", "prune", energy=joules(0.1, "estimated")),
        make("b", "quantize", energy=joules(0.5, domains=("package", "dram"))),
        make("c", "distill", energy=joules(0.8)),
    ).groups[0]
    blocks = {name: cell(group, row, "energy").block for name, row in by_name(group).items()}
    assert blocks["none"] == blocks["distill"]
    assert len(set(blocks.values())) == 3
    assert blocks["prune"] == max(blocks.values())
    assert any("never across" in note for note in group.notes)


def test_joules_of_two_kinds_are_never_sorted_together(make: Make, joules: Joules) -> None:
    def kind(value: float, class_: str, name: str, *domains: str) -> Reading:
        made = joules(value, class_, domains=domains or ("package",))
        return replace(made, facts={**made.facts, "kind": name})

    group = view_of(
        make("base", energy=kind(0.9, "measured", "counter", "package", "dram")),
        make("a", "prune", energy=kind(0.1, "measured", "power", "package", "dram")),
        make("b", "quantize", energy=kind(0.5, "estimated", "cpu-seconds")),
        make("c", "distill", energy=kind(0.8, "estimated", "utilisation")),
        make("d", "low-rank", energy=kind(0.7, "measured", "counter", "dram", "package")),
    ).groups[0]
    blocks = {name: cell(group, row, "energy").block for name, row in by_name(group).items()}
    assert blocks.pop("none") == blocks.pop("low-rank")
    assert len(set(blocks.values())) == 3


def test_missing_readings_are_a_dash_with_a_reason(make: Make) -> None:
    group = view_of(make("base", latency=None, quality=None)).groups[0]
    for key in ("quality", "latency", "energy"):
        assert cell(group, group.rows[0], key).text == "—"
        assert cell(group, group.rows[0], key).note == "not read"
    assert group.rows[0].unranked == "no latency"
    assert group.chart is None


@pytest.mark.parametrize("bad", [True, 1e200, -1e300])
def test_impossible_values_render_as_missing(make: Make, bad: Any) -> None:
    record = make("base", latency=(bad, bad, bad), quality=(bad, 0.1, 0.2), energy=Reading("J", "measured", bad))
    group = view_of(record, make("a", "prune")).groups[0]
    assert cell(group, by_name(group)["none"], "latency").text == "—"
    assert by_name(group)["prune"].cells[0].text == "1"


def test_the_drop_is_the_paired_one_when_there_is_one(make: Make) -> None:
    drop = {"value": 0.004, "low": 0.001, "high": 0.007}
    quality = Reading("1", "measured", 0.896, 0.88, 0.91, facts={"metric": "accuracy", "drop": drop})
    group = view_of(make("base"), make("a", "prune", quality=None, readings={"quality": quality})).groups[0]
    found = cell(group, by_name(group)["prune"], "drop")
    assert (found.text, found.note, found.badge) == ("0.40", "[0.10, 0.70]", "worse")
    assert cell(group, by_name(group)["none"], "drop").note == "the baseline"


@pytest.mark.parametrize(("higher", "expected"), [(True, 10.0), (False, -10.0)])
def test_without_a_paired_drop_the_difference_stands_without_interval(
    make: Make, higher: bool, expected: float
) -> None:
    facts = {"metric": "loss", "higher_is_better": higher}
    base, other = (Reading("1", "measured", value, facts=facts) for value in (0.9, 0.8))
    records = (
        make("base", quality=None, readings={"quality": base}),
        make("a", "prune", quality=None, readings={"quality": other}, ratio=(0.5, 0.4, 0.6)),
    )
    group = view_of(*records).groups[0]
    found = cell(group, by_name(group)["prune"], "drop")
    assert found.sort == pytest.approx(expected / 100)
    assert (found.note, found.badge) == ("", "")


@pytest.mark.parametrize("status", ["unsupported", "failed", "timeout", "oom", "interrupted"])
def test_cells_that_did_not_run_stand_in_their_group_with_the_reason(make: Make, status: str) -> None:
    lost = make(
        "x", "prune", status=status, reason="run 'bench env build litert'", detail="Traceback\n  boom", group=""
    )
    view = view_of(make("base"), lost)
    assert len(view.groups) == 1
    (outage,) = view.groups[0].outages
    assert (outage.status, outage.reason) == (status, "run 'bench env build litert'")
    assert "boom" in outage.detail
    assert f"1 {status}" in " ".join(view.summary)


def test_a_comparison_of_which_nothing_ran_still_shows(make: Make) -> None:
    view = view_of(make("x", "prune", status="failed", reason="boom", group=""))
    assert view.groups[0].rows == ()
    assert view.groups[0].outages[0].reason == "boom"


def test_the_page_opens_on_the_largest_group(make: Make) -> None:
    small = [make("s", group="small")]
    large = [make("base", group="large", task="other"), make("a", "prune", group="large", task="other")]
    view = view_of(*small, *large)
    assert view.opening == next(each.anchor for each in view.groups if each.task == "other")


def test_groups_of_one_name_are_told_apart_by_their_machine(make: Make) -> None:
    records = [
        make(str(n), group=f"g{n}", machine={"processor": name}) for n, name in enumerate(("Cortex", "Xeon", "Xeon"))
    ]
    places = [each.place for each in view_of(*records).groups]
    assert len(set(places)) == 3
    assert "Cortex" in places[0]


def test_limits_are_counted_and_those_missed_named(make: Make) -> None:
    limits = {
        "size": {"limit": 2e6, "value": 3e6, "ok": False},
        "latency_p90": {"limit": 0.03, "value": 0.01, "ok": True},
        "energy": {"limit": 1.0, "value": None, "ok": None},
    }
    view = view_of(make("base", limits=limits))
    found = cell(view.groups[0], view.groups[0].rows[0], "limits")
    assert (found.text, found.badge) == ("1/3", "missed")
    assert "size" in found.note
    assert "energy not judged" in found.note


def test_extra_columns_stand_beside_their_records(make: Make) -> None:
    view = view_of(make("base"), make("a", "prune"), extra_columns={"Carbon (g)": [1.25], "Note": ["<i>", None]})
    group = view.groups[0]
    assert [column.label for column in group.columns[-2:]] == ["Carbon (g)", "Note"]
    assert [each.text for each in by_name(group)["none"].cells[-2:]] == ["1.250", "<i>"]
    assert [each.text for each in by_name(group)["prune"].cells[-2:]] == ["—", "—"]


def test_same_ids_get_different_anchors(make: Make) -> None:
    view = view_of(make("same"), make("same", "prune"), make("!!!", "quantize"))
    assert len(set(view.anchors)) == 3
    assert all(each.startswith("r-") for each in view.anchors)


def test_several_backends_of_one_group_are_named_in_their_rows(make: Make) -> None:
    view = view_of(make("a"), make("b", backend="onnxruntime", latency=(0.001, 0.0009, 0.0011)))
    assert [row.cells[1].note for row in view.groups[0].rows] == ["onnxruntime · the baseline", "torch · the baseline"]
    assert view.groups[0].place == "torch, onnxruntime · cpu"


def test_a_record_with_options_that_are_no_mapping_is_refused_by_name(make: Make) -> None:
    with pytest.raises(BadRecord, match=r"record bad-one is damaged"):
        view_of(make("bad-one", Step("prune", "x")))  # type: ignore[arg-type]


def test_the_fastest_uncompressed_cell_says_so(make: Make) -> None:
    ratios = {"latency_vs_best": Ratio(2.0, 1.9, 2.1, "base", "unpaired-p50")}
    group = view_of(make("base"), make("a", "prune", ratios=ratios)).groups[0]
    assert cell(group, by_name(group)["none"], "best").note == "the fastest"
    assert cell(group, by_name(group)["prune"], "best").badge == "worse"


@pytest.mark.parametrize(("low", "note"), [(None, "no interval"), (0.0, "unbounded interval")])
def test_a_measurement_without_interval_says_so_and_may_have_any_rank(make: Make, low: float | None, note: str) -> None:
    open_ended = make("a", "prune", latency=(0.001, low, None))
    group = view_of(make("base"), open_ended).groups[0]
    assert cell(group, by_name(group)["prune"], "latency").note == note
    assert by_name(group)["prune"].cells[0].text == "1\N{EN DASH}2"


def test_no_records_make_an_empty_page() -> None:
    assert view_of().groups == ()


def test_a_moment_is_shown_to_the_minute() -> None:
    assert build_view([], title="t", generated=datetime(2026, 1, 2, 3, 4, 5)).generated == "2026-01-02 03:04"
