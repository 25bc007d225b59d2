"""`bench schema`: JSON Schemas for editors and checkers."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from bench.cli.setup import open_registry, plugin_option, strict_option, vocabulary_of


@click.command("schema")
@click.argument("kind", type=click.Choice(["suite", "record"]))
@plugin_option
@strict_option
def command(kind: str, plugins: Sequence[str], strict_plugins: bool) -> None:
    """Print the JSON Schema of suites (it knows the options of the installed plugins) or of records."""
    if kind == "record":
        from bench.record_schema import record_schema

        schema = record_schema()
    else:
        from bench.suite import json_schema

        _, catalogue = open_registry(plugins, strict=strict_plugins)
        schema = json_schema(vocabulary_of(catalogue))
    click.echo(json.dumps(schema, indent=2))
