"""Extends: a suite laid over the one it names. Mappings merge deep, lists replace; places keep pointing home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import ConfigError
from bench.suite.source import Place, Source, by_name, exists, read
from bench.suite.tree import Entry, Node, parse

MAX_CHAIN = 10
KEY = "extends"


def read_chain(path: Path, env: Mapping[str, str], search: Sequence[Path]) -> tuple[Node, tuple[Source, ...]]:
    """Read a suite and all it extends; return the merged tree and the sources, the file itself first.

    A parent is a path relative to the file that names it, or a name in `search` or on the shelf.
    Raises ConfigError for cycles, chains over ten and whatever is wrong with a file.
    """
    seen = [path.resolve()]
    source = read(path)
    trees, sources = [parse(source)], [source]
    while (entry := _entry(trees[-1])) is not None:
        parent = _parent(entry.node, sources[-1].path, env, search, seen)
        _check_chain(entry.node.place, parent, seen)
        seen.append(parent.resolve())
        sources.append(read(parent))
        trees.append(parse(sources[-1]))
    merged = trees.pop()
    while trees:
        merged = merge(merged, trees.pop())
    return merged, tuple(sources)


def merge(base: Node, over: Node) -> Node:
    """Lay one node over another: mappings merge deep, everything else is replaced."""
    if not (isinstance(base.content, Mapping) and isinstance(over.content, Mapping)):
        return over
    content = dict(base.content)
    for key, entry in over.content.items():
        content[key] = Entry(entry.key, merge(content[key].node, entry.node)) if key in content else entry
    return Node(over.place, content)


def _entry(tree: Node) -> Entry | None:
    return tree.content.get(KEY) if isinstance(tree.content, Mapping) else None


def _parent(node: Node, child: Path, env: Mapping[str, str], search: Sequence[Path], seen: Sequence[Path]) -> Path:
    try:
        name = node.scalar(env)
    except ValueError as error:
        raise node.place.error(f"'extends': {error}") from error
    if not isinstance(name, str) or not name.strip():
        raise node.place.error("'extends' is the path or the name of one suite")
    beside = child.parent / name
    try:
        return beside if exists(beside) and beside.is_file() else by_name(name, search, skip=seen)
    except ConfigError as error:
        raise node.place.error(f"'{name}': {error.message}", error.cure) from error


def _check_chain(place: Place, parent: Path, seen: Sequence[Path]) -> None:
    if parent.resolve() in seen:
        chain = " -> ".join(each.name for each in (*seen, parent))
        raise place.error(f"'extends' goes in a circle: {chain}")
    if len(seen) >= MAX_CHAIN:
        raise place.error(f"a chain of more than {MAX_CHAIN} suites")
