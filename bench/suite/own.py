"""Models of the suite author's own as tasks: `task: {model: ./m.onnx, data: ./val.npz}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import did_you_mean
from bench.suite.problems import Problems
from bench.suite.tree import Keys

KEYS = ("model", "data", "name")
# package.module:factory, told from a path by the colon, which stands before no slash.
FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class OwnModel:
    """A model as a suite names it: a file, relative to the suite's own folder, or `package.module:factory`."""

    name: str
    model: str
    data: str | None
    keys: Keys
    folder: Path

    @property
    def is_code(self) -> bool:
        """Whether the model is a function to be called, which `--allow-code` must allow."""
        return bool(FACTORY.fullmatch(self.model))

    @property
    def place(self) -> str:
        """Return the model's path from here, or the name of its factory."""
        return self.model if self.is_code else str(self.folder / self.model)

    @property
    def data_path(self) -> Path | None:
        """Return the data's path from here."""
        return self.folder / self.data if self.data else None


def name_of(model: str) -> str:
    """Return the name of a task for a model: its file's stem, or its factory, in small letters and digits."""
    stem = model if FACTORY.fullmatch(model) else Path(model).stem
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in stem.lower())
    return "-".join(part for part in kept.split("-") if part)[:64] or "model"


def read_own(entry: Mapping[str, Any], keys: Keys, problems: Problems) -> OwnModel | None:
    """Read one entry of the axis `task` that is a mapping; what is wrong is added to the problems."""
    before = len(problems.errors)
    if "model" not in entry and not any("'model'" in did_you_mean(str(key), KEYS[:1]) for key in entry):
        problems.at_value(keys, "a task is a name, or {model: FILE, data: FILE, name: NAME} for a model of your own")
        return None
    for key, value in entry.items():
        if key not in KEYS:
            problems.at_key((*keys, key), f"unknown key '{str(key)[:40]}' of a task.{did_you_mean(str(key), KEYS)}")
        elif not isinstance(value, str) or not value or "\0" in value:
            problems.at_value((*keys, key), f"'{key}' expects text")
    if len(problems.errors) > before:
        return None
    folder = problems.tree.find(keys)[0].source.path.parent
    return OwnModel(str(entry.get("name", name_of(entry["model"]))), entry["model"], entry.get("data"), keys, folder)
