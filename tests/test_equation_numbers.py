"""Equation numbers of the dissertation, wherever a page or a docstring names one."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("environment", "markets", "agents", "runs")
PAGES = ("docs/models/three-level-price-game.md", "docs/models/school-buses.md")

# What each equation of chapters 4 and 5 is about: what a line or docstring that names it must say.
EQUATIONS = {
    "4.2": r"convexity",
    "4.3": r"quadratic.*cost|cost.*quadratic",
    "4.4": r"cost per kWh",
    "4.8": r"J\(p\)|additional cost|C\(D_peak",
    "4.11": r"energy per bus",
    "4.16": r"usable energy|above the lowest",
    "4.17": r"payoff",
    "4.19": r"p_avg|average",
    "4.20": r"satisfaction",
    "4.21": r"satisfaction",
    "4.22": r"psi|satisfaction",
    "4.26": r"responses held constant",
    "4.27": r"responses held constant",
    "4.28": r"theta x",
    "4.29": r"x(\(p\))? = E \+ \(p - p_avg - (lambda|lam)\)",
    "4.35": r"J\(p\)|C\(D_peak",
    "4.36": r"D_peak",
    "5.1": r"vehicle",
    "5.2": r"bounds|satisfaction",
    "5.3": r"vehicle",
    "5.4": r"aggregator",
    "5.6": r"aggregator",
    "5.8": r"utility",
    "5.10": r"C\(D\)|cost",
    "5.12": r"followers held fixed",
    "5.14": r"followers held fixed",
    "5.16": r"vehicle|x\(p\)|exchange|batteries want",
    "5.20": r"aggregator|price|sums of their parameters",
    "5.21": r"second derivative",
    "5.22": r"`L / \(2 A\)`|plus `E`",
    "5.24": r"inelastic load",
    "5.25": r"index of time",
    "5.28": r"inelastic load",
    "5.29": r"total demand|inelastic load",
    "5.30": r"profit|price",
    "5.32": r"utility",
    "5.33": r"profit|price",
}
NUMBER = re.compile(r"\(([45]\.\d+)\)")
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)


def citations() -> Iterator[tuple[str, str, str]]:
    """Yield the place, the number and the words around it: a line of a page, or a docstring."""
    for page in PAGES:
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
            for number in NUMBER.findall(line):
                yield page, number, line
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for docstring in DOCSTRING.findall(path.read_text(encoding="utf-8")):
                for number in NUMBER.findall(docstring):
                    yield str(path.relative_to(ROOT)), number, docstring


def is_an_example(words: str) -> bool:
    return "Numbers in parentheses, such as" in words


def test_every_equation_that_is_named_is_about_what_is_said_there() -> None:
    found = [cited for cited in citations() if not is_an_example(cited[2])]
    assert {number for _, number, _ in found} == set(EQUATIONS)
    for place, number, words in found:
        flat = " ".join(words.split())
        assert re.search(EQUATIONS[number], flat, re.IGNORECASE), f"{place}: ({number}) in {flat}"


def test_the_payoffs_are_not_cited_by_the_conditions_of_equilibrium() -> None:
    game = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    payoffs = re.findall(r"^(?:utility|aggregator|vehicle) +[UPV](?:_m|_n)?\([qpx]\).*", game, re.M)
    cited = [NUMBER.findall(line) for line in payoffs]
    assert cited == [["5.8", "5.10"], ["5.4", "5.6"], ["5.1", "5.3"]]
