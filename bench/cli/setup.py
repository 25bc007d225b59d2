"""What most commands need first: the registry, the catalogue, a suite found by path or name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bench.errors import BenchError
from bench.plan import Catalogue
from bench.registry import Registry, cached_describe, load_registry
from bench.shelf import shelf
from bench.store import cache_folder
from bench.suite import Suite, Vocabulary, load

DESCRIBE_TIMEOUT_S = 120.0

plugin_option = click.option(
    "-p",
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=str),
    metavar="FILE",
    help="A one-file plugin; may be given again.",
)
strict_option = click.option("--strict-plugins", is_flag=True, help="Fail when a plugin does not load.")
results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Where records are looked up.",
)


class FolderPath(click.Path):
    """A folder to write to, made when missing; a file of that name, or no name at all, is a mistake."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse the empty name: it would be the folder one stands in."""
        if not str(value):
            self.fail("name a folder, as in -o results/mine", param, ctx)
        return super().convert(value, param, ctx)


def open_registry(plugins: Sequence[str] = (), *, strict: bool = False) -> tuple[Registry, Catalogue]:
    """Load every plugin's offers; say on stderr which did not load."""
    describe = cached_describe(_describe, cache_folder() / "described")
    registry = load_registry(plugins, describe=describe, strict=strict)
    for problem in registry.problems:
        click.echo(f"warning: {problem}", err=True)
    return registry, Catalogue.from_offers(registry.offers)


def _describe(file: str) -> Iterable[Mapping[str, Any]]:
    """Describe a one-file plugin in a throwaway child: it may import what it likes."""
    from bench.run import spawn_child

    worker = spawn_child(1, None)
    try:
        reply = worker.request("describe", {"file": file}, timeout_s=DESCRIBE_TIMEOUT_S)
    except BenchError as error:
        detail = getattr(error, "traceback", None)
        raise BenchError(f"-p {file} does not load: {error.message}\n{detail or ''}".rstrip()) from error
    finally:
        worker.close()
    return list(reply.data["offers"])


def suite_folders(registry: Registry) -> list[Path]:
    """Return where suites are looked for by name: the shelf, then the folders of plugins."""
    folders = [Path(str(each)) for found in registry.manager.hook.bench_suites() for each in found]
    return [shelf("suites"), *folders]


def open_suite(path: str, registry: Registry, catalogue: Catalogue) -> tuple[Suite, Catalogue]:
    """Read a suite: a path on disk wins, else its stem is looked for on the shelf.

    Returns it and the catalogue with the tasks that it makes of models of its author's own.
    """
    from bench.cli.own import with_models

    vocabulary = vocabulary_of(catalogue)
    suite = load(Path(path), vocabulary=vocabulary, env=dict(os.environ), search=suite_folders(registry))
    return suite, with_models(suite, catalogue)


def vocabulary_of(catalogue: Catalogue) -> Vocabulary:
    """Return what a suite may name: offers that make a task of any model are left out."""
    return Vocabulary.of(each for each in catalogue.offers if "opens" not in each.facts)
