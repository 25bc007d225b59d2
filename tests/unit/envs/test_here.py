"""The rule that says whether an offer needs its environment: import names found, versions met."""

from __future__ import annotations

import importlib.metadata

import pytest

from bench.envs.here import unmet, why_unmet

NUMPY = importlib.metadata.version("numpy")
HAVE = {"thing": "1.5", "local": "1.0 @ file:///a.whl", "early": "2.0rc1"}


@pytest.mark.parametrize(
    ("requirement", "why"),
    [
        ("thing", None),
        ("thing>=1,<2", None),
        ("thing[extra]==1.5", None),
        ("thing==1.6", "thing is 1.5, not ==1.6"),
        ("thing==1.6; python_version < '3'", None),
        ("other", "other is not installed"),
        ("local @ file:///a.whl", None),
        ("local @ file:///b.whl", "local is not the one at file:///b.whl"),
        ("thing @ file:///a.whl", "thing is not the one at file:///a.whl"),
        ("early>=2.0rc1", None),
    ],
)
def test_a_requirement_is_met_by_version_or_address(requirement: str, why: str | None) -> None:
    assert why_unmet(requirement, HAVE.get) == why


def test_import_names_come_first() -> None:
    assert unmet([f"numpy=={NUMPY}"], ["numpy"]) == ()
    assert unmet([f"numpy=={NUMPY}"], ["numpy", "no_such_name"]) == ("no_such_name is not installed",)
    assert unmet(["numpy==0.1"], ["numpy"]) == (f"numpy is {NUMPY}, not ==0.1",)
