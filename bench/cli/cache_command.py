"""`bench cache`: what is cached, and clearing it."""

from __future__ import annotations

import click

from bench.errors import BenchError
from bench.store import Cache, cache_folder
from bench.units import format_quantity


@click.command("cache")
@click.argument("action", type=click.Choice(["list", "clear"]))
def command(action: str) -> None:
    """List or clear the artifact cache (its folder is BENCH_CACHE, or the user's cache folder)."""
    cache = Cache(cache_folder())
    if action == "clear":
        try:
            freed = cache.clear()
        except OSError as error:
            raise BenchError(f"the cache at {cache.folder} cannot be cleared: {error}") from error
        click.echo(f"freed {format_quantity(freed, 'B')}")
        return
    files = [each for each in (cache.folder / "objects").rglob("*") if each.is_file()]
    total = sum(each.stat().st_size for each in files)
    click.echo(f"{cache.folder}\n{len(files)} artifacts, {format_quantity(total, 'B')}")
