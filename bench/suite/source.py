"""Sources: one suite file's text, read with every suspicion, and the errors that point into it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.errors import ConfigError, did_you_mean
from bench.shelf import shelf

MAX_BYTES = 1_000_000
# ruamel.yaml scans some tokens in time quadratic in their length; a line bounds them.
MAX_LINE = 100_000
SUFFIXES = (".yaml", ".yml")
# Line breaks as ruamel.yaml counts them, so that its line numbers index these lines.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
# YAML 1.2.2, production [1] c-printable: everything else cannot stand in a document.
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Source:
    """A suite file: its path as shown to people, its text, its bytes' content for the digest."""

    path: Path
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text's lines without their ends."""
        return _BREAK.split(self.text)

    def place(self, line: int, column: int) -> Place:
        """Return a place from 0-based line and column."""
        return Place(self, line + 1, column + 1)


@dataclass(frozen=True)
class Place:
    """A position in a source: 1-based line and column."""

    source: Source = field(repr=False)
    line: int
    column: int

    def error(self, message: str, cure: str | None = None) -> ConfigError:
        """Return the error that points here."""
        lines = self.source.lines
        text = lines[self.line - 1] if self.line <= len(lines) else ""
        file = str(self.source.path)
        return ConfigError(message, file=file, line=self.line, column=self.column, text=text, cure=cure)


def read(path: Path) -> Source:
    """Read a suite file. Raises ConfigError for what is missing, no plain file, over 1 MB, binary or not UTF-8."""
    data = _bytes(path)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES:,} bytes: a suite is a short text", file=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text: save the suite as UTF-8", file=str(path), line=line, column=1) from error
    source = Source(path, text)
    if bad := UNPRINTABLE.search(text):
        before = _BREAK.split(text[: bad.start()])
        message = f"the character U+{ord(bad[0]):04X} cannot stand in YAML: is this a text file?"
        raise source.place(len(before) - 1, len(before[-1])).error(message)
    for number, each in enumerate(source.lines):
        if len(each) > MAX_LINE:
            raise source.place(number, MAX_LINE).error(f"the line is longer than {MAX_LINE:,} characters: break it")
    return source


def find(name: str | Path, search: Sequence[Path] = ()) -> Path:
    """Return the file of a suite: a path to a file wins, else its stem is looked for in `search`, then on the shelf.

    Raises ConfigError naming the nearest suite, or the known ones.
    """
    path = Path(name)
    if exists(path) and not path.is_dir():
        return path
    try:
        return by_name(name, search)
    except ConfigError:
        if exists(path):
            raise ConfigError("is a folder, not a suite file", file=str(path)) from None
        raise


def by_name(name: str | Path, search: Sequence[Path] = (), *, skip: Sequence[Path] = ()) -> Path:
    """Return the suite of that stem in `search` or on the shelf.

    Files in `skip` come last, so that a `mobile.yaml` of one's own may extend the shelf's `mobile`.
    Raises ConfigError naming the nearest suite, or the known ones.
    """
    path = Path(name)
    stem = path.stem if path.suffix in SUFFIXES else path.name
    shelved = _shelved(search)
    named = sorted((each for each in shelved if each.stem == stem), key=lambda each: each.resolve() in skip)
    if not named:
        hint = did_you_mean(stem, {each.stem for each in shelved})
        raise ConfigError(f"no such suite.{hint}", file=str(name))
    return named[0]


def exists(path: Path) -> bool:
    """Return whether something lies at the path; never raises, whatever the path is made of."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a NUL in it
        return False


def _shelved(search: Sequence[Path]) -> list[Path]:
    folders = list(search)
    with contextlib.suppress(FileNotFoundError):  # without a shelf the search folders still count
        folders.append(shelf("suites"))
    return [each for folder in folders for each in sorted(folder.glob("*")) if each.suffix in SUFFIXES]


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ConfigError("is a folder, not a suite file", file=str(path))
        if path.exists() and not path.is_file():
            raise ConfigError("is a device or pipe, not a suite file", file=str(path))
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError("no such file", file=str(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot be read: {reason}", file=str(path)) from error
