"""What a session says it executed."""

from typing import Any

import pytest

from bench.execution import Operation, check_executed, executed


def test_shares_of_types_and_of_time() -> None:
    found = executed(
        [
            Operation("MatMulInteger", "product", "int8", 3.0, calls=2),
            Operation("MatMul", "product", "float32", 1.0),
            Operation("MatMulNBits", "product", "float32", 1.0, weights="int4"),
            Operation("DequantizeLinear", "convert", "int8", 2.0),
            Operation("Cast", "convert", "int32", 1.0),
            Operation("Relu", "other", "float32", 2.0),
        ],
        method="a profile",
        calls=2,
    )
    assert found["products"] == {"float32": 0.2, "float32 on int4 weights": 0.2, "int8": 0.6}
    assert (found["product_share"], found["convert_share"], found["dequantise_share"]) == (0.5, 0.3, 0.2)
    assert found["seconds"] == 5.0
    assert found["operators"][0] == {
        "name": "MatMulInteger",
        "kind": "product",
        "dtype": "int8",
        "calls": 1.0,
        "share": 0.3,
    }
    assert check_executed(found) is found


def test_many_operators_are_cut_short() -> None:
    found = executed([Operation(f"op{i}", "other", "float32", 1.0) for i in range(20)], method="m", calls=1)
    assert (len(found["operators"]), found["further_operators"]) == (12, 8)
    assert found["products"] == {}


def test_nothing_seen_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operator"):
        executed([], method="m", calls=1)


@pytest.mark.parametrize(
    "odd",
    [{"products": {"int8": "all"}}, {"products": []}, {"product_share": 7}, {"convert_share": "0"}, {"operators": [1]}],
)
def test_what_a_record_could_not_hold_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="executed must be"):
        check_executed(odd)
