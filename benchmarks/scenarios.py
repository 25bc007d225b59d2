"""Do our scenarios say what MLPerf's own load generator says? `python benchmarks/scenarios.py [--json]`, 2 minutes.

Needs mlcommons-loadgen (the extra `mlperf`). The system under test takes a known time a sample (a calibrated sleep: its
end is spun), and is asked by loadgen and by our code, scenario after scenario. In server both meet the same arrivals,
those of loadgen's trace, at 90 % utilisation; and those are replayed on a virtual clock, on which nothing is ever late.

single_p50_off_pct, single_p90_off_pct, single_throughput_off_pct    ours against loadgen's, percent of loadgen's
multi_…, server_…, offline_throughput_off_pct                        the same of the other scenarios
server_p99_off_pct            ours against loadgen's, live: what befell one query of a hundred
replay_p50_off_pct, replay_p90_off_pct, replay_p99_off_pct
                              loadgen's schedule on the virtual clock, with the times its queries took, against its run
open_over_closed_p99          p99 of the open loop over that of a closed loop, on the virtual clock at 90 %
sleep_over_asked_pct          how much longer the system under test takes than it was asked to, median: the calibration
queries                       of the server scenario
"""

from __future__ import annotations

import argparse
import importlib
import json
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure.scenarios import SteadyClock, VirtualClock, all_at_once, on_arrival, one_by_one, repeated

sys.path.insert(0, str(Path(__file__).resolve().parent))  # run as a script, from any folder
from harness import show

SERVICE_NS = 20_000_000
UTILISATION = 0.9
SAMPLES = 8
SEED = 7


@dataclass(frozen=True)
class Seen:
    """What one run showed.

    Latencies in ns by query, when each was due (ns from the first), samples a second; what serving each query took, ns.
    """

    latencies: Any
    due: Any
    throughput: float
    services: Sequence[int] = ()

    def quantile(self, q: float) -> float:
        """Return a quantile of the latency, ns."""
        return float(np.quantile(self.latencies, q))


def service(clock: SteadyClock | None = None) -> Callable[[], None]:
    """Return a call that takes SERVICE_NS."""
    clock = clock or SteadyClock()
    return lambda: clock.wait_until_ns(clock.now_ns() + SERVICE_NS)


class Asked:
    """loadgen's system under test: one thread serves sample after sample in the order they came."""

    def __init__(self, loadgen: Any) -> None:
        self.loadgen, self.waiting, self.call = loadgen, queue.SimpleQueue[Any](), service()
        self.services: list[int] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def issue(self, samples: Sequence[Any]) -> None:
        """Take a query's samples."""
        self.waiting.put([each.id for each in samples])

    def _serve(self) -> None:
        """Serve; what a query took includes what it took to hand it over, where it had to wait for that."""
        ended = 0
        while True:
            waited = not self.waiting.empty()
            if (ids := self.waiting.get()) is None:
                return
            began = ended if waited else time.perf_counter_ns()
            for _ in ids:
                self.call()
            ended = time.perf_counter_ns()
            self.services.append(ended - began)
            self.loadgen.QuerySamplesComplete([self.loadgen.QuerySampleResponse(each, 0, 0) for each in ids])


def by_loadgen(scenario: str, queries: int) -> Seen:
    """Let loadgen ask in one of its scenarios: SingleStream, MultiStream, Server, Offline."""
    loadgen = importlib.import_module("mlperf_loadgen")
    asked = Asked(loadgen)
    settings = loadgen.TestSettings()
    settings.scenario, settings.mode = getattr(loadgen.TestScenario, scenario), loadgen.TestMode.PerformanceOnly
    settings.min_query_count = settings.max_query_count = queries
    settings.min_duration_ms, settings.max_duration_ms = 0, 0
    settings.server_target_qps = UTILISATION * 1e9 / SERVICE_NS
    settings.offline_expected_qps = 1e9 / SERVICE_NS
    settings.multi_stream_samples_per_query = SAMPLES
    settings.schedule_rng_seed = SEED
    with tempfile.TemporaryDirectory() as folder:
        log = loadgen.LogSettings()
        log.log_output.outdir, log.enable_trace = folder, True
        sut = loadgen.ConstructSUT(asked.issue, lambda: None)
        qsl = loadgen.ConstructQSL(64, 64, lambda _: None, lambda _: None)
        loadgen.StartTestWithLogSettings(sut, qsl, settings, log, "")
        asked.waiting.put(None)
        asked.thread.join()
        loadgen.DestroyQSL(qsl)
        loadgen.DestroySUT(sut)
        found = traced((Path(folder) / "mlperf_log_trace.json").read_text())
        return replace(found, services=asked.services)


def traced(text: str) -> Seen:
    """Read loadgen's trace, a JSON document by intention, of which some lines are not JSON: its samples' are.

    A sample begins (`ts`, us) when it was due, and its latency counts from there; a query's is that of its last sample.
    """
    begun = '{"name":"Sample","cat":"default","ph":"b"'
    found = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith(begun)]
    due: dict[int, int] = {}
    latency: dict[int, int] = {}
    for each in found:
        number = each["args"]["query_seq"]
        due[number] = round(each["ts"] * 1e3)
        latency[number] = max(latency.get(number, 0), each["args"]["complete_ns"])
    order = sorted(due)
    moments, latencies = (np.array([kind[each] for each in order], dtype=np.int64) for kind in (due, latency))
    seconds = float((moments + latencies).max() - moments[0]) / 1e9
    return Seen(latencies, moments - moments[0], len(found) / seconds)


def by_us(scenario: str, queries: int, due: Any = None) -> Seen:
    """Ask the same system with our own code."""
    clock, call = SteadyClock(), service()
    if scenario == "Server":
        found, samples = on_arrival(call, due, clock), queries
    elif scenario == "Offline":
        found, samples = all_at_once(call, queries, clock), queries
    else:
        each = SAMPLES if scenario == "MultiStream" else 1
        found, samples = one_by_one(repeated(call, each), queries, clock), queries * each
    return Seen(found.latencies, due, samples * 1e9 / found.duration_ns)


def replayed(due: Any, services: Sequence[int]) -> Seen:
    """Ask a system whose samples take known times on the virtual clock."""
    clock, each = VirtualClock(), iter(services)
    found = on_arrival(lambda: clock.work(next(each)), due, clock)
    return Seen(found.latencies, due, len(due) * 1e9 / found.duration_ns)


def off(mine: float, theirs: float) -> float:
    """Return how far apart two numbers are, percent of the second."""
    return 100 * abs(mine - theirs) / theirs


def compare(queries: int) -> dict[str, float]:
    """Return the figures."""
    figures: dict[str, float] = {}
    for name, scenario, count in (
        ("single", "SingleStream", queries // 4),
        ("multi", "MultiStream", queries // 4 // SAMPLES),
        ("offline", "Offline", queries // 4),
    ):
        theirs, mine = by_loadgen(scenario, count), by_us(scenario, count)
        if scenario != "Offline":
            figures |= {f"{name}_{q}_off_pct": _apart(mine, theirs, q) for q in ("p50", "p90")}
        figures[f"{name}_throughput_off_pct"] = off(mine.throughput, theirs.throughput)
        if name == "single":
            figures["sleep_over_asked_pct"] = off(mine.quantile(0.5), SERVICE_NS)
    theirs = by_loadgen("Server", queries)
    mine = by_us("Server", queries, theirs.due)
    replay, even = (replayed(theirs.due, each) for each in (theirs.services, [SERVICE_NS] * queries))
    figures |= {f"server_{q}_off_pct": _apart(mine, theirs, q) for q in ("p50", "p90", "p99")}
    figures["server_throughput_off_pct"] = off(mine.throughput, theirs.throughput)
    figures |= {f"replay_{q}_off_pct": _apart(replay, theirs, q) for q in ("p50", "p90", "p99")}
    figures["open_over_closed_p99"] = even.quantile(0.99) / SERVICE_NS
    return figures | {"queries": float(queries)}


def _apart(mine: Seen, theirs: Seen, q: str) -> float:
    share = int(q[1:]) / 100
    return off(mine.quantile(share), theirs.quantile(share))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--queries", type=int, default=1_500, help="of the server scenario; a quarter of the others")
    arguments = parser.parse_args()
    show(compare(arguments.queries), as_json=arguments.json)


if __name__ == "__main__":
    main()
