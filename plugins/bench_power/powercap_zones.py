"""The zones of a powercap tree: which are there, which hold which, and which are the same counter twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bench
from bench_power.sysfs_files import maybe_text

ROOT = Path("/sys/class/powercap")
ZONE = re.compile(r"(?P<control>[a-z][a-z-]*rapl[a-z-]*):\d+(?::\d+)*")
PACKAGE = re.compile(r"package-(?P<package>\d+)(?:-die-(?P<die>\d+))?")
DEEPEST = 3


@dataclass(frozen=True)
class Node:
    """One zone: its folder, what it calls itself, its place in the tree ("intel-rapl:0:1") and the zone around it."""

    path: Path
    label: str
    place: str
    parent: Path | None = None

    @property
    def mmio(self) -> bool:
        """Whether it is the memory-mapped twin of a zone that registers show."""
        return self.place.startswith("intel-rapl-mmio")


Judged = tuple[Node, bench.Zone]
Role = Literal["summed", "apart", "inside", "duplicate", "unreadable"]  # as bench.Zone has them


def found(root: Path) -> list[Node]:
    """Return every zone under a tree that is flat, as /sys/class/powercap, or nested, as a dump of it may be."""
    folders: dict[str, Path] = {}
    level = [root]
    for _ in range(DEEPEST):
        level = [each for folder in level for each in _folders(folder)]
        for each in level:
            if ZONE.fullmatch(each.name) and (each / "name").is_file():
                folders.setdefault(each.name, each)
    return [
        Node(path, maybe_text(path / "name"), place, folders.get(place.rpartition(":")[0]))
        for place, path in sorted(folders.items(), key=lambda each: [_number(part) for part in each[0].split(":")])
    ]


def _folders(folder: Path) -> list[Path]:
    """Return the folders in which zones may lie: those named as zones or control types, never links back up."""
    try:
        return sorted(each for each in folder.iterdir() if "rapl" in each.name and each.is_dir())
    except OSError:
        return []


def _number(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdigit() else (-1, part)


def classified(nodes: Iterable[Node], read: Callable[[Path], float]) -> list[Judged]:
    """Judge every zone: summed, apart, inside another, a duplicate, or unreadable."""
    nodes = list(nodes)
    registers = {each.label for each in nodes if not each.mmio}
    mirrors = {**_mirrors(nodes, read), **_same_files(nodes)}
    packages = any(PACKAGE.fullmatch(each.label) for each in nodes)
    nested = _nested(nodes)
    return [(node, _judge(node, registers, mirrors, packages, nested, read)) for node in nodes]


def _judge(
    node: Node,
    registers: set[str],
    mirrors: dict[str, str],
    packages: bool,
    nested: dict[str, str],
    read: Callable[[Path], float],
) -> bench.Zone:
    domain, role, why = _by_label(node, packages)
    if node.mmio and node.label in registers:
        role, why = "duplicate", "the same counter as the zone of that name under intel-rapl"
    elif node.place in mirrors:
        role, why = "duplicate", f"shows the same counter as {mirrors[node.place]}"
    elif role == "summed" and node.place in nested:
        role, why = "inside", f"part of {nested[node.place]}, which holds its joules already"
    if role != "duplicate":
        role, why = _readable(node, role, why, read)
    return bench.Zone(node.label, domain, node.place, role, why)


def _by_label(node: Node, packages: bool) -> tuple[str, Role, str]:
    if PACKAGE.fullmatch(node.label):
        return "package", "summed", "a processor package, or one die of it: all of them make the processor's joules"
    if node.label == "dram":
        return "dram", "summed", "memory, which the package does not hold"
    if node.label == "psys":
        why = "the whole platform, which holds the packages: never added to them"
        return "platform", "apart" if packages else "summed", why if packages else "the whole platform"
    if node.label in ("core", "uncore"):
        return node.label, "inside", "part of its package"
    return node.label, "inside", "not a domain that is known: left out of every sum"


def _readable(node: Node, role: Role, why: str, read: Callable[[Path], float]) -> tuple[Role, str]:
    from bench_power.powercap import CURE

    try:
        if (found := read(node.path / "energy_uj")) < 0:
            return "unreadable", f"{node.path / 'energy_uj'} holds {found:g}: joules are counted up from 0"
    except OSError as error:
        if role == "inside" and isinstance(error, (PermissionError, FileNotFoundError)):
            return role, why  # not needed, and nothing is known against it
        if isinstance(error, PermissionError):
            return "unreadable", f"{node.path / 'energy_uj'} may not be read. {CURE}"
        return "unreadable", f"{node.path / 'energy_uj'} cannot be read: {error}"
    return role, why


def _same_files(nodes: list[Node]) -> dict[str, str]:
    """Return the zones that are another path to a counter's file, a link to it say, by place; the first path stands."""
    seen: dict[Path, Node] = {}
    same: dict[str, str] = {}
    for node in nodes:
        first = seen.setdefault((node.path / "energy_uj").resolve(), node)
        if first is not node:
            same[node.place] = f"{first.label}, under another path"
    return same


def _nested(nodes: list[Node]) -> dict[str, str]:
    """Return the packages, and the dies of one, that lie inside a package's zone, by place, with that package's label.

    A package's counter holds all that is inside it.
    """
    packages = {node.place: node.label for node in nodes if PACKAGE.fullmatch(node.label)}
    inside: dict[str, str] = {}
    for place in packages:
        parts = place.split(":")
        around = (":".join(parts[:end]) for end in range(len(parts) - 1, 1, -1))
        if holder := next((packages[each] for each in around if each in packages), None):
            inside[place] = holder
    return inside


def _mirrors(nodes: list[Node], read: Callable[[Path], float]) -> dict[str, str]:
    """Return the die zones that repeat another die's counter, by place, with the label of that die.

    Two counters are one when the second, read between two reads of the first, lies between them.
    """
    mirrors: dict[str, str] = {}
    kept: list[Node] = []
    for node in nodes:
        match = PACKAGE.fullmatch(node.label)
        if match is None or match["die"] is None or node.mmio:
            continue
        twin = next((each for each in kept if _package(each) == match["package"] and _same(each, node, read)), None)
        if twin is None:
            kept.append(node)
        else:
            mirrors[node.place] = twin.label
    return mirrors


def _package(node: Node) -> str:
    match = PACKAGE.fullmatch(node.label)
    return match["package"] if match else ""


def _same(one: Node, other: Node, read: Callable[[Path], float]) -> bool:
    try:
        first, between, last = (read(each.path / "energy_uj") for each in (one, other, one))
    except OSError:
        return False
    return 0 < first <= between <= last
