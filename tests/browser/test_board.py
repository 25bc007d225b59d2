"""The leaderboard in a browser: it works, it says nothing it should not, and everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.publish import write_site
from bench.reading import Reading

pytestmark = pytest.mark.browser
PHONE, DESK = (390, 844), (1280, 900)
Pages = dict[str, Path]
Visit = Callable[..., Any]


def number(text: str) -> float:
    first = text.split(maxsplit=1)[0].rstrip("\N{MULTIPLICATION SIGN}")
    return float(first.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def violations(axe: Any, page: Any) -> list[Any]:
    """Return what axe-core finds against WCAG 2 A and AA: rule and places."""
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
    found = axe.run(page, options=rules).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"][:3]]) for each in found]


@pytest.mark.parametrize("name", ["usual", "hostile", "large", "empty"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_page_loads_quietly_and_alone(pages: Pages, visit: Visit, name: str, size: tuple[int, int]) -> None:
    with visit(pages[name], size=size) as seen:
        assert seen.complaints == []
        assert seen.requests == [pages[name].as_uri()]
        assert seen.run("document.documentElement.scrollWidth <= innerWidth")


def test_no_hostile_name_runs(pages: Pages, visit: Visit) -> None:
    with visit(pages["hostile"], anchor="#all") as seen:
        links = seen.page.locator("section.group tbody th a")
        for at in range(links.count()):
            links.nth(at).click()
            seen.page.locator("#dialog-body summary", has_text="Raw record").click()
            seen.page.locator("#dialog-body details pre", has_text="bench.record/1").wait_for()
            seen.page.keyboard.press("Escape")
        assert links.count() > 20
        assert seen.run("window.__ran") is None
        assert seen.run("document.querySelectorAll('iframe, img, script[src], link, math').length") == 0
        assert seen.complaints == []


LOOKS = (("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE))


@pytest.mark.parametrize(
    "how", [*(("small", "#all", *look) for look in LOOKS), *(("hostile", "", *look) for look in LOOKS[1:3])]
)
def test_axe_finds_nothing(pages: Pages, visit: Visit, axe: Any, how: tuple[str, str, str, tuple[int, int]]) -> None:
    name, anchor, scheme, size = how
    # axe itself is injected, which the page's policy would forbid.
    with visit(pages[name], anchor=anchor, scheme=scheme, size=size, bypass_csp=True) as seen:
        assert violations(axe, seen.page) == []
        seen.page.fill("#search", "e")
        seen.page.locator("section.group:not([hidden]) tbody th a").first.click()
        seen.page.wait_for_selector("dialog[open]")
        assert violations(axe, seen.page) == []


def test_sorting_by_a_header_orders_rows_both_ways(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        for key in ("latency", "size", "ratio", "flops"):
            seen.head(key).click()
            values = [number(text) for text in seen.cells(key) if not text.startswith("—")]
            assert values == sorted(values)
            assert (
                seen.page.locator(f"section.group:not([hidden]) th[data-k={key}]").get_attribute("aria-sort")
                == "ascending"
            )
            seen.head(key).press("Enter")
            values = [number(text) for text in seen.cells(key) if not text.startswith("—")]
            assert values == sorted(values, reverse=True)
        assert seen.page.locator("section.group:not([hidden]) th[aria-sort]").count() == 1


def test_missing_values_come_last_either_way(synthetic: Any, visit: Visit, tmp_path: Path) -> None:
    first, *rest = synthetic.records(5)
    records = [replace(first, validity={"verdict": "suspect", "reasons": ["drifted"]}), *rest]
    with visit(write_site(records, tmp_path, generated="now")) as seen:
        for _ in range(2):
            seen.head("rank").click()
            assert [text.strip() == "—" for text in seen.cells("rank")] == [False] * 4 + [True]


def test_blocks_of_unlike_energy_never_mix(synthetic: Any, visit: Visit, tmp_path: Path) -> None:
    records = synthetic.records(6)
    mixed = [
        replace(
            each,
            readings={**each.readings, "energy": Reading("J", kind, 0.001 * (9 - at), facts={"domains": ["package"]})},
        )
        for at, (each, kind) in enumerate(zip(records, ["measured", "estimated"] * 3, strict=True))
    ]
    with visit(write_site(mixed, tmp_path, generated="now")) as seen:
        for descending in (False, True):
            seen.head("energy").click()
            texts = seen.cells("energy")
            assert ["measured" in text for text in texts] == [True] * 3 + [False] * 3
            for part in (texts[:3], texts[3:]):
                values = [number(text) for text in part]
                assert values == sorted(values, reverse=descending)


def test_search_keeps_the_rows_that_hold_every_word(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        before = len(seen.cells("recipe"))
        seen.page.fill("#search", "prune 0.5")
        texts = seen.cells("recipe")
        assert 0 < len(texts) < before
        assert all("prune" in text and "0.5" in text for text in texts)
        assert re.match(rf"{len(texts)} of {before} results match", seen.page.inner_text("#found"))
        seen.page.fill("#search", "")
        assert len(seen.cells("recipe")) == before


def test_one_group_is_shown_and_the_others_are_a_click_away(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        shown = "section.group:not([hidden])"
        assert seen.page.locator(shown).count() == 1
        first = seen.page.locator(shown).get_attribute("id")
        seen.page.locator("nav.groups a").nth(2).click()
        seen.page.locator(f"#{first}[hidden]").wait_for(state="attached")
        assert seen.page.locator(shown).count() == 1
        assert seen.page.locator("nav.groups a[aria-current]").count() == 1
        assert seen.run("document.activeElement.tagName") == "H2"
        seen.page.locator("nav.groups a", has_text="All groups").click()
        seen.page.locator(f"#{first}:not([hidden])").wait_for()
        assert seen.page.locator(shown).count() == 5


def test_details_open_by_keyboard_and_give_the_focus_back(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        link = seen.page.locator("section.group:not([hidden]) tbody th a").nth(1)
        link.focus()
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector("dialog[open]")
        assert "Latency quantiles" in seen.page.inner_text("dialog")
        assert "bench reproduce" in seen.page.inner_text("dialog")
        assert seen.run("document.querySelector('dialog').contains(document.activeElement)")
        seen.page.keyboard.press("Escape")
        assert seen.page.locator("dialog[open]").count() == 0
        assert link.evaluate("link => document.activeElement === link")


@pytest.mark.parametrize("name", ["usual", "large"])
def test_a_permalink_opens_its_record_in_its_group(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as seen:
        anchors = seen.page.eval_on_selector_all("section.group tbody th a", "links => links.map(link => link.hash)")
    with visit(pages[name], anchor=anchors[-1]) as seen:
        seen.page.wait_for_selector("dialog[open]")
        assert "Readings" in seen.page.inner_text("dialog")
        assert re.search(r"(measured|derived|estimated|unavailable)", seen.page.inner_text("dialog"))
        assert seen.run(
            f"document.querySelector('section.group:not([hidden])').contains(document.querySelector('a[href=\"{anchors[-1]}\"]'))"
        )


def test_rows_beyond_the_document_are_built_alike(pages: Pages, visit: Visit) -> None:
    with visit(pages["large"]) as seen:
        rows = "section.group:not([hidden]) tbody tr"
        served = seen.page.locator(rows).count()
        assert served == 500
        seen.page.locator("section.group:not([hidden]) button.more").click()
        assert seen.page.locator(rows).count() > served
        shape = "row => [...row.cells].map(cell => [cell.tagName, cell.className.replace(' dim', ''), cell.dataset.l])"
        assert seen.page.locator(rows).nth(600).evaluate(shape) == seen.page.locator(rows).nth(3).evaluate(shape)
        seen.head("latency").click()
        seen.head("latency").click()
        values = [number(text) for text in seen.cells("latency")[:50]]
        assert values == sorted(values, reverse=True)


def test_the_theme_can_be_turned(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = seen.run(ground)
        seen.page.click("#theme")
        assert seen.run(ground) != light
        assert seen.page.locator("#theme").get_attribute("aria-pressed") == "true"


def test_without_scripts_everything_is_there(pages: Pages, visit: Visit, synthetic: Any) -> None:
    with visit(pages["usual"], script=False) as seen:
        assert seen.page.locator("section.group:visible").count() == 5
        assert seen.page.locator("figure.chart svg[role=img]:visible").count() == 5
        assert seen.page.locator("section.sheet:visible").count() == 0
        link = seen.page.locator("tbody th a").first
        anchor = link.get_attribute("href")
        link.click()
        assert seen.page.locator(f"{anchor}:visible").count() == 1


def test_a_point_of_the_chart_opens_its_record(pages: Pages, visit: Visit) -> None:
    with visit(pages["usual"]) as seen:
        seen.page.locator("section.group:not([hidden]) .chart .mark.best > g").first.click()
        seen.page.wait_for_selector("dialog[open]")
        assert seen.page.inner_text("#dialog-title")
