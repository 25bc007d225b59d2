"""The catalogue: every offer by kind and name, with the reason when what it needs is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.envs import why_missing
from bench.errors import BenchError, did_you_mean
from bench.offer import Kind, Offer

# Kinds of which several may share a name, told apart by the formats they accept and produce.
BY_FORMAT = ("compressor", "converter", "counter")


@dataclass(frozen=True)
class Catalogue:
    """All offers. Several may share a name when they accept or produce different formats."""

    offers: tuple[Offer, ...] = ()
    _missing: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def of(self, kind: Kind, name: str | None = None) -> Iterator[Offer]:
        """Yield the offers of a kind, of one name when given."""
        return (each for each in self.offers if each.kind == kind and name in (None, each.name))

    def one(self, kind: Kind, name: str) -> Offer:
        """Return the only offer of a kind and name. Raises BenchError with the nearest known name."""
        found = list(self.of(kind, name))
        if not found:
            raise BenchError(f"no {kind} is called '{name}'.{did_you_mean(name, self.names(kind))}")
        return found[0]

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind, each once, sorted."""
        return sorted({each.name for each in self.of(kind)})

    def missing(self, offer: Offer) -> str | None:
        """Return why an offer cannot work here (a package is not installed) and the cure, or None.

        Looks for the import names without importing them; an offer with an environment may work there instead.
        """
        if offer.environment:
            return why_missing(offer)
        gone = [name for name in offer.needs if not self._found(name)]
        if not gone:
            return None
        cure = f": pip install 'joulebench[{offer.extra}]'" if offer.extra else ""
        return f"{offer.kind} '{offer.name}' needs {', '.join(gone)}, not installed here{cure}"

    def _found(self, name: str) -> bool:
        if name not in self._missing:
            try:
                self._missing[name] = importlib.util.find_spec(name) is not None
            except (ImportError, ValueError):
                self._missing[name] = False
        return self._missing[name]

    @classmethod
    def from_offers(cls, offers: Iterable[Offer]) -> Catalogue:
        """Collect offers. Raises BenchError when two offer the same kind, name and format."""
        seen: dict[tuple[str, str, str, tuple[str, ...]], Offer] = {}
        collected = tuple(offers)
        for offer in collected:
            for accepted in offer.accepts if offer.kind in BY_FORMAT else ("*",):
                key = (offer.kind, offer.name, accepted, offer.produces if offer.kind == "compressor" else ())
                if key in seen and seen[key].target != offer.target:
                    raise BenchError(_clash(seen[key], offer, accepted), cure="uninstall or rename one of them")
                seen[key] = offer
        return cls(collected)


def _clash(first: Offer, second: Offer, accepted: str) -> str:
    what = f"{first.kind} '{first.name}'" + (f" for {accepted}" if accepted != "*" else "")
    return f"two plugins offer the {what}: {first.plugin or first.target} and {second.plugin or second.target}"
