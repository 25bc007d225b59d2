"""Cells: one combination of task, recipe, backend, device, scenario, batch and threads, with a stable id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ID_LENGTH = 12
# MLPerf Inference names four scenarios; they differ in when queries are issued.
SINGLE_STREAM, MULTI_STREAM, SERVER, OFFLINE = "single-stream", "multi-stream", "server", "offline"
SECONDS = ("p99", "duration")  # options of scenarios that are times
SAMPLES = 8  # of a query in multi-stream, as MLPerf's rules have it


@dataclass(frozen=True)
class Step:
    """One compressor step of a recipe: a plugin's name and its options, defaults not filled in."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON."""
        return {"name": self.name, "options": dict(self.options)}

    def __str__(self) -> str:
        inside = ", ".join(f"{key}={_plain(value)}" for key, value in self.options.items())
        return f"{self.name}({inside})" if inside else self.name


Recipe = tuple[Step, ...]


def recipe_name(recipe: Recipe) -> str:
    """Return a recipe as people read it: "none", or its steps joined by " + "."""
    return " + ".join(str(step) for step in recipe) or "none"


@dataclass(frozen=True)
class Cell:
    """One cell of a suite. The empty recipe is the baseline."""

    suite: str
    task: str
    recipe: Recipe
    backend: str
    device: str = "cpu"
    scenario: str = SINGLE_STREAM
    batch: int = 1
    threads: int = 1
    seed: int = 0
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    scenario_options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the cell as JSON, as it stands in a record; a scenario without options says nothing of any."""
        out = {**vars(self), "recipe": [step.to_json() for step in self.recipe]}
        out |= {"backend_options": dict(self.backend_options), "scenario_options": dict(self.scenario_options)}
        if not self.scenario_options:
            del out["scenario_options"]
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cell:
        """Rebuild a cell; keys it does not know (a step's plugin and version, say) are left out."""
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        steps = tuple(Step(each["name"], each.get("options", {})) for each in data["recipe"])
        return cls(**{**known, "recipe": steps})

    @property
    def id(self) -> str:
        """Return the stable id: a digest of everything but the suite's name."""
        return _digest({key: value for key, value in self.to_json().items() if key != "suite"})

    @property
    def comparison(self) -> str:
        """Return the id of what this cell shares with its baseline: everything but the recipe."""
        return self.baseline().id

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is compressed."""
        return not self.recipe

    def baseline(self) -> Cell:
        """Return the same cell with the empty recipe."""
        return replace(self, recipe=())

    @property
    def backend_name(self) -> str:
        """Return the backend as people read it, with its options."""
        return str(Step(self.backend, self.backend_options))

    @property
    def scenario_name(self) -> str:
        """Return the scenario as people read it, with its options; those that are times with their unit."""
        shown = {name: _seconds(name, value) for name, value in self.scenario_options.items()}
        return str(Step(self.scenario, shown))

    @property
    def scenario_place(self) -> Any:
        """Return what tells this scenario from another: its name, with its options where it has some."""
        return [self.scenario, dict(self.scenario_options)] if self.scenario_options else self.scenario

    @property
    def query_samples(self) -> int:
        """Return the samples of one query that is timed: those of multi-stream, else a batch."""
        return int(self.scenario_options.get("samples", SAMPLES)) if self.scenario == MULTI_STREAM else self.batch

    def __str__(self) -> str:
        extras = [f"batch={self.batch}"] * (self.batch != 1) + [f"threads={self.threads}"] * (self.threads != 1)
        place = " ".join([self.backend_name, self.device, self.scenario_name, *extras])
        return f"{self.task} · {recipe_name(self.recipe)} · {place}"


def _seconds(name: str, value: Any) -> Any:
    """Return an option of a scenario, in seconds where it is a time; a record may hold anything there."""
    if name not in SECONDS or not isinstance(value, float | int):
        return value
    return f"{value * 1000:g} ms" if abs(value) < 1 else f"{value:g} s"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_plain(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
