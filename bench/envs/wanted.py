"""What is wanted: one environment for every set of requirements that offers declare."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass

from bench.errors import BenchError, did_you_mean
from bench.offer import Offer
from bench.store.cache import key_of

# What a worker imports beside its backend; everything else of joulebench's own requirements is the controller's.
BASE = ("numpy", "psutil", "pluggy")
SAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Wanted:
    """One environment: its requirements, and the offers that start in it.

    `name` is that of its first backend, else of its first offer; `needs` are the import names of all its offers;
    `disk_bytes` is what the plugin's author measured it to take, None where nobody said.
    """

    name: str
    requirements: tuple[str, ...]
    needs: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    disk_bytes: float | None = None

    @property
    def key(self) -> str:
        """What it is built from: requirements, the core's own, the Python's version and the platform."""
        place = [sys.implementation.cache_tag, sysconfig.get_platform()]
        return key_of([sorted(self.requirements), base_requirements(), *place])[:12]

    @property
    def folder_name(self) -> str:
        """The name of its folder: its name for people, its key for programs."""
        return f"{SAFE.sub('-', self.name)[:40]}-{self.key}"

    @property
    def command(self) -> str:
        """The command that builds it."""
        return f"bench env build {self.name}"


def wanted_by(offers: Iterable[Offer]) -> list[Wanted]:
    """Return the environments that offers ask for, sorted by name; offers with the same requirements share one."""
    sets: dict[tuple[str, ...], list[Offer]] = {}
    for each in offers:
        if each.environment:
            sets.setdefault(tuple(sorted(each.environment)), []).append(each)
    found = [_wanted(requirements, members) for requirements, members in sets.items()]
    return sorted(found, key=lambda each: each.name)


def of_offer(offer: Offer) -> Wanted:
    """Return the environment that one offer asks for: the same key as `wanted_by` gives it."""
    return _wanted(tuple(sorted(offer.environment)), [offer])


def choose(name: str, wanted: Iterable[Wanted]) -> Wanted:
    """Return the environment of a name: its own, or that of an offer in it. Raises BenchError with the nearest name."""
    every = list(wanted)
    for each in (*(e for e in every if e.name == name), *(e for e in every if name in e.offers)):
        return each
    known = [each.name for each in every] + [offer for each in every for offer in each.offers]
    raise BenchError(f"no offer called '{name}' declares an environment.{did_you_mean(name, known)}")


@functools.cache
def base_requirements() -> tuple[str, ...]:
    """Return the requirements of the light core, with the bounds that the running joulebench states for them."""
    from packaging.requirements import Requirement

    try:
        stated = importlib.metadata.requires("joulebench") or []
    except importlib.metadata.PackageNotFoundError:  # a checkout that is only on the path
        stated = []
    bounds = {each.name: str(each.specifier) for text in stated if not (each := Requirement(text)).marker}
    return tuple(name + bounds.get(name, "") for name in BASE)


def _wanted(requirements: tuple[str, ...], offers: list[Offer]) -> Wanted:
    first = next((each for each in offers if each.kind == "backend"), offers[0])
    sizes = [float(each.facts["environment_bytes"]) for each in offers if "environment_bytes" in each.facts]
    needs = dict.fromkeys(name for each in offers for name in each.needs)
    names = dict.fromkeys(each.name for each in offers)
    # A model of one's own is a task named after its file; the environment keeps the name under which it is built.
    name = str(first.facts.get("environment_name", first.name))
    return Wanted(name, requirements, tuple(needs), tuple(names), max(sizes, default=None))
