"""The oracle of scenarios, as far as it needs no load generator: its trace is read, its schedule replayed."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scenarios.py"


@pytest.fixture(scope="module")
def scenarios() -> Any:
    spec = importlib.util.spec_from_file_location("scenarios_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module, before = importlib.util.module_from_spec(spec), list(sys.path)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


TRACE = """{"traceEvents":[
{"name":"LogDetail","ph":"X","pid":1,"tid":1,"ts":1.5,"dur":2.0,"args":{"key":""version""}},
{"name":"Sample","cat":"default","ph":"b","pid":1,"id":0,"ts":100.250,"args":{"query_seq":0,"complete_ns":1000}},
{"name":"Sample","cat":"default","ph":"e", "pid":1,"id":0,"ts":101.25},
{"name":"Sample","cat":"default","ph":"b","pid":1,"id":1,"ts":100.250,"args":{"query_seq":0,"complete_ns":2000}},
{"name":"Sample","cat":"default","ph":"b","pid":1,"id":2,"ts":105.250,"args":{"query_seq":1,"complete_ns":5000}},
{"name":"LastTrace"}
"""


def test_a_querys_latency_is_that_of_its_last_sample(scenarios: Any) -> None:
    found = scenarios.traced(TRACE)
    assert found.latencies.tolist() == [2000, 5000]
    assert found.due.tolist() == [0, 5000]
    assert round(found.throughput) == 300_000  # three samples in ten microseconds


def test_a_replay_is_the_queue(scenarios: Any) -> None:
    found = scenarios.replayed(np.array([0, 5, 30]), [10, 10, 10])
    assert found.latencies.tolist() == [10, 15, 10]


def test_apart_is_percent_of_the_second(scenarios: Any) -> None:
    assert scenarios.off(99.0, 100.0) == 1.0
