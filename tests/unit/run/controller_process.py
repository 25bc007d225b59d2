"""A controller in a process of its own, to be killed: `controller_process.py FOLDER`, one line an event."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from bench.machine import machine_facts
from bench.plan import Catalogue, make_plan
from bench.registry import load_registry
from bench.run import Event, Settings, run, spawn_child
from bench.store import Cache, open_run
from bench.suite.cell import Cell, Step
from bench.worker.loading import describe_file

HOUSE = Path(__file__).parents[2] / "one_file" / "house.py"


def main() -> None:
    base = Path(sys.argv[1])
    registry = load_registry(
        [str(HOUSE)], describe=lambda file: [json.loads(json.dumps(e.to_json())) for e in describe_file(file)]
    )
    catalogue = Catalogue.from_offers(registry.offers)
    first = Cell("s", "house", (), "numpy", backend_options={"repeats": 20})
    cells = [first, replace(first, recipe=(Step("same"),)), replace(first, recipe=(Step("cut"),))]
    settings = Settings(
        Cache(base / "cache"), spawn_child, ci_width=1e9, budget_s=60.0, min_launches=3, rounds=2, timeout_s=60.0
    )

    def tell(event: Event) -> None:
        print(event.kind, event.status, flush=True)

    with open_run(base / "out") as folder:
        run(
            make_plan(cells, catalogue),
            catalogue,
            settings,
            folder,
            {"machine": machine_facts(), "reproduce": "x"},
            listen=tell,
        )


if __name__ == "__main__":
    main()
