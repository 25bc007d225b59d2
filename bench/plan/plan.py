"""The plan: which cells run, on which route, and why the others cannot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.cards import why_no_card
from bench.errors import Unsupported
from bench.offer import Offer
from bench.plan.asked import as_asked
from bench.plan.catalogue import Catalogue
from bench.plan.routes import Route, find_route
from bench.suite.cell import Cell

BUNDLE_LIMIT = 6


@dataclass(frozen=True)
class PlannedCell:
    """A cell with its route, or the reason it is unsupported here."""

    cell: Cell
    route: Route | None
    reason: str | None = None


@dataclass(frozen=True)
class PlannedComparison:
    """Cells that share all but the recipe; the baseline comes first. `id` is the baseline's cell id."""

    id: str
    cells: tuple[PlannedCell, ...]
    task: Offer
    backend: Offer

    @property
    def runnable(self) -> tuple[PlannedCell, ...]:
        """The cells with a route."""
        return tuple(each for each in self.cells if each.route is not None)

    def bundles(self) -> list[tuple[PlannedCell, ...]]:
        """Split the runnable cells into bundles of at most six that each hold the baseline."""
        first, *rest = self.runnable
        size = BUNDLE_LIMIT - 1
        chunks = [rest[start : start + size] for start in range(0, len(rest), size)] or [[]]
        return [(first, *chunk) for chunk in chunks]


@dataclass(frozen=True)
class Plan:
    """All comparisons of a run."""

    comparisons: tuple[PlannedComparison, ...]

    @property
    def cells(self) -> tuple[PlannedCell, ...]:
        """All cells, comparison by comparison."""
        return tuple(cell for each in self.comparisons for cell in each.cells)


def make_plan(cells: Iterable[Cell], catalogue: Catalogue) -> Plan:
    """Group cells into comparisons and find each cell's route; a cell given twice is measured once.

    Raises BenchError for a name nobody offers.
    """
    grouped: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        members = grouped.setdefault(cell.comparison, {cell.comparison: cell.baseline()})
        members.setdefault(cell.id, cell)
    return Plan(tuple(_comparison(key, list(members.values()), catalogue) for key, members in grouped.items()))


def _comparison(key: str, cells: list[Cell], catalogue: Catalogue) -> PlannedComparison:
    task = catalogue.one("task", cells[0].task)
    backend = as_asked(catalogue.one("backend", cells[0].backend), cells[0].backend_options)
    for name in {step.name for cell in cells for step in cell.recipe}:
        catalogue.one("compressor", name)
    planned = [_planned(cell, task, backend, catalogue) for cell in cells]
    if planned[0].route is None:
        why = f"its baseline cannot run: {planned[0].reason}"
        planned = [each if each.route is None else PlannedCell(each.cell, None, why) for each in planned]
    return PlannedComparison(key, tuple(planned), task, backend)


def _planned(cell: Cell, task: Offer, backend: Offer, catalogue: Catalogue) -> PlannedCell:
    try:
        for offer in (task, backend):
            if reason := catalogue.missing(offer):
                raise Unsupported(reason)
        _check_device(cell, backend)
        _check_query(cell)
        _check_steps(cell, catalogue)
        return PlannedCell(cell, find_route(task, cell, backend, catalogue))
    except Unsupported as error:
        return PlannedCell(cell, None, error.message)


def _check_device(cell: Cell, backend: Offer) -> None:
    """Refuse a kind of device that the backend's offer leaves out, and a card that is not here.

    An offer that names no devices is asked by running.
    """
    known = [str(each) for each in backend.facts.get("devices", ())]
    if known and cell.device.rstrip("?").partition(":")[0] not in known:
        raise Unsupported(f"backend '{backend.name}' runs on {', '.join(known)}, not on '{cell.device}'")
    if "cuda" in known and (reason := why_no_card(cell.device)):
        raise Unsupported(reason)


def _check_query(cell: Cell) -> None:
    """Refuse a query of multi-stream that is no whole number of batches: a call that is half empty times nothing."""
    if cell.query_samples % cell.batch:
        raise Unsupported(f"a query of {cell.query_samples} samples is no whole number of batches of {cell.batch}")


def _check_steps(cell: Cell, catalogue: Catalogue) -> None:
    """Name the missing package when every implementation of a step misses one; otherwise the route decides."""
    for step in cell.recipe:
        reasons = [catalogue.missing(each) for each in catalogue.of("compressor", step.name)]
        if reasons and all(reasons):
            raise Unsupported(str(reasons[0]))
