"""Comparable groups: which records may be ranked together, what they are called, which one the page opens on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from bench.publish.context import metric_name
from bench.publish.rows import ran
from bench.publish.text import mapping, plain, slug, visible
from bench.record import Record


def grouped(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return (key, records) of each group, tasks together, in the order they first appear.

    A record that failed before its group was known joins the group of its comparison, or stands alone with the rest of
    that comparison.
    """
    known = {each.cell.comparison: each.group for each in records if each.group} if _groupless(records) else {}
    found: dict[str, list[Record]] = {}
    for each in records:
        key = each.group or known.get(each.cell.comparison) or f"ungrouped {each.cell.comparison}"
        found.setdefault(str(key), []).append(each)
    tasks: dict[str, int] = {}
    for members in found.values():
        tasks.setdefault(str(members[0].cell.task), len(tasks))
    return sorted(found.items(), key=lambda item: tasks[str(item[1][0].cell.task)])


def _groupless(records: Sequence[Record]) -> bool:
    return any(not each.group for each in records)


def anchor(key: str, members: Sequence[Record]) -> str:
    """Return the group's permanent anchor: the task's name and a digest of the key."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return "-".join(part for part in ("g", slug(str(members[0].cell.task)), digest) if part)


def place(members: Sequence[Record]) -> str:
    """Return where a group ran: backends · device, and scenario, batch, threads where they are not the usual ones."""
    cell = members[0].cell
    parts = [
        ", ".join(dict.fromkeys(visible(each.cell.backend_name, 80) for each in members)),
        visible(cell.device, 80),
    ]
    parts += [visible(cell.scenario_name, 60)] * (cell.scenario != "single-stream")
    parts += [f"batch {visible(cell.batch, 20)}"] * (cell.batch != 1)
    parts += [f"{visible(cell.threads, 20)} threads"] * (cell.threads != 1)
    return " · ".join(parts)


def places(found: Sequence[tuple[str, Sequence[Record]]]) -> list[str]:
    """Return the place of each group, with the processor and then the key where a task has several of one name."""
    names = [place(members) for _, members in found]
    for more in (_processor, _key):
        tasks = [(str(members[0].cell.task), name) for (_, members), name in zip(found, names, strict=True)]
        twice = {each for each, count in Counter(tasks).items() if count > 1}
        extra = [more(*each) if task in twice else "" for each, task in zip(found, tasks, strict=True)]
        names = [" · ".join(part for part in (name, add) if part) for name, add in zip(names, extra, strict=True)]
    return names


def _processor(_: str, members: Sequence[Record]) -> str:
    return next((plain(mapping(each.machine).get("processor", ""))[:60] for each in members if each.machine), "")


def _key(key: str, _: Sequence[Record]) -> str:
    return visible(key, 12)


def facts(key: str, members: Sequence[Record]) -> tuple[tuple[str, str], ...]:
    """Return what all records of a group share, as term and value."""
    cell = members[0].cell
    machine = next((mapping(each.machine) for each in members if each.machine), {})
    cores = machine.get("cores_usable") or machine.get("cores")
    processor = " · ".join(
        part for part in (plain(machine.get("processor", "")), f"{plain(cores)} cores" if cores else "") if part
    )
    running = [each for each in members if ran(each)]
    versions = mapping(running[0].versions) if running else {}
    backend = versions.get(cell.backend)
    found = (
        ("Machine", processor),
        ("Backend", f"{visible(cell.backend, 80)} {plain(backend)}" if backend else ""),
        (
            "Scenario",
            f"{visible(cell.scenario_name, 60)}, batch {visible(cell.batch, 20)}, threads {visible(cell.threads, 20)}",
        ),
        ("Quality metric", metric_name(members)),
        ("Group", visible(key, 40)),
    )
    return tuple((term, value) for term, value in found if value)


def opening(found: Sequence[tuple[str, list[Record]]]) -> int:
    """Return the index of the group the page opens on: the one with the most records that ran, the first of equals."""
    sizes = [sum(ran(each) for each in members) for _, members in found]
    return sizes.index(max(sizes)) if sizes else 0
