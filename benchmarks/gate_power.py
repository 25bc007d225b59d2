"""How often the gate is right: `python benchmarks/gate_power.py [--recordings DIR] [--json] [--candidates]`.

Recorded launches are drawn as units, without replacement, until the seconds of the case are spent, and shown to the
decision code of `bench gate` one by one. Figures are percentages of decisions that FAIL:
light15_aa, heavy45_aa        byte-identical sides, 15 s beside a light load, 45 s beside a heavy one
*_at_limit                    a true ratio at the fail limit, in both channels (identical sides, one of them scaled)
*_p2, *_p3                    more work, +2 % and +3 %
light30_p1_limit025           +1 % (scaled) against a limit of 0.25 %, 30 s
*_intermittent                a random tenth of the calls takes half as long again, processor time too
sim03_aa ... sim15_p3         15 launches simulated: rounds as recorded, launch offsets of 0.3, 0.6, 1.0, 1.5 % sd
cost50_ratio                  seconds to a verdict with 50 cells against 1, cells half unchanged and half +2 %
cost50_ratio_aa, _p2          the same by kind of cell
pytestbench_mean5_light_aa... other tools' rules at equal time (benchmarks/gate_peers.py)
Everything is drawn from fixed seeds: the figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from gate_cases import ends_of, figures  # noqa: E402 - see the line above
from gate_peers import BUDGETS, PEERS, VARIANTS, peer_figures  # noqa: E402 - see the line above
from gate_replay import Ends  # noqa: E402 - see the line above
from harness import show  # noqa: E402 - see the line above

from bench.stats import wilson  # noqa: E402 - its neighbours stand above


def rows(ends: Mapping[str, Ends]) -> str:
    """Lay out our rule: how each case ended, with Wilson's interval of the failures, and what it cost."""
    lines = [f"{'case':24}{'FAIL %':>22}{'PASS %':>8}{'open %':>8}{'launches':>10}{'seconds':>9}"]
    for name, each in ends.items():
        share = wilson(int(each.failed.sum()), each.failed.size).mapped(lambda p: 100 * p)
        failed = f"{share.value:6.2f} [{share.low:5.2f}, {share.high:6.2f}]"
        passed = 100 * float(each.passed.mean())
        spent = f"{each.launches.mean():10.1f}{each.seconds.mean():9.1f}"
        lines.append(f"{name:24}{failed:>22}{passed:8.1f}{100 - share.value - passed:8.1f}{spent}")
    return "\n".join(lines)


def peer_rows(ours: Mapping[str, float], peers: Mapping[str, float]) -> str:
    """Lay the peers out beside our rule: percent of decisions that fail."""
    columns = [f"{regime}{int(budget)}_{variant}" for regime, budget in BUDGETS.items() for variant in VARIANTS]
    lines = [f"{'decisions that FAIL, %':24}" + "".join(f"{each:>13}" for each in columns)]
    lines.append(f"{'bench gate':24}" + "".join(f"{ours[each]:13.1f}" for each in columns))
    for name in PEERS:
        values = [peers[f"{name}_{regime}_{variant}"] for regime in BUDGETS for variant in VARIANTS]
        lines.append(f"{name:24}" + "".join(f"{each:13.1f}" for each in values))
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=Path, default=HERE / "recordings")
    parser.add_argument("--resamples", type=int, default=2000, help="sequences of each pair of a case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--candidates", action="store_true", help="compare rival rules instead")
    asked = parser.parse_args(argv)
    if asked.candidates:
        import gate_rivals

        print(gate_rivals.compare(asked.recordings, asked.resamples, asked.seed))
        return 0
    ends = ends_of(asked.recordings, asked.resamples, asked.seed)
    ours, peers = figures(ends), peer_figures(asked.recordings, min(asked.resamples, 400), asked.seed)
    if not asked.json:
        print(rows(ends), peer_rows(ours, peers), "", sep="\n\n")
    show({**ours, **peers}, as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
