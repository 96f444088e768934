"""What an audit found: one line for each thing checked, with the worst case and its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.calendar import Calendar

if TYPE_CHECKING:
    from rich.table import Table

type Label = Callable[[tuple[int, ...]], str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes
    ----------
    name : str
        What should hold.
    passed : bool or None
        Whether it does; None where the results do not hold what the check needs.
    largest : float
        Largest deviation; NaN where nothing was compared.
    tolerance : float
        Deviation up to which it holds.
    unit : str
        Unit of both.
    where : str
        Where the largest deviation is.
    note : str
        What else a reader should know.
    failed_steps : tuple of int
        Steps in which it does not hold, ascending.
    by_design : bool
        Whether it does not apply because a plugin decides otherwise on purpose.
    not_covered : tuple of str
        Places of the results that neither it nor another check judges: a column of a table, a
        figure of the summary or a key of run.json, such as `run.versions`.
    """

    name: str
    passed: bool | None
    largest: float
    tolerance: float
    unit: str
    where: str = ""
    note: str = ""
    failed_steps: tuple[int, ...] = ()
    by_design: bool = False
    not_covered: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The outcome in a word or two."""
        if self.by_design:
            return "by design"
        return "not made" if self.passed is None else "ok" if self.passed else "FAILED"

    @property
    def comparison(self) -> str:
        """The largest deviation beside its tolerance."""
        if np.isnan(self.largest):
            return ""
        sign = "<=" if self.largest <= self.tolerance else ">"
        return f"{self.largest:.2g} {sign} {self.tolerance:.2g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit of a run found.

    Attributes
    ----------
    directory : Path
        The folder of the run.
    checks : tuple of Check
        Everything that was checked.
    """

    directory: Path
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(check.name for check in self.checks if check.passed is False)

    @property
    def not_covered(self) -> tuple[str, ...]:
        """Places of the results that no check judges."""
        return tuple(dict.fromkeys(place for each in self.checks for place in each.not_covered))

    @property
    def limits(self) -> str:
        """What no check judges, in a line; "" where that is nothing."""
        return f"not covered: {', '.join(self.not_covered)}" if self.not_covered else ""

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        made = [check for check in self.checks if check.passed is not None]
        by_design = sum(check.by_design for check in self.checks)
        left_out = len(self.checks) - len(made) - by_design
        wording = f"{len(made) - len(self.failed)} of {len(made)} checks hold"
        wording += f", {left_out} could not be made" if left_out else ""
        return wording + (f", {by_design} by design" if by_design else "")

    def lines(self) -> list[str]:
        """Return the report as plain text, a line for each check."""
        width = max((len(check.name) for check in self.checks), default=0)
        rows = [
            f"{check.verdict:<8}  {check.name:<{width}}  "
            + "; ".join(filter(None, (check.comparison, check.where, check.note)))
            for check in self.checks
        ]
        limits = [self.limits] if self.limits else []
        return [f"{self.directory}: {self.verdict}", *(row.rstrip() for row in rows), *limits]

    def table(self) -> "Table":
        """Return the report as a table for the terminal."""
        from rich.table import Table
        from rich.text import Text

        title = f"{self.directory}: {self.verdict}"
        limits = Text(self.limits) if self.limits else None
        table = Table(
            title=Text(title), title_justify="left", caption=limits, caption_justify="left"
        )
        for heading in ("check", "", "largest deviation", "where and why"):
            # Long names go on in the next line.
            table.add_column(heading, overflow="fold")
        colours = {"ok": "green", "FAILED": "bold red", "not made": "yellow", "by design": "cyan"}
        for check in self.checks:
            table.add_row(
                Text(check.name),
                Text(check.verdict, style=colours[check.verdict]),
                Text(check.comparison),
                Text("; ".join(filter(None, (check.where, check.note)))),
            )
        return table

    def __rich__(self) -> "Table":
        """Return what a rich console prints."""
        return self.table()


@dataclass(frozen=True, slots=True)
class Places:
    """Names the place of a number in a table.

    Attributes
    ----------
    calendar : Calendar
        The calendar of the run.
    strategies : sequence of str
        The strategies of the run.
    """

    calendar: Calendar
    strategies: Sequence[str]

    def step(self, step: int) -> str:
        """Name a step."""
        return f"step {step} ({self.calendar.time_of(step):%Y-%m-%d %H:%M})"

    def label(
        self,
        items: Sequence[str] | str = "",
        first_step: int = 0,
        strategies: Sequence[str] | None = None,
    ) -> Label:
        """Return what names the place of a number in an array of (steps, strategies, items).

        Parameters
        ----------
        items : str or sequence of str, optional
            Names along the last axis, or one word that goes before their number.
        first_step : int, optional
            The step at the start of the first axis.
        strategies : sequence of str, optional
            Names along the second axis, those of the run unless given.
        """
        names = self.strategies if strategies is None else strategies

        def wording(place: tuple[int, ...]) -> str:
            parts = [self.step(first_step + place[0])]
            if len(place) > 1:
                parts.append(names[place[1]])
            if len(place) > 2:
                item = place[2]
                parts.append(f"{items} {item}" if isinstance(items, str) else items[item])
            return ", ".join(parts)

        return wording


@dataclass(slots=True)
class Tally:
    """Gathers the deviations of one check as they are met.

    Attributes
    ----------
    name, tolerance, unit : str, float, str
        As in `Check`.
    values, wrong : int
        How many numbers were compared, and how many differ by more than the tolerance.
    """

    name: str
    tolerance: float
    unit: str = ""
    values: int = 0
    wrong: int = 0
    _largest: float = float("nan")
    _where: str = ""
    _steps: set[int] = field(default_factory=set)
    _notes: list[str] = field(default_factory=list)

    def add(
        self,
        deviation: NDArray[Any],
        label: Label,
        first_step: int | None = 0,
    ) -> None:
        """Take in deviations.

        Parameters
        ----------
        deviation : array
            At least 0, of any shape; NaN counts as infinite, since it compares with nothing.
        label : callable
            Names the place of a deviation by its indices.
        first_step : int, optional
            The step at the start of the first axis, None where that axis is no time.
        """
        if deviation.size == 0:
            return
        off = np.where(np.isnan(deviation), np.inf, deviation)
        place = np.unravel_index(int(np.argmax(off)), off.shape)
        largest = float(off[place])
        if self.values == 0 or largest > self._largest:
            self._largest = largest
            self._where = label(tuple(int(index) for index in place)) if largest > 0 else ""
        self.values += off.size
        if largest > self.tolerance:
            wrong = np.nonzero(off > self.tolerance)
            self.wrong += len(wrong[0])
            if first_step is not None:
                self._steps.update((np.unique(wrong[0]) + first_step).tolist())

    def note(self, note: str) -> None:
        """Add a note, once, where there is one."""
        if note and note not in self._notes:
            self._notes.append(note)

    def check(self) -> Check:
        """Return what was found."""
        notes = list(self._notes)
        if self.wrong:
            notes.insert(0, f"{self.wrong:,} of {self.values:,} are off")
        return Check(
            self.name,
            None if self.values == 0 else self.wrong == 0,
            self._largest,
            self.tolerance,
            self.unit,
            self._where,
            "; ".join(notes) or ("" if self.values else "there is nothing to check"),
            tuple(sorted(self._steps)),
        )


def relative(value: NDArray[Any], expected: NDArray[Any], least: float = 1.0) -> NDArray[Any]:
    """Return how far values are off, as a share of the larger of both.

    Parameters
    ----------
    value, expected : array
        What stands in the results and what should (shapes that broadcast).
    least : float, optional
        What is small enough to be stated as it is.

    Returns
    -------
    array
        Shares [-], infinite where either is no finite number.
    """
    scale = np.maximum(np.maximum(np.abs(value), np.abs(expected)), least)
    return _shares(value, expected, scale)


def off_balance(
    value: NDArray[Any], taken: NDArray[Any], given: NDArray[Any], least: float = 1.0
) -> NDArray[Any]:
    """Return how far values are from what is taken less what is given, as a share of what moves.

    What is left of two large sums is as uncertain as they are, however little it is.

    Parameters
    ----------
    value : array
        What stands in the results.
    taken, given : array
        What should make it up, at least 0 (shapes that broadcast).
    least : float, optional
        What is small enough to be stated as it is.

    Returns
    -------
    array
        Shares [-], infinite where one of them is no finite number.
    """
    moved = np.maximum(np.abs(taken) + np.abs(given), np.maximum(np.abs(value), least))
    return _shares(value, taken - given, moved)


def _shares(value: NDArray[Any], expected: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    """Return differences as shares of a scale, infinite where that is no finite number."""
    # A scenario without a solution has an infinite cost, which nothing that is stated equals.
    finite = np.isfinite(scale)
    if finite.all():
        return np.asarray(np.abs(value - expected) / scale)
    off = np.subtract(value, expected, out=np.zeros(finite.shape), where=finite)
    return np.asarray(
        np.divide(np.abs(off), scale, out=np.full(finite.shape, np.inf), where=finite)
    )
