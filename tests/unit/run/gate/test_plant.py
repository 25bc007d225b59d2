"""The self-test for real: processes, the wire, and a plant so large that no machine hides it."""

from typing import Any

import pytest

from bench.gate.rule import GateLimits
from bench.machine import machine_facts
from bench.plan import make_plan
from bench.run import Settings, spawn_child
from bench.run.build import Builder
from bench.run.gate import Bench, build_parts
from bench.run.gate.building import probe
from bench.run.gate.pair import Rules
from bench.run.gate.selftest import judged, planted_share
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.store import Cache, Journal


def test_what_is_planted_is_seen_and_what_is_the_same_is_not_failed(house: Any) -> None:
    catalogue = house.catalogue()
    plan = make_plan(house.cells([]), catalogue)
    settings = Settings(Cache(house.base / "cache"), spawn_child, rounds=4, timeout_s=60.0)
    metering = Metering(settings, catalogue, lambda text: None)
    builder = Builder(settings, catalogue, Ledger(), metering, plan)
    (part,) = build_parts(plan, builder, metering, machine_facts(), lambda *words: None)
    bench = Bench(builder, metering, Journal(house.base / "journal"), machine_facts(), lambda *words: None)
    wide = Rules(GateLimits(0.3, 0.6, 0.3, 0.6), 0.05, 1)
    pair = bench.self_test(part, None, wide, 1.5)
    for _ in range(12):
        if pair.decisions[pair.candidates[1].id].outcome != "inconclusive":
            break
        pair.step(lambda *words: None)
    pair.close()
    test = judged(pair, 1.5)
    assert test.planted is not None
    assert test.planted.outcome == "fail", test
    assert test.planted.ratio is not None
    assert test.planted.ratio[0] > 1.6
    assert {len(each.samples) for each in pair.launches} == {3}
    outputs = {digest for each in pair.launches for side in each.meta["outputs"].values() for digest in side}
    assert len(outputs) == 1, "a burden changes no output"
    assert not [each for each in (house.base / "cache" / "work").iterdir() if each.is_dir()]


def test_outputs_are_remembered_and_looked_at_again_when_asked(house: Any) -> None:
    catalogue = house.catalogue()
    plan = make_plan(house.cells([]), catalogue)
    settings = Settings(Cache(house.base / "cache"), house.spy, timeout_s=60.0)
    metering = Metering(settings, catalogue, lambda text: None)
    builder = Builder(settings, catalogue, Ledger(), metering, plan)
    (part,) = build_parts(plan, builder, metering, machine_facts(), lambda *words: None)
    first = probe(part, builder)
    opened = len(house.spy.of("open"))
    assert probe(part, builder).facts.outputs == first.facts.outputs != ()
    assert len(house.spy.of("open")) == opened
    assert probe(first, builder, again=True).facts.outputs == first.facts.outputs
    assert len(house.spy.of("open")) == opened + 1
    assert not house.spy.of("block")


@pytest.mark.parametrize(("limits", "share"), [(GateLimits(), 0.06), (GateLimits(0.1, 0.2, 0.1, 0.25), 0.5)])
def test_twice_what_may_pass_is_planted(limits: GateLimits, share: float) -> None:
    assert planted_share(limits) == pytest.approx(share)
