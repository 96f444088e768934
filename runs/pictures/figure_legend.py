"""The legend of a figure: rows of entries as wide as its sheet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hmesh.runs.pictures.text_width import EDGE_IN, lines_within, width_in

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

# Height of a row and of each further line [in], and size of the letters [pt].
LEGEND_IN, LEGEND_LINE_IN, LEGEND_PT = 0.25, 0.17, 10.0
# What an entry has beside its words: its sign, and the room to the next one [in].
SIGN_IN, BETWEEN_IN = 0.36, 0.23


def legend_rows(entries: "Sequence[Artist]", sheet_in: float) -> "list[list[Artist]]":
    """Break a legend into rows as wide as the sheet, and labels that are wider into lines."""
    rows: list[list[Artist]] = []
    room = 0.0
    for entry in entries:
        lines = lines_within(str(entry.get_label()), sheet_in - 2 * EDGE_IN - SIGN_IN, LEGEND_PT)
        entry.set_label("\n".join(lines))
        width = SIGN_IN + max((width_in(line, LEGEND_PT) for line in lines), default=0.0)
        if not rows or width > room:
            rows.append([])
            room = sheet_in - 2 * EDGE_IN
        rows[-1].append(entry)
        room -= width + BETWEEN_IN
    return rows


def row_in(row: "Sequence[Artist]") -> float:
    """Return the height of a row of a legend [in]."""
    return LEGEND_IN + LEGEND_LINE_IN * max(str(entry.get_label()).count("\n") for entry in row)


def write_legend(
    figure: "Figure", row: "Sequence[Artist]", corner: tuple[float, float], size: float
) -> None:
    """Write a row of a legend from its upper left corner [-], in letters of a size [pt]."""
    figure.legend(
        handles=row, loc="upper left", bbox_to_anchor=corner, ncols=len(row), handlelength=1.8,
        columnspacing=1.6, borderaxespad=0, fontsize=size,
    )  # fmt: skip
