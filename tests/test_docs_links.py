"""Links between pages of the documentation, without a build, which the slow tests make."""

import re
from functools import cache
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
# These pages are made from docstrings, and others include files.
MADE = ("reference/", "contributing.md")


def prose(page: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: str) -> frozenset[str]:
    """Return the anchors of the headings of a page, as the build makes them."""
    found = set(re.findall(r'(?:\{ ?#|id=")([\w-]+)', prose(page)))
    for heading in re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
        found.add(slugify(re.sub(r"\{.*\}", "", plain), "-"))
    return frozenset(found)


def broken(page: str) -> list[str]:
    """Return the links of a page that lead to no page, file or heading."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        target, _, anchor = link.partition("#")
        if re.match(r"https?:", link):
            continue
        path = (DOCS / page).parent / target if target else DOCS / page
        name = path.resolve().relative_to(DOCS).as_posix()
        headed = not anchor or path.suffix != ".md" or anchor in anchors(name)
        if not name.startswith(MADE) and not (path.exists() and headed):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_pages_and_headings_that_exist(page: str) -> None:
    assert broken(page) == []


def test_a_link_to_a_heading_that_is_gone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# Here\n[a](#here) [b](#gone) [c](results.md#summaryjson) [d](none.md)\n"
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda p, **_: text if p.name == "terms.md" else read(p, "utf-8")
    )
    anchors.cache_clear()
    assert broken("terms.md") == ["#gone", "none.md"]
    anchors.cache_clear()
