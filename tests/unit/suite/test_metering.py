"""What a suite writes under `measure.meter` and `measure.window`."""

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from bench.errors import ConfigError
from bench.offer import Bounds, Offer, Option
from bench.suite import Measure, Step, Vocabulary, json_schema, load

HEAD = "bench: 1\nname: s\nmatrix: {task: toy, backend: torch}\n"
DEVICE = Option("device", "int", default=None, nullable=True, bounds=Bounds(ge=0))
OFFERS = (
    Offer("task", "toy", "t:toy"),
    Offer("backend", "torch", "b:t"),
    Offer("meter", "powercap", "m:p", options=(Option("root", "str", default="/sys"),)),
    Offer("meter", "nvml", "m:n", options=(DEVICE,)),
    Offer("meter", "needy", "m:x", options=(Option("program", "str"),)),
    Offer("meter", "utilisation", "m:u", options=(Option("tdp_w", "float", default=1.0),), facts={"for": "display"}),
)
GOOD = {
    "auto": Step("auto"),
    "powercap": Step("powercap"),
    "{powercap: }": Step("powercap"),
    "{powercap: {root: /dump}}": Step("powercap", {"root": "/dump"}),
    "{nvml: {device: 1}}": Step("nvml", {"device": 1}),
    "{nvml: {device: ~}}": Step("nvml", {"device": None}),
    "{needy: {program: x}}": Step("needy", {"program": "x"}),
}
BAD = {
    "powrcap": (10, "unknown meter 'powrcap'. Did you mean 'powercap'?"),
    "{powrcap: {}}": (11, "unknown meter 'powrcap'"),
    "{nvml: {device: -1}}": (26, "'device' must be at least 0"),
    "{nvml: {devise: 1}}": (18, "unknown option 'devise' of 'nvml'. Did you mean 'device'?"),
    "{nvml: {device: [0, 1]}}": (26, "one meter: its options do not fan out"),
    "[powercap, nvml]": (10, "one meter"),
    "{powercap: {}, nvml: {}}": (10, "a meter is 'auto', a name"),
    "{auto: {}}": (11, "'auto' has no options"),
    "3": (10, "a meter is 'auto', a name"),
    "needy": (10, "'needy' needs the option 'program'"),
    "utilisation": (10, "no ground for a rank"),
    "{utilisation: {tdp_w: 65}}": (11, "no ground for a rank"),
}


@pytest.fixture
def read(tmp_path):
    def read(line, known=True):
        path = tmp_path / "s.yaml"
        path.write_text(f"{HEAD}measure:\n  {line}\n")
        return load(path, vocabulary=Vocabulary.of(OFFERS) if known else None, env={"TREE": "/dump"}).measure

    return read


@pytest.fixture(scope="module")
def validator():
    return Draft202012Validator(json_schema(Vocabulary.of(OFFERS)))


def document(line):
    return YAML(typ="safe", pure=True).load(f"{HEAD}measure:\n  {line}\n")


@pytest.mark.parametrize(("text", "step"), GOOD.items(), ids=list(GOOD))
def test_a_meter_is_a_name_with_options(read, validator, text, step):
    assert read(f"meter: {text}").meter == step
    assert validator.is_valid(document(f"meter: {text}"))


@pytest.mark.parametrize(("text", "place", "says"), [(text, *found) for text, found in BAD.items()], ids=list(BAD))
def test_a_mistake_is_pointed_at(read, validator, text, place, says):
    with pytest.raises(ConfigError) as caught:
        read(f"meter: {text}")
    assert says in caught.value.message
    assert (caught.value.line, caught.value.column) == (5, place)
    assert not validator.is_valid(document(f"meter: {text}"))


def test_left_out_it_is_auto(read):
    assert read("idle: 1s").meter == Measure().meter == Step("auto")
    assert read("idle: 1s").window_s is None


def test_without_a_vocabulary_any_name_goes(read):
    assert read("meter: {anything: {at: all}}", known=False).meter == Step("anything", {"at": "all"})


def test_variables_stand_in_options(read):
    assert read('meter: {powercap: {root: "${TREE}"}}').meter == Step("powercap", {"root": "/dump"})


def test_a_suite_writes_its_meter(read):
    measure = read("meter: {nvml: {device: 1}}")
    assert measure.to_json()["meter"] == {"name": "nvml", "options": {"device": 1}}


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60.0), ("500 ms", 0.5), ("10min", 600.0)])
def test_a_window_is_a_time(read, text, seconds):
    assert read(f"window: {text}").window_s == seconds


@pytest.mark.parametrize(
    ("text", "says"),
    [("10", "the unit is missing"), ("50ms", "at least 0.1 s"), ("-1s", "between 0 s"), ("[1s]", "one quantity")],
)
def test_no_window(read, text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        read(f"window: {text}")
    assert (caught.value.line, caught.value.column) == (5, 11)
