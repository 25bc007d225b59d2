"""The overhead benchmarks as pytest-benchmark tests: `pytest tests/benchmarks --benchmark-enable` times them.

Without that flag each runs once, which shows that the benchmark still works; no test asserts a time.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

from bench.measure.recorder import record_block

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def overhead():
    spec = importlib.util.spec_from_file_location("overhead", SCRIPTS / "overhead.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before


def test_record_a_call(benchmark, overhead):
    samples, _ = benchmark(record_block, overhead._nothing, 1000)
    assert samples.shape == (1005,)


def test_block_round_trip(benchmark, overhead, tmp_path):
    bench = overhead.BlockBench(tmp_path)
    try:
        samples = benchmark(bench.block).arrays["samples"]
        assert samples.shape == (10 + 5,)
        assert (samples[:10] > 0).all()
    finally:
        bench.worker.close()


def test_expand_10000_cells(benchmark, overhead, tmp_path):
    path = overhead.write_big_suite(tmp_path)
    assert benchmark.pedantic(overhead.expand, args=(path,), rounds=1) == 10_000


def test_render_5000_records(benchmark, overhead):
    from bench.publish import render

    records = overhead.synthetic_records(5_000)
    page = benchmark.pedantic(render, args=(records,), kwargs={"title": "big", "generated": "2026-01-01"}, rounds=1)
    assert page.lower().startswith("<!doctype html>")


def test_samples_take_at_most_five_bytes(overhead):
    """Recorded launches, so the same everywhere."""
    assert 2 < overhead.sample_bytes() <= 5


def test_the_share_of_recording_is_a_number(overhead):
    assert overhead.recording_share_pct(repeats=3) == pytest.approx(0, abs=100)
