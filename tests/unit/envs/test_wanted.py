"""One environment for every set of requirements, found by the name of any offer in it."""

from __future__ import annotations

import pytest

from bench.envs import choose, of_offer, wanted_by
from bench.envs.wanted import base_requirements
from bench.errors import BenchError
from bench.offer import Kind, Offer


def offer(kind: Kind, name: str, *environment: str, **more: object) -> Offer:
    return Offer(kind, name, "a.b:c", environment=environment, **more)  # type: ignore[arg-type]


OFFERS = [
    offer("converter", "onnx-to-x", "x==1", "y", needs=("x", "y")),
    offer("backend", "x", "y", "x==1", needs=("x",), facts={"environment_bytes": 5e6}),
    offer("backend", "z", "z"),
    offer("backend", "torch"),
]


def test_offers_with_the_same_requirements_share_one() -> None:
    first, second = wanted_by(OFFERS)
    assert (first.name, first.offers, first.needs) == ("x", ("onnx-to-x", "x"), ("x", "y"))
    assert first.disk_bytes == 5e6
    assert second.name == "z"
    assert first.key == of_offer(OFFERS[0]).key == of_offer(OFFERS[1]).key != second.key


def test_any_offer_names_it_and_a_misspelt_one_is_told_the_nearest() -> None:
    wanted = wanted_by(OFFERS)
    assert choose("x", wanted) == choose("onnx-to-x", wanted) == wanted[0]
    with pytest.raises(BenchError, match="Did you mean 'onnx-to-x'"):
        choose("onx-to-x", wanted)


def test_the_key_changes_with_the_python_and_with_what_the_core_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    (wanted,) = wanted_by([OFFERS[2]])
    before = wanted.key
    monkeypatch.setattr("sysconfig.get_platform", lambda: "another")
    elsewhere = wanted.key
    monkeypatch.setattr("bench.envs.wanted.base_requirements", lambda: ["numpy>=99"])
    assert len({before, elsewhere, wanted.key}) == 3


def test_a_name_is_made_safe_for_a_folder() -> None:
    assert "/" not in of_offer(offer("backend", "../../x y", "z")).folder_name


def test_the_core_needs_three_packages_with_the_bounds_stated_for_them() -> None:
    stated = base_requirements()
    assert [each.rstrip("<>=.0123456789") for each in stated] == ["numpy", "psutil", "pluggy"]
