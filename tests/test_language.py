"""The words of the field in everything that a person reads, and none of the idioms they replace.

`IDIOMS` maps each idiom to what to write instead. It stands here and not in a linter, since it
holds for prose in code, documentation, notebooks and messages alike.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IDIOMS = {
    r"tell|tells|told|telling": "report, show, state, warn, print, return",
    r"anew": "again, independently",
    r"whoever": "a member that, anyone who",
    r"hangs? on|hanging on": "depends on",
    r"lived|live through|lives through": "simulate, run one step",
    r"came to|comes? to|coming to": "amounts to, reaches, results in",
    r"became of|c[ao]me of": "the outcome of",
    r"out of reach": "not reached, infeasible",
    r"left aside": "ignored",
    r"held against|stands? beside": "compared with, checked against, beside",
    r"never was": "an uninterrupted run",
    r"as dear|dear|dearer|dearest": "expensive, the upper price bound",
    r"fall of satisfaction": "slope of marginal utility",
    r"fixed loads?|passive loads?": "inelastic load",
}
# Clumsy too, but here and there the plainest way to say it; the first pages do without.
CLUMSY = r"of (?:its|your|their) own"
FIRST_PAGES = ("README.md", "CONTRIBUTING.md", "docs/index.md", "docs/quick-start.md")
FOLDERS = ("agents", "environment", "markets", "runs", "tests", "benchmarks", "docs", "notebooks")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
KINDS = (".py", ".pyi", ".md", ".html", ".js", ".vue", ".yaml", ".ipynb")
# Idioms that names of functions, classes, arguments and variables were made of.
RIDDLES = r"(?<![a-z])(?:tell|told|lived|anew|whoever|live_through|c[ao]mes?_to)(?![a-z])"
NAMING = ("agents", "environment", "markets", "runs")


def files(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in KINDS and path != Path(__file__) and "__pycache__" not in path.parts:
            yield path


def words(path: Path) -> str:
    """Return the text of a file; of a program all that is not a number or an operator."""
    text = path.read_text(encoding="utf-8")
    if path.suffix not in (".py", ".pyi"):
        return re.sub(r'"image/png": "[^"]*"', "", text)
    kinds = (tokenize.NUMBER, tokenize.OP)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return " ".join(token.string for token in tokens if token.type not in kinds)


def names(source: str) -> set[str]:
    """Return all names in a program."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@pytest.mark.parametrize("place", [*FOLDERS, *PAGES])
def test_prose_uses_the_words_of_the_field(place: str) -> None:
    paths = [ROOT / place] if place in PAGES else list(files(place))
    assert paths
    found = []
    for path in paths:
        text = re.sub(r"\s+(?:#\s+)?", " ", words(path))
        for idiom, instead in IDIOMS.items():
            for match in re.finditer(rf"\b(?:{idiom})\b", text, re.IGNORECASE):
                around = text[max(match.start() - 30, 0) : match.end() + 30]
                found.append(f"{path.relative_to(ROOT)}: ...{around}... write: {instead}")
    assert found == [], "\n".join(found[:20])


@pytest.mark.parametrize("folder", NAMING)
def test_names_are_the_words_of_the_field(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(folder)
        if path.suffix == ".py"
        for name in sorted(names(path.read_text(encoding="utf-8")))
        if re.search(RIDDLES, name)
    ]
    assert found == []


@pytest.mark.parametrize("name", FIRST_PAGES)
def test_the_first_pages_are_plain(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert re.findall(rf"[^.]*\b(?:{CLUMSY})\b[^.]*", prose, re.IGNORECASE) == []
