"""What backends execute, on the record: asked once for an artifact, and a failure costs the audit only."""

from typing import Any

import pytest

from .conftest import FILES


def audited(house: Any, named: Any, how: str, **more: Any) -> Any:
    house.files = (*house.files, FILES / "saying.py")
    house.backend, house.backend_options = "saying", {"how": how}
    records = named(house.run("same", **more).records)
    assert {each.status for each in records.values()} == {"ok"}
    return {name: each.audit for name, each in records.items()}


@pytest.mark.parametrize(("how", "method"), [("profile", "by hand"), ("fact", "its facts")])
def test_a_session_says_it_itself_or_in_its_facts(house: Any, named: Any, how: str, method: str) -> None:
    found = audited(house, named, how)
    assert found["none"]["executed"]["method"] == method
    assert found["none"]["executed"]["products"] == {"float64": 1.0}
    assert (found["none"]["verdict"], found["same"]["verdict"]) == (None, "no-op")


@pytest.mark.parametrize(("how", "says"), [("raises", "the profiler is broken"), ("nonsense", "'products'")])
def test_a_failure_costs_the_audit_only(house: Any, named: Any, how: str, says: str) -> None:
    assert says in audited(house, named, how)["same"]["executed"]["reason"]


def test_what_is_known_is_not_asked_again(house: Any, named: Any) -> None:
    first = audited(house, named, "profile")
    asked = len(house.spy.of("profile"))
    assert 1 <= asked <= 2
    again = audited(house, named, "profile", out="again")
    assert {name: each["executed"] for name, each in again.items()} == {
        name: each["executed"] for name, each in first.items()
    }
    assert len(house.spy.of("profile")) == asked


def test_a_backend_that_says_nothing_is_asked_once(house: Any, named: Any) -> None:
    records = named(house.run("same").records)
    assert records["same"].audit["executed"] == {"reason": "the backend does not say what it executes"}
    asked = len(house.spy.of("profile"))
    house.run("same", out="again")
    assert len(house.spy.of("profile")) == asked
