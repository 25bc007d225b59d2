"""Suite: the frozen description that a YAML file is read into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.errors import ConfigError
from bench.suite.cell import Cell, Step
from bench.suite.extends import read_chain
from bench.suite.gating import Gating, read_gating
from bench.suite.limits import Limits
from bench.suite.matrix import Expansion, expand
from bench.suite.measure import Measure
from bench.suite.metering import read_meter
from bench.suite.model import MeasureModel, check
from bench.suite.own import OwnModel
from bench.suite.problems import Problems
from bench.suite.source import Source, find
from bench.suite.tree import Keys, Node
from bench.suite.vocabulary import Vocabulary

SCHEMA = "bench.suite/1"


@dataclass(frozen=True)
class Suite:
    """A suite as read: variables replaced, what it extends merged in.

    `matrix` is the matrix as written, `source` its file, `extends` the files it builds on (nearest first), `digest`
    the sha256 of the texts of all of them.
    """

    name: str
    about: str
    matrix: Mapping[str, Any]
    measure: Measure
    limits: Limits
    gate: Gating
    source: Path
    extends: tuple[Path, ...]
    digest: str
    _tree: Node = field(repr=False, compare=False)
    _expansion: Expansion = field(repr=False, compare=False)

    def cells(self) -> tuple[Cell, ...]:
        """Return every cell once, comparison by comparison, each with its baseline first."""
        return tuple(cell for group in self._expansion.groups.values() for cell in group.values())

    def comparisons(self) -> dict[str, tuple[Cell, ...]]:
        """Return the cells by `Cell.comparison`, each with its baseline first."""
        return {key: tuple(group.values()) for key, group in self._expansion.groups.items()}

    def models(self) -> tuple[OwnModel, ...]:
        """Return the models that the suite names itself, as `{model: FILE}`: each is a task."""
        return tuple(self._expansion.models.values())

    def where(self, *keys: str | int) -> tuple[str, int, int]:
        """Return file, line and column (from 1) of what the keys lead to, of the nearest thing when it is not there.

        A key of a mapping is itself the place: `where("limits", "size")`, `where("matrix", "recipe", 1, "prune")`.
        """
        place, _ = self._tree.find(keys)
        return str(place.source.path), place.line, place.column

    def error(self, keys: Keys, message: str, cure: str | None = None) -> ConfigError:
        """Return the error that points at what the keys lead to."""
        place, _ = self._tree.find(keys)
        return place.error(message, cure)

    def where_recipe(self, cell: Cell) -> tuple[str, int, int]:
        """Return file, line and column of the recipe that a cell of this suite comes from."""
        return self.where(*self._expansion.origins.get(cell.id, ("matrix", "recipe")))

    def to_json(self) -> dict[str, Any]:
        """Return the suite as JSON under its schema name; cells are not part of it."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "about": self.about,
            "matrix": dict(self.matrix),
            "measure": self.measure.to_json(),
            "limits": self.limits.to_json(),
            "gate": self.gate.to_json(),
            "source": str(self.source),
            "extends": [str(each) for each in self.extends],
            "digest": self.digest,
        }


def load(path: Path, *, vocabulary: Vocabulary | None, env: Mapping[str, str], search: Sequence[Path] = ()) -> Suite:
    """Read a suite from a path, or from its name in the folders of `search` or on the shelf.

    `env` is where `${VAR}` comes from; nothing else of the environment is looked at. Without a vocabulary, names and
    options of plugins are taken as they are. Raises ConfigError with file, line and column: the only mistake, or a
    SuiteError of all that were found.
    """
    file = find(path, search)
    tree, sources = read_chain(file, env, search)
    problems = Problems(tree)
    data = tree.data(env, problems.errors)
    problems.raise_any()
    model, limits = check(data, problems)
    problems.raise_any()
    assert model is not None, "a model without problems is there"
    expansion = expand(model.name, model.matrix, vocabulary, problems)
    meter = read_meter(model.measure.meter, vocabulary, problems)
    gate = read_gating(model.gate, problems, ("gate",))
    problems.raise_any()
    return Suite(
        name=model.name,
        about=model.about,
        matrix=MappingProxyType(data["matrix"]),
        measure=_measure(model.measure, meter),
        limits=Limits(**limits),
        gate=gate,
        source=file,
        extends=tuple(each.path for each in sources[1:]),
        digest=_digest(sources),
        _tree=tree,
        _expansion=expansion,
    )


def _measure(model: MeasureModel, meter: Step) -> Measure:
    width, budget = model.repeat
    return Measure(
        ci_width=width,
        budget_s=budget,
        min_launches=model.min_launches,
        rounds=model.rounds,
        idle_s=model.idle,
        timeout_s=model.timeout,
        memory_bytes=model.memory,
        energy=model.energy,
        meter=meter,
        window_s=model.window,
    )


def _digest(sources: Sequence[Source]) -> str:
    state = hashlib.sha256()
    for each in sources:
        state.update(each.text.encode() + b"\0")
    return f"sha256:{state.hexdigest()}"
