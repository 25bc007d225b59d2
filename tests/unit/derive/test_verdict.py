"""The verdict: each sentinel alone, what it doubts and what it leaves alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.derive import Stop, derive_comparison, sentinels
from bench.derive.launches import INVOLUNTARY, VOLUNTARY
from bench.derive.limits import judge_limits
from bench.derive.verdict import JOULES, descheduled, doubts, summary
from bench.reading import VERDICTS, Reading
from bench.store import Launch

METER = {
    "meter": "m",
    "version": "1",
    "kind": "cpu-seconds",
    "domains": ["cpu"],
    "watts_per_cpu": 4,
    "factor": 2,
    "source": "t",
}
IDLE = {
    "seconds": 0.5,
    "cores": 4,
    "total_s": 2.0,
    "busy_s": 0.55,
    "others_s": 0.02,
    "steal_s": 0.0,
    "pressure_s": 0.01,
}


def beside(made: list[Launch], *watches: Mapping[str, Any]) -> list[Launch]:
    """Return the launches with what the watch saw, the watches in turn."""
    return [
        Launch({**each.meta, "watch": {**IDLE, **watches[at % len(watches)]}}, each.samples)
        for at, each in enumerate(made)
    ]


def tail(made: list[Launch], place: int, value: int) -> list[Launch]:
    """Return the launches with one of the facts behind each block's calls set."""
    for each in made:
        for rows in each.samples.values():
            rows[:, int(each.meta["n"]) + place] = value
    return made


@pytest.mark.parametrize(
    ("watches", "says", "doubted"),
    [
        ([{}], "", set()),
        ([{"others_s": 0.3}], "", set()),
        ([{"others_s": 0.5}], "other work took 25% of the processor time", {"latency", "startup"}),
        ([{"others_s": 2.0}, {"others_s": 0.0}, {"others_s": 0.0}, {"others_s": 0.0}], "other work took 25%", None),
        ([{"pressure_s": 0.45}], "", set()),
        ([{"pressure_s": 0.45, "others_s": 0.25}], "waited for a processor 90% of the time", {"latency", "startup"}),
        ([{"steal_s": 0.2}], "hypervisor took 27%", {"latency", "memory", "startup", *JOULES}),
        ([{"steal_s": 0.02}], "", set()),
        ([{"throttled_s": 0.05}], "quota held processes back 10%", {"latency", "startup"}),
        ([{"thermal_events": 1}], "slowed down for heat 8 times", {"latency", "startup", *JOULES}),
        ([{"thermal_events": 0}], "", set()),
        ([{"frequency_hz": 3e9}, {"frequency_hz": 2e9}], "between 2.00 and 3.00 GHz", {"latency", "startup", *JOULES}),
        ([{"frequency_hz": 3e9}, {"frequency_hz": 2.9e9}], "", set()),
        ([{"cores": 1}], "", set()),
        ([{"quota": 0.5}], "1 threads share 0.5 processors", {"latency", "startup", *JOULES}),
    ],
)
def test_what_the_watch_saw(make: Any, derive: Any, watches: Any, says: str, doubted: set[str] | None) -> None:
    found = derive(beside(make(), *watches))["small"]
    assert says in " ".join(found.validity["reasons"])
    assert found.validity["verdict"] == ("suspect" if says else "valid")
    if doubted is not None:
        assert {name for name, each in found.readings.items() if each.verdict != "valid"} == doubted
        assert all(says in " ".join(found.readings[name].reasons) for name in doubted)


def test_threads_without_processors(make: Any) -> None:
    made = beside(make(), {"cores": 2})
    assert doubts(made, "small", 2) == []
    (found,) = doubts(made, "small", 4)
    assert found.reason == "4 threads share 2 processors: they wait for one another"


@pytest.mark.parametrize(("step_ns", "doubted"), [(70, False), (50_000, True)])
def test_a_clock_that_is_too_coarse(make: Any, step_ns: int, doubted: bool) -> None:
    made = make(ratio=0.5)
    for each in made:
        each.meta["headers"] = {cell: {"clock_step_ns": step_ns} for cell in each.samples}
    assert [each.reason for each in doubts(made, "small", 1)] == [
        "the clock's smallest step is 10% of a call"
    ] * doubted


@pytest.mark.parametrize(("switches", "doubted"), [(1, False), (3, True)])
def test_blocks_that_are_preempted(make: Any, switches: int, doubted: bool) -> None:
    """Blocks of 13 calls of a millisecond: one switch is 77 a second."""
    found = doubts(tail(make(ratio=1.0), INVOLUNTARY, switches), "base", 1)
    assert bool(found) == doubted
    assert all("preempted" in each.reason for each in found)


def test_a_switch_now_and_then_in_tiny_blocks_is_no_doubt(make: Any) -> None:
    """Thirteen calls of 5 us: a single switch in a block is 15,000 a second."""
    made = make(8, ratio=1.0, base_ns=5e3)
    for each in made:
        each.samples["base"][0, 13 + INVOLUNTARY] = 1
    assert doubts(made, "base", 1) == []
    assert doubts(tail(made, INVOLUNTARY, 1), "base", 1) != []


def test_a_session_that_waits_by_itself_is_not_descheduled(make: Any) -> None:
    waiting = tail(make(cpu_share=0.3), VOLUNTARY, 13)
    assert descheduled(make(cpu_share=0.3), "base", 1)
    assert not descheduled(waiting, "base", 1)
    assert doubts(waiting, "base", 1) == []
    assert descheduled(tail(waiting, INVOLUNTARY, 40), "base", 1)


def test_rounds_that_heat_up(make: Any) -> None:
    made = make(8, cpu_share=1.5)
    for each in made:
        for rows in each.samples.values():
            rows[:, : int(each.meta["n"])] = (rows[:, : int(each.meta["n"])].T * np.linspace(1, 1.3, len(rows))).T
    (found,) = doubts(made, "base", 1)
    assert "from the first rounds of a launch to the last" in found.reason


def test_floors_that_differ_between_launches(make: Any) -> None:
    made = [each for at in range(8) for each in make(1, base_ns=1e6 * (1.3 if at % 2 else 1.0), seed=at)]
    (found,) = doubts(made, "base", 1)
    assert "even the fastest calls differ by 30% between launches" in found.reason
    assert found.readings == ("latency", "energy")


def test_calls_that_are_not_alike(make: Any) -> None:
    made = make(8, cpu_share=7.0)
    for each in made:
        each.samples["base"][:, 3:9] *= 2
    (found,) = doubts(made, "base", 1)
    assert "the median is 2.0x the floor" in found.reason


def test_wrong_outputs_make_every_number_invalid(make: Any, derive: Any) -> None:
    found = derive(make(outputs=lambda index, cell: [f"{index}"], cpu_share=0.5))["small"]
    assert found.validity["reasons"][0] == "the same inputs gave 8 different outputs"
    assert {each.verdict for each in found.readings.values() if each.value is not None} == {"invalid"}
    limits = judge_limits(
        {"latency_p50": 1.0, "memory": 1.0, "size": 10.0}, {**found.readings, "size": Reading.counted(1, "B")}
    )
    assert {name: each["ok"] for name, each in limits.items()} == {"latency_p50": None, "memory": None, "size": True}


def test_an_unavailable_number_stays_unavailable(make: Any, derive: Any) -> None:
    found = derive(make(outputs=lambda index, cell: [f"{index}"]), meter=None)["small"].readings["energy"]
    assert (found.class_, found.verdict) == ("unavailable", "valid")


def test_a_journal_without_a_watch_raises_no_doubt(make: Any) -> None:
    made = make()
    assert doubts(made, "small", 64) == []
    assert doubts([Launch({**each.meta, "watch": {}}, each.samples) for each in made], "small", 64) == []
    assert sentinels.watched(made, "others_s", "total_s") is None
    assert sentinels.stolen(made) is None
    assert sentinels.frequencies(made) is None
    assert sentinels.processors(made) is None


SECONDS = ("seconds", "total_s", "busy_s", "others_s", "steal_s", "pressure_s", "throttled_s")
WATCHES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(SECONDS, st.floats(0, 10, allow_nan=False)),
        "thermal_events": st.integers(0, 9),
        "frequency_hz": st.floats(1e8, 5e9),
        "cores": st.integers(1, 64),
        "quota": st.floats(0.1, 64),
    },
)


@settings(deadline=None, max_examples=60)
@given(st.lists(WATCHES, min_size=1, max_size=6), st.integers(1, 8), st.booleans())
def test_the_cell_is_as_doubtful_as_its_worst_number(
    make: Any, watches: list[dict[str, Any]], threads: int, broken: bool
) -> None:
    made = make(6, outputs=lambda index, cell: [str(index * broken)])
    made = [Launch({**each.meta, "watch": watches[at % len(watches)]}, each.samples) for at, each in enumerate(made)]
    found = derive_comparison(made, "base", "b", threads=threads, batch=1, stop=Stop(0.02), meter=METER)["small"]
    worst = max((each.verdict for each in found.readings.values()), key=VERDICTS.index)
    assert found.validity["verdict"] == worst
    assert set(found.validity["reasons"]) == {reason for each in found.readings.values() for reason in each.reasons}
    assert summary(doubts(made, "small", threads)) == found.validity


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"calls": 13, "executed": 13, "compiled": 0}, None),
        ({"calls": 13, "executed": 0, "compiled": 0}, "the runtime executed 0 graphs for 13 calls (in 1 of 48 windows"),
        ({"calls": 13, "executed": 13, "compiled": 2}, "the runtime compiled 2 graphs while it was timed (in 1 of 48"),
    ],
)
def test_what_the_runtime_counted(make: Any, derive: Any, window: dict[str, int], says: str | None) -> None:
    sound = {"calls": 13, "executed": 13, "compiled": 0}
    made = [Launch({**each.meta, "counted": {"small": [sound] * 6}}, each.samples) for each in make()]
    made[3].meta["counted"]["small"][5] = window  # type: ignore[index]
    found = derive(made)
    assert found["base"].validity["verdict"] == "valid", "who does not count is not doubted"
    assert found["small"].validity["verdict"] == ("invalid" if says else "valid")
    verdicts = {each.verdict for each in found["small"].readings.values()}
    assert verdicts == {"invalid" if says else "valid"}
    assert says is None or any(each.startswith(says) for each in found["small"].validity["reasons"])
