"""What a study found: tables and sentences, shown in a terminal or saved as files."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Self

from hmesh.environment.safe_files import beside, own_folder, write_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table

type Cell = str | float | int | bool | None

SCHEMA = 1
WIDTH = 100
# Longest text that is not broken into lines.
SHORT = 34
# Between columns.
GAP = 2
# Neighbours differ in lightness and hatches, curves in marks and dashes, so that they survive grey.
COLOURS = ("#332288", "#E69F00", "#0072B2", "#88CCEE", "#D55E00", "#AA4499")
HATCHES = ("", "", "///", "...", "xxx", "---")
MARKS, STROKES = ("o", "s", "^", "D", "v", "P"), ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Its head, with the unit in brackets where there is one.
    form : str
        How its numbers are shown, as in `format`.
    """

    name: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """How a table is drawn: for each row one bar of every value, or one point of every curve.

    Attributes
    ----------
    label : str
        Column that names the bars, or holds the numbers against which curves are drawn.
    values : tuple of str
        Columns that are drawn.
    axis : str
        What the values are, with their unit.
    curves : bool
        Whether they are drawn as curves.
    """

    label: str
    values: tuple[str, ...]
    axis: str
    curves: bool = False


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of a report: a table, and what it says.

    Attributes
    ----------
    name : str
        Name of its file.
    title : str
        Its heading.
    columns : tuple of Column
        Columns of the table; none where there is no table.
    rows : tuple of tuple
        Rows of the table, one cell for each column.
    text : tuple of str
        Paragraphs below the table.
    bars : Bars, optional
        How the table is drawn.
    """

    name: str
    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    text: tuple[str, ...] = ()
    bars: Bars | None = None

    def __post_init__(self) -> None:
        if len({column.name for column in self.columns}) < len(self.columns):
            raise ValueError(f"{self.name}: two columns of one name")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: {len(row)} cells in {len(self.columns)} columns")

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column, from the first row to the last."""
        at = [column.name for column in self.columns].index(name)
        return [row[at] for row in self.rows]

    def frame(self) -> "pd.DataFrame":
        """Return the table for further study."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=[column.name for column in self.columns])

    def table(self, room: int = WIDTH) -> "Table":
        """Return the table for a terminal with room for so many characters."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for at, (column, width) in enumerate(zip(self.columns, self._widths(room), strict=True)):
            words = any(isinstance(row[at], str) for row in self.rows)
            table.add_column(Text(column.name), justify="left" if words else "right", width=width)
        for row in self.rows:
            both = zip(row, self.columns, strict=True)
            table.add_row(*(Text(shown(cell, column.form)) for cell, column in both))
        return table

    def _widths(self, room: int) -> list[int]:
        """Return widths that break heads between words but keep numbers whole, and names if so."""
        room -= GAP * (len(self.columns) - 1)
        widths, wanted = self._least_and_wanted(SHORT)
        if sum(widths) > room:
            widths, _ = self._least_and_wanted(0)
        for _ in range(min(room, sum(wanted)) - sum(widths)):
            lacking = [want / width for want, width in zip(wanted, widths, strict=True)]
            widths[lacking.index(max(lacking))] += 1
        return widths

    def _least_and_wanted(self, short: int) -> tuple[list[int], list[int]]:
        """Return the least widths, longer texts than ``short`` broken, and those that fit all."""
        least, wanted = [], []
        for at, column in enumerate(self.columns):
            cells = [shown(row[at], column.form) for row in self.rows]
            widest = max(map(len, cells), default=0)
            breakable = column.name.split() + (" ".join(cells).split() if widest > short else cells)
            least.append(max(map(len, breakable)))
            wanted.append(max(widest, len(column.name)))
        return least, wanted


@dataclass(frozen=True, slots=True)
class StudyReport:
    """What a study found.

    Attributes
    ----------
    name : str
        Name of the study.
    title : str
        What was compared with what.
    passed : bool
        Whether everything was reproduced that the study holds for reproducible.
    verdict : str
        That in a sentence.
    sections : tuple of ReportSection
        Its parts.
    """

    name: str
    title: str
    passed: bool
    verdict: str
    sections: tuple[ReportSection, ...]

    def section(self, name: str) -> ReportSection:
        """Return the section of a name."""
        return {section.name: section for section in self.sections}[name]

    def render(self, room: int = WIDTH) -> "Group":
        """Return the report for a terminal with room for so many characters."""
        from rich.console import Group
        from rich.constrain import Constrain

        return Group(*(Constrain(part, room) for part in self._parts(room)))

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> Iterator["RenderableType"]:
        yield self.render(min(WIDTH, options.max_width))

    def _parts(self, room: int) -> Iterator["RenderableType"]:
        from rich.text import Text

        yield Text(self.title, style="bold")
        for number, section in enumerate(self.sections, start=1):
            yield Text(f"\n{number}. {section.title}\n", style="bold")
            if section.columns:
                yield section.table(room)
            for paragraph in section.text:
                yield Text(f"\n{paragraph}")
        yield Text(f"\n{self.name}: {self.verdict}", style="bold")

    def to_json(self) -> str:
        """Return the report as JSON; `from_json` reads it back."""
        return json.dumps(self._plain(), indent=2, ensure_ascii=False, allow_nan=False)

    def _plain(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the report that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is not such a report.
        """
        plain = json.loads(text)
        if plain.pop("schema", None) != SCHEMA:
            raise ValueError(f"not a report of schema {SCHEMA}")
        sections = tuple(section_of(section) for section in plain.pop("sections"))
        return cls(**plain, sections=sections)

    def save(self, directory: Path | str) -> list[Path]:
        """Write the report as report.json, its tables as CSV and its drawings as PNG.

        Parameters
        ----------
        directory : Path or str
            Made where it is not there; files of the same names are replaced.

        Returns
        -------
        list of Path
            What was written.

        Raises
        ------
        InputError
            If the directory cannot be written to.
        """
        directory = own_folder(Path(directory), make=True)
        written = [directory / "report.json"]
        write_json(written[0], self._plain())
        for section in self.sections:
            if section.columns:
                written.append(directory / f"{section.name}.csv")
                with beside(written[-1]) as new:
                    section.frame().to_csv(new, index=False, lineterminator="\n")
            if section.bars:
                written.append(directory / f"{section.name}.png")
                with beside(written[-1]) as new:
                    _draw(section, section.bars, new)
        return written


def shown(cell: Cell, form: str) -> str:
    """Return a cell as it is shown."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return cell if isinstance(cell, str) else format(cell, form)


def section_of(plain: dict[str, Any]) -> ReportSection:
    """Return the section that `dataclasses.asdict` made plain."""
    bars = plain["bars"]
    return ReportSection(
        name=plain["name"],
        title=plain["title"],
        columns=tuple(Column(**column) for column in plain["columns"]),
        rows=tuple(tuple(row) for row in plain["rows"]),
        text=tuple(plain["text"]),
        bars=bars and Bars(**bars | {"values": tuple(bars["values"])}),
    )


def _draw(section: ReportSection, bars: Bars, path: Path) -> None:
    """Draw the bars of a table, its first row on top, or its curves."""
    from matplotlib.figure import Figure

    title = wrap(section.title, 90)
    each = max(0.3, 0.14 * len(bars.values) + 0.06)
    height = (4.5 if bars.curves else 1.2 + each * len(section.rows)) + 0.2 * len(title)
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.add_subplot()
    (_draw_curves if bars.curves else _draw_bars)(axes, section, bars)
    figure.suptitle("\n".join(title), x=0.01, ha="left", fontsize="medium", fontweight="bold")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, format="png", dpi=150)


def _draw_bars(axes: "Axes", section: ReportSection, bars: Bars) -> None:
    import numpy as np

    labels = [str(label) for label in section.column(bars.label)]
    where = np.arange(len(labels))
    height = 0.8 / len(bars.values)
    for at, name in enumerate(bars.values):
        values = [cell if isinstance(cell, int | float) else 0 for cell in section.column(name)]
        axes.barh(
            where + (at - (len(bars.values) - 1) / 2) * height, values, height, label=name,
            color=COLOURS[at % len(COLOURS)], hatch=HATCHES[at % len(HATCHES)],
            edgecolor="white", linewidth=0.4,
        )  # fmt: skip
    axes.set_yticks(where, labels)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(bars.axis)
    axes.margins(y=0.01)


def _draw_curves(axes: "Axes", section: ReportSection, bars: Bars) -> None:
    places = section.column(bars.label)
    for at, name in enumerate(bars.values):
        points = [
            (place, cell)
            for place, cell in zip(places, section.column(name), strict=True)
            if isinstance(cell, int | float)
        ]
        axes.plot(
            *zip(*points, strict=True), marker=MARKS[at % len(MARKS)], markersize=4, label=name,
            color=COLOURS[at % len(COLOURS)], linestyle=STROKES[at % len(STROKES)],
        )  # fmt: skip
    axes.set_xlabel(bars.label)
    axes.set_ylabel(bars.axis)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
