"""Models of one's own as tasks: the offer of a plugin that opens such models, made into that of one of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.artifact import digest_of
from bench.errors import BenchError
from bench.offer import Offer
from bench.plan import Catalogue
from bench.suite import OwnModel, Suite


def with_models(suite: Suite, catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with a task for each model that a suite names itself.

    Raises ConfigError, pointing into the suite, for a file that is not there or that no plugin opens.
    """
    offers = []
    for model in suite.models():
        try:
            offers.append(own_task(model, catalogue))
        except BenchError as error:
            raise suite.error((*model.keys, "model"), error.message, error.cure) from error
    return Catalogue.from_offers([*catalogue.offers, *offers]) if offers else catalogue


def own_task(model: OwnModel, catalogue: Catalogue) -> Offer:
    """Return the offer of a task for this model. Raises BenchError when no plugin opens it or a file is missing."""
    kinds = {str(each.facts["opens"]): each for each in catalogue.of("task") if "opens" in each.facts}
    path, data = Path(model.place), model.data_path
    suffix = ":" if model.is_code else path.suffix
    if suffix not in kinds:
        known = ", ".join(sorted(each for each in kinds if each != ":"))
        raise BenchError(
            f"no plugin opens '{model.model}'", cure=f"give a file of type {known}, or package.module:factory"
        )
    files = [each for each in (None if model.is_code else path, data) if each is not None]
    for file in files:
        if not file.is_file():
            raise BenchError(f"no such file: {file}")
    offer = kinds[suffix]
    place = model.place if model.is_code else str(path.resolve())
    arguments = {"model": place, "data": str(data.resolve()) if data else None}
    digest = " ".join([offer.version, *(digest_of(each) for each in files)])
    return replace(offer, name=model.name, facts={**offer.facts, "arguments": arguments}, digest=digest)
