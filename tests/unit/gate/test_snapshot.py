"""The baseline file: what goes in comes out, small, and damage is named."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.errors import BenchError
from bench.gate.facts import CellFacts
from bench.gate.snapshot import from_text, pack, rounded, to_text, unpack
from bench.reading import Reading


def cell(name: str, **more: object) -> CellFacts:
    counts = {
        "size": Reading.counted(8776, "B"),
        "flops": Reading.counted(2560, "FLOP"),
        "odd": Reading.counted(1, "x"),
    }
    outcomes = np.array([1.0, 0.0, 1.0] * 5)
    made = CellFacts(name, f"toy · {name}", artifact="sha256:aa", format="onnx", counts=counts, outcomes=outcomes)
    return CellFacts(**{**vars(made), "metric": {"name": "accuracy"}, "outputs": ("b", "a"), **more})


def test_what_goes_in_comes_out() -> None:
    text = to_text("s", [cell("b"), cell("a")])
    name, found = from_text(text, "f.json")
    assert (name, list(found)) == ("s", ["a", "b"])
    assert found["a"].outcomes.tolist() == [1.0, 0.0, 1.0] * 5
    assert {key: each.value for key, each in found["a"].counts.items()} == {"size": 8776, "flops": 2560}
    assert found["a"].outputs == ("a", "b")
    assert to_text("s", found.values()) == text
    assert text.endswith("}\n")


@given(arrays(np.float64, st.integers(1, 70), elements=st.sampled_from([0.0, 1.0])))
def test_right_and_wrong_take_a_bit_each(outcomes: np.ndarray) -> None:
    packed = json.loads(json.dumps(pack(outcomes)))
    assert unpack(packed).tolist() == outcomes.tolist()
    assert len(packed["bits"]) <= len(outcomes) / 6 + 4


@given(arrays(np.float64, st.integers(1, 70), elements=st.floats(-1e6, 1e6)))
def test_other_outcomes_are_kept_as_precise_as_they_are_compared(outcomes: np.ndarray) -> None:
    assert unpack(pack(outcomes)).tolist() == rounded(outcomes).tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.pop("cells"),
        lambda data: data.update(schema="bench.baseline/9"),
        lambda data: data.update(cells=[1]),
        lambda data: data["cells"]["a"].pop("artifact"),
        lambda data: data["cells"]["a"]["outcomes"].update(n=999),
        lambda data: data["cells"]["a"]["outcomes"].update(n=-1),
        lambda data: data["cells"]["a"]["outcomes"].update(n=1e400),
        lambda data: data["cells"]["a"]["counts"].update(size=10**400),
        lambda data: data["cells"]["a"].update(outcomes={"n": 3, "floats": "bm90IGRlZmxhdGVk"}),
        lambda data: data["cells"]["a"].update(outcomes=pack([0.5, float("nan")])),
        lambda data: data["cells"]["a"]["outcomes"].update(bits="not base64!"),
        lambda data: data["cells"]["a"]["counts"].update(nothing=3),
        lambda data: data["cells"]["a"]["counts"].update(size="big"),
        lambda data: data["cells"].update(a=None),
    ],
)
def test_damage_is_named_with_its_file(damage) -> None:
    data = json.loads(to_text("s", [cell("a")]))
    damage(data)
    with pytest.raises(BenchError, match=r"f\.json"):
        from_text(json.dumps(data), "f.json")


@given(st.text(max_size=60))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(BenchError):
        from_text(text, "f.json")


def test_a_bomb_is_not_inflated() -> None:
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()
    with pytest.raises(ValueError, match="bytes for 3 examples"):
        unpack({"n": 3, "floats": bomb})
