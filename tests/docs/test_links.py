"""Every relative link leads somewhere."""

import re
from pathlib import Path

import pytest

from .conftest import named, pages, without_fences

LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_slug(each["text"]) for each in HEADING.finditer(without_fences(page))}


def _broken(page: Path) -> list[str]:
    targets = [each["target"] for each in LINK.finditer(without_fences(page))]
    out = []
    for target in targets:
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and anchor not in _anchors(place)):
            out.append(target)
    return out


@pytest.mark.parametrize("page", named(pages()))
def test_links_resolve(page: Path) -> None:
    assert _broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A head\n[a](page.md#a-head) [b](#nothing) [c](gone.md) [d](https://example.org)\n", encoding="utf-8"
    )
    assert _broken(page) == ["#nothing", "gone.md"]
