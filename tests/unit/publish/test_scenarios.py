"""Groups of other scenarios than single-stream: their columns, what they are ranked by, who is ranked at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.publish.context import Context
from bench.publish.rows import columns, rows, unranked
from bench.reading import Reading
from bench.record import Ratio, Record


def per_second(value: float, **more: Any) -> Reading:
    return Reading("1/s", "measured", value, value * 0.99, value * 1.01, 7, **more)


def shown(records: list[Record]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    context = Context.of(records)
    heads, used = columns(context, (), {id(each): [] for each in records})
    anchors = {id(each): each.id for each in records}
    made = rows(context, anchors, used, (), {id(each): [] for each in records})
    keys = [each.key for each in heads]
    return {each.key: each for each in heads}, [dict(zip(keys, each.cells, strict=True)) for each in made]


@pytest.fixture
def group(make: Callable[..., Record]) -> Callable[..., list[Record]]:
    def build(scenario: str, name: str, **options: Any) -> list[Record]:
        ratio = Ratio(3.0, 2.9, 3.1, "slow", "paired-throughput", 7)
        made = [
            make("slow", readings={name: per_second(100.0), "throughput": per_second(90.0)}),
            make("fast", "prune", readings={name: per_second(300.0)}, ratios={name: ratio}),
        ]
        return [
            replace(each, cell=replace(each.cell, scenario=scenario, scenario_options=options), validity=VALID)
            for each in made
        ]

    return build


VALID = {"verdict": "valid", "reasons": []}


def test_offline_is_ranked_by_throughput(group: Callable[..., list[Record]]) -> None:
    heads, (first, second) = shown(group("offline", "throughput"))
    assert "throughput" in heads["rank"].help
    assert (first["recipe"].text, first["rank"].text, second["rank"].text) == ("prune", "1", "2")
    assert first["throughput_ratio"].badge == "better"
    assert heads["latency"].label == "Call p50"


def test_server_is_ranked_by_the_highest_rate(group: Callable[..., list[Record]]) -> None:
    heads, (first, _) = shown(group("server", "max_rate", p99=0.05))
    assert "rate" in heads["rank"].help
    assert first["recipe"].text == "prune"
    assert first["max_rate_ratio"].badge == "better"
    assert "p99" in heads


def test_server_at_a_rate_is_ranked_by_latency(group: Callable[..., list[Record]]) -> None:
    heads, _ = shown(group("server", "throughput", rate=50.0))
    assert "median latency" in heads["rank"].help


def test_single_stream_has_none_of_these_columns(make: Callable[..., Record]) -> None:
    heads, _ = shown([make("one"), make("two", "prune")])
    assert not {"p99", "throughput", "throughput_ratio", "max_rate", "max_rate_ratio"} & set(heads)


def test_the_p99_is_read_off_the_quantiles_or_absent(group: Callable[..., list[Record]]) -> None:
    first, second = group("server", "max_rate", p99=0.05)
    latency = first.readings["latency"]
    known = replace(latency, facts={"quantiles": {"p99": [0.03, 0.02, None]}})
    _, made = shown([replace(first, readings={**first.readings, "latency": known}), second])
    texts = {each["recipe"].text: each["p99"].text for each in made}
    assert texts == {"none": "30", "prune": "—"}


def test_what_misses_the_quality_target_is_not_ranked(group: Callable[..., list[Record]]) -> None:
    first, second = group("offline", "throughput")
    missed = replace(second, limits={"quality_loss": {"limit": 0.01, "value": 0.03, "ok": False}})
    context = Context.of([first, missed])
    assert unranked(context, missed) == "the quality target is not met"
    assert unranked(context, first) == ""


def test_a_failed_search_is_not_ranked(group: Callable[..., list[Record]]) -> None:
    first, second = group("server", "max_rate", p99=0.05)
    lost = replace(second, readings={**second.readings, "max_rate": Reading.missing("1/s", "in 1 of 7 launches …")})
    assert unranked(Context.of([first, lost]), lost) == "no max rate"
