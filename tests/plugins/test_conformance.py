"""The conformance kit over every backend of ours: one test a rule, a backend and a network."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import bench
from bench.testing.conformance import CHECKS, Subject, judge, subject_of

# Backend -> (module, class, options, attribute of the exported network). Add a line for a new backend.
BACKENDS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "torch": ("bench_torch", "TorchBackend", {}, "torch"),
    "torch-compiled": ("bench_torch", "TorchBackend", {"compile": True}, "torch"),
    "onnxruntime": ("bench_onnxruntime", "OnnxRuntimeBackend", {}, "onnx"),
    "openvino": ("bench_openvino", "OpenVinoBackend", {}, "onnx"),
}
# What torch.compile keeps of every program it compiled until the process ends: 0.8 MB each were seen.
GROWTH = {"torch-compiled": 2 << 20}


def _subject(name: str, exported: Any) -> Subject:
    module, attribute, options, kind = BACKENDS[name]
    pytest.importorskip("torch", reason="the networks of these tests are torch modules")
    pytest.importorskip("onnx", reason="the files of these tests are ONNX, and plugins install one by one")
    offer = getattr(importlib.import_module(module), attribute)
    for need in bench.offers_of({attribute: offer})[0].needs:
        pytest.importorskip(need, reason=f"{need} is not installed here: see `tox -av`")

    def reference(inputs: Any) -> Any:
        import torch

        with torch.no_grad():
            found = exported.module(**{key: torch.tensor(value) for key, value in inputs.items()})
        return {"output": found.numpy()}

    more = {"growth_bytes": GROWTH[name]} if name in GROWTH else {}
    return subject_of(
        offer(**options), getattr(exported, kind), inputs=exported.make, reference=reference, tolerance=1e-4, **more
    )


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_keeps_the_rules(name: str, check: str, exported: Any) -> None:
    found = judge(check, _subject(name, exported))
    if found.status == "skipped":
        pytest.skip(found.note)
    assert found.status == "passed", found.note
