"""Markdown: it fits, it says what it left out, and no name becomes markup. The parser is markdown-it with tables."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench.gate.render import COMMENT_BYTES, SUMMARY_BYTES, md_comment, md_summary
from bench.gate.render.escape import JOINER, code, marker, prose
from bench.gate.render.words import plain
from bench.gate.verdicts import GateReport

from .conftest import hostile

OURS = {"h2", "p", "code", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li"}
NASTY = (
    "|", "a|b", "a\\|b", "\\", "`", "``", "`|`", "@team", "@org/team", "#1", "GH-1", "org/repo#1",
    "<script>alert(1)</script>",
    "<!-- x", "-->", "</details>", "<img src=x onerror=y>", "[a](javascript:b)", "![a](http://b.c/d)",
    "http://evil.example",
    "https://e.example/?a=1|b", "www.evil.example", "mail@evil.example", "x@.tw", "**b**", "_i_", "~~s~~", "&lt;b&gt;",
    "&#64;team",
    "# head", "- item", "1. item", "+ item", "---", "===", "> quote", "    code", "[ ] task", "\n\n# head", "a\r\nb",
    "$x^2$",
    ":tada:", "!5", "~label", "%milestone", "&epic", "/close", "\u202egnp.exe", "\x00\x1b[31m", "\ud800", "é日本",
    " ", "",
)  # fmt: skip


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.comments: list[str] = []
        self.cells: list[str] = []
        self.inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("td", "th"):
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def page(markdown: str) -> Page:
    return Page(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("size", [1, 50, 1500])
@pytest.mark.parametrize(("render", "limit"), [(md_comment, COMMENT_BYTES), (md_summary, SUMMARY_BYTES)])
def test_it_fits_and_counts_what_was_left_out(render, limit: int, size: int, mixed: GateReport) -> None:
    many = replace(mixed, cells=mixed.cells * size)
    found = render(many)
    assert len(found.encode()) < limit
    rows = found.count("| **FAIL** |")
    if rows < 2 * size:
        assert "**Left out** to stay below" in found
    assert found.index("Gate: FAIL") < 100
    assert page(found).tags.count("details") == found.count("</details>")


def test_what_was_left_out_adds_up(mixed: GateReport) -> None:
    many = replace(mixed, cells=mixed.cells[1:2] * 1000)
    found = md_comment(many)
    shown = found.count("| **FAIL** |")
    assert f"{1000 - shown:,} of 1,000 rows of what did not pass" in found


def test_what_failed_is_kept_longest(mixed: GateReport) -> None:
    many = replace(mixed, cells=(*mixed.cells[:1] * 2000, mixed.cells[1]))
    found = md_comment(many)
    assert found.count("| **FAIL** |") == 1
    assert "cells that passed or are unsupported" in found


@settings(deadline=None, max_examples=40)
@given(st.one_of(st.sampled_from(NASTY), st.text(max_size=40)), st.integers(8192, 20000))
def test_it_fits_whatever_the_names(name: str, limit: int) -> None:
    report = hostile(name * 100)
    for render in (md_comment, md_summary):
        assert len(render(report, limit).encode()) < limit


def test_too_little_room_is_an_error(clean: GateReport) -> None:
    with pytest.raises(ValueError, match="8,192 bytes"):
        md_comment(clean, 100)


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names_are_letters(name: str) -> None:
    only_ours(name)


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.one_of(st.sampled_from("|`\\<>&@#[]()!*_~-+=:/w.1\n "), st.characters()), max_size=60))
def test_any_name_is_letters(name: str) -> None:
    only_ours(name)


def only_ours(name: str) -> None:
    usual = page(md_summary(hostile("x")))
    found = page(md_summary(hostile(name)))
    assert set(found.tags) <= OURS
    assert found.attributes == []
    assert len(found.comments) == 1
    if not name.strip():
        return  # without reasons and names there is less to show
    skeleton = [each for each in found.tags if each not in ("code", "p")]
    assert skeleton == [each for each in usual.tags if each not in ("code", "p")]
    texts = [each.replace(JOINER, "") for each in found.cells]
    shown = plain(name.replace(JOINER, ""), 300)
    if shown and "…" not in name:
        assert any(plain(name, 160).strip("`").replace(JOINER, "") in each for each in texts)


@settings(deadline=None)
@given(st.text())
def test_signs_that_hosts_look_for_are_parted(name: str) -> None:
    shown = prose(name)
    assert shown.count("@") == shown.count("@" + JOINER)
    assert "://" not in shown


@pytest.mark.parametrize("name", ["mnist · quantize(mode=dynamic) · torch cpu", "main", "@team", "a `b`", "a|b\\|c"])
def test_a_name_reads_as_it_is(name: str) -> None:
    (cell,) = page(f"| a |\n|---|\n| {code(name)} |\n").cells[1:]
    assert cell.replace(JOINER, "") == name


def test_a_plain_name_is_plain_code() -> None:
    assert code("toy · none · torch") == "`toy · none · torch`"
    assert code("") == "\N{EM DASH}"


def test_a_comment_finds_itself_again(clean: GateReport) -> None:
    assert md_comment(clean).startswith("<!-- joulebench-gate: mobile -->\n")
    assert marker("a --> <b> x" + "y" * 100).count("-->") == 1
