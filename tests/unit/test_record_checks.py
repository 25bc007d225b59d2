"""What no reader of records ever meets: fields stripped, of a wrong shape, or in contradiction to one another."""

import copy
import json
from typing import Any

import pytest

from bench.reading import Reading
from bench.record import BadRecord, Ratio, Record
from bench.suite.cell import Cell, Step

ESTIMATE = {
    "value": 0.002,
    "unit": "J",
    "class": "estimated",
    "low": 0.001,
    "high": 0.005,
    "n": 5,
    "meter": "cpu-seconds",
    "per": "inference",
    "kind": "cpu-seconds",
    "meter_version": "0.1.0",
    "domains": ["cpu-time of the worker"],
    "period_s": 1e-9,
    "window_s": 0.6,
    "n_windows": 5,
    "n_invalid": 0,
    "share": 1.0,
    "steal": None,
    "uncertainty": {"total_j": 0.003, "model_j": 0.0026, "scatter_j": 0.0004},
    "cpu_seconds": [0.0007, 0.0006, 0.0008],
    "coefficients": {"watts_per_cpu": 3.5, "factor": 2.3, "source": "a table"},
}
PARTS = {"edges_j": 0.01, "quantum_j": 0.02, "ripple_j": 0.0, "gaps_j": 0.0, "calibration_j": 0.03}
MEASURED = {
    **{key: value for key, value in ESTIMATE.items() if key not in ("coefficients", "cpu_seconds")},
    "class": "measured",
    "kind": "counter",
    "meter": "powercap",
    "uncertainty": {"total_j": 0.06, **PARTS, "scatter_j": 0.01},
}
OPTIONAL = {"cpu_seconds"}


def document(energy: dict[str, Any] = ESTIMATE, **more: Any) -> dict[str, Any]:
    latency = Reading("s", "measured", 1.0, 0.9, 1.1, 90, "wall", facts={"quantiles": {"p50": [1.0, 0.9, None]}})
    drop = {"value": 0.01, "low": 0.0, "high": 0.02, "gained": 1, "lost": 3}
    quality = Reading("1", "measured", 0.9, 0.8, 0.95, 100, "held-out", facts={"drop": drop, "metric": "accuracy"})
    readings = {"latency": latency, "quality": quality, "size": Reading.counted(10, "B")}
    ratios = {
        "latency": Ratio(0.5, 0.4, 0.6, "base", "paired-floor", 5),
        "energy": Ratio(0.5, 0.4, 0.6, "base", "paired-cpu-time", 5, "estimated"),
    }
    made = Record(
        "id", "ok", Cell("s", "t", (Step("prune"),), "b"), readings=readings, ratios=ratios,
        limits={"size": {"limit": 20.0, "value": 10, "ok": True}},
        lineage=({"step": "prune", "from": "module", "to": "torch", "seconds": 1.0, "options": {}, "log": []},),
    ).to_json()  # fmt: skip
    made["readings"]["energy"] = energy
    if energy.get("class") == "measured":
        made["ratios"]["energy"] |= {"method": "paired-energy", "class": "measured"}
    return {**json.loads(json.dumps(made)), **more}


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every field inside a value, its own excepted."""
    inner = value.items() if isinstance(value, dict) else ()
    return [path for key, each in inner for path in ((*at, key), *paths(each, (*at, key)))]


@pytest.mark.parametrize("energy", [ESTIMATE, MEASURED], ids=["estimated", "measured"])
def test_no_field_of_the_joules_of_an_inference_can_be_stripped(energy: dict[str, Any]) -> None:
    assert Record.from_json(document(energy)).readings["energy"].value == energy["value"]
    for path in paths(energy):
        if path[0] in OPTIONAL:
            continue
        stripped = copy.deepcopy(energy)
        part: Any = stripped
        for key in path[:-1]:
            part = part[key]
        del part[path[-1]]
        with pytest.raises(BadRecord):
            Record.from_json(document(stripped))


@pytest.mark.parametrize("name", ["latency", "quality", "size", "energy"])
def test_no_reading_loses_its_unit_or_its_class(name: str) -> None:
    for key in ("unit", "class"):
        whole = document()
        del whole["readings"][name][key]
        with pytest.raises(BadRecord, match=f"its {name} reading lacks {key}"):
            Record.from_json(whole)


@pytest.mark.parametrize(("name", "unit"), [("latency", "ms"), ("size", "s"), ("energy", "kWh")])
def test_a_unit_belongs_to_its_name(name: str, unit: str) -> None:
    whole = document()
    whole["readings"][name]["unit"] = unit
    with pytest.raises(BadRecord, match=f"its {name} reading"):
        Record.from_json(whole)


@pytest.mark.parametrize("validity", ["gone", None, {}, {"verdict": "valid"}, {"reasons": []}, "valid", [1]])
def test_a_record_owes_its_validity(validity: Any) -> None:
    whole = document(validity=validity)
    if validity == "gone":
        del whole["validity"]
    with pytest.raises(BadRecord, match="validity"):
        Record.from_json(whole)


@pytest.mark.parametrize("class_", ["measured", "derived", "counted"])
def test_an_estimate_cannot_pass_for_more(class_: str) -> None:
    for change in ({}, {"kind": "utilisation"}, {"kind": "counter"}):
        whole = document()
        whole["readings"]["energy"] |= {"class": class_, **change}
        with pytest.raises(BadRecord, match="it is estimated"):
            Record.from_json(whole)
    whole = document()
    whole["ratios"]["energy"]["class"] = class_
    with pytest.raises(BadRecord, match="it is estimated"):
        Record.from_json(whole)


DAMAGE = [
    (("ratios", "latency", "value"), "fast"),
    (("ratios", "latency", "low"), 10**400),
    (("ratios", "latency", "class"), None),
    (("ratios", "latency", "against"), ["x"]),
    (("readings", "latency", "unit"), ["s"]),
    (("readings", "latency", "value"), 10**400),
    (("readings", "latency", "low"), float("nan")),
    (("readings", "latency", "low"), 7.0),
    (("readings", "latency", "quantiles"), 3),
    (("readings", "latency", "quantiles"), {"p50": 3}),
    (("readings", "latency", "quantiles"), {"p50": [1.0]}),
    (("readings", "latency", "validity"), None),
    (("readings", "quality", "drop"), {"value": 0.1}),
    (("readings", "quality", "drop"), {"value": 0.1, "low": "x", "high": 0.2, "gained": 1, "lost": 1}),
    (("readings", "energy", "uncertainty"), ["total_j"]),
    (("readings", "energy", "domains"), "cpu"),
    (("validity", "reasons"), None),
    (("validity", "reasons"), [3]),
    (("validity", "verdict"), "splendid"),
    (("limits", "size"), {"limit": 3.0, "value": 1.0}),
    (("limits", "size", "ok"), "yes"),
    (("limits", "size"), 3),
    (("lineage",), "prune"),
    (("lineage",), [3]),
    (("lineage",), [{"seconds": "long"}]),
    (("lineage",), [{"log": 3}]),
    (("compression",), {"seconds": "long"}),
    (("compression",), {"break_even": {"low": "never"}}),
    (("compression",), {"training": 3}),
    (("audit",), {"far": 10**400}),
]


@pytest.mark.parametrize(("path", "value"), DAMAGE)
def test_a_damaged_field_is_refused_by_the_reader(path: tuple[str, ...], value: Any) -> None:
    whole = document()
    part: Any = whole
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(BadRecord, match="damaged"):
        Record.from_json(whole)


def test_endless_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(BadRecord, match="nested"):
        Record.from_json(document(audit={"deep": deep}))


def test_a_ratio_is_no_better_than_its_reading() -> None:
    record = Record.from_json(document())
    assert [record.class_of_ratio(name) for name in ("latency", "energy")] == ["measured", "estimated"]
    whole = document()
    whole["ratios"]["energy"] |= {"class": "measured", "method": "paired-energy"}
    assert Record.from_json(whole).class_of_ratio("energy") == "estimated"


WHY = "does not say why"


@pytest.mark.parametrize("name", ["latency", "quality", "energy"])
@pytest.mark.parametrize("gone", [("high",), ("low", "high")])
def test_a_measured_number_has_an_interval_or_says_why_not(name: str, gone: tuple[str, ...]) -> None:
    whole = document(MEASURED)
    whole["readings"][name] |= dict.fromkeys(gone)
    with pytest.raises(BadRecord, match=WHY):
        Record.from_json(whole)
    whole["readings"][name]["no_interval"] = "a reason"
    assert Record.from_json(whole).readings[name].high is None


def test_an_estimate_is_no_better_off() -> None:
    whole = document()
    whole["readings"]["energy"] |= {"low": None, "high": None}
    with pytest.raises(BadRecord, match="lacks low, high|" + WHY):
        Record.from_json(whole)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("latency", {"launches": 3}),
        ("quality", {"value": 1.0}),
        ("energy", {"n": 1, "n_windows": 1}),
        ("energy", {"uncertainty": {"total_j": 0.06}}),
    ],
)
def test_older_records_say_why_by_what_they_counted(name: str, said: dict[str, Any]) -> None:
    whole = document(MEASURED)
    whole["readings"][name] |= {"low": None, "high": None, **said}
    assert Record.from_json(whole).readings[name].low is None


@pytest.mark.parametrize("place", ["compression", "lineage"])
@pytest.mark.parametrize("change", [{"low": None, "high": None}, {"high": None}, "gone"])
@pytest.mark.parametrize("energy", [ESTIMATE, MEASURED], ids=["estimated", "measured"])
def test_joules_elsewhere_have_theirs_too(place: str, change: Any, energy: dict[str, Any]) -> None:
    once = {key: value for key, value in energy.items() if key not in ("per", "n")}

    def put(joules: dict[str, Any]) -> dict[str, Any]:
        if place == "compression":
            return document(compression={"phases": {"train": {"energy": joules}}})
        return document(lineage=[{"step": "prune", "energy": joules}])

    assert Record.from_json(put(once)).id
    broken = {**once, **change} if change != "gone" else {k: v for k, v in once.items() if k not in ("low", "high")}
    with pytest.raises(BadRecord, match="lacks low, high|" + WHY):
        Record.from_json(put(broken))
