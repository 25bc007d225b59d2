"""The burden is work, sized once, added to every call, and changes no result."""

import pytest

from bench.measure import burden


def test_turns_are_in_proportion_to_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {True: burden.CALIBRATION_TURNS * 1e-8, False: 0.0}
    monkeypatch.setattr(burden, "fastest", lambda call: times[call.__name__ == "<lambda>"])
    assert burden.turns_for(1e-3, 0.04) == 4000
    assert burden.turns_for(1e-3, 0.02) == 2000
    assert burden.turns_for(1e-9, 0.02) == 1


def test_what_wrapping_costs_is_part_of_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def fastest(call: object) -> float:
        return {"<lambda>": burden.CALIBRATION_TURNS * 1e-8, "heavier": 1e-5}.get(call.__name__, 0.0)  # type: ignore[attr-defined]

    monkeypatch.setattr(burden, "fastest", fastest)
    assert burden.turns_for(1e-3, 0.04) == 3000


def test_the_result_is_the_call_s_own() -> None:
    seen: list[int] = []
    assert burden.burdened(lambda: seen.append(1) or "result", 10)() == "result"  # type: ignore[func-returns-value]
    assert seen == [1]
