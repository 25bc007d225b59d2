"""Models of the suite author's own as tasks: `task: {model: ./m.onnx, data: ./val.npz}`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import did_you_mean
from bench.suite.problems import Problems
from bench.suite.tree import Keys

KEYS = ("model", "data", "metric", "name")
# package.module:factory, told from a path by the colon, which stands before no slash.
# Libraries that load a model by what stands after the colon: timm:NAME, hf:./folder, torchvision:NAME@weights.pth.
LOCAL = ("/", "./", "../")
PROVIDERS = ("hf", "timm", "torchvision")
FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class OwnModel:
    """A model as a suite names it: a file, relative to the suite's own folder, or `package.module:factory`."""

    name: str
    model: str
    data: str | None
    keys: Keys
    folder: Path
    metric: str | None = None

    @property
    def is_code(self) -> bool:
        """Whether the model is a function to be called, which `--allow-code` must allow."""
        return self.provider is None and bool(FACTORY.fullmatch(self.model))

    @property
    def provider(self) -> str | None:
        """The library that loads the model, None for a file or a factory."""
        return provider_of(self.model)

    @property
    def metric_is_code(self) -> bool:
        """Whether the metric is a function to be called, which `--allow-code` must allow; else it is a name."""
        return self.metric is not None and bool(FACTORY.fullmatch(self.metric))

    @property
    def place(self) -> str:
        """Return the model, every path in it one from here."""
        return self._named(lambda path: str(self.folder / path))

    @property
    def resolved(self) -> str:
        """Return the model with every path in it absolute."""
        return self._named(lambda path: str((self.folder / path).resolve()))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files and folders that the model is, by their paths from here."""
        found: list[Path] = []
        self._named(lambda path: found.append(self.folder / path) or path)  # type: ignore[func-returns-value]
        return tuple(found)

    def _named(self, place: Callable[[str], str]) -> str:
        """Return the model with every path in it put in its place."""
        if self.is_code:
            return self.model
        if self.provider is None:
            return place(self.model)
        name, at, file = self.model.partition(":")[2].partition("@")
        name = place(name) if name.startswith(LOCAL) else name
        return f"{self.provider}:{name}{at}{place(file) if file else ''}"

    @property
    def data_path(self) -> Path | None:
        """Return the data's path from here."""
        return self.folder / self.data if self.data else None

    def kept(self, run: Path) -> dict[str, Any]:
        """Return the model as the run in a folder keeps it: its paths from there."""
        model = self._named(lambda path: _from(run, self.folder / path))
        data = _from(run, self.data_path) if self.data_path else None
        return {"name": self.name, "model": model, "data": data, "metric": self.metric}


def _from(folder: Path, file: Path) -> str:
    """Return a file's path from a folder, which tells by its dots that it is one."""
    path = os.path.relpath(file.resolve(), folder.resolve())
    return path if path.startswith(("..", os.sep)) else f"./{path}"


def provider_of(model: str) -> str | None:
    """Return the library that a model's name begins with, None where it names none."""
    name, colon, _ = model.partition(":")
    return name if colon and name in PROVIDERS else None


def name_of(model: str) -> str:
    """Return the name of a task for a model: its file's stem, or its factory, in small letters and digits."""
    if provider_of(model):
        model = model.partition(":")[2].partition("@")[0]
    stem = model if FACTORY.fullmatch(model) else Path(model).stem
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in stem.lower())
    return "-".join(part for part in kept.split("-") if part)[:64] or "model"


def read_own(entry: Mapping[str, Any], keys: Keys, problems: Problems) -> OwnModel | None:
    """Read one entry of the axis `task` that is a mapping; what is wrong is added to the problems."""
    before = len(problems.errors)
    if "model" not in entry and not any("'model'" in did_you_mean(str(key), KEYS[:1]) for key in entry):
        problems.at_value(
            keys, "a task is a name, or {model: FILE, data: FILE, metric: NAME, name: NAME} for a model of your own"
        )
        return None
    for key, value in entry.items():
        if key not in KEYS:
            problems.at_key((*keys, key), f"unknown key '{str(key)[:40]}' of a task.{did_you_mean(str(key), KEYS)}")
        elif not isinstance(value, str) or not value or "\0" in value:
            problems.at_value((*keys, key), f"'{key}' expects text")
    if len(problems.errors) > before:
        return None
    folder = problems.tree.find(keys)[0].source.path.parent
    name = str(entry.get("name", name_of(entry["model"])))
    return OwnModel(name, entry["model"], entry.get("data"), keys, folder, entry.get("metric"))
