"""The size of the sheets that figures are drawn on, where a person asks for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from hmesh.environment.errors import InputError, Problem

# Narrower panels show nothing; lower ones than this share of what suits them write rows over rows.
LEAST_PANEL_IN = 0.7
LEAST_HEIGHT = 0.6

# A column and a page of a journal of two columns [in].
COLUMN_IN, PAGE_IN = 3.5, 7.16
# Panels beside each other that would be narrower stand below each other where the height is free.
LEAST_BESIDE_IN = 1.5
# Room between columns of panels, as a share of a panel.
BETWEEN_COLUMNS = 0.25

# Width and height [in]; without a height that which suits each sheet, without both any size.
type SizeIn = tuple[float, float | None] | None

_size_in: ContextVar[SizeIn] = ContextVar("size_in", default=None)


def asked_size_in() -> SizeIn:
    """Return width and height that `drawn_at` asks for [in]."""
    return _size_in.get()


def stacked(size_in: SizeIn, panels: tuple[int, int], beside_in: float) -> bool:
    """Return whether a row of panels stands as a column, for which the sheet is too narrow.

    Parameters
    ----------
    size_in : (float, float or None), or None
        Width and height of the sheet [in].
    panels : (int, int)
        Rows and columns of panels.
    beside_in : float
        Room beside the panels [in].
    """
    rows, columns = panels
    if size_in is None or size_in[1] is not None or rows > 1 or columns == 1:
        return False
    return panel_width_in(size_in[0], columns, beside_in) < LEAST_BESIDE_IN


def panel_width_in(width_in: float, columns: int, beside_in: float) -> float:
    """Return the width of each of the panels beside each other [in].

    Parameters
    ----------
    width_in : float
        Width of the sheet [in].
    columns : int
        How many panels there are.
    beside_in : float
        Room beside all of them [in].
    """
    return (width_in - beside_in) / (columns + BETWEEN_COLUMNS * (columns - 1))


@contextmanager
def drawn_at(size_in: SizeIn) -> Iterator[None]:
    """Draw sheets of a given width and height [in], or of those that suit each.

    Letters keep their size; the panels take the room that is left.
    """
    before = _size_in.set(size_in)
    try:
        yield
    finally:
        _size_in.reset(before)


def refuse_no_room(
    size_in: tuple[float, float],
    panels: tuple[int, int],
    panel_height_in: float,
    usual_height_in: float,
    beside_in: float,
) -> None:
    """Refuse a sheet whose panels would be too small to show anything.

    Parameters
    ----------
    size_in : (float, float)
        Width and height of the sheet [in].
    panels : (int, int)
        Rows and columns of panels.
    panel_height_in : float
        Height that is left for each panel [in].
    usual_height_in : float
        Height that suits a panel [in].
    beside_in : float
        Room beside the panels [in].

    Raises
    ------
    InputError
        When they are, with a size that would do.
    """
    rows, columns = panels
    each_in = panel_width_in(size_in[0], columns, beside_in)
    lacking_in = (
        (LEAST_PANEL_IN - each_in) * (columns + BETWEEN_COLUMNS * (columns - 1)),
        (LEAST_HEIGHT * usual_height_in - panel_height_in) * rows,
    )
    if max(lacking_in) <= 0:
        return
    # A wider sheet needs fewer lines of title and legend; the height is that of this width.
    least = [
        np.ceil(10 * (size + max(lacking, 0.0))) / 10
        for size, lacking in zip(size_in, lacking_in, strict=True)
    ]
    message = f"{size_in[0]:g} by {size_in[1]:g} in leaves no room for the panels"
    allowed = f"{least[0]:g} by {least[1]:g} in or larger"
    raise InputError([Problem("--size", message, allowed)])
