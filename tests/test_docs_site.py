"""The documentation as `make docs` builds it, opened from disk without a network."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsers import PATIENCE_MS

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation, as the Makefile does; a broken link or a warning ends it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    yield context.new_page()
    context.close()


class Parts(HTMLParser):
    """Collect the addresses of what a browser loads to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        address = held.get("src") or (held.get("href") if tag == "link" else None)
        if address is not None and held.get("rel") != "canonical":
            self.addresses.append(address)


def test_no_part_of_a_page_comes_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        parts = Parts()
        parts.feed(path.read_text(encoding="utf-8"))
        assert parts.addresses, path
        for address in parts.addresses:
            assert "//" not in address, f"{path.relative_to(site)}: {address}"


@pytest.mark.parametrize("start", ["index.html", "models/one-city.html"])
def test_the_search_works_on_a_page_opened_from_disk(site: Path, page: Page, start: str) -> None:
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto((site / start).as_uri(), timeout=PATIENCE_MS)
    query = page.locator("[data-md-component=search-query]")
    query.click(timeout=PATIENCE_MS)
    query.press_sequentially("pass_through")
    found = page.locator(".md-search-result__item a.md-search-result__link").first
    expect(found).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".md-search-result__meta")).to_contain_text("matching document")
    found.click()
    expect(page.locator("article")).to_contain_text("pass_through", timeout=PATIENCE_MS)
    assert page.url.startswith(site.as_uri())
    assert failed == []


TERMS = (
    "best response", "Stackelberg game", "equilibrium", "price of anarchy",
    "peak shaving", "valley filling", "load shifting", "self-consumption",
    "self-sufficiency", "vehicle-to-grid", "state of charge", "demand response",
    "dispatch", "perfect foresight", "forecast horizon", "shadow price",
    "curtailment", "congestion", "net load", "ramp", "tariff",
    "demand charge", "V2G",
)  # fmt: skip


def test_terms_of_the_field_are_found_by_the_search(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri(), timeout=PATIENCE_MS)
    query = page.locator("[data-md-component=search-query]")
    query.click(timeout=PATIENCE_MS)
    for term in TERMS:
        query.fill("")
        # The search drops words such as "of", so that no phrase in quotes may hold them.
        query.press_sequentially(term if " of " in term else f'"{term}"')
        first = (
            page.locator(".md-search-result__item").filter(has_text=re.compile(term, re.I)).first
        )
        expect(first, term).to_be_visible(timeout=PATIENCE_MS)


def test_every_module_has_its_page_and_every_function_is_on_it(site: Path) -> None:
    for room in ("environment", "markets", "agents"):
        pages = list((site / "reference" / room).rglob("*.html"))
        assert len(pages) > 20
        table = (site / "reference" / f"{room}.html").read_text(encoding="utf-8")
        for path in pages:
            address = path.relative_to(site / "reference").as_posix()
            assert f'href="{address}"' in table, address
    text = (site / "reference" / "markets" / "three_level_game.html").read_text(encoding="utf-8")
    assert 'id="hmesh.markets.three_level_game.solve_exact"' in text


def test_no_table_scrolls_on_a_screen_of_1440_pixels(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wide = []
    for path in sorted(site.rglob("*.html")):
        if "reference" in path.relative_to(site).parts:
            continue
        page.goto(path.as_uri(), timeout=PATIENCE_MS)
        found = page.evaluate(
            "[...document.querySelectorAll('.md-typeset__scrollwrap')]"
            ".filter(w => w.scrollWidth > w.clientWidth + 1).map(w => w.innerText.slice(0, 60))"
        )
        wide += [f"{path.relative_to(site)}: {text}" for text in found]
    page.close()
    assert wide == []
