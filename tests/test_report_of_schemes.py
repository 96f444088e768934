"""What a person meets who opens the report of any scheme: its first screen, and who can use it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from hmesh.runs import load_scenario, start_run, write_report
from tests.browsers import CHROMIUM
from tests.quick_cases import quick
from tests.report_visits import Visit, opened
from tests.scheme_runs import SHORT, run_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

A_DAY = 3e6
LARGER = {
    "two-voltage-levels": ("hours=12",),
    "suburbs": ("hours=12",),
    "one-city": ("hours=4",),
}
GUIDELINES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_PAGES = TemporaryDirectory(prefix="reports-of-schemes-")


@cache
def report_of(scenario: str) -> Path:
    """Return the page of a short run of a built-in scenario, with its audit."""
    page = Path(_PAGES.name, f"{scenario}.html")
    if scenario in LARGER:
        folder = Path(_PAGES.name, scenario)
        start_run(load_scenario(scenario, [*LARGER[scenario], "plots=false"]), folder)
    else:
        folder = run_of(scenario).run.directory
    write_report([folder], page)
    return page


SCHEMES = quick({"three-communities"}, [*SHORT, *LARGER])
OPENED = """
    document.querySelectorAll('details').forEach((fold) => { fold.open = true; });
    hmesh.again();
"""


# The quick test of `test_report_page` looks at all parts of one page.
@pytest.mark.slow
@pytest.mark.parametrize("scenario", [*SHORT, *LARGER])
def test_every_part_meets_the_guidelines_of_accessibility(browser: Browser, scenario: str) -> None:
    path = report_of(scenario)
    assert path.stat().st_size < A_DAY
    visit = opened(browser, path)
    # Tables that scroll have more to fulfil.
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.run(OPENED)
    visit.page.wait_for_timeout(500)
    found = Axe().run(visit.page, options={"runOnly": GUIDELINES}).response
    wrong = [
        f"{rule['id']}: {node['html'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    visit.check(path)
    visit.page.context.close()
    assert len(found["passes"]) > 20
    assert wrong == []


SEEN = """(selector) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.left >= 0
    && box.bottom <= window.innerHeight && box.right <= window.innerWidth;
}"""
COVERED = """() => hmesh.overviews.flatMap(({ at, radius, stage }) => {
  const box = stage.getBoundingClientRect();
  return [...stage.querySelectorAll('.zoom button')].flatMap((button) => {
    const { left, top, right, bottom } = button.getBoundingClientRect();
    return at.filter(([x, y]) => Math.hypot(
      Math.max(left - box.left - x, 0, x + box.left - right),
      Math.max(top - box.top - y, 0, y + box.top - bottom),
    ) < radius);
  });
})"""


@pytest.mark.parametrize("scenario", SCHEMES)
def test_the_first_screen_has_the_finding_and_covers_nothing(
    browser: Browser, scenario: str
) -> None:
    path = report_of(scenario)
    visit = opened(browser, path)
    visit.show("outcome")
    for width, height in ((1440, 900), (390, 844)):
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.page.wait_for_timeout(300)
        for selector in (".lead", "table.gains"):
            assert visit.run(SEEN, selector), (selector, width)
        assert visit.run(COVERED) == [], width
        if width == 1440:
            if visit.run("hmesh.overviews.length"):
                assert visit.run(SEEN, '[data-part="overview"] canvas')
            every_column_is_seen(visit)
    visit.check(path)
    visit.page.context.close()


def every_column_is_seen(visit: Visit) -> None:
    """A screen is wide enough for the summary of as many strategies as are described in full."""
    table = "document.querySelector('.outcome > .scroll, .stacked > .scroll')"
    many = visit.run("hmesh.runs[0].strategies.length > 4")
    assert many or visit.run(f"{table}.scrollWidth <= {table}.clientWidth")


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("width", [300, 340, 380, 600])
def test_buttons_cover_no_community_at_any_width(browser: Browser, width: int) -> None:
    visit = opened(browser, report_of("three-communities"))
    visit.page.set_viewport_size({"width": width, "height": 844})
    visit.page.wait_for_timeout(300)
    assert visit.run(COVERED) == []
    visit.page.context.close()
