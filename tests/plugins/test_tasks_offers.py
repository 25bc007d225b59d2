"""What the plugin offers, read without loading what it needs."""

from __future__ import annotations

import json
import subprocess
import sys

import bench_tasks
import pytest

import bench

NAMES = ["toy", "mnist-dscnn", "mnist-resnet8", "minilm", "magika", "activity"]
FACTS = {"metric", "unit", "higher_is_better", "about", "licence", "source", "version", "trainable", "students"}


def test_every_task_is_offered_with_its_facts() -> None:
    offers = bench.offers_of(bench_tasks, "task")
    assert [each.name for each in offers] == NAMES
    for offer in offers:
        assert set(offer.facts) - {"training"} == FACTS
        # What the reference's own training took is known of those trained here; minilm comes trained.
        assert ("training" in offer.facts) == (offer.facts["trainable"] and offer.name != "minilm")
        assert offer.summary and offer.needs and offer.extra in {"torch", "mobile", "tasks"} and not offer.options
        assert bench.Offer.from_json(json.loads(json.dumps(offer.to_json()))) == offer


def test_formats() -> None:
    produced = {each.name: each.produces for each in bench.offers_of(bench_tasks)}
    assert produced == {name: ("onnx",) if name == "magika" else ("module",) for name in NAMES}


def test_declaring_imports_no_framework() -> None:
    code = (
        "import sys, bench, bench_tasks; bench.offers_of(bench_tasks);"
        "print(sorted({'torch', 'numpy', 'scipy', 'magika', 'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("offer", bench.offers_of(bench_tasks), ids=lambda each: each.name)
def test_the_object_keeps_what_the_offer_promises(offer: bench.Offer) -> None:
    attribute = offer.target.partition(":")[2]
    task = getattr(bench_tasks, attribute)()
    assert isinstance(task, bench.Task)
    assert isinstance(task, bench.TrainableTask) == offer.facts["trainable"]
    metric = task.metric
    assert (metric.name, metric.unit, metric.higher_is_better) == tuple(
        offer.facts[key] for key in ("metric", "unit", "higher_is_better")
    )
    for student in offer.facts["students"]:
        task.student(student)
