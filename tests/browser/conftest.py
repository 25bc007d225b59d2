"""Pages of invented records in a real Chromium: Debian's, or the one BENCH_CHROMIUM names."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
READY_MS = 20_000
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """Return the module of benchmarks/ that invents records."""
    spec = spec_from_file_location("synthetic_records", ROOT / "benchmarks" / "synthetic.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def do_without(cure: str) -> None:
    """Skip, saying what is missing; fail in CI, where these tests must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(cure)
    pytest.skip(cure)


def needed(module: str) -> Any:
    """Import a module of the extra `browser`."""
    try:
        return import_module(module)
    except ImportError:
        do_without("the browser tests need `pip install joulebench[browser]`")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start the browser once."""
    path = os.environ.get("BENCH_CHROMIUM") or shutil.which("chromium")
    if not path:
        do_without("no Chromium: install Debian's package `chromium` or set BENCH_CHROMIUM to an executable")
    api = needed("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> Any:
    """Return axe-core, ready to run in a page."""
    return needed("axe_playwright_python.sync_playwright").Axe()


class Watched:
    """A page and everything it complained about or asked the network for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("request", lambda request: self.requests.append(request.url))

    def run(self, script: str) -> Any:
        """Evaluate JavaScript in the page."""
        return self.page.evaluate(script)

    @property
    def columns(self) -> list[str]:
        """Return the column keys of the group shown."""
        return self.page.eval_on_selector_all(
            "section.group:not([hidden]) thead th", "heads => heads.map(head => head.dataset.k)"
        )

    def cells(self, key: str) -> list[str]:
        """Return the texts of a column of the group shown, top to bottom."""
        at = self.columns.index(key) + 1
        return self.page.locator(f"section.group:not([hidden]) tbody tr > :nth-child({at})").all_inner_texts()

    def head(self, key: str) -> Any:
        """Return the header button of a column of the group shown."""
        return self.page.locator(f"section.group:not([hidden]) th[data-k={key}] button")


@pytest.fixture
def visit(chromium: Any) -> Callable[..., Any]:
    """Return `visit(path, …)`: a context manager that opens a page in a fresh context."""

    @contextmanager
    def opened(
        path: Path,
        *,
        size: tuple[int, int] = DESK,
        scheme: str = "light",
        anchor: str = "",
        script: bool = True,
        **more: Any,
    ) -> Iterator[Watched]:
        viewport = {"width": size[0], "height": size[1]}
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=script, **more)
        try:
            watched = Watched(context.new_page())
            watched.page.goto(path.as_uri() + anchor)
            if script:
                watched.page.wait_for_selector("html[data-ready]", state="attached", timeout=READY_MS)
            yield watched
        finally:
            context.close()

    return opened


@pytest.fixture(scope="session")
def pages(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the pages by name: a usual one, a hostile one, a large one, an empty one."""
    from bench.publish import write_site

    folder = tmp_path_factory.mktemp("pages")
    sets = {
        "usual": synthetic.records(60, per_group=12),
        "small": synthetic.records(9, per_group=3),
        "hostile": synthetic.records(len(synthetic.HOSTILE), per_group=9, hostile=True),
        "large": synthetic.records(1400, per_group=700),
        "empty": [],
    }
    made = {"generated": synthetic.GENERATED, "title": "Board"}
    return {name: write_site(records, folder / name, **made) for name, records in sets.items()}
