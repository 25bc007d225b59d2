"""What a runtime's own counters say of a window."""

import pytest

from bench.measure.counted import odd


@pytest.mark.parametrize(
    ("executed", "compiled", "says"),
    [
        (7, 0, None),
        (0, 0, "the runtime executed 0 graphs for 7 calls"),
        (14, 0, "the runtime executed 14 graphs for 7 calls"),
        (7, 1, "the runtime compiled 1 graphs while it was timed"),
        (6, 1, "the runtime executed 6 graphs for 7 calls"),
    ],
)
def test_a_window_is_one_execution_a_call_and_nothing_compiled(executed: int, compiled: int, says: str | None) -> None:
    assert odd({"calls": 7, "executed": executed, "compiled": compiled}) == says
