"""Nothing that exists is missing from the reference."""

import re
from pathlib import Path

import click
import pytest

import bench
from bench import hooks
from bench.cli import cli
from bench.errors import BenchError
from bench.offer import KINDS, Offer
from bench.reading import CLASSES
from bench.record import STATUSES
from bench.record_schema import record_schema
from bench.registry import Registry
from bench.run.ledger import PHASES
from bench.suite.limits import DIMENSION_OF
from bench.suite.model import MatrixModel, MeasureModel, SuiteModel

from .conftest import REFERENCE, ROOT, reference

HOOKS = [name for name in vars(hooks) if name.startswith("bench_")]
NOUNS = (
    "suite",
    "task",
    "recipe",
    "artifact",
    "session",
    "scenario",
    "cell",
    "comparison",
    "reading",
    "record",
    "group",
)
WORDS = (
    *NOUNS,
    *(each for each in KINDS if each != "task"),
    "launch",
    "round",
    "block",
    "baseline",
    "lineage",
    "route",
)


def _codes(text: str) -> set[str]:
    """Return every word that stands in code on a page."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w@.-]+", code)}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_explained(hook: str) -> None:
    assert f"| `{hook}(" in reference("hooks")
    assert vars(hooks)[hook].__doc__


def test_there_are_hooks() -> None:
    assert "bench_tasks" in HOOKS


@pytest.mark.parametrize("name", bench.__all__)
def test_every_name_of_the_door_is_explained(name: str) -> None:
    assert re.search(rf"\bbench\.{name}\b", reference("hooks")), f"bench.{name} is missing from hooks.md"


@pytest.mark.parametrize("member", ["Context", "Session", "Task", "TrainableTask", "Meter", "Backend"])
def test_every_member_of_a_protocol_is_explained(member: str) -> None:
    from bench import protocols

    protocol = getattr(protocols, member)
    own = {name for name in vars(protocol) if not name.startswith("_")} | set(protocol.__annotations__)
    text = reference("hooks")
    assert {name for name in own if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", text)} == set()


def test_every_field_of_a_record_is_explained() -> None:
    schema, known = record_schema(), _codes(reference("records"))
    properties = schema["properties"]
    inner = [properties[each]["additionalProperties"]["properties"] for each in ("readings", "ratios")]
    fields = {name for each in (properties, *inner) for name in each}
    assert fields - known == set()
    assert {*STATUSES, *CLASSES} - known == set()


def test_every_phase_of_the_ledger_is_explained() -> None:
    assert {*PHASES, "own", "wall"} - _codes(reference("run-folder")) == set()


def test_every_key_of_a_suite_is_explained() -> None:
    known = _codes(reference("suite"))
    keys = {*SuiteModel.model_fields, *MatrixModel.model_fields, *MeasureModel.model_fields, *DIMENSION_OF}
    assert keys - known == set()


def _documented(offer: Offer, page: Path) -> bool:
    known = _codes(page.read_text(encoding="utf-8"))
    return offer.name in known and all(option.name in known for option in offer.options)


def test_every_plugin_and_each_of_its_options_is_explained(registry: Registry) -> None:
    references = list(REFERENCE.rglob("*.md"))
    assert registry.offers
    missing = [
        f"{each.kind} {each.name}({', '.join(option.name for option in each.options)}) of {each.plugin}"
        for each in registry.offers
        if not any(_documented(each, page) for page in references)
    ]
    assert not missing, "no page of the reference explains all of: " + "; ".join(missing)


def test_every_environment_variable_is_explained() -> None:
    sources = [each for folder in ("bench", "plugins", "tests") for each in (ROOT / folder).rglob("*.py")]
    used = {name for path in sources for name in re.findall(r'"(BENCH_[A-Z]+)"', path.read_text(encoding="utf-8"))}
    assert "BENCH_CACHE" in used
    assert used - _codes(reference("variables")) == set()


def test_every_exit_code_is_explained() -> None:
    import bench.cli
    from bench.cli import compare_command, run_command

    classes = [BenchError, *BenchError.__subclasses__()]
    codes = {each.exit_code for each in classes}
    codes |= {bench.cli.INTERRUPTED, compare_command.NOT_COMPARABLE, run_command.SOME_FAILED}
    assert all(f"| {code} |" in reference("exit-codes") for code in codes)


def test_the_glossary_knows_the_nouns_and_is_sorted() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*\*(.+?)\*\* \u2013 ", text, re.MULTILINE)
    assert set(WORDS) - set(terms) == set()
    assert terms == sorted(terms)
    assert len(terms) == len(set(terms))


def test_every_option_of_the_pytest_plugin_and_of_its_fixture_is_explained() -> None:
    import inspect

    from bench.testing import pytest_plugin
    from bench.testing.efficiency import Efficiency

    page = (ROOT / "docs" / "how-to" / "pytest.md").read_text(encoding="utf-8")
    options = re.findall(r'"(--bench-[a-z]+)"', inspect.getsource(pytest_plugin))
    parameters = [name for name in inspect.signature(Efficiency.__call__).parameters if name not in ("self", "subject")]
    assert "--bench-against" in options
    assert [each for each in (*options, *parameters) if each not in page] == []


def test_every_file_that_can_be_tried_is_named(registry: Registry) -> None:
    command = cli.get_command(click.Context(cli), "try")
    assert command is not None
    how_to = (ROOT / "docs" / "how-to" / "own-model.md").read_text(encoding="utf-8")
    opened = {str(each.facts["opens"]) for each in registry.offers if "opens" in each.facts} - {":"}
    assert ".onnx" in opened
    named = {"`bench try --help`": str(command.help), "own-model.md": how_to}
    missing = [
        f"{suffix} in {where}" for suffix in sorted(opened) for where, text in named.items() if suffix not in text
    ]
    assert not missing
