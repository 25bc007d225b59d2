"""A kept run as the candidate of a gate: its cells from its records, what they may cost from its run.json."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cli.own import own_task
from bench.errors import BenchError, ConfigError
from bench.offer import Offer
from bench.plan import Catalogue
from bench.store import RunFolder, read_records
from bench.suite import Cell, OwnModel, Suite, load
from bench.suite.cell import Step
from bench.suite.limits import Limits
from bench.suite.measure import Measure
from bench.suite.own import name_of

SCHEMA = "bench.suite/1"


class KeptSuite(Suite):
    """The suite that a run was made of, as the run kept it; what it says is at no line of any file."""

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells that the run has records of."""
        return tuple(each.cell for each in read_records(self.source.with_name("records.jsonl"), strict=True))

    def where(self, *keys: str | int) -> tuple[str, int, int]:
        """Return the run's own file: no line of it is the place of anything."""
        del keys
        return str(self.source), 0, 0


def suite_of(folder: Path) -> KeptSuite:
    """Return the suite of a run's folder. Raises BenchError for a run.json that tells of none."""
    file = folder / "run.json"
    written = RunFolder(folder).facts().get("suite")
    if not isinstance(written, Mapping) or written.get("schema") != SCHEMA:
        raise BenchError(f"{file} holds no suite of schema {SCHEMA}", cure="gate the suite itself")
    try:
        return _suite(file, written)
    except ConfigError as error:
        raise BenchError(f"{file}: the suite's budgets cannot be read: {error.message}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(f"{file} is damaged: {type(error).__name__}: {str(error)[:200]}") from error


def with_kept_models(folder: Path, catalogue: Catalogue, *, allow_code: bool) -> Catalogue:
    """Return the catalogue with the tasks that a kept run made of models of its author's own.

    One whose files are not where they were, or that is code and not allowed, is known by its name alone: its cells are
    compared by what was kept of them, and what takes time is not measured again.
    """
    facts = RunFolder(folder).facts()
    try:
        models = [_model(folder, each) for each in facts.get("models") or _named(facts["suite"]["matrix"])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(f"{folder / 'run.json'} is damaged: {type(error).__name__}: {str(error)[:200]}") from error
    unknown = [each for each in models if each.name not in catalogue.names("task")]
    offers = [_task(each, catalogue, allow_code=allow_code) for each in unknown]
    return Catalogue.from_offers([*catalogue.offers, *offers]) if offers else catalogue


def _task(model: OwnModel, catalogue: Catalogue, *, allow_code: bool) -> Offer:
    blank = Offer("task", model.name, f"kept:{model.name}", produces=("kept",))  # a format that nobody opens
    if not allow_code and (model.is_code or model.metric_is_code):
        return blank
    try:
        return own_task(model, catalogue)
    except BenchError:
        return blank


def _model(folder: Path, kept: Mapping[str, Any]) -> OwnModel:
    texts = {key: None if kept.get(key) is None else str(kept[key]) for key in ("data", "metric")}
    return OwnModel(str(kept["name"]), str(kept["model"]), texts["data"], (), folder, texts["metric"])


def _named(matrix: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the models that a suite's matrix names, of a run that kept no more of them than that."""
    axes = [matrix, *(matrix.get("include") or ())]
    entries = [each for axis in axes for each in _listed(axis.get("task"))]
    found = [each for each in entries if isinstance(each, Mapping) and "model" in each]
    return [{"name": each.get("name", name_of(str(each["model"]))), "model": "unknown"} for each in found]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _suite(file: Path, written: Mapping[str, Any]) -> KeptSuite:
    name, gate = str(written["name"]), _gate(written.get("gate", {}))
    measure = {**written["measure"], "meter": Step(**written["measure"]["meter"])}
    blank = {"bench": 1, "name": "kept", "matrix": {"task": "kept", "backend": "kept"}, "gate": gate}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "kept.yaml"
        path.write_text(json.dumps(blank, indent=1), encoding="utf-8")
        made = load(path, vocabulary=None, env={})
    own = {"name": name, "measure": Measure(**measure), "limits": Limits(**written["limits"]), "source": file}
    return KeptSuite(**{**vars(made), **own, "gate": made.gate.placed((str(file), 0, 0))})


def _gate(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the block `gate` of what a suite's JSON holds of it."""
    found: dict[str, Any] = dict(written.get("budgets", {}))
    if written.get("alpha") is not None:
        found["alpha"] = f"{100 * float(written['alpha']):.10g} %"
    if written.get("time") is not None:
        found["time"] = f"{float(written['time']):.10g} s"
    return {**found, **({"accept": written["accept"]} if written.get("accept") else {})}
