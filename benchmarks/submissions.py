"""Does the submission checker tell honest from tampered? `python benchmarks/submissions.py [--json]`.

Honest submissions are runs, each of one task on one backend with the recipes of a shipped suite, kept short; all that
are asked for are made, and checked as they are. The first one that has a compressed cell with numbers is then tampered
with in every way that benchmarks/tampering.py knows, each on a copy of its own.

honest             submissions made (of so many suites: honest_suites)
honest_accepted    of them accepted
honest_cells       cells with numbers in them
tampered           ways to tamper
tampered_rejected  of them rejected, with a finding about what was tampered with
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.cli.setup import open_registry, open_suite
from bench.store import Cache, RunFolder, cache_folder
from bench.suite import Suite
from bench.validate import Report, check

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # run as a script, from any folder
from harness import show  # noqa: E402 - see the line above
from tampering import TAMPERS, Folder  # noqa: E402

SUITES = ("smoke", "mobile", "runtimes", "compressors", "tensorflow", "cuda")


def slices(suite: Suite, budget: str) -> Iterator[tuple[str, str]]:
    """Yield a name and the text of a suite for every comparison of a suite: its recipes on one task and backend."""
    for index, cells in enumerate(suite.comparisons().values()):
        base = cells[0]
        recipes = [[step.to_json() for step in each.recipe] for each in cells if each.recipe]
        matrix = {
            "task": [base.task],
            "recipe": ["none", *(_recipe(steps) for steps in recipes)],
            "backend": [{base.backend: dict(base.backend_options)} if base.backend_options else base.backend],
            "device": [base.device],
            "scenario": [base.scenario],
            "batch": [base.batch],
            "threads": [base.threads],
        }
        document = {"bench": 1, "name": f"{suite.name}-{index}", "matrix": matrix, "measure": {"repeat": budget}}
        yield f"{suite.name}-{index:02d}", json.dumps({**document, "limits": {"latency": "10 s"}})


def _recipe(steps: Sequence[dict[str, Any]]) -> object:
    parts = [{str(each["name"]): _options(each["options"])} if each["options"] else each["name"] for each in steps]
    return parts[0] if len(parts) == 1 else parts


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as a recipe has them: a list would be so many recipes, a list in a list is one."""
    return {name: [value] if isinstance(value, list) else value for name, value in options.items()}


def honest(folder: Path, suites: Sequence[str], budget: str, most: int) -> list[Path]:
    """Run slices of suites, taking turns among these, until there are as many as asked for; return their folders."""
    registry, catalogue = open_registry()
    queues = [list(slices(open_suite(each, registry, catalogue)[0], budget)) for each in suites]
    turns = [queue[at] for at in range(max(map(len, queues))) for queue in queues if at < len(queue)]
    out = []
    for name, text in turns[:most]:
        file, place = folder / f"{name}.yaml", folder / name
        file.write_text(text)
        words = [sys.executable, "-m", "bench", "run", str(file), "-o", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if not (place / "records.jsonl").exists():
            print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        out.append(place)
    return out


def tampered(place: Path, folder: Path) -> dict[str, Report]:
    """Tamper with copies of a submission in every way; return what the checker said of each."""
    out = {}
    for name, way in TAMPERS.items():
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(place, copy, ignore=shutil.ignore_patterns("site"))
        victim = Folder(copy)
        way.change(victim)
        victim.save()
        out[name] = check(copy, cache=Cache(cache_folder()))
    return out


def main() -> None:
    """Run, tamper, check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--suites", nargs="+", default=SUITES, metavar="SUITE")
    parser.add_argument("--honest", type=int, default=30, metavar="N", help="submissions to make (default: 30)")
    parser.add_argument("--repeat", default="1s", help="seconds a comparison (default: 1s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the submissions there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        places = honest(folder, arguments.suites, arguments.repeat, arguments.honest)
        reports = [check(each, cache=Cache(cache_folder())) for each in places]
        for report in reports:
            for finding in report.findings:
                print(f"{report.path.name}: {finding}", file=sys.stderr)
        told = tampered(next(each for each in places if _compressed(each)), Path(name))
    missed = [way for way, report in told.items() if not _for_its_reason(way, report)]
    for way in missed:
        print(f"not rejected for its reason: {way}", file=sys.stderr)
    figures = {
        "honest": len(reports),
        "honest_suites": len({each.name.rpartition("-")[0] for each in places}),
        "honest_accepted": sum(each.accepted for each in reports),
        "honest_cells": sum(each.status == "ok" for place in places for each in RunFolder(place).records()),
        "tampered": len(told),
        "tampered_rejected": len(told) - len(missed),
    }
    show(figures, as_json=arguments.json)


def _compressed(place: Path) -> bool:
    return any(each.status == "ok" and each.cell.recipe for each in RunFolder(place).records())


def _for_its_reason(way: str, report: Report) -> bool:
    return not report.accepted and bool({each.about for each in report.findings} & set(TAMPERS[way].about))


if __name__ == "__main__":
    main()
