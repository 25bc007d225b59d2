"""The command line: one module per command, loaded when it is called, so that starting costs what click costs."""

from __future__ import annotations

import errno
import importlib
import sys

import click

from bench import __version__
from bench.cli.stopping import exit_code_of, stop_on_signals
from bench.errors import BenchError, did_you_mean
from bench.unseen import block

INTERRUPTED, SYSTEM_REFUSED = 130, 2
_CURES = {
    errno.ENOSPC: "make room on that disk, or set BENCH_CACHE or -o to another one",
    errno.EDQUOT: "make room in your quota, or set BENCH_CACHE or -o to another disk",
    errno.EROFS: "it is mounted read-only: set BENCH_CACHE or -o to a folder that can be written",
    errno.EACCES: "you may not: set BENCH_CACHE or -o to a folder of yours",
}
# Name -> one line of help; the module bench.cli.<name>_command holds the command.
COMMANDS = {
    "run": "Run a suite: compress, measure side by side, record, render.",
    "try": "Try the usual recipes on one model of your own, without a suite.",
    "plan": "Show the cells of a suite, their routes, and what cannot run here and why.",
    "list": "List tasks, compressors, converters, backends, meters, counters, metrics, suites or plugins.",
    "show": "Show one record with its provenance, lineage and samples.",
    "compare": "Compare two records or two runs: better, worse or tie, with the interval.",
    "gate": "Measure a suite beside a baseline: pass, fail or inconclusive.",
    "report": "Render results as a leaderboard.",
    "validate": "Check results as a submission: derive every number again from the raw samples.",
    "reproduce": "Measure a record's comparison again: inside its prediction interval or not.",
    "export": "Write results as CSV, JSON, pytest-benchmark history or badges.",
    "doctor": "Check what can be measured here and what to install.",
    "env": "Build, adopt, list, remove or export environments of offers that need their own.",
    "check": "Check that the backends of a plugin keep the rules.",
    "new": "Write a plugin that works, for you to change: a backend or a compressor.",
    "schema": "Print the JSON Schema of suites or records.",
    "cache": "List or clear the artifact cache.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when called; help needs their names and one line only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bench.cli.{cmd_name}_command")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when one is misspelt."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command is called '{args[0]}'.{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="joulebench", message="%(prog)s %(version)s")
def cli() -> None:
    """Benchmark model compression: quality, latency, memory, size, FLOPs and joules, each with its interval.

    Start with: bench run smoke
    """


def main() -> None:
    """Run the command line; errors a user can act on are shown without a traceback."""
    stop_on_signals()
    try:
        code = cli.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        click.echo("interrupted; the same command with the same -o folder goes on from here", err=True)
        code = exit_code_of(error, INTERRUPTED)
    except click.ClickException as error:
        error.message = block(error.message)  # type: ignore[misc]  # for typing only; a name in it may be anybody's
        error.show()
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except BenchError as error:
        click.echo(f"error: {block(error)}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except OSError as error:
        click.echo(f"error: {block(_of_the_system(error))}", err=True)
        code = SYSTEM_REFUSED
    sys.exit(code if isinstance(code, int) else 0)


def _of_the_system(error: OSError) -> str:
    """Say what the system refused, where, and what is left: a full disk or a read-only cache is no bug."""
    place = f"{error.filename}: " if error.filename else ""
    kept = "what was recorded before stays: run the same command with the same -o folder to go on"
    return f"{place}{error.strerror or error}\n  {_CURES.get(error.errno or 0, 'see to it')}; {kept}"
