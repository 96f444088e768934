"""Two or more runs side by side: what differs in their scenarios and in their results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hmesh.environment.errors import InputError, Problem, refuse_all
from hmesh.runs.number_text import change
from hmesh.runs.results.run_reader import Run, read_run
from hmesh.runs.schemes.registry import figures_of_schemes
from hmesh.runs.strategy_names import strategy_name
from hmesh.runs.summary_rows import Totals
from hmesh.runs.sweeps.plan_differences import flat, value_text, without_places

if TYPE_CHECKING:
    from rich.table import Table

_LONGEST_CELL = 32
_NOT_GIVEN = "-"
# Beside the figures of schemes: key, axis, and what it is called within a sentence.
_FIRST = (
    ("peak_kw", "peak [kW]", "the peak"),
    ("par", "peak to average [-]", "the peak-to-average ratio"),
)
_LAST = (
    ("generation_cost", "generation cost [{currency}]", "the cost of generation"),
    ("utility_profit", "utility's profit [{currency}]", "the utility's profit"),
)


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure by which runs are compared: key of the summary, axis, and name in a sentence."""

    key: str
    axis: str
    title: str


@dataclass(frozen=True)
class ComparedRuns:
    """Runs side by side.

    Attributes
    ----------
    names : tuple of str
        What each is called: its folder, with as much of its path as states them apart.
    runs : tuple of Run
        The runs.
    strategies : tuple of str
        The strategies that all of them have, in the order of the first.
    """

    names: tuple[str, ...]
    runs: tuple[Run, ...]
    strategies: tuple[str, ...]

    @property
    def currency(self) -> str:
        """The currency of all of them."""
        return str(self.runs[0].info["currency"])

    def totals(self, strategy: str) -> list[Totals]:
        """Return the totals of each run under a strategy."""
        return [run.totals(strategy) for run in self.runs]

    def differences(self) -> dict[str, tuple[str, ...]]:
        """Return the keys in which the scenarios differ, with the value of each run in words."""
        given = [flat(without_places(run.info["scenario"])) for run in self.runs]
        found: dict[str, tuple[str, ...]] = {}
        for key in dict.fromkeys(key for each in given for key in each):
            values = [_shown(each[key]) if key in each else _NOT_GIVEN for each in given]
            if any(each.get(key, _NOT_GIVEN) != given[0].get(key, _NOT_GIVEN) for each in given):
                found[key] = tuple(values)
        return found

    def headlines(self) -> list[Headline]:
        """Return the figures that any of the runs has."""
        of_schemes = [(f.key, f.axis, f.title) for f in figures_of_schemes() if f.axis]
        first = [run.totals(self.strategies[0]) for run in self.runs]
        return [
            Headline(key, axis.format(currency=self.currency), title)
            for key, axis, title in (*_FIRST, *of_schemes, *_LAST)
            if any(_number(totals.get(key)) is not None for totals in first)
        ]

    def value(self, headline: Headline, strategy: str) -> list[float | None]:
        """Return a figure of each run under a strategy, None where it has none."""
        return [_number(totals.get(headline.key)) for totals in self.totals(strategy)]

    def finding(self) -> str:
        """Return the largest change between the first and the last run, in words."""
        lines: list[tuple[float, str]] = []
        last = self.strategies[-1]
        for headline in self.headlines():
            values = self.value(headline, last)
            before, after = values[0], values[-1]
            if moved := change(after, before):
                assert before is not None
                assert after is not None
                verb = "higher" if after > before else "lower"
                size = moved.lstrip("+-")
                lines.append((abs(after / before - 1.0), f"{headline.title} is {size} {verb}"))
        if not lines:
            return f"{self.names[-1]} and {self.names[0]} differ in no figure of {last}"
        texts = [text for _, text in sorted(lines, key=lambda pair: -pair[0])[:2]]
        return (
            f"Under {strategy_name(last)} {' and '.join(texts)} "
            f"in {self.names[-1]} than in {self.names[0]}"
        )

    def notes(self) -> Iterator[str]:
        """Yield what a reader of the comparison must know."""
        hours = [float(run.info["scenario"]["hours"]) for run in self.runs]
        if len(set(hours)) > 1:
            lines = ", ".join(f"{each:g} h" for each in hours)
            yield f"the runs have different lengths ({lines}): sums do not compare"
        if len({run.info["seed"] for run in self.runs}) > 1:
            yield "the runs have different seeds: differences may be chance; hmesh sweep --seeds"
        for name, run in zip(self.names, self.runs, strict=True):
            if more := [s for s in run.info["scenario"]["strategies"] if s not in self.strategies]:
                yield f"not all runs have what {name} has under {', '.join(more)}"


def compare_runs(directories: Sequence[Path | str]) -> ComparedRuns:
    """Read runs that are compared.

    Parameters
    ----------
    directories : sequence of Path or str
        The folders of two or more finished runs.

    Raises
    ------
    InputError
        Every folder that holds no finished run, and runs that cannot be compared.
    """
    if len(directories) < 2:
        message = "one run has nothing to be compared with"
        raise InputError([Problem("DIR", message, "the folders of two or more runs")])
    problems: list[Problem] = []
    runs: list[Run] = []
    for number, directory in enumerate(directories):
        if Path(directory).resolve() in [Path(each).resolve() for each in directories[:number]]:
            problems.append(Problem(str(directory), "is named twice", "each run once"))
            continue
        try:
            run = read_run(directory)
        except InputError as error:
            problems += error.problems
            continue
        if not run.complete:
            message = "this run is not finished"
            problems.append(Problem(str(directory), message, f"hmesh resume {directory} first"))
        runs.append(run)
    refuse_all(problems)
    currencies = [run.info["currency"] for run in runs]
    if len(set(currencies)) > 1:
        message = f"the runs are in {', '.join(dict.fromkeys(currencies))}"
        raise InputError([Problem("DIR", message, "runs of one currency")])
    every = [run.info["scenario"]["strategies"] for run in runs]
    shared = tuple(name for name in every[0] if all(name in names for names in every))
    if not shared:
        lines = "; ".join(", ".join(names) for names in every)
        raise InputError(
            [Problem("DIR", f"the runs share no strategy: {lines}", "one that all have")]
        )
    return ComparedRuns(_names(runs), tuple(runs), shared)


def difference_table(compared: ComparedRuns) -> "Table | None":
    """Return the keys in which scenarios differ, a column for each run; None where none does."""
    from rich.text import Text

    from hmesh.runs.wide_table import WideTable

    differences = compared.differences()
    if not differences:
        return None
    table = WideTable()
    table.add_column("")
    for name in compared.names:
        table.add_column(name, justify="right")
    for key, values in differences.items():
        table.add_row(Text(key), *(Text(value) for value in values))
    return table


def rows_of(compared: ComparedRuns) -> list[dict[str, Any]]:
    """Return every number, a row for each strategy and figure, a column for each run."""
    rows = []
    for strategy in compared.strategies:
        numbers = [dict(_numbers(totals)) for totals in compared.totals(strategy)]
        for key in sorted(dict.fromkeys(key for each in numbers for key in each)):
            values = {
                name: each.get(key) for name, each in zip(compared.names, numbers, strict=True)
            }
            rows.append({"strategy": strategy, "quantity": key, **values})
    return rows


def _numbers(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for key, part in value.items():
        if isinstance(part, Mapping):
            yield from _numbers(part, f"{above}{key}.")
        elif (number := _number(part)) is not None:
            yield f"{above}{key}", number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value


def _shown(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 3]}..."


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the last parts of the paths of runs, as many as state them apart."""
    paths = [run.directory.resolve().parts for run in runs]
    for count in range(1, max(map(len, paths)) + 1):
        names = tuple("/".join(parts[-count:]) for parts in paths)
        if len(set(names)) == len(names):
            return names
    return tuple(str(run.directory) for run in runs)
