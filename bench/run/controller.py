"""The controller: comparison after comparison, every record written as it ends, every interruption resumable."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.derive.best import with_best
from bench.plan import Catalogue, Plan, PlannedCell, PlannedComparison
from bench.record import Record
from bench.run.build import Builder
from bench.run.comparison import ComparisonRun
from bench.run.events import Event, Listener
from bench.run.ledger import Ledger
from bench.run.metering import Metering
from bench.run.recording import Recorder
from bench.run.settings import Settings
from bench.store import RunFolder

Notify = Callable[[str, Mapping[str, Any], Mapping[str, Any] | None], None]
FINAL = ("ok", "unsupported")
SUPERSEDED = "superseded"  # in place of an origin: no origin is this


@dataclass(frozen=True)
class Outcome:
    """What a run left: all its records, in plan order, and where the time went."""

    records: tuple[Record, ...]
    ledger: Mapping[str, float]


class Controller:
    """Runs a plan into a folder."""

    def __init__(
        self,
        plan: Plan,
        catalogue: Catalogue,
        settings: Settings,
        folder: RunFolder,
        listen: Listener,
        notify: Notify,
        metering: Metering | None = None,
    ) -> None:
        self.plan, self.settings, self.folder, self.listen, self.notify = plan, settings, folder, listen, notify
        facts = folder.facts()
        self.run_id = _run_id(facts, folder)
        self.ledger = Ledger(facts.get("ledger"))
        origins = facts.get("origins")
        self.origins: dict[str, str] = dict(origins) if isinstance(origins, dict) else {}
        self.metering = metering or Metering(settings, catalogue)
        self.metering.say = lambda text: self._tell("note", text)
        self.builder = Builder(settings, catalogue, self.ledger, self.metering, plan)
        self.done = 0

    def run(self, about: Mapping[str, Any]) -> Outcome:
        """Run what has no final record yet; returns every record of the plan."""
        self._about = {**about, "id": self.run_id}
        self._write_facts()
        recorder = Recorder(self.run_id, self.settings, about["machine"], str(about["reproduce"]))
        try:
            for comparison in self.plan.comparisons:
                self._comparison(comparison, recorder)
                self.done += 1
            self._add_best()
        finally:
            self._write_facts()
        return Outcome(tuple(self._known(each) for each in self.plan.cells), self.ledger.to_json())

    def _comparison(self, comparison: PlannedComparison, recorder: Recorder) -> None:
        known = {each.cell.id: each for each in self.folder.records()}
        edited = self._edited(comparison)
        if (edited & known.keys()) - self._asked():
            self._tell("note", f"{comparison.cells[0].cell.task}: measured again, since its model or a plugin changed")
        done = {cell: record for cell, record in known.items() if cell not in edited}
        todo = [each for each in comparison.cells if not _final(each, done.get(each.cell.id))]
        if not todo:
            self._tell("note", f"{comparison.cells[0].cell.task}: already measured")
            return
        self._tell("comparison", f"{comparison.cells[0].cell}")
        for planned in todo:
            self.notify("started", planned.cell.to_json(), None)
            if planned.route is None:
                self._record(recorder.unsupported(planned))
        wanted = [each for each in todo if each.route is not None]
        if wanted:
            base = comparison.runnable[0]
            wanted = wanted if wanted[0] is base else [base, *wanted]
            self._measure(comparison, wanted, recorder, edited)

    def _asked(self) -> set[str]:
        """Return the cells that `--fresh` asked to be measured again."""
        return {cell for cell, origin in self.origins.items() if origin == SUPERSEDED}

    def _edited(self, comparison: PlannedComparison) -> set[str]:
        """Return the cells that came from another model, other data or other code than they would now.

        A baseline that changed takes its comparison with it. What an older version ran does not say, and stands.
        """
        now = {each.cell.id: self.builder.origin(comparison, each) for each in comparison.runnable}
        edited = {cell for cell, origin in now.items() if self.origins.get(cell, origin) != origin}
        return set(now) if comparison.runnable and comparison.runnable[0].cell.id in edited else edited

    def _measure(
        self, comparison: PlannedComparison, wanted: Sequence[PlannedCell], recorder: Recorder, edited: set[str]
    ) -> None:
        journal = self.folder.journal
        run = ComparisonRun(comparison, self.builder, journal, self.metering, self._tell, self.run_id)
        sides = run.sides(wanted)
        run.measure(sides)
        for side in sides:
            if side.outcomes is not None:
                self.folder.write_outcomes(side.id, side.outcomes)
        known = {each.id: each for each in self.folder.records()}
        for record in recorder.records(comparison, sides, journal.read(comparison.id), run.task):
            if _tells_more(record, known.get(record.id), record.cell.id in edited):
                self._record(record)
        self.origins |= {side.id: self.builder.origin(comparison, side.planned) for side in sides}
        self._write_facts()

    def _record(self, record: Record) -> None:
        self.folder.append(record)
        self.notify("finished", record.cell.to_json(), record.to_json())
        text = str(record.cell) + (f": {record.reason}" if record.reason else "")
        self._tell("record", text, record.status)

    def _add_best(self) -> None:
        """Add the ratio to the fastest uncompressed cell, known only when all comparisons are over."""
        known = {each.id: each for each in self.folder.records()}
        for record in with_best(list(known.values())):
            old, new = (each.ratios.get("latency_vs_best") for each in (known[record.id], record))
            if [each and (each.value, each.against) for each in (old, new)].count(None) == 1 or (
                old is not None and new is not None and (old.value, old.against) != (new.value, new.against)
            ):
                self.folder.append(record)

    def _known(self, planned: PlannedCell) -> Record:
        return self._records()[planned.cell.id]

    def _records(self) -> dict[str, Record]:
        if not hasattr(self, "_cached"):
            self._cached = {each.cell.id: each for each in self.folder.records()}
        return self._cached

    def _tell(self, kind: str, text: str, status: str = "ok") -> None:
        self.listen(Event(kind, text, self.done, len(self.plan.comparisons), status))  # type: ignore[arg-type]

    def _write_facts(self) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.folder.write_facts(
            {**self._about, "updated": now, "origins": self.origins, "ledger": self.ledger.to_json()}
        )


def _nobody(*_: object) -> None:
    """Listen to nothing."""


def run(
    plan: Plan,
    catalogue: Catalogue,
    settings: Settings,
    folder: RunFolder,
    about: Mapping[str, Any],
    *,
    listen: Listener = _nobody,
    notify: Notify = _nobody,
    metering: Metering | None = None,
) -> Outcome:
    """Run a plan into a folder, resuming what is there. `about` goes into run.json (suite, machine, reproduce).

    `metering` is handed in by who asked the meters already, so that they are not asked again.
    """
    return Controller(plan, catalogue, settings, folder, listen, notify, metering).run(about)


def _run_id(facts: Mapping[str, Any], folder: RunFolder) -> str:
    """Return the run's id: of run.json, else of the records, so that theirs and new ones are one run's."""
    known = facts.get("id") or next((each.run for each in folder.records() if each.run), None)
    return str(known or uuid.uuid4().hex[:12])


def _tells_more(record: Record, known: Record | None, edited: bool) -> bool:
    """Whether a record is to be written beside the one that is known.

    A baseline is measured again beside a cell that is retried: its failing now undoes nothing, and where nothing but
    the hour differs there is nothing to write.
    """
    if known is None or edited:
        return True
    if record.status != "ok" and known.status == "ok":
        return False
    return record.status != "ok" or _as_kept(replace(record, started=known.started)) != known.to_json()


def _as_kept(record: Record) -> Any:
    """Return a record as it is read back: what JSON cannot say is left out of a file."""
    text = json.dumps(record.to_json())
    return Record.from_json(json.loads(text, parse_constant=lambda _: None)).to_json()


def _final(planned: PlannedCell, record: Record | None) -> bool:
    """Whether nothing is left to do; a cell that had no route runs once what it lacked is installed."""
    if record is None or record.status not in FINAL:
        return False
    had_no_route = record.status == "unsupported" and not record.group
    return not (had_no_route and planned.route is not None)
