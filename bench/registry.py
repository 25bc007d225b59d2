"""The registry: pluggy manager, entry points, one-file plugins. First-party plugins come through the same door."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pluggy

from bench import __version__, hooks
from bench.authoring import offers_of
from bench.errors import PluginError, did_you_mean
from bench.offer import KINDS, Offer

GROUP = "bench"
VARIABLE = "BENCH_PLUGINS"
HOOKS_OF_OFFERS = tuple(f"bench_{kind}s" for kind in KINDS)
Describe = Callable[[str], Iterable[Mapping[str, Any]]]


@dataclass
class Registry:
    """The plugins that loaded, their offers, and what was left out with the reason."""

    manager: pluggy.PluginManager
    offers: tuple[Offer, ...]
    problems: tuple[str, ...] = ()
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_registry(files: Iterable[str] = (), *, describe: Describe | None = None, strict: bool = False) -> Registry:
    """Load entry points of group `bench` and the one-file plugins given by `-p`.

    `describe(path)` returns a file's offers as JSON; it runs in a child, so that the file may import what it likes.
    A plugin that raises while loading is left out and named in `problems`; with `strict` it is a PluginError.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hooks)
    offers: list[Offer] = []
    plugins: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    for entry in _entry_points(problems):
        try:
            module = entry.load()
            found = _module_offers(module)
            manager.register(module, name=entry.name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way; it is named and left out
            problems.append(f"plugin '{entry.name}' ({entry.value}) did not load: {type(error).__name__}: {error}")
            continue
        name, version = _distribution(entry)
        plugins[entry.name] = {"module": entry.value, "distribution": name, "version": version}
        offers += [replace(each, plugin=entry.name, version=version) for each in found]
    for file in files:
        offers += _file_offers(file, describe)
        plugins[str(file)] = {"module": str(file), "distribution": "one file", "version": ""}
    _check_hooks(manager)
    if strict and problems:
        raise PluginError("; ".join(problems))
    return Registry(manager, tuple(offers), tuple(problems), plugins)


def _entry_points(problems: list[str]) -> list[importlib.metadata.EntryPoint]:
    """Return the entry points, those named in BENCH_PLUGINS when it is set (empty: none).

    Two packages that use one name, and names that nobody uses, are told in `problems`.
    """
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for each in importlib.metadata.entry_points(group=GROUP):
        first = found.setdefault(each.name, each)
        if first.value != each.value:
            problems.append(
                f"two packages call their plugin '{each.name}': {first.value} is used, {each.value} left out"
            )
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return [found[name] for name in sorted(found)]
    names = [each.strip() for each in wanted.split(",") if each.strip()]
    problems += [
        f"{VARIABLE} names '{name}', not installed here.{did_you_mean(name, found)}"
        for name in names
        if name not in found
    ]
    return [found[name] for name in names if name in found]


def _module_offers(module: Any) -> list[Offer]:
    """Collect a module's decorated objects and whatever its own hook implementations return."""
    found = {each.place: each for each in offers_of(module)}
    for hook in HOOKS_OF_OFFERS:
        implementation = getattr(module, hook, None)
        if callable(implementation):
            for offer in implementation():
                if not isinstance(offer, Offer):
                    raise TypeError(f"{hook} returns offers, not {type(offer).__name__}")
                found[offer.place] = offer
    return list(found.values())


def _file_offers(file: str, describe: Describe | None) -> list[Offer]:
    path = Path(file)
    if not path.is_file():
        raise PluginError(f"-p {file}: no such file")
    if describe is None:
        raise PluginError(f"-p {file}: one-file plugins cannot be described here")
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    offers = [Offer.from_json(each) for each in describe(str(path.resolve()))]
    if not offers:
        raise PluginError(
            f"-p {file} offers nothing", cure="decorate a function with @bench.compressor('name') or the like"
        )
    return [replace(each, plugin=path.name, version=digest[7:19], digest=digest) for each in offers]


def cached_describe(describe: Describe, folder: Path) -> Describe:
    """Describe a file once for each content: by the digest of its bytes."""

    def cached(file: str) -> Iterable[Mapping[str, Any]]:
        key = hashlib.sha256(f"{__version__}\0{file}\0".encode() + Path(file).read_bytes()).hexdigest()
        place = folder / f"{key}.json"
        try:
            return list(json.loads(place.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            offers = [dict(each) for each in describe(file)]
        folder.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text(json.dumps(offers), encoding="utf-8")
        fresh.replace(place)
        return offers

    return cached


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    owner = entry.dist
    return (owner.name, owner.version) if owner else ("", "")


def _check_hooks(manager: pluggy.PluginManager) -> None:
    """Let a misspelt hook fail loudly."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(str(error), cure="hooks are listed in docs/reference/hooks.md") from error
