"""The pure parts of benchmarks/runtimes.py: rows, figures' names, agreement, the table."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.stats import Interval

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from runtime_outputs import agreement
from runtime_table import markdown
from runtimes import Row, figures_of, reference_of, runtime_of

RATIO = Interval(0.5, 0.4, 0.6, 0.95, 9, "test")


def test_agreement_is_the_share_of_equal_top_classes_whatever_an_output_is_called():
    one = {"output": np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])}
    other = {"StatefulPartitionedCall:0": np.array([[5.0, 1.0], [9.0, 8.0], [7.0, 3.0], [6.0, 4.0]])}
    assert agreement(one, one) == 1
    assert agreement(one, other) == 0.75


def test_outputs_that_cannot_be_compared_are_an_error():
    with pytest.raises(ValueError, match="shapes"):
        agreement({"a": np.zeros((2, 3))}, {"a": np.zeros((2, 4))})
    with pytest.raises(ValueError, match="one output, not 2: a, b"):
        agreement({"a": np.zeros((2, 3)), "b": np.zeros(2)}, {"a": np.zeros((2, 3))})


def test_a_runtime_that_is_missing_has_a_row_that_says_so_and_no_figures():
    ran = Row("digits", "torch compile=True", "fp32", "", 1000, 1.0, 0.995, RATIO)
    missing = Row("digits", "xla", "fp32", "run 'bench env build xla' | now\nplease")
    assert markdown([ran, missing]).splitlines()[2:] == [
        "| digits | torch compile=True | fp32 | 1,000 | 1.000 | 0.500 [0.400, 0.600] | 99.50 % |",
        "| digits | xla | fp32 | run 'bench env build xla' / now please | - | - | - |",
    ]
    assert figures_of([ran, missing]) == {
        "cells": 2,
        "cells_ok": 1,
        "digits_torch_compile_True_fp32_size_ratio": 1.0,
        "digits_torch_compile_True_fp32_agreement_pct": 99.5,
        "digits_torch_compile_True_fp32_latency_ratio": 0.5,
    }


def test_a_task_that_torch_does_not_run_is_held_against_its_first_float_cell():
    def part(backend, recipe=(), **options):
        cell = SimpleNamespace(backend=backend, recipe=recipe, backend_options=options)
        return SimpleNamespace(side=SimpleNamespace(planned=SimpleNamespace(cell=cell)))

    keras = [part("tensorflow", recipe=("prune",)), part("tensorflow"), part("litert")]
    assert reference_of(keras) is keras[1]
    torch = [part("torch", compile=True), part("onnxruntime"), part("torch", recipe=("prune",)), part("torch")]
    assert reference_of(torch) is torch[3]
    assert runtime_of(torch[0]) == "torch compile=True"
