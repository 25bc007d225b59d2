"""Problems: the mistakes of one suite, gathered so that a person mends them all at once."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import ConfigError
from bench.suite.tree import Keys, Node

SHOWN = 20


class SuiteError(ConfigError):
    """Several mistakes in one suite: it carries the first one's place, and all of them in `errors`."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        place = {"file": first.file, "line": first.line, "column": first.column, "text": first.text}
        super().__init__(first.message, **place, cure=first.cure)  # type: ignore[arg-type]
        self.errors = tuple(errors)

    def __str__(self) -> str:
        texts = [str(each) for each in self.errors[:SHOWN]]
        more = len(self.errors) - len(texts)
        return "\n".join([*texts, *([f"and {more} more"] if more else [])])


class Problems:
    """Gathers mistakes under the tree they are in, by the path of keys that leads to them."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self.errors: list[ConfigError] = []

    def at_key(self, keys: Keys, message: str) -> None:
        """Add a mistake in the last key of the path, or in the nearest thing that exists on it."""
        self._add(self.tree.find(keys)[0].error(message))

    def at_value(self, keys: Keys, message: str) -> None:
        """Add a mistake in the value at the path; where nothing was written, at its key."""
        place, node = self.tree.find(keys)
        written = not (node.plain and node.content == "")
        self._add((node.place if written else place).error(message))

    def at_name(self, keys: Keys, name: str, message: str) -> None:
        """Add a mistake in a plugin's name: the last key when it has options, else the value at the path."""
        (self.at_key if keys[-1:] == (name,) else self.at_value)(keys, message)

    def raise_any(self) -> None:
        """Raise ConfigError when there is a mistake: the only one, or a SuiteError of all in order of place."""
        if not self.errors:
            return
        errors = sorted(self.errors, key=lambda each: (each.file, each.line or 0, each.column or 0))
        raise errors[0] if len(errors) == 1 else SuiteError(errors)

    def _add(self, error: ConfigError) -> None:
        known = {(each.file, each.line, each.column, each.message) for each in self.errors[-SHOWN:]}
        if (error.file, error.line, error.column, error.message) not in known:
            self.errors.append(error)
