"""Trees: a YAML document as nodes that know their place, built from ruamel.yaml's events with every bomb defused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError

from bench.errors import ConfigError
from bench.suite.scalars import Scalar, interpolate, resolve
from bench.suite.source import UNPRINTABLE, Place, Source

MAX_DEPTH = 24
MAX_NODES = 50_000  # counted after aliases are expanded
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Entry:
    """One entry of a mapping: where its key stands, and its value."""

    key: Place
    node: Node


@dataclass(frozen=True)
class Node:
    """A scalar's text, a sequence or a mapping, and where it begins; `plain` is a scalar without quotes.

    `size` counts the nodes from here down and `height` the levels below, aliases expanded.
    """

    place: Place
    content: str | Sequence[Node] | Mapping[str, Entry]
    plain: bool = False
    size: int = 1
    height: int = 0

    def find(self, keys: Keys) -> tuple[Place, Node]:
        """Return where the entry under the path stands (its key, or the item itself) and its node.

        A path that leads nowhere ends at the last node that exists on it; one value counts as a list of one.
        """
        place, node = self.place, self
        for key in keys:
            if isinstance(key, str) and isinstance(node.content, Mapping) and key in node.content:
                entry = node.content[key]
                place, node = entry.key, entry.node
            elif isinstance(key, int):
                node = node._item(key)
                place = node.place
            else:
                break
        return place, node

    def _item(self, index: int) -> Node:
        items = [] if isinstance(self.content, (str, Mapping)) else self.content
        return items[index] if 0 <= index < len(items) else self

    def data(self, env: Mapping[str, str], problems: list[ConfigError]) -> Any:
        """Return plain Python data, `${VAR}` replaced from `env`; what cannot be read is added to `problems`."""
        if isinstance(self.content, Mapping):
            return {key: entry.node.data(env, problems) for key, entry in self.content.items()}
        if not isinstance(self.content, str):
            return [each.data(env, problems) for each in self.content]
        try:
            return self.scalar(env)
        except ValueError as error:
            problems.append(self.place.error(str(error)))
            return None

    def scalar(self, env: Mapping[str, str]) -> Scalar:
        """Return a scalar's value. One with a variable in it is read as if plain, so that "${N}" may be a number."""
        if not isinstance(self.content, str):
            raise ValueError("expected one value, not a list or mapping")
        text = interpolate(self.content, env)
        if UNPRINTABLE.search(text):
            raise ValueError("holds a character that cannot be printed")
        return resolve(text) if self.plain or text != self.content else text


def parse(source: Source) -> Node:
    """Return the root of a suite's document, always a mapping.

    Raises ConfigError for all that is not one YAML 1.2 document of plain mappings, lists and scalars: tags, merge
    keys, duplicate or non-text keys, aliases to themselves, more than 50,000 nodes, nesting deeper than 24.
    """
    return _Builder(source).document()


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.events = _events(source)
        self.anchors: dict[str, Node | None] = {}
        self.count = 0

    def document(self) -> Node:
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, ev.StreamEndEvent):
            self._refuse(event, "the file is empty", "a suite begins with 'bench: 1'")
        if event.version not in (None, (1, 2)) or event.tags:
            raise self.source.place(0, 0).error("directives are not used in suites: this is YAML 1.2 without tags")
        root = self.node(next(self.events), 0)
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, ev.StreamEndEvent):
            self._refuse(event, "a second document begins: one file is one suite")
        if isinstance(root.content, str) and not root.content:
            raise root.place.error("the file is empty", "a suite begins with 'bench: 1'")
        if not isinstance(root.content, Mapping):
            raise root.place.error("a suite is a mapping of keys to values", "it begins with 'bench: 1'")
        return root

    def node(self, event: Any, depth: int) -> Node:
        if isinstance(event, ev.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            self._refuse(event, f"tags such as '{_short(event.tag)}' are not used in suites")
        if depth > MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.anchor:
            self.anchors[event.anchor] = None
        self._count(event, 1)
        node = self._build(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _build(self, event: Any, depth: int) -> Node:
        before = self.count
        place = self._place(event)
        if isinstance(event, ev.ScalarEvent):
            return Node(place, event.value, plain=event.implicit[0])
        is_map = isinstance(event, ev.MappingStartEvent)
        content = self._mapping(depth + 1) if is_map else self._sequence(depth + 1)
        return Node(place, content, size=1 + self.count - before, height=1 + _height(content))

    def _sequence(self, depth: int) -> Sequence[Node]:
        items = []
        while not isinstance(event := next(self.events), ev.SequenceEndEvent):
            items.append(self.node(event, depth))
        return items

    def _mapping(self, depth: int) -> Mapping[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), ev.MappingEndEvent):
            key = self._key(event, depth)
            place = self._place(event)
            if key in entries:
                raise place.error(f"the key '{_short(key)}' stands twice, first on line {entries[key].key.line}")
            entries[key] = Entry(place, self.node(next(self.events), depth))
        return entries

    def _key(self, event: Any, depth: int) -> str:
        node = self.node(event, depth)
        key = node.content
        if not isinstance(key, str):
            self._refuse(event, "a key is plain text, not a list or mapping")
        if node.plain and key == "<<":
            self._refuse(event, "merge keys ('<<') are not part of YAML 1.2", "use 'extends' for variants")
        if "${" in key:
            self._refuse(event, "variables stand in values only, not in keys")
        if UNPRINTABLE.search(key):
            self._refuse(event, "the key holds a character that cannot be printed")
        if node.plain and not isinstance(_resolved(key), str):
            self._refuse(event, f"the key '{_short(key)}' is not text: put it in quotes")
        return key

    def _alias(self, event: Any, depth: int) -> Node:
        if event.anchor not in self.anchors:
            self._refuse(event, f"no anchor '&{_short(event.anchor)}' stands before this alias")
        node = self.anchors[event.anchor]
        if node is None:
            self._refuse(event, f"the alias '*{_short(event.anchor)}' holds itself")
        if depth + node.height > MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels, aliases expanded")
        self._count(event, node.size)
        return node

    def _count(self, event: Any, size: int) -> None:
        self.count += size
        if self.count > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES:,} values, aliases expanded")

    def _place(self, event: Any) -> Place:
        return self.source.place(event.start_mark.line, event.start_mark.column)

    def _refuse(self, event: Any, message: str, cure: str | None = None) -> NoReturn:
        raise self._place(event).error(message, cure)


def _events(source: Source) -> Iterator[Any]:
    """Yield the parser's events. The pure parser keeps no stack of Python calls, so that nesting cannot overflow it."""
    try:
        yield from YAML(typ="safe", pure=True).parse(source.text)
    except MarkedYAMLError as error:
        raise _syntax(source, error) from error
    except Exception as error:
        # The scanner lets plain Python errors out on hostile text (an escape beyond Unicode is an OverflowError).
        raise source.place(0, 0).error(f"not YAML: {type(error).__name__}: {_short(str(error), 200)}") from error


def _syntax(source: Source, error: MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    place = source.place(mark.line, mark.column) if mark else source.place(0, 0)
    lines = source.lines
    at = lines[place.line - 1][place.column - 1 : place.column] if place.line <= len(lines) else ""
    if at == "\t":
        return place.error("a tab cannot indent YAML: use spaces")
    context = f" {error.context}" if error.context else ""
    return place.error(f"not YAML: {error.problem or 'it cannot be parsed'}{context}")


def _resolved(text: str) -> Scalar:
    try:
        return resolve(text)
    except ValueError:
        return None


def _height(content: Sequence[Node] | Mapping[str, Entry]) -> int:
    nodes = [each.node for each in content.values()] if isinstance(content, Mapping) else content
    return max((each.height for each in nodes), default=0)


def _short(text: str, width: int = 40) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
