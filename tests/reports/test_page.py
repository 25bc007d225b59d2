"""The page as a document: whole, self-contained, and safe whatever the records say."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.publish import render
from bench.publish.embed import csp_hash
from bench.publish.model import SHAPES
from bench.shelf import shelf
from bench.suite.cell import Step

# What a page may hold: anything else in the parsed document was smuggled in by a record.
TAGS = frozenset(
    re.findall(
        r"\w+",
        "html head meta title style body a header h1 h2 h3 p span div label input button main nav ul ol li b small "
        "section dl dt dd figure svg desc path text g figcaption table caption thead tbody tr th td details summary "
        "pre noscript footer dialog script",
    )
)
ADDRESS = re.compile(r"#[A-Za-z0-9_.\-]*|records\.jsonl")


class Document(HTMLParser):
    """Collects elements, addresses, texts and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id") or "code") if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is None:
            self.text.append(data)
        else:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    def unpacked(self, name: str) -> Any:
        return json.loads(gzip.decompress(base64.b64decode(self.scripts[name])))


def check_safe(document: Document) -> None:
    """Fail when anything but our own elements, addresses and attributes stands in the document."""
    ids = [attrs["id"] for _, attrs in document.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in document.tags:
        assert tag in TAGS, tag
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src", "srcdoc", "xlink:href")]
        if "href" in attrs:
            assert ADDRESS.fullmatch(attrs["href"] or ""), attrs["href"]
    assert sum(tag == "script" for tag, _ in document.tags) == 4
    assert sum(tag == "style" for tag, _ in document.tags) == 1


def test_the_policy_names_exactly_the_script_and_style_of_the_page(synthetic: ModuleType) -> None:
    document = Document(render(synthetic.records(4), generated="now"))
    policy = next(attrs["content"] for tag, attrs in document.tags if "http-equiv" in attrs)
    assert policy is not None
    page = render(synthetic.records(4), generated="now")
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src {csp_hash(script[0])};" in policy
    assert f"style-src {csp_hash(style[0])};" in policy
    assert "unsafe" not in policy


def test_no_address_outside_the_page(synthetic: ModuleType) -> None:
    page = render(synthetic.records(30, per_group=6), generated="now")
    assert not re.findall(r"https?:", page)
    check_safe(Document(page))


def test_hostile_names_come_out_as_text(synthetic: ModuleType) -> None:
    hostile = synthetic.records(len(synthetic.HOSTILE), per_group=9, hostile=True)
    page = render(
        hostile, title="</title><script>1</script>", generated="<b>", extra_columns={"<u>": synthetic.HOSTILE}
    )
    document = Document(page)
    check_safe(document)
    text = "".join(document.text)
    assert "<script>window.__ran=1</script>" in text
    assert "</title><script>1</script>" in text
    assert "{{ 7*7 }}{% raw %}${7*7}" in text
    assert "49" not in text.split("{{ 7*7 }}")[1][:40]
    assert "gpj.exe" in text
    assert "\u202e" not in page
    assert "\x00" not in page


any_text = st.text(alphabet=st.characters(), min_size=1, max_size=60)
markup = st.sampled_from(
    ["<script>", "</script>", "<!--", "-->", "</style>", "]]>", "<svg onload=1>", '" onx="', "' onx='", "&lt;"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_text | markup, min_size=1, max_size=3).map("".join))
def test_no_text_becomes_markup(synthetic: ModuleType, hostile: str) -> None:
    base, other = synthetic.records(2)
    poisoned = replace(
        other,
        id=hostile,
        cell=replace(other.cell, task=hostile, device=hostile, recipe=(Step(hostile, {hostile: hostile}),)),
        validity={"verdict": hostile, "reasons": [hostile]},
        machine={hostile: hostile},
        lineage=({hostile: hostile},),
        reproduce=hostile,
        detail=hostile,
    )
    failed = replace(poisoned, status="failed", reason=hostile, group=hostile)
    page = render([base, poisoned, failed], title=hostile, generated=hostile, extra_columns={hostile: [hostile] * 3})
    page.encode()
    check_safe(Document(page))


def test_the_raw_records_come_back_out_of_the_page(synthetic: ModuleType) -> None:
    records = synthetic.records(6, per_group=3)
    raw = Document(render(records, generated="now")).unpacked("raw")
    assert list(raw.values()) == [json.loads(json.dumps(each.to_json())) for each in records]


def test_a_large_page_keeps_most_rows_for_its_script(synthetic: ModuleType) -> None:
    records = synthetic.records(1200, per_group=600)
    document = Document(render(records, generated="now"))
    check_safe(document)
    rest = document.unpacked("rest")
    served = sum(tag == "th" and attrs.get("scope") == "row" for tag, attrs in document.tags)
    assert served == 500
    assert served + sum(map(len, rest.values())) == sum(each.status == "ok" for each in records)


def test_a_small_page_is_whole_without_its_script(synthetic: ModuleType) -> None:
    records = synthetic.records(20, per_group=10)
    document = Document(render(records, generated="now"))
    assert document.unpacked("rest") == {}
    ids = {attrs["id"] for _, attrs in document.tags if "id" in attrs}
    linked = {(attrs["href"] or "")[1:] for tag, attrs in document.tags if tag == "a" and attrs["href"] != "#all"}
    assert linked <= ids
    assert sum(each is not None and each.startswith("r-") for each in ids) == 20


def test_energy_never_stands_without_its_class(synthetic: ModuleType) -> None:
    page = render(synthetic.records(72, per_group=9), generated="now")
    cells = re.findall(r'<td class="[^"]*" data-l="Energy[^"]*"[^>]*>(.*?)</td>', page, re.DOTALL)
    assert len(cells) > 60
    for each in cells:
        assert re.search(r'class="b b-(measured|derived|estimated|unavailable)"', each) or "no ratio" in each, each


@pytest.mark.parametrize(
    "word", ["measured", "derived", "counted", "estimated", "unavailable", "valid", "suspect", "invalid"]
)
def test_every_badge_has_its_shape_in_the_style_too(word: str) -> None:
    style = (shelf("reports") / "static" / "board.css").read_text(encoding="utf-8")
    rules = re.findall(r'([^{}]*)::before\{content:"([^"]*) "\}', style)
    shapes = {name: shape for names, shape in rules for name in re.findall(r"\.b-(\w+)", names)}
    assert shapes[word] == SHAPES[word]


def test_the_script_writes_text_and_never_markup() -> None:
    script = (shelf("reports") / "static" / "board.js").read_text(encoding="utf-8")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "</",
    ):
        assert forbidden not in script


def test_script_and_style_stay_small() -> None:
    sizes = [len((shelf("reports") / "static" / name).read_bytes()) for name in ("board.js", "board.css")]
    assert sum(sizes) <= 40_000
