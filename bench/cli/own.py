"""Models of one's own as tasks: the offer of a plugin that opens such models, made into that of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.artifact import digest_of
from bench.envs import wanted_by
from bench.errors import BenchError, did_you_mean
from bench.offer import Offer
from bench.plan import Catalogue
from bench.suite import OwnModel, Suite


class BadMetric(BenchError):
    """What a metric of a model is named by is none."""


def with_models(suite: Suite, catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with a task for each model that a suite names itself.

    Raises ConfigError, pointing into the suite, for a file that is not there or that no plugin opens.
    """
    offers = []
    for model in suite.models():
        try:
            offers.append(own_task(model, catalogue))
        except BadMetric as error:
            raise suite.error((*model.keys, "metric"), error.message, error.cure) from error
        except BenchError as error:
            raise suite.error((*model.keys, "model"), error.message, error.cure) from error
    return Catalogue.from_offers([*catalogue.offers, *offers]) if offers else catalogue


def own_task(model: OwnModel, catalogue: Catalogue) -> Offer:
    """Return the offer of a task for this model. Raises BenchError when no plugin opens it or a file is missing."""
    kinds = {str(each.facts["opens"]): each for each in catalogue.of("task") if "opens" in each.facts}
    suffix = ":" if model.is_code else f"{model.provider}:" if model.provider else Path(model.place).suffix
    if suffix not in kinds:
        known = ", ".join(sorted(each for each in kinds if ":" not in each))
        libraries = ", ".join(sorted(f"{each}NAME" for each in kinds if each.endswith(":") and each != ":"))
        cure = f"give a file of type {known}, package.module:factory{', ' if libraries else ''}{libraries}"
        raise BenchError(f"no plugin opens '{model.model}'", cure=cure)
    files = [*model.files, *([model.data_path] if model.data_path else [])]
    for file in files:
        if not (file.is_file() or (model.provider and file.is_dir())):
            raise BenchError(f"no such file: {file}")
    offer = kinds[suffix]
    data = str(model.data_path.resolve()) if model.data_path else None
    arguments = {"model": model.resolved, "data": data}
    digest = " ".join([offer.version, *(digest_of(each) for each in files)])
    facts = {**offer.facts, "arguments": arguments, **_environment(offer, catalogue)}
    made = replace(offer, name=model.name, facts=facts, digest=digest)
    return made if model.metric is None else _graded(made, model, catalogue)


def _environment(offer: Offer, catalogue: Catalogue) -> dict[str, str]:
    """Return the name under which the environment of an offer is built, where it asks for one."""
    if not offer.environment:
        return {}
    alike = [each for each in catalogue.offers if sorted(each.environment) == sorted(offer.environment)]
    return {"environment_name": next(each.name for each in wanted_by(alike))}


def _graded(task: Offer, model: OwnModel, catalogue: Catalogue) -> Offer:
    """Return the task with its metric; what the metric needs, the task needs. Raises BadMetric for what is none."""
    if task.option("metric") is None:
        raise BadMetric(f"the plugin '{task.plugin}', which opens '{model.model}', takes no metric")
    if model.data is None:
        cure = "add data: FILE.npz (--data FILE)"
        raise BadMetric(f"the metric '{model.metric}' needs data with `labels`", cure=cure)
    if model.metric_is_code:
        return _with_metric(task, str(model.metric), {"metric": model.metric})
    known = {each.name: each for each in catalogue.of("metric")}
    found = known.get(str(model.metric))
    if found is None:
        hint = did_you_mean(str(model.metric), known)
        cure = "bench list metrics shows them; or give package.module:function"
        raise BadMetric(f"unknown metric '{str(model.metric)[:40]}'.{hint}", cure=cure)
    made = _with_metric(task, found.target, {**found.facts, "metric": found.name})
    made = replace(made, digest=f"{made.digest} {found.name} {found.version} {found.digest}")
    absent = catalogue.missing(found) is not None and catalogue.missing(task) is None
    return replace(made, needs=found.needs, extra=found.extra) if absent else made


def _with_metric(task: Offer, target: str, facts: Mapping[str, Any]) -> Offer:
    arguments = {**task.facts["arguments"], "metric": target}
    return replace(task, facts={**task.facts, **facts, "arguments": arguments})
